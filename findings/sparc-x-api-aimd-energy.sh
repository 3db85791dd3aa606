#!/bin/bash
# sparc-x-api 1.1.0 returns the total energy of molecular dynamics, with the kinetic energy of the atoms, as potential energy.
#
# Input: the first two steps that SPARC (December 2025) wrote for four aluminium atoms at 631 K: `.inpt`, `.ion`, and what
# matters here of `.aimd` and `.out`. SPARC's own header says TEN = KEN + FEN: total, ionic kinetic and free energy,
# Ha/atom. A single point of the first positions has the total free energy −9.301405872 Ha, which is 4 FEN.
# Expected: `get_potential_energy()` of the images is 4 FEN, as for single points and relaxations, so that
# `get_total_energy()` is 4 TEN.
# Seen: `get_potential_energy()` is 4 TEN, and `get_total_energy()` holds the kinetic energy twice. Energies that go with
# the forces, for a fitted potential, are wrong by 3/2 kT an atom.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q sparc-x-api==1.1.0 ase==3.29.0
cd "$folder"
mkdir al4.sparc
cat > al4.sparc/al4.inpt <<'INPUT'
LATVEC_SCALE: 7.6533907756 7.6533907756 7.6533907756
LATVEC:
1 0 0
0 1 0
0 0 1
FD_GRID: 18 18 18
BC: P P P
KPOINT_GRID: 3 3 3
EXCHANGE_CORRELATION: GGA_PBE
ELEC_TEMP_TYPE: fermi-dirac
ELEC_TEMP: 631.554
MD_FLAG: 1
MD_METHOD: NVT_NH
MD_TIMESTEP: 1.0
MD_NSTEP: 8
ION_TEMP: 631
INPUT
cat > al4.sparc/al4.ion <<'IONS'
ATOM_TYPE: Al
N_TYPE_ATOM: 4
PSEUDO_POT: 13_Al_3_1.9_1.9_pbe_n_v1.0.psp8
COORD_FRAC:
0.01 0.00 0.00
0.00 0.50 0.49
0.50 0.00 0.50
0.50 0.51 0.00
IONS
cat > al4.sparc/al4.out <<'OUTPUT'
***************************************************************************
*                       SPARC (version December 03, 2025)                 *
***************************************************************************
                           Input parameters
***************************************************************************
OUTPUT_FILE: al4
***************************************************************************
                             Initialization
***************************************************************************
Number of processors               :  2
Total number of atoms              :  4
===================================================================
                    Self Consistent Field (SCF#1)
===================================================================
Iteration     Free Energy (Ha/atom)   SCF Error        Timing (sec)
1            -2.3254022027E+00        1.203E-01        1.640
2            -2.3255768394E+00        6.402E-02        0.413
3            -2.3253426267E+00        4.480E-03        0.320
4            -2.3253502217E+00        1.849E-03        0.382
5            -2.3253513362E+00        3.461E-04        0.275
6            -2.3253514671E+00        8.658E-05        0.275
7            -2.3253514510E+00        3.834E-05        0.254
8            -2.3253514681E+00        7.034E-06        0.313
Total number of SCF: 8
====================================================================
                    Energy and force calculation
====================================================================
Free energy per atom               : -2.3253514681E+00 (Ha/atom)
Total free energy                  : -9.3014058725E+00 (Ha)
Fermi level                        :  1.9881117033E-01 (Ha)
===================================================================
                    Self Consistent Field (SCF#2)
===================================================================
Iteration     Free Energy (Ha/atom)   SCF Error        Timing (sec)
1            -2.3253520317E+00        9.628E-03        0.387
2            -2.3253354391E+00        3.425E-03        0.270
3            -2.3253336888E+00        6.778E-04        0.256
4            -2.3253336644E+00        5.128E-05        0.291
5            -2.3253336606E+00        2.254E-05        0.286
6            -2.3253336470E+00        3.467E-06        0.290
Total number of SCF: 6
====================================================================
                    Energy and force calculation
====================================================================
Free energy per atom               : -2.3253336470E+00 (Ha/atom)
Total free energy                  : -9.3013345879E+00 (Ha)
Fermi level                        :  1.9880391096E-01 (Ha)
OUTPUT
cat > al4.sparc/al4.aimd <<'STEPS'
:Description:

:Desc_R: Atom positions in Cartesian coordinates. Unit=Bohr
:Desc_V: Atomic velocities in Cartesian coordinates. Unit=Bohr/atu
:Desc_F: Atomic forces in Cartesian coordinates. Unit=Ha/Bohr
:Desc_TEN: Total energy. TEN = KEN + FEN. Unit=Ha/atom
:Desc_KEN: Ionic kinetic energy. Unit=Ha/atom
:Desc_FEN: Free energy F = U - TS. FEN = UEN + TSEN. Unit=Ha/atom

:MDSTEP: 1
:MDTM: 4.02
:TEL: 631.554
:TIO: 631
:TEN:  -2.3231034278E+00
:KEN:   2.2480403586E-03
:KENIG:  2.9973871448E-03
:FEN:  -2.3253514681E+00
:UEN:  -2.3250667464E+00
:TSEN: -2.8472174517E-04
:R:
  7.6533907756E-02   0.0000000000E+00   0.0000000000E+00
  0.0000000000E+00   3.8266953878E+00   3.7501614800E+00
  3.8266953878E+00   0.0000000000E+00   3.8266953878E+00
  3.8266953878E+00   3.9032292956E+00   0.0000000000E+00
:V:
  5.9130706243E-05  -8.6173994606E-05   1.1110591582E-04
 -7.7496286159E-05  -2.8159793692E-04  -8.2077306780E-05
  1.0044102549E-04   3.4139220687E-04   2.2616610228E-04
 -8.2075445569E-05   2.6379724656E-05  -2.5519471132E-04
:F:
 -2.7621656186E-03   1.2262196758E-03  -1.2007025617E-03
  3.3302868425E-04   3.3309131769E-04   2.7381986317E-03
  1.2017656774E-03   1.2015852897E-03  -3.3655704309E-04
  1.2273712570E-03  -2.7608962833E-03  -1.2009390269E-03
:MDSTEP: 2
:MDTM: 1.89
:TEL: 631.554
:TIO: 629.595030678215
:TEN:  -2.3230906120E+00
:KEN:   2.2430349264E-03
:KENIG:  2.9907132352E-03
:FEN:  -2.3253336470E+00
:UEN:  -2.3250487222E+00
:TSEN: -2.8492478981E-04
:R:
  7.8930461037E-02   7.6498495293E+00   4.5724095067E-03
  7.6501927589E+00   3.8150595297E+00   3.7468158664E+00
  3.8308686378E+00   1.4134499655E-02   3.8360395576E+00
  3.8233236012E+00   3.9042719003E+00   7.6428198100E+00
:V:
  5.6770341123E-05  -8.5134261622E-05   1.1004889226E-04
 -7.7159834064E-05  -2.8107449475E-04  -7.9747721695E-05
  1.0137922186E-04   3.4212092555E-04   2.2569841716E-04
 -8.0989728917E-05   2.4087830821E-05  -2.5599958773E-04
:F:
 -2.8555423200E-03   1.2498422487E-03  -1.3171143390E-03
  4.6943322282E-04   9.1931949261E-04   2.8068362191E-03
  1.0281058035E-03   5.2392306159E-04  -7.8182077155E-04
  1.3580032936E-03  -2.6930848029E-03  -7.0790110856E-04
STEPS
venv/bin/python - 2> log <<'PYTHON'
import sys
from contextlib import redirect_stdout
from importlib.metadata import version

from ase.units import Hartree

FEN_HA, TEN_HA = (-2.3253514681, -2.3253336470), (-2.3231034278, -2.3230906120)  # an atom, of the two steps above

with redirect_stdout(sys.stderr):
    from sparc.io import read_sparc

    images = read_sparc("al4.sparc", index=":")
potential = [atoms.get_potential_energy() / Hartree for atoms in images]
total = [float(atoms.get_total_energy() / Hartree) for atoms in images]
print(f"sparc-x-api {version('sparc-x-api')}, {len(images)} steps of {images[0].get_chemical_formula()}; Ha")
print(f"expected: potential energy {[round(4 * e, 6) for e in FEN_HA]}, total energy {[round(4 * e, 6) for e in TEN_HA]}")
print(f"seen: potential energy {[round(e, 6) for e in potential]}, total energy {[round(e, 6) for e in total]}")
sys.exit(0 if all(abs(p - 4 * t) < 1e-6 for p, t in zip(potential, TEN_HA, strict=True)) else 1)
PYTHON
