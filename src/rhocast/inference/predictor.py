"""The predicted values at the points of one block."""

import numpy as np

from rhocast import descriptors
from rhocast.errors import ModelError
from rhocast.inference.request import Request


class BlockPredictor:
    """Computes the fields block by block.

    The descriptor is bound to one layer of blocks at a time. A layer belongs to the mesh alone, so
    the values do not depend on which shard or rank computes them, and the memory is that of a
    layer's atoms.

    Parameters
    ----------
    request
        What to predict.
    """

    def __init__(self, request: Request) -> None:
        model = request.model
        self._request = request
        self._blocks = request.blocks
        self._descriptor = descriptors.make(model.descriptor, model.species)
        samples = request.samples if request.uncertainty == "sampled" else 0
        self._draws = model.draw(samples, request.seed)
        self._layer: int | None = None

    def __call__(self, block: int) -> np.ndarray:
        """Compute a block.

        Parameters
        ----------
        block
            Its number; calls in rising order are the quickest.

        Returns
        -------
        (f, bx, by, bz) float32 array
            Values of `Request.fields` at the points of the block, e/Bohr³.

        Raises
        ------
        ModelError
            If the model answers with NaN or infinity.
        """
        request = self._request
        self._bind(self._blocks.layer(block))
        features = self._bound(request.mesh.points(self._blocks.indices(block)))
        prediction = request.model.predict(features, self._draws)
        arrays = [prediction.mean]
        if prediction.epistemic_std is not None:
            arrays += [prediction.epistemic_std, prediction.aleatoric_std]
        values = np.stack(arrays).astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{request.where}: the model answers with NaN or infinity in block {block}; its "
                "weights are damaged or the structure is far from all it was trained on"
            )
        return values.reshape(len(arrays), *self._blocks.shape(block))

    def _bind(self, layer: int) -> None:
        if layer != self._layer:
            lower, upper = self._blocks.layer_bounds(layer)
            self._bound = self._descriptor.bind(self._request.structure, lower, upper)
            self._layer = layer
