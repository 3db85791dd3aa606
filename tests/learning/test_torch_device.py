"""Devices of torch."""

import pytest

from rhocast.errors import ModelError
from rhocast.learning.torch_device import check_device


def test_a_device_that_is_not_there_is_refused():
    assert check_device("cpu").type == "cpu"
    for missing in ("cuda:99", "abacus"):
        with pytest.raises(ModelError, match=f"device: expected `cpu`, or .* found '{missing}'"):
            check_device(missing)
