"""From YAML to a `Config`, or to one line for each fault."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rhocast.config.config import Config
from rhocast.config.section import Section
from rhocast.config.yaml_file import read_yaml
from rhocast.errors import ConfigError

S = TypeVar("S", bound=Section)


def parse_config(data: dict[str, Any], files: Iterable[str | Path] = ()) -> Config:
    """Check a configuration that has been read from YAML.

    Parameters
    ----------
    data
        Its sections.
    files
        The files that they were read from. Faults that are lost in reading (a key that comes twice)
        are looked for in them, and paths in the configuration start at the folder of the first. By
        default paths start at the current folder.

    Raises
    ------
    ConfigError
        One line for each fault: the key, what was expected, what was found.
    """
    files = list(files)
    for file in files:
        read_yaml(file)
    if files:
        data = _with_paths_from(Path(files[0]).parent, data)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        # A default that follows from a section at fault is not made.
        faults = [f for f in error.errors() if f["type"] != "default_factory_not_called"]
        # A list whose every value is at fault also counts as too short: once is enough.
        within = {f["loc"][:end] for f in faults for end in range(len(f["loc"]))}
        faults = [f for f in faults if f["type"] != "too_short" or f["loc"] not in within]
        raise ConfigError("\n".join(_lines(faults))) from None


def load_config(path: str | Path) -> Config:
    """Read and check a YAML configuration file; paths in it start at its folder.

    Raises
    ------
    ConfigError
        If the file is missing, is no YAML, or holds a fault (see `parse_config`).
    """
    data = _with_paths_from(Path(path).parent, read_yaml(path))
    try:
        return parse_config(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_section(section: type[S], data: Any, name: str) -> S:
    """Check a section of a configuration that stands alone.

    Raises
    ------
    ConfigError
        As `parse_config`.
    """
    try:
        return section.model_validate(data)
    except ValidationError as error:
        faults = [{**fault, "loc": (name, *fault["loc"])} for fault in error.errors()]
        raise ConfigError("\n".join(_lines(faults))) from None


def _with_paths_from(folder: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration whose paths of files start at the current folder."""

    def moved(path: Any) -> Any:
        return os.path.relpath(folder / path) if isinstance(path, str) and path != "spms" else path

    found = dict(data)
    material, systems = data.get("material"), data.get("systems")
    if isinstance(material, dict) and isinstance(material.get("pseudopotentials"), dict):
        files = {element: moved(file) for element, file in material["pseudopotentials"].items()}
        found["material"] = material | {"pseudopotentials": files}
    if isinstance(systems, dict):
        found["systems"] = {
            name: system | {"file": moved(system["file"])}
            if isinstance(system, dict) and "file" in system
            else system
            for name, system in systems.items()
        }
    return found


def _suggestion(location: tuple[Any, ...]) -> str:
    """Return which key of the section may have been meant."""
    sections: list[type[BaseModel]] = [Config]
    for part in location[:-1]:
        inner = [s.model_fields[part].annotation for s in sections if part in s.model_fields]
        if inner:  # else a name, an index or the tag of a union
            sections = [found for annotation in inner for found in _sections_in(annotation)]
    known = {key for section in sections for key in section.model_fields}
    if location[-1] in known:
        return "; it is a key of another `kind`"
    close = get_close_matches(str(location[-1]), known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    parts = getattr(annotation, "__args__", ())
    return [section for part in parts for section in _sections_in(part)]


def _lines(faults: list[Any]) -> list[str]:
    """Write a line for each fault; what a section repeats, for instance by aliases, comes once."""
    alike: dict[Any, list[str]] = {}
    for fault in faults:
        section, key = (
            fault["loc"][:1],
            [part for part in fault["loc"] if isinstance(part, str)][-1:],
        )
        same = (*section, *key, fault["msg"], repr(fault["input"]))
        alike.setdefault(same, []).append(_fault(fault))
    return [
        first + (f"; found {len(others)} more times in this section" if others else "")
        for first, *others in alike.values()
    ]


def _fault(entry: Any) -> str:
    """Write one pydantic error as ``key: expected …, found …``."""
    key = ""
    for part in entry["loc"]:
        if str(part).startswith("["):  # "[key]": the key itself; or the tag of a union
            continue
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    prefix = f"{key}: " if key else ""
    kind, found = entry["type"], entry.get("input")
    if kind == "extra_forbidden":
        meant = _suggestion(entry["loc"]) or "; see docs/configuration.md for the keys that exist"
        return f"{prefix}unknown key (found {found!r}){meant}"
    if kind == "tuple_type":
        return f"{prefix}expected a list such as [{found}], found {found!r}"
    if kind == "missing":
        return f"{prefix}expected a value, found none"
    message = entry["msg"].removeprefix("Value error, ")
    if kind == "too_short":
        return f"{prefix}expected at least {entry['ctx']['min_length']} value(s), found {found!r}"
    if kind == "value_error":
        return f"{prefix}{message}"
    message = message[0].lower() + message[1:].replace("Input should be ", "")
    message = message.removeprefix("input should be ")
    if message.startswith(("greater", "less")):
        message = f"a value {message}"
    return f"{prefix}expected {message}, found {found!r}"
