"""A wheel builds with a compiler and without one; either predicts."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

PREDICTION = """
import sys
import ase.build
import rhocast
from rhocast.evaluation import compiled

assert rhocast.__file__.startswith(sys.argv[1]), rhocast.__file__
print(compiled.available())
atoms = ase.build.bulk("Si", cubic=True)
atoms.symbols[::2] = "Ge"
field = rhocast.load("sige-demo").predict(atoms, mesh_spacing_bohr=2.0, direct=True)
print(field.electron_count)
"""


@pytest.fixture
def built(root, tmp_path):
    """Build a wheel with a compiler; return the words of its prediction and the wheel's name."""

    def build(compiler: str) -> tuple[list[str], str]:
        command = [sys.executable, "-m", "pip", "wheel", root, "--no-deps", "--no-build-isolation"]
        command += ["-w", tmp_path, "-C", f"build-dir={tmp_path / 'build'}"]
        started = subprocess.run(
            command, env=os.environ | {"CXX": compiler}, capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, started.stdout + started.stderr
        (wheel,) = tmp_path.glob("rhocast-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")
        # Without `site`, which would load the package that is installed for these tests.
        paths = [tmp_path / "site", Path(sysconfig.get_paths()["purelib"])]
        predicted = subprocess.run(
            [sys.executable, "-S", "-c", PREDICTION, tmp_path],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert predicted.returncode == 0, predicted.stderr
        return predicted.stdout.split(), wheel.name

    return build


def test_without_a_compiler_the_package_predicts(built):
    (kernels, electrons), name = built("/bin/false")
    assert kernels == "False"
    assert float(electrons) == pytest.approx(32.0)
    assert name.endswith("-none-any.whl")


@pytest.mark.skipif(
    not (shutil.which("c++") and shutil.which("cmake")), reason="no C++ compiler, or no CMake"
)
def test_with_a_compiler_the_wheel_holds_the_kernels(built):
    (kernels, electrons), name = built("c++")
    assert kernels == "True"
    assert float(electrons) == pytest.approx(32.0)
    assert not name.endswith("-none-any.whl")
