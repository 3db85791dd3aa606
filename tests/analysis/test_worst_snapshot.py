"""The picture of the held-out snapshot that is predicted worst."""

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from rhocast.analysis.evaluation import compare_models, names_of
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


def test_snapshots_of_one_folder_are_named_by_their_files():
    assert list(names_of(["a/300K/0.h5", "a/300K/1.h5"])) == ["0.h5", "1.h5"]
