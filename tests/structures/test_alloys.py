import numpy as np

from rhocast.structures.alloys import occupy


def test_a_composition_that_does_not_fit_takes_the_nearest_and_warns(caplog):
    numbers = occupy(10, {"Si": 0.33, "Ge": 0.67}, np.random.default_rng(0))
    assert np.bincount(numbers)[[14, 32]].tolist() == [3, 7]
    assert "cannot hold the composition" in caplog.text


def test_sites_are_taken_independently_of_each_other():
    numbers = occupy(20000, {"Si": 0.4, "Ge": 0.6}, np.random.default_rng(1))
    is_si = numbers == 14
    assert is_si.sum() == 8000
    # neighbours in the list agree as often as chance has it
    assert abs((is_si[1:] & is_si[:-1]).mean() - 0.16) < 0.01
