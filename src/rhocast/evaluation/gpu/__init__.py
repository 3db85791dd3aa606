"""A model on a GPU: CUDA kernels (`*.cu`), compiled at run time for the model and the card.

CuPy compiles and launches; with the device ``emulated`` the C++ compiler of this machine and a loop
over all threads do, so that the same code runs where there is no GPU. What is computed is what
`rhocast.descriptors.smooth`, `rhocast.descriptors.pseudo_atoms`, `rhocast.descriptors.multipoles`
and `rhocast.model.network` compute, in single precision throughout.
"""

from rhocast.evaluation.gpu.device import Device
from rhocast.evaluation.gpu.devices import gpu_named, name_of, open_device, own_device
from rhocast.evaluation.gpu.evaluator import GpuEvaluator, evaluates

__all__ = [
    "Device",
    "GpuEvaluator",
    "evaluates",
    "gpu_named",
    "name_of",
    "open_device",
    "own_device",
]
