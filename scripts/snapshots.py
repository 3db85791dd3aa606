"""Take one decorrelated frame from a trajectory."""

from pathlib import Path

from rhocast.cli.job import job
from rhocast.config import Aimd
from rhocast.dft.trajectory import read_trajectory, select_frame
from rhocast.structures import write_structure

with job(snakemake.log[0]):
    aimd = Aimd.model_validate(snakemake.params.aimd)
    trajectory = read_trajectory(snakemake.input.trajectory)
    frame = select_frame(trajectory, int(snakemake.wildcards.frame), aimd)
    write_structure(Path(snakemake.output.frame), frame)
