"""The page in a real browser, from a file: what it shows is what the density holds."""

import base64
import gzip
import json

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from small_model import make_structure

from rhocast.density import Density
from rhocast.density.quantity import MINUS
from rhocast.errors import StructureError
from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.view import show, write_page
from rhocast.view.page import page_of

pytestmark = pytest.mark.browser

SHAPE = (24, 20, 22)


def smooth(mesh: Mesh) -> np.ndarray:
    """Return a few waves of the cell, positive."""
    x, y, z = 2 * np.pi * np.indices(mesh.shape) / np.array(mesh.shape)[:, None, None, None]
    return (0.03 + 0.01 * np.cos(x) * np.cos(y) + 0.005 * np.sin(2 * z)).astype(np.float32)


@pytest.fixture(scope="module")
def field() -> Density:
    structure = make_structure()  # a sheared cell
    density = smooth(Mesh(SHAPE, structure.cell))
    return Density(structure, density, epistemic_std=0.1 * density, aleatoric_std=0.05 * density)


@pytest.fixture(scope="module")
def browser(chromium):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def shown(browser, field, path, **options):
    """Open the page of a field; returns it and what the browser complains of."""
    write_page(path, field, "density of <b>Al & Si</b>", **options)
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    complaints: list[str] = []
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    local = ("file:", "data:", "blob:")
    opened.on("request", lambda r: None if r.url.startswith(local) else complaints.append(r.url))
    opened.goto(path.as_uri())
    opened.wait_for_function("window.viewer.ready", timeout=120_000)
    return opened, complaints


@pytest.fixture(scope="module")
def opened(browser, field, tmp_path_factory):
    return shown(browser, field, tmp_path_factory.mktemp("page") / "density.html")


@pytest.fixture
def page(opened):
    """Give the page as it is when it opens; an error or a request to a network fails the test."""
    page, complaints = opened
    page.evaluate("document.getElementById('controls').reset(); viewer.clicked = null; drawAll()")
    yield page
    assert not complaints


def test_the_line_cut_shows_the_values_of_the_density(page, field):
    for which in ("u", "v", "n"):
        page.select_option("#line", which)
        line = page.evaluate("window.viewer.line")
        index = np.array(line["points"]) @ np.linalg.inv(field.cell) * SHAPE
        expected = map_coordinates(field.density, index.T, order=5, mode="grid-wrap")
        np.testing.assert_allclose(line["values"], expected, atol=2e-5)
        np.testing.assert_allclose(line["sigma"], expected * np.hypot(0.1, 0.05), rtol=0.02)


def test_the_difference_to_another_density_is_a_field(browser, field, tmp_path):
    """Of one on another mesh, too: the waves of the cell are the same on both."""
    finer = Mesh((30, 24, 27), field.cell)
    mean = field.density.mean()
    other = Density(field.structure, 0.9 * smooth(finer) + 0.1 * mean, source="other.cube")
    page, complaints = shown(browser, field, tmp_path / "difference.html", against=other)
    page.select_option("#field", "difference")
    assert page.input_value("#colours") == "RdBu"
    line = page.evaluate("window.viewer.line")
    index = np.array(line["points"]) @ np.linalg.inv(field.cell) * SHAPE
    expected = map_coordinates(0.1 * (field.density - mean), index.T, order=5, mode="grid-wrap")
    np.testing.assert_allclose(line["values"], expected, atol=1e-5)
    gain, loss = page.evaluate("window.viewer.surface.all")
    assert gain > 50
    assert loss > 50
    assert "other.cube" in page.locator("#facts").text_content()
    page.close()
    assert not complaints


def test_a_file_of_a_difference_is_shown_as_one(browser, field, tmp_path):
    values = field.density - field.density.mean()
    stored = Density(field.structure, values, record={MINUS: "atoms.h5"})
    page, complaints = shown(browser, stored, tmp_path / "stored.html")
    assert page.input_value("#field") == "difference"
    assert page.input_value("#colours") == "RdBu"
    assert min(page.evaluate("window.viewer.surface.all")) > 50
    assert "atoms.h5" in page.locator("#facts").text_content()
    page.close()
    assert not complaints


def test_boxes_of_a_large_field_hold_the_difference(field):
    other = Density(field.structure, 0.9 * field.density)
    html = page_of(field, "large", max_points=2000, box_side=8, against=other)
    text = html.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    whole, *boxes = json.loads(text)["parts"]
    assert boxes
    for part in (whole, *boxes):
        packed = {name: part["fields"][name] for name in ("density", "difference")}
        density, difference = (
            np.frombuffer(gzip.decompress(base64.b64decode(text)), dtype="<f4")
            for text in packed.values()
        )
        np.testing.assert_allclose(difference, 0.1 * density, atol=1e-5)


def test_another_cell_has_no_difference(field, tmp_path):
    other = make_structure(1.1 * field.cell)
    with pytest.raises(StructureError, match="cell"):
        write_page(tmp_path / "no.html", field, "no", against=Density(other, field.density))


def test_an_atom_at_a_corner_is_at_every_corner_with_a_legend(browser, field, tmp_path):
    corner = Structure(np.zeros((1, 3)), field.cell, np.array([14]))
    path = tmp_path / "corner.html"
    page, complaints = shown(browser, Density(corner, field.density), path)
    places = page.evaluate("viewer.volumes[0].atoms().map((atom) => atom.place)")
    corners = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(np.sort(places, axis=0), np.sort(corners @ field.cell, axis=0))
    assert len(np.unique(np.round(places, 6), axis=0)) == 8
    assert page.evaluate("currentPlane().atoms(1.0).length") == 0
    page.evaluate("control('offset').value = 0; drawSlice()")
    assert page.evaluate("currentPlane().atoms(1.0).length") == 4
    for picture in ("slice", "surface"):
        assert page.locator(f"#{picture} .legendtext").all_text_contents() == ["Si"]
    page.close()
    assert not complaints


def test_titles_keep_clear_of_the_buttons(page):
    for picture in ("slice", "surface", "cut"):
        title = page.locator(f"#{picture} .gtitle").bounding_box()
        buttons = page.locator(f"#{picture} .modebar").bounding_box()
        assert title["x"] + title["width"] < buttons["x"]


def test_a_click_moves_the_line_cut(page):
    before = page.evaluate("window.viewer.line.points[0]")
    box = page.locator("#slice .nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.3 * box["height"])
    page.wait_for_function("window.viewer.clicked !== null")
    assert page.evaluate("window.viewer.line.points[0]") != before


def test_the_plane_follows_its_slider_by_keyboard(page, field):
    before = page.evaluate("window.viewer.rows")
    page.focus("#offset")
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.viewer.rows") != before
    height = page.evaluate("window.viewer.plane.fromCorner")
    spacing = field.structure.volume / np.linalg.norm(np.cross(*field.cell[:2]))
    assert height == pytest.approx(spacing * (0.5 + 40 * 0.002), rel=1e-6)


@pytest.mark.parametrize("control", ["field", "plane", "colours", "scale", "length"])
def test_every_choice_changes_the_picture(page, control):
    picture = page.locator("#slice")
    before = picture.screenshot()
    page.locator(f"#{control}").select_option(index=1)
    for _ in range(300):  # until it is drawn anew
        page.wait_for_timeout(200)
        if picture.screenshot() != before:
            return
    pytest.fail("the picture stays the same")


def test_any_plane_can_be_named_and_a_wrong_one_is_refused(page):
    page.select_option("#plane", "other")
    page.fill("#hkl", "2 1 -1")
    page.press("#hkl", "Enter")
    page.locator("#hkl").blur()
    assert page.evaluate("document.getElementById('hkl').validity.valid")
    page.fill("#hkl", "0 0")
    page.locator("#hkl").blur()
    assert not page.evaluate("document.getElementById('hkl').validity.valid")


def test_the_isosurface_encloses_what_lies_above_its_level(browser, field, tmp_path):
    """Its volume, by the divergence theorem, is that of the points above the level."""
    fractional = np.moveaxis(np.indices(SHAPE), 0, -1) / np.array(SHAPE) - 0.5
    squared = np.sum((fractional @ field.cell) ** 2, axis=-1)
    blob = Density(field.structure, np.exp(-squared / 12.0).astype(np.float32))
    page, complaints = shown(browser, blob, tmp_path / "blob.html")
    volume = page.evaluate(
        """() => {
          const shown = viewer.volumes[0], m = isosurface(shown, shown.fields.density, 0.5);
          const place = (a) => [m.x[a], m.y[a], m.z[a]];
          const six = m.i.map((a, t) => dot(place(a), cross(place(m.j[t]), place(m.k[t]))));
          return six.reduce((sum, part) => sum + part, 0) / 6;
        }"""
    )
    page.close()
    sphere = 4.0 / 3.0 * np.pi * (12.0 * np.log(2.0)) ** 1.5
    assert volume == pytest.approx(sphere, rel=0.02)
    assert not complaints


def test_the_title_is_text(page):
    assert page.title() == "density of <b>Al & Si</b>"
    assert page.locator("h1").text_content() == "density of <b>Al & Si</b>"


def test_a_notebook_frames_the_page(browser, field, tmp_path):
    shown_field = show(field, max_points=20_000)
    frame = tmp_path / "notebook.html"
    frame.write_text(f"<html><body>{shown_field._repr_html_()}</body></html>", encoding="utf-8")
    page = browser.new_page()
    page.goto(frame.as_uri())
    inside = page.frames[1]
    inside.wait_for_selector(".js-plotly-plot", timeout=120_000)
    assert inside.title() == field.structure.formula
    page.close()
