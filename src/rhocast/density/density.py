"""A density on a mesh with its atoms."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from rhocast.density import shown
from rhocast.density.electron_scale import scale_factor, scaled_values, warn_of_scaling
from rhocast.density.formats import format_to_write
from rhocast.density.quantity import is_difference
from rhocast.errors import ConfigError, FileFormatError, StructureError
from rhocast.extras import needed_for
from rhocast.files import replacing
from rhocast.grid import Mesh
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Arrays over the mesh; the first is always there.
MESH_FIELDS = ("density", "epistemic_std", "aleatoric_std")

#: Cells and positions may differ by what text files round away, Bohr.
SAME_PLACE_BOHR = 1e-3

#: Layers of a field that are read at a time.
_LAYERS = 32


@dataclass(frozen=True, eq=False, repr=False)
class Density:
    """A density in memory: predicted, computed, or read from a file of any format.

    Attributes
    ----------
    structure
        Atoms and cell; its origin is the first mesh point.
    density : (nx, ny, nz) array
        e/Bohr³, without a far end point, x slowest.
    epistemic_std, aleatoric_std : (nx, ny, nz) arrays or None
        Standard deviations, e/Bohr³; None where there are none.
    record
        How it was made, for the attributes of a file: numbers and short texts.
    valence
        Electrons that the file gives an atom, by chemical symbol; empty where it does not tell.
    notes
        What a user should know before using it.
    source
        Where it comes from, for messages: a path.
    sha256
        Of the file; empty where it was not read whole.
    """

    structure: Structure
    density: np.ndarray
    epistemic_std: np.ndarray | None = field(default=None, kw_only=True)
    aleatoric_std: np.ndarray | None = field(default=None, kw_only=True)
    record: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    valence: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    source: str = field(default="density", kw_only=True)
    sha256: str = field(default="", kw_only=True)

    @staticmethod
    def of(
        structure: Structure, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]
    ) -> "Density":
        """Make one of fields by their names."""
        stds = {name: arrays.get(name) for name in MESH_FIELDS[1:]}
        return Density(structure, arrays["density"], record=record, **stds)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        mesh = " × ".join(str(n) for n in self.mesh.shape)
        spacing = ", ".join(f"{h:.3g}" for h in self.mesh.spacing)
        return (
            f"<{type(self).__name__} of {self.structure.formula} on {mesh} points, {spacing} Bohr "
            f"apart: {', '.join(self.fields)}>"
        )

    def _repr_html_(self) -> str | None:
        """Return a table for notebooks."""
        return shown.table(self.summary())

    def summary(self) -> list[tuple[str, str]]:
        """Return names and texts: formula, cell, mesh, electrons and the range of each field.

        Of a field in a file, the ranges are left out: nothing is read for them.
        """
        kind = "difference of densities" if is_difference(self.record) else type(self).__name__
        arrays = {name: self.read(name) for name in self.fields}
        return [
            *shown.cell_and_mesh(self.structure, self.mesh, kind),
            *shown.electrons(self.record),
            *shown.ranges(self.mesh, arrays),
        ]

    @property
    def kind(self) -> str:
        """Which kind of HDF5 file holds it."""
        return "field"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays over the mesh that it holds."""
        return tuple(name for name in MESH_FIELDS if getattr(self, name) is not None)

    @property
    def mesh(self) -> Mesh:
        """Mesh that the density is given on."""
        nx, ny, nz = self.density.shape
        return Mesh((nx, ny, nz), self.structure.cell)

    @property
    def cell(self) -> np.ndarray:
        """Lattice vectors as rows, Bohr; shape (3, 3)."""
        return self.mesh.cell

    @property
    def atoms(self) -> Atoms:
        """The atoms for ASE (Å)."""
        return self.structure.to_ase()

    @property
    def electron_count(self) -> float:
        """∫ρ over the cell, electrons."""
        return self.mesh.integral(self.read("density"))

    @property
    def std(self) -> np.ndarray | None:
        """Standard deviation of both kinds together, e/Bohr³; None if there is none."""
        if self.epistemic_std is None or self.aleatoric_std is None:
            return None
        return np.hypot(self.epistemic_std, self.aleatoric_std)

    @property
    def origin(self) -> str:
        """Name and SHA-256 of the file it was read from, for the record of what is made of it."""
        return f"{Path(self.source).name} sha256:{self.sha256}" if self.sha256 else self.source

    def read(self, name: str, box: tuple[slice, ...] = ()) -> np.ndarray:
        """Return a field, or a box of it."""
        return getattr(self, name)[box]

    def read_finite(self, name: str, box: tuple[slice, ...]) -> np.ndarray:
        """Return a box of a field as float64.

        Raises
        ------
        FileFormatError
            If it holds NaN or infinity.
        """
        values = self.read(name, box).astype(np.float64)
        if not np.isfinite(values).all():
            raise FileFormatError(
                f"{self.source}: {name} holds NaN or infinity; compute or predict it again"
            )
        return values

    def read_periodic(
        self, name: str, indices: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Return a field at the points of a box that may reach over the ends of the cell.

        Parameters
        ----------
        name
            Of the field.
        indices
            Along each axis, rising by 1, wrapped into the period.

        Returns
        -------
        array of the indices' lengths
        """
        return getattr(self, name)[np.ix_(*indices)]

    def layers(self, name: str, axis: int = 0, checked: bool = True) -> Iterator[np.ndarray]:
        """Read a field part by part along an axis, as float64.

        Raises
        ------
        ConfigError
            If it does not hold the field.
        FileFormatError
            If ``checked`` and a part holds NaN or infinity.
        """
        if name not in self.fields:
            raise ConfigError(
                f"{self.source}: holds no {name}, expected one of {', '.join(self.fields)}"
            )
        for start in range(0, self.mesh.shape[axis], _LAYERS):
            part = slice(start, start + _LAYERS)
            box = tuple(part if side == axis else slice(None) for side in range(3))
            yield self.read_finite(name, box) if checked else self.read(name, box).astype(float)

    def check_cell(self, structure: Structure) -> None:
        """Raise StructureError unless a structure has the density's cell."""
        if np.allclose(self.cell, structure.cell, rtol=0.0, atol=SAME_PLACE_BOHR):
            return
        turned = (
            "".join("abc"[axis] for axis in order)
            for order in permutations(range(3))
            if np.allclose(self.cell[list(order)], structure.cell, rtol=0.0, atol=SAME_PLACE_BOHR)
        )
        order = next(turned, "")
        raise StructureError(
            f"{self.source}: a density of the cell {self.cell.round(4).tolist()} "
            f"Bohr, expected that of the structure, {structure.cell.round(4).tolist()}"
            + (f"; it is the same lattice with the axes in the order {order}" if order else "")
        )

    def check_atoms(self, structure: Structure) -> None:
        """Raise StructureError unless a structure is the density's, cell and atoms."""
        self.check_cell(structure)
        own = self.structure
        same = np.array_equal(own.numbers, structure.numbers)
        if same:
            moves = (own.positions - structure.positions) @ np.linalg.inv(structure.cell)
            away = (moves - np.round(moves)) @ structure.cell
            same = bool((np.abs(away) < SAME_PLACE_BOHR).all())
        if not same:
            raise StructureError(
                f"{self.source}: a density of other atoms ({own.formula}) than the "
                f"structure's ({structure.formula}), or of the same in other places or order"
            )

    def scaled_to_electrons(self) -> "Density":
        """Return it scaled to the valence electrons of the structure.

        Raises
        ------
        ModelError
            If the model does not know them, or predicts no density worth scaling.
        """
        factor = scale_factor(self.electron_count, self.record.get("n_electrons"), "density")
        warn_of_scaling(factor, self.source, float(self.mesh.spacing.max()))
        density = self.read("density")
        arrays: dict[str, Any] = {
            name: scaled_values(name, self.read(name), density, factor).astype(np.float32)
            for name in self.fields
        }
        record = {**self.record, "scale": self.record.get("scale", 1.0) * factor}
        return replace(self, record=record, **arrays)

    def view(
        self, height: int = 760, max_points: int = 300_000, against: "Density | None" = None
    ) -> Any:
        """Show it in a notebook: slices in any plane, an isosurface, line cuts with error bars.

        A field of any size fits: a large one is shown as means over blocks, and as stored around
        the places of largest standard deviation. ``view().save("density.html")`` writes the page.
        Parameters, result and errors are those of `rhocast.view.show`.
        """
        return import_module("rhocast.view").show(self, height, max_points, against)

    def plot_slice(
        self,
        axis: str = "c",
        at: float = 0.0,
        cut: float | None = None,
        reference: "Density | None" = None,
    ) -> Any:
        """Draw each field on one plane, with the atoms within 1 Bohr of it.

        Of a field in a file only the plane is read. ``plot_slice().save("plane.png")`` writes the
        picture, ``plot_slice().figure`` is Matplotlib's figure.

        Parameters
        ----------
        axis
            Lattice vector across the plane: ``a``, ``b`` or ``c``.
        at
            Fractional coordinate of the plane along it.
        cut
            Also draw the density with ±3σ along the plane's first lattice vector, at this
            fractional coordinate along the second.
        reference
            A density of the same cell, drawn on this line too.

        Returns
        -------
        rhocast.analysis.picture.Picture

        Raises
        ------
        ConfigError
            If the axis is another letter, or there is a reference without ``cut``.
        StructureError
            If ``reference`` has another cell.
        MissingExtraError
            If Matplotlib is not installed.
        """
        plots = import_module("rhocast.analysis.plots")
        return plots.picture_of_slice(self, axis, at, cut, reference)

    def to_pymatgen(self) -> Any:
        """Return it as pymatgen's ``Chgcar``: the density times the volume of the cell.

        Raises
        ------
        MissingExtraError
            If pymatgen is not installed.
        """
        with needed_for("Density.to_pymatgen"):
            from pymatgen.core import Structure as PymatgenStructure
            from pymatgen.io.vasp import Chgcar
        atoms = self.atoms
        structure = PymatgenStructure(
            atoms.cell.array, list(atoms.symbols), atoms.positions, coords_are_cartesian=True
        )
        values = self.read("density").astype(np.float64) * self.structure.volume
        return Chgcar(structure, {"total": values})

    def write(self, path: str | Path, format: str | None = None, field: str = "density") -> None:
        """Write it to a file, as `rhocast.density.write_density` does."""
        path = Path(path)
        module = format_to_write(path, format, self.kind).module
        if field not in self.fields:
            raise ConfigError(
                f"{self.source}: holds no {field}, expected one of {', '.join(self.fields)}"
            )
        with replacing(path) as partial:
            module.write(partial, self, field)
