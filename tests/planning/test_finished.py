import json
from dataclasses import replace

import pytest
import yaml

from rhocast.config import parse_config
from rhocast.density import read_snapshot, write_snapshot
from rhocast.errors import FileFormatError
from rhocast.planning.finished import finished_runs


@pytest.fixture
def read(root, tmp_path, monkeypatch):
    """Read one of the stored densities after its record has been changed."""
    monkeypatch.chdir(root)
    tiny = parse_config(yaml.safe_load((root / "tests/data/tiny.yaml").read_text()))
    snapshot = read_snapshot(root / "tests/data/densities/si8/300K/0.h5")
    cost = {"wall_time_s": 900.0, "ranks": 2, "threads": 1, "scf_iterations": 40}

    def read(status="accepted", leave_out=(), **changes):
        record = {**snapshot.record, **cost, **changes}
        kept = {key: value for key, value in record.items() if key not in leave_out}
        path = tmp_path / "0.h5"
        write_snapshot(path, replace(snapshot, status=status, record=kept))
        return list(finished_runs([path], tiny, "abinit"))

    return read


def test_cost_is_that_of_all_attempts(read):
    attempts = json.dumps([{"scf_iterations": 60}, {"scf_iterations": 40}])
    ((_, once, seconds),) = read()
    ((_, twice, _),) = read(attempts=attempts)
    assert (once, twice, seconds) == (40, 100, 1800.0)


def test_work_is_that_of_the_files_own_settings(read):
    works = [
        read(
            settings=json.dumps(
                {"mesh_spacing_bohr": 0.5, "cutoff_ha": cutoff, "kpoint_spacing_per_bohr": 0.3}
            )
        )[0][0]
        for cutoff in (10.0, 20.0)
    ]
    assert works[1].basis / works[0].basis == pytest.approx(2**1.5)
    assert works[0].bands == 20  # 16 of eight silicon atoms are full


def test_a_rejected_one_is_left_out(read, caplog):
    assert read(status="rejected") == []
    assert "0.h5 is left out" in caplog.text


def test_one_with_the_k_points_of_other_runs_is_left_out(read, caplog):
    assert read(kpoint_correction="{}") == []
    assert "k-points are those of other runs" in caplog.text


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"engine": "sparc"}, "one by sparc"),
        ({"leave_out": ["engine"]}, "one by another program"),
        ({"leave_out": ["wall_time_s"]}, "took nan core hours"),
    ],
)
def test_what_tells_no_cost_is_refused(read, changes, found):
    with pytest.raises(FileFormatError, match=f"expected a single point by abinit.*{found}"):
        read(**changes)
