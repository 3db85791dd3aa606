"""The README is true: its files exist, its example runs, nothing is left to fill in."""

import re

import pytest
from ase.build import bulk


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text()


def test_every_link_leads_somewhere(root):
    for path in (root / "README.md", root / "data/README.md", *(root / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_nothing_is_left_to_fill_in(readme):
    assert not re.findall(r"\b(?:TODO|FIXME|XXX|[A-Z]+_[A-Z]+)\b", readme)


def test_the_example_runs(readme, tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    bulk("Al", "fcc", a=4.05, cubic=True).write(tmp_path / "structure.xyz")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    shape, electrons = re.fullmatch(r"\((.*)\) ([\d.]+)\n", capsys.readouterr().out).groups()
    assert shape == "20, 20, 20"
    assert float(electrons) == pytest.approx(12.0, rel=1e-5)


def test_no_command_gives_its_target_to_an_option(root):
    """`--configfile` takes all words that follow it."""
    documents = [root / "README.md", *(root / "docs").rglob("*.md"), *root.glob("*/README.md")]
    commands = [line for path in documents for line in path.read_text().splitlines()]
    commands = [c.partition("#")[0] for c in commands if c.startswith("snakemake ")]
    assert commands
    for command in commands:
        assert not re.search(r"--configfile \S+ +[^-\s]", command), command
