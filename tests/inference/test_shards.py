"""Shard files: resuming, and what is refused."""

import re
from itertools import product

import h5py
import numpy as np
import pytest
from small_model import SHAPE, as_stored, make_model, make_smooth_model, make_structure

from rhocast.checksums import GROUP
from rhocast.density import read_density
from rhocast.density.chunks import chunk_shape
from rhocast.errors import FileFormatError
from rhocast.grid import Blocks, Mesh
from rhocast.inference import PredictionOptions, merge, predict_on_mesh, predict_shard, shard_writer
from rhocast.inference.journal import Journal
from rhocast.inference.prediction import items
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request
from rhocast.inference.shard_writer import ShardWriter
from rhocast.inference.shards import Shard, ShardHeader


@pytest.mark.parametrize("n", range(1, 400))
def test_blocks_begin_with_chunks(n):
    side = Blocks((n, n, n)).block_shape[0]
    chunk = chunk_shape((n, n, n), (side, side, side))[0]
    assert chunk == n or side % chunk == 0


def test_blocks_of_any_size_are_found_again(tmp_path, structure):
    """Blocks of 48, 56 and 24 points; written, merged and read."""
    model, mesh = make_smooth_model(), Mesh((97, 165, 20), structure.cell)
    assert Blocks(mesh.shape).block_shape == (56, 56, 16)
    for shard in range(2):
        path = tmp_path / f"{shard}.h5"
        predict_shard(
            model,
            structure,
            mesh,
            path,
            PredictionOptions(uncertainty="fast"),
            shard=shard,
            n_shards=2,
        )
    merge([tmp_path / "0.h5", tmp_path / "1.h5"], tmp_path / "field.h5", scale_to_electrons=False)
    field = read_density(tmp_path / "field.h5")
    expected = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast"))
    for name in ("density", "epistemic_std", "aleatoric_std"):
        np.testing.assert_array_equal(getattr(field, name), as_stored(expected, name))


class StoppedError(Exception):
    """Stands for the plug that is pulled."""


@pytest.fixture
def request_(model, structure):
    return Request(model, structure, Mesh(SHAPE, structure.cell))


@pytest.fixture
def stop_after(monkeypatch):
    """Let the computation of blocks stop after some; returns the blocks that were computed."""
    compute = BlockPredictor.__call__

    def stop_after(n_blocks):
        computed = []

        def counted(self, block, atoms):
            if len(computed) == n_blocks:
                raise StoppedError
            computed.append(block)
            return compute(self, block, atoms)

        monkeypatch.setattr(BlockPredictor, "__call__", counted)
        return computed

    return stop_after


@pytest.fixture
def interrupted(request_, stop_after, tmp_path, monkeypatch):
    """Path of a shard of 18 blocks that stopped after 5."""
    monkeypatch.setattr(shard_writer, "SECONDS_BETWEEN_COMMITS", 0.0)
    stop_after(5)
    with pytest.raises(StoppedError):
        predict(request_, tmp_path / "shard.h5")
    return tmp_path / "shard.h5"


def predict(request, path):
    predict_shard(request.model, request.structure, request.mesh, path)


def compute(request, block):
    ((_, atoms),) = items(request, [block])
    return BlockPredictor(request.model, request.task)(block, atoms)


def density(path):
    with Shard(path) as shard:
        return shard.file["density"][()]


def test_resumed_file_equals_an_uninterrupted_one(request_, interrupted, stop_after, tmp_path):
    assert not interrupted.exists()
    computed = stop_after(-1)
    predict(request_, interrupted)
    assert computed == list(range(5, 18))
    predict(request_, tmp_path / "whole.h5")
    with Shard(interrupted) as resumed, Shard(tmp_path / "whole.h5") as whole:
        for name in ("density", "block_sums"):
            np.testing.assert_array_equal(resumed.file[name][()], whole.file[name][()])


def test_a_block_that_was_not_journalled_is_computed_again(request_, tmp_path, structure):
    path = tmp_path / "shard.h5"
    header = ShardHeader.of(request_, 0, 1)
    with ShardWriter(path, header, structure) as writer:
        writer.write(0, compute(request_, 0))
        writer.commit()
        writer.write(1, np.full((1, *header.blocks.shape(1)), 7.0, np.float32))
    predict(request_, path)
    assert density(path).max() < 1.0


@pytest.mark.parametrize("kept", ["0\n1", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n1"])
def test_a_torn_line_of_the_journal_does_not_count(
    kept, request_, stop_after, tmp_path, monkeypatch
):
    """Block 1 without its newline, or 10 without its 0; what is appended must not complete it."""
    monkeypatch.setattr(shard_writer, "SECONDS_BETWEEN_COMMITS", 0.0)
    path = tmp_path / "shard.h5"
    whole = kept.count("\n")
    stop_after(whole + 1)
    with pytest.raises(StoppedError):
        predict(request_, path)
    journal = path.with_name("shard.h5.journal")
    identity, blocks = journal.read_text().split("\n", maxsplit=1)
    blocks = re.sub(" .*", "", blocks)  # as earlier versions wrote it, without checksums
    assert blocks.startswith(kept)
    journal.write_text(f"{identity}\n{kept}")
    computed = stop_after(3)
    with pytest.raises(StoppedError):
        predict(request_, path)
    assert computed == [whole, whole + 1, whole + 2]
    computed = stop_after(-1)
    predict(request_, path)
    assert computed == list(range(whole + 3, 18))
    predict(request_, tmp_path / "uninterrupted.h5")
    np.testing.assert_array_equal(density(path), density(tmp_path / "uninterrupted.h5"))


@pytest.mark.parametrize("block", [18, 99])
def test_blocks_of_another_shard_in_the_journal_start_afresh(
    block, request_, interrupted, stop_after, caplog
):
    with interrupted.with_name("shard.h5.journal").open("a") as journal:
        journal.write(f"{block}\n")
    computed = stop_after(-1)
    predict(request_, interrupted)
    assert len(computed) == 18
    assert f"lists block {block}, which is not of this shard" in caplog.text


def test_any_flipped_bit_of_a_journal_costs_its_block_at_most(tmp_path):
    journal = Journal(tmp_path / "shard.h5.journal", "identity")
    journal.restart(range(8, 12))
    whole = (tmp_path / "shard.h5.journal").read_bytes()
    assert journal.read() == ("identity", {8, 9, 10, 11})
    for place, bit in product(range(len(b"identity\n"), len(whole)), range(8)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        (tmp_path / "shard.h5.journal").write_bytes(damaged)
        _, blocks = journal.read()
        assert blocks < {8, 9, 10, 11}
        assert len(blocks) >= 2  # a lost newline joins two lines


def test_a_shard_with_pending_blocks_cannot_be_finished(request_, tmp_path, structure):
    path = tmp_path / "shard.h5"
    with ShardWriter(path, ShardHeader.of(request_, 0, 1), structure) as writer:
        for block in range(17):
            writer.write(block, compute(request_, block))
        with pytest.raises(RuntimeError, match=r"blocks \[17\] were never written"):
            writer.finish()
    assert not path.exists()
    predict(request_, path)
    assert np.isfinite(density(path)).all()


@pytest.mark.parametrize("change", ["model", "structure", "seed"])
def test_another_request_starts_afresh(change, interrupted, stop_after, caplog):
    model = make_model(trained="otherwise") if change == "model" else make_model()
    structure = make_structure(seed=9 if change == "structure" else 0)
    options = PredictionOptions()
    if change == "seed":
        options = PredictionOptions(uncertainty="sampled", samples=2)
    computed = stop_after(-1)
    predict_shard(model, structure, Mesh(SHAPE, structure.cell), interrupted, options)
    assert len(computed) == 18
    assert "another request" in caplog.text


def test_a_shard_of_a_version_without_checksums_goes_on_and_says_so(
    request_, interrupted, stop_after, tmp_path, caplog
):
    partial = interrupted.with_name("shard.h5.partial")
    with h5py.File(partial, "r+", libver="v110") as file:
        del file[GROUP]
    caplog.set_level("INFO")
    computed = stop_after(-1)
    predict(request_, interrupted)
    assert computed == list(range(5, 18))
    for name in ("density", "block_sums"):
        assert f"{partial}: {name} has no checksums" in caplog.text
    predict(request_, tmp_path / "whole.h5")
    with Shard(interrupted) as shard, Shard(tmp_path / "whole.h5") as whole:
        everything = slice(None), slice(None), slice(None)
        read = [each.fields["density"][everything] for each in (shard, whole)]
    np.testing.assert_array_equal(*read)
    for name in ("density", "block_sums"):
        assert f"{interrupted}: {name} has no checksums" in caplog.text


@pytest.mark.parametrize("damaged", ["shard.h5.journal", "shard.h5.partial"])
def test_damaged_remains_start_afresh(damaged, request_, interrupted, stop_after, caplog):
    path = interrupted.with_name(damaged)
    path.write_bytes(path.read_bytes()[:40] + b"\n\xff\n")
    computed = stop_after(-1)
    predict(request_, interrupted)
    assert len(computed) == 18
    assert "starting afresh" in caplog.text


def test_the_hash_tells_apart_what_changes_the_numbers(request_, model, structure):
    mesh = request_.mesh

    def hash_of(model=model, structure=structure, mesh=mesh, **options):
        return Request(model, structure, mesh, PredictionOptions(**options)).hash

    sampled = {"uncertainty": "sampled", "samples": 3}
    hashes = [
        request_.hash,
        hash_of(mesh=Mesh((35, 17, 32), structure.cell)),
        hash_of(model=make_model(species=("Si", "Al"))),
        hash_of(structure=make_structure(seed=1)),
        hash_of(**sampled),
        hash_of(**sampled, seed=1),
        hash_of(**sampled | {"samples": 4}),
    ]
    assert len(set(hashes)) == len(hashes)
    assert hash_of(seed=5) == request_.hash  # nothing is drawn


def test_an_incomplete_shard_is_refused(interrupted):
    partial = interrupted.with_name("shard.h5.partial")
    with pytest.raises(FileFormatError, match=r"13 of 18 blocks are missing.*goes on where"):
        Shard(partial)


def test_a_truncated_shard_is_refused(request_, tmp_path):
    path = tmp_path / "shard.h5"
    predict(request_, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match=r"shard\.h5: .*truncated.*predict this shard again"):
        Shard(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"missing\.h5: no such file; predict this shard"):
        Shard(tmp_path / "missing.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["density"] = np.zeros((2, 2, 2))
    with pytest.raises(FileFormatError, match="no shard"):
        Shard(tmp_path / "other.h5")


def test_a_newer_format_is_refused(request_, tmp_path):
    path = tmp_path / "shard.h5"
    predict(request_, path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FileFormatError, match=r"shard format 99.*upgrade"):
        Shard(path)
