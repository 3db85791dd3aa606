"""ChargE3Net (random weights) against Rhocast's prediction.

    git clone https://github.com/AIforGreatGood/charge3net
    pip install e3nn asap3 lz4 pandas
    PYTHONPATH=charge3net python benchmarks/peers/charge3net.py

Sizes as in its configuration for the Materials Project. Timed are the graph of the mesh points and
the network on it.
"""

import sys

import numpy as np
import torch
from comparison import Action, compare

from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

try:
    from src.charge3net.data.collate import collate_list_of_dicts
    from src.charge3net.data.graph_construction import KdTreeGraphConstructor
    from src.charge3net.models.e3 import E3DensityModel
except ImportError as missing:
    sys.exit(
        f"ChargE3Net is not here ({missing}): clone github.com/AIforGreatGood/charge3net, set "
        "PYTHONPATH to it, and pip install e3nn asap3 lz4 pandas"
    )

CUTOFF_ANGSTROM = 4.0

#: Mesh points that are timed.
N_POINTS = 100


def prepare(structure: Structure, mesh: Mesh) -> tuple[int, Action]:
    """Make the network and its representation of the atoms."""
    torch.manual_seed(0)
    model = E3DensityModel(
        num_interactions=3, num_neighbors=20, mul=500, lmax=4, cutoff=CUTOFF_ANGSTROM, num_basis=20
    ).eval()
    atoms = structure.to_ase()
    indices = np.random.default_rng(0).choice(mesh.n_points, N_POINTS, replace=False)
    points = ANGSTROM_PER_BOHR * mesh.points(indices)
    graphs = KdTreeGraphConstructor(cutoff=CUTOFF_ANGSTROM)
    graph = graphs(np.zeros(N_POINTS), atoms, points)
    batch = collate_list_of_dicts([graph])
    with torch.no_grad():
        represented = model.atom_model(batch)

    def compute() -> torch.Tensor:
        edges, displacements = graphs.probes_to_graph(atoms, points)
        probes = {
            "probe_edges": torch.as_tensor(edges)[None],
            "probe_edges_displacement": torch.as_tensor(displacements, dtype=torch.float32)[None],
        }
        with torch.no_grad():
            return model.probe_model(batch | probes, represented)

    return N_POINTS, compute


if __name__ == "__main__":
    compare("ChargE3Net", prepare)
