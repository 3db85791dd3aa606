"""Drawn shifts of the k-mesh: what their mean is worth, what each engine makes of them."""

from pathlib import Path

import numpy as np
import pytest

from rhocast.density import read_snapshot
from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine

#: See the README of the folder.
DATA = Path(__file__).parent / "data"


@pytest.fixture
def compute(settings, pseudopotentials, tmp_path):
    """Compute a snapshot with ABINIT, or another engine."""

    def snapshot(structure, engine="abinit", kpoint_seed=None, **changes):
        return compute_snapshot(
            make_engine(resolve_engine(engine)),
            structure,
            settings(**changes),
            pseudopotentials,
            temperature_K=500.0,
            launcher=Launcher(),
            workdir=tmp_path / "work",
            kpoint_seed=kpoint_seed,
        )

    return snapshot


def misplaced(density, reference):
    return np.abs(density - reference).sum() / reference.sum()


@pytest.mark.abinit
def test_the_mean_over_drawn_shifts_is_nearer_to_a_dense_mesh_than_each(compute, aluminium):
    """Their errors are noise for the most part: a bias would stay in the mean."""
    dense = read_snapshot(DATA / "abinit-al4-dense.h5").density
    drawn = [
        compute(aluminium, kpoint_spacing_per_bohr=0.2, kpoint_shift="random", kpoint_seed=seed)
        for seed in range(4)
    ]
    assert all(snapshot.kpoints.startswith("4 4 4 shift") for snapshot in drawn)
    each = [misplaced(snapshot.density, dense) for snapshot in drawn]
    mean = misplaced(np.mean([snapshot.density for snapshot in drawn], axis=0), dense)
    assert mean < min(each)
    assert mean < 0.8 * np.mean(each)


@pytest.mark.parametrize(
    ("engine", "tolerance"),
    [
        pytest.param("abinit", 3e-3, marks=pytest.mark.abinit),
        pytest.param("sparc", 1e-4, marks=pytest.mark.sparc),
    ],
)
def test_engines_agree_at_a_drawn_shift(compute, aluminium, engine, tolerance):
    """A shift of another unit or on another axis would show: another draw differs by 9e-3."""
    old = read_snapshot(DATA / "sparc-al4-drawn.h5")
    new = compute(
        aluminium,
        engine,
        old.record["kpoint_seed"],
        cutoff_ha=12.0,
        mesh_spacing_bohr=0.45,
        kpoint_spacing_per_bohr=0.28,
        kpoint_shift="random",
        scf_tolerance=1e-4 if engine == "sparc" else 1e-7,
    )
    assert new.kpoints == old.kpoints
    assert misplaced(new.density, old.density) < tolerance
