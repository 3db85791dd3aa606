from dataclasses import replace

import pytest
from ase.build import bulk
from known_density import make_snapshot
from small_model import make_model

from rhocast.analysis.kpoint_error import kpoint_difference, shares_labels
from rhocast.grid.kpoints import spacing_of

MESH = "3 3 3 shift 0 0 0"


@pytest.fixture(scope="module")
def snapshot():
    return replace(make_snapshot(bulk("Al", cubic=True), seed=1), kpoints=MESH)


@pytest.fixture(scope="module")
def model(snapshot):
    spacing = list(spacing_of(MESH, snapshot.structure.cell))
    return make_model(training={"cells": ["Al4"], "kpoints": [[MESH, spacing]]})


def strained(snapshot, factor):
    structure = snapshot.structure
    cell = structure.cell * factor
    return replace(snapshot, structure=replace(structure, cell=cell))


def test_a_snapshot_like_those_trained_on_shares_their_error(model, snapshot):
    assert shares_labels(model, snapshot)
    assert shares_labels(model, strained(snapshot, 1.05))


@pytest.mark.parametrize("words", ["5 5 5 shift 0 0 0", "3 3 3 shift 0.5 0.5 0.5", ""])
def test_other_kpoints_have_another_error(model, snapshot, words):
    assert kpoint_difference(model, words, snapshot.structure.cell)
    assert not shares_labels(model, replace(snapshot, kpoints=words))


def test_other_cells_have_another_error(model, snapshot):
    larger = replace(make_snapshot(bulk("Al", cubic=True).repeat((1, 1, 3)), seed=1))
    larger = replace(larger, kpoints="3 3 1 shift 0 0 0")
    assert not kpoint_difference(model, larger.kpoints, larger.structure.cell)
    assert not shares_labels(model, larger)
    vacancy = make_snapshot(bulk("Al", cubic=True)[1:], seed=1)
    assert not shares_labels(model, replace(vacancy, kpoints=MESH))


def test_a_model_that_does_not_know_its_kpoints_shares_none(snapshot):
    assert not shares_labels(make_model(training={"cells": ["Al4"]}), snapshot)
