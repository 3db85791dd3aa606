"""Let the atoms of a cell move in the field of a classical potential."""

from rhocast.cli.job import job
from rhocast.dynamics import motion_of, run_classical, write_trajectory
from rhocast.structures import read_structure
from rhocast.workflow.stamps import with_stamp

with job(snakemake.log[0]):
    params = snakemake.params
    trajectory = run_classical(
        read_structure(snakemake.input.structure),
        motion_of(params.settings),
        temperature_K=float(snakemake.wildcards.temperature),
        frames=params.frames,
        seed=params.seed,
    )
    trajectory = with_stamp(trajectory, params.determined_by, frames=params.frames)
    write_trajectory(snakemake.output.trajectory, trajectory)
