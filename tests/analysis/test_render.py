"""Three-dimensional views: faces are planes of the file, and lie where the cell has them."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from small_model import make_structure

from rhocast.analysis.histogram import draw_histograms
from rhocast.analysis.render import draw_render, on_screen, towards_viewer, visible_faces
from rhocast.density import Density, write_density
from rhocast.density.quantity import MINUS
from rhocast.density.reduction import read_reduction, reduce_density, write_reduction
from rhocast.errors import FileFormatError

SHAPE = (20, 24, 28)
WHOLE = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def density_of(values: np.ndarray, cell=None) -> Density:
    return Density(make_structure(cell), values, epistemic_std=values, aleatoric_std=values)


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(
        "rhocast.analysis.render.save_figure", lambda figure, _: figures.append(figure)
    )
    return figures


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_faces_fill_the_outline_of_the_cell_and_the_cut_lies_within(hand):
    cell = np.array([[9.0, 0.0, 0.0], [2.0, 8.0 * hand, 0.0], [1.0, -2.0, 10.0]])
    faces, towards = visible_faces(cell, WHOLE), towards_viewer(cell)

    def area(face):
        first, second = (o for o in range(3) if o != face.axis)
        spans = [high - low for low, high in face.window]
        a, b = (
            on_screen(s * cell[o], towards) for s, o in zip(spans, (first, second), strict=True)
        )
        return abs(a[0] * b[1] - a[1] * b[0])

    corners = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    hull = ConvexHull(on_screen(corners @ cell, towards))
    assert sum(map(area, faces[:3])) == pytest.approx(hull.volume)  # of a plane figure: its area
    assert sum(map(area, faces[3:])) == pytest.approx(hull.volume / 4.0)
    assert {face.axis for face in faces[:3]} == {face.axis for face in faces[3:]} == {0, 1, 2}
    assert all(face.at == 0.5 for face in faces[3:])


def test_the_screen_keeps_the_third_axis_upright_and_lengths_across_the_line_of_sight():
    towards = towards_viewer(np.eye(3))
    up = on_screen(np.array([0.0, 0.0, 1.0]), towards)
    assert up[0] == pytest.approx(0.0)
    assert up[1] > 0.0
    points = np.random.default_rng(0).random((50, 3))
    lengths = np.linalg.norm(on_screen(points, towards), axis=1)
    assert (lengths <= np.linalg.norm(points, axis=1)).all()


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([4.0, 20.0, 9.0]),
        5.0 * (1.0 - np.eye(3)),  # primitive, of a face-centred lattice
        [[8.0, 0.0, 0.0], [4.0, 6.9, 0.0], [4.0, 2.3, 6.5]],  # the same, as ASE may turn it
        [[8.0, 0.0, 0.0], [-4.0, 6.9, 0.0], [0.0, 0.0, 12.0]],  # hexagonal
        [[8.0, 0.0, 0.0], [5.0, 5.0, 0.0], [0.0, 0.0, -7.0]],  # left-handed
    ],
)
def test_no_face_is_seen_edge_on(cell):
    cell = np.asarray(cell)
    normals = np.linalg.inv(cell).T
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    assert np.abs(normals @ towards_viewer(cell)).min() > 0.25


def test_faces_show_the_planes_of_a_field(drawn, tmp_path):
    """A field that rises along one axis, in steps of its mesh."""
    for axis in range(3):
        rise = np.moveaxis(np.broadcast_to(np.arange(10.0), (12, 14, 10)), 2, axis)
        write_density(tmp_path / "field.h5", density_of(rise.copy(), 10.0 * np.eye(3)))
        draw_render(tmp_path / "field.h5", "x.png", (0.1, 0.1, 0.1), (0.9, 0.9, 0.9))
        images = drawn[-1].axes[0].images
        assert len(images) == 6
        flat = [image for image in images if np.ptp(image.get_array()) < 1e-6]
        faces = visible_faces(10.0 * np.eye(3), np.array([[0.1] * 3, [0.9] * 3]))
        seen = {round(face.at * 10) for face in faces if face.axis == axis}
        assert {round(float(image.get_array().mean())) for image in flat} == seen == {5, 9}


def test_colours_of_a_difference_are_alike_on_both_sides_of_zero(drawn, tmp_path):
    values = np.random.default_rng(0).random(SHAPE) - 0.2
    write_density(tmp_path / "d.h5", Density(make_structure(), values, record={MINUS: "b.h5"}))
    draw_render(tmp_path / "d.h5", "x.png")
    axes = drawn[0].axes[0]
    assert axes.get_title() == "density difference, e/Bohr³"
    assert drawn[0].get_suptitle() == make_structure().formula
    assert sorted(text.get_text()[:2] for text in axes.texts) == ["a,", "b,", "c,"]
    largest = max(np.abs(image.get_array()).max() for image in axes.images)
    assert {image.get_clim() for image in axes.images} == {(-largest, largest)}
    with pytest.raises(FileFormatError, match="is a difference of densities"):
        draw_histograms([tmp_path / "d.h5"], "x.png")


def test_faces_of_a_reduction_are_its_block_means(drawn, tmp_path):
    values = np.broadcast_to(0.01 * np.arange(28.0), SHAPE).copy()
    density = density_of(values)
    reduction = reduce_density(density, 3.0)
    write_reduction(tmp_path / "r.h5", reduction, density.structure, density.mesh, {}, places=2)
    draw_render(tmp_path / "r.h5", "x.png")
    panels = [axes for axes in drawn[0].axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["density, means, e/Bohr³", "σ, means, e/Bohr³"]
    coarse = read_reduction(tmp_path / "r.h5")["coarse"][0]
    images = [image.get_array() for image in panels[0].images]
    flat = sorted(float(image.mean()) for image in images if np.ptp(image) < 1e-9)
    last, middle = coarse[0, 0, -1], coarse[0, 0, coarse.shape[2] // 2]
    assert flat == pytest.approx(sorted([last, middle]))
    assert max(image.max() for image in images) <= coarse.max() + 1e-9


def test_pictures_are_written(tmp_path):
    rng = np.random.default_rng(0)
    write_density(tmp_path / "field.h5", density_of(rng.random(SHAPE)))
    for name in ("render.png", "render.svg", "render.pdf"):
        draw_render(tmp_path / "field.h5", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
