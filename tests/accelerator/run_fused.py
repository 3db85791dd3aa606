"""Runs the Triton kernels in Triton's interpreter against plain torch, or compiles them."""

import sys

import numpy as np
import torch
import triton
from accelerated_models import CELLS, FIELDS, SCALE, crystal, images, make_model
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rhocast.accelerator import Evaluator, fused, pairs
from rhocast.accelerator.pairs import TorchPairs
from rhocast.grid import Mesh

#: Sizes that fill no product of matrices.
BRICKS, ATOMS, NEAR, POINTS, MEMBERS = 3, 70, 65, 100, 25
REACHES, COUNTS = (3.0, 4.0, 6.0, 9.0), (0, 33, 64, NEAR)


def compare() -> None:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    vectors, offsets = 3.0 * random(BRICKS, ATOMS, 3), random(POINTS, 3)
    harmonics, places = random(BRICKS, NEAR, MEMBERS), random(POINTS, MEMBERS)
    polynomials = random(BRICKS, NEAR, len(REACHES), MEMBERS)
    powers = random(4, 25)
    powers[0], powers[:, -1] = 0.0, 0.0
    powers[1:] *= 1e-2  # nearly continuous: a distance may round to the next interval
    one, other = TorchPairs(vectors, offsets), fused.FusedPairs(vectors, offsets)
    for name, arguments in [
        ("radial_sums", (harmonics, REACHES, COUNTS)),
        ("splines", (powers, 0.4, ATOMS - 1)),
        ("polynomials", (places, polynomials, REACHES, COUNTS)),
    ]:
        expected, found = (getattr(own, name)(*arguments) for own in (one, other))
        assert found.shape == expected.shape, name
        difference = (found - expected).abs().max() / expected.abs().max()
        assert difference < 1e-4, (name, float(difference))


def evaluate() -> None:
    """Compute a model's fields with them."""
    model = make_model(multipoles=False)
    structure = crystal(CELLS["triclinic"])
    mesh, box = Mesh((16, 16, 16), structure.cell), (slice(0, 4), slice(3, 9), slice(0, 5))
    values = []
    for fused_ones in (False, True):
        pairs.is_fused = lambda _, chosen=fused_ones: chosen
        evaluator = Evaluator(model, mesh, torch.device("cpu"), spread=True)
        values.append(evaluator.bind_atoms(*images(structure))(box, FIELDS))
    difference = np.abs(values[0] - values[1]).max()
    assert 0.0 < difference < 1e-4 * SCALE, difference


def compile_for_gpus() -> None:
    numbers = dict.fromkeys(["vectors", "offsets", "harmonics", "powers", "places"], "*fp32")
    numbers |= dict.fromkeys(["polynomials", "inverses", "result"], "*fp32")
    numbers |= {"counts": "*i32", "inverse_step": "fp32"}
    sizes = {"POINTS": 64, "ATOMS": 32, "MEMBERS": 64}
    for kernel in (fused._radial_sums, fused._splines, fused._polynomials):
        constants = {k: v for k, v in sizes.items() if k in kernel.arg_names}
        types = {name: numbers.get(name, "i32") for name in kernel.arg_names}
        source = ASTSource(
            fn=kernel,
            signature=types | dict.fromkeys(constants, "constexpr"),
            constexprs={(kernel.arg_names.index(k),): v for k, v in constants.items()},
        )
        compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
        assert compiled.asm["cubin"], kernel


if __name__ == "__main__":
    {"compare": compare, "evaluate": evaluate, "compile": compile_for_gpus}[sys.argv[1]]()
