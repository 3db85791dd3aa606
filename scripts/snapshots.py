"""Take one frame from a trajectory."""

from rhocast.cli.job import job
from rhocast.config import Aimd, Classical
from rhocast.dft import frame_step, read_trajectory
from rhocast.structures import write_structure

with job(snakemake.log[0]):
    settings = snakemake.params.settings
    motion = (
        Aimd.model_validate(settings["aimd"])
        if "aimd" in settings
        else Classical.model_validate(settings["classical"])
    )
    trajectory = read_trajectory(snakemake.input.trajectory)
    step = frame_step(trajectory, motion, int(snakemake.wildcards.frame))
    write_structure(snakemake.output.frame, trajectory.frame(step))
