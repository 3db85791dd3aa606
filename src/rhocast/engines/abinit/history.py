"""ABINIT's history of a run, a netCDF file that grows by one configuration a step."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from netCDF4 import Dataset

#: No number of a history is larger; the values that netCDF fills gaps with are.
_HUGE = 1e30


@dataclass(frozen=True)
class History:
    """What an ABINIT history file holds of a run, as far as it is complete.

    Attributes
    ----------
    path
        The file.
    positions, forces : (s, n, 3) arrays
        Bohr, Ha/Bohr.
    energies_ha : (s,) array
        Free energies, Ha.
    stresses : (s, 6) array
        Of electrons and ions at rest: xx, yy, zz, yz, xz, xy, Ha/Bohr³, positive under tension.
    """

    path: Path
    positions: np.ndarray
    forces: np.ndarray
    energies_ha: np.ndarray
    stresses: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def read(cls, path: Path) -> "History | None":
        """Read a file; None if it cannot be read or holds no whole configuration."""
        try:
            with Dataset(path) as file:
                file.set_auto_mask(False)
                columns = [np.array(file[n][...]) for n in ("xcart", "fcart", "etotal", "strten")]
        except (OSError, IndexError, RuntimeError):
            return None
        # A kill in the middle of writing leaves netCDF's fill values, which are huge.
        whole = np.all(
            [(np.abs(c.reshape(len(c), -1)) < _HUGE).all(axis=1) for c in columns], axis=0
        )
        count = int(np.argmin(whole)) if not whole.all() else len(whole)
        return cls(path, *(c[:count] for c in columns)) if count else None

    def cut(self, count: int) -> "History":
        """Return the first configurations."""
        names = ("positions", "forces", "energies_ha", "stresses")
        return replace(self, **{name: getattr(self, name)[:count] for name in names})

    def copy_to(self, path: Path) -> None:
        """Write a file of the same contents, without what is not complete."""
        with Dataset(self.path) as old, Dataset(path, "w", format=old.data_model) as new:
            old.set_auto_mask(False)
            new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
            for name, dimension in old.dimensions.items():
                new.createDimension(name, None if dimension.isunlimited() else len(dimension))
            for name, variable in old.variables.items():
                copy = new.createVariable(name, variable.dtype, variable.dimensions)
                copy.setncatts({a: variable.getncattr(a) for a in variable.ncattrs()})
                in_time = variable.dimensions[:1] == ("time",)
                copy[...] = variable[: len(self)] if in_time else variable[...]
