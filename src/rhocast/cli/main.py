"""The program ``rhocast <verb>``."""

import argparse
import logging
import sys
from importlib import import_module

from rhocast import __version__
from rhocast.cli.job import start_logging
from rhocast.errors import RhocastError

log = logging.getLogger(__name__)

#: Where the verbs are. Only the module of the verb at hand is imported: torch alone takes seconds.
MODULES = {
    "learning": ("features", "train", "transfer", "evaluate", "info"),
    "acquire": ("acquire",),
    "certify": ("certify",),
    "inference": ("predict", "merge", "refine", "export"),
    "dft": ("aimd", "scf", "harris-foulkes"),
    "dataset": ("import", "dataset"),
    "converge": ("converge",),
    "studies": ("study",),
    "plan": ("plan",),
    "benchmark": ("benchmark",),
    "view": ("view",),
    "schema": ("schema",),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, or the code of the error that ended it."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(words).parse_args(words)
    start_logging()
    try:
        options.run(options)
    except RhocastError as error:
        log.error("%s", error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone: `rhocast info … | head`
        sys.stderr.close()
    except OSError as error:  # a folder that cannot be written to, a disk that is full
        log.error("%s", error)
        return 1
    return 0


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rhocast",
        fromfile_prefix_chars="@",
        description="Electron densities of millions of atoms, learnt from Kohn-Sham DFT of small "
        "cells, with an error bar at every grid point.",
        epilog="@FILE stands for the lines of a file, such as those that `dataset split` writes. "
        "Exit codes: 0 done; 1 general error; 2 configuration or usage; 3 structure; "
        "4 file format; 5 DFT engine; 6 model; 7 MPI or memory.",
    )
    parser.add_argument("--version", action="version", version=f"rhocast {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    wanted = [name for name, own in MODULES.items() if words and words[0] in own]
    for name in wanted or MODULES:
        import_module(f"rhocast.cli.{name}").add_verbs(verbs)
    return parser
