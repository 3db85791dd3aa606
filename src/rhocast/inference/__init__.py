"""Prediction: block streaming over ranks and shards, storage, merging, export."""

from rhocast.inference.export import export
from rhocast.inference.merge import merge
from rhocast.inference.parallel import find_communicator, rank_of, together
from rhocast.inference.prediction import (
    predict_density,
    predict_file,
    predict_on_mesh,
    predict_shard,
)
from rhocast.inference.storage import DensityField, open_density, read_density, write_density

__all__ = [
    "DensityField",
    "export",
    "find_communicator",
    "merge",
    "open_density",
    "predict_density",
    "predict_file",
    "predict_on_mesh",
    "predict_shard",
    "rank_of",
    "read_density",
    "together",
    "write_density",
]
