"""Paths, Fermi levels and densities of states of free electrons; bands of aluminium by ABINIT."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.density import Density
from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine
from rhocast.engines.engine import EngineRecord
from rhocast.errors import ConfigError, EngineError, FileFormatError
from rhocast.grid.kpoints import KMesh
from rhocast.inference import Predictor
from rhocast.properties import (
    ElectronicStructure,
    KPath,
    compare_bands,
    electronic_structure,
    read_bands,
    write_bands,
)
from rhocast.properties.bands_file import LABELS
from rhocast.properties.density_of_states import fermi_level
from rhocast.structures import Structure
from rhocast.units import EV_PER_HARTREE

FCC = 3.825 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
WAVES = np.indices((7, 7, 7)).reshape(3, -1).T - 3


@pytest.fixture
def one_atom():
    return Structure(np.zeros((1, 3)), FCC, [13])


def free_energies(kpoints, n_bands=10):
    """Return the lowest energies of free electrons, |k + G|²/2."""
    waves = (np.asarray(kpoints)[..., None, :] + WAVES) @ (2.0 * np.pi * np.linalg.inv(FCC).T)
    return np.sort(0.5 * np.sum(waves**2, axis=-1), axis=-1)[..., :n_bands]


@pytest.fixture
def free_electrons(one_atom):
    """Three free electrons in the cell of an aluminium atom."""
    path = KPath.of(one_atom, "GXWKGL", 60)
    mesh = KMesh((12, 12, 12), (0.5, 0.5, 0.5))
    points, places = mesh.unfold()
    energies = free_energies(points)
    weights = np.bincount(places.ravel()) / places.size
    level = fermi_level(energies, weights, 3.0, 0.002)
    return ElectronicStructure(
        "Al", "free", 3.0, path, free_energies(path.kpoints), energies[places], level, 0.0
    )


def test_the_path_is_as_long_as_the_reciprocal_lattice_says(one_atom):
    path = KPath.of(one_atom, "GXWKGL", 60)
    (start, first), (end, second), *_ = path.corners
    assert (first, second, start) == ("G", "X", 0.0)
    assert np.isclose(end, 2.0 * np.pi / 7.65)
    steps = np.diff(path.kpoints, axis=0) @ (2.0 * np.pi * np.linalg.inv(FCC).T)
    np.testing.assert_allclose(np.diff(path.distances_per_bohr), np.linalg.norm(steps, axis=1))


def test_a_jump_has_no_length_and_one_label(one_atom):
    path = KPath.of(one_atom, "GX,LG", 20)
    assert [name for _, name in path.corners] == ["G", "X,L", "G"]


def test_an_unknown_point_is_refused_with_those_that_there_are(one_atom):
    with pytest.raises(ConfigError, match=r"path GQ: .*expected some of .*X"):
        KPath.of(one_atom, "GQ")


@pytest.mark.parametrize("cell", [FCC, FCC[[1, 0, 2]], 7.65 * np.eye(3)])
def test_the_path_is_in_units_of_the_given_cell(cell):
    """X lies half-way to a reciprocal lattice point, whatever the order of the vectors."""
    path = KPath.of(Structure(np.zeros((1, 3)), cell, [13]), "GX", 12)
    twice = 2.0 * path.kpoints[-1]
    np.testing.assert_allclose(twice, twice.round(), atol=1e-9)
    length = np.linalg.norm(path.kpoints[-1] @ (2.0 * np.pi * np.linalg.inv(cell).T))
    assert np.isclose(length, path.distances_per_bohr[-1])


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.5, 0.0, 0.5), (0.25, 0.25, 0.25)])
@pytest.mark.parametrize("divisions", [(1, 1, 1), (3, 4, 2)])
def test_a_mesh_unfolds_to_points_of_the_same_energy(divisions, shift):
    mesh = KMesh(divisions, shift)
    points, places = mesh.unfold()
    assert len(points) == mesh.n_irreducible
    indices = np.moveaxis(np.indices(divisions), 0, -1)
    whole = (indices + np.array(shift)) / divisions
    np.testing.assert_allclose(free_energies(points)[places], free_energies(whole), atol=1e-9)


def test_fermi_level_and_states_are_those_of_free_electrons(free_electrons):
    momentum = np.cbrt(3.0 * np.pi**2 * 3.0 / np.linalg.det(FCC))
    assert np.isclose(free_electrons.fermi_ha, momentum**2 / 2.0, rtol=0.01)
    level_ev = momentum**2 / 2.0 * EV_PER_HARTREE
    expected = 1.5 * 3.0 / level_ev  # 3 N / 2 E_F
    grid = np.linspace(-level_ev - 2.0, 0.0, 2001)
    states = free_electrons.density_of_states(grid, width_ev=0.3)
    assert np.isclose(states[-200:].mean(), expected, rtol=0.08)
    assert np.isclose(np.trapezoid(states, grid), 3.0, rtol=0.02)


class FreeElectrons:
    """An engine whose eigenvalues are those of free electrons; it keeps how many it was asked."""

    def __init__(self):
        self.record, self.asked = EngineRecord("abinit", "/bin/abinit", "1"), []

    def eigenvalues(self, calculation, density, kpoints, launcher, workdir):
        self.asked.append(calculation.n_bands)
        return free_energies(kpoints, calculation.n_bands)


@pytest.fixture
def bands_of_free_electrons(one_atom, settings, pseudopotentials, tmp_path):
    def bands(engine, empty_bands=None, **changes):
        density = Density(one_atom, np.full((8, 8, 8), 3.0 / one_atom.volume), source="al.h5")
        return electronic_structure(
            engine, one_atom, density, settings(**changes), pseudopotentials, launcher=Launcher(),
            workdir=tmp_path / "work", path=KPath.of(one_atom, "GX", 4), empty_bands=empty_bands,
        )  # fmt: skip

    return bands


def test_an_occupied_highest_band_is_judged_with_more_bands(bands_of_free_electrons, caplog):
    cold, hot = FreeElectrons(), FreeElectrons()
    bands_of_free_electrons(cold)
    found = bands_of_free_electrons(hot, smearing_K=40_000.0)
    assert (cold.asked, hot.asked) == ([8], [8, 12])
    assert "trying again with more bands: the highest band is occupied to 0.0" in caplog.text
    many = bands_of_free_electrons(FreeElectrons(), 30, smearing_K=40_000.0)
    assert found.fermi_ha == pytest.approx(many.fermi_ha, abs=1e-3)
    assert compare_bands(found, many).max_mev == pytest.approx(0.0, abs=30.0)


@pytest.mark.parametrize(("empty_bands", "smearing_K"), [(1, 40_000.0), (0, 600.0), (-1, 600.0)])
def test_too_few_bands_that_are_asked_for_are_an_error(
    bands_of_free_electrons, empty_bands, smearing_K
):
    engine = FreeElectrons()
    told = r"Al1, bands at al\.h5: the highest band is occupied to .* by --empty-bands"
    with pytest.raises(EngineError, match=told):
        bands_of_free_electrons(engine, empty_bands, smearing_K=smearing_K)
    assert len(engine.asked) == 1


def test_one_kpoint_has_a_density_of_states_too(free_electrons):
    lone = replace(free_electrons, mesh_energies_ha=np.full((1, 1, 1, 2), free_electrons.fermi_ha))
    grid = np.linspace(-2.0, 2.0, 401)
    states = lone.density_of_states(grid, width_ev=0.2)
    assert np.isclose(np.trapezoid(states, grid), 4.0, rtol=1e-3)
    assert np.isclose(states.max(), 4.0 / (0.2 * np.sqrt(2.0 * np.pi)), rtol=0.05)


def test_a_gap_is_found_and_compared(free_electrons):
    energies = np.array([[-0.1, 0.1], [-0.2, 0.15]])
    filled = replace(
        free_electrons,
        n_electrons=2.0,
        energies_ha=energies,
        mesh_energies_ha=energies.reshape(2, 1, 1, 2),
        fermi_ha=0.0,
    )
    assert np.isclose(filled.gap_ev, 0.2 * EV_PER_HARTREE)
    shifted = replace(filled, energies_ha=energies + np.array([0.0, 0.001]), fermi_ha=0.0005)
    error = compare_bands(shifted, filled)
    assert np.isclose(error.max_mev, 0.5 * EV_PER_HARTREE)
    assert np.isclose(error.fermi_mev, 0.5 * EV_PER_HARTREE)
    assert np.isclose(error.gap_mev, 0.0, atol=1e-9)  # the mesh holds the smaller gap
    assert replace(filled, n_electrons=1.0).gap_ev is None
    assert free_electrons.gap_ev is None


def test_file_and_picture_hold_both(free_electrons, tmp_path):
    other = replace(free_electrons, energies_ha=free_electrons.energies_ha + 0.001)
    write_bands(tmp_path / "bands.json", free_electrons, other)
    stored = json.loads((tmp_path / "bands.json").read_text())
    np.testing.assert_allclose(stored["density"]["bands_ev"], free_electrons.energies_ev, atol=1e-6)
    assert np.isclose(stored["error"]["mean_mev"], EV_PER_HARTREE)
    assert len(stored["against"]["dos_per_ev"]) == len(stored["dos_energies_ev"])
    read = read_bands(tmp_path / "bands.json")
    np.testing.assert_allclose(read.against.bands_ev, other.energies_ev, atol=1e-6)
    assert (read.density.label, read.window_ev, read.density.gap_ev) == (LABELS[0], 5.0, None)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(FileFormatError, match=r"other\.json: expected a file of `rhocast bands`"):
        read_bands(tmp_path / "other.json")
    for name in ("bands.png", "bands.pdf"):
        assert (
            main(["plot", "bands", str(tmp_path / "bands.json"), "-o", str(tmp_path / name)]) == 0
        )
        assert len((tmp_path / name).read_bytes()) > 10_000


@pytest.mark.abinit
def test_bands_at_the_predicted_density_are_nearly_dfts(
    one_atom, settings, pseudopotentials, tmp_path
):
    dft = settings(cutoff_ha=10.0, mesh_spacing_bohr=0.5, kpoint_spacing_per_bohr=0.3)
    engine = make_engine(resolve_engine("abinit"))
    common = {"launcher": Launcher(), "workdir": tmp_path / "work"}
    snapshot = compute_snapshot(
        engine, one_atom, dft, pseudopotentials, temperature_K=0.0, **common
    )
    predicted = Predictor.load("al").predict(one_atom, uncertainty="none")
    uniform = Density(one_atom, np.full((8, 8, 8), 3.0 / one_atom.volume))
    path = KPath.of(one_atom, "LGX", 16)
    found, reference, poor = (
        electronic_structure(engine, one_atom, density, dft, pseudopotentials, path=path, **common)
        for density in (predicted, snapshot, uniform)
    )
    # Nearly free: the bottom of the band lies 11.1 eV below the Fermi level (experiment: 10.6).
    assert np.isclose(reference.energies_ev.min(), -11.1, atol=0.4)
    assert found.gap_ev is None
    error = compare_bands(found, reference)
    assert 0.0 < error.mean_mev < 20.0
    assert compare_bands(poor, reference).mean_mev > 5.0 * error.mean_mev
