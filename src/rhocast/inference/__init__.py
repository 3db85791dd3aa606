"""Prediction: blocks streamed over ranks and shards, resumed and merged into one field."""

from rhocast.inference.cost import Estimate, estimate
from rhocast.inference.in_memory import Predictor, predict_density, predict_on_mesh
from rhocast.inference.merge import merge
from rhocast.inference.options import PredictionOptions
from rhocast.inference.prediction import predict_file, predict_shard
from rhocast.inference.reduce import predict_reduced
from rhocast.inference.request import Request
from rhocast.inference.spacing import evaluation_spacing

__all__ = [
    "Estimate",
    "PredictionOptions",
    "Predictor",
    "Request",
    "estimate",
    "evaluation_spacing",
    "merge",
    "predict_density",
    "predict_file",
    "predict_on_mesh",
    "predict_reduced",
    "predict_shard",
]
