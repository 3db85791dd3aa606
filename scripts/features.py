"""Draw mesh points from a dataset's snapshot files."""

from rhocast.cli.job import job
from rhocast.config import Descriptor, Features
from rhocast.dft.psp8 import resolve_pseudopotentials
from rhocast.learning import sample_features

with job(snakemake.log[0]):
    params = snakemake.params
    features = Features.model_validate(params.features)
    pseudopotentials = resolve_pseudopotentials(params.pseudopotentials)
    sample_features(
        snakemake.output.features,
        snakemake.input.snapshots,
        descriptor=Descriptor.model_validate(params.descriptor),
        valence={element: file.valence for element, file in pseudopotentials.items()},
        points_per_snapshot=features.points_per_snapshot,
        max_rejected_share=features.max_rejected_share,
        seed=params.seed,
    )
