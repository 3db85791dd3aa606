#!/bin/bash
# pymatgen 2026.10.24: the cube that `Chgcar.to_cube` writes holds density times volume, not the density.
#
# Input: a `Chgcar` of 8 electrons in a cell of 120 Å³ (809.8 Bohr³), as read from or written to a CHGCAR, whose values are
# densities times the volume of the cell by VASP's convention.
# Expected: a cube holds the density, e/Bohr³, since the format has no such convention: its values times the volume of a
# voxel add up to 8 electrons, as those that ASE and iodata read from the CHGCAR do.
# Seen: the values of the CHGCAR, unchanged. ASE reads 6478 electrons, 8 times 809.8, from the cube, and so would any
# program that integrates it. Nothing in the file says so.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pymatgen==2026.10.24 pymatgen-core==2026.10.16 ase==3.29.0 qc-iodata==1.0.1
cd "$folder"
cat > electrons.py <<'PYTHON'
import iodata
import numpy as np
from ase.calculators.vasp import VaspChargeDensity
from ase.io.cube import read_cube_data
from ase.units import Bohr
from pymatgen.core import Structure
from pymatgen.io.vasp import Chgcar

structure = Structure(np.diag([4.0, 5.0, 6.0]), ["Si", "Si"], [[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]])
share = np.random.default_rng(0).random((8, 10, 12))
density = 8.0 * share / share.sum() / (structure.volume / share.size)  # e/Å³
chgcar = Chgcar(structure, {"total": density * structure.volume})
chgcar.write_file("CHGCAR")
chgcar.to_cube("density.cube")

by_ase = VaspChargeDensity("CHGCAR").chg[0].mean() * structure.volume
by_iodata = iodata.load_one("CHGCAR", fmt="chgcar").cube.data.mean() * structure.volume / Bohr**3
values, atoms = read_cube_data("density.cube")
print(f"{by_ase:.2f} {by_iodata:.2f} {values.mean() * atoms.get_volume() / Bohr**3:.0f}")
PYTHON
found=$(venv/bin/python -W ignore electrons.py)
echo "electrons of the CHGCAR by ASE and iodata, of the cube by ASE: $found (expected: 8.00 8.00 8)"
[ "$found" = "8.00 8.00 6478" ]
