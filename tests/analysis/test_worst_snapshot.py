"""The picture of the held-out snapshot that is predicted worst."""

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from rhocast.analysis.evaluation import compare_models, names_of
from rhocast.analysis.verdict import percent
from rhocast.analysis.worst_snapshot import draw_worst_snapshot
from rhocast.model.shipped import model_path

DATA = Path(__file__).parents[2] / "data"
CRYSTAL, VACANCY = DATA / "al/al32-test/500K/0.h5", DATA / "al-defects/al31-vacancy/500K/0.h5"


@pytest.mark.parametrize("paths", [[CRYSTAL, VACANCY], [VACANCY, CRYSTAL]])
def test_the_worst_of_all_is_drawn(tmp_path, caplog, paths):
    caplog.set_level("INFO")
    model, errors, picture = model_path("al"), tmp_path / "errors.json", tmp_path / "worst.png"
    options = {"uncertainty": "fast", "picture": tmp_path / "errors.png"}
    compare_models({"base": model}, paths, errors=errors, **options)
    each = json.loads(errors.read_text())["base"]["snapshots"]
    assert set(each) == set(names_of(paths)) == {str(path) for path in paths}
    assert each[str(VACANCY)]["nmae"] > each[str(CRYSTAL)]["nmae"]
    draw_worst_snapshot(model, paths, errors, picture)
    assert f"{VACANCY}: the largest error, NMAE 0.4" in caplog.text
    assert imread(picture)[..., :3].std() > 0.05


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn."""
    figures = []
    for name in ("figures", "plots"):
        module = f"rhocast.analysis.{name}"
        monkeypatch.setattr(f"{module}.save_figure", lambda figure, _: figures.append(figure))
    return figures


def test_the_errors_of_each_model_stand_below_its_name(tmp_path, drawn):
    """A campaign chooses one of two models: neither may pass for the other."""
    errors = tmp_path / "errors.json"
    names = {"base": model_path("al"), "transferred": model_path("al")}
    options = {"uncertainty": "fast", "picture": tmp_path / "errors.png"}
    compare_models(names, [CRYSTAL], errors=errors, **options)
    reports = json.loads(errors.read_text())
    rows = drawn[0].subfigs
    for row, (name, report) in zip(rows, reports.items(), strict=True):
        assert row.get_suptitle() == f"{name} model: NMAE {percent(report['nmae'], 3)}"
        title = row.axes[2].get_title()
        assert title == f"calibration error {report['calibration_error']:.3f}"


def test_the_dataset_that_decides_names_the_model(tmp_path, drawn):
    """On another dataset the other model may be better; the chosen one is drawn."""
    figures = {"base": 0.02, "transferred": 0.01}
    reports = {
        name: {"nmae": nmae, "snapshots": {"0.h5": {"nmae": nmae}}}
        for name, nmae in figures.items()
    }
    errors, deciding = tmp_path / "other.json", tmp_path / "test.json"
    errors.write_text(json.dumps(reports))
    deciding.write_text(json.dumps({"base": {"nmae": 0.1}, "transferred": {"nmae": 0.2}}))
    draw_worst_snapshot(model_path("al"), [CRYSTAL], errors, tmp_path / "worst.png", deciding)
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert "NMAE 2.0 %\nbase model, e/Bohr³" in titles


def test_snapshots_of_one_folder_are_named_by_their_files():
    assert list(names_of(["a/300K/0.h5", "a/300K/1.h5"])) == ["0.h5", "1.h5"]
