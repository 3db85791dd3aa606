"""A model on a device of torch, in large batches: what a GPU wants.

The mesh is cut into bricks of a few points on each side, all alike: what depends on a point's
place within its brick is computed once. Solid harmonics are those of the atoms around a brick's
centre, from which those around its points follow exactly (`rhocast.accelerator.harmonics`), so the
sums over atoms are products of matrices. What is computed is what `rhocast.descriptors.smooth`,
`rhocast.descriptors.pseudo_atoms`, `rhocast.descriptors.multipoles` and `rhocast.model.network`
compute, which are its reference, on the CPU as on a GPU.
"""

from rhocast.accelerator.evaluator import BoundEvaluator, Evaluator, evaluates

__all__ = ["BoundEvaluator", "Evaluator", "evaluates"]
