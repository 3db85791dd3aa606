"""How long Snakemake plans large campaigns, begun and finished.

    python benchmarks/load.py [--frames 100] [--shards 64]

The campaigns of `examples/`, with so many frames of each trajectory that is learnt from and so many
shards of each field. First nothing is there. Then all is finished: every output of every job is a
small file that carries the stamp of its job, as the tests of the workflow lay them out, and
Snakemake's own `--touch` makes its records. A plan is `snakemake -n`, the start of Python included.
"""

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/helpers"))

from planning import finish  # noqa: E402


def main() -> None:
    """Print a row for each campaign."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=100, help="frames of each trajectory")
    parser.add_argument("--shards", type=int, default=64, help="shards of each field")
    options = parser.parse_args()
    _tell("| campaign | jobs | nothing done, s (processor) | nothing to do, s (processor) |")
    _tell("|---|---|---|---|")
    for name in ("paper-al", "paper-sige"):
        config = _large(ROOT / f"examples/{name}.yaml", options.frames, options.shards)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "my.yaml")
            file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
            text, begun = _planned(Path(folder), file)
            jobs = int(re.findall(r"^total +(\d+)$", text, re.MULTILINE)[-1])
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                finish(Path(folder), config)
            text, finished = _planned(Path(folder), file)
            if "Nothing to be done" not in text:
                raise SystemExit(f"{name}: the finished campaign has jobs left\n{text[-2000:]}")
        _tell(f"| {name} | {jobs} | {begun} | {finished} |")


def _large(example: Path, frames: int, shards: int) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(example.read_text(encoding="utf-8"))
    for section in ("training", "transfer"):
        for source in config["datasets"][config[section]["dataset"]]:
            source["frames"] = frames
    config["prediction"]["shards"] = shards
    config["dft"]["engine"] = "abinit"  # that of the stamps
    files = config["material"]["pseudopotentials"]
    for element, file in files.items():
        if file.endswith(".psp8"):
            files[element] = str((example.parent / file).resolve())
    return config


def _planned(folder: Path, file: Path) -> tuple[str, str]:
    """Return what a plan prints, and its wall and processor seconds."""
    snakemake = Path(sys.executable).with_name("snakemake")
    words = ["-n", "--snakefile", ROOT / "Snakefile", "--directory", folder, "--configfile", file]
    start, before = time.perf_counter(), os.times()
    done = subprocess.run([snakemake, *words], capture_output=True, text=True)
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return done.stdout, f"{wall:.1f} ({used:.1f})"


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
