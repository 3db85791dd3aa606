"""Learning: sampling a dataset, training on small cells, transfer to larger ones."""

from rhocast.extras import needed_for

with needed_for("rhocast.learning"):
    from rhocast.learning.acquisition import Candidate, acquire
    from rhocast.learning.feature_file import FeatureSet, read_features
    from rhocast.learning.features import sample_features
    from rhocast.learning.fitting import checkpoint_of
    from rhocast.learning.recalibration import calibrate_on_other_cells, recalibrate
    from rhocast.learning.training import train, train_on
    from rhocast.learning.transfer_learning import transfer

__all__ = [
    "Candidate",
    "FeatureSet",
    "acquire",
    "calibrate_on_other_cells",
    "checkpoint_of",
    "read_features",
    "recalibrate",
    "sample_features",
    "train",
    "train_on",
    "transfer",
]
