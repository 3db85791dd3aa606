"""Eigenvalues in the potential of a given density, with the programs themselves."""

import re
from dataclasses import replace

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.engines import Launcher, eigenvalues, make_engine, resolve_engine
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import EngineRecord
from rhocast.errors import EngineError, StructureError

N_BANDS = 7
#: With bands that are degenerate, and without.
KPOINTS = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.1, 0.2, 0.3], [0.5, 0.5, 0.5]])


class OneEngine:
    """Computes two atoms of silicon in their sheared cell; the fixture says with what."""

    def __init__(self, name, structure, dft, pseudopotentials, folder):
        self.engine = make_engine(resolve_engine(name))
        self.structure, self.folder = structure, folder
        self.common = (dft, pseudopotentials)

    def single_point(self):
        """Return the density, and what the cycle itself says of k-points and eigenvalues."""
        plan = Calculation.plan(self.structure, *self.common)
        folder = self.folder / "scf"
        folder.mkdir()
        point = self.engine.single_point(plan, Launcher(), folder)
        assert point.converged
        density = Density(self.structure, point.density)
        return density, *{"abinit": _of_abinit, "sparc": _of_sparc}[self.engine.record.name](folder)

    def at(self, density, kpoints, n_bands=N_BANDS, structure=None):
        options = {"launcher": Launcher(), "workdir": self.folder / "work"}
        structure = structure or self.structure
        return eigenvalues(
            self.engine, structure, density, kpoints, n_bands, *self.common, **options
        )


def _of_abinit(folder):
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(folder / "runo_GSR.nc") as file:
        return (
            np.array(file["reduced_coordinates_of_kpoints"][...]),
            np.array(file["eigenvalues"][0]),
        )


def _of_sparc(folder):
    text = next(folder.glob("*.eigen")).read_text()
    points = re.findall(r"^kred #\d+ = \((\S+),(\S+),(\S+)\)", text, re.MULTILINE)
    states = re.findall(r"^\s*\d+\s+(\S+)\s+\S+\s*$", text, re.MULTILINE)
    return np.array(points, dtype=float), np.array(states, dtype=float).reshape(len(points), -1)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("abinit", marks=pytest.mark.abinit),
        pytest.param("sparc", marks=pytest.mark.sparc),
    ],
)
def one_engine(request, silicon, settings, pseudopotentials, tmp_path_factory):
    dft = settings(
        # k-points that SPARC's six digits tell well enough
        kpoint_spacing_per_bohr=0.55,
        # ABINIT's residual is a square, SPARC's is not.
        scf_tolerance={"abinit": 1e-10, "sparc": 1e-6}[request.param],
    )
    folder = tmp_path_factory.mktemp(request.param)
    return OneEngine(request.param, silicon, dft, pseudopotentials, folder)


@pytest.fixture(scope="module")
def cycle(one_engine):
    return one_engine.single_point()


def test_the_converged_density_gives_back_the_eigenvalues_of_its_cycle(one_engine, cycle):
    density, kpoints, energies = cycle
    assert len(kpoints) > 3
    found = one_engine.at(density, kpoints)
    np.testing.assert_allclose(found, energies[:, :N_BANDS], atol=1e-4)


def test_the_same_crystal_in_a_left_handed_cell_has_the_same_bands(one_engine, cycle):
    density, *_ = cycle
    swapped = replace(one_engine.structure, cell=one_engine.structure.cell[[1, 0, 2]])
    mirrored = Density(swapped, density.density.transpose(1, 0, 2))
    found = one_engine.at(mirrored, KPOINTS[:, [1, 0, 2]], structure=swapped)
    np.testing.assert_allclose(found, one_engine.at(density, KPOINTS), atol=1e-5)


def test_a_density_of_other_atoms_or_electrons_is_refused(one_engine, cycle):
    density, *_ = cycle
    positions = one_engine.structure.positions + np.array([[0.3], [0.0]])
    moved = replace(one_engine.structure, positions=positions)
    with pytest.raises(StructureError, match="in other places"):
        one_engine.at(density, KPOINTS, structure=moved)
    with pytest.raises(EngineError, match="electrons, expected 8"):
        one_engine.at(Density(one_engine.structure, 1.2 * density.density), KPOINTS)


class Asked:
    """An engine that keeps what it was asked."""

    def __init__(self, name):
        self.record = EngineRecord(name, f"/bin/{name}", "1")

    def eigenvalues(self, calculation, density, kpoints, launcher, workdir):
        self.calculation = calculation
        return np.zeros((len(kpoints), calculation.n_bands))


@pytest.mark.parametrize(
    ("name", "keys", "left"),
    [
        ("abinit", {"NBand": 30, "boxcutmin": 1.6}, {"boxcutmin": 1.6}),
        ("sparc", {"NSTATES": 30, "FD_ORDER": 8}, {"FD_ORDER": 8}),
    ],
)
def test_the_bands_are_those_that_are_asked_for(
    name, keys, left, silicon, settings, pseudopotentials, tmp_path
):
    """Bands that were set for a single point are of another number."""
    engine = Asked(name)
    density = Density(silicon, np.full((8, 8, 8), 8.0 / silicon.volume))
    found = eigenvalues(
        engine, silicon, density, KPOINTS, N_BANDS, settings(**{name: keys}), pseudopotentials,
        launcher=Launcher(), workdir=tmp_path / "work",
    )  # fmt: skip
    assert found.shape == (len(KPOINTS), N_BANDS)
    assert engine.calculation.n_bands == N_BANDS
    assert engine.calculation.dft.engine_keys(name) == left


@pytest.mark.abinit
@pytest.mark.sparc
def test_both_engines_find_the_same_bands(silicon, settings, pseudopotentials, tmp_path):
    """At one density; finite differences and plane waves, coarse both, agree to some meV."""
    x, y, z = np.meshgrid(*3 * [np.arange(12) / 12], indexing="ij")
    wave = np.cos(2 * np.pi * x) + np.cos(2 * np.pi * (y - z))
    density = Density(silicon, (8.0 + 0.8 * wave) / silicon.volume)
    dft = settings(mesh_spacing_bohr=0.45, cutoff_ha=14.0)
    found = [
        OneEngine(name, silicon, dft, pseudopotentials, tmp_path).at(density, KPOINTS[:3])
        for name in ("abinit", "sparc")
    ]
    abinit, sparc = (energies - energies[0, 0] for energies in found)
    np.testing.assert_allclose(sparc[:, :4], abinit[:, :4], atol=3e-4)
    np.testing.assert_allclose(sparc, abinit, atol=1e-3)
