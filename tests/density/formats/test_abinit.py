"""ABINIT's DEN.nc."""

import numpy as np
import pytest
from gaussian_atoms import VALENCE, check_gaussians, crystal, on_mesh
from netCDF4 import Dataset

from rhocast.density import read_density
from rhocast.density.fourier import resample
from rhocast.engines.process import Launcher
from rhocast.errors import FileFormatError

__all__ = ["crystal"]


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
def test_abinit(crystal, tmp_path, spins):
    write_den(tmp_path / "runo_DEN.nc", crystal, spins)
    found = read_density(tmp_path / "runo_DEN.nc")
    check_gaussians(found, crystal)
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


def test_the_binary_density_is_answered_with_what_to_do(tmp_path):
    path = tmp_path / "runo_DEN"
    path.write_bytes(b"\x0e\x00\x00\x00 9.6.2\x00\x00")
    for format in (None, "abinit"):
        with pytest.raises(FileFormatError, match="iomode 3"):
            read_density(path, format)
