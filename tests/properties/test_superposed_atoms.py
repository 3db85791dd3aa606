"""Superposed atoms: neutral, with tails that fall off as the tables do, at their places."""

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.cli.main import main
from rhocast.density import Density, read_density, read_snapshot
from rhocast.density.spheres import STEP_BOHR2
from rhocast.engines.psp8 import read_psp8, spms_file, valence_density
from rhocast.errors import EngineError, ModelError
from rhocast.properties.superposed_atoms import free_atom, superposed_atoms
from rhocast.structures import Structure

__all__ = ["crystal"]

SNAPSHOT = "data/al-defects/al31-vacancy/500K/0.h5"


@pytest.mark.parametrize("element", ["Na", "Al", "Si", "C", "O"])
def test_an_atom_is_neutral_and_its_tail_falls_off_as_its_table_does(element):
    file = read_psp8(spms_file(element), element)
    atom = free_atom(file)
    squared = (np.arange(len(atom.values)) + 0.5) * STEP_BOHR2
    electrons = float((2.0 * np.pi * np.sqrt(squared) * atom.values).sum() * STEP_BOHR2)
    assert electrons == pytest.approx(file.valence, rel=1e-4)
    radii, values = valence_density(file)
    decay = -np.log(values[-1] / values[-20]) / (radii[-1] - radii[-20])
    tail = np.flatnonzero(np.sqrt(squared) > radii[-1] + 0.1)[:100]
    distance = np.sqrt(squared[tail[[0, -1]]])
    first, last = atom.values[tail[[0, -1]]]
    assert -np.log(last / first) / np.diff(distance)[0] == pytest.approx(decay, rel=0.2)


def test_one_atom_in_a_large_cell_is_the_free_atom():
    file = read_psp8(spms_file("Al"), "Al")
    cell, place = 30.0 * np.eye(3), np.array([0.3, 29.0, 11.0])
    empty = np.full((60, 60, 60), 3.0 / 30.0**3)
    density = Density(Structure(place[None], cell, [13]), empty)
    found = superposed_atoms(density, {"Al": file})
    assert found.electron_count == pytest.approx(3.0, rel=1e-6)
    away = density.mesh.points(np.arange(60**3)) - place
    distance = np.linalg.norm(away - 30.0 * np.round(away / 30.0), axis=1)
    near = (distance > 0.5) & (distance < 5.9)
    radii, values = valence_density(file)
    np.testing.assert_allclose(
        found.density.ravel()[near], np.interp(distance[near], radii, values), rtol=2e-2
    )


def test_metal_is_misplaced_by_a_tenth_of_its_electrons_from_superposed_atoms(tmp_path, root):
    """The verb on a real density: the deformation is of the size that metals have, and no more."""
    out = tmp_path / "atoms.h5"
    arguments = [str(root / SNAPSHOT), "--pseudopotentials", "Al=spms", "-o", str(out)]
    assert main(["superpose", *arguments]) == 0
    snapshot, found = read_snapshot(root / SNAPSHOT), read_density(out)
    deformation = snapshot.density - found.density
    assert found.electron_count == pytest.approx(93.0, rel=1e-5)
    assert 0.05 < np.abs(deformation).sum() / snapshot.density.sum() < 0.15
    assert abs(deformation.sum()) < 1e-4 * snapshot.density.sum()


def test_files_that_do_not_fit_are_refused(crystal, tmp_path):
    files = {name: read_psp8(spms_file(name), name) for name in ("Al", "Si")}
    density = Density(crystal, on_mesh(crystal))
    with pytest.raises(ModelError, match="Si: no pseudopotential is given"):
        superposed_atoms(density, {"Al": files["Al"]})
    lines = files["Al"].path.read_text().splitlines()
    lines[5] = lines[5].replace("1     1", "0     0")
    (tmp_path / "al.psp8").write_text("\n".join(lines))
    with pytest.raises(EngineError, match="holds no density of the free atom"):
        superposed_atoms(density, files | {"Al": read_psp8(tmp_path / "al.psp8", "Al")})
