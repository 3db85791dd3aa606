"""YAML as a configuration may be written: no key twice, no part that holds itself."""

from pathlib import Path
from typing import Any

import yaml

from rhocast.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, in which a key that comes twice and a part that holds itself are faults.

    PyYAML would take the last value of a key, and would build the part.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            node = self.anchors.get(event.anchor)
            if node is not None and node.end_mark is None:
                raise ConfigError(
                    f"line {event.start_mark.line + 1}: *{event.anchor} stands within what it is "
                    "an alias of; expected an anchor (&) that ends before its alias"
                )
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key.value, str) and key.value in lines:
                raise ConfigError(
                    f"line {line}: the key `{key.value}` stands in line {lines[key.value]} "
                    "already; expected each key once"
                )
            lines[str(key.value)] = line
        return node


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises
    ------
    ConfigError
        If the file is missing, is no YAML, holds a key twice, a part within itself, or no mapping.
    """
    try:
        data = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(data).__name__}")
    return data
