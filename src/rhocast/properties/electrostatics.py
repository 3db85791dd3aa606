"""The electrostatic potential of a density and its ions, by Fourier transform, in memory.

Potentials are energies of an electron, Ha, with a mean of zero over the cell: in a periodic array
of charges only differences between places are defined. On an axis with an even number of points the
highest wave is left out, since the mesh does not tell which way it goes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rhocast.density import Density
from rhocast.density.electrons import MOST_SCALING, check_electrons
from rhocast.density.quantity import check_density, check_whole
from rhocast.engines.psp8 import Psp8, local_potential
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.structures import Structure


@dataclass(frozen=True)
class IonicPotential:
    """The potential of an ion.

    Attributes
    ----------
    charge
        Of the ion, elementary charges: the electrons of a neutral atom.
    transform
        From the lengths of wave vectors above zero, per Bohr, to the potential, Ha Bohr³.
    """

    charge: float
    transform: Callable[[np.ndarray], np.ndarray]

    def __call__(self, lengths_per_bohr: np.ndarray) -> np.ndarray:
        """Return the potential at waves of these lengths, per Bohr; Ha Bohr³."""
        return self.transform(lengths_per_bohr)


#: Spacing of the table of a pseudopotential's transform, per Bohr.
_TABLE_STEP_PER_BOHR = 0.02


def electrostatic_potential(density: Density, ions: Mapping[str, IonicPotential]) -> np.ndarray:
    """Return the potential of electrons and ions, (nx, ny, nz), Ha: `hartree` + `ionic`.

    Raises
    ------
    ModelError
        If an element has no ion.
    FileFormatError
        If it is a difference of densities, of a part of a cell, or its electrons are far from the
        charges of the ions.
    """
    check_density(density.record, density.source)
    check_whole(density.record, density.source)
    _check_ions(density.structure, ions)
    charges = {symbol: ion.charge for symbol, ion in ions.items()}
    expected = float(density.structure.count_electrons(charges))
    check_electrons(density, expected, MOST_SCALING, "the ions", density.electron_count)
    values = density.read("density").astype(np.float64)
    return hartree(density.mesh, values) + ionic(density.structure, density.mesh, ions)


def hartree(mesh: Mesh, density: np.ndarray) -> np.ndarray:
    """Return the potential of the electrons: V(G) = 4π ρ(G) / G², V(0) = 0.

    Parameters
    ----------
    mesh
        Of the density.
    density : (nx, ny, nz) array
        e/Bohr³.

    Returns
    -------
    (nx, ny, nz) float64 array, Ha
    """
    squares = _squared_waves(mesh)
    return _back(mesh, np.fft.rfftn(density), 4.0 * np.pi * _inverse(squares))


def ionic(structure: Structure, mesh: Mesh, ions: Mapping[str, IonicPotential]) -> np.ndarray:
    """Return the potential of the ions, Ha, by chemical symbol: Σ_a v_a(|G|) exp(−iG·R_a).

    Raises
    ------
    ModelError
        If an element has none.
    """
    _check_ions(structure, ions)
    squares = _squared_waves(mesh)
    lengths = np.sqrt(squares)
    symbols = np.array(list(structure.to_ase().symbols))
    total = np.zeros(squares.shape, dtype=complex)
    for symbol in structure.species:
        phases = _phases(structure.fractional[symbols == symbol], mesh.shape)
        form = np.zeros(squares.shape)
        form[squares > 0.0] = ions[symbol](lengths[squares > 0.0])
        total += form * phases
    return _back(mesh, total, mesh.n_points / structure.volume)


def _check_ions(structure: Structure, ions: Mapping[str, IonicPotential]) -> None:
    if missing := [symbol for symbol in structure.species if symbol not in ions]:
        raise ModelError(
            f"{', '.join(missing)}: no ion of it is given; give --ions {missing[0]}=FILE, "
            f"{missing[0]}=spms or {missing[0]}=CHARGE, too"
        )


def gaussian_ion(charge: float, width_bohr: float = 1.0) -> IonicPotential:
    """Return the potential of a Gaussian charge: −4π Z exp(−G² w² / 2) / G²."""
    return IonicPotential(
        charge, lambda g: -4.0 * np.pi * charge * np.exp(-0.5 * (g * width_bohr) ** 2) / g**2
    )


def pseudo_ion(file: Psp8) -> IonicPotential:
    """Return the local potential of a pseudopotential: −4π Z / G² and the transform of the rest."""
    from scipy.interpolate import CubicSpline  # slow to import

    radii, potential = local_potential(file)
    short = radii * potential + file.valence  # zero beyond the core

    def rest(g: np.ndarray) -> np.ndarray:
        waves = np.arange(_TABLE_STEP_PER_BOHR, g.max() + 4 * _TABLE_STEP_PER_BOHR,
                          _TABLE_STEP_PER_BOHR)  # fmt: skip
        sines = np.sin(waves[:, None] * radii) / waves[:, None]
        return CubicSpline(waves, 4.0 * np.pi * np.trapezoid(sines * short, radii, axis=1))(g)

    return IonicPotential(file.valence, lambda g: rest(g) - 4.0 * np.pi * file.valence / g**2)


def structure_factors(density: Density, longest_per_bohr: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Fourier coefficients F(h) = ∫ρ exp(2πi h·x) d³r, x in lattice vectors.

    Of the valence electrons: what X-rays see has the cores, too.

    Parameters
    ----------
    density
        On a mesh.
    longest_per_bohr
        Largest |G| of the coefficients, 2π/length.

    Returns
    -------
    indices, coefficients : (k, 3) int and (k,) complex arrays
        One of h and −h, whose coefficients are conjugate; by rising |G|. Electrons.
    """
    mesh = density.mesh
    coefficients = np.fft.rfftn(density.read("density").astype(np.float64)).conj()
    lengths = np.sqrt(_squared_waves(mesh))
    inside = np.argwhere((lengths <= longest_per_bohr) & ((lengths > 0.0) | _origin(mesh)))
    inside = inside[np.argsort(lengths[tuple(inside.T)], kind="stable")]
    indices = (inside + np.array(mesh.shape) // 2) % mesh.shape - np.array(mesh.shape) // 2
    half = np.where(indices[:, 2] == 0, [tuple(i) >= (0, 0, 0) for i in indices.tolist()], True)
    return indices[half], coefficients[tuple(inside[half].T)] * mesh.voxel_volume


def _origin(mesh: Mesh) -> np.ndarray:
    """Return where the wave of length zero is, (nx, ny, nz // 2 + 1)."""
    found = np.zeros((*mesh.shape[:2], mesh.shape[2] // 2 + 1), dtype=bool)
    found[0, 0, 0] = True
    return found


def _squared_waves(mesh: Mesh) -> np.ndarray:
    """Return |G|² of the waves of a real transform, 0 for those that are left out; per Bohr²."""
    reciprocal = 2.0 * np.pi * np.linalg.inv(mesh.cell).T
    counts = _counts(mesh.shape)
    x, y, z = (n[:, None] * vector for n, vector in zip(counts, reciprocal, strict=True))
    squares = np.sum((x[:, None, None] + y[:, None] + z) ** 2, axis=-1)
    for axis, n in enumerate(mesh.shape):
        if n % 2 == 0:
            squares[(slice(None),) * axis + (n // 2,)] = 0.0
    return squares


def _counts(shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Return how often the waves of a real transform go into the cell, along each axis."""
    nx, ny, nz = shape
    return [np.fft.fftfreq(nx, 1 / nx), np.fft.fftfreq(ny, 1 / ny), np.fft.rfftfreq(nz, 1 / nz)]


def _inverse(squares: np.ndarray) -> np.ndarray:
    return np.divide(1.0, squares, out=np.zeros_like(squares), where=squares > 0.0)


def _back(mesh: Mesh, coefficients: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    return np.fft.irfftn(coefficients * factor, mesh.shape, axes=(0, 1, 2))


def _phases(fractional: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return Σ exp(−2πi h·x) over atoms, for the waves of a real transform."""
    x, y, z = (
        np.exp(-2j * np.pi * n[:, None] * places)
        for n, places in zip(_counts(shape), fractional.T, strict=True)
    )
    return np.stack([(row * y) @ z.T for row in x])
