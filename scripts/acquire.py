"""Rank the frames of trajectories by what their densities would tell the base model."""

from rhocast.cli.job import job
from rhocast.datasets.chosen_frames import write_choices
from rhocast.dynamics import motion_of, read_trajectory, take_frames
from rhocast.learning import Candidate, acquire
from rhocast.model import DensityModel
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    pool = [
        Candidate(settings["source"], number, structure)
        for path, settings in zip(snakemake.input.trajectories, snakemake.params.pools, strict=True)
        for number, structure in enumerate(
            take_frames(read_trajectory(path), motion_of(settings), settings["pool"])
        )
    ]
    model = DensityModel.load(snakemake.input.model)
    choices = acquire(model, pool, len(pool), snakemake.params.seed)
    write_choices(snakemake.output.choices, choices)
    write_stamp(snakemake.output.choices, snakemake.params.determined_by)
