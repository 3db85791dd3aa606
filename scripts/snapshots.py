"""Take one frame from a trajectory, or draw one without: atoms displaced by springs' phonons."""

from rhocast.cli.job import job
from rhocast.datasets.chosen_frames import chosen_frame
from rhocast.dynamics import draw_frame, frame_step, motion_of, read_trajectory
from rhocast.structures import read_structure, write_structure
from rhocast.workflow.stamps import with_stamp

with job(snakemake.log[0]):
    wildcards, settings = snakemake.wildcards, snakemake.params.settings
    number = int(wildcards.frame)
    if "springs" in settings:
        rest = read_structure(snakemake.input.origin)
        frame = draw_frame(rest, float(wildcards.temperature), number, **settings["springs"])
    else:
        if snakemake.input.choices:
            source = f"{wildcards.system}/{wildcards.temperature}K"
            number = chosen_frame(snakemake.input.choices[0], source, number)
        trajectory = read_trajectory(snakemake.input.origin)
        frame = trajectory.frame(frame_step(trajectory, motion_of(settings), number))
    frame = with_stamp(frame, snakemake.params.determined_by)
    write_structure(snakemake.output.frame, frame)
