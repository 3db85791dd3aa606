"""VASP's CHGCAR: written by ASE, and our own read by ASE."""

import numpy as np
import pytest
from ase.calculators.vasp import VaspChargeDensity
from gaussian_atoms import SHAPE, check_gaussians, crystal, on_mesh

from rhocast.density import Density, read_density, write_density
from rhocast.errors import FileFormatError
from rhocast.units import ANGSTROM_PER_BOHR

__all__ = ["crystal"]


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
def test_chgcar_of_ase(crystal, tmp_path, augmentation, polarised):
    spin = np.random.default_rng(0).random(SHAPE) if polarised else None
    chgcar(crystal, tmp_path / "CHGCAR", spin, augmentation)
    found = read_density(tmp_path / "CHGCAR")
    check_gaussians(found, crystal)
    assert any("spin-polarised" in note for note in found.notes) == polarised
    assert any("PAW" in note for note in found.notes)
    assert any("if VASP has" in note for note in found.notes) == (not augmentation)


def test_aeccar_is_called_all_electron(crystal, tmp_path):
    chgcar(crystal, tmp_path / "AECCAR2")
    assert "all-electron" in read_density(tmp_path / "AECCAR2").notes[0]


@pytest.mark.parametrize("damage", ["cut", "stars"])
def test_damaged_files_are_refused(crystal, tmp_path, damage):
    path = tmp_path / "CHGCAR"
    chgcar(crystal, path)
    text = path.read_text()
    path.write_text(text[: len(text) // 2] if damage == "cut" else text[:-60] + "*" * 59 + "\n")
    with pytest.raises(FileFormatError, match="CHGCAR"):
        read_density(path)


def test_fortran_exponents_are_read(crystal, tmp_path):
    chgcar(crystal, tmp_path / "CHGCAR")
    text = (tmp_path / "CHGCAR").read_text()
    last = text.split()[-1]
    (tmp_path / "CHGCAR").write_text(text.replace(last, "0.37365-102"))
    found = read_density(tmp_path / "CHGCAR")
    assert 0.0 < found.density[-1, -1, -1] < 1e-101
    expected = on_mesh(crystal)
    expected[-1, -1, -1] = 0.0
    np.testing.assert_allclose(found.density, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["CHGCAR", "any.vasp", "CHGCAR_sum"])
def test_ase_reads_what_is_written(crystal, tmp_path, name):
    density = on_mesh(crystal)
    write_density(tmp_path / name, Density(crystal, density))
    charge = VaspChargeDensity(str(tmp_path / name))
    np.testing.assert_allclose(charge.chg[0] * ANGSTROM_PER_BOHR**3, density, rtol=1e-9)
    check_gaussians(read_density(tmp_path / name), crystal)
