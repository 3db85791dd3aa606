"""A model on a device, asked for the fields at the points of a box."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rhocast import config, descriptors
from rhocast.accelerator.baseline import BoundMultipoles, Multipoles, Spheres
from rhocast.accelerator.bricks import Atoms, Bricks
from rhocast.accelerator.network import Network
from rhocast.accelerator.pairs import is_fused, pairs
from rhocast.accelerator.sums import Invariants, SmoothSums
from rhocast.descriptors import SmoothDescriptor
from rhocast.descriptors.tiles import kinds_of
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.model import DensityModel

#: Memory for what is computed at a time: on a processor, so that most of it stays in cache; on
#: another device, at most, and no more than a quarter of what it has free.
CPU_BYTES, DEVICE_BYTES = 2**26, 2**30

#: Atoms so much beyond reach of a brick count as within: distances are rounded.
_MARGIN_BOHR = 1e-3


def evaluates(model: DensityModel) -> bool:
    """Tell whether such a model can be evaluated here: one with the smooth descriptor."""
    return isinstance(model.descriptor, config.SmoothDescriptor)


def budget_bytes(device: torch.device) -> int:
    """Return how much memory of a device to compute in."""
    if device.type == "cpu":
        return CPU_BYTES
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return min(DEVICE_BYTES, free // 4)
    return DEVICE_BYTES


class Evaluator:
    """A model, ready for the points of one mesh.

    Parameters
    ----------
    model
        With the smooth descriptor.
    mesh
        Where it is evaluated.
    device
        Where to compute.
    spread
        Whether ``epistemic_std`` is wanted: the fast one.
    rounded
        Round what enters and leaves the hidden layers to bfloat16; by default where the device
        has it in hardware and is no processor.
    budget
        Memory for intermediate values, bytes; that of `budget_bytes` by default.

    Raises
    ------
    ModelError
        If the model has another descriptor, or no fast uncertainty that is wanted.
    """

    def __init__(
        self,
        model: DensityModel,
        mesh: Mesh,
        device: torch.device,
        spread: bool = False,
        rounded: bool | None = None,
        budget: int | None = None,
    ) -> None:
        descriptor = descriptors.make(model.descriptor, model.species)
        if not isinstance(descriptor, SmoothDescriptor):
            raise ModelError(
                f"device: a model with the descriptor {model.descriptor} is evaluated on the "
                "processor alone, expected the smooth one"
            )
        if rounded is None:
            rounded = device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.device = device
        self.budget = budget_bytes(device) if budget is None else budget
        self.species = model.species
        self.bricks = Bricks.of(mesh)
        offsets, parameters = self.bricks.offsets, descriptor.parameters
        self.offsets = torch.from_numpy(offsets).to(device, torch.float32)
        self.sums = SmoothSums.of(descriptor, offsets, device)
        self.invariants = Invariants(parameters.radial_functions, parameters.angular, device)
        self.network = Network(model, spread, device, rounded)
        baseline = model.baseline
        self.spheres = Spheres(baseline, device) if baseline else None
        self.multipoles = None
        if baseline is not None and baseline.multipoles is not None:
            self.multipoles = Multipoles(baseline, offsets, device)
        self.sphere_reaches = (baseline.parameters.cutoff_bohr,) if baseline else ()
        self._width, self._n_features = model.parameters.width, model.n_features

    @property
    def reaches_bohr(self) -> tuple[float, ...]:
        """Of the sums, of the spheres, of the multipoles, Bohr."""
        induced = self.multipoles.reaches_bohr if self.multipoles else ()
        return (*self.sums.reaches_bohr, *self.sphere_reaches, *induced)

    def bytes_per_brick(self, census: np.ndarray) -> np.ndarray:
        """Estimate the memory that bricks need with these atoms (b, species, reaches) around."""
        n, members = self.sums.norms.shape
        points, n_species = self.bricks.n_points, census.shape[1]
        per_point = (5 + 2 * n_species) * n * members + 4 * self._n_features + 6 * self._width
        per_atom = 4 * members + (0 if is_fused(self.device) else 8 * points)
        if self.multipoles is not None:
            per_atom += self.multipoles.floats_per_atom
        distances = 4 * census[..., -1].sum(axis=1)
        return 4 * (points * per_point + census.max(axis=(1, 2)) * per_atom + distances)

    @torch.inference_mode()
    def bind_atoms(
        self, positions: np.ndarray, numbers: np.ndarray, seen: np.ndarray | None = None
    ) -> "BoundEvaluator":
        """Take atoms: their images within reach of all points are among them.

        Parameters
        ----------
        positions : (n, 3) float64 array
            From mesh point (0, 0, 0), Bohr.
        numbers : (n,) int array
            Atomic numbers, of the model's species.
        seen : (n,) bool array
            Which ones may be within the model's range of a point; the others only surround these.
            All by default.
        """
        kinds = kinds_of(numbers, self.species)
        atoms = Atoms.of(positions, kinds, len(self.species), self.device)
        multipoles = None
        if self.multipoles is not None:
            chosen = np.ones(len(numbers), dtype=bool) if seen is None else seen
            chosen_here = torch.from_numpy(chosen).to(self.device)
            multipoles = self.multipoles.bind(atoms, self.budget, chosen_here)
        return BoundEvaluator(self, atoms, multipoles)


@dataclass(frozen=True)
class BoundEvaluator:
    """A model of some atoms, ready for boxes of mesh points.

    Attributes
    ----------
    evaluator
        The model.
    atoms
        On the device.
    multipoles
        Those of the atoms, where the model has any.
    """

    evaluator: Evaluator
    atoms: Atoms
    multipoles: BoundMultipoles | None

    @torch.inference_mode()
    def __call__(self, box: Sequence[slice], fields: Sequence[str] = ("density",)) -> np.ndarray:
        """Evaluate the model at the points of a box.

        Parameters
        ----------
        box : three slices
            Mesh indices, from mesh point (0, 0, 0).
        fields
            ``density``, ``epistemic_std``, ``aleatoric_std``.

        Returns
        -------
        (f, bx, by, bz) float32 array
            e/Bohr³.
        """
        bricks, device = self.evaluator.bricks, self.evaluator.device
        centres = torch.from_numpy(bricks.centres(box)).to(device)
        values = torch.empty(len(fields), len(centres), bricks.n_points, device=device)
        for some, counts in self._parts(centres):
            found = self._fields(centres[some], counts)
            for row, name in zip(values, fields, strict=True):
                row[some] = found[name]
        return bricks.joined(values, box).numpy(force=True)

    def _parts(self, centres: Tensor) -> Iterator[tuple[Tensor, list[list[int]]]]:
        """Share out bricks, those with many atoms first, into parts that fit into the memory.

        With each part goes how many atoms of each species are within each reach, at most.
        """
        evaluator = self.evaluator
        margin = evaluator.bricks.radius_bohr + _MARGIN_BOHR
        reaches = [reach + margin for reach in evaluator.reaches_bohr]
        census = self._census(centres, reaches)
        order = np.argsort(-census.max(axis=2).sum(axis=1), kind="stable")
        needed = evaluator.bytes_per_brick(census)[order]
        start = 0
        while start < len(order):
            most = np.maximum.accumulate(needed[start:]) * np.arange(1, len(order) - start + 1)
            size = max(1, int(np.searchsorted(most, evaluator.budget, side="right")))
            own = order[start : start + size]
            yield torch.from_numpy(own).to(evaluator.device), census[own].max(axis=0).tolist()
            start += size

    def _census(self, centres: Tensor, reaches: Sequence[float]) -> np.ndarray:
        n_atoms = sum(len(rows) for rows in self.atoms.rows)
        part = max(1, self.evaluator.budget // (16 * n_atoms + 1))
        parts = [self.atoms.census(some, reaches) for some in centres.split(part)]
        return np.concatenate(parts)

    def _fields(self, centres: Tensor, counts: list[list[int]]) -> dict[str, Tensor]:
        """Compute the fields (b, p) at the points of some bricks."""
        evaluator = self.evaluator
        sums, baseline = [], centres.new_zeros((), dtype=torch.float32)
        n_sums, n_spheres = len(evaluator.sums.reaches_bohr), len(evaluator.sphere_reaches)
        for species, own in enumerate(counts):
            near = self.atoms.near(centres, species, max(own))
            those = pairs(near.vectors, evaluator.offsets)
            sums.append(evaluator.sums(those, near.vectors, own[:n_sums]).flatten(1, 2))
            if evaluator.spheres is not None:
                baseline = baseline + evaluator.spheres(those, species, own[n_sums])
            if evaluator.multipoles is not None and self.multipoles is not None:
                induced = own[n_sums + n_spheres :]
                baseline = baseline + evaluator.multipoles(self.multipoles, those, near, induced)
        flat = evaluator.network(evaluator.invariants(sums))
        fields = {name: row.view(-1, len(centres)).T for name, row in flat.items()}
        return fields | {"density": fields["density"] + baseline}
