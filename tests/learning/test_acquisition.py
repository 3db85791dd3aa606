from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from ase.build import bulk
from known_density import make_snapshot

from rhocast.errors import ConfigError, ModelError
from rhocast.learning import Candidate, acquire
from rhocast.learning.acquisition import most_telling


def information(count, size=4, seed=0):
    roots = np.random.default_rng(seed).normal(size=(count, size, 2))
    return roots @ roots.transpose(0, 2, 1)


def told(matrices):
    return 0.5 * np.linalg.slogdet(np.eye(matrices.shape[1]) + matrices.sum(axis=0))[1]


def test_gains_are_those_of_the_determinant_and_fall():
    matrices = information(6)
    taken = most_telling(matrices, 6)
    order, gains = zip(*taken, strict=True)
    assert sorted(order) == list(range(6))
    assert sum(gains) == pytest.approx(told(matrices))
    assert all(np.diff(gains) <= 0.0)


def test_the_greedy_choice_is_near_the_best():
    matrices = information(8, seed=1)
    best = max(told(matrices[list(some)]) for some in combinations(range(8), 3))
    greedy = sum(gain for _, gain in most_telling(matrices, 3))
    assert (1.0 - 1.0 / np.e) * best < greedy <= best + 1e-9


def test_what_is_like_something_taken_has_to_wait():
    """Two much alike, each of them worth more than the third: the third comes second."""
    alike = np.diag([9.0, 9.0, 0.0])
    matrices = np.stack([alike, 0.99 * alike, np.diag([0.0, 0.0, 20.0])])
    assert [i for i, _ in most_telling(matrices, 3)] == [0, 2, 1]


def candidate(name, scale=1.0, seed=20, vacant=False, number=None):
    atoms = bulk("Al", cubic=True)
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    if number is not None:
        atoms.numbers[0] = number
    return Candidate(name, 0, make_snapshot(atoms[1:] if vacant else atoms, seed).structure)


def test_a_model_chooses_what_it_does_not_know(base):
    like = [candidate(f"like-{seed}", seed=20 + seed) for seed in range(3)]
    pool = [*like, candidate("vacancy", vacant=True), candidate("squeezed", 0.9)]
    chosen = acquire(base, pool, 5)
    assert {choice.source for choice in chosen[:2]} == {"vacancy", "squeezed"}
    assert acquire(base, pool, 2) == chosen[:2]
    spread = {choice.source: choice.epistemic_std for choice in chosen}
    assert min(spread["vacancy"], spread["squeezed"]) > 2.0 * max(spread[c.source] for c in like)


def test_equal_noise_changes_nothing_where_a_model_predicts_it_everywhere(base):
    pool = [candidate("like"), candidate("vacancy", vacant=True), candidate("squeezed", 0.9)]
    head = base.network.layers[-1]
    level = replace(head, weight=np.stack([head.weight[0], np.zeros_like(head.weight[1])]))
    network = replace(base.network, layers=(*base.network.layers[:-1], level))

    def gains(model, equal_noise):
        chosen = acquire(model, pool, 3, equal_noise=equal_noise)
        return [choice.gain_nats for choice in chosen]

    flat = replace(base, network=network)
    assert gains(flat, True) == pytest.approx(gains(flat, False), rel=1e-4)
    assert gains(base, True) != pytest.approx(gains(base, False), rel=1e-2)


def test_a_twin_is_taken_last(base):
    pool = [candidate("one", 0.9), candidate("twin", 0.9), candidate("other", 1.1)]
    chosen = acquire(base, pool, 3)
    assert chosen[2].source in ("one", "twin")
    assert chosen[2].gain_nats < 0.7 * min(choice.gain_nats for choice in chosen[:2])


def test_choices_that_cannot_be_made_are_refused(base):
    with pytest.raises(ConfigError, match=r"expected 1 to 1 structures .*found 2"):
        acquire(base, [candidate("one")], 2)
    with pytest.raises(ModelError, match=r"alloy, frame 0: .*Si"):
        acquire(base, [candidate("alloy", number=14)], 1)
    with pytest.raises(ModelError, match="holds no `fast`"):
        acquire(replace(base, last_layer=None), [candidate("one")], 1)
