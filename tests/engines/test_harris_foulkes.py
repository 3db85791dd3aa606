"""The energy at a given density, and cycles that begin from one, with the programs themselves.

How many bands it takes is seen with an engine that does what a test says.
"""

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    harris_foulkes,
    make_engine,
    resolve_engine,
)
from rhocast.engines.engine import DensityEnergy, EngineRecord
from rhocast.errors import EngineError


class OneEngine:
    """Computes a cell of aluminium; the fixture says with what."""

    def __init__(self, name, structure, dft, pseudopotentials, folder):
        self.engine = make_engine(resolve_engine(name))
        self.structure = structure
        self.common = (dft, pseudopotentials)
        self.options = {"launcher": Launcher(), "workdir": folder / "work"}

    def snapshot(self, start=None):
        return compute_snapshot(
            self.engine,
            self.structure,
            *self.common,
            temperature_K=300.0,
            start=start,
            **self.options,
        )

    def energy_at(self, density):
        given = Density(self.structure, density, source="given")
        return harris_foulkes(
            self.engine, self.structure, given, *self.common, **self.options
        ).energy_ha


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("abinit", marks=pytest.mark.abinit),
        pytest.param("sparc", marks=pytest.mark.sparc),
    ],
)
def one_engine(request, aluminium, settings, pseudopotentials, tmp_path_factory):
    dft = settings(
        mesh_spacing_bohr=0.45,
        kpoint_spacing_per_bohr=0.42,
        kpoint_shift="half",
        # ABINIT's residual is a square, SPARC's is not.
        scf_tolerance={"abinit": 1e-7, "sparc": 1e-5}[request.param],
    )
    folder = tmp_path_factory.mktemp(request.param)
    return OneEngine(request.param, aluminium, dft, pseudopotentials, folder)


@pytest.fixture(scope="module")
def converged(one_engine):
    snapshot = one_engine.snapshot()
    assert snapshot.accepted, snapshot.reason
    return snapshot


def test_energy_at_the_converged_density_is_the_self_consistent_one(one_engine, converged):
    scaled = 1.02 * converged.density  # the electrons are known better
    error_ha = one_engine.energy_at(scaled) - converged.energy_ha
    assert abs(error_ha) / len(converged.structure) < 1e-6


def test_energy_errs_by_the_square_of_the_density(one_engine, converged):
    x = np.arange(converged.density.shape[0]) / converged.density.shape[0]
    wave = np.cos(2.0 * np.pi * x)[:, None, None] * converged.density
    wave -= wave.mean()
    errors = [
        one_engine.energy_at(converged.density + share * wave) - converged.energy_ha
        for share in (0.02, 0.04)
    ]
    assert errors[0] < -1e-4  # the functional has a maximum there, not a minimum
    assert np.isclose(errors[1] / errors[0], 4.0, rtol=0.1)


def test_cycle_from_the_converged_density_takes_a_third_of_the_iterations(one_engine, converged):
    start = Density(converged.structure, converged.density, source="converged.h5")
    again = one_engine.snapshot(start)
    assert again.accepted, again.reason
    assert 3 * again.record["scf_iterations"] <= converged.record["scf_iterations"]
    assert np.isclose(again.energy_ha, converged.energy_ha, atol=4e-6)
    np.testing.assert_allclose(again.density, converged.density, atol=1e-5)


def test_cycle_from_a_poor_density_ends_at_the_same(one_engine, converged):
    uniform = np.full((4, 4, 4), converged.n_electrons / converged.structure.volume)
    again = one_engine.snapshot(Density(converged.structure, uniform, source="uniform"))
    assert again.accepted, again.reason
    assert np.isclose(again.energy_ha, converged.energy_ha, atol=4e-6)


class Occupied:
    """Tells one occupation of the highest band after another, and keeps what it was asked."""

    record = EngineRecord("abinit", "/bin/abinit", "1")

    def __init__(self, *occupations):
        self.occupations, self.asked = occupations, []

    def harris_foulkes(self, calculation, density, launcher, workdir, waves=None):
        occupation = self.occupations[len(self.asked)]
        self.asked.append((calculation.n_bands, waves))
        return DensityEnergy(float(calculation.n_bands), 0.0, 0.0, None, 0.0, occupation)


@pytest.fixture
def at_uniform(silicon, settings, pseudopotentials, tmp_path):
    def energy(engine, **changes):
        density = Density(silicon, np.full((8, 8, 8), 8.0 / silicon.volume), source="si.h5")
        return harris_foulkes(
            engine, silicon, density, settings(**changes), pseudopotentials, launcher=Launcher(),
            workdir=tmp_path / "work", waves=tmp_path / "waves",
        )  # fmt: skip

    return energy


def test_an_occupied_highest_band_is_judged_with_more_bands(at_uniform, tmp_path, caplog):
    engine = Occupied(0.4, 1e-5)
    found = at_uniform(engine)
    assert engine.asked == [(8, tmp_path / "waves"), (12, None)]
    assert (found.energy_ha, found.highest_occupation) == (12.0, 1e-5)
    assert "trying again with more bands: the highest band is occupied to 0.4" in caplog.text
    assert not (tmp_path / "work").exists()
    assert at_uniform(Occupied(1e-5)).energy_ha == 8.0


@pytest.mark.parametrize(("occupations", "keys"), [((0.4, 0.3), {}), ((0.3,), {"nband": 16})])
def test_a_highest_band_that_remains_occupied_is_an_error(at_uniform, occupations, keys):
    told = r"Si2, energy at si\.h5: the highest band is occupied to 0\.3, .* by dft\.abinit\.nband"
    with pytest.raises(EngineError, match=told):
        at_uniform(Occupied(*occupations), abinit=keys)


@pytest.mark.abinit
def test_the_energy_of_hot_electrons_is_that_of_enough_bands(
    silicon, settings, pseudopotentials, tmp_path
):
    """Eight bands lack 5e-3 Ha at 9000 K; twelve hold the electrons."""
    engine = make_engine(resolve_engine("abinit"))
    common = {"launcher": Launcher(), "workdir": tmp_path / "work"}
    hot = settings(smearing_K=9000.0)
    cycle = compute_snapshot(engine, silicon, hot, pseudopotentials, temperature_K=300.0, **common)
    found = harris_foulkes(engine, silicon, cycle, hot, pseudopotentials, **common)
    assert np.isclose(found.energy_ha, cycle.energy_ha, atol=1e-5)
    assert found.highest_occupation == pytest.approx(cycle.record["highest_occupation"], rel=0.02)
    few = hot.with_engine_keys("abinit", {"nband": 8})
    with pytest.raises(EngineError, match="the highest band is occupied"):
        harris_foulkes(engine, silicon, cycle, few, pseudopotentials, **common)
