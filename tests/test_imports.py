"""Packages import downwards only."""

import ast

ORDER = [
<<<<<<< HEAD
    "units", "errors", "files", "fields", "config", "structures", "grid", "parallel", "density",
    "dynamics", "engines", "datasets", "descriptors", "model", "evaluation", "learning",
    "inference", "view", "analysis", "studies", "speed", "planning", "cli",
=======
    "units", "errors", "extras", "files", "fields", "config", "structures", "grid", "parallel",
    "density", "dynamics", "engines", "datasets", "descriptors", "model", "evaluation", "learning",
    "inference", "analysis", "studies", "speed", "planning", "cli",
>>>>>>> 30728b3 (Extras: train, dft, mpi, figures; a missing one is told in a sentence; SPARC's API is loaded by its engine alone, through its public functions)
]  # fmt: skip


def test_imports_run_downwards_only(root):
    package = root / "src/rhocast"
    upwards = []
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [name.name for name in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            if modules == ["rhocast"]:
                modules = [f"rhocast.{name.name}" for name in node.names]
            for module in modules:
                parts = module.split(".")
                own = parts[0] == "rhocast" and len(parts) > 1 and parts[1] in ORDER
                if own and ORDER.index(parts[1]) > ORDER.index(room):
                    upwards.append(f"{path.relative_to(package)} imports {module}")
    assert not upwards
    assert {p.name.removesuffix(".py") for p in package.iterdir()} - {
        "__init__",
        "__pycache__",
    } == set(ORDER)
