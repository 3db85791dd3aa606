"""Compiled kernels: a model evaluated on blocks of mesh points, close to what the core can do.

The C++ in ``src/native`` is compiled for several instruction sets and picks one when it runs. It
computes what `rhocast.descriptors.smooth`, `rhocast.descriptors.pseudo_atoms` and
`rhocast.model.network` compute, which are its reference; `divide` computes what
`rhocast.density.spheres.Spheres.divide` does. An installation without a compiler has no
kernels; everything works without them.
"""

from rhocast.evaluation.compiled.division import divide, divides
from rhocast.evaluation.compiled.evaluator import BoundCompiled, CompiledEvaluator, evaluates
from rhocast.evaluation.compiled.instructions import VARIABLE, available, isa, isas, measure_peaks

__all__ = [
    "VARIABLE",
    "BoundCompiled",
    "CompiledEvaluator",
    "available",
    "divide",
    "divides",
    "evaluates",
    "isa",
    "isas",
    "measure_peaks",
]
