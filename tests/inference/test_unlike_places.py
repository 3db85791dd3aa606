"""Point defects among thousands of atoms, by the shipped models."""

import logging
from dataclasses import replace

import h5py
import numpy as np
import pytest

import rhocast
from rhocast import config
from rhocast.density import read_density, read_snapshot
from rhocast.grid import Mesh
from rhocast.inference import Request, merge, predict_reduced, predict_shard
from rhocast.inference.outside import look_outside
from rhocast.inference.shards import Shard
from rhocast.inference.unlike_places import find_unlike_places, tell
from rhocast.structures import Structure
from rhocast.structures.build import build_system
from rhocast.structures.thermal import displace

SYSTEMS = {
    "al": (config.System(
        lattice="fcc", lattice_constant_bohr=7.653, composition={"Al": 1.0}, repeat=(8, 8, 8)
    ), 370.0),
    "sige": (config.System(
        lattice="diamond", lattice_constant_bohr=10.45, composition={"Si": 0.5, "Ge": 0.5},
        repeat=(6, 6, 6),
    ), 355.0),
}  # fmt: skip


def crystal(name: str, gone=(), temperature_K=600.0, added=None) -> Structure:
    """A thermal crystal of 2048 or 1728 sites, some atoms taken out, or one added at rest."""
    system, debye = SYSTEMS[name]
    sites = build_system(system, debye, 3)
    positions = np.delete(sites.positions, gone, axis=0)
    numbers = np.delete(sites.numbers, gone)
    if added is not None:
        positions, numbers = np.vstack([positions, added]), np.append(numbers, numbers[0])
    rest = Structure(positions, sites.cell, numbers)
    return displace(rest, temperature_K, debye, np.random.default_rng(1))


def found_in(name, structure):
    model = rhocast.load(name).model
    return find_unlike_places(model, structure, look_outside(model, structure))


def apart(structure, first, second) -> float:
    steps = (np.asarray(first) - second) @ np.linalg.inv(structure.cell)
    return float(np.linalg.norm((steps - np.round(steps)) @ structure.cell))


@pytest.mark.parametrize("name", ["al", "sige"])
def test_a_vacancy_among_thousands_of_atoms_is_found_and_heat_is_not(name):
    system, debye = SYSTEMS[name]
    site = build_system(system, debye, 3).positions[1000]
    assert found_in(name, crystal(name)) == ()
    assert found_in(name, crystal(name, temperature_K=933.0)) == ()
    vacant = crystal(name, [1000])
    [place] = found_in(name, vacant)
    assert apart(vacant, place.position_bohr, site) < 3.0
    assert apart(vacant, vacant.positions[place.atom], site) < 8.0
    assert -1.4 < place.excess < -0.6
    model = rhocast.load(name).model
    spread = look_outside(model, vacant).spread
    assert spread < 1.05 * model.training_range.usual_spread  # which does not see it


def test_an_interstitial_and_two_vacancies_are_found():
    sites = build_system(*SYSTEMS["al"], 3).positions
    octahedral = sites[500] + [7.653 / 2, 0.0, 0.0]
    full = crystal("al", added=octahedral, temperature_K=300.0)
    [place] = found_in("al", full)
    assert place.excess > 0.5
    assert apart(full, place.position_bohr, octahedral) < 3.0
    assert len(found_in("al", crystal("al", [200, 1400]))) == 2


def test_a_liquid_with_cavities_has_none(root):
    """Where the atoms are uneven, but no place is further from the training data than others."""
    for file in sorted(root.glob("data/al/al32-thin/*/*.h5")):
        assert found_in("al", read_snapshot(file).structure) == ()


def test_the_message_names_places_and_atoms(caplog):
    found = found_in("al", crystal("al", [200, 1400]))
    tell(found, "cell.xyz")
    [message] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert message.startswith("cell.xyz: 2 places are less like the training data than the rest")
    for place in found:
        x, y, z = place.position_bohr
        assert f"({x:.1f}, {y:.1f}, {z:.1f}) Bohr, nearest atom {place.atom}: " in message
    caplog.clear()
    tell(found * 4, "cell.xyz")
    assert caplog.text.rstrip().endswith("; and 4 more")
    caplog.clear()
    tell((), "cell.xyz")
    tell(None, "cell.xyz")
    assert not caplog.text


def test_models_without_anchors_leave_it_out():
    model = rhocast.load("al").model
    structure = crystal("al", [1000])
    plain = replace(model, training_range=replace(model.training_range, anchors=None))
    assert find_unlike_places(plain, structure, look_outside(plain, structure)) is None
    unknown = replace(model, training_range=None)
    assert find_unlike_places(unknown, structure, look_outside(unknown, structure)) is None


def test_places_are_stored_and_told_once(tmp_path, caplog):
    """The first of several shards looks for them; a reduction stores them, too."""
    model, structure = rhocast.load("al").model, crystal("al", [1000])
    mesh = Mesh((8, 8, 8), structure.cell)
    with caplog.at_level(logging.WARNING):
        for shard in range(2):
            path = tmp_path / f"{shard}.h5"
            predict_shard(model, structure, mesh, path, shard=shard, n_shards=2)
    told = [r for r in caplog.records if "a place is less like" in r.getMessage()]
    assert len(told) == 1
    expected = [list(p.position_bohr) for p in Request(model, structure, mesh).unlike_places]
    assert len(expected) == 1
    with Shard(tmp_path / "0.h5") as first, Shard(tmp_path / "1.h5") as second:
        assert first.header.record.unlike_places_bohr == expected
        assert second.header.record.unlike_places_bohr is None
    merge([tmp_path / "0.h5", tmp_path / "1.h5"], tmp_path / "d.h5")
    record = read_density(tmp_path / "d.h5").record
    assert np.array_equal(record["unlike_places_bohr"], expected)
    predict_reduced(model, structure, mesh, tmp_path / "r.h5", coarse_bohr=20.0)
    with h5py.File(tmp_path / "r.h5") as reduced:
        assert np.array_equal(reduced.attrs["unlike_places_bohr"], expected)


def test_python_gives_them_with_the_density():
    density = rhocast.load("al").predict(crystal("al", [1000]), mesh_spacing_bohr=8.0)
    assert len(density.record["unlike_places_bohr"]) == 1
