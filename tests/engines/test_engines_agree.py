"""SPARC's stored snapshots of four aluminium atoms, computed again from what their files tell."""

import json
from pathlib import Path

import numpy as np
import pytest

from rhocast import config
from rhocast.density import read_snapshot
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def stored():
    """Return configurations of the same atoms, moved by about a quarter of a Bohr."""
    return [read_snapshot(path) for path in sorted(DATA.glob("sparc-al4-[01].h5"))]


@pytest.fixture
def again(stored, tmp_path):
    """Compute the stored snapshots with some engine, everything else as their files say."""

    def compute(name):
        engine = make_engine(resolve_engine(name))
        pseudopotentials = resolve_pseudopotentials({"Al": "spms"})
        return [
            compute_snapshot(
                engine,
                old.structure,
                config.Dft.model_validate(json.loads(old.record["settings"])),
                pseudopotentials,
                temperature_K=old.temperature_K,
                launcher=Launcher(),
                workdir=tmp_path / "work",
            )
            for old in stored
        ]

    return compute


@pytest.mark.abinit
def test_densities_and_energies_of_abinit_are_those_of_sparc(stored, again):
    """An independent code on another basis: mistaken axes, units or k-points would show."""
    found = again("abinit")
    for new, old in zip(found, stored, strict=True):
        assert new.accepted, new.reason
        assert (new.kpoints, new.density.shape) == (old.kpoints, old.density.shape)
        assert new.record["psp8_Al_sha256"] == old.record["psp8_Al_sha256"]
        assert np.abs(new.density - old.density).sum() / old.density.sum() < 2e-3
        np.testing.assert_allclose(new.forces, old.forces, atol=1e-3)
    differences = [np.diff([s.energy_ha for s in some]) / 4 for some in (found, stored)]
    np.testing.assert_allclose(differences[0], differences[1], atol=1e-3)


@pytest.mark.sparc
def test_sparc_gives_the_stored_snapshots_again(stored, again):
    for new, old in zip(again("sparc"), stored, strict=True):
        assert np.isclose(new.energy_ha, old.energy_ha, atol=1e-5)
        np.testing.assert_allclose(new.density, old.density, atol=1e-5)
