"""The record of a field says all that computed it, and opens from older files."""

from rhocast.inference.provenance import Provenance

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
    assert FIRST.joined([Provenance()]) == FIRST
