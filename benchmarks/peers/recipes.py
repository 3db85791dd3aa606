"""The peers as they are trained: network, loss, rate and graphs, each of their own code.

Sizes, losses and the optimiser, Adam, are those of DeepDFT's `runner.py` and README and of
ChargE3Net's configuration for the Materials Project. What differs is for the CPU: fewer probe
points a step, so that there are more steps, and, for DeepDFT, a rate for thousands of steps instead
of millions.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

CUTOFF_ANGSTROM = 4.0

#: A graph of atoms and probe points, or a batch of such graphs.
Graph = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How a peer is trained and judged.

    Attributes
    ----------
    name
        Of the peer.
    model
        The network, with random weights; of a batch it returns densities (cells, probes), e/Å³.
    draw
        Makes the graph of so many probe points that the peer draws at random from density
        (nx, ny, nz), atoms and points (nx, ny, nz, 3) in Å.
    collate
        Makes a batch of graphs.
    loss
        Of predicted and true densities.
    learning_rate
        The highest, of Adam.
    cells, probes
        Snapshots a step, and probe points of each.
    judged
        Probe points of each snapshot that is judged.
    """

    name: str
    model: torch.nn.Module
    draw: Callable[[np.ndarray, Atoms, np.ndarray, int], Graph]
    collate: Callable[[list[Graph]], Graph]
    loss: Callable[[Tensor, Tensor], Tensor]
    learning_rate: float
    cells: int
    probes: int
    judged: int


def deepdft() -> Recipe:
    """Return DeepDFT with PaiNN: cutoff 4 Å, 3 interactions, 128 features, as in its README."""
    try:
        import dataset
        from densitymodel import PainnDensityModel
    except ImportError as missing:
        sys.exit(
            f"DeepDFT is not here ({missing}): clone github.com/peterbjorgensen/DeepDFT, set "
            "PYTHONPATH to it, and pip install asap3 lz4"
        )

    def draw(density: np.ndarray, atoms: Atoms, points: np.ndarray, count: int) -> Graph:
        return dataset.atoms_and_probe_sample_to_graph_dict(
            density, atoms, points, CUTOFF_ANGSTROM, count
        )

    return Recipe(
        name="DeepDFT, PaiNN",
        model=PainnDensityModel(3, 128, CUTOFF_ANGSTROM),
        draw=draw,
        collate=dataset.collate_list_of_dicts,
        loss=torch.nn.MSELoss(),
        learning_rate=1e-3,
        cells=2,
        probes=200,
        judged=6000,
    )


def charge3net() -> Recipe:
    """Return ChargE3Net with the sizes of its `train_mp_e3_final.yaml`."""
    try:
        from src.charge3net.data.collate import collate_list_of_dicts
        from src.charge3net.data.graph_construction import KdTreeGraphConstructor
        from src.charge3net.models.e3 import E3DensityModel
    except ImportError as missing:
        sys.exit(
            f"ChargE3Net is not here ({missing}): clone github.com/AIforGreatGood/charge3net, set "
            "PYTHONPATH to it, and pip install e3nn asap3 lz4 pandas"
        )

    def draw(density: np.ndarray, atoms: Atoms, points: np.ndarray, count: int) -> Graph:
        return KdTreeGraphConstructor(CUTOFF_ANGSTROM, num_probes=count)(density, atoms, points)

    return Recipe(
        name="ChargE3Net",
        model=E3DensityModel(
            num_interactions=3,
            num_neighbors=20,
            mul=500,
            lmax=4,
            cutoff=CUTOFF_ANGSTROM,
            num_basis=20,
        ),
        draw=draw,
        collate=collate_list_of_dicts,
        loss=torch.nn.L1Loss(),
        learning_rate=5e-3,
        cells=2,
        probes=50,
        judged=1500,
    )


#: By the name that the command takes.
RECIPES: dict[str, Callable[[], Recipe]] = {"deepdft": deepdft, "charge3net": charge3net}
