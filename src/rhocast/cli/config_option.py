"""The option that names a configuration, shared by the verbs that read one."""

import argparse
from pathlib import Path


def add_config_option(parser: argparse._ActionsContainer, sections: str) -> None:
    """Add ``--config``; ``sections`` tells which of its sections are used."""
    parser.add_argument(
        "--config",
        default=Path("config.yaml"),
        type=Path,
        help=f"configuration; used: {sections} (default: config.yaml)",
    )
