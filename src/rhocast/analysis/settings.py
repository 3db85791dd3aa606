"""Settings of a density beside those of a model's data: functional, smearing, cutoff, engine."""

from collections.abc import Mapping
from typing import Any

from rhocast.model import DensityModel

#: What is compared, besides pseudopotentials, and how it is called.
_WORDS = {
    "engine": "the engine",
    "functional": "the functional",
    "smearing": "the smearing",
    "smearing_K": "the smearing temperature (K)",
    "cutoff_ha": "the cutoff (Ha)",
}


def setting_difference(model: DensityModel, record: Mapping[str, Any]) -> str:
    """Tell in what a density was computed otherwise than the model's data, k-points excepted.

    A prediction, which errors must not be measured against, is told, too.

    Parameters
    ----------
    model
        The model.
    record
        What the density's file says of its calculation.

    Returns
    -------
    str
        A sentence; empty where they agree. What either does not tell is not compared.
    """
    known = model.metadata.get("provenance", {})
    files = {key: f"the pseudopotential of {key.split('_')[1]}" for key in known if "psp8" in key}
    found = [
        f"{words} is {_short(record[key])}, {_short(known[key])} in the model's data"
        for key, words in (_WORDS | files).items()
        if _told(record, key) and _told(known, key) and record[key] != known[key]
    ]
    if "model_hash" in record:
        found.insert(0, "it is the prediction of a model and no DFT density")
    return "; ".join(found)


def _told(settings: Mapping[str, Any], key: str) -> bool:
    return settings.get(key, "not recorded") != "not recorded"


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else f"{value:g}"
