"""Pairs of straight dislocations b = ½[110] in fully periodic cells of fcc and diamond.

A periodic cell can hold no net Burgers vector, so it holds two dislocations of opposite sign, half
a cell apart along both edges across the line. Each then sits at a centre of inversion of the array
and the stress of all others vanishes there. The atoms start from the elastic field of the
infinite array in an isotropic medium, rows of images in closed form, and the cell takes the plastic
strain of the pair, so that its mean stress is zero (Lehto and Öberg, Phys. Rev. Lett. 80, 5568
(1998); Cai et al., Phil. Mag. 83, 539 (2003)).
"""

from dataclasses import replace
from math import ceil

import numpy as np

from rhocast.errors import StructureError
from rhocast.structures.burgers import measure_burgers
from rhocast.structures.lattices import oriented_cell, repeat
from rhocast.structures.structure import Structure

#: Miller indices of the cell's edges: y is the normal of the glide plane, z the line.
AXES = {
    "screw": np.array([[-1, 1, 2], [1, -1, 1], [1, 1, 0]]),
    "edge": np.array([[1, 1, 0], [1, -1, 1], [1, -1, -2]]),
}

#: Edge of the cell that the Burgers vector is parallel to.
_BURGERS_AXIS = {"screw": 2, "edge": 0}

#: Of the starting field only; the metals and semiconductors in question have 0.22 to 0.35.
_POISSON_RATIO = 0.3

#: Cells below this along x and y hold no circuit around one core that the other leaves alone.
_SMALLEST_EDGE_IN_BURGERS = 5.0


def dislocation_pair(
    lattice: str,
    constant_bohr: float,
    kind: str,
    counts: tuple[int, int, int],
    element: str,
) -> Structure:
    """Build a periodic cell with two dislocations ±½[110] and measure their Burgers vectors.

    The edge pair is made by removing a half-plane: the atoms of one Burgers vector's width below
    the glide plane of the first core and above that of the second.

    Parameters
    ----------
    lattice
        ``fcc`` or ``diamond``.
    constant_bohr
        Cubic lattice constant, Bohr.
    kind
        ``screw``: edges [-1 1 2], [1 -1 1], ½[110] (the line); ``edge``: ½[110] (the Burgers
        vector), [1 -1 1], [1 -1 -2] (the line), the unit cells that ``counts`` repeats.
    counts
        Unit cells along each edge of the perfect crystal; choose x and y about equally long.
    element
        Chemical symbol.

    Returns
    -------
    Structure
        Its record holds ``burgers_bohr``, the measured Burgers vectors, one a row.

    Raises
    ------
    StructureError
        If the cell is too small, or what is measured is not what was meant.
    """
    crystal = repeat(oriented_cell(lattice, constant_bohr, AXES[kind], element), counts)
    lengths = np.diag(crystal.cell)
    burgers = constant_bohr / np.sqrt(2.0)
    if min(lengths[:2]) < _SMALLEST_EDGE_IN_BURGERS * burgers:
        raise StructureError(
            f"repeat: expected edges of at least {_SMALLEST_EDGE_IN_BURGERS:g} Burgers vectors "
            f"({_SMALLEST_EDGE_IN_BURGERS * burgers:.4g} Bohr) across the line for two "
            f"dislocations, found {lengths[0]:.4g} and {lengths[1]:.4g} Bohr; raise the first or "
            "second number"
        )
    cores = _place_cores(crystal)
    if kind == "edge":
        crystal = _without_half_plane(crystal, cores, burgers)
    built = _displaced(crystal, cores, kind, burgers)
    steps = lattice_steps(constant_bohr, AXES[kind])
    places = np.column_stack([cores.real, cores.imag]) / lengths[:2]
    found = np.array([measure_burgers(built, place, steps) for place in places])
    expected = np.zeros((2, 3))
    expected[:, _BURGERS_AXIS[kind]] = [burgers, -burgers]
    if not np.allclose(found, expected, atol=1e-6 * burgers):
        raise StructureError(
            f"dislocation: expected the Burgers vectors {expected.tolist()} Bohr, measured "
            f"{found.tolist()}; the cores are too close to each other, enlarge `repeat`"
        )
    return replace(
        built, record={"dislocation": kind, "burgers_bohr": (found.round(6) + 0.0).tolist()}
    )


def _place_cores(crystal: Structure) -> np.ndarray:
    """Points x + iy of the two cores: between atomic planes, as far from the columns as can be."""
    length_x, length_y, _ = np.diag(crystal.cell)
    targets = np.array([0.25 + 0.75j, 0.75 + 0.25j])
    targets = targets.real * length_x + 1j * targets.imag * length_y
    return np.array([_hollow(crystal, target) for target in targets])


def _hollow(crystal: Structure, target: complex) -> complex:
    """Point near ``target``, in the widest gap between atomic planes, far from all columns."""
    length_x, length_y, _ = np.diag(crystal.cell)
    points = crystal.fractional[:, 0] * length_x + 1j * crystal.fractional[:, 1] * length_y
    offset = points - target
    offset -= length_x * np.round(offset.real / length_x)
    offset -= 1j * length_y * np.round(offset.imag / length_y)
    levels = np.unique(offset.imag.round(6))
    levels = levels[np.abs(levels) < length_y / 4]
    gaps, middles = np.diff(levels), (levels[1:] + levels[:-1]) / 2
    wide = middles[gaps > gaps.max() - 1e-3]
    level = wide[np.argmin(np.abs(wide))]
    columns = offset[np.abs(offset.imag - level) < 1.5 * gaps.max()]
    # The columns repeat within a fraction of the cell; 200 points tell them apart.
    candidates = np.linspace(-length_x / 8, length_x / 8, 200) + 1j * level
    clearance = np.abs(candidates[:, None] - columns).min(axis=1)
    best = candidates[clearance > clearance.max() - 1e-3 * length_x]
    return complex(target + best[np.argmin(np.abs(best.real))])


def _without_half_plane(crystal: Structure, cores: np.ndarray, burgers: float) -> Structure:
    """Take out one Burgers vector's width of atoms between the glide planes of the two cores."""
    length_x = crystal.cell[0, 0]
    across = crystal.positions[:, 0] - cores[0].real
    across -= length_x * np.round(across / length_x)
    height = crystal.fractional[:, 1] * crystal.cell[1, 1]
    between = (height < cores[0].imag) & (height > cores[1].imag)
    kept = ~(between & (np.abs(across) < burgers / 2))
    return Structure(crystal.positions[kept], crystal.cell, crystal.numbers[kept])


def _displaced(crystal: Structure, cores: np.ndarray, kind: str, burgers: float) -> Structure:
    """Displace the atoms by the pair's field and give the cell the pair's plastic strain."""
    positions = crystal.fractional @ crystal.cell
    points = positions[:, 0] + 1j * positions[:, 1]
    lengths = np.diag(crystal.cell)[:2]
    displacements, gradient = pair_field(kind, points, cores, lengths)
    cell = crystal.cell.copy()
    cell[:2] += burgers * (gradient * lengths).T
    return Structure(positions + burgers * displacements, cell, crystal.numbers)


def pair_field(
    kind: str, points: np.ndarray, cores: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement per Burgers vector of a periodic pair whose mean elastic strain is zero.

    Parameters
    ----------
    kind
        ``screw`` or ``edge``.
    points : (n,) complex array
        Places x + iy.
    cores : (2,) complex array
        The cores + and −.
    lengths : (2,) array
        Periods along x and y.

    Returns
    -------
    displacements : (n, 3) array
        They jump by one Burgers vector across the cut between the cores (see `_angle`).
    gradient : (3, 2) array
        Mean of their derivatives with respect to x and y, the jump included: what the cell's
        first two vectors have to be strained by.
    """
    axis, separation = _BURGERS_AXIS[kind], cores[1] - cores[0]
    gradient = np.zeros((3, 2))
    gradient[axis] = np.array([separation.imag, -separation.real]) / lengths.prod()
    # The sum over images is right but for a part linear in x and y: replace what it grows by
    # from one cell to the next.
    field = _screw_field if kind == "screw" else _edge_field
    probe = cores[0] + (0.31 + 0.17j) * lengths[0] / 4
    values = field(probe + np.array([0.0, lengths[0], 1j * lengths[1]]), cores, lengths)
    growth = (values[1:] - values[0]).T / lengths
    linear = np.column_stack([points.real, points.imag]) @ (gradient - growth).T
    return field(points, cores, lengths) + linear, gradient


def _screw_field(points: np.ndarray, cores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Angle over 2π along z (Hirth and Lothe, Theory of Dislocations, 3-3), shape (n, 3)."""
    field = np.zeros((len(points), 3))
    field[:, 2] = _angle(points, cores, lengths) / (2 * np.pi)
    return field


def _edge_field(points: np.ndarray, cores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Hirth and Lothe's equations 3-45 and 3-46 summed over the images, shape (n, 3)."""
    field = np.zeros((len(points), 3))
    field[:, 0] = _angle(points, cores, lengths) / (2 * np.pi)
    weight = 1.0 / (4 * np.pi * (1 - _POISSON_RATIO))
    for sign, core in zip((1, -1), cores, strict=True):
        for row in _rows(lengths):
            centre = core + 1j * row * lengths[1]
            wave = np.pi * (points - centre) / lengths[0]
            # Of one row along x, the sum of log(z − z_n) is log sin(wave); its derivative:
            slope = np.pi / lengths[0] / np.tan(wave)
            height = (points - centre).imag
            logarithm = np.log(np.abs(np.sin(wave)))
            field[:, 0] += sign * weight * height * slope.real
            field[:, 1] -= (
                sign * weight * ((1 - 2 * _POISSON_RATIO) * logarithm + height * slope.imag)
            )
    return field


def _angle(points: np.ndarray, cores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Angle around all + cores minus that around all − cores.

    It jumps by 2π across the cut, and nowhere else: from the first core along y to the level of
    the second, then along x to it.
    """
    corner = complex(cores[0].real, cores[1].imag)
    angle = np.zeros(len(points))
    for start, end in ((cores[0], corner), (corner, cores[1])):
        for row in _rows(lengths):
            shifted = points - 1j * row * lengths[1]
            ratio = np.sin(np.pi * (shifted - start) / lengths[0]) / np.sin(
                np.pi * (shifted - end) / lengths[0]
            )
            angle += np.angle(ratio)
    return angle


def _rows(lengths: np.ndarray) -> range:
    """Rows of images along y: what they leave out decays as exp(−2π y / Lx), to 1e-8 here."""
    reach = ceil(3.0 * lengths[0] / lengths[1]) + 1
    return range(-reach, reach + 1)


def lattice_steps(constant_bohr: float, axes: np.ndarray) -> np.ndarray:
    """Return the twelve vectors ½⟨110⟩ along the cell's edges; shape (12, 3), Bohr."""
    signs = (-0.5, 0.5)
    halves = [(p, q, 0.0) for p in signs for q in signs]
    cubic = np.array([np.roll(vector, shift) for vector in halves for shift in range(3)])
    frame = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    return constant_bohr * cubic @ frame.T
