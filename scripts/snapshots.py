"""Take one frame from a trajectory."""

from rhocast.cli.job import job
from rhocast.datasets.chosen_frames import chosen_frame
from rhocast.dynamics import frame_step, motion_of, read_trajectory
from rhocast.structures import write_structure
from rhocast.workflow.stamps import with_stamp

with job(snakemake.log[0]):
    wildcards = snakemake.wildcards
    number = int(wildcards.frame)
    if snakemake.input.choices:
        source = f"{wildcards.system}/{wildcards.temperature}K"
        number = chosen_frame(snakemake.input.choices[0], source, number)
    trajectory = read_trajectory(snakemake.input.trajectory)
    step = frame_step(trajectory, motion_of(snakemake.params.settings), number)
    frame = with_stamp(trajectory.frame(step), snakemake.params.determined_by)
    write_structure(snakemake.output.frame, frame)
