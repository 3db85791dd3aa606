"""Seeds that follow from the configuration's."""

import hashlib


def seed_for(seed: int, *names: str | int) -> int:
    """Derive an independent seed (below 2³¹) for one purpose from the seed of the config."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
