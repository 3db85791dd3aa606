"""The configuration's reference, made from its types: JSON schema and Markdown table."""

import argparse
import json
import sys
from typing import Any

from rhocast.config import Config


def json_schema() -> str:
    """Return the JSON schema of the configuration, for editors that complete and check YAML."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def markdown() -> str:
    """Return the reference of every key: type, default and meaning, section by section."""
    schema = Config.model_json_schema()
    parts = [
        "# Configuration\n",
        "Made from `rhocast.config` by `rhocast schema --markdown`. Unknown keys are refused.\n",
        _table("Top level", schema, schema["$defs"]),
    ]
    parts += [_table(name, entry, schema["$defs"]) for name, entry in schema["$defs"].items()]
    return "\n".join(parts)


def _table(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    summary = schema.get("description", "").split("\n")[0]
    lines = [
        f"## {name}\n",
        f"{summary}\n",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    required = schema.get("required", [])
    for key, entry in schema["properties"].items():
        default = "required" if key in required else f"`{json.dumps(entry.get('default'))}`"
        meaning = entry.get("description") or _reference(entry, definitions)
        lines.append(f"| `{key}` | {_type(entry)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _reference(entry: dict[str, Any], definitions: dict[str, Any]) -> str:
    name = entry["$ref"].rsplit("/", 1)[-1] if "$ref" in entry else ""
    return str(definitions.get(name, {}).get("description", "")).split("\n")[0]


def _type(entry: dict[str, Any]) -> str:
    """Write a type of the schema in words."""
    if "$ref" in entry:
        name = entry["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in entry or "const" in entry:
        values = entry.get("enum") or [entry["const"]]
        return " or ".join(f"`{value}`" for value in values)
    if options := entry.get("anyOf") or entry.get("oneOf"):
        kinds = [_type(option) for option in options if option.get("type") != "null"]
        return " or ".join(kinds)
    if entry["type"] == "array":
        items = entry.get("items") or entry["prefixItems"][0]
        return f"list of {_type(items)}"
    if entry["type"] == "object":
        values = entry["additionalProperties"]
        return "mapping" if values is True else f"mapping to {_type(values)}"
    return str(entry["type"]) + _bounds(entry)


def _bounds(entry: dict[str, Any]) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    found = [f"{sign} {entry[key]:g}" for key, sign in signs.items() if key in entry]
    return f" ({', '.join(found)})" if found else ""


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``schema``."""
    verb = verbs.add_parser("schema")
    verb.add_argument(
        "--markdown", action="store_true", help="print tables instead of the JSON schema"
    )
    verb.set_defaults(run=_schema)


def _schema(options: argparse.Namespace) -> None:
    sys.stdout.write(markdown() if options.markdown else json_schema())
