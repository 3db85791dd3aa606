import json
import sys

import pytest

from rhocast.engines.engine import (
    PROGRAMS,
    EngineRecord,
    check_ranks,
    check_version,
    find_program,
    read_engine_record,
    write_engine_record,
)
from rhocast.engines.process import Launcher
from rhocast.errors import EngineError


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Make programs of given names, the only ones on the PATH."""

    def make(*names):
        for name in names:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    return make


def test_auto_prefers_sparc_and_falls_back_to_abinit(programs):
    folder = programs("abinit")
    assert find_program(PROGRAMS) == ("abinit", str(folder / "abinit"))
    programs("sparc")
    assert find_program(PROGRAMS) == ("sparc", str(folder / "sparc"))
    assert find_program(["abinit"]) == ("abinit", str(folder / "abinit"))


def test_absent_engine_is_named_with_the_way_to_get_it(programs):
    programs()
    with pytest.raises(EngineError, match=r"dft\.engine: no program sparc or abinit.*conda"):
        find_program(PROGRAMS)


def test_record_round_trip(tmp_path):
    record = EngineRecord("abinit", sys.executable, "9.6.2")
    write_engine_record(tmp_path / "engine.json", record)
    assert read_engine_record(tmp_path / "engine.json") == record
    assert [path.name for path in tmp_path.iterdir()] == ["engine.json"]


def test_engine_that_has_gone_is_not_replaced_by_another(tmp_path):
    write_engine_record(tmp_path / "engine.json", EngineRecord("sparc", "/no/sparc", "2025"))
    with pytest.raises(EngineError, match="/no/sparc, which is no program now"):
        read_engine_record(tmp_path / "engine.json")


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"name": "vasp"})])
def test_damaged_record(tmp_path, content):
    (tmp_path / "engine.json").write_text(content)
    with pytest.raises(EngineError, match=r"engine\.json"):
        read_engine_record(tmp_path / "engine.json")


def test_versions_and_ranks_are_held_to_what_was_asked():
    record = EngineRecord("abinit", "/usr/bin/abinit", "9.6.2")
    check_version(record, "9.6.2")
    with pytest.raises(EngineError, match=r"abinit 10\.0\.0.*begun with 9\.6\.2"):
        check_version(record, "10.0.0")
    launcher = Launcher(("mpirun", "-n", "2"))
    check_ranks(launcher, 2)
    with pytest.raises(EngineError, match="expected 2 MPI ranks, the engine found 1"):
        check_ranks(launcher, 1)
