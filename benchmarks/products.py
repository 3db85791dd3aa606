"""What products of sums over neighbours and shorter radial functions of multipoles are worth.

    python benchmarks/products.py al|sige [--steps 3000] [--points 4000] [--only NAME …]

Variants of the multipoles of `data/al.yaml` or `data/sige.yaml` are trained alike on what the
shipped model was trained on, and judged over all mesh points of snapshots that none has seen.
Prints a row of a Markdown table for each: errors with and without the network, the number of
multipoles' coefficients, and CPU seconds of features and training.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
from descriptors import DATA, SEED, error, write

from rhocast import config
from rhocast.datasets.entry import find_snapshots
from rhocast.model import DensityModel
from rhocast.studies.trials import train_trials

TRAINING = {
    "al": ("al/al32", "al/al32-dense", "al/al32-liquid", "al/al32-thin"),
    "sige": ("sige/sige64a", "sige/sige64b", "sige/sige64c", "sige/sige64d"),
}
JUDGED = {
    "al": {
        "500 and 1400 K": ("al/al32-test",),
        "vacancies": ("al-defects/*-vacancy", "al-defects/*-divacancy"),
        "strain ±3, ±5 %": ("al-defects/al32-*",),
        "500 K, 5×5×5 k-points": ("kpoints/judge/al32-test/500K",),
        "slab": ("al-unseen/al6-slab",),
    },
    "sige": {
        "x = 0.5": ("sige/sige64-test",),
        "x = 0.4, 0.6": ("sige-unseen/si??ge??",),
        "vacancy": ("sige-unseen/sige63-vacancy",),
    },
}
#: Keys of `baseline.multipoles` of the models before there were products.
FORMER: dict[str, dict[str, Any]] = {
    "al": {"radial_functions": 7, "shortest_bohr": 5.0, "products": None},
    "sige": {"radial_functions": 6, "shortest_bohr": 4.5, "products": None},
}
#: What differs from them; products are (radial functions, l) of the factors. None: as shipped.
SHORTER: dict[str, Any] = {"radial_functions": 9, "shortest_bohr": 3.0}
VARIANTS: dict[str, dict[str, Any] | None] = {
    "as shipped": None,
    "longer functions, no products": {},
    "products": {"products": (3, 3)},
    "shorter functions": SHORTER,
    "shorter functions, products": SHORTER | {"products": (3, 3)},
    "shorter functions, products with l ≤ 4": SHORTER | {"products": (3, 4)},
}


def main() -> None:
    """Train and judge, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("material", choices=TRAINING)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--points", type=int, default=4000, help="of each snapshot")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    own = config.load_config(f"data/{options.material}.yaml")
    judged = JUDGED[options.material]
    columns = ["variant", *judged, "coefficients", "features and training, s"]
    write(columns)
    write(["---" for _ in columns])
    for name in options.only:
        started = time.process_time()
        keys = VARIANTS[name]
        model = train(own, options, {} if keys is None else FORMER[options.material] | keys)
        seconds = time.process_time() - started
        assert model.baseline is not None
        alone = without_network(model)
        errors = [
            f"{error(model, systems):.2%} ({error(alone, systems):.2%})"
            for systems in judged.values()
        ]
        write([name, *errors, f"{model.baseline.fitted.size:,}", f"{seconds:.0f}"])


def train(own: config.Config, options: argparse.Namespace, keys: dict[str, Any]) -> DensityModel:
    """Train a model as the configuration says, but for keys of its multipoles, steps and points.

    A share of the snapshots is held back, not the trajectories that the configuration names.
    """
    assert own.baseline is not None
    assert own.baseline.multipoles is not None
    poles = own.baseline.multipoles.model_dump() | keys
    if keys.get("products"):
        poles["products"] = dict(
            zip(("radial_functions", "angular"), keys["products"], strict=True)
        )
    baseline = own.baseline.model_copy(update={"multipoles": config.Multipoles(**poles)})
    recipe = own.recipe.model_copy(
        update={
            "baseline": baseline,
            "training": own.training.model_copy(
                update={"steps": options.steps, "validation_trajectories": None}
            ),
            "features": own.features.model_copy(update={"points_per_snapshot": options.points}),
        }
    )
    snapshots = find_snapshots([DATA / system for system in TRAINING[options.material]])
    return train_trials(recipe, snapshots, [SEED])[0]


def without_network(model: DensityModel) -> DensityModel:
    """Return the pseudo-atoms and their multipoles alone."""
    *inner, head = model.network.layers
    silent = replace(head, weight=0.0 * head.weight, bias=0.0 * head.bias)
    still = replace(model.normalisation, target_mean=np.float32(0.0))
    network = replace(model.network, layers=(*inner, silent))
    return replace(model, network=network, normalisation=still)


if __name__ == "__main__":
    main()
