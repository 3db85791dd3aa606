"""Why a density does not hold the electrons of its atoms.

Each cause changes the electron count by a factor of its own, or by what lies in the layers at the
ends of the mesh; the count therefore tells which it is.
"""

import logging
from collections.abc import Iterator
from itertools import product

import numpy as np
from ase.data import atomic_numbers

from rhocast.density.density import Density
from rhocast.density.quantity import is_difference
from rhocast.errors import FileFormatError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

log = logging.getLogger(__name__)

#: Counts agree within this share: with a factor of units, and with layers left out or added.
_SAME_FACTOR, _SAME_COUNT = 1e-2, 2e-3

#: Scaling to the electron count mends what a model misses, no more than this share.
MOST_SCALING = 0.05

#: Of the electrons; where more are below zero, it is no valence density.
MAX_NEGATIVE_SHARE = 1e-2

#: Likewise; where more are below zero, it is no density of any kind.
MOST_NEGATIVE_SHARE = 0.3

#: Every s-th point was written, for these s; 2 is CP2K's default.
_STRIDES = (2, 3, 4)

_FALLBACK = (
    "check the valence, or whether this is the density (not a potential or a spin) of all atoms"
)

_STRIDE = f"write all points with `STRIDE 1`, CP2K's default leaves some out; else {_FALLBACK}"


def negative_share(density: Density) -> float:
    """Return the electrons below zero over those above."""
    values = density.density
    below = -float(np.minimum(values, 0.0).sum(dtype=np.float64))
    above = float(np.maximum(values, 0.0).sum(dtype=np.float64))
    return below / above if above > 0.0 else float("inf")


def check_electrons(
    density: Density, expected: float, tolerance: float, whose: str, count: float
) -> None:
    """Raise FileFormatError unless a density holds the electrons of its atoms.

    Parameters
    ----------
    density
        As read.
    expected
        Electrons of its atoms.
    tolerance
        Share by which its count may differ.
    whose
        What tells the electrons of an atom, such as ``the model``.
    count
        ∫ρ of the density.

    Raises
    ------
    FileFormatError
        With what usually makes a count wrong by just this much.
    """
    if not abs(count - expected) <= tolerance * expected:
        raise FileFormatError(
            f"{density.source}: holds {count:.6g} electrons, expected {expected:g} of {whose} "
            f"within {tolerance:.0%}; {explain_electrons(density, expected)}"
        )


def warn_of_other_electrons(a: Density, b: Density) -> None:
    """Warn if two densities of a cell hold so different electrons that one must be misread.

    The one whose electrons are not those that it should have, as far as it knows them, else B.
    """
    counts = [a.electron_count, b.electron_count]
    if is_difference(a.record) or is_difference(b.record):
        return
    if abs(counts[1] - counts[0]) <= MOST_SCALING * abs(counts[0]):
        return
    known = b.record.get("n_electrons", np.inf)
    sound = abs(counts[1] - known) <= MOST_SCALING * known if np.isfinite(known) else False
    wrong, expected = (a, counts[1]) if sound else (b, counts[0])
    log.warning(
        "%s holds %.6g electrons, %s %.6g; of %s: %s",
        b.source, counts[1], a.source, counts[0], wrong.source,
        explain_electrons(wrong, expected),
    )  # fmt: skip


def explain_electrons(density: Density, expected: float) -> str:
    """Say what usually makes an electron count wrong by just this much.

    Parameters
    ----------
    density
        As read.
    expected
        Electrons of its atoms.
    """
    count = density.electron_count
    causes = (
        _of_both_signs(density),
        _factor_of_units(density, count, expected),
        _end_layers(density, expected),
        _charge(density.structure, count, expected),
        _part_of_a_cell(density, count, expected),
    )
    fallback = _STRIDE if density.record.get("engine") == "cp2k" else _FALLBACK
    return next((cause for cause in causes if cause), fallback)


def _of_both_signs(density: Density) -> str:
    if is_difference(density.record):
        return "it is a difference of densities"
    if not MOST_NEGATIVE_SHARE <= negative_share(density) < np.inf:
        return ""
    return "many values are below zero: it is a difference of densities, or of spins"


def find_stride(density: Density, expected: float) -> str:
    """Return what a mesh of every s-th point would explain; empty if it explains nothing.

    If s does not divide the points of an axis, the last step of a period is shorter than the
    others, and the file tells of a cell that is too long.
    """
    plain = abs(density.electron_count - expected)
    best, sentence = min(
        (
            (abs(_weighted(density, ends) - expected), _stride_sentence(stride, parts))
            for stride in _STRIDES
            for parts in product(range(stride), repeat=3)
            if any(parts)
            for ends in ([0.5 * (2.0 - part / stride) for part in parts],)
        ),
        default=(np.inf, ""),
    )
    return sentence if best <= min(_SAME_COUNT * expected, 0.2 * plain) else ""


def _stride_sentence(stride: int, parts: tuple[int, ...]) -> str:
    axes = ", ".join(name for name, part in zip("xyz", parts, strict=True) if part)
    return (
        f"the mesh holds one point in {stride} only, and {stride} does not divide the points "
        f"along {axes}: the cell in the file is too long (CP2K's default is `STRIDE 2 2 2`); write "
        "all points, in CP2K with `STRIDE 1`"
    )


def _factor_of_units(density: Density, count: float, expected: float) -> str:
    per_angstrom = ANGSTROM_PER_BOHR**3
    volume = density.structure.volume
    cores = float(density.structure.numbers.sum()) / expected if expected else np.inf
    known = {
        "the values are per cubic ångström: give --density-unit angstrom": 1.0 / per_angstrom,
        "the values are per cubic Bohr (give --density-unit bohr), or the lengths are in ångström, "
        "of which negative point counts in a cube's header must tell": per_angstrom,
        "the values are multiplied by the volume of the cell (Bohr³)": volume,
        "the values are multiplied by the volume of the cell (Å³)": volume * per_angstrom,
        "it is one of two equal spins": 0.5,
        "it holds all electrons, the cores included; pseudopotential programs know the valence "
        "alone": cores,
    }
    for sentence, factor in known.items():
        if abs(count - factor * expected) <= _SAME_FACTOR * factor * expected:
            return sentence
    return ""


def _end_layers(density: Density, expected: float) -> str:
    """Explain the count by points at the ends of axes: long steps, strides, repeated layers."""
    count, shape = density.electron_count, np.array(density.mesh.shape)
    found = [(_distance(count, expected), "")]
    for axes in _some_axes():
        names = ", ".join("xyz"[axis] for axis in axes)
        steps = float(np.prod([(shape[axis] - 1) / shape[axis] for axis in axes]))
        found.append((
            _distance(count * steps, expected),
            f"the steps along {names} are the cell's length over N − 1, but the N points do not "
            "repeat the first at the end: divide by N in the header",
        ))  # fmt: skip
        kept = [0.0 if axis in axes else 1.0 for axis in range(3)]
        found.append((
            _distance(_weighted(density, [1.0] * 3, kept), expected),
            f"the last layer along {names} repeats the first: leave it out, or write such a layer "
            "along every axis",
        ))  # fmt: skip
    distance, sentence = min(found)
    exact = distance <= 0.1 * _SAME_COUNT
    return sentence if sentence and exact else find_stride(density, expected)


def _some_axes() -> Iterator[tuple[int, ...]]:
    for chosen in product((True, False), repeat=3):
        if any(chosen):
            yield tuple(axis for axis in range(3) if chosen[axis])


def _distance(count: float, expected: float) -> float:
    return abs(count - expected) / expected if expected > 0.0 else np.inf


def _weighted(density: Density, ends: list[float], last: list[float] | None = None) -> float:
    """Electrons if the first and last layer of each axis count by a weight, others by 1."""
    values = density.density
    for axis in range(3):
        weights = np.ones(density.mesh.shape[axis])
        weights[0] *= ends[axis]
        weights[-1] *= ends[axis] * (last[axis] if last else 1.0)
        values = np.tensordot(weights, values, axes=(0, 0))
    return float(values) * density.mesh.voxel_volume


def _charge(structure: Structure, count: float, expected: float) -> str:
    """Explain a count that is off by a whole number: by a pseudopotential's electrons, a charge."""
    charge = expected - count
    whole = round(charge)
    close = abs(charge - whole) <= 1e-4 * expected
    if whole == 0 or not close:
        return ""
    each = {
        symbol: whole / np.count_nonzero(structure.numbers == atomic_numbers[symbol])
        for symbol in structure.species
    }
    told = [
        f"{abs(of_atom):g} {'fewer' if of_atom > 0 else 'more'} for each {symbol}"
        for symbol, of_atom in each.items()
        if of_atom == round(of_atom) and abs(of_atom) > 1.0
    ]
    charged = f"a charged cell? Then say its charge, --charge {whole:+d}, or check the valence"
    if told:
        return (
            f"that is {' or '.join(told)}: another pseudopotential of it? Give that which the "
            f"density was computed with; else {charged}"
        )
    if not 0.5 * expected < count < 1.5 * expected:
        return ""
    return f"differs by a whole number: {charged}"


def _part_of_a_cell(density: Density, count: float, expected: float) -> str:
    structure = density.structure
    scaled = structure.positions @ np.linalg.inv(structure.cell)
    outside = int(((scaled < -1e-3) | (scaled > 1.001)).any(axis=1).sum())
    if not (outside and count < 0.95 * expected):
        return ""
    return (
        f"{outside} of {len(structure)} atoms lie outside the box of the data: the file holds a "
        "part of the cell only? Write the whole cell"
    )
