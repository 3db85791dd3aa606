"""Which results of DFT stand: they carry the settings of the configuration, so no rule makes them.

Trajectories, frames, tables of chosen frames and densities are judged by their stamps instead of by
Snakemake. One that stands is a source in the job graph: no rule makes it, and nothing upstream of
it can start it again. One that does not stand, or is not there, is an output like any other.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rhocast.config import Dft
from rhocast.workflow.determinants import Determinants, section_keys, used_by
from rhocast.workflow.stamps import read_record, stamp_of

#: Of files of version 0.1.0, which carry no stamp: where their record tells a key of the
#: configuration.
_TOLD_BY_RECORD = {
    "timestep_fs": ("aimd.timestep_fs", "classical.timestep_fs"),
    "thermostat_time_fs": ("aimd.thermostat_time_fs", "classical.thermostat_time_fs"),
    "potential": ("classical.potential",),
}


def differences(recorded: Determinants, wanted: Determinants) -> list[str]:
    """Return the keys that differ between two sets of determinants, in alphabetical order."""
    nothing = object()
    keys = recorded.keys() | wanted.keys()
    return sorted(k for k in keys if recorded.get(k, nothing) != wanted.get(k, nothing))


def why_not(
    path: str | Path,
    wanted: Determinants,
    engine: str = "auto",
    *,
    density: bool = True,
    seed: int | None = None,
    otherwise: Callable[[], list[str]] = list,
) -> list[str]:
    """Return the keys by which a file differs from what is wanted; none if it stands.

    Parameters
    ----------
    path
        A file that is there.
    wanted
        Its determinants as the configuration has them.
    engine
        The engine that the data were begun with; keys that it does not use do not count.
    density
        Whether the file holds a density; see `used_by`.
    seed
        That the trajectory's record holds, for files that carry no stamp.
    otherwise
        Returns further keys by which a file that carries no stamp differs.
    """
    record = read_record(path)
    if record is None:
        return ["(unreadable)"]
    stamp = stamp_of(record)
    if stamp is None:
        return _told_otherwise(record, wanted, seed) + otherwise()
    return differences(used_by(engine, stamp, density), used_by(engine, wanted, density))


def holds_frames(path: str | Path, frames: int | None) -> bool:
    """Say whether a trajectory is long enough for a number of frames; None: it is none."""
    if frames is None:
        return True
    record = read_record(path) or {}
    if "frames" in record:
        return bool(record["frames"] >= frames)
    try:
        with Path(path).open("rb") as file:
            atoms = int(file.readline())
            steps = (1 + sum(1 for _ in file)) // (atoms + 2)
        between = record["equilibration_steps"] + (frames - 1) * record["steps_between_frames"]
    except (KeyError, OSError, ValueError):
        return False
    return bool(steps > between)


def except_standing(names: Iterable[str], suffix: str, otherwise: str) -> str:
    """Return a wildcard's regular expression under which results that stand have no rule.

    Parameters
    ----------
    names
        Paths of those that stand, from the wildcard on, without the suffix.
    suffix
        What follows them in the path.
    otherwise
        Regular expression of the wildcard itself.
    """
    standing = "|".join(map(_escaped, sorted(names)))
    return f"(?!(?:{standing}){_escaped(suffix)}$)(?:{otherwise})" if standing else otherwise


def _escaped(text: str) -> str:
    return text.replace(".", r"\.")


def _told_otherwise(record: dict[str, Any], wanted: Determinants, seed: int | None) -> list[str]:
    """Return the keys that a file without a stamp tells otherwise; what it does not tell is taken.

    Densities record the settings of DFT, all that come from a trajectory its seed, time step,
    thermostat and potential.
    """
    found = []
    settings = record.get("settings")
    if isinstance(settings, dict):
        told = Dft.model_validate(settings | {"engine": "auto"})
        present = {key: value for key, value in wanted.items() if key.startswith("dft.")}
        found += differences(section_keys("dft", told), present)
    motion = record.get("structure", record)
    for name, keys in _TOLD_BY_RECORD.items():
        for key in keys:
            if name in motion and key in wanted and motion[name] != wanted[key]:
                found.append(key)
    if seed is not None and motion.get("seed", seed) != seed:
        found.append("seed")
    return found
