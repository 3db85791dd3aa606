"""Fit the Birch-Murnaghan equation to the energies of a cell, and draw it."""

from rhocast.analysis.physics import draw_equation_of_state
from rhocast.cli.job import job
from rhocast.config import Experiment
from rhocast.properties import fit_and_write, read_volume_energies
from rhocast.structures import read_structure

with job(snakemake.log[0]):
    table, constant = snakemake.input.table, snakemake.params.lattice_constant_bohr
    energies = read_volume_energies(table, read_structure(snakemake.input.structure))
    found = fit_and_write(table, energies, constant)
    measured = snakemake.params.experiment
    experiment = Experiment(**measured) if measured else None
    draw_equation_of_state(found, snakemake.output.picture, constant, experiment)
