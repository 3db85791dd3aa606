"""Verbs of several engine runs, ended in between: what was computed is not computed again."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.structures import Structure, write_structure

pytestmark = pytest.mark.abinit

DFT = {
    "engine": "abinit",
    "mesh_spacing_bohr": 0.5,
    "cutoff_ha": 8.0,
    "kpoint_spacing_per_bohr": 0.5,
    "kpoint_shift": "half",
    "scf_tolerance": 1e-6,
}
CELL = 3.825 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])


def settings(**changes):
    sections = {"dft": DFT | changes, "material": {"pseudopotentials": {"Al": "spms"}}}
    return ["--settings", json.dumps(sections)]


@pytest.fixture
def start(environment, tmp_path):
    """Start a verb on one atom of aluminium."""
    write_structure(tmp_path / "al.xyz", Structure(np.zeros((1, 3)), CELL, [13]))

    def start(*words):
        return subprocess.Popen(
            [str(word) for word in (Path(sys.executable).with_name("rhocast"), *words)],
            env=environment, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def end_once_there_is(folder, pattern, process):
    """End a process once a file is there, and return what it told."""
    while not list(folder.glob(pattern)) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120.0)
    assert process.returncode == 128 + signal.SIGTERM, told
    assert told.splitlines()[-1].endswith("what is computed is not computed again")


def finish(process):
    """Wait for a process; return its output, and how many times it has started the engine."""
    output, told = process.communicate(timeout=300.0)
    assert process.returncode == 0, told
    return output, len(re.findall(r"running \S*abinit", told)), told


def test_bands_go_on(start, tmp_path):
    def bands(output, *more):
        words = ("--against", "dft", "--path", "GX", "--points", "4", *(more or settings()))
        return start("bands", "al", "al.xyz", "-o", output, *words)

    _, runs, _ = finish(bands("whole.json"))
    work = tmp_path / "ended.json.work"
    end_once_there_is(work, "energies.json", bands("ended.json"))
    end_once_there_is(work, "self-consistent-*.h5", bands("ended.json"))
    assert not (tmp_path / "ended.json").exists()
    _, left, told = finish(bands("ended.json"))
    assert "eigenvalues of Al1 taken from" in told
    assert "self-consistent density of Al1 taken from" in told
    assert 0 < left < runs / 2
    assert (tmp_path / "ended.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    _, left, _ = finish(bands("ended.json", "--window-ev", "3", *settings()))
    assert left == 0
    _, left, _ = finish(bands("ended.json", *settings(cutoff_ha=9.0)))
    assert left == runs, "other settings, all anew"


def test_energies_at_samples_go_on(start, tmp_path):
    names = ["density.h5", "0.h5", "1.h5"]
    for name, more in zip(names, ([], ["--sample", "0"], ["--sample", "1"]), strict=True):
        assert main(["predict", "al", f"{tmp_path}/al.xyz", "-o", f"{tmp_path}/{name}", *more]) == 0

    def energies(*samples):
        words = ("--density", names[0], "--samples", *samples, "--json", *settings())
        return start("harris-foulkes", "al.xyz", *words)

    work = tmp_path / "density.harris-foulkes-samples.work"
    end_once_there_is(work, "energies.json", energies(*names[1:]))
    found, left, told = finish(energies(*names[1:]))
    assert "energy of Al1 taken from" in told
    for file in work.glob("*"):
        file.unlink()
    whole, runs, _ = finish(energies(*names[1:]))
    assert left == 2 * runs / 3
    found, whole = json.loads(found), json.loads(whole)
    assert found.pop("wall_time_s") > 0.0
    assert whole.pop("wall_time_s") > 0.0
    assert found == whole
