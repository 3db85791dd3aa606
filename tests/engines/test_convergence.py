from dataclasses import replace

import numpy as np
import pytest

from rhocast import config
from rhocast.density import Snapshot, read_snapshot, write_snapshot
from rhocast.engines.convergence import Difference, compute_points, judge
from rhocast.engines.engine import EngineRecord, SinglePoint
from rhocast.engines.process import Launcher
from rhocast.errors import ConfigError, EngineError
from rhocast.grid import Mesh


def wave(structure, shape, amplitude=0.01):
    """Four electrons an atom and one wave along x, on a mesh."""
    x = np.arange(shape[0]) / shape[0]
    mean = 3.0 * len(structure) / structure.volume
    return np.broadcast_to((mean + amplitude * np.cos(2 * np.pi * x))[:, None, None], shape)


def snapshot_of(structure, shape=(8, 8, 8), amplitude=0.01, **changes):
    made = Snapshot(
        structure=structure,
        density=wave(structure, shape, amplitude).astype(np.float32),
        forces=np.zeros((len(structure), 3)),
        energy_ha=-9.0,
        n_electrons=3.0 * len(structure),
        temperature_K=500.0,
        kpoints="3 3 3 shift 0 0 0",
        record={"ranks": 2, "threads": 1, "wall_time_s": 3.0},
    )
    return replace(made, **changes)


def test_a_density_does_not_differ_from_itself_on_another_mesh(aluminium):
    """Fourier interpolation is exact for waves that both meshes resolve."""
    difference = Difference.between(
        snapshot_of(aluminium, (8, 9, 10)), snapshot_of(aluminium, (12, 8, 8))
    )
    assert difference.density_share < 1e-6


def test_differences_are_those_of_a_known_wave(aluminium):
    """∫|a cos| = 2a/π · volume; the forces' largest change is a length, not a component."""
    forces = np.zeros((4, 3))
    forces[2] = [3e-3, 4e-3, 0.0]
    other = snapshot_of(aluminium, (64, 8, 8), 0.012, energy_ha=-9.008, forces=forces)
    difference = Difference.between(snapshot_of(aluminium, (64, 8, 8)), other)
    assert difference.density_share == pytest.approx(
        0.002 * 2 / np.pi * aluminium.volume / 12.0, rel=2e-3
    )
    assert difference.density_rmse == pytest.approx(0.002 / np.sqrt(2), rel=1e-3)
    assert difference.energy_ha_per_atom == pytest.approx(2e-3)
    assert difference.force_ha_per_bohr == pytest.approx(5e-3)


@pytest.fixture
def study():
    return config.Convergence(
        system="al", kpoints=(0.5, 2.0, 3.0), resolution=(), smearing=(), scf_tolerance=()
    )


@pytest.fixture
def files(study, aluminium, tmp_path):
    """Write the points of a study with given amplitudes of the wave, the own setting first."""

    def write(amplitudes, meshes=(3, 2, 6, 9), status=4 * ("accepted",)):
        paths = {}
        for point, amplitude, n, state in zip(
            ("own", *study.points()), amplitudes, meshes, status, strict=True
        ):
            paths[point] = tmp_path / f"{point}.h5"
            write_snapshot(
                paths[point],
                snapshot_of(aluminium, amplitude=amplitude, kpoints=f"{n} {n} {n}", status=state),
            )
        return paths

    return write


def test_the_coarsest_converged_setting_is_recommended(study, settings, files):
    series, *_ = judge(study, settings(), files([0.0101, 0.02, 0.01, 0.01]))
    assert [trial.fineness for trial in series.trials] == [0.5, 1.0, 2.0, 3.0]
    assert series.recommended == 1.0
    assert series.trials[0].core_seconds == 6.0
    assert series.trials[-1].difference is None


def test_a_setting_that_agrees_by_chance_is_not_recommended(study, settings, files):
    """A finer one must not be worse than the criterion allows."""
    series, *_ = judge(study, settings(), files([0.0101, 0.01, 0.02, 0.01]))
    assert series.recommended is None


def test_the_finest_alone_is_no_evidence(study, settings, files):
    series, *_ = judge(study, settings(), files([0.02, 0.03, 0.04, 0.01]))
    assert series.recommended is None


def test_the_same_kpoints_count_once_and_rejected_points_not_at_all(study, settings, files):
    paths = files(
        [0.01, 0.02, 0.01, 0.01],
        meshes=(3, 3, 6, 9),
        status=("accepted", "accepted", "accepted", "rejected"),
    )
    series, *_ = judge(study, settings(), paths)
    assert [trial.fineness for trial in series.trials] == [1.0, 2.0]
    with pytest.raises(EngineError, match="no single point was accepted"):
        judge(study, settings(), files(4 * [0.01], status=4 * ("rejected",)))


class CountingEngine:
    """Returns a wave at once, and counts."""

    record = EngineRecord("abinit", "/bin/true", "0")
    safer_mixing: dict[str, float] = {}  # noqa: RUF012

    def __init__(self):
        self.calls = []

    def single_point(self, calculation, launcher, workdir, start=None, waves=None):
        self.calls.append(calculation.dft)
        density = wave(calculation.structure, calculation.mesh.shape)
        return SinglePoint(
            density, np.zeros((4, 3)), -9.0, True, 5, 1e-9, 0.0, {"wall_time_s": 1.0}
        )


def test_points_that_exist_are_kept_and_others_refused(
    study, aluminium, settings, pseudopotentials, tmp_path
):
    engine = CountingEngine()
    files = {"Al": pseudopotentials["Al"]}
    more = {"launcher": Launcher(), "folder": tmp_path}
    paths = compute_points(engine, aluminium, study, settings(), files, **more)
    assert sorted(paths) == ["kpoints-0.5", "kpoints-2", "kpoints-3", "own"]
    spacings = sorted(dft.kpoint_spacing_per_bohr for dft in engine.calls)
    assert spacings == pytest.approx([0.4 / 3, 0.2, 0.4, 0.8])
    paths["kpoints-2"].unlink()
    compute_points(engine, aluminium, study, settings(), files, **more)
    assert len(engine.calls) == 5
    with pytest.raises(ConfigError, match="study of other dft"):
        compute_points(engine, aluminium, study, settings(cutoff_ha=9.0), files, **more)


def test_all_points_of_a_study_share_a_drawn_shift(
    study, aluminium, settings, pseudopotentials, tmp_path
):
    """Its noise would hide what the other settings do."""
    files = {"Al": pseudopotentials["Al"]}
    drawn = settings(kpoint_shift="random")
    more = {"launcher": Launcher(), "folder": tmp_path}
    paths = compute_points(CountingEngine(), aluminium, study, drawn, files, **more, kpoint_seed=1)
    snapshots = [read_snapshot(path) for path in paths.values()]
    assert len({snapshot.kpoints.partition(" shift ")[2] for snapshot in snapshots}) == 1
    assert {snapshot.record["kpoint_seed"] for snapshot in snapshots} == {1}
    with pytest.raises(ConfigError, match="study of other kpoint_seed"):
        compute_points(CountingEngine(), aluminium, study, drawn, files, **more, kpoint_seed=2)


def test_resolution_moves_mesh_and_cutoff_together(settings):
    """Four times the cutoff are waves half as long: the mesh resolves as many of them as before."""
    study = config.Convergence(system="al", resolution=(2.0,))
    finer = study.settings("resolution-2", settings())
    assert finer.mesh_spacing_bohr == pytest.approx(0.3)
    assert finer.cutoff_ha == pytest.approx(24.0)
    assert Mesh.with_spacing(7.65 * np.eye(3), 0.3).shape == (26, 26, 26)
