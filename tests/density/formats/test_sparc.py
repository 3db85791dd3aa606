"""SPARC's .dens."""

import pytest

from rhocast.density import read_density


def test_what_sparc_has_written(root):
    found = read_density(root / "tests/engines/data/sparc-single-point/run.dens")
    assert found.structure.formula == "Al2Si2"
    assert found.valence == {"Al": 3.0, "Si": 4.0}
    assert found.record["engine"] == "sparc"
    assert found.electron_count == pytest.approx(14.0, rel=1e-5)
