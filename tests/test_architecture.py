"""docs/architecture.md and docs/glossary.md name what exists: paths, rooms, rules, verbs, words."""

import re

import pytest

from rhocast.cli.main import VERBS

#: In the house's picture, the lines that list the files of a folder, and the suffix of these.
LISTED = {"rules/": ".smk", "envs/": ".yaml"}

#: Wildcards and things of every run, which no file of the repository is called.
OF_A_RUN = ("{", "*", "results/", "figures/", "convergence/", "scaling/", "studies/")


def rules(root):
    """Names of all rules, those that are derived from others included."""
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in [root / "Snakefile", *root.glob("rules/*.smk")]
    )
    defined = re.findall(r"^ *(?:rule|checkpoint) (\w+):", text, re.MULTILINE)
    return {*defined, *re.findall(r"^ *use rule \w+ as (\w+)", text, re.MULTILINE)}


def section(text, title):
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text):
    """Words in code of the first column of all tables."""
    rows = re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE)
    return {word for row in rows for word in re.findall("`([^`]+)`", row)}


@pytest.fixture(scope="module")
def architecture(root):
    return (root / "docs/architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sources(root):
    """All that the names of the documents may stand in."""
    patterns = ["src/**/*.py", "src/**/*.[ch]pp", "src/**/*.cu", "rules/*.smk", "Snakefile"]
    patterns += ["profiles/*/*.yaml", "tests/workflow/*.py", "pyproject.toml"]
    found = [path for pattern in patterns for path in root.glob(pattern)]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def test_the_picture_of_the_house(architecture, root):
    picture = architecture.partition("```\n")[2].partition("```")[0]
    lines = dict(line.split(maxsplit=1) for line in picture.splitlines())
    assert not [name for name in lines if not (root / name).exists()]
    for folder, suffix in LISTED.items():
        files = {path.stem for path in (root / folder).glob(f"*{suffix}")}
        assert files <= set(re.findall(r"[\w-]+", lines[folder]))
    named = {word for line in lines.values() for word in re.findall(r"[\w-]+\.(?:yaml|py)", line)}
    assert not [name for name in named if not [*root.glob(name), *root.glob(f"*/{name}")]]


def test_the_rooms(architecture, root):
    package = root / "src/rhocast"
    rooms = {path.stem for path in package.iterdir()} - {"__init__", "__pycache__"}
    inner = {"density/formats"}
    assert first_cells(section(architecture, "The house")) == rooms | inner
    assert all((package / name).is_dir() for name in inner)


def test_the_rules(architecture, root):
    targets = {"all", "dataset", "studies", "physics"}
    assert targets <= rules(root)
    assert first_cells(section(architecture, "The flow")) == rules(root) - targets


@pytest.mark.parametrize("name", ["architecture", "glossary"])
def test_what_is_named_exists(name, root, sources):
    """A path is one of the repository or of the package; a word in code stands in the sources."""
    text = (root / f"docs/{name}.md").read_text(encoding="utf-8")
    text = re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    missing = []
    for span in re.findall("`([^`]+)`", text):
        if verb := re.fullmatch(r"rhocast (\w[\w-]*)", span):
            there = verb[1] in VERBS
        elif "/" in span and not span.startswith(OF_A_RUN) and " " not in span and "{" not in span:
            there = any([*root.glob(span), *(root / "src/rhocast").glob(span)])
        else:  # all parts of a dotted name, all fixed parts of a name with wildcards
            words = re.findall(r"[A-Za-z_]{2,}", re.sub(r"\{[^}]*\}", " ", span))
            there = all(re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", sources) for word in words)
        if not there:
            missing.append(span)
    assert not missing
