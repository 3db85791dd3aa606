import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_model import make_model, make_structure

import rhocast
from rhocast.analysis.figures import largest_void
from rhocast.density import read_density, read_snapshot
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, predict_file
from rhocast.inference.outside import close_atoms, departures, is_uneven, look_outside, tell
from rhocast.learning.uncertainty import fit_training_range
from rhocast.structures import Structure
from rhocast.structures.lattices import cubic_cell, repeat


@pytest.fixture(scope="module")
def crystal():
    sites = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    return Structure(sites * 5.0, 15.0 * np.eye(3), np.full(27, 13))


@pytest.fixture(scope="module")
def model(crystal):
    """A model that counts as trained on one crystal."""
    made = make_model(training={"volume_per_atom_bohr3": [125.0, 125.0], "cells": ["Al27"]})
    points = np.random.default_rng(0).random((4000, 3)) @ crystal.cell
    features = made.bind(crystal).descriptor(points)
    scaled = torch.from_numpy(made.normalisation.features(features))
    known = fit_training_range(lambda: [scaled], np.zeros(len(points), int))
    return replace(made, training_range=known)


def share_outside(model, structure):
    found = look_outside(model, structure)
    return found and found.share


def test_what_was_trained_on_is_inside_and_what_was_not_is_outside(model, crystal):
    assert share_outside(model, crystal) < 0.02
    vacant = Structure(crystal.positions[1:], crystal.cell, crystal.numbers[1:])
    assert 0.03 < share_outside(model, vacant) < 0.9
    squeezed = Structure(crystal.positions * 0.8, crystal.cell * 0.8, crystal.numbers)
    assert share_outside(model, squeezed) > 0.5
    assert share_outside(replace(model, training_range=None), crystal) is None


def test_the_share_is_told_and_stored(model, crystal, tmp_path, caplog):
    squeezed = Structure(crystal.positions * 0.9, crystal.cell * 0.9, crystal.numbers)
    mesh = Mesh((9, 8, 7), squeezed.cell)
    with caplog.at_level(logging.INFO):
        predict_file(model, squeezed, mesh, tmp_path / "d.h5", PredictionOptions(where="s.xyz"))
    share = read_density(tmp_path / "d.h5").record["outside_training_share"]
    assert share > 0.1
    assert f"s.xyz: {100 * share:.1f} % of the points lie outside" in caplog.text
    assert "of one snapshot's at most 1.0 %" in caplog.text
    told = "s.xyz: 91.1 Bohr³ to an atom, the nearest the model was trained on: 125.0"
    assert told in caplog.text


def test_models_that_cannot_tell_leave_it_out(tmp_path):
    structure = make_structure()
    predict_file(make_model(), structure, Mesh((6, 5, 7), structure.cell), tmp_path / "d.h5")
    assert "outside_training_share" not in read_density(tmp_path / "d.h5").record


def alloy(ge: int, scale: float = 1.0) -> Structure:
    numbers = np.where(np.arange(8) < ge, 32, 14)
    positions = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3) * 5.0
    return Structure(positions * scale, 10.0 * scale * np.eye(3), numbers)


@pytest.mark.parametrize(
    ("structure", "told"),
    [
        (alloy(4), []),
        (alloy(5), []),  # seen in the transfer
        (alloy(8), ["0% of the atoms are Si", "100% of the atoms are Ge"]),
        (alloy(4, 1.01), ["128.8 Bohr³ to an atom, the nearest the model was trained on: 125.0"]),
        (
            alloy(4, 1.05),
            ["144.7 Bohr³ to an atom, the nearest the model was trained on: 125.0 an"],
        ),
        (alloy(4, 1.0625), []),  # the transfer's
        (alloy(4, 0.95), ["107.2 Bohr³ to an atom"]),
        (
            alloy(4, 0.53),
            ["18.6 Bohr³ to an atom, the nearest the model was trained on: 125.0; is"],
        ),
    ],
)
def test_cells_that_are_unlike_those_trained_on_are_told(structure, told):
    metadata = {
        "training": {"volume_per_atom_bohr3": [125.0], "cells": ["Si4Ge4"]},
        "transfer": {"volume_per_atom_bohr3": [125.0, 150.0], "cells": ["Si3Ge5"]},
    }
    model = replace(make_model(), species=("Si", "Ge"), metadata=metadata)
    found = list(departures(model, structure))
    assert len(found) == len(told)
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True))


def with_atom(structure: Structure, position, number=13) -> Structure:
    positions = np.vstack([structure.positions, [position]])
    return Structure(positions, structure.cell, np.append(structure.numbers, number))


@pytest.mark.parametrize(
    ("trained", "distance", "told"),
    [
        ({}, 0.57, ["atoms 0 and 27, Al-Si, are 0.57 Bohr apart, expected at least 2.63: no bond"]),
        ({}, 2.7, []),
        ({"Al-Si": 4.0}, 2.7, ["Al-Si, are 2.70 Bohr apart, expected at least 4.00: none were"]),
        ({"Al-Si": 4.0}, 3.9, []),
        ({"Al-Al": 4.0}, 2.7, []),
        ({"Al-Al": 5.5}, 2.7, ["Al-Al, are 5.00 Bohr apart, expected at least 5.50: none were"]),
    ],
)
def test_atoms_closer_than_in_training_are_named(crystal, trained, distance, told):
    structure = with_atom(crystal, crystal.positions[0] + distance / np.sqrt(3), 14)
    model = make_model(training={"closest_bohr": trained})
    found = list(close_atoms(model, structure))
    assert len(found) == len(told)
    assert all(sentence in line for sentence, line in zip(told, found, strict=True))


@pytest.fixture(scope="module")
def al():
    return rhocast.load("al")


def aluminium(*repeats: int) -> Structure:
    return repeat(cubic_cell("fcc", 7.6533907756, "Al"), repeats)


def warnings_of(model, structure, caplog) -> str:
    """Predict as a notebook does, on a mesh that costs nothing."""
    caplog.clear()
    model.predict(structure, mesh_spacing_bohr=3.0, direct=True)
    return " ".join(r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)


def test_a_notebook_is_warned_of_slab_lonely_atom_and_touching_atoms(al, caplog):
    bulk = aluminium(2, 2, 2)
    assert "outside" not in warnings_of(al, bulk, caplog)
    assert "apart" not in warnings_of(al, bulk, caplog)
    assert "less like" not in warnings_of(al, bulk, caplog)
    slab = Structure(bulk.positions, bulk.cell * np.array([[1], [1], [2.5]]), bulk.numbers)
    assert "outside the model's training range" in warnings_of(al, slab, caplog)
    lonely = Structure(np.zeros((1, 3)), 30 * np.eye(3), np.array([13]))
    assert "outside the model's training range" in warnings_of(al, lonely, caplog)
    touching = with_atom(bulk, bulk.positions[0] + [0.567, 0, 0])
    assert "0 and 32, Al-Al, are 0.57 Bohr apart" in warnings_of(al, touching, caplog)


def test_a_few_points_unlike_the_rest_are_enough(al):
    """A slab so thick that next to all of its points look like bulk."""
    bulk = aluminium(1, 1, 24)
    slab = Structure(bulk.positions, bulk.cell * np.array([[1], [1], [1.1]]), bulk.numbers)
    found = look_outside(al.model, slab)
    assert found.share < al.model.training_range.usual_share
    assert is_uneven(found, al.model.training_range)


@pytest.mark.parametrize(
    ("name", "snapshot", "flagged"),
    [
        ("al", "al/al32-test/500K/0.h5", False),
        ("al", "al/al32-test/1400K/1.h5", False),
        ("al", "al/al108/933K/0.h5", False),
        ("al", "al/al108/1866K/1.h5", False),
        ("al", "al-defects/al32-compressed5/500K/0.h5", False),
        ("al", "al-defects/al31-vacancy/500K/1.h5", True),
        ("al", "al-defects/al107-vacancy/500K/0.h5", True),
        ("al", "al-defects/al30-divacancy/500K/1.h5", True),
        ("al", "al-defects/al106-divacancy/500K/0.h5", True),
        ("sige", "sige/sige64-test/600K/0.h5", False),
        ("sige", "sige-unseen/si40ge60/600K/0.h5", False),
        ("sige", "sige-unseen/sige63-vacancy/600K/0.h5", True),
    ],
)
def test_point_defects_are_flagged_where_they_are(root, name, snapshot, flagged, caplog):
    """No crystal and no liquid that was held back is."""
    model = rhocast.load(name).model
    structure = read_snapshot(root / "data" / snapshot).structure
    found = look_outside(model, structure)
    tell(model, structure, found, "a cell")
    told = [r.getMessage() for r in caplog.records if "less like the training" in r.getMessage()]
    assert len(told) == flagged
    if flagged:
        void = largest_void(structure, spacing_bohr=0.5)
        apart = found.place_bohr @ np.linalg.inv(structure.cell) - void
        assert np.linalg.norm((apart - np.round(apart)) @ structure.cell) < 8.0
