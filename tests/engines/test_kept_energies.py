"""Energies that are kept: computed once for the same inputs, again for any other."""

from dataclasses import replace

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.engines import Launcher
from rhocast.engines.engine import DensityEnergy, EngineRecord, SinglePoint
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.errors import EngineError, FileFormatError
from rhocast.inference import Predictor
from rhocast.properties import volume_energies


class Counting:
    """An engine that returns the number of its calls as the energy, and fails at one of them."""

    def __init__(self, fails_at=0, converges=True):
        self.safer_mixing = {}
        self.record = EngineRecord("abinit", "/bin/abinit", "1")
        self.calls, self.fails_at, self.converges = 0, fails_at, converges

    def _count(self):
        self.calls += 1
        if self.calls == self.fails_at:
            raise EngineError("ended from outside")
        return float(self.calls)

    def harris_foulkes(self, calculation, density, launcher, workdir, waves=None):
        return DensityEnergy(self._count(), -0.1, -0.2, None, 0.3, 0.0)

    def eigenvalues(self, calculation, density, kpoints, launcher, workdir):
        return np.full((len(kpoints), calculation.n_bands), self._count() / 3.0)

    def single_point(self, calculation, launcher, workdir, start=None, waves=None):
        electrons = calculation.n_electrons / calculation.structure.volume
        return SinglePoint(
            np.full(calculation.mesh.shape, electrons),
            np.zeros((len(calculation.structure), 3)),
            self._count(), self.converges, 5, 1e-9, 0.0, {"wall_time_s": 1.0},
        )  # fmt: skip


@pytest.fixture
def density(aluminium):
    return Density(aluminium, np.full((8, 8, 8), 12.0 / aluminium.volume))


@pytest.fixture
def how(tmp_path):
    return {"launcher": Launcher(), "workdir": tmp_path / "run", "kpoint_seed": 0}


def test_only_what_determines_an_energy_is_looked_at(
    density, settings, pseudopotentials, tmp_path, how
):
    engine, file = Counting(), tmp_path / "energies.json"

    def energy(given=density, dft=None, files=pseudopotentials, **other):
        kept = KeptEnergies(file)
        dft = dft or settings()
        return kept.harris_foulkes(
            engine, given.structure, given, dft, files, **(how | other)
        ).energy_ha

    assert energy() == energy() == 1.0
    assert energy(launcher=Launcher(("mpirun", "-n", "2"), 2), workdir=tmp_path / "other") == 1.0
    moved = replace(density.structure, positions=density.structure.positions + 1e-6)
    aluminium = pseudopotentials["Al"]
    changed = [
        lambda: energy(replace(density, density=density.density * (1.0 + 1e-12))),
        lambda: energy(Density(moved, density.density)),
        lambda: energy(dft=settings(cutoff_ha=7.0)),
        lambda: energy(files={"Al": replace(aluminium, sha256="0")}),
        lambda: energy(kpoint_seed=1),
    ]
    assert [one() for one in changed] == [2.0, 3.0, 4.0, 5.0, 6.0]
    engine.record = replace(engine.record, version="2")
    assert energy() == 7.0
    file.write_text("{")
    assert energy() == 8.0, "a file that is not whole counts as empty"
    assert energy() == 8.0
    file.write_text(file.read_text().replace("highest_occupation", "of_another_version"))
    assert energy() == 9.0


def test_a_rejected_single_point_is_not_kept(aluminium, settings, pseudopotentials, tmp_path, how):
    file = tmp_path / "energies.json"
    common = (aluminium, settings(), pseudopotentials)
    with pytest.raises(EngineError, match=r"447\.697 Bohr³"):
        KeptEnergies(file).self_consistent(
            Counting(converges=False), *common, temperature_K=0.0, **how
        )
    engine = Counting()
    for _ in range(2):
        energy = KeptEnergies(file).self_consistent(engine, *common, temperature_K=0.0, **how)
        assert energy == 1.0


def test_energies_over_volumes_go_on_after_a_failure(
    aluminium, settings, pseudopotentials, tmp_path
):
    def start(engine):
        return volume_energies(
            Predictor.load("al"), aluminium, (-0.02, -0.01, 0.0, 0.01, 0.02), engine, settings(),
            pseudopotentials, launcher=Launcher(), workdir=tmp_path / "work",
        )  # fmt: skip

    with pytest.raises(EngineError, match="ended from outside"):
        start(Counting(fails_at=8))
    engine = Counting()
    found = start(engine)
    assert engine.calls == 3
    np.testing.assert_array_equal(4.0 * found.predicted_ha_per_atom, [1, 3, 5, 7, 2])
    np.testing.assert_array_equal(4.0 * found.dft_ha_per_atom, [2, 4, 6, 1, 3])


def test_eigenvalues_are_computed_again_for_other_points_bands_or_densities(
    density, settings, pseudopotentials, tmp_path
):
    engine, file = Counting(), tmp_path / "energies.json"
    points = np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.3]])
    how = {"launcher": Launcher(), "workdir": tmp_path / "run"}

    def found(given=density, kpoints=points, n_bands=8, dft=None):
        dft = dft or settings()
        energies, wall_time_s = KeptEnergies(file).eigenvalues(
            engine, given.structure, given, kpoints, n_bands, dft, pseudopotentials, **how
        )
        assert energies.shape == (len(kpoints), n_bands)
        assert wall_time_s > 0.0
        return energies[-1, -1]

    first = found()
    assert first == found() == 1.0 / 3.0, "to the last bit, from the file, too"
    changed = [
        lambda: found(replace(density, density=density.density * (1.0 + 1e-12))),
        lambda: found(kpoints=points[::-1]),
        lambda: found(kpoints=points[:1]),
        lambda: found(n_bands=9),
        lambda: found(dft=settings(smearing_K=700.0)),
    ]
    assert [one() for one in changed] == [calls / 3.0 for calls in (2, 3, 4, 5, 6)]


def test_a_self_consistent_density_is_kept_whole(
    aluminium, settings, pseudopotentials, tmp_path, how
):
    engine, kept = Counting(), KeptEnergies(tmp_path / "energies.json")

    def found(structure=aluminium, **changes):
        return kept.self_consistent_density(
            engine, structure, settings(**changes), pseudopotentials, temperature_K=0.0, **how
        )

    first, again = found(), found()
    assert engine.calls == 1
    np.testing.assert_array_equal(first.density, again.density)
    assert first.density.dtype == again.density.dtype
    assert (first.energy_ha, first.source) == (again.energy_ha, again.source)
    found(cutoff_ha=7.0)
    found(replace(aluminium, positions=aluminium.positions + 1e-6))
    assert engine.calls == 3
    for file in tmp_path.glob("self-consistent-*.h5"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(FileFormatError, match=r"self-consistent-\w+\.h5"):
        found()
