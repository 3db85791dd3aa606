"""Take one frame from a trajectory."""

from rhocast.cli.job import job
from rhocast.config import Aimd
from rhocast.dft import read_trajectory, select_frames
from rhocast.structures import write_structure

with job(snakemake.log[0]):
    aimd = Aimd.model_validate(snakemake.params.settings["aimd"])
    frames = select_frames(
        read_trajectory(snakemake.input.trajectory),
        first_step=aimd.equilibration_steps,
        steps_between=aimd.steps_between_frames,
        count=int(snakemake.wildcards.frame) + 1,
    )
    write_structure(snakemake.output.frame, frames[-1])
