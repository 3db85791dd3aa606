"""What doctor says of this machine, and of one that lacks something."""

import os

import pytest

from rhocast.cli import doctor
from rhocast.cli.main import main


@pytest.fixture
def lines(tmp_path, capsys):
    def run():
        code = main(["doctor", "--folder", str(tmp_path)])
        rows = capsys.readouterr().out.splitlines()
        return code, {row[5:15].strip(): (row[:5].strip(), row[15:]) for row in rows}

    return run


@pytest.mark.mpi
def test_every_subject_has_a_line(lines, launcher, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_PATIENCE", 240.0)  # the machine may be busy
    code, found = lines()
    subjects = ["MPI", "two ranks", "engine", "threads", "Slurm", "GPU", "kernels", "disk", "locks"]
    assert list(found) == subjects
    assert found["two ranks"] == ("ok", "talk to each other")
    assert found["locks"] == ("ok", "processes can lock files")
    assert all(("Remedy: " in told) == (state != "ok") for state, told in found.values())
    assert code == any(state == "mend" for state, _ in found.values())
    assert not any(tmp_path.iterdir())


def test_what_is_missing_has_a_remedy(lines, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    monkeypatch.setattr(doctor, "_mpirun", lambda: None)
    monkeypatch.setattr(doctor.compiled, "isas", tuple)
    code, found = lines()
    assert code == 1
    assert found["MPI"][1].startswith("no mpirun on the PATH. Remedy: ")
    assert found["engine"][0] == "mend"
    assert f"to {len(os.sched_getaffinity(0))} or less" in found["threads"][1]
    assert "install a C++ compiler" in found["kernels"][1]


def test_slurm_that_does_not_answer_is_noted_and_no_error(monkeypatch, tmp_path):
    """A workstation needs none, and `--profile slurm` refuses by itself."""
    program = tmp_path / "sinfo"
    program.write_text("#!/bin/sh\necho 'sinfo: error: no configuration file' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    finding = doctor._slurm()
    assert (finding.state, "no configuration file" in finding.found) == ("note", True)
    monkeypatch.setattr(doctor, "_engine", lambda: doctor.Finding("engine", "there"))
    for name in ("_mpi", "_two_ranks", "_threads", "_kernels"):
        monkeypatch.setattr(doctor, name, lambda: doctor.Finding("other", "there"))
    assert main(["doctor", "--folder", str(tmp_path)]) == 0


def test_the_reason_is_the_error_that_a_traceback_ends_with():
    traceback = "Traceback (most recent call last):\n  File x\nModuleNotFoundError: No mpi4py\n--"
    assert doctor._reason(traceback) == "ModuleNotFoundError: No mpi4py"
    assert doctor._reason("\nno slots\nleft") == "no slots"
    assert doctor._reason("") == "no answer"


def test_an_engine_of_another_mpi_is_told(monkeypatch, tmp_path):
    program = tmp_path / "sparc"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "_mpirun", lambda: "/opt/mpich/bin/mpirun")
    answers = {"ldd": "libmpi.so.40 => /opt/openmpi/lib/libmpi.so.40", "--version": "HYDRA 4.2"}
    monkeypatch.setattr(
        doctor, "_told", lambda words: next(a for k, a in answers.items() if k in words)
    )
    finding = doctor._engine()
    assert "of another MPI" in finding.found
    assert finding.remedy == "put the mpirun of the engine's MPI first on the PATH"
