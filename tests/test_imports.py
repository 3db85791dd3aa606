"""Imports run one way, between rooms and between files; no file is without an owner."""

import ast
from functools import cache
from pathlib import Path

import pytest

from rhocast.cli.main import VERBS
from rhocast.density.formats import FORMATS

ORDER = [
    "units", "errors", "extras", "files", "tables", "memory", "hdf5", "checksums", "checked_field",
    "fields", "config", "structures", "grid", "parallel", "density", "dynamics", "engines",
    "datasets", "descriptors", "model", "evaluation", "learning", "inference", "properties", "view",
    "analysis", "studies", "speed", "planning", "drafting", "workflow", "cli",
]  # fmt: skip

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = SOURCE / "rhocast"

#: What users and the interpreter start with, and what is imported by a name in a table.
ENTRY_POINTS = {
    "rhocast",
    "rhocast.cli.start",
    *(f"rhocast.cli.{module}" for module, _ in VERBS.values()),
    *(f"rhocast.density.formats.{name}" for name in FORMATS),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the package that one imports: at the top, in functions, and for types.

    ``rhocast`` itself is left out: it holds the version, and `load`, which imports when called.
    """
    path = FILES[module]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            within = {f"{node.module}.{name.name}" for name in node.names}
            # A name of a package is a module of its own, or something that its __init__ holds.
            found |= {name if name in FILES else node.module or "" for name in within}
    return frozenset(found & FILES.keys() - {"rhocast"})


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_rooms_are_those_of_the_order():
    assert {path.stem for path in PACKAGE.iterdir()} - {"__init__", "__pycache__"} == set(ORDER)


def test_imports_run_downwards_only():
    upwards = {
        f"{module} imports {other}"
        for module in FILES.keys() - {"rhocast"}
        for other in imports(module)
        if ORDER.index(room_of(other)) > ORDER.index(room_of(module))
    }
    assert not upwards


def reached(module: str) -> set[str]:
    """Modules that come with a module, whether directly or by way of others."""
    found: set[str] = set()
    ahead = [*imports(module)]
    while ahead:
        other = ahead.pop()
        if other not in found:
            found.add(other)
            ahead += imports(other)
    return found


@pytest.mark.parametrize("room", ORDER)
def test_no_files_import_each_other(room):
    """Circles are within a room, because imports of rooms run downwards only."""
    within = [module for module in FILES.keys() - {"rhocast"} if room_of(module) == room]
    assert not sorted(module for module in within if module in reached(module))


def test_every_file_has_an_owner(root):
    outside = [
        *(root / "scripts").glob("*.py"),
        *(root / "rules").glob("*.smk"),
        root / "Snakefile",
    ]
    owned = {other for module in FILES for other in imports(module)}
    text = "\n".join(path.read_text(encoding="utf-8") for path in outside)
    ownerless = {
        module
        for module, path in FILES.items()
        if module not in owned | ENTRY_POINTS
        and module not in text
        and not (
            path.name == "__init__.py" and any(name.startswith(module + ".") for name in owned)
        )
    }
    assert not ownerless


def test_files_of_one_name_have_one_subject():
    """Verbs and sections are named after the room they concern, engines and formats share names."""
    rooms_of_name = {}
    for module in FILES.keys() - {"rhocast"}:
        room, *inside = module.split(".")[1:]
        if room not in ("cli", "config") and FILES[module].name != "__init__.py":
            rooms_of_name.setdefault((inside or [room])[-1], set()).add(room)
    assert not {name: rooms for name, rooms in rooms_of_name.items() if len(rooms) > 1}


def test_only_its_engine_imports_the_api_of_sparc():
    """sparc-x-api is GPL-3.0 (docs/licences.md); none of its private names is used."""
    found = {}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sparc."):
                found.setdefault(module, set()).update(name.name for name in node.names)
            assert not (
                isinstance(node, ast.Import)
                and any(n.name.split(".")[0] == "sparc" for n in node.names)
            ), f"{module}: import the names of sparc-x-api that are used"
    assert all(module.startswith("rhocast.engines.sparc.") for module in found)
    assert found
    assert not {name for names in found.values() for name in names if name.startswith("_")}
    for module in found:
        calls = {
            node.attr
            for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_")
        }
        assert not calls


def test_rooms_of_tests_mirror_those_of_the_package(root):
    """Each folder of tests that is no room holds what its name says."""
    folders = {
        path.parent.relative_to(root / "tests") for path in (root / "tests").rglob("test_*.py")
    }
    others = {Path(), Path("workflow")}
    assert not {folder for folder in folders - others if not (PACKAGE / folder).is_dir()}
