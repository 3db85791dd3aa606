from dataclasses import replace

import numpy as np
import pytest

from rhocast import config
from rhocast.engines import resolve_pseudopotentials
from rhocast.engines.calculation import Calculation
from rhocast.errors import EngineError
from rhocast.grid.kpoints import KMesh
from rhocast.planning.work import CostLaw, Work, basis_size, memory_bytes
from rhocast.structures import Structure

DFT = config.Dft(mesh_spacing_bohr=0.5, cutoff_ha=10.0, kpoint_spacing_per_bohr=0.3)


@pytest.fixture(scope="module")
def calculation():
    silicon = Structure(10.26 * np.eye(3)[:2] / 4, 10.26 * np.eye(3), [14, 14])
    return Calculation.plan(silicon, DFT, resolve_pseudopotentials({"Si": "spms"}))


def test_plane_waves_are_those_within_the_sphere(calculation):
    """Counted one by one: |G|²/2 up to the cutoff."""
    steps = np.arange(-12, 13) * 2.0 * np.pi / 10.26
    squares = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2
    assert basis_size(calculation, "abinit") == pytest.approx(np.sum(squares < 20.0), rel=0.03)
    assert basis_size(calculation, "sparc") == 21**3


def test_real_waves_are_half_the_work(calculation):
    complex_waves = Work.of(replace(calculation, kpoints=KMesh((2, 1, 1), (0.5,) * 3)), "abinit")
    real_waves = Work.of(replace(calculation, kpoints=KMesh((1, 1, 1))), "abinit")
    assert complex_waves.waves == calculation.n_bands
    assert real_waves.terms == pytest.approx(0.5 * complex_waves.terms)


def test_a_law_is_found_again_from_the_runs_it_made():
    law = CostLaw(2.0, (3e-7, 4e-8))
    works = [Work(bands, 200.0 * bands, bands) for bands in (20, 36, 70, 150)]
    iterations = [8, 9, 10, 12]
    seconds = [law.seconds(w, n) for w, n in zip(works, iterations, strict=True)]
    found = CostLaw.fit(works, iterations, seconds)
    assert found.start_s == pytest.approx(2.0)
    assert found.coefficients == pytest.approx(law.coefficients)


def test_no_cost_is_negative_however_the_runs_scatter():
    works = [Work(20, 4000.0, 20), Work(36, 7000.0, 36), Work(70, 14000.0, 70)]
    law = CostLaw.fit(works, [8, 8, 8], [9.0, 1.0, 9.0])
    assert min(law.start_s, *law.coefficients) >= 0.0
    with pytest.raises(EngineError, match="no finished calculation"):
        CostLaw.fit([], [], [])


def test_memory_grows_with_the_kpoints_that_are_held(calculation):
    coarse = replace(calculation, kpoints=KMesh((3, 3, 3)))
    denser = replace(calculation, kpoints=KMesh((8, 8, 8)))
    more = denser.kpoints.n_irreducible - coarse.kpoints.n_irreducible
    expected = 2 * 16 * more * calculation.n_bands * basis_size(calculation, "abinit")
    grown = memory_bytes(denser, "abinit") - memory_bytes(coarse, "abinit")
    assert grown == pytest.approx(expected)
