#!/bin/bash
# ASE 3.29.0 takes a LAMMPS data file called *.data for one of RuNNer's and reads no structure from it, without an error.
#
# Input: fcc aluminium, written by ASE itself as `lammps-data`.
# Expected: `ase.io.read` without a format gives the four atoms, or raises.
# Seen: `ase.io.formats.filetype` says `runnerdata`, and `ase.io.read(…, index=":")` gives an empty list; with index -1 the
# caller meets an IndexError.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ase==3.29.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import ase
import ase.io
from ase.build import bulk
from ase.io.formats import filetype

ase.io.write("al4.data", bulk("Al", cubic=True), format="lammps-data")
told = ase.io.read("al4.data", format="lammps-data", Z_of_type={1: 13})
found, images = filetype("al4.data"), ase.io.read("al4.data", index=":")
print(f"ASE {ase.__version__}; with the format: {told.get_chemical_formula()}")
print("expected without it: Al4, or an error")
print(f"seen: format {found}, {len(images)} structures")
sys.exit(0 if found == "runnerdata" and not images else 1)
PYTHON
