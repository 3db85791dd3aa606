"""NumPy's matrix products on one thread."""

import numpy as np
import pytest

from rhocast.parallel.blas import _thread_functions, available_threads, one_blas_thread


def test_products_are_computed_on_one_thread_and_the_number_comes_back():
    functions = _thread_functions()
    if functions is None:
        pytest.skip("NumPy is linked to a BLAS library that the program does not know")
    set_threads, get_threads = functions
    before = get_threads()
    set_threads(2)
    try:
        with one_blas_thread():
            assert get_threads() == 1
        assert get_threads() == 2
    finally:
        set_threads(before)


def test_the_same_product_gives_the_same_bits_wherever_it_lies():
    rng = np.random.default_rng(0)
    left, right = rng.random((96, 89)), rng.random((89, 700))
    memory = np.empty(right.size + 3, dtype=np.float32)
    with one_blas_thread():
        products = []
        for shift in range(4):
            moved = memory[shift : shift + right.size].reshape(right.shape)
            moved[...] = right
            products.append(left.astype(np.float32) @ moved)
    for product in products[1:]:
        np.testing.assert_array_equal(product, products[0])


def test_the_number_of_threads_is_what_openmp_programs_are_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert available_threads() >= 1
