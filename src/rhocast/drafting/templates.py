"""The templates that drafts are written from, and how YAML is written into them."""

import re
from collections.abc import Sequence
from importlib import resources
from string import Template


def template(name: str) -> Template:
    """Return a template of a configuration, or of a part of it."""
    file = resources.files("rhocast.drafting").joinpath(f"{name}.template")
    return Template(file.read_text(encoding="utf-8"))


def counts(repeat: Sequence[int]) -> str:
    """Write numbers of cells as YAML."""
    return "[{}, {}, {}]".format(*repeat)


def quoted(text: str) -> str:
    """Write a text for YAML: as it is where that is safe."""
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text):
        return text
    return "'" + text.replace("'", "''") + "'"
