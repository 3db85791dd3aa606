"""The record of a field says all that computed it, and opens from older files."""

import numpy as np
import pytest
from small_model import SHAPE, make_smooth_model, make_structure

from rhocast.density import read_density
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh
from rhocast.inference import Request, merge, predict_file, predict_shard
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.provenance import Provenance
from rhocast.inference.shard_writer import ShardWriter
from rhocast.inference.shards import Shard, ShardHeader

FIRST = Provenance(field_hash="f", kernels="avx512", seed=3)


def test_a_record_is_the_same_when_it_is_read_again():
    assert Provenance.read(FIRST.attributes) == FIRST


def test_entries_that_an_older_file_lacks_are_none_and_those_of_a_newer_one_are_left_out():
    found = Provenance.read({"field_hash": "f", "model_hash": "m", "of_the_future": 1})
    assert found == Provenance(field_hash="f", model_hash="m")
    assert found.kernels is None


def test_all_that_computed_a_field_is_told_once_whatever_went_on():
    begun = FIRST.joined([Provenance(kernels="avx2"), Provenance(device="cuda:1")])
    assert (begun.kernels, begun.device) == ("avx2, avx512", "cuda:1")
    assert begun.joined([FIRST]) == begun
    assert begun.seed == FIRST.seed


def test_numpy_is_told_beside_kernels_and_devices_and_alone_it_is_no_entry():
    """Else a field that kernels computed in part would seem to be theirs as a whole."""
    numpy = Provenance()
    assert FIRST.joined([numpy]).kernels == numpy.joined([FIRST]).kernels == "avx512, none"
    gpu = Provenance(device="cuda:1")
    assert gpu.joined([gpu]) == gpu
    assert (gpu.joined([numpy]).kernels, gpu.joined([FIRST]).kernels) == ("none", "avx512")
    assert numpy.joined([numpy]) == numpy
    assert FIRST.joined([numpy]).joined([gpu, FIRST]).kernels == "avx512, none"


#: One kernel, and another or NumPy, where the processor has them.
PAIRS = [("generic", other) for other in ("avx2", "none")]


@pytest.fixture(params=PAIRS, ids="-".join)
def isas(request):
    missing = {*request.param} - {*kernels.isas(), "none"}
    if missing:
        pytest.skip(f"no {', '.join(missing)} here")
    return request.param


@pytest.fixture(scope="module")
def asked():
    """Return model, structure and mesh."""
    structure = make_structure()
    return make_smooth_model(), structure, Mesh(SHAPE, structure.cell)


def begin(path, asked, blocks):
    """Leave a shard that was interrupted after some blocks; None stands for all of them."""
    header = ShardHeader.of(Request(*asked), 0, 1)
    with ShardWriter(path, header, asked[1]) as writer:
        for block in header.own_blocks[:blocks]:
            writer.write(block, np.zeros((1, *header.blocks.shape(block)), np.float32))
        writer.commit()


def test_a_shard_tells_also_what_went_on_with_it(isas, asked, tmp_path, monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, isas[0])
    begin(tmp_path / "s.h5", asked, 1)
    monkeypatch.setenv(kernels.VARIABLE, isas[1])
    predict_shard(*asked, tmp_path / "s.h5")
    with Shard(tmp_path / "s.h5") as shard:
        assert shard.header.record.kernels == ", ".join(sorted(isas))


def test_a_shard_does_not_tell_what_had_nothing_to_add(isas, asked, tmp_path, monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, isas[0])
    begin(tmp_path / "s.h5", asked, None)
    monkeypatch.setenv(kernels.VARIABLE, isas[1])
    predict_shard(*asked, tmp_path / "s.h5")
    with Shard(tmp_path / "s.h5") as shard:
        assert shard.header.record.kernels == isas[0]


def test_a_merged_field_tells_what_computed_each_shard(isas, asked, tmp_path, monkeypatch):
    paths = [tmp_path / f"{k}.h5" for k in range(2)]
    for k, (path, isa) in enumerate(zip(paths, isas, strict=True)):
        monkeypatch.setenv(kernels.VARIABLE, isa)
        predict_shard(*asked, path, shard=k, n_shards=2)
    merge(paths, tmp_path / "density.h5", scale_to_electrons=False)
    found = read_density(tmp_path / "density.h5").record
    assert found["kernels"] == ", ".join(sorted(isas))


def test_a_finished_shard_is_left_alone_on_another_processor(isas, asked, tmp_path, monkeypatch):
    """It is merged, and the field tells what computed it."""
    monkeypatch.setenv(kernels.VARIABLE, isas[0])
    predict_shard(*asked, tmp_path / "density.h5.shard")
    monkeypatch.setenv(kernels.VARIABLE, isas[1])

    def again(self, block, atoms):
        raise AssertionError("computed again")

    monkeypatch.setattr(BlockPredictor, "__call__", again)
    predict_file(*asked, tmp_path / "density.h5", scale_to_electrons=False)
    assert read_density(tmp_path / "density.h5").record["kernels"] == isas[0]
