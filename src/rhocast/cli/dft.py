"""Verbs of the data stage."""
from typing import Any


def add_verbs(verbs: Any) -> None:
    """To come."""
