"""Bader charges, where BaderKit is installed: sums, symmetry, and maxima that are no atoms'."""

import logging

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.density import Density
from rhocast.engines.psp8 import core_density, read_psp8, spms_file
from rhocast.errors import FileFormatError, ModelError
from rhocast.grid import Mesh
from rhocast.properties.bader import _cores, bader_charges
from rhocast.structures import Structure

__all__ = ["crystal"]

CELL = np.diag([8.0, 8.0, 16.0])


@pytest.fixture(scope="module")
def files():
    return {name: read_psp8(spms_file(name), name) for name in ("Al", "Si")}


@pytest.fixture
def pair() -> Density:
    """Two atoms of one kind whose electrons lie on shells around them."""
    places = np.array([[4.0, 4.0, 4.0], [4.0, 4.0, 12.0]])
    mesh = Mesh((16, 16, 32), CELL)
    points = mesh.points(np.arange(mesh.n_points))
    away = points[:, None] - places
    distance = np.linalg.norm(away - np.round(away / np.diag(CELL)) * np.diag(CELL), axis=-1)
    shells = np.exp(-2.0 * (distance - 1.4) ** 2).sum(axis=1).reshape(mesh.shape)
    return Density(Structure(places, CELL, [13, 13]), 6.0 * shells / mesh.integral(shells))


def test_cores_are_those_of_the_file(files):
    """Of the atom and its images; next to the nucleus the table is coarser than the core."""
    structure = Structure(np.full((1, 3), 7.9), 8.0 * np.eye(3), [13])
    density = Density(structure, np.zeros((40, 40, 40)))
    away = density.mesh.points(np.arange(64_000)) - 7.9
    distance = np.linalg.norm(away - 8.0 * np.round(away / 8.0), axis=1)
    outer = (distance > 0.5) & (distance < 2.5)
    radii, core = core_density(files["Al"])
    found = _cores(density, files).ravel()[outer]
    np.testing.assert_allclose(found, np.interp(distance[outer], radii, core), rtol=1e-2)


def test_pseudopotentials_of_other_elements_or_electrons_are_refused(crystal, files):
    with pytest.raises(ModelError, match="Si: no pseudopotential is given"):
        bader_charges(Density(crystal, on_mesh(crystal)), {"Al": files["Al"]})
    with pytest.raises(FileFormatError, match="holds 22 electrons, expected 11 of the pseudo"):
        bader_charges(Density(crystal, 2.0 * on_mesh(crystal)), files)


def test_a_file_without_cores_is_told(files, tmp_path, caplog):
    lines = files["Al"].path.read_text().splitlines()
    lines[5] = lines[5].replace("1     1", "0     0")
    (tmp_path / "al.psp8").write_text("\n".join(lines))
    density = Density(Structure(np.zeros((1, 3)), 8.0 * np.eye(3), [13]), np.zeros((9, 9, 9)))
    with caplog.at_level(logging.WARNING):
        cores = _cores(density, {"Al": read_psp8(tmp_path / "al.psp8", "Al")})
    assert "Al: its pseudopotential file holds no core density" in caplog.text
    assert not cores.any()


@pytest.mark.filterwarnings("ignore")
def test_a_mirror_divides_what_it_makes_alike(pair, files):
    pytest.importorskip("baderkit")
    found = bader_charges(pair, files)
    np.testing.assert_allclose(found.charges, 0.0, atol=0.02)
    np.testing.assert_allclose(found.volumes_bohr3, 512.0, rtol=0.02)
    assert found.labels.shape == pair.mesh.shape
    assert (found.labels[:, :, 8] == 0).all()
    assert (found.labels[:, :, 24] == 1).all()
