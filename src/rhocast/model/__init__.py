"""A trained model as plain arrays, in one file: all that prediction needs, without torch.

The network never knows where its numbers come from: it maps normalised features to a normalised
density. `DensityModel` holds what lies around it. `rhocast.learning` fits it.
"""

from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.density_model import BoundModel, DensityModel
from rhocast.model.network import Layer, Network
from rhocast.model.normalisation import Normalisation, Prediction
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange

__all__ = [
    "BoundModel",
    "Calibration",
    "Certificate",
    "DensityModel",
    "LastLayer",
    "Layer",
    "Network",
    "Normalisation",
    "Prediction",
    "TrainingRange",
]
