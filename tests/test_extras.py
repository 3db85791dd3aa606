"""What needs a package that is not installed says which extra brings it, in one sentence."""

import re
import subprocess
import sys
import tomllib

import pytest

from rhocast.errors import MissingExtraError
from rhocast.extras import EXTRAS, needed_for, require

#: Runs code in which some packages cannot be found, as if they were not installed.
WITHOUT = """
import sys
from importlib import metadata
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

from_name = metadata.Distribution.from_name

def find(name):
    if name in {hidden!r}:
        raise metadata.PackageNotFoundError(name)
    return from_name(name)

sys.meta_path.insert(0, Hidden())
metadata.Distribution.from_name = find
{code}
"""


def without(hidden, code, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(hidden=set(hidden), code=code)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def verb(*words) -> str:
    return f"from rhocast.cli.main import main; sys.exit(main({[str(word) for word in words]!r}))"


def test_every_package_of_an_extra_has_its_sentence(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = {package.lower() for _, package in EXTRAS.values()}
    listed = {
        requirement.partition(">")[0].lower()
        for extra in ("train", "dft", "figures", "bader")
        for requirement in project["optional-dependencies"][extra]
    }
    assert named == listed
    for extra, package in EXTRAS.values():
        listed = project["optional-dependencies"][extra]
        assert any(requirement.startswith(f"{package}>") for requirement in listed)


def test_the_outermost_work_is_named():
    sentence = "^rhocast evaluate needs torch: pip install 'rhocast\\[train\\]'$"
    with (
        pytest.raises(MissingExtraError, match=sentence),
        needed_for("rhocast evaluate"),
        needed_for("rhocast.learning"),
    ):
        raise ModuleNotFoundError("No module named 'torch.func'", name="torch.func")


def test_other_modules_are_no_extra():
    with pytest.raises(ModuleNotFoundError, match="xylophone") as caught, needed_for("music"):
        import xylophone  # noqa: F401
    assert not isinstance(caught.value, MissingExtraError)


def test_what_is_there_is_not_missed(monkeypatch):
    require("matplotlib", "rhocast study")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"^rhocast study needs matplotlib: pip install"):
        require("matplotlib", "rhocast study")


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "al", "none.h5", "--picture", "errors.png"),
        ("benchmark", "scaling", "-o", "scaling.tsv"),
        ("study", "cells", "none.h5", "-o", "study"),
    ],
)
def test_a_picture_at_the_end_is_looked_after_at_the_beginning(words, tmp_path):
    result = without({"matplotlib"}, verb(*words), tmp_path)
    assert f"rhocast {words[0]} needs matplotlib: pip install" in result.stderr
    assert list(tmp_path.iterdir()) == []


#: Verbs whose modules load without any extra; the others name what they lack.
WITHOUT_EXTRAS = {
    "aimd",
    "convert",
    "dataset",
    "evaluate",
    "export",
    "harris-foulkes",
    "import",
    "info",
    "predict",
    "schema",
    "view",
}

VERBS_IN_TURN = """
from contextlib import redirect_stdout
from io import StringIO
from rhocast.cli.main import VERBS, main

for verb in VERBS:
    try:
        with redirect_stdout(StringIO()):
            code = main([verb, "--help"])
    except SystemExit as end:
        code = end.code
    print(verb, code)
"""


def test_every_verb_tells_what_it_lacks():
    result = without([*EXTRAS, "mpi4py", "cupy"], VERBS_IN_TURN)
    assert result.returncode == 0, result.stderr
    codes = dict(line.split() for line in result.stdout.splitlines())
    sentences = dict(
        re.findall(
            r"^rhocast (\S+) (needs \S+: pip install 'rhocast\[\w+\]')$", result.stderr, re.M
        )
    )
    assert {verb for verb, code in codes.items() if code == "2"} == sentences.keys()
    assert {verb for verb, code in codes.items() if code == "0"} >= WITHOUT_EXTRAS
    assert set(codes.values()) <= {"0", "2"}
    assert sentences["train"] == "needs torch: pip install 'rhocast[train]'"


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "al", "{data}/al-unseen/al6-slab/300K/0.h5", "-o", "slab.h5"),
        ("predict", "al", "{data}/al-unseen/al6-slab/300K/0.h5", "-o", "slab.cube"),
        ("evaluate", "al", "{data}/al-unseen/al6-slab/300K/0.h5"),
        ("info", "al"),
    ],
)
def test_a_shipped_model_needs_no_extra(words, root, tmp_path):
    words = [word.format(data=root / "data") for word in words]
    result = without([*EXTRAS, "mpi4py", "cupy"], verb(*words), tmp_path)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == set(words[4:])


def test_the_list_of_verbs_needs_nothing():
    result = without(EXTRAS, verb("--help"))
    assert result.returncode == 0
    assert "predict" in result.stdout


def test_an_engine_without_its_extra_is_a_sentence():
    code = """
from rhocast.engines import EngineRecord, make_engine
make_engine(EngineRecord("abinit", "abinit", "9"))
"""
    result = without(EXTRAS, code)
    assert "MissingExtraError: the engine abinit needs netCDF4: pip install 'rhocast[dft]'" in (
        result.stderr
    )
