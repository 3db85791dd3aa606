import numpy as np
import pytest

from rhocast.engines.undersampling import partial_electrons, undersampling
from rhocast.grid.kpoints import KMesh, kpoint_mesh

AL32 = 15.3 * np.eye(3)


def test_a_crystal_with_a_gap_has_no_partial_electrons():
    occupations = np.array([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0]])
    assert partial_electrons(occupations, np.array([0.25, 0.75])) == 0.0


def test_partial_electrons_are_the_variance_of_the_occupation():
    """2 Σ f (1 - f) = 2 kT g per spin channel for a constant density g of states."""
    kt, density = 0.002, 5000.0
    energies = np.arange(-0.1, 0.1, 1.0 / density)
    occupations = 2.0 / (1.0 + np.exp(energies / kt))
    counted = partial_electrons(occupations[None], np.array([1.0]))
    assert counted == pytest.approx(2.0 * kt * density, rel=1e-3)


def test_a_metal_at_gamma_alone_is_told_by_how_much_it_errs():
    warning = undersampling(AL32, KMesh((1, 1, 1)), 0.7, 96.0)
    assert "2.8 %" in warning
    assert "0.41/Bohr" in warning
    assert "dft.kpoint_spacing_per_bohr" in warning


@pytest.mark.parametrize(
    ("kpoints", "partial"),
    [(KMesh((3, 3, 3)), 0.7), (KMesh((1, 1, 1)), 0.0)],
    ids=["well sampled", "an insulator"],
)
def test_no_warning_without_need(kpoints, partial):
    assert undersampling(AL32, kpoints, partial, 96.0) is None


@pytest.mark.parametrize(("points", "warns"), [(2, False), (1, True)])
def test_drawn_shifts_may_lie_on_a_coarser_mesh(points, warns):
    mesh = kpoint_mesh(AL32, 0.41 / points, "random", seed=0)
    assert undersampling(AL32, mesh, 0.7, 96.0) is not None
    assert (undersampling(AL32, mesh, 0.7, 96.0, drawn=True) is not None) == warns


def test_strained_cells_of_a_well_sampled_dataset_bring_no_warning():
    for strain in (-0.05, 0.05):
        cell = (1.0 + strain) * AL32
        assert undersampling(cell, kpoint_mesh(cell, 0.137), 0.7, 96.0) is None
