"""Take one frame from a trajectory."""

from rhocast.cli.job import job
from rhocast.datasets.choices import chosen_frame
from rhocast.dynamics import frame_step, motion_of, read_trajectory
from rhocast.structures import write_structure

with job(snakemake.log[0]):
    wildcards = snakemake.wildcards
    frame = int(wildcards.frame)
    if snakemake.input.choices:
        source = f"{wildcards.system}/{wildcards.temperature}K"
        frame = chosen_frame(snakemake.input.choices, source, frame)
    trajectory = read_trajectory(snakemake.input.trajectory)
    step = frame_step(trajectory, motion_of(snakemake.params.settings), frame)
    write_structure(snakemake.output.frame, trajectory.frame(step))
