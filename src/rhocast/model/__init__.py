"""The Bayesian network: variational layers, dense blocks, one-file checkpoints.

The network never knows where its numbers come from: it maps normalised features to a normalised
density. `DensityModel` holds what lies around it.
"""

from rhocast.model.density_model import DensityModel, Normalisation, Prediction
from rhocast.model.network import DensityNetwork

__all__ = ["DensityModel", "DensityNetwork", "Normalisation", "Prediction"]
