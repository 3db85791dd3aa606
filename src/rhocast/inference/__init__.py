"""Prediction: block streaming over ranks and shards, storage, merging, export."""

from rhocast.inference.density_field import DensityField
from rhocast.inference.estimate import Estimate, estimate
from rhocast.inference.export import export
from rhocast.inference.merge import merge
from rhocast.inference.notebook import Predictor
from rhocast.inference.parallel import find_communicator, first_alone, rank_of, size_of, together
from rhocast.inference.prediction import (
    predict_density,
    predict_file,
    predict_on_mesh,
    predict_shard,
)
from rhocast.inference.refine import refine
from rhocast.inference.request import Request
from rhocast.inference.spacing import evaluation_spacing
from rhocast.inference.storage import open_density, read_density, write_density

__all__ = [
    "DensityField",
    "Estimate",
    "Predictor",
    "Request",
    "estimate",
    "evaluation_spacing",
    "export",
    "find_communicator",
    "first_alone",
    "merge",
    "open_density",
    "predict_density",
    "predict_file",
    "predict_on_mesh",
    "predict_shard",
    "rank_of",
    "read_density",
    "refine",
    "size_of",
    "together",
    "write_density",
]
