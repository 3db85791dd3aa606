"""Which cells `rhocast predict` flags: by points outside the training range, and by their spread.

    python benchmarks/flags.py

Prints a row for each snapshot of data/al, data/al-defects, data/al-unseen, data/sige and
data/sige-unseen. Those that were trained on are marked.
"""

import logging
import sys
from pathlib import Path

from rhocast.density import read_snapshot
from rhocast.inference.outside import is_uneven, is_unusual, look_outside
from rhocast.model import DensityModel

DATA = Path("data")
#: The folders that each model is judged on, and the snapshots held back from its training.
MODELS = {
    "al": (("al", "al-defects", "al-unseen"), ("al32/315K/7", "al32/933K/7", "al32/1866K/7")),
    "sige": (("sige", "sige-unseen"), ("sige64a/300K/0", "sige64b/900K/0", "sige64c/1500K/0")),
}


def main() -> None:
    """Look at every snapshot, print the table."""
    logging.disable(logging.WARNING)  # files of earlier versions
    lines = ["| model | snapshot | trained on | outside | spread | flags |", "|---" * 6 + "|"]
    for name, (folders, held_back) in MODELS.items():
        model = DensityModel.load(name)
        known = model.training_range
        assert known is not None
        trained = model.metadata["training"]["snapshots"]
        for file in sorted(file for part in folders for file in (DATA / part).glob("*/*/*.h5")):
            found = look_outside(model, read_snapshot(file).structure)
            assert found is not None
            assert found.spread is not None
            flags = {"points": is_unusual(found, known), "spread": is_uneven(found, known)}
            source = "/".join(file.parts[-3:])
            seen = source in trained and source.removesuffix(".h5") not in held_back
            told = ", ".join(flag for flag, raised in flags.items() if raised)
            lines.append(
                f"| {name} | {source.removesuffix('.h5')} | {'yes' if seen else ''} "
                f"| {found.share:.1%} | {found.spread:.2f} | {told} |"
            )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
