"""Which device is whose."""

import pytest

from rhocast.errors import ModelError
from rhocast.model import accelerator_named, check_device, name_of, own_device


@pytest.mark.parametrize(
    ("asked", "place", "count", "own"),
    [
        ("cuda", 0, 4, "cuda:0"),
        ("cuda", 5, 4, "cuda:1"),
        ("cuda", 5, 1, "cuda"),
        ("cuda", 5, 0, "cuda"),
        ("cuda:2", 1, 4, "cuda:2"),
        ("cpu", 3, None, "cpu"),
    ],
)
def test_ranks_of_a_machine_take_turns(asked, place, count, own):
    assert own_device(asked, place, count) == own


def test_a_device_that_is_not_there_is_refused():
    assert check_device("cpu").type == "cpu"
    for missing in ("cuda:99", "abacus"):
        with pytest.raises(ModelError, match=f"device: expected `cpu`, or .* found '{missing}'"):
            check_device(missing)


def test_the_processor_is_no_accelerator():
    assert accelerator_named("cpu") is None
    assert accelerator_named("cuda:1") == "cuda:1"
    assert name_of("cpu") == "cpu"
