import pytest

from rhocast.errors import ModelError
from rhocast.model import DensityModel, shipped
from rhocast.model.shipped import model_path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two shipped models, and a working folder without any."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("al", "sige"):
        (folder / f"{name}.safetensors").touch()
    monkeypatch.setattr(shipped, "FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_name_stands_for_a_shipped_model(folder):
    assert model_path("sige") == folder / "sige.safetensors"


def test_a_file_wins_over_a_shipped_model(folder, tmp_path):
    (tmp_path / "sige").touch()
    assert model_path("sige").samefile(tmp_path / "sige")
    assert model_path(folder / "al.safetensors") == folder / "al.safetensors"


def test_a_folder_is_no_model(folder, tmp_path):
    (tmp_path / "al").mkdir()
    assert model_path("al") == folder / "al.safetensors"


@pytest.mark.parametrize("name", ["ge", "sige.safetensors", "../shipped/sige", ""])
def test_an_unknown_name_lists_the_known_ones(folder, name):
    with pytest.raises(ModelError, match=rf"{name}: no such file.*shipped model: al, sige"):
        model_path(name)


@pytest.mark.parametrize("card", sorted(shipped.FOLDER.glob("*.md")), ids=lambda card: card.stem)
def test_a_card_is_of_the_model_beside_it(card):
    assert DensityModel.load(card.stem).hash in card.read_text(encoding="utf-8")


def test_nothing_may_be_shipped(folder, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", folder / "absent")
    with pytest.raises(ModelError, match="shipped model: none"):
        model_path("sige")
