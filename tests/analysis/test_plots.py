"""Pictures: what they show is what the density holds."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from small_model import make_structure

from rhocast.analysis.cut import draw_line, values_along
from rhocast.analysis.histogram import draw_reduction
from rhocast.analysis.picture import save_figure
from rhocast.analysis.plane import Plane, interpolated, without_undershoot
from rhocast.analysis.plots import draw_comparison, draw_field, draw_slice
from rhocast.density import Density, open_density, write_density
from rhocast.density.reduction import reduce_density, write_reduction
from rhocast.errors import ConfigError, StructureError
from rhocast.structures import Structure

SHAPE = (20, 24, 28)
WAVE = np.array([1, -1, 2])


def wave(fractional: np.ndarray) -> np.ndarray:
    return 0.03 + 0.02 * np.cos(2.0 * np.pi * fractional @ WAVE)


@pytest.fixture(scope="module")
def density():
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing="ij"), axis=-1)
    values = wave(points).astype(np.float32)
    return Density(make_structure(), values, epistemic_std=0.01 * values, aleatoric_std=values)


def test_a_line_runs_through_the_density_over_the_ends_of_the_cell(density):
    start, end = np.array([-0.3, 0.1, 0.0]), np.array([0.9, 1.4, 0.7])
    found = values_along(density, "density", start, end)
    np.testing.assert_allclose(found, wave(np.linspace(start, end, len(found))), atol=5e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_of_the_mesh_is_the_nearest(density, axis):
    plane = Plane.of_mesh(density, axis, 0.26)
    index = round(0.26 * SHAPE[axis])
    assert plane.at == index / SHAPE[axis]
    np.testing.assert_array_equal(
        plane.values("density"), density.density.take(index, axis).astype(np.float64)
    )


@pytest.mark.parametrize("at", [0.26, 0.999, -0.13])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_is_where_it_was_asked_for_in_a_file_too(density, tmp_path, axis, at):
    write_density(tmp_path / "field.h5", density)
    points = [np.arange(n) / n for n in SHAPE]
    points[axis] = np.array([at])
    expected = wave(np.stack(np.meshgrid(*points, indexing="ij"), axis=-1)).squeeze(axis)
    with open_density(tmp_path / "field.h5") as stored:
        for one in (density, stored):
            plane = Plane(one, axis, at)
            assert plane.at == at
            np.testing.assert_allclose(plane.values("density"), expected, atol=1e-5)
            np.testing.assert_allclose(plane.values("epistemic_std"), 0.01 * expected, atol=1e-5)


def test_a_coarse_mesh_is_interpolated_over_its_ends():
    """A mesh of fewer planes than the spline is made of."""
    values = np.broadcast_to(1.0 + np.cos(2.0 * np.pi * np.arange(6) / 6.0), (4, 4, 6))
    structure = Structure(np.zeros((1, 3)), 4.0 * np.eye(3), np.array([13]))
    found = Plane(Density(structure, values), 2, 0.9).values("density")
    np.testing.assert_allclose(found, 1.0 + np.cos(0.2 * np.pi), atol=0.01)


@pytest.mark.parametrize("window", [((0.0, 1.0), (0.0, 1.0)), ((-0.4, 0.3), (0.9, 1.2))])
def test_between_mesh_points_stands_the_density_itself_over_the_ends_of_the_cell(density, window):
    plane = Plane(density, 1, 0.5)
    shown = interpolated(plane.values("density"), 5, window)
    steps = [
        low + (high - low) * (np.arange(n) + 0.5) / n
        for (low, high), n in zip(window, shown.shape, strict=True)
    ]
    places = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    np.testing.assert_allclose(shown, wave(np.insert(places, 1, plane.at, axis=-1)), atol=1e-5)


def test_no_picture_falls_below_what_is_stored():
    """Beside a peak of one point the spline does, whether the least value is zero or not."""
    peak = np.zeros((12, 12))
    peak[5, 5] = 1.0
    steps = np.stack(np.meshgrid(*2 * [np.arange(0.5, 12.0)], indexing="ij"))
    assert map_coordinates(peak, steps, order=5, mode="grid-wrap").min() < -0.01
    assert interpolated(peak, 5).min() == 0.0
    assert interpolated(peak - 0.5, 5).min() == -0.5
    np.testing.assert_array_equal(without_undershoot(peak + 0.1, peak + 0.1), peak + 0.1)


def test_atoms_are_drawn_with_their_images_where_the_window_reaches(density):
    structure = density.structure
    near = structure.fractional[0]
    plane = Plane(density, 2, near[2])
    within = np.abs(structure.fractional[:, 2] - near[2]) * 0.98 * structure.cell[2, 2] < 1.0
    whole, numbers = plane.atoms()
    assert sorted(numbers) == sorted(structure.numbers[within])
    assert len(whole) == within.sum() >= 1
    assert np.isclose(whole, near[:2] % 1.0).all(axis=1).any()
    assert len(plane.atoms(((-1.0, 1.0), (0.0, 2.0)))[0]) == 4 * len(whole)


@pytest.mark.parametrize(
    ("place", "drawn"),
    [((0.0, 0.0), 4), ((0.0, 0.5), 2), ((0.99, 0.5), 2), ((0.5, 0.01), 2), ((0.5, 0.5), 1)],
)
def test_an_atom_on_a_face_is_drawn_on_the_opposite_one_too(place, drawn):
    cell = np.array([[10.0, 0.0, 0.0], [3.0, 9.0, 0.0], [0.0, 1.0, 8.0]])
    structure = Structure(np.array([[*place, 0.0]]) @ cell, cell, np.array([13]))
    found, numbers = Plane(Density(structure, np.ones((8, 8, 8))), 2, 0.0).atoms()
    assert len(found) == len(numbers) == len(np.unique(found.round(6), axis=0)) == drawn
    away = found - place
    np.testing.assert_allclose(away, np.round(away), atol=1e-9)


def test_the_line_shows_prediction_band_and_reference(density, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("rhocast.analysis.cut.save_figure", lambda figure, _: drawn.append(figure))
    reference = Density(density.structure, 1.01 * density.density)
    start, end = np.zeros(3), np.array([0.0, 1.0, 0.5])
    draw_line(density, tmp_path / "line.png", start, end, reference)
    top, below = drawn[0].axes
    values = wave(np.linspace(start, end, 600))
    for line, expected in zip(top.lines, (values, 1.01 * values), strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-5)
    np.testing.assert_allclose(below.lines[-1].get_ydata(), 1e3 * 0.01 * values, atol=1e-2)
    band = below.collections[0].get_paths()[0].vertices[:, 1]  # linear between mesh points
    assert band.max() == pytest.approx(3e3 * np.hypot(1.0, 0.01) * values.max(), rel=0.02)
    length = np.linalg.norm((end - start) @ density.cell)
    assert top.lines[0].get_xdata()[-1] == pytest.approx(length)


def test_a_reference_of_another_cell_is_refused(density, tmp_path):
    other = Density(make_structure(1.1 * density.cell), density.density)
    with pytest.raises(StructureError):
        draw_line(density, tmp_path / "line.png", np.zeros(3), np.ones(3), other)


def test_a_field_is_drawn_whole_close_by_and_along_a_line(density, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.plots.save_figure", lambda figure, _: drawn.append(figure)
    )
    write_density(tmp_path / "field.h5", density)
    draw_field(tmp_path / "field.h5", tmp_path / "field.png", window_bohr=6.0)
    labels = [axes.get_xlabel() for axes in drawn[0].axes if axes.get_title()]
    assert labels == ["Bohr"] * 6
    line = drawn[0].axes[-1]
    assert line.get_xlabel() == "distance along the line, Bohr"
    assert line.get_xlim() == pytest.approx((0.0, 6.0))


def test_every_picture_in_every_format(density, tmp_path):
    draw_slice(density, tmp_path / "slice.png", axis=1, at=0.5, cut=0.25)
    draw_line(density, tmp_path / "line.svg", np.zeros(3), np.ones(3))
    other = Density(density.structure, density.density[::2, ::2, ::2], source="other.h5")
    draw_comparison(density, other, tmp_path / "compare.pdf")
    reduction = reduce_density(density, 4.0)
    write_reduction(tmp_path / "r.h5", reduction, density.structure, density.mesh, {}, places=3)
    draw_reduction(tmp_path / "r.h5", tmp_path / "reduction.png")
    assert (tmp_path / "slice.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "compare.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "line.svg").read_text()
    assert (tmp_path / "reduction.png").stat().st_size > 10_000


def test_another_format_is_refused(density, tmp_path):
    with pytest.raises(ConfigError, match=r"x.jpg: expected a name that ends in .png, .pdf, .svg"):
        draw_slice(density, tmp_path / "x.jpg")


def test_each_element_has_a_mark_of_its_own_where_its_atoms_are(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.plots.save_figure", lambda figure, _: drawn.append(figure)
    )
    places = np.array([[0.25, 0.25, 0.0], [0.75, 0.25, 0.0], [0.25, 0.75, 0.0]])
    compound = Structure(10.0 * places, 10.0 * np.eye(3), np.array([15, 5, 15]))
    values = np.random.default_rng(0).random((20, 20, 20))
    draw_slice(Density(compound, values), tmp_path / "slice.png")
    axes = drawn[0].axes[0]
    marks = {
        line.get_label(): (line.get_marker(), line.get_xydata().tolist())
        for line in axes.lines
        if line.get_label() in ("B", "P")
    }
    assert marks == {"B": ("o", [[7.5, 2.5]]), "P": ("s", [[2.5, 2.5], [2.5, 7.5]])}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["B", "P"]


def test_the_legend_tells_what_is_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.plots.save_figure", lambda figure, _: drawn.append(figure)
    )
    places = np.array([[2.5, 2.5, 0.0], [2.5, 2.5, 5.0]])
    compound = Density(Structure(places, 10.0 * np.eye(3), np.array([14, 32])), np.ones((8, 8, 8)))
    for at, symbol, mark in ((0.0, "Si", "o"), (0.5, "Ge", "s")):
        draw_slice(compound, tmp_path / "slice.png", at=at)
        axes = drawn[-1].axes[0]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [symbol]
        assert {line.get_marker() for line in axes.lines} == {mark}


@pytest.mark.parametrize(
    "cell",
    [
        [[10.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 10.0]],
        [[15.0, 0.0, 0.0], [7.5, 13.0, 0.0], [0.0, 0.0, 10.0]],
        [[5.0, 0.0, 0.0], [0.0, 44.0, 0.0], [0.0, 0.0, 5.0]],
        [[44.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]],
    ],
)
def test_the_colour_bar_is_as_high_as_the_plane_and_the_picture_is_filled(cell, tmp_path):
    """Neither a slab nor a sheared cell leaves most of its picture white."""
    rng = np.random.default_rng(0)
    values = rng.random((12, 12, 12))
    structure = Structure(np.array([[1.0, 1.0, 0.0]]), np.array(cell), np.array([13]))
    density = Density(structure, values, epistemic_std=values, aleatoric_std=values)
    picture = density.plot_slice()
    picture.save(tmp_path / "slice.png")
    panels = [axes for axes in picture.figure.axes if axes.get_title()]
    boxes = [axes.get_window_extent() for axes in panels]
    for axes, box in zip(panels, boxes, strict=True):
        (bar,) = axes.child_axes
        beside = bar.get_window_extent()
        assert (beside.y0, beside.y1) == pytest.approx((box.y0, box.y1), abs=1.0)
        assert box.x1 < beside.x0
    whole = [axes.get_tightbbox() for axes in panels]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(whole))
    width, height = picture.figure.get_size_inches() * picture.figure.dpi
    assert max(box.y1 for box in whole) < picture.figure._suptitle.get_window_extent().y0
    assert min(box.x0 for box in whole) >= 0.0
    assert max(box.x1 for box in whole) <= width
    assert boxes[0].height > 0.4 * height or boxes[0].width > 0.2 * width


def test_a_comparison_says_why_this_plane_and_marks_its_atoms(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.plots.save_figure", lambda figure, _: drawn.append(figure)
    )
    structure = Structure(np.array([[5.0, 5.0, 1.5]]), 10.0 * np.eye(3), np.array([13]))
    values = np.ones((10, 10, 20))
    other = values.copy()
    other[..., 6] += 1.0  # at 3 Bohr
    draw_comparison(Density(structure, values), Density(structure, other), tmp_path / "c.png")
    (figure,) = drawn
    assert figure.get_suptitle() == (
        "Al1: plane at 0.3 of vector c, where the mean |difference| is largest"
    )
    for axes in [axes for axes in figure.axes if axes.get_title()]:
        assert [line.get_xydata().tolist() for line in axes.lines] == 2 * [[[5.0, 5.0]]]


def test_titles_and_panels_keep_clear_of_each_other(tmp_path, monkeypatch):
    """The numbers of a scale grow with the panel, so that one pass of the layout is too few."""
    drawn = []

    def save(figure, picture):
        save_figure(figure, picture)
        drawn.append(figure)

    monkeypatch.setattr("rhocast.analysis.plots.save_figure", save)
    structure = Structure(np.array([[1.0, 1.0, 1.0]]), 17.0 * np.eye(3), np.array([15]))
    rng = np.random.default_rng(0)
    first, second = (Density(structure, 0.15 * rng.random((24, 24, 24))) for _ in range(2))
    draw_comparison(first, second, tmp_path / "c.png", ("DFT", "NMAE 1.0 %\ntransferred model"))
    (figure,) = drawn
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    title = figure._suptitle.get_window_extent()
    assert title.y0 > max(box.y1 for box in boxes)
    assert min(box.y0 for box in boxes) >= 0.0
    ordered = sorted(boxes, key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(ordered))
