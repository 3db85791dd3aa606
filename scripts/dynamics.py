"""Judge a run of molecular dynamics: a table, a picture."""

from rhocast.analysis.dynamics_report import draw_dynamics, dynamics_table, write_dynamics_table
from rhocast.cli.job import job
from rhocast.dynamics import read_trajectory

with job(snakemake.log[0]):
    trajectory = read_trajectory(snakemake.input.trajectory)
    equilibration_steps = snakemake.params.equilibration_steps
    table = dynamics_table(trajectory, equilibration_steps, snakemake.params.steps_between_frames)
    write_dynamics_table(snakemake.output.table, table)
    draw_dynamics(trajectory, equilibration_steps, table, snakemake.output.picture)
