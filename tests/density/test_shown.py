"""What a notebook shows of a density: in memory, in an open file, in one that was closed."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_model import make_structure

import rhocast
from rhocast.density import Density, open_density, read_density, write_density
from rhocast.density.quantity import MINUS
from rhocast.errors import ConfigError, StructureError
from rhocast.structures import Structure

SHAPE = (12, 14, 16)


@pytest.fixture(scope="module")
def density() -> Density:
    rng = np.random.default_rng(0)
    values = (0.01 + 0.03 * rng.random(SHAPE)).astype(np.float32)
    record = {"n_electrons": 48.0}
    return Density(
        make_structure(), values, epistemic_std=0.01 * values, aleatoric_std=values, record=record
    )


@pytest.fixture(scope="module")
def path(density, tmp_path_factory):
    path = tmp_path_factory.mktemp("shown") / "field.h5"
    write_density(path, density)
    return path


def test_a_table_tells_formula_cell_mesh_electrons_and_the_range_of_each_field(density):
    told = dict(density.summary())
    assert told["Density"] == f"{density.structure.formula}, {len(density.structure)} atoms"
    assert told["mesh"].startswith("12 × 14 × 16 points, ")
    assert told["valence electrons"] == "48"
    assert float(told["∫ρ"].split()[0]) == pytest.approx(density.electron_count, rel=1e-6)
    for name, title in (("density", "density"), ("epistemic_std", "epistemic σ")):
        low, high, mean = map(float, re.findall(r"\d[\d.e-]+", told[title].split("e/Bohr³")[0]))
        values = density.read(name)
        assert (low, high) == pytest.approx((values.min(), values.max()), rel=5e-3)
        assert mean == pytest.approx(values.mean(), rel=5e-3)
    html = density._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == len(density.summary())


def test_lengths_and_angles_are_those_of_the_cell(density):
    cell = np.array([[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 3.0, 3.0]])
    structure = Structure(np.zeros((1, 3)), cell, np.array([13]))
    told = dict(Density(structure, density.density).summary())
    assert told["cell"] == "4 × 5 × 4.243 Bohr, α 45°, β 90°, γ 90°"


def test_a_difference_says_from_what_and_names_are_text(density):
    difference = Density(density.structure, density.density, record={MINUS: "<b>.h5"})
    assert dict(difference.summary())["minus"] == "<b>.h5"
    assert "&lt;b&gt;.h5" in difference._repr_html_()


def test_a_file_is_described_without_reading_its_fields(path, monkeypatch):
    with open_density(path) as stored:
        monkeypatch.setattr(type(stored), "read", lambda *_: pytest.fail("a field was read"))
        told = dict(stored.summary())
        assert told["fields"] == "density, epistemic σ, aleatoric σ"
        assert told["file"] == str(path)
        assert "Density" in repr(stored)
    assert repr(stored) == f"<DensityFile {path}, closed>"
    assert stored._repr_html_() is None


def test_page_and_plane_of_a_field_in_memory_and_in_a_file(density, path, tmp_path):
    with open_density(path) as stored:
        for number, field in enumerate((read_density(path), stored, density)):
            shown = field.view(height=500)
            assert 'height="500"' in shown._repr_html_()
            shown.save(tmp_path / f"{number}.html")
            assert (tmp_path / f"{number}.html").read_text().startswith("<!doctype html>")
            picture = field.plot_slice("a", at=0.3, cut=0.5, reference=density)
            assert isinstance(picture.figure, Figure)
            assert "plane at 0.3 of vector a" in picture.figure.get_suptitle()
            assert picture._repr_png_().startswith(b"\x89PNG")
            picture.save(tmp_path / f"{number}.svg")
            assert "<svg" in (tmp_path / f"{number}.svg").read_text()


def test_a_prediction_has_the_same_methods(root):
    atoms = read_density(root / "data/kpoints/random-3/al4/300K/0.h5").atoms
    field = rhocast.load("al").predict(atoms)
    assert "epistemic σ" in field._repr_html_()
    titles = [axes.get_title() for axes in field.plot_slice().figure.axes]
    assert titles == [f"{kind}, e/Bohr³" for kind in ("density", "epistemic σ", "aleatoric σ")]


def test_against_shows_the_difference_and_needs_the_same_cell(density):
    assert '"difference"' in density.view(against=density).page
    with pytest.raises(StructureError):
        density.view(against=Density(make_structure(1.1 * density.cell), density.density))


def test_what_cannot_be_drawn_is_refused(density):
    with pytest.raises(ConfigError, match="axis: expected a, b, c, found 'z'"):
        density.plot_slice("z")
    with pytest.raises(ConfigError, match="reference: is drawn along a line; expected cut"):
        density.plot_slice(reference=density)
