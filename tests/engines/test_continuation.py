"""Molecular dynamics that is killed again and again, against a run that is left in peace."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from rhocast.dynamics import read_trajectory
from rhocast.engines import resolve_engine
from rhocast.engines.sparc.motion import MOTION
from rhocast.structures import write_structure

STEPS = {"abinit": 16, "sparc": 8}
#: The tightest that the engines reach on these coarse settings.
SCF_TOLERANCE = {"abinit": 1e-12, "sparc": 1e-7}

ENGINES = [
    pytest.param("abinit", marks=pytest.mark.abinit),
    pytest.param("sparc", marks=pytest.mark.sparc),
]


@pytest.fixture
def command(request, silicon, tmp_path):
    """Return the command that makes a trajectory of a name, with one engine."""
    engine = request.param
    record = tmp_path / "engine.json"
    record.write_text(json.dumps(asdict(resolve_engine(engine))))
    write_structure(tmp_path / "silicon.extxyz", silicon)
    settings = {
        "dft": {"mesh_spacing_bohr": 0.7, "cutoff_ha": 4.0, "kpoint_spacing_per_bohr": 2.0},
        "aimd": {
            "thermostat_time_fs": 20.0,
            "equilibration_steps": STEPS[engine],
            "steps_between_frames": 1,
            "scf_tolerance": SCF_TOLERANCE[engine],
        },
        "material": {"pseudopotentials": {"Si": "spms"}, "debye_temperature_K": 600.0},
    }

    def command(name):
        return [
            *(Path(sys.executable).with_name("rhocast"), "aimd", tmp_path / "silicon.extxyz"),
            *("-o", tmp_path / name, "--engine", record, "--settings"),
            *(json.dumps(settings), "--temperature-K", "600", "--frames", "1", "--seed", "1"),
        ]

    return command


def steps_made(folder: Path) -> int:
    """Return the steps that any attempt in a run's folder has written."""
    motion = sum(path.read_text().count(":MIND:") for path in folder.glob(f"*/{MOTION}"))
    # Bytes 4 to 7 of a netCDF file of the classic kind count its records.
    histories = folder.glob("*/*_HIST.nc")
    records = [int.from_bytes(path.read_bytes()[4:8], "big") for path in histories]
    return max([motion, *records])


def end(process, number):
    """Send a signal to a process; SIGKILL to the engine's process group, too."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(number)
    for child in children if number == signal.SIGKILL else []:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(child), number)


@pytest.mark.parametrize("command", ENGINES, indirect=True)
def test_killed_runs_go_on_as_if_nothing_had_happened(command, tmp_path):
    subprocess.run(command("whole"), check=True, capture_output=True)
    whole = read_trajectory(tmp_path / "whole")
    rng = np.random.default_rng(7)
    folder = tmp_path / "killed.work"
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        goal = steps_made(folder) + int(rng.integers(1, len(whole) // 4))
        process = subprocess.Popen(command("killed"), stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120.0
        while steps_made(folder) < goal and time.monotonic() < deadline:
            time.sleep(0.02)
        end(process, number)
        _, told = process.communicate()
        assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
        assert not (tmp_path / "killed").exists()
    assert "run the same command again, and it goes on" in told
    finished = subprocess.run(command("killed"), check=True, capture_output=True, text=True)
    assert "going on after step" in finished.stderr
    killed = read_trajectory(tmp_path / "killed")
    assert killed.record["attempts"] == 4
    assert len(killed) == len(whole)
    # The engines keep ten digits and more; the rest is the SCF cycle's, which begins anew.
    np.testing.assert_allclose(killed.positions, whole.positions, atol=1e-7)
    np.testing.assert_allclose(killed.velocities, whole.velocities, atol=1e-9)
    np.testing.assert_allclose(killed.conserved_ha, whole.conserved_ha, atol=1e-7)
    np.testing.assert_allclose(killed.temperatures_K.mean(), whole.temperatures_K.mean(), atol=0.01)
    np.testing.assert_allclose(killed.temperatures_K.std(), whole.temperatures_K.std(), atol=0.01)
