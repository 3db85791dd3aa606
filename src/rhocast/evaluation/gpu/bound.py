"""Some atoms on a device: who is near whom, their multipoles, and the fields at points of boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rhocast.descriptors.multipoles import induced_by_products
from rhocast.descriptors.products import Products
from rhocast.evaluation.evaluator import Box, shape_of
from rhocast.evaluation.gpu.loaded import LoadedModel

#: Points of a brick along the three lattice vectors, as in `geometry.cu`.
BRICK = np.array([4, 4, 8])

#: Threads of the network for each point, as in `network.cu`: 32 take 16 together.
_NETWORK_THREADS = 2

#: Atoms that a thread looks at for neighbours.
_CHUNK = 64

#: Memory for the sums and features of the points that are computed at a time, bytes.
SUMS_BYTES = 2**28

#: Atoms so much beyond reach of a brick count as within: distances are rounded.
_MARGIN_BOHR = 1e-3


@dataclass(frozen=True)
class Near:
    """The atoms near some centres, in the order of batches, so species by species.

    Attributes
    ----------
    entries : (m, 4) float32 array
        `Near` of `geometry.cu`.
    starts : (n batches + 1,) int32 array
        Where those of each centre and batch begin.
    """

    entries: Any
    starts: Any


class BoundGpu:
    """A model of some atoms, ready for boxes of mesh points.

    Parameters
    ----------
    loaded
        The model.
    positions : (n, 3) float64 array
        Along the model's frame, Bohr, species by species.
    kinds : (n,) int array
        Their species.
    seen : (m,) int array
        Atoms that points may see; the others only surround these.
    fields, calibrated
        Names of the fields, and what calibrates them (f, ...) in place.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        positions: np.ndarray,
        kinds: np.ndarray,
        seen: np.ndarray,
        fields: Sequence[str],
        calibrated: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self._model, up = loaded, loaded.up
        self._fields, self._calibrated = fields, calibrated
        self._xp = loaded.device.xp
        self._positions = up(positions)
        bounds, self._species_batches = _batches(kinds, loaded.n_species)
        self._n_batches = len(bounds) - 1
        self._bounds = up(bounds, np.int32)
        self._species_batches_there = up(self._species_batches, np.int32)
        self._poles = None
        if loaded.pole_radial:
            self._poles = self._induced(positions, kinds, seen)

    def _near(self, centres: np.ndarray, reach_bohr: float) -> Near:
        """List the atoms within reach of centres (n, 3)."""
        kernels, xp = self._model.kernels, self._xp
        threads = len(centres) * self._n_batches
        there = self._model.up(centres)
        common = (there, np.float64(reach_bohr), self._positions, self._bounds, self._n_batches)
        starts = xp.zeros(threads + 1, dtype=np.int32)
        kernels["count_near"](threads, *common, starts[1:])
        starts = xp.cumsum(starts, dtype=np.int32)
        entries = xp.empty((max(1, int(starts[-1])), 4), dtype=np.float32)
        kernels["list_near"](threads, *common, starts, entries)
        return Near(entries, starts)

    def _induced(self, positions: np.ndarray, kinds: np.ndarray, seen: np.ndarray) -> Any:
        """Work out the multipoles of the atoms that points see."""
        model, xp = self._model, self._xp
        near = self._near(positions[seen], model.pole_reach)
        which = model.up(seen, np.int32)
        many = model.n_species * model.pole_radial
        moments = xp.empty((len(seen), many, model.poles), dtype=np.float32)
        model.kernels["pole_moments"](
            len(seen) * many,
            which,
            near.entries,
            near.starts,
            self._n_batches,
            self._species_batches_there,
            model.pole_inverses,
            moments,
        )
        poles = xp.zeros((len(kinds), model.pole_radial, model.pole_stride), dtype=np.float32)
        model.kernels["induce"](
            len(seen) * model.pole_radial * model.poles,
            which,
            model.up(kinds, np.int32),
            moments,
            model.coefficients,
            model.usual_sum,
            poles,
        )
        if model.products is not None:
            added = self._induced_by_products(model.products, moments, kinds[seen])
            poles[which, :, : model.poles] += added
        return poles

    def _induced_by_products(self, products: Products, moments: Any, kinds: np.ndarray) -> Any:
        """Work out what products of the moments add to the multipoles; (m, n_max, poles)."""
        model, xp = self._model, self._xp
        by_species = moments.reshape(len(kinds), model.pole_radial, model.n_species, model.poles)
        found = products(by_species.sum(axis=2) * model.racah, xp)
        return model.racah * induced_by_products(found, model.product_coefficients, kinds, xp)

    def __call__(self, box: Box) -> np.ndarray:
        """See `rhocast.evaluation.BoundEvaluator`."""
        model, fields = self._model, self._fields
        with model.device.using():
            counts, centres, radius = _bricks(box, model.steps)
            near = self._near(centres, model.cutoff_bohr + radius + _MARGIN_BOHR)
            shape = shape_of(box)
            there = model.up(_box_bytes(shape, counts, model.steps))
            values = self._xp.empty((len(fields), *shape), dtype=np.float32)
            found = dict(zip(fields, values, strict=True))
            found.setdefault("density", self._xp.empty(shape, dtype=np.float32))
            n_sums = model.n_species * model.radial * model.members
            of_a_point = 4 * (n_sums + model.n_features)
            part = max(1, SUMS_BYTES // (of_a_point * int(np.prod(BRICK))))
            for first in range(0, len(centres), part):
                self._network(there, near, first, min(part, len(centres) - first), found)
            if model.baseline_reach:
                self._baseline(there, near, len(centres), found["density"])
            return self._calibrated(np.array(model.device.fetch(values)))

    def _network(self, box: Any, near: Near, first: int, bricks: int, found: dict) -> None:
        """Compute what the network says at the points of some bricks."""
        model, n_points = self._model, bricks * int(np.prod(BRICK))
        sums = self._xp.empty((model.n_species, model.radial, model.members, n_points), "f4")
        for species, own in enumerate(sums):
            for n in range(0, model.radial, model.group):
                model.kernels["sum_atoms"](
                    n_points,
                    box,
                    first,
                    near.entries,
                    near.starts,
                    self._n_batches,
                    int(self._species_batches[species]),
                    int(self._species_batches[species + 1]),
                    model.inverses[n:],
                    min(model.group, model.radial - n),
                    own[n:],
                )
        features = self._xp.empty((model.n_features, n_points), "f4")
        model.kernels["make_features"](n_points, sums, model.scale, model.shift, features)
        model.kernels["run_network"](
            _NETWORK_THREADS * n_points,
            box,
            first,
            features,
            n_points,
            model.layers,
            model.target_std,
            model.min_std,
            *(found.get(name) for name in ("density", "aleatoric_std", "epistemic_std")),
        )

    def _baseline(self, box: Any, near: Near, bricks: int, density: Any) -> None:
        """Add the pseudo-atoms to what the network says."""
        model = self._model
        model.kernels["add_baseline"](
            bricks * int(BRICK[0] * BRICK[1]),
            box,
            0,
            near.entries,
            near.starts,
            self._n_batches,
            self._species_batches_there,
            model.splines,
            model.inverse_interval,
            model.baseline_reach**2,
            model.pole_inverses,
            self._poles,
            model.inverse_fading,
            density,
        )


def _batches(kinds: np.ndarray, n_species: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut sorted atoms into batches of one species.

    Returns the bounds of all batches, and where among the batches those of each species begin.
    """
    ends = np.searchsorted(kinds, np.arange(n_species + 1))
    bounds = [np.arange(a, b, _CHUNK) for a, b in pairwise(ends)]
    counts = [len(own) for own in bounds]
    return np.concatenate([*bounds, [len(kinds)]]), np.concatenate([[0], np.cumsum(counts)])


def _bricks(box: Sequence[slice], steps: np.ndarray) -> tuple[tuple[int, ...], np.ndarray, float]:
    """Return the number of bricks along each side of a box, their centres, and their radius."""
    counts = tuple(-(-(s.stop - s.start) // n) for s, n in zip(box, BRICK.tolist(), strict=True))
    axes = [
        s.start + n * np.arange(count) + 0.5 * (n - 1)
        for s, n, count in zip(box, BRICK.tolist(), counts, strict=True)
    ]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ steps
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])
    diagonals = signs * (0.5 * (BRICK - 1)) @ steps
    return counts, centres, float(np.linalg.norm(diagonals, axis=1).max())


def _box_bytes(shape: Sequence[int], counts: Sequence[int], steps: np.ndarray) -> np.ndarray:
    """`Box` of `geometry.cu`."""
    integers = np.array([*shape, *counts], dtype=np.int32)
    return np.concatenate(
        [integers.view(np.uint8), steps.astype(np.float32).ravel().view(np.uint8)]
    )
