"""What the studies on aluminium share: a small model, and the sampled features it is trained on."""

from pathlib import Path

from rhocast import config
from rhocast.density import read_snapshot
from rhocast.learning import FeatureSet, read_features, sample_features
from rhocast.structures import Structure

DATA = Path("data")
DESCRIPTOR = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=8.5, radial_functions=6, shortest_bohr=4.0, angular=3
)
NETWORK = config.Network(width=48, blocks=1)
TRAINING = config.Training(dataset="al32", steps=400, batch_size=512, learning_rate=1e-2)

#: Snapshots of each study, and the points that are drawn from each of them.
POOL, TEST, VACANCY, STRAIN = (
    "al/al32",
    "al/al32-test",
    "al-defects/al31-vacancy",
    "al-defects/al32-",
)
POINTS = {POOL: 4000, TEST: 6000, VACANCY: 6000, STRAIN: 6000}


def files(name: str) -> list[Path]:
    """Return the snapshot files of a study that are there, in a fixed order."""
    folder, start = (DATA / name).parent, (DATA / name).name
    names = (start, *(f"{start}{end}" for end in ("compressed", "stretched")))
    return [file for system in names for file in sorted((folder / system).glob("*/*.h5"))]


def structures(name: str) -> list[Structure]:
    """Return their atoms."""
    return [read_snapshot(file).structure for file in files(name)]


def features(name: str, folder: Path) -> FeatureSet:
    """Return their features; compute them unless the folder holds them."""
    path = folder / f"{name.replace('/', '-')}.h5"
    if not path.is_file():
        sample_features(
            path,
            files(name),
            descriptor=DESCRIPTOR,
            baseline=config.Baseline(),
            valence={"Al": 3.0},
            points_per_snapshot=POINTS[name],
            seed=0,
        )
    return read_features(path)
