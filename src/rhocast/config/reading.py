"""From YAML to a `Config`, or to one line for each fault."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rhocast.config.campaign import Config
from rhocast.errors import ConfigError


def parse_config(data: dict[str, Any]) -> Config:
    """Check a configuration that has been read from YAML.

    Raises
    ------
    ConfigError
        One line for each fault: the key, what was expected, what was found.
    """
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        faults = error.errors()
        # A list whose every value is at fault also counts as too short: once is enough.
        within = {fault["loc"][:-1] for fault in faults}
        faults = [f for f in faults if f["type"] != "too_short" or f["loc"] not in within]
        lines = [_fault(fault) for fault in faults]
        raise ConfigError("\n".join(lines)) from None


def load_config(path: str | Path) -> Config:
    """Read and check a YAML configuration file.

    Raises
    ------
    ConfigError
        If the file is missing, is no YAML, or holds a fault (see `parse_config`).
    """
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(data).__name__}")
    try:
        return parse_config(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


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
        return f"{prefix}unknown key (found {found!r}); see the config reference for what exists"
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
