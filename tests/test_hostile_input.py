"""Damaged files of every kind: each is read as it was, read as another, or refused by a sentence.

A few hundred cases of each kind; 10,000 by `-m exhaustive`.
"""

import re
import signal
from contextlib import contextmanager
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_model import make_structure

from rhocast.checksums import GROUP, seal_attributes
from rhocast.config import load_config
from rhocast.density import Density, read_density, write_density
from rhocast.errors import RhocastError
from rhocast.model import DensityModel
from rhocast.structures import read_structure, write_structure

#: Longest that a file may take to be read or refused, s of the processor.
PATIENCE = 10.0

#: In place of a number.
NUMBERS = ["-1", "0", "1e308", "nan", "-inf", "999999999999", "", "1e-300", "0x7", "1_0", "½"]

ROOT = Path(__file__).parents[1]


@contextmanager
def within_patience():
    def end(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def assert_read_or_refused(read, path):
    """Return what was read, or None if it was refused; nothing else may happen."""
    with within_patience():
        try:
            return read(path)
        except RhocastError:
            return None


def cut(content, place):
    return content[: int(place * len(content))]


def flipped(content, place, bit):
    damaged = bytearray(content)
    damaged[int(place * len(content))] ^= 1 << bit
    return bytes(damaged)


def doubled(content, place, length):
    start = int(place * len(content))
    return content[:start] + content[start : start + length] * 2 + content[start + length :]


PLACES = st.floats(0.0, 1.0, exclude_max=True)


@st.composite
def damaged(draw, content, text):
    """Draw one to three faults of a file: lost ends, flipped bits, repeats, other numbers."""
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["cut", "flip", "double", *(["number"] * 3 if text else [])]
        kind, place = draw(st.sampled_from(kinds)), draw(PLACES)
        numbers = list(re.finditer(rb"[-+]?\d[\d.eE+-]*", content)) if kind == "number" else []
        if not content:
            break
        if kind == "cut":
            content = cut(content, place)
        elif kind == "flip":
            content = flipped(content, place, draw(st.integers(0, 7)))
        elif kind == "double":
            content = doubled(content, place, draw(st.integers(1, 200)))
        elif numbers:
            chosen = numbers[int(place * len(numbers))]
            other = draw(st.sampled_from(NUMBERS)).encode()
            content = content[: chosen.start()] + other + content[chosen.end() :]
    return content


STRUCTURES = {"t.extxyz": "extxyz", "t.cif": "cif", "POSCAR": "vasp", "t.data": "lammps-data"}


def structure_file(folder, name):
    path = folder / name
    if name.endswith(".h5"):
        write_structure(path, make_structure())
    else:
        ase.io.write(path, bulk("Al", cubic=True), format=STRUCTURES[name])
        if name == "t.data":
            path.write_text(path.read_text().replace("Atoms", "Masses\n\n1 26.98\n\nAtoms", 1))
    return path


def cases(count):
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=count, suppress_health_check=health)


def check(read, path, content, text, count, judge=lambda found: None):
    """Read many damaged forms of a file; ``judge`` looks at what could be read."""

    @cases(count)
    @given(damaged(content, text))
    def run(bad):
        path.write_bytes(bad)
        found = assert_read_or_refused(read, path)
        if found is not None:
            judge(found)

    run()


COUNTS = [
    pytest.param(60, id="some"),
    pytest.param(2000, id="many", marks=pytest.mark.exhaustive),
]

ALL_COUNTS = [
    pytest.param(250, id="some"),
    pytest.param(10_000, id="many", marks=pytest.mark.exhaustive),
]


def is_a_structure(found):
    assert np.isfinite(found.positions).all()
    assert found.volume > 0.0
    found.check_distances()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", [*STRUCTURES, "t.h5"])
def test_structure_files(name, count, tmp_path):
    path = structure_file(tmp_path, name)
    content, whole = path.read_bytes(), read_structure(path)

    def judge(found):
        is_a_structure(found)
        if name == "t.h5":  # checksums
            np.testing.assert_array_equal(found.positions, whole.positions)

    check(read_structure, path, content, not name.endswith(".h5"), count, judge)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", ALL_COUNTS)
def test_configurations(count, tmp_path):
    content = (ROOT / "tests/data/tiny.yaml").read_bytes()
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    check(load_config, path, content, text=True, count=count)


@pytest.mark.parametrize("count", ALL_COUNTS)
def test_model_files(count, tmp_path):
    content = (ROOT / "src/rhocast/model/data/sige-demo.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    whole = DensityModel.load(path)

    def judge(found):
        assert found.hash == whole.hash

    check(DensityModel.load, path, content, text=False, count=count, judge=judge)


@pytest.fixture
def field(tmp_path):
    """A density field of a few points, in which the metadata are most of the file."""
    path = tmp_path / "field.h5"
    values = np.random.default_rng(1).random((4, 5, 6), dtype=np.float32)
    write_density(path, Density.of(make_structure(), {"density": values}, {"scale": 1.25}))
    return path, values


@pytest.mark.parametrize("count", ALL_COUNTS)
def test_bytes_of_hdf5(count, field):
    path, values = field

    def judge(found):
        np.testing.assert_array_equal(found.read("density", (slice(None),) * 3), values)

    check(read_density, path, path.read_bytes(), text=False, count=count, judge=judge)


ATTRIBUTES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20),
    st.binary(min_size=1, max_size=20).map(np.void), st.lists(st.floats(), max_size=4),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", ALL_COUNTS)
def test_metadata_of_hdf5(count, field):
    """Attributes are other values of any type, or missing; arrays are of other shapes and types."""
    path, _ = field
    content = path.read_bytes()
    with h5py.File(path) as file:
        names, arrays = sorted(file.attrs), sorted(n for n in file if n != GROUP)

    @cases(count)
    @given(
        st.sampled_from(names),
        ATTRIBUTES,
        st.sampled_from(arrays),
        st.integers(0, 5),
        st.booleans(),
    )
    def run(name, value, array, other, sealed):
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            del file.attrs[name]
            if value is not None and "\0" not in (value if isinstance(value, str) else ""):
                file.attrs[name] = value
            if other < 4:
                del file[array]
            if 0 < other < 4:
                file[array] = [np.zeros((2, 2)), "text", 7][other - 1]
            if sealed:  # by whoever made it so: no checksum tells
                file.pop(GROUP, None)
                seal_attributes(file)
        assert_read_or_refused(read_density, path)

    run()
