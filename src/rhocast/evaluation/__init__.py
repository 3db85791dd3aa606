"""Models evaluated at mesh points: one protocol, and three back ends that fulfil it.

`Evaluator` is the protocol. `rhocast.evaluation.reference` computes in NumPy and takes any model;
`rhocast.evaluation.compiled` and `rhocast.evaluation.gpu` take models with the smooth descriptor
and the fast uncertainty, as the plain arrays of `rhocast.evaluation.arrays`.
"""

from rhocast.evaluation.evaluator import BoundEvaluator, Box, Evaluator

__all__ = ["BoundEvaluator", "Box", "Evaluator"]
