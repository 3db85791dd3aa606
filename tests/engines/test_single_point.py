"""A single point's two attempts and its record; an engine that does what a test says."""

import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from rhocast import config
from rhocast.density import Density, read_snapshot, write_snapshot
from rhocast.engines import Launcher, compute_snapshot
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import CalculationError, EngineRecord, SinglePoint
from rhocast.errors import StructureError


@dataclass
class ScriptedEngine:
    """Gives one answer after another, and keeps what it was asked."""

    answers: list[str]
    asked: list[tuple[Calculation, np.ndarray | None]] = field(default_factory=list)
    record = EngineRecord("abinit", "/bin/abinit", "9.6.2")
    safer_mixing: ClassVar = {"diemix": 0.3}

    def single_point(self, calculation, launcher, workdir, start=None, waves=None) -> SinglePoint:
        self.asked.append((calculation, start))
        (workdir / "run.log").write_text("")
        answer = self.answers[len(self.asked) - 1]
        if answer == "crash":
            raise CalculationError("it crashed")
        density = np.full(calculation.mesh.shape, 8.0 / calculation.structure.volume)
        density *= 1.01 if answer == "miscounted" else 1.0
        return SinglePoint(
            density=density,
            forces=np.zeros((2, 3)),
            energy_ha=-8.0,
            converged=answer != "unconverged",
            scf_iterations=60 if answer == "unconverged" else 9,
            scf_residual=1e-9,
            highest_occupation=0.4 if answer == "full" else 0.0,
            record={"wall_time_s": 5.0},
        )


@pytest.fixture
def compute(silicon, settings, pseudopotentials, tmp_path):
    def compute(engine, structure=silicon, keys=(), **options):
        return compute_snapshot(
            engine,
            structure,
            settings(max_scf_iterations=60, abinit={"boxcutmin": 1.6, "diemix": 0.9} | dict(keys)),
            pseudopotentials,
            temperature_K=300.0,
            launcher=Launcher(("mpirun", "-n", "3"), threads=2),
            workdir=tmp_path / "work",
            **options,
        )

    return compute


def test_sound_point_is_computed_once_and_leaves_no_files(compute, tmp_path):
    engine = ScriptedEngine(["sound"])
    snapshot = compute(engine)
    assert snapshot.accepted
    assert len(engine.asked) == 1
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("fault", ["unconverged", "crash"])
def test_failed_cycle_is_tried_again_with_safer_mixing(compute, fault):
    engine = ScriptedEngine([fault, "sound"])
    snapshot = compute(engine)
    assert snapshot.accepted
    (first, _), (second, _) = engine.asked
    assert second.dft.abinit == {"boxcutmin": 1.6, "diemix": 0.3}
    assert second.dft.max_scf_iterations == 2 * first.dft.max_scf_iterations
    attempts = json.loads(snapshot.record["attempts"])
    assert [len(attempt["faults"]) for attempt in attempts] == [1, 0]
    assert attempts[0]["engine_keys"] == {"boxcutmin": 1.6, "diemix": 0.9}
    assert attempts[1]["engine_keys"] == {"boxcutmin": 1.6, "diemix": 0.3}


def test_second_failure_is_kept_as_rejected_with_its_files(compute, tmp_path):
    snapshot = compute(ScriptedEngine(["unconverged", "crash"]))
    assert (snapshot.status, snapshot.reason) == ("rejected", "it crashed")
    assert np.isnan(snapshot.density).all()
    faults = [attempt["faults"][0] for attempt in json.loads(snapshot.record["attempts"])]
    assert "SCF not converged after 60 iterations" in faults[0]
    assert len(list((tmp_path / "work").glob("attempt-*/run.log"))) == 2


def test_what_mixing_cannot_mend_is_rejected_at_once(compute):
    engine = ScriptedEngine(["miscounted"])
    assert "integrates to 8.08" in compute(engine).reason
    assert len(engine.asked) == 1


def test_an_occupied_highest_band_is_judged_with_more_bands(compute):
    """The bands may end at the top of a shell of degenerate states, with no state missing."""
    engine = ScriptedEngine(["unconverged", "full", "sound"])
    snapshot = compute(engine)
    assert snapshot.accepted
    assert [asked.n_bands for asked, _ in engine.asked] == [8, 8, 12]
    assert snapshot.record["n_bands"] == 12
    assert engine.asked[2][0].dft == engine.asked[1][0].dft
    assert engine.asked[2][1].mean() == pytest.approx(8.0 / snapshot.structure.volume)
    assert [a["n_bands"] for a in json.loads(snapshot.record["attempts"])] == [8, 8, 12]


@pytest.mark.parametrize(("answers", "keys"), [(["full", "full"], {}), (["full"], {"nband": 16})])
def test_a_highest_band_that_remains_occupied_is_rejected(compute, answers, keys):
    engine = ScriptedEngine(answers)
    reason = compute(engine, keys=keys).reason
    assert "the highest band is occupied to 0.4" in reason
    assert "dft.abinit.nband or dft.sparc.NSTATES, or lower dft.smearing_K" in reason
    assert len(engine.asked) == len(answers)


def test_frame_of_another_temperature_is_rejected_unseen(compute, silicon):
    engine = ScriptedEngine([])
    hot = replace(silicon, record={"kinetic_temperature_K": 3000.0})
    snapshot = compute(engine, hot)
    assert "kinetic temperature of the ions is 3000 K, expected 300 K" in snapshot.reason
    assert snapshot.record["wall_time_s"] == 0.0
    warm = replace(silicon, record={"kinetic_temperature_K": 350.0})
    assert compute(ScriptedEngine(["sound"]), warm).accepted


def test_file_tells_all_that_it_takes_to_compute_it_again(compute, silicon, tmp_path):
    engine = ScriptedEngine(["unconverged", "sound"])
    frame = replace(silicon, record={"step": 40, "kinetic_temperature_K": 310.0})
    write_snapshot(tmp_path / "si.h5", compute(engine, frame))
    found = read_snapshot(tmp_path / "si.h5")
    again = config.Dft.model_validate(json.loads(found.record["settings"]))
    assert again == engine.asked[0][0].dft
    psp8 = engine.asked[0][0].pseudopotentials["Si"]
    assert (found.record["psp8_Si"], found.record["psp8_Si_sha256"]) == (psp8.name, psp8.sha256)
    assert json.loads(found.record["structure"]) == frame.record
    assert found.record["wall_time_s"] == 10.0
    assert np.isclose(found.record["core_hours"], 10.0 * 6 / 3600.0)
    for key in ("rhocast_version", "engine", "engine_version", "ranks", "threads", "start"):
        assert key in found.record


def test_given_density_follows_the_axes_of_a_left_handed_cell(compute, silicon):
    density = np.arange(60.0).reshape(3, 4, 5)
    mirrored = replace(silicon, cell=silicon.cell[[1, 0, 2]])
    given = [Density(s, density, source="given.h5") for s in (silicon, mirrored)]
    engine = ScriptedEngine(["sound", "sound"])
    for start in given:
        assert compute(engine, start.structure, start=start).record["start"] == "given.h5"
    shapes = {start.shape for _, start in engine.asked}
    assert shapes == {(3, 4, 5), (4, 3, 5)}
    with pytest.raises(StructureError, match="a density of the cell"):
        compute(engine, silicon, start=given[1])


def test_a_start_with_atoms_in_other_places_is_warned_of(compute, silicon, caplog):
    """It is legitimate, from one snapshot to the next, and nobody should take it by mistake."""
    moved = replace(silicon, positions=silicon.positions + [[0.3, 0.0, 0.0]] + 0.0)
    moved.positions[0] += 0.2
    engine = ScriptedEngine(["sound", "sound"])
    compute(engine, silicon, start=Density(moved, np.ones((3, 4, 5)), source="other.h5"))
    assert "other.h5: a density of other atoms" in caplog.text
    assert "the result does not depend on it" in caplog.text
    caplog.clear()
    compute(engine, silicon, start=Density(silicon, np.ones((3, 4, 5)), source="own.h5"))
    assert "own.h5" not in caplog.text
