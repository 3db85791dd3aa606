"""A picture of the held-out snapshot with the largest error: DFT, predicted, difference."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rhocast.analysis.evaluation import names_of
from rhocast.analysis.plots import draw_comparison
from rhocast.analysis.verdict import better, percent, read_errors
from rhocast.density import read_snapshot
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.model import DensityModel

log = logging.getLogger(__name__)


def draw_worst_snapshot(
    model: str | Path,
    paths: Sequence[str | Path],
    errors: str | Path,
    picture: str | Path,
    deciding: str | Path | None = None,
) -> None:
    """Draw the snapshot of the largest NMAE on the plane where the model errs most.

    Parameters
    ----------
    model
        The chosen one of the models that the errors are of.
    paths
        Snapshot files.
    errors
        ``evaluation/{dataset}.json`` of these files.
    picture
        PNG to write.
    deciding
        ``evaluation/{dataset}.json`` by which the model was chosen; by default ``errors``.
    """
    chosen = better(read_errors(deciding or errors))
    each = read_errors(errors)[chosen]["snapshots"]
    of_paths = {Path(path): each.get(name) for name, path in names_of(paths).items()}
    measured = {path: found["nmae"] for path, found in of_paths.items() if found is not None}
    worst = max(measured, key=lambda path: float(measured[path]))
    log.info("%s: the largest error, NMAE %s", worst, percent(measured[worst]))
    reference = read_snapshot(worst)
    options = PredictionOptions(uncertainty="none")
    predicted = predict_on_mesh(
        DensityModel.load(model), reference.structure, reference.mesh, options
    )
    names = ("DFT", f"NMAE {percent(measured[worst])}\n{chosen} model")
    draw_comparison(reference, predicted, picture, names)
