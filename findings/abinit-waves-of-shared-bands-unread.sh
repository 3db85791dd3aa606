#!/bin/bash
# ABINIT 9.6.2 does not read back the wave functions that it has written itself, with one and the same input variable `iomode`.
#
# Input: two silicon atoms, one k-point whose bands two ranks share (`paral_kgb 1`, `npband 2`), `iomode 3` (netCDF). The
# second run is the first with `getwfk_filepath` for the file of the first, by the name that it has.
# Expected: `iomode 3` holds for both, or for none: the second run begins from the wave functions of the first.
# Seen: the first run writes wave functions by MPI-IO (`ao_WFK`, without `.nc`), without a warning; the second adds `.nc` to
# the name that it was given, and ends because there is no such file.
# Needs `abinit` 9.6.2 (Debian 12) and Open MPI. Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --no-deps sparc-x-api==1.1.0 # for its pseudopotentials
cd "$folder"
cp venv/lib/python3*/site-packages/sparc/psp/14_Si_4_1.9_1.9_pbe_n_v1.0.psp8 Si.psp8
cat > a.abi <<'INPUT'
pseudos "Si.psp8"
acell 3*10.2
rprim 0 0.5 0.5 0.5 0 0.5 0.5 0.5 0
natom 2
ntypat 1
znucl 14
typat 1 1
xred 0.01 0 0 0.25 0.25 0.25
ixc 11
ecut 5
nsym 1
kptopt 2
ngkpt 1 1 1
nshiftk 1
shiftk 0.25 0.25 0.25
chksymbreak 0
nband 8
nstep 3
tolvrs 1e-12
paral_kgb 1
npkpt 1
npband 2
bandpp 4
useylm 1
iomode 3
INPUT
sed 's/^nstep.*/nstep 3\ngetwfk_filepath "ao_WFK"/' a.abi > b.abi
echo "abinit $(abinit --version)"
mpirun -n 2 abinit a.abi > a.log 2>&1
mpirun -n 2 abinit b.abi > b.log 2>&1 || true
echo "expected: wave functions ao_WFK.nc, or ao_WFK and a second run that reads it"
echo "seen: $(ls ao_WFK*); $(grep -h -m1 'nf90_open: ' b.log || echo 'the second run reads it')"
[ -f ao_WFK ] && [ ! -f ao_WFK.nc ] && grep -q 'nf90_open: ao_WFK.nc' b.log
