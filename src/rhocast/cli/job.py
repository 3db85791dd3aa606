"""Logging and error reports, the same in every process; errors come without a traceback."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rhocast.cli.ending import Ended, ending_on_signals
from rhocast.errors import RhocastError

log = logging.getLogger("rhocast")

#: Names of energies in Hartree.
_ENERGY = re.compile(r"_ha($|_per_)")

#: What a person is told of a figure that is not there.
_ABSENT = {
    "gap_ev": "none, the bands overlap as in a metal",
    "gap_mev": "none, without two gaps",
    "hartree_ha": "not told by this engine",
}


def start_logging(file: str | Path | None = None) -> None:
    """Send log records to a file as plain lines, or to the terminal (standard error)."""
    if file is not None or not sys.stderr.isatty():
        handler: logging.Handler = (
            logging.StreamHandler() if file is None else logging.FileHandler(file, mode="w")
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    else:
        from rich.console import Console  # takes longer than all else that `--help` imports
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for chatty in ("matplotlib", "PIL", "h5py"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextmanager
def job(log_file: str | Path) -> Iterator[None]:
    """Run one rule's script: log to its file; a user's error ends it in one sentence.

    Raises
    ------
    SystemExit
        With the error's exit code, after the sentence has been written to the log and to
        standard error.
    """
    start_logging(log_file)
    try:
        with ending_on_signals():
            yield
    except Ended as ended:
        raise SystemExit(ended.exit_code) from None
    except RhocastError as error:
        log.error("%s", error)
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except BaseException:
        log.exception("unexpected; a defect of the program or of the machine")
        raise


def emit(figures: Mapping[str, Any], as_json: bool) -> None:
    """Write figures to standard output: one JSON object, or aligned lines for a person."""
    if as_json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(figures)) + "\n")


def _lines(figures: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    width = max((len(str(key)) for key in figures), default=0)
    for key, value in figures.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{key:{width}}  {_shown(str(key), value)}"


def _shown(key: str, value: Any) -> Any:
    if value is None:
        return _ABSENT.get(key, "none")
    if isinstance(value, float):  # errors of energies are 1e-5 Ha
        return f"{value:.8f}" if _ENERGY.search(key) else f"{value:.6g}"
    return "none" if value == {} else value
