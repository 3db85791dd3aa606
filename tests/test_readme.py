"""The README is true: its files exist, its example runs, nothing is left to fill in."""

import re

import pytest
import yaml
from ase.build import bulk

from rhocast.config import Source, System


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text()


@pytest.mark.parametrize(
    "document", ["README.md", *(f"docs/{n}.md" for n in ("architecture", "hpc", "formats"))]
)
def test_every_link_leads_somewhere(root, document):
    path = root / document
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_nothing_is_left_to_fill_in(readme):
    assert not re.findall(r"\b(?:TODO|FIXME|XXX|[A-Z]+_[A-Z]+)\b", readme)


def test_the_example_runs(readme, tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    atoms = bulk("Si", "diamond", a=5.53, cubic=True)
    atoms.numbers[::2] = 32
    atoms.write(tmp_path / "structure.xyz")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    shape, electrons = re.fullmatch(r"\((.*)\) ([\d.]+)\n", capsys.readouterr().out).groups()
    assert shape == "21, 21, 21"
    assert float(electrons) == pytest.approx(32.0, rel=1e-5)


def test_the_cells_and_datasets_are_a_configuration(readme):
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    data = yaml.safe_load(example)
    systems = {name: System.model_validate(keys) for name, keys in data["systems"].items()}
    sources = [Source.model_validate(keys) for some in data["datasets"].values() for keys in some]
    assert {source.system for source in sources} == set(systems)
