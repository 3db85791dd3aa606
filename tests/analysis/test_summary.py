"""The summary: a verdict in words, data, errors."""

import json
from pathlib import Path

import pytest

from rhocast.analysis.summary import COLUMNS, write_summary

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


def test_the_verdict_says_where_no_error_was_measured(tmp_path, errors):
    unmeasured = ["cell big has a vacancy, which no held-out snapshot has"]
    write_summary(tmp_path / "summary.txt", None, [SNAPSHOT], errors, [], unmeasured=unmeasured)
    said = (tmp_path / "summary.txt").read_text()
    verdict = said.partition("Verdict\n")[2].partition("\n\n")[0]
    assert "Cell big has a vacancy, which no held-out snapshot has." in verdict
