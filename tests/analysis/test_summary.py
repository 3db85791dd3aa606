"""The summary: a verdict in words, data, errors."""

import json
from pathlib import Path

import h5py
import pytest
from small_model import SHAPE, make_model, make_negative_model, make_structure

from rhocast.analysis.summary import COLUMNS, write_summary
from rhocast.checksums import seal_attributes
from rhocast.config import Convergence
from rhocast.datasets.entry import read_entry
from rhocast.density import read_snapshot
from rhocast.grid import Mesh
from rhocast.inference import predict_file

SNAPSHOT = Path(__file__).parents[1] / "data/densities/si8/300K/0.h5"


@pytest.fixture
def errors(tmp_path):
    """Errors of two datasets; the first decides that the base model is chosen."""
    paths = []
    for name, base, transferred in (("test", 0.005, 0.006), ("dynamics", 0.008, 0.007)):
        figures = {key: 0.5 for key, _, _ in COLUMNS} | {"l1_per_electron_scaled": 0.005}
        reports = {
            model: figures | {"nmae": nmae, "l1_per_electron": nmae}
            for model, nmae in (("base", base), ("transferred", transferred))
        }
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(reports))
    return paths


def test_the_verdict_gives_the_error_of_every_dataset(tmp_path, errors):
    write_summary(
        tmp_path / "summary.txt", None, [SNAPSHOT], errors, [], worst="figures/worst-test.png"
    )
    said = (tmp_path / "summary.txt").read_text()
    assert "Held-out error 0.50 %" in said
    assert "On dataset dynamics the error is 0.80 %." in said  # of the model that is chosen
    assert "Transfer raised the error from 0.500 % to 0.600 %; the base model" in said
    assert "picture of the largest: figures/worst-test.png" in said
    assert "1 densities imported" in said


def test_the_verdict_tells_what_both_models_have_learnt_from(tmp_path, errors):
    small = {"points": 16_000, "snapshots": {f"{n}.h5": "" for n in range(8)}, "cells": ["Si8"]}
    large = {"points": 800, "snapshots": {"0.h5": ""}, "cells": list("abcde")}
    make_model(training=small, transfer=large).save(tmp_path / "transferred.safetensors")
    for name in ("wall_time_s", "ranks"):
        assert name in read_snapshot(SNAPSHOT).record
    engine = tmp_path / "engine.json"
    engine.write_text(json.dumps({"name": "abinit", "version": "9.6.2"}))
    path = tmp_path / "summary.txt"
    transferred = tmp_path / "transferred.safetensors"
    write_summary(path, engine, [SNAPSHOT], errors, [], transferred=transferred)
    said = path.read_text()
    assert (
        "Transfer raised the error from 0.500 % to 0.600 %: the base model was trained on 16,000 "
        "points of 8 snapshots of Si8; transfer retrained it on 800 points of 1 snapshot; the base "
        "model predicts the cells."
    ) in said
    hours = read_entry(SNAPSHOT).core_hours
    assert f"by abinit 9.6.2, {hours:.2g} core hours (wall time × cores) of single points" in said


def test_the_verdict_says_where_no_error_was_measured(tmp_path, errors):
    unmeasured = ["cell big has a vacancy, which no held-out snapshot has"]
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [], unmeasured=unmeasured)
    said = (tmp_path / "summary.txt").read_text()
    verdict = said.partition("Verdict\n")[2].partition("\n\n")[0]
    assert "Cell big has a vacancy, which no held-out snapshot has." in verdict


def test_the_lowest_density_is_that_before_the_bound_at_zero(tmp_path, errors):
    """Zeros in the field say nothing: they are negative densities that the bound has changed."""
    structure, field = make_structure(), tmp_path / "density.h5"
    mesh = Mesh(SHAPE, structure.cell)
    bound = predict_file(make_negative_model(), structure, mesh, field)
    assert bound.points_below_zero > 0
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [field])
    said = (tmp_path / "summary.txt").read_text()
    assert (
        f"  lowest density before the bound at zero {bound.lowest_before_bound:.2g} e/Bohr³" in said
    )
    assert f", at {bound.points_below_zero:,} of {mesh.n_points:,} points" in said
    with h5py.File(field, "r+") as file:  # as an earlier version has written it
        for name in bound.attributes:
            del file.attrs[name]
        seal_attributes(file)
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [field])
    assert (
        "lowest density, negative ones set to zero, 0 e/Bohr³"
        in (tmp_path / "summary.txt").read_text()
    )


def test_places_unlike_the_training_data_are_counted(tmp_path, errors):
    structure, field = make_structure(), tmp_path / "density.h5"
    predict_file(make_negative_model(), structure, Mesh(SHAPE, structure.cell), field)
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [field])
    assert "less like the training data" not in (tmp_path / "summary.txt").read_text()
    with h5py.File(field, "r+") as file:
        file.attrs["unlike_places_bohr"] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        seal_attributes(file)
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [field])
    said = (tmp_path / "summary.txt").read_text()
    assert "  2 places less like the training data than the rest of the cell" in said
    assert "the first near (1.0, 2.0, 3.0) Bohr" in said


def test_the_verdict_names_the_setting_that_is_not_converged(tmp_path, errors):
    study, criteria = tmp_path / "convergence.tsv", Convergence(system="unit")
    head = "parameter fineness setting density_share energy_ha_per_atom force_ha_per_bohr verdict"
    coarse = ["kpoints", "1", "2 2 2", "1e-3", "2.2e-3", "1e-4", "too coarse"]
    study.write_text("\t".join(head.split()) + "\n" + "\t".join(coarse) + "\n")
    arguments = (tmp_path / "summary.txt", None, [SNAPSHOT], errors, [])
    write_summary(*arguments, study=study, criteria=criteria)
    said = (tmp_path / "summary.txt").read_text()
    wanted = "K-points: 2 2 2 is not converged by the criteria of `convergence`: energy 0.0022"
    assert f"  {wanted} Ha/atom (at most 0.001)." in said
