"""The Bayesian network: variational layers, dense blocks, one-file checkpoints.

The network never knows where its numbers come from: it maps normalised features to a normalised
density. `DensityModel` holds what lies around it.
"""

from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.density_model import BoundModel, DensityModel
from rhocast.model.device import check_device
from rhocast.model.network import DensityNetwork
from rhocast.model.normalisation import Normalisation, Prediction
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange

__all__ = [
    "BoundModel",
    "Calibration",
    "Certificate",
    "DensityModel",
    "DensityNetwork",
    "LastLayer",
    "Normalisation",
    "Prediction",
    "TrainingRange",
    "check_device",
]
