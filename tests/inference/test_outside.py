import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_model import make_model, make_structure

from rhocast.density import read_density
from rhocast.grid import Mesh
from rhocast.inference import predict_file
from rhocast.inference.outside import departures, share_outside
from rhocast.learning.uncertainty import fit_training_range
from rhocast.structures import Structure


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
        predict_file(model, squeezed, mesh, tmp_path / "d.h5", where="s.xyz")
    share = read_density(tmp_path / "d.h5").record["outside_training_share"]
    assert share > 0.1
    assert f"s.xyz: {100 * share:.1f} % of the points lie outside" in caplog.text
    assert "at most 1.0 % in a snapshot that it was trained on" in caplog.text
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
