"""Pictures of energies and equations of state."""

import numpy as np
import pytest

from rhocast.analysis.physics import (
    draw_energies,
    draw_equation_of_state,
    draw_equations_of_state,
)
from rhocast.config import Experiment
from rhocast.errors import FileFormatError
from rhocast.properties import (
    EnergyComparison,
    EquationOfState,
    read_energies,
    read_equation_of_state,
    write_energies,
    write_equation_of_state,
)
from rhocast.properties.birch_murnaghan import fit


def an_equation_of_state() -> EquationOfState:
    volumes = np.linspace(100.0, 124.0, 7)
    energies = 1e-5 * (volumes - 112.0) ** 2 - 2.0
    strains = np.cbrt(volumes / 112.0) - 1.0
    curve = fit(volumes, energies, 112.0)
    return EquationOfState("Al4", 4, strains, volumes, energies, energies + 1e-6, curve, curve)


def test_energies_of_two_systems_are_drawn(tmp_path):
    def one(system, error):
        return EnergyComparison("0.h5", system, 4, 0.01, -2.0, -2.0 - error, error, error, error,
                                None, error, 1.0)  # fmt: skip

    draw_energies([one("Al32", 1e-5), one("Al31", -3e-5)], tmp_path / "energies.png")
    assert (tmp_path / "energies.png").read_bytes().startswith(b"\x89PNG")


def test_equation_of_state_is_drawn_with_lattice_constants_and_without(tmp_path):
    found = an_equation_of_state()
    draw_equation_of_state(found, tmp_path / "volumes.png")
    measured = Experiment(lattice_constant_bohr=7.65, bulk_modulus_gpa=76.0)
    draw_equation_of_state(found, tmp_path / "constants.png", 7.65, measured)
    sizes = [len((tmp_path / name).read_bytes()) for name in ("volumes.png", "constants.png")]
    assert sizes[1] > sizes[0] > 10_000  # more is in the second one


def test_tables_are_read_as_they_were_written(tmp_path):
    first = EnergyComparison("0.h5", "Al32", 32, 0.01, -2.0, -2.1, 0.1, 0.2, 0.3, None, 0.5, 1.25)
    second = EnergyComparison("1.h5", "Al31", 31, 0.02, -2.0, -2.1, 0.1, 0.2, 0.3, 0.4, 0.5, 2.5)
    for name, one in (("a.tsv", first), ("b.tsv", second)):
        write_energies(tmp_path / name, [one])
    assert read_energies([tmp_path / "a.tsv", tmp_path / "b.tsv"]) == [first, second]
    for constant in (7.65, None):
        found = an_equation_of_state()
        write_equation_of_state(tmp_path / "eos.tsv", found, constant)
        again, told = read_equation_of_state(tmp_path / "eos.tsv")
        assert told == (None if constant is None else pytest.approx(constant))
        assert (again.system, again.n_atoms) == (found.system, found.n_atoms)
        assert (again.predicted, again.dft) == (found.predicted, found.dft)
        np.testing.assert_allclose(again.dft_ha_per_atom, found.dft_ha_per_atom, rtol=1e-9)
        np.testing.assert_allclose(
            again.volumes_bohr3_per_atom, found.volumes_bohr3_per_atom, rtol=1e-9
        )


def test_the_equation_of_state_shows_energies_curve_and_fit(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.physics.save_figure", lambda figure, _: drawn.append(figure)
    )
    found = an_equation_of_state()
    draw_equations_of_state([(found, None), (found, 7.65)], tmp_path / "eos.png")
    volumes, constants = drawn[0].axes
    lowest = min(found.dft.energy_ha_per_atom, found.predicted.energy_ha_per_atom)
    curve, points = volumes.lines[-2:]
    np.testing.assert_allclose(points.get_xdata(), found.volumes_bohr3_per_atom)
    np.testing.assert_allclose(points.get_ydata(), 1e3 * (found.predicted_ha_per_atom - lowest))
    place = curve.get_xdata()[np.argmin(curve.get_ydata())]
    assert place == pytest.approx(found.predicted.volume_bohr3_per_atom, abs=0.2)
    expected = 7.65 * (1.0 + found.strains)
    np.testing.assert_allclose(constants.lines[-1].get_xdata(), expected)
    told = [text.get_text() for text in constants.get_legend().get_texts()]
    assert f"{7.65 * found.predicted.length_factor:.4f} ± " in told[1]


def test_what_is_no_table_is_told(tmp_path):
    (tmp_path / "energies.tsv").write_text("snapshot\tsystem\n0.h5\tAl32\n")
    with pytest.raises(FileFormatError, match=r"energies.tsv: has no column n_atoms, .*energies`"):
        read_energies([tmp_path / "energies.tsv"])
    with pytest.raises(FileFormatError, match="no such file; expected a table of `rhocast eos`"):
        read_equation_of_state(tmp_path / "eos.tsv")
    write_equation_of_state(tmp_path / "eos.tsv", an_equation_of_state())
    (tmp_path / "eos.json").unlink()
    with pytest.raises(FileFormatError, match=r"eos.json: expected the fits"):
        read_equation_of_state(tmp_path / "eos.tsv")
