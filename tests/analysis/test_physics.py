"""Pictures of energies and equations of state."""

from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest

from rhocast.analysis.physics import (
    CHEMICAL_ACCURACY_HA,
    draw_energies,
    draw_equation_of_state,
    draw_equations_of_state,
    draw_profile,
)
from rhocast.config import Experiment
from rhocast.errors import FileFormatError
from rhocast.properties import (
    EnergyComparison,
    EquationOfState,
    VolumeEnergies,
    read_energies,
    read_equation_of_state,
    write_energies,
    write_equation_of_state,
    write_volume_energies,
)
from rhocast.properties.profiles import Profile


def an_equation_of_state(samples: bool = False) -> EquationOfState:
    volumes = np.linspace(100.0, 124.0, 7)
    energies = 1e-5 * (volumes - 112.0) ** 2 - 2.0
    strains = np.cbrt(volumes / 112.0) - 1.0
    shifts = 1e-5 * (volumes - 112.0) * np.array([[-1.0], [2.0]]) + 3e-5
    sampled = energies + shifts if samples else None
    dft = energies + 1e-6
    return VolumeEnergies("Al4", 4, strains, volumes, energies, dft, sampled).fitted()


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    found = []
    monkeypatch.setattr(
        "rhocast.analysis.physics.save_figure", lambda figure, _: found.append(figure)
    )
    return found


def test_energies_of_two_systems_are_drawn(tmp_path):
    def one(system, error):
        return EnergyComparison("0.h5", system, 4, 0.01, -2.0, -2.0 - error, error, error, error,
                                None, error, 1.0)  # fmt: skip

    draw_energies([one("Al32", 1e-5), one("Al31", -3e-5)], tmp_path / "energies.png")
    assert (tmp_path / "energies.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("systems", [1, 3, 24])
@pytest.mark.parametrize("samples", [0, 1, 6])
def test_panels_have_room_for_any_number_of_systems(systems, samples, tmp_path, drawn):
    """Of each the panels fill the picture, bars lie apart, and the first stands at the top."""
    comparisons = [
        EnergyComparison(f"{k}.h5", f"Si{system}Ge64", 64, 0.01, -2.0, -2.0, 1e-5, 0.0, 0.0, None,
                         0.0, 1.0, *([1e-6, 1e-5] if samples else []))
        for system in range(systems) for k in range(max(1, samples))
    ]  # fmt: skip
    draw_energies(comparisons, tmp_path / "e.png")
    (figure,) = drawn
    figure.draw_without_rendering()
    density, energy = figure.axes
    widths = [axes.get_position().width for axes in (density, energy)]
    assert widths == pytest.approx([widths[0], widths[0]], rel=0.05)
    assert sum(widths) > 0.75
    labels = [label.get_window_extent() for label in density.get_yticklabels()]
    assert density.get_yticklabels()[0].get_text() == "Si0Ge64"
    assert all(above.y0 > below.y1 for above, below in pairwise(labels))
    (shown,) = figure.legends
    told = [text.get_text() for text in shown.get_texts()]
    bars = ["expected from samples", "down to zero"] if samples else []
    assert told == ["1 kcal/mol per atom", *bars]


def test_a_bar_shows_the_error_that_is_expected_from_samples(tmp_path, drawn):
    def one(error, *samples):
        return EnergyComparison("0.h5", "Al32", 32, 0.01, -2.0, -2.0 - error, error, error, error,
                                None, error, 1.0, *samples)  # fmt: skip

    draw_energies([one(-2e-5, -3e-5, 1e-5), one(1e-6, 1e-5, 3e-5), one(5e-6)], tmp_path / "e.png")
    _, energy = drawn[0].axes
    points, above, across, *_ = energy.lines
    np.testing.assert_allclose(above.get_xdata(), [2e-5, 4e-5])
    left, right = energy.get_xlim()
    np.testing.assert_allclose(across.get_xdata(), [left, 4e-5])  # the error may vanish
    assert [line.get_ydata()[0] for line in (above, across)] == list(points.get_ydata()[:2])
    assert (left, right) == pytest.approx((0.5e-6, 2.0 * CHEMICAL_ACCURACY_HA))
    arrows = [line.get_xydata().tolist() for line in energy.lines if line.get_marker() == "<"]
    assert arrows == [[[left, points.get_ydata()[1]]]]
    drawn.clear()
    draw_energies([one(-2e-5)], tmp_path / "e.png")
    assert len(drawn[0].axes[1].lines) == 2  # the point, and chemical accuracy


def test_the_equation_of_state_shows_where_dft_is_expected(tmp_path, drawn):
    found = an_equation_of_state(samples=True)
    draw_equations_of_state([(found, None), (found, 7.65)], tmp_path / "eos.png")
    sampled, predicted = found.samples_ha_per_atom, found.predicted_ha_per_atom
    lowest = min(found.dft.energy_ha_per_atom, found.predicted.energy_ha_per_atom)
    middle = 1e3 * (2.0 * predicted - sampled.mean(axis=0) - lowest)
    half = 1e3 * sampled.std(axis=0, ddof=1)
    for axes, unit in zip(drawn[0].axes, ("Bohr³/atom", "Bohr"), strict=True):
        (bars,) = axes.containers
        ends = np.array([bar[:, 1] for bar in bars[2][0].get_segments()])
        np.testing.assert_allclose(ends, np.stack([middle - half, middle + half], 1), atol=1e-9)
        told = axes.get_legend().get_texts()[-1].get_text()
        assert told.startswith("expected, 2 samples: ")
        assert f" {unit}, " in told


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
    for constant, samples in ((7.65, False), (None, False), (7.65, True)):
        found = an_equation_of_state(samples)
        write_volume_energies(tmp_path / "eos.tsv", found)
        assert not (tmp_path / "eos.json").exists()  # that of other energies
        write_equation_of_state(tmp_path / "eos.tsv", found, constant)
        again, told = read_equation_of_state(tmp_path / "eos.tsv")
        assert told == (None if constant is None else pytest.approx(constant))
        assert (again.system, again.n_atoms) == (found.system, found.n_atoms)
        assert (again.predicted, again.dft) == (found.predicted, found.dft)
        if samples:
            np.testing.assert_allclose(astuple(again.samples), astuple(found.samples), rtol=1e-3)
        assert (again.samples is not None) is samples
        np.testing.assert_allclose(again.dft_ha_per_atom, found.dft_ha_per_atom, rtol=1e-9)
        np.testing.assert_allclose(
            again.volumes_bohr3_per_atom, found.volumes_bohr3_per_atom, rtol=1e-9
        )


def test_the_equation_of_state_shows_energies_curve_and_fit(tmp_path, drawn):
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
    write_volume_energies(tmp_path / "eos.tsv", an_equation_of_state())
    with pytest.raises(FileFormatError, match=r"eos.json: expected the fits"):
        read_equation_of_state(tmp_path / "eos.tsv")


def test_a_profile_is_closed_and_smooth(tmp_path, drawn):
    """Twelve planes of a wave: the curve is the wave, from one end of the cell to the other."""
    phases = 2.0 * np.pi * np.arange(12) / 12.0
    profile = Profile(6.0, 0.02 + 0.01 * np.cos(phases), 0.1 * np.sin(phases))
    draw_profile(profile, None, tmp_path / "profile.png")
    density, potential = drawn[0].axes
    x = density.lines[0].get_xdata()
    assert x[[0, -1]] == pytest.approx([0.0, 6.0])
    wave = 0.02 + 0.01 * np.cos(2.0 * np.pi * x / 6.0)
    np.testing.assert_allclose(density.lines[0].get_ydata(), wave, atol=5e-5)
    ends = potential.lines[0].get_ydata()[[0, -1]]
    assert ends == pytest.approx([0.0, 0.0], abs=1e-12)
    assert not drawn[0].legends
    assert density.get_title() == "means over planes"
    draw_profile(profile, profile, tmp_path / "profile.png")
    assert [text.get_text() for text in drawn[1].legends[0].get_texts()] == [
        "planes", "running means",
    ]  # fmt: skip
