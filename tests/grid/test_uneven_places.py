import numpy as np
import pytest

from rhocast.grid import BinnedAtoms
from rhocast.grid import uneven_places as module
from rhocast.grid.uneven_places import uneven_places
from rhocast.structures import Structure
from rhocast.structures.lattices import cubic_cell, repeat

SHEARED = np.array([[1.0, 0.0, 0.0], [0.4, 1.0, 0.0], [-0.3, 0.2, 1.1]])


def thermal(lattice="fcc", counts=(5, 4, 4), shape=None, seed=0) -> Structure:
    """Atoms of a lattice that are displaced each for itself, in a cell of any shape."""
    crystal = repeat(cubic_cell(lattice, 7.65 if lattice == "fcc" else 10.3, "Al"), counts)
    steps = 0.2 * np.random.default_rng(seed).standard_normal((len(crystal), 3))
    shape = np.eye(3) if shape is None else shape
    return Structure((crystal.positions + steps) @ shape, crystal.cell @ shape, crystal.numbers)


def without(structure: Structure, *atoms: int) -> Structure:
    kept = np.delete(np.arange(len(structure)), atoms)
    return Structure(structure.positions[kept], structure.cell, structure.numbers[kept])


def found_in(structure, least=4.5, most=8):
    return uneven_places(BinnedAtoms.of(structure), least, most)


def apart(structure, first, second) -> float:
    steps = (np.asarray(first) - second) @ np.linalg.inv(structure.cell)
    return float(np.linalg.norm((steps - np.round(steps)) @ structure.cell))


@pytest.mark.parametrize("shape", [None, SHEARED, -np.eye(3)])
@pytest.mark.parametrize("lattice", ["fcc", "diamond"])
def test_a_missing_atom_is_found_where_it_was(lattice, shape):
    crystal = thermal(lattice, shape=shape)
    assert found_in(crystal) == []
    vacant = without(crystal, 77)
    [place] = found_in(vacant)
    assert apart(crystal, place.position_bohr, crystal.positions[77]) < 2.0
    assert place.excess == pytest.approx(-1.0, abs=0.25)
    assert place.deviations < -6.0
    distances = [apart(vacant, place.position_bohr, x) for x in vacant.positions]
    assert place.atom == int(np.argmin(distances))


def test_an_atom_too_many_is_found():
    crystal = thermal()
    octahedral = crystal.positions[100] + [7.65 / 2, 0.0, 0.0]
    full = Structure(
        np.vstack([crystal.positions, octahedral]), crystal.cell, np.append(crystal.numbers, 13)
    )
    [place] = found_in(full)
    assert place.excess == pytest.approx(1.0, abs=0.25)
    assert apart(full, place.position_bohr, octahedral) < 2.0


def test_the_atoms_are_counted_in_a_gaussian_window():
    """Against the sum itself, in a sheared cell smaller than the window's reach."""
    structure = thermal(counts=(1, 1, 2), shape=SHEARED)
    length = (structure.volume / len(structure)) ** (1 / 3)
    around = BinnedAtoms.of(structure).around(np.zeros(3), np.ones(3), 3.5 * 0.6 * length)
    counts, inside = module._counts(around, length)
    points = np.argwhere(np.ones(counts[inside].shape)) + [side.start for side in inside]
    chosen = points[:: len(points) // 40]
    images = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), axis=-1).reshape(-1, 1, 3)
    atoms = (structure.positions + images @ structure.cell).reshape(-1, 3)
    for point in chosen:
        scaled = point / counts.shape - around.lower
        place = scaled @ around.structure.cell
        squares = np.square(atoms - place).sum(axis=1)
        expected = np.exp(-squares / (2 * (0.6 * length) ** 2)).sum()
        assert counts[tuple(point)] == pytest.approx(expected, abs=0.02)


def test_boxes_do_not_matter(monkeypatch):
    vacant = without(thermal(), 7, 300)
    alone = found_in(vacant)
    monkeypatch.setattr(module, "_BOX_BOHR", 12.0)
    in_boxes = found_in(vacant)
    assert len(alone) == len(in_boxes) == 2
    for place in alone:
        places = [other.position_bohr for other in in_boxes]
        nearest = int(np.argmin([apart(vacant, place.position_bohr, other) for other in places]))
        assert apart(vacant, place.position_bohr, places[nearest]) < 1.5
        assert place.deviations == pytest.approx(in_boxes[nearest].deviations, rel=0.05)


def test_a_crystal_at_rest_and_empty_space_have_no_such_places():
    crystal = repeat(cubic_cell("fcc", 7.65, "Al"), (3, 3, 3))
    assert found_in(crystal) == []
    high = crystal.cell * [[1.0], [1.0], [3.0]]
    assert found_in(Structure(crystal.positions, high, crystal.numbers)) == []


def test_no_more_places_than_asked_for_the_most_uneven_first():
    vacant = without(thermal(counts=(6, 6, 6)), 0, 216, 432, 700)
    found = found_in(vacant, 4.0, 3)
    assert len(found) == 3
    assert np.all(np.diff([abs(place.deviations) for place in found]) <= 0.0)
