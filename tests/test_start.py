"""What is imported before anything is computed: the program has to start at once."""

import subprocess
import sys

import ase.build
import ase.io
import h5py
import pytest

#: Libraries that take long to import, or that a prediction has no use for.
HEAVY = ("torch", "matplotlib", "sparc", "netCDF4", "ase.io", "scipy.spatial")

CODE = """
import sys
from rhocast.cli.main import main
try:
    code = main({words!r})
except SystemExit as ended:
    code = ended.code
assert not code, code
print(*sorted(name for name in {unwanted!r} if name in sys.modules))
"""


def imported(words, unwanted) -> list[str]:
    """Run a verb in a process of its own; return which of some modules it has imported."""
    code = CODE.format(words=[str(word) for word in words], unwanted=unwanted)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_no_library(words):
    assert imported(words, (*HEAVY, "numpy", "h5py", "ase", "pydantic", "rich")) == []


BEFORE_SIGNALS = """
import sys
before = {*sys.modules}
import rhocast.cli.start
print(*{*sys.modules} - before)
"""


def test_signals_are_listened_to_before_anything_takes_time():
    code = [sys.executable, "-c", BEFORE_SIGNALS]
    found = subprocess.run(code, capture_output=True, text=True, check=True).stdout.split()
    assert "rhocast.cli.start" in found
    assert not {"typing", "logging", "argparse", "pathlib"} & {*found}


def test_prediction_imports_nothing_of_training_and_engines(tmp_path):
    atoms = ase.build.bulk("Al", "fcc", 4.05, cubic=True) * 2
    ase.io.write(tmp_path / "al.xyz", atoms)
    out = tmp_path / "density.h5"
    words = ["predict", "al", tmp_path / "al.xyz", "-o", out, "--uncertainty", "fast"]
    found = imported(words, HEAVY)
    with h5py.File(out) as file:
        assert file["epistemic_std"].shape == file["density"].shape
    assert found == []
