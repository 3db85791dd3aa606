"""What the cells to predict have that no held-out snapshot has."""

import pytest
import yaml

from rhocast.config import Config
from rhocast.workflow.unmeasured import unmeasured


@pytest.fixture
def said(root):
    """Return the sentences of the small campaign, its cell and its held-out system edited."""
    text = (root / "tests/data/tiny.yaml").read_text()

    def say(held_out=(), trained=(), sampler=None, **cell):
        config = yaml.safe_load(text)
        systems = config["systems"]
        systems["si64"] = {**systems["si64"], "vacancies": 0, **cell}
        systems["test"] = {**systems["si16"], **dict(held_out)}
        systems["si8"] |= dict(trained)
        config["datasets"]["test"][0] |= {"system": "test"} | (
            {"sampler": sampler} if sampler else {}
        )
        return unmeasured(Config.model_validate(config))

    return say


def test_a_vacancy_that_no_snapshot_has_is_told_with_the_remedy(said):
    assert said(vacancies=1) == [
        "cell si64 has a vacancy, which no held-out or training snapshot has: the held-out error "
        "is that of the perfect crystal, and the error at the vacancy was not measured; to measure "
        "it, add a held-out dataset whose system has `vacancies: 1` to `evaluation`"
    ]
    assert "vacancies, which" in said(vacancies=3)[0]


def test_what_a_held_out_system_has_is_measured(said):
    assert said() == []
    assert said(vacancies=2, held_out={"vacancies": 1}) == []
    assert said(strain=0.02, held_out={"strain": [0.02, 0.02, 0.02]}) == []


def test_training_on_it_does_not_measure_it(said):
    (sentence,) = said(vacancies=1, trained={"vacancies": 1})
    assert "which no held-out snapshot has: " in sentence
    assert "the error at the vacancy was not measured" in sentence


@pytest.mark.parametrize(
    ("cell", "named", "keys"),
    [
        ({"strain": 0.02}, "a strain of 0.02", "strain: 0.02"),
        ({"strain": [0.0, 0.0, -0.01]}, "a strain of [0, 0, -0.01]", "strain: [0, 0, -0.01]"),
        ({"grain_boundary": [2, 1, 0]}, "a grain boundary [2, 1, 0]", "grain_boundary: [2, 1, 0]"),
        ({"dislocation": "edge"}, "an edge dislocation", "dislocation: edge"),
    ],
)
def test_every_other_trait_is_told(said, cell, named, keys):
    (sentence,) = said(**cell)
    assert f"cell si64 has {named}, which" in sentence
    assert f"whose system has `{keys}`" in sentence


def test_another_composition_is_told_and_other_defects_make_no_perfect_crystal(root):
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    config["material"]["pseudopotentials"]["Ge"] = "spms"
    config["systems"]["si64"]["composition"] = {"Si": 0.5, "Ge": 0.5}
    config["systems"]["si16"]["grain_boundary"] = [2, 1, 0]
    vacancy, mixed = unmeasured(Config.model_validate(config))
    assert "that of cells without it" in vacancy
    assert "has the composition {Ge: 0.5, Si: 0.5}, which" in mixed
    assert "the error of this composition was not measured" in mixed


def test_what_imported_snapshots_have_is_not_known(said):
    assert "unless an imported one does" in said(vacancies=1, sampler="imported")[0]
