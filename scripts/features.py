"""Draw mesh points from a dataset's snapshot files."""

from rhocast.cli.job import job
from rhocast.config import Baseline, Features, parse_descriptor
from rhocast.engines.psp8 import resolve_pseudopotentials
from rhocast.learning import sample_features
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    params = snakemake.params
    features = Features.model_validate(params.features)
    pseudopotentials = resolve_pseudopotentials(params.pseudopotentials)
    sample_features(
        snakemake.output.features,
        snakemake.input.snapshots,
        descriptor=parse_descriptor(params.descriptor),
        baseline=None if params.baseline is None else Baseline.model_validate(params.baseline),
        valence={element: file.valence for element, file in pseudopotentials.items()},
        points_per_snapshot=features.points_per_snapshot,
        max_rejected_share=features.max_rejected_share,
        seed=params.seed,
    )
    write_stamp(snakemake.output.features, params.determined_by)
