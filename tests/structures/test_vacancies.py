import numpy as np
import pytest

from rhocast.errors import StructureError
from rhocast.structures import Structure
from rhocast.structures.lattices import cubic_cell, repeat
from rhocast.structures.vacancies import remove_vacancy


@pytest.fixture
def alloy():
    crystal = repeat(cubic_cell("diamond", 10.4, "Si"), (2, 2, 2))
    numbers = np.where(np.arange(len(crystal)) % 3 == 0, 32, 14)
    return Structure(crystal.positions, crystal.cell, numbers)


def missing(before, after):
    """Atoms of one structure that the other lacks."""
    distances = np.linalg.norm(before.positions[:, None] - after.positions, axis=-1).min(axis=1)
    return np.flatnonzero(distances > 0.1)


@pytest.mark.parametrize("element", ["Si", "Ge"])
def test_a_vacancy_of_one_element(alloy, element):
    holed = remove_vacancy(alloy, [element], np.random.default_rng(0))
    assert alloy.counts[element] - holed.counts[element] == 1
    assert len(alloy) - len(holed) == 1


@pytest.mark.parametrize("elements", [("Si", "Ge"), ("Ge", "Si"), ("Si", "Si")])
def test_a_divacancy_is_a_pair_of_nearest_neighbours(alloy, elements):
    for seed in range(20):
        holed = remove_vacancy(alloy, elements, np.random.default_rng(seed))
        first, second = missing(alloy, holed)
        step = alloy.positions[first] - alloy.positions[second]
        edges = np.diag(alloy.cell)
        distance = np.linalg.norm(step - edges * np.round(step / edges))
        assert distance == pytest.approx(10.4 * np.sqrt(3) / 4)
        found = sorted(alloy.numbers[[first, second]])
        assert found == sorted({"Si": 14, "Ge": 32}[e] for e in elements)


def test_where_and_which_follow_from_the_seed(alloy):
    holes = {
        tuple(missing(alloy, remove_vacancy(alloy, ["Si", "Ge"], np.random.default_rng(seed))))
        for seed in (0, 1, 2, 3, 0)
    }
    assert 2 <= len(holes) <= 4


def test_what_is_not_there_cannot_be_taken(alloy):
    with pytest.raises(StructureError, match="with an atom Al to take out"):
        remove_vacancy(alloy, ["Al"], np.random.default_rng(0))
    pure = cubic_cell("fcc", 7.6, "Al")
    with pytest.raises(StructureError, match="with neighbours Al and Si to take out"):
        remove_vacancy(pure, ["Al", "Si"], np.random.default_rng(0))
