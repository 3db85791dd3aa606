"""Other programs' densities: Gaussians on atoms must still sit on them once the file is read."""

import gzip
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.vasp import VaspChargeDensity
from ase.io.cube import write_cube
from netCDF4 import Dataset

from rhocast.density import Density, read_density, write_density
from rhocast.density.fourier import resample
from rhocast.engines.process import Launcher
from rhocast.errors import FileFormatError, RhocastError
from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.structures.structure import periodic_images
from rhocast.units import ANGSTROM_PER_BOHR

SHAPE = (13, 14, 15)
VALENCE = {13: 3.0, 14: 4.0}
WIDTH_BOHR = 1.0


def gaussians(structure: Structure, points: np.ndarray) -> np.ndarray:
    """A Gaussian of its valence on each atom: a density with no symmetry to hide behind."""
    density = np.zeros(len(points))
    centres, atoms = periodic_images(structure, 7.0 * WIDTH_BOHR, -np.ones(3), 2.0 * np.ones(3))
    for centre, number in zip(centres, structure.numbers[atoms], strict=True):
        distance2 = np.sum((points - centre) ** 2, axis=1)
        density += VALENCE[number] * np.exp(-0.5 * distance2 / WIDTH_BOHR**2)
    return density / (2.0 * np.pi * WIDTH_BOHR**2) ** 1.5


def on_mesh(structure: Structure, shape=SHAPE, origin=(0.0, 0.0, 0.0)) -> np.ndarray:
    mesh = Mesh(shape, structure.cell)
    points = mesh.points(np.arange(mesh.n_points)) + np.asarray(origin)
    return gaussians(structure, points).reshape(shape)


def check(found: Density, structure: Structure, shape=SHAPE) -> None:
    """The density must be that of the atoms that came with it, in the cell that was written."""
    assert found.density.shape == shape
    np.testing.assert_allclose(found.structure.cell, structure.cell, atol=2e-5)
    assert found.structure.formula == structure.formula
    np.testing.assert_allclose(found.density, on_mesh(found.structure, shape), atol=1e-5)


@pytest.fixture(params=["triclinic", "left-handed"])
def structure(request) -> Structure:
    cell = np.array([[6.5, 0.3, 0.0], [1.1, 7.0, -0.4], [-0.7, 0.9, 7.5]])
    if request.param == "left-handed":
        cell = cell[[1, 0, 2]]
    fractional = np.array([[0.1, 0.2, 0.3], [0.55, 0.6, 0.05], [0.8, 0.15, 0.7]])
    return Structure(fractional @ cell, cell, [14, 13, 14])


def cube_text(structure, data, origin=None) -> str:
    shift = None if origin is None else np.asarray(origin) * ANGSTROM_PER_BOHR
    with tempfile.TemporaryFile("w+") as file:
        write_cube(file, structure.to_ase(), data, origin=shift)
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (-3.2, -3.5, -3.7), (0.4, 1.0, 2.0)])
def test_cube_of_ase(structure, tmp_path, origin):
    path = tmp_path / "any.cube"
    path.write_text(cube_text(structure, on_mesh(structure, origin=origin), origin))
    check(read_density(path), structure)


def in_angstrom(text: str, n_atoms: int) -> str:
    """Lengths of a cube in ångström, as negative point counts say."""
    lines = text.splitlines()
    for i in range(2, 6 + n_atoms):
        words = lines[i].split()
        lengths = [float(word) * ANGSTROM_PER_BOHR for word in words[-3:]]
        sign = "-" if 3 <= i < 6 else ""
        lines[i] = f"{sign}{' '.join(words[:-3])} " + " ".join(f"{x:.9f}" for x in lengths)
    return "\n".join(lines) + "\n"


def test_cube_in_angstrom(structure, tmp_path):
    origin = (-1.0, 0.5, 0.25)
    text = cube_text(structure, on_mesh(structure, origin=origin), origin)
    (tmp_path / "any.cube").write_text(in_angstrom(text, len(structure)))
    check(read_density(tmp_path / "any.cube"), structure)


def test_values_per_cubic_angstrom(structure, tmp_path):
    path = tmp_path / "any.cube"
    path.write_text(cube_text(structure, on_mesh(structure) / ANGSTROM_PER_BOHR**3))
    check(read_density(path, density_unit="angstrom"), structure)


def test_an_end_point_that_repeats_the_first_is_dropped(structure, tmp_path):
    closed = np.pad(on_mesh(structure), ((0, 1),) * 3, mode="wrap")
    stretched = structure.cell * (np.array(closed.shape) / SHAPE)[:, None]
    path = tmp_path / "closed.cube"
    path.write_text(cube_text(replace(structure, cell=stretched), closed))
    found = read_density(path)
    check(found, structure)
    assert "repeats the first" in found.notes[0]


def test_vacuum_around_a_molecule_is_no_end_point(tmp_path):
    molecule = Structure([[12.0, 12.0, 12.0]], 24.0 * np.eye(3), [14])
    data = on_mesh(molecule, (40, 40, 40))
    (tmp_path / "box.cube").write_text(cube_text(molecule, data))
    assert read_density(tmp_path / "box.cube").density.shape == data.shape


def test_two_fields_in_a_cube_are_refused(structure, tmp_path):
    lines = cube_text(structure, np.repeat(on_mesh(structure), 2, axis=2)).splitlines()
    lines[2] += "  2"
    lines[5] = lines[5].replace("30", "15", 1)
    (tmp_path / "two.cube").write_text("\n".join(lines))
    with pytest.raises(FileFormatError, match=r"two\.cube: holds 2 fields"):
        read_density(tmp_path / "two.cube")


def test_sparc(root):
    found = read_density(root / "tests/engines/data/sparc-single-point/run.dens")
    assert found.structure.formula == "Al2Si2"
    assert found.valence == {"Al": 3.0, "Si": 4.0}
    assert found.record["engine"] == "sparc"
    mesh = Mesh(found.density.shape, found.structure.cell)
    assert mesh.integral(found.density) == pytest.approx(14.0, rel=1e-5)


def chgcar(structure, path, spin=None, augmentation=""):
    """Write by ASE: e/Å³ times the volume, x fastest."""
    charge = VaspChargeDensity(None)
    charge.atoms = [structure.to_ase()]
    charge.chg = [on_mesh(structure) / ANGSTROM_PER_BOHR**3]
    charge.chgdiff = [] if spin is None else [spin]
    charge.aug = charge.augdiff = augmentation
    charge.write(str(path), format="chgcar")


AUGMENTATION = "augmentation occupancies 1 4\n  0.1000000E+00  0.2E+00 -0.3E+00  0.4E+00\n"


@pytest.mark.parametrize("augmentation", ["", AUGMENTATION])
@pytest.mark.parametrize("polarised", [False, True])
def test_chgcar_of_ase(structure, tmp_path, augmentation, polarised):
    spin = np.random.default_rng(0).random(SHAPE) if polarised else None
    chgcar(structure, tmp_path / "CHGCAR", spin, augmentation)
    found = read_density(tmp_path / "CHGCAR")
    check(found, structure)
    assert any("spin-polarised" in note for note in found.notes) == polarised
    assert any("PAW" in note for note in found.notes)
    assert any("if VASP has" in note for note in found.notes) == (not augmentation)


def test_aeccar_is_called_all_electron(structure, tmp_path):
    chgcar(structure, tmp_path / "AECCAR2")
    assert "all-electron" in read_density(tmp_path / "AECCAR2").notes[0]


@pytest.mark.parametrize("damage", ["cut", "stars"])
@pytest.mark.parametrize("name", ["CHGCAR", "any.cube"])
def test_damaged_files_are_refused(structure, tmp_path, name, damage):
    path = tmp_path / name
    if name == "CHGCAR":
        chgcar(structure, path)
    else:
        path.write_text(cube_text(structure, on_mesh(structure)))
    text = path.read_text()
    path.write_text(text[: len(text) // 2] if damage == "cut" else text[:-60] + "*" * 59 + "\n")
    with pytest.raises(FileFormatError, match=name):
        read_density(path)


@pytest.mark.parametrize("name", ["AECCAR2.gz", "any.cube.GZ"])
def test_compressed_files_are_what_they_hold(structure, tmp_path, name):
    plain = tmp_path / name[:-3]
    if "AECCAR" in name:
        chgcar(structure, plain)
    else:
        plain.write_text(cube_text(structure, on_mesh(structure)))
    path = tmp_path / name
    path.write_bytes(gzip.compress(plain.read_bytes()))
    found, expected = read_density(path), read_density(plain)
    np.testing.assert_array_equal(found.density, expected.density)
    assert found.notes == expected.notes
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match=f"{name}: cannot be read .*EOFError"):
        read_density(path)
    plain.rename(path)
    with pytest.raises(FileFormatError, match=f"{name}: .*BadGzipFile"):
        read_density(path)


@pytest.mark.parametrize("name", ["density.cube", "CHGCAR", "density.xsf"])
def test_own_exports_come_back(structure, tmp_path, name):
    density = on_mesh(structure).astype(np.float32)
    write_density(tmp_path / name, Density(structure, density))
    found = read_density(tmp_path / name)
    check(found, structure)
    np.testing.assert_allclose(found.density, density, rtol=1e-6)


def write_den(path, structure, spins=1):
    """The variables of ABINIT's DEN.nc that are read: component, z, y, x, real part."""
    numbers = sorted(set(structure.numbers.tolist()))
    density = on_mesh(structure).transpose(2, 1, 0)
    components = np.stack([density, 0.7 * density])[:spins, ..., None]
    arrays = {
        "density": components,
        "primitive_vectors": structure.cell,
        "reduced_atom_positions": structure.fractional,
        "atom_species": np.searchsorted(numbers, structure.numbers) + 1,
        "atomic_numbers": np.array(numbers, dtype=float),
        "valence_charges": np.array([VALENCE[number] for number in numbers]),
        "kptrlatt": np.diag([2, 3, 4]),
        "shiftk": np.array([[0.0, 0.0, 0.5]]),
        "usepaw": 0, "etot": -9.5, "kinetic_energy_cutoff": 15.0, "ixc": 11, "occopt": 3,
        "tsmear": 0.002,
    }  # fmt: skip
    with Dataset(path, "w") as file:
        file.abinit_version = "9.6.2"
        for name, value in arrays.items():
            array = np.asarray(value)
            axes = [f"{name}{axis}" for axis in range(array.ndim)]
            for axis, size in zip(axes, array.shape, strict=True):
                file.createDimension(axis, size)
            file.createVariable(name, array.dtype, axes)[...] = array


@pytest.mark.parametrize("spins", [1, 2])
def test_abinit(structure, tmp_path, spins):
    write_den(tmp_path / "runo_DEN.nc", structure, spins)
    found = read_density(tmp_path / "runo_DEN.nc")
    check(found, structure)
    assert found.valence == {"Al": 3.0, "Si": 4.0}
    assert found.record["energy_Ha"] == -9.5
    assert found.record["kpoints"] == "2 3 4 shift 0 0 0.5"
    assert found.record["smearing_K"] == pytest.approx(631.5, abs=0.1)
    assert len(found.notes) == spins - 1


@pytest.mark.abinit
def test_what_abinit_really_writes(silicon, settings, pseudopotentials, tmp_path):
    from rhocast.engines import make_engine, resolve_engine
    from rhocast.engines.calculation import Calculation

    calculation = Calculation.plan(silicon, settings(scf_tolerance=1e-4), pseudopotentials)
    engine = make_engine(resolve_engine("abinit"))
    point = engine.single_point(calculation, Launcher(), tmp_path)
    found = read_density(tmp_path / "runo_DEN.nc")
    np.testing.assert_allclose(
        resample(found.density, calculation.mesh.shape), point.density, atol=1e-12
    )
    np.testing.assert_allclose(found.structure.positions, silicon.positions, atol=1e-9)
    assert found.record["energy_Ha"] == pytest.approx(point.energy_ha, abs=1e-9)
    assert found.record["kpoints"] == str(calculation.kpoints)
    assert found.record["smearing_K"] == pytest.approx(calculation.dft.smearing_K, abs=1e-3)


def test_what_cannot_be_told_is_asked_for(structure, tmp_path):
    path = tmp_path / "density.dat"
    path.write_text(cube_text(structure, on_mesh(structure)))
    with pytest.raises(RhocastError, match=r"density\.dat: .* one of field, snapshot, cube"):
        read_density(path)
    check(read_density(path, "cube"), structure)
    with pytest.raises(RhocastError, match="--density-unit is for cube and xsf"):
        read_density(path, "sparc", density_unit="angstrom")
    with pytest.raises(FileFormatError, match="no such file"):
        read_density(tmp_path / "none.cube")
    with pytest.raises(FileFormatError, match="holds no grid"):
        read_density(path, "xsf")
