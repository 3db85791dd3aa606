"""Crystals of which elements share sites: the nearest numbers of atoms, at random places."""

import json

import numpy as np
import pytest
from cif import cubic_cif

from rhocast import config
from rhocast.errors import StructureError
from rhocast.structures import build_system
from rhocast.structures.shared_sites import read_shared_sites

ALUMINIUM_GALLIUM_ARSENIDE = "Al1 Al 0 0 0 0.3\nGa1 Ga 0 0 0 0.7\nAs1 As 0.25 0.25 0.25 1"
SIGE = "Si1 Si 0 0 0 0.5\nGe1 Ge 0 0 0 0.5"


def write(path, sites, a=5.65, group="F -4 3 m", number=216):
    path.write_text(cubic_cif(sites, a, group, number))
    return path


def build(path, seed, repeat=(2, 2, 2), **changes):
    system = config.System(file=str(path), repeat=repeat, shared_sites="random", **changes)
    return build_system(system, 300.0, seed)


def test_elements_share_a_sublattice_and_the_other_stays_whole(tmp_path):
    path = write(tmp_path / "AlGaAs.cif", ALUMINIUM_GALLIUM_ARSENIDE)
    crystal = read_shared_sites(path)
    assert str(crystal) == "4 of 8 sites hold Al 0.3, Ga 0.7"
    assert crystal.species == ("Al", "Ga", "As")
    cell = build(path, seed=0)
    assert cell.counts == {"Al": 10, "Ga": 22, "As": 32}  # 9.6 and 22.4 were asked
    step = 5.65 / 0.529177210903
    arsenic = cell.positions[cell.numbers == 33] % step / step
    np.testing.assert_allclose(arsenic % 0.5, 0.25, atol=1e-6)  # Al and Ga stand at 0 and ½


def test_the_seed_decides_the_arrangement_and_nothing_else(tmp_path):
    path = write(tmp_path / "AlGaAs.cif", ALUMINIUM_GALLIUM_ARSENIDE)
    one, same, other = (build(path, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.numbers, same.numbers)
    assert one.counts == other.counts
    assert (one.numbers != other.numbers).any()
    np.testing.assert_array_equal(one.positions, other.positions)


def test_symmetry_and_single_sites_give_the_same_alloy(tmp_path):
    """A CIF names one site of an orbit, the JSON of pymatgen each site: the shares are pooled."""
    cif = write(tmp_path / "mix.cif", SIGE, a=5.53, group="F d -3 m", number=227)
    by_orbit = read_shared_sites(cif)
    species = [{"element": "Ge", "occu": 0.5}, {"element": "Si", "occu": 0.5}]
    sites = [{"species": species, "abc": place.tolist()} for place in by_orbit.structure.fractional]
    lattice = {"matrix": (5.53 * np.eye(3)).tolist()}
    (tmp_path / "mix.json").write_text(json.dumps({"lattice": lattice, "sites": sites}))
    by_site = read_shared_sites(tmp_path / "mix.json")
    assert str(by_orbit) == str(by_site) == "8 of 8 sites hold Ge 0.5, Si 0.5"
    for crystal in (by_orbit, by_site):
        cell = crystal.occupied((1, 1, 1), np.random.default_rng(0))
        assert cell.counts == {"Si": 4, "Ge": 4}


def test_unlike_atoms_on_the_sites_of_a_crystal_make_room(tmp_path):
    path = write(tmp_path / "mix.cif", SIGE, a=5.53, group="F d -3 m", number=227)
    crystal = read_shared_sites(path).structure
    cold = build(path, seed=0, repeat=(1, 1, 1), temperature_K=1e-6)
    moved = np.linalg.norm(cold.positions - crystal.positions, axis=1)
    assert 0.01 < moved.max() < 0.3


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ("Al1 Al 0 0 0 0.3\nGa1 Ga 0 0 0 0.6", r"site 1 .*one atom on average \(Al 0\.3, Ga 0\.6"),
        ("Al1 Al 0 0 0 0.5\nAl2 Al 0.02 0.02 0.02 0.5", "site 1 .*one atom on average"),
        ("Al1 Al 0 0 0 0.9\nGa1 Ga 0 0 0 0.9", "site 1 .*one atom on average"),
    ],
    ids=["vacant", "split", "more than one atom"],
)
def test_other_disorder_is_refused(tmp_path, sites, message):
    with pytest.raises(StructureError, match=message):
        read_shared_sites(write(tmp_path / "odd.cif", sites))
