"""Units: Bohr, Hartree, electrons and kelvin inside; ångström and eV only at the interface to ASE.

The values are ASE's (CODATA 2014), so that a number which crosses the boundary and comes back is
the number it was.
"""

from ase import units as _ase

ANGSTROM_PER_BOHR: float = _ase.Bohr
EV_PER_HARTREE: float = _ase.Hartree
HARTREE_PER_KELVIN: float = _ase.kB / _ase.Hartree
FEMTOSECOND_PER_ATOMIC_TIME: float = _ase.AUT / _ase.fs
ELECTRON_MASS_PER_DALTON: float = _ase._amu / _ase._me
GPA_PER_ATOMIC_PRESSURE: float = _ase.Hartree / _ase.Bohr**3 / _ase.GPa

#: One ASE velocity unit, Å √(u/eV), in Bohr per atomic unit of time.
ATOMIC_VELOCITY_PER_ASE: float = (1.0 / _ase.Bohr) * _ase.AUT
