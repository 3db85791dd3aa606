"""Take one frame from a trajectory."""

from rhocast.cli.job import job
from rhocast.config import Aimd, Classical
from rhocast.dft import frame_step, read_trajectory
from rhocast.structures import write_structure

with job(snakemake.log[0]):
    settings = snakemake.params.settings
    if "aimd" in settings:
        sampling = Aimd.model_validate(settings["aimd"])
    else:
        sampling = Classical.model_validate(settings["classical"])
    trajectory = read_trajectory(snakemake.input.trajectory)
    step = frame_step(
        trajectory,
        int(snakemake.wildcards.frame),
        first_step=sampling.equilibration_steps,
        steps_between=sampling.steps_between_frames,
    )
    write_structure(snakemake.output.frame, trajectory.frame(step))
