"""YAML as a configuration may be written: no key twice, no part that holds itself or grows."""

from pathlib import Path
from typing import Any

import yaml

from rhocast.errors import ConfigError

#: More values than any configuration holds, those that aliases repeat included.
MAX_VALUES = 100_000


class _Loader(yaml.SafeLoader):
    """YAML's safe subset; faults are a key that comes twice, and a part that holds itself or grows.

    PyYAML would take the last value of a key, and would build the part. Aliases of aliases make
    billions of values of ten lines.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._counts: dict[int, int] = {}  # values of each node

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            node = self.anchors.get(event.anchor)
            if node is not None and node.end_mark is None:
                raise ConfigError(
                    f"line {event.start_mark.line + 1}: *{event.anchor} stands within what it is "
                    "an alias of; expected an anchor (&) that ends before its alias"
                )
        node = super().compose_node(parent, index)
        assert node is not None
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = [p for part in parts for p in (part if isinstance(part, tuple) else (part,))]
        count = self._counts.setdefault(id(node), 1 + sum(self._counts[id(p)] for p in flat))
        if count > MAX_VALUES:
            raise ConfigError(
                f"line {node.start_mark.line + 1}: its aliases (*) repeat {count:,} values; "
                f"expected at most {MAX_VALUES:,}"
            )
        return node

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
    except OSError as error:
        raise ConfigError(f"{path}: cannot be opened ({error.strerror})") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(data).__name__}")
    return data
