import numpy as np
import pytest

from rhocast import config
from rhocast.engines.calculation import Calculation, band_count, dynamics_settings, right_handed
from rhocast.errors import EngineError
from rhocast.structures import Structure


def test_electrons_mesh_and_points(silicon, settings, pseudopotentials):
    calculation = Calculation.plan(silicon, settings(), pseudopotentials)
    assert calculation.n_electrons == 8.0
    assert list(calculation.pseudopotentials) == ["Si"]
    assert (calculation.mesh.spacing <= 0.6).all()
    assert calculation.record["psp8_Si"] == pseudopotentials["Si"].name


def test_missing_pseudopotential_is_named(silicon, settings, pseudopotentials):
    with pytest.raises(EngineError, match="expected an entry for Si, found Al"):
        Calculation.plan(silicon, settings(), {"Al": pseudopotentials["Al"]})


@pytest.mark.parametrize("electrons", [1.0, 8.0, 96.0, 1000.0])
def test_there_are_always_empty_bands(electrons):
    assert band_count(electrons) >= electrons / 2.0 + 4


def test_dynamics_may_have_settings_of_its_own(settings):
    aimd = config.Aimd(
        equilibration_steps=1, steps_between_frames=1, cutoff_ha=4.0, kpoint_shift="quarter"
    )
    own = dynamics_settings(settings(kpoint_shift="half"), aimd)
    assert (own.cutoff_ha, own.scf_tolerance) == (4.0, aimd.scf_tolerance)
    assert own.kpoint_shift == "quarter"
    assert own.kpoint_spacing_per_bohr == settings().kpoint_spacing_per_bohr


def test_left_handed_cell_is_turned_and_its_field_turned_back():
    cell = np.diag([4.0, 5.0, -6.0])
    structure = Structure(np.zeros((1, 3)), cell, [13])
    turned, axes = right_handed(structure)
    assert np.linalg.det(turned.cell) > 0.0
    shape = (4, 3, 2)
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    field = points @ turned.cell  # its value at a point is the point
    back = np.stack([field[..., i].transpose(axes) for i in range(3)], axis=-1)
    expected = np.stack(np.meshgrid(*(np.arange(n) / n for n in (3, 4, 2)), indexing="ij"), -1)
    np.testing.assert_allclose(back, expected @ cell)
