"""Learning: sampling a dataset, training on small cells, transfer to larger ones."""

from rhocast.learning.feature_file import FeatureSet, read_features
from rhocast.learning.features import sample_features
from rhocast.learning.fitting import checkpoint_of
from rhocast.learning.training import train
from rhocast.learning.transfer_learning import transfer

__all__ = ["FeatureSet", "checkpoint_of", "read_features", "sample_features", "train", "transfer"]
