"""The network, its normalisation and its uncertainty on a device."""

import copy
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from rhocast.model import DensityModel, LastLayer


class Network:
    """From features to densities.

    Parameters
    ----------
    model
        It stays where it is.
    spread
        Compute the fast uncertainty, too.
    device
        Where to compute.
    rounded
        Round what enters and leaves the hidden layers' products to bfloat16. What surrounds them,
        and the first layer, is float32.
    """

    def __init__(
        self, model: DensityModel, spread: bool, device: torch.device, rounded: bool
    ) -> None:
        self._network = copy.deepcopy(model.network).to(device)
        self._normalisation = model.normalisation.to(device)
        last_layer = model.check_last_layer() if spread else None
        self._last_layer: LastLayer | None = last_layer and last_layer.to(device)
        self._device, self._rounded = device, rounded

    def __call__(self, features: Tensor) -> dict[str, Tensor]:
        """Compute the fields (q,), e/Bohr³, less the baseline, from features (q, d)."""
        network, normalisation = self._network, self._normalisation
        hidden = nn.functional.gelu(network.entry(normalisation.features(features)))
        with self._rounding():
            for block in network.blocks:
                hidden = block(hidden)
        hidden = hidden.float()
        mean, std = network.outputs(hidden)
        scale = normalisation.target_std
        fields = {"density": normalisation.density(mean), "aleatoric_std": scale * std}
        if self._last_layer is not None:
            fields["epistemic_std"] = scale * self._last_layer(hidden)
        return fields

    def _rounding(self) -> AbstractContextManager:
        if not self._rounded:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=torch.bfloat16)
