"""Crystals of which elements share sites, as CIF files state it by occupancies.

A density has whole atoms: a random alloy takes the place of such a crystal. Each shared site of a
supercell is given one element, so that the numbers of atoms are the nearest to the shares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from rhocast.errors import StructureError
from rhocast.structures.alloys import arrange, nearest_counts
from rhocast.structures.foreign_file import read_images, site_shares
from rhocast.structures.lattices import repeat
from rhocast.structures.structure import Structure
from rhocast.structures.structure_file import read_structure

#: Files that can state occupancies.
_SUFFIXES = (".cif", ".json")


@dataclass(frozen=True)
class SharedSites:
    """A crystal with the shares of the elements on its sites.

    Attributes
    ----------
    structure
        Cell and sites. On a shared site stands one of its elements.
    sites
        Indices of the shared sites, by what they hold: elements and shares, sorted by element.
    """

    structure: Structure
    sites: Mapping[tuple[tuple[str, float], ...], tuple[int, ...]]

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols of all that the sites hold, in order of atomic number."""
        shared = {element for held in self.sites for element, _ in held}
        return tuple(sorted(shared.union(self.structure.species), key=atomic_numbers.__getitem__))

    def occupied(self, counts: tuple[int, int, int], rng: np.random.Generator) -> Structure:
        """Repeat the cell and give each shared site one element, at random.

        Parameters
        ----------
        counts
            Number of cells along each lattice vector.
        rng
            Decides the arrangement; the numbers of atoms are the same for all.
        """
        cells = repeat(self.structure, counts)
        numbers = cells.numbers.copy()
        n_sites = len(self.structure)
        for held, sites in self.sites.items():
            places = (np.arange(0, len(cells), n_sites)[:, None] + np.array(sites)).ravel()
            numbers[places] = arrange(nearest_counts(len(places), dict(held)), rng)
        return Structure(cells.positions, cells.cell, numbers)

    def __str__(self) -> str:
        """Say which sites are shared, such as ``8 of 8 sites hold Si 0.5, Ge 0.5``."""
        return "; ".join(
            f"{len(sites)} of {len(self.structure)} sites hold "
            + ", ".join(f"{element} {share:.4g}" for element, share in held)
            for held, sites in self.sites.items()
        )


def read_shared_sites(path: str | Path) -> SharedSites:
    """Read a structure with its occupancies.

    Sites of the same elements with the same shares are one set.

    Raises
    ------
    StructureError
        If the file cannot be read, a site is partly vacant, or atoms coincide.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        return SharedSites(read_structure(path), {})
    try:
        atoms = read_images(path, "-1:", shared=True)[0]
        structure = Structure.from_ase(atoms)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    structure.check_distances(str(path))
    found: dict[tuple[tuple[str, float], ...], list[int]] = {}
    for site, held in enumerate(site_shares(atoms)):
        if len(held) > 1:
            whole = sum(held.values())
            key = tuple((element, share / whole) for element, share in sorted(held.items()))
            found.setdefault(key, []).append(site)
    return SharedSites(structure, {key: tuple(sites) for key, sites in found.items()})
