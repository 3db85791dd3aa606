"""The program ``rhocast <verb>``."""

import argparse
import logging
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from rhocast import __version__
from rhocast.cli.ending import Ended, ending_on_signals
from rhocast.cli.job import start_logging
from rhocast.errors import ConfigError, ParallelError, RhocastError
from rhocast.extras import needed_for, require
from rhocast.files import check_output

log = logging.getLogger(__name__)

#: Every verb: the module that holds it, and what the list of verbs says of it. Only the module of
#: the verb at hand is imported, so that the program starts at once.
VERBS = {
    "features": ("learning", "draw mesh points from snapshot files"),
    "train": ("learning", "train a model on the features of small cells"),
    "transfer": ("learning", "retrain a model on the features of larger cells"),
    "calibrate": ("learning", "calibrate a model's error bars anew; its mean stays"),
    "evaluate": ("models", "measure a model's errors on snapshots or other densities"),
    "info": ("models", "print what a model is and where it comes from"),
    "acquire": ("acquire", "choose the structures whose densities a model would learn most from"),
    "certify": ("certify", "measure how coarse a mesh a model may be evaluated on"),
    "check": ("check", "verify files, and compare results with a configuration"),
    "predict": ("predict", "predict the density of a structure"),
    "merge": ("merge", "make one density file of all shards, on the mesh that was asked for"),
    "refine": ("merge", "interpolate a density file to a finer mesh, or a part of it"),
    "convert": ("density", "write a density of any format in any other, or on another mesh"),
    "export": ("density", "the same as convert"),
    "diff": ("density", "compare two densities of the same cell"),
    "superpose": ("density", "write the density of free atoms at the places of a density's atoms"),
    "aimd": ("dft", "run molecular dynamics of a structure with the DFT engine"),
    "scf": ("dft", "compute the density of a structure with the DFT engine"),
    "harris-foulkes": ("dft", "compute the energy at a given density, by one diagonalisation"),
    "energies": ("physics", "compare energies at predicted densities with those at DFT densities"),
    "eos": ("physics", "compute energy against volume, lattice constant and bulk modulus"),
    "bands": ("bands", "compute bands and density of states at a density"),
    "plot": ("plot", "draw a density, two beside each other, or what other verbs have written"),
    "cut-out": ("cut_out", "cut small cells out of a large one, around its most uncertain places"),
    "charges": ("charges", "compute the Hirshfeld or Bader charge of each atom of a density"),
    "potential": ("potential", "compute the electrostatic potential and averages over planes"),
    "import": (
        "dataset",
        "make a snapshot file of another program's density, such as a cube",
    ),
    "dataset": ("dataset", "list, check, split or pack snapshot files"),
    "converge": (
        "converge",
        "study how far k-points, cutoff, smearing and SCF tolerance are converged",
    ),
    "study": (
        "studies",
        "study the sizes of descriptor and cells, the worth of data, and σ",
    ),
    "new": ("new", "draft a first campaign for a material, from its structure"),
    "plan": ("plan", "estimate core hours, memory and disk of a campaign"),
    "benchmark": ("benchmark", "measure how fast predictions are on this machine"),
    "status": ("status", "count the jobs of a campaign that are done, running, failed and pending"),
    "doctor": ("doctor", "check MPI, engine, Slurm, GPU, disk, locks and kernels of this machine"),
    "view": ("view", "write an HTML page with slices, isosurface and line cuts of a density"),
    "schema": ("schema", "print the reference of the configuration"),
}

#: Verbs whose work MPI ranks share.
_ON_RANKS = ("predict", "merge", "refine")

#: Options that name a file to write.
_OUTPUTS = ("output", "picture", "html", "cube", "labels")

#: Where that is a folder, a verb has `set_defaults(writes_folder=True)`.

#: Options, and a verb's own `set_defaults(draws=True)`, with which a verb draws when it is done.
_DRAWING = ("draws", "picture", "vacancy")


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, or the code of the error that ended it."""
    words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with ending_on_signals(words[0]), needed_for(" ".join(["rhocast", *words[:1]])):
            _check_verb(words)
            options = _parser(words).parse_args(words)
            start_logging()
            _check_ranks(words[0])
            _check_outputs(options)
            if any(getattr(options, name, None) for name in _DRAWING):
                require("matplotlib", f"rhocast {words[0]}")
            options.run(options)
    except Ended as ended:
        return ended.exit_code
    except RhocastError as error:
        log.error("%s", error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone: `rhocast info … | head`
        sys.stderr.close()
    except OSError as error:  # a folder that cannot be written to, a disk that is full
        log.error("%s", error)
        return 1
    return 0


def _check_verb(words: list[str]) -> None:
    """Refuse a verb that is none, with the name of the closest one."""
    if words and words[0] not in VERBS and not words[0].startswith(("-", "@")):
        close = get_close_matches(words[0], VERBS, 1)
        raise ConfigError(
            f"{words[0]}: no verb of rhocast"
            + (f"; did you mean `{close[0]}`?" if close else ";")
            + " `rhocast --help` lists all verbs"
        )


def _check_ranks(verb: str) -> None:
    """Refuse a verb that is one process where a launcher has started several of it."""
    from rhocast.parallel.ranks import launched_ranks

    if verb not in _ON_RANKS and (ranks := launched_ranks()) > 1:
        raise ParallelError(
            f"rhocast {verb}: is one process, and the launcher has started {ranks}; start it "
            f"without mpirun or srun. Ranks share the work of {', '.join(_ON_RANKS)}"
        )


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse an output that is a folder, or one of the files that the verb reads."""
    values = vars(options).items()
    inputs = [value for name, value in values if name not in _OUTPUTS]
    paths = [path for value in inputs for path in (value if isinstance(value, list) else [value])]
    for name in _OUTPUTS:
        output = getattr(options, name, None)
        if not isinstance(output, Path):
            continue
        if output.is_dir() and not getattr(options, "writes_folder", False):
            raise ConfigError(f"{output}: is a folder, expected the name of a file to write")
        if output.is_file():
            check_output(output, [path for path in paths if isinstance(path, str | Path)])


class _Parser(argparse.ArgumentParser):
    """Takes blank lines and those that begin with # in a list (@FILE) for what they are."""

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        line = arg_line.removeprefix("\ufeff").strip()
        return [] if not line or line.startswith("#") else [line]


def _parser(words: list[str]) -> _Parser:
    parser = _Parser(
        prog="rhocast",
        fromfile_prefix_chars="@",
        description="Electron densities of millions of atoms, learnt from Kohn-Sham DFT of small "
        "cells, with an error bar at every grid point.",
        epilog="@FILE stands for the lines of a file, such as those that `dataset split` writes; "
        "blank lines and those that begin with # are skipped. "
        "Exit codes: 0 done; 1 general error; 2 configuration or usage; 3 structure; "
        "4 file format; 5 DFT engine; 6 model; 7 MPI, memory or disk; 128 + N ended by signal N.",
    )
    parser.add_argument("--version", action="version", version=f"rhocast {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    if words and words[0] in VERBS:
        module, _ = VERBS[words[0]]
        import_module(f"rhocast.cli.{module}").add_verbs(verbs)
    else:
        for verb, (_, summary) in VERBS.items():
            verbs.add_parser(verb, help=summary)
    return parser
