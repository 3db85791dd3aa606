"""The folder of a long run: what determines it, and the attempts that it took so far.

A run that was ended from outside (a kill, a wall-time limit) goes on from what its last attempt
left. Each attempt has a folder of its own, so that none overwrites what another may still need.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhocast.files import replacing

logger = logging.getLogger(__name__)

_MARK = "determined-by.sha256"


def fingerprint(determinants: Mapping[str, Any]) -> str:
    """Return a hash of all that determines a run: plain values, lists and mappings of them."""
    text = json.dumps(determinants, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_run_folder(path: str | Path, mark: str) -> Path:
    """Return the folder of a run at an absolute path; emptied if it belongs to another run.

    Parameters
    ----------
    path
        Where it is, or is to be.
    mark
        Fingerprint of the run.
    """
    path = Path(path).absolute()
    file = path / _MARK
    if file.is_file() and file.read_text(encoding="ascii").strip() == mark:
        return path
    if path.exists():
        logger.info("%s holds another run, or none that can go on: starting afresh", path)
        shutil.rmtree(path)
    with replacing(file) as partial:
        partial.write_text(mark + "\n", encoding="ascii")
    return path


def attempts(folder: Path) -> list[Path]:
    """Return the folders of a run's attempts, the first one first."""
    return sorted(folder.glob("attempt-[0-9][0-9][0-9]"))


def new_attempt(folder: Path) -> Path:
    """Make the folder of a run's next attempt."""
    made = attempts(folder)
    number = int(made[-1].name.rpartition("-")[2]) + 1 if made else 0
    attempt = folder / f"attempt-{number:03d}"
    attempt.mkdir()
    return attempt


def seconds_between(first: Path, last: Path) -> float:
    """Return the seconds from the writing of one file to that of another; 0 if either is absent.

    This is what is known of the duration of an attempt that was killed.
    """
    if not (first.is_file() and last.is_file()):
        return 0.0
    return max(0.0, last.stat().st_mtime - first.stat().st_mtime)
