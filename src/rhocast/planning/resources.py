"""What a queue is asked for, from the sizes of a campaign's jobs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rhocast.files import replacing
from rhocast.planning.stages import Stage

#: Estimates are right within this factor.
_MARGIN = 2.0

#: Least that a job is given, minutes and MB.
_LEAST_MINUTES, _LEAST_MB = 10, 1000

#: Rules whose jobs are several ranks, two unless told otherwise.
PARALLEL = ("converge_point", "aimd", "scf", "predict")

#: Of these the estimate of memory is that of one rank.
_MEMORY_OF_A_RANK = ("predict",)

_HEAD = """\
# Wall time (runtime, minutes) and memory (mem_mb, per node) of each rule's largest job, made by
# `rhocast plan`: twice the estimate, and that once more for each further attempt.
"""


def write_resources(folder: Path, stages: Sequence[Stage], tasks: Mapping[str, int]) -> None:
    """Write a profile of Snakemake with what the jobs of each rule ask for.

    Parameters
    ----------
    folder
        Of the profile, for `snakemake --workflow-profile`.
    stages
        Of `estimate`.
    tasks
        MPI ranks of the jobs of a rule, where they are not two.
    """
    lines = [_HEAD + "set-resources:"]
    for stage in stages:
        ranks = tasks.get(stage.name, 2) if stage.name in PARALLEL else 1
        minutes = _MARGIN * 60.0 * stage.longest_core_hours / ranks
        megabytes = _MARGIN * 1000.0 * stage.memory_gb
        if stage.name in _MEMORY_OF_A_RANK:
            megabytes *= ranks
        lines.append(f"  {stage.name}:")
        if ranks > 1:
            lines.append(f"    tasks: {ranks}")
        lines += [
            f"    runtime: {max(_LEAST_MINUTES, math.ceil(minutes))} * attempt",
            f"    mem_mb: {max(_LEAST_MB, math.ceil(megabytes))} * attempt",
        ]
    with replacing(folder / "config.yaml") as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
