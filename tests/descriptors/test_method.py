"""The equations of docs/method.md, evaluated as they stand there, give features and densities."""

import math

import numpy as np
import pytest
from kernel_models import TRICLINIC, binary, make_model
from numpy.polynomial.legendre import Legendre
from scipy.integrate import quad

from rhocast import descriptors
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.structures import periodic_images

POINTS = np.random.default_rng(6).random((7, 3))
KINDS = (14, 32)


def harmonics(vectors, degree):
    """Evaluate Eq. 3 and 4."""
    x, y, z = vectors.T
    result = np.zeros((len(vectors), (degree + 1) ** 2))
    for m in range(degree + 1):
        turn = (x + 1j * y) ** m * math.sqrt(2.0 - (m == 0))
        p = {
            m - 1: 0.0 * z,
            m: 0.0 * z + math.sqrt(math.factorial(2 * m)) / 2**m / math.factorial(m),
        }
        for ell in range(m, degree + 1):
            if ell > m:
                square = np.sum(vectors**2, axis=1)
                first = (2 * ell - 1) * z * p[ell - 1]
                second = math.sqrt((ell - 1) ** 2 - m**2) * square * p[ell - 2]
                p[ell] = (first - second) / math.sqrt(ell**2 - m**2)
            result[:, ell**2 + ell + m] = p[ell] * turn.real
            if m:
                result[:, ell**2 + ell - m] = p[ell] * turn.imag
    return result


def sums(points, atoms, parameters):
    """Evaluate Eq. 8 to 10 over atoms of one species; (p, n, (l + 1)²)."""
    n, degree = parameters.radial_functions, parameters.angular
    result = np.zeros((len(points), n, (degree + 1) ** 2))
    for p, point in enumerate(points):
        r = atoms - point
        distance = np.linalg.norm(r, axis=1)
        own = harmonics(r, degree)
        for k in range(n):
            ratio = parameters.cutoff_bohr / parameters.shortest_bohr
            reach = parameters.shortest_bohr * ratio ** (k / (n - 1))
            g = np.where(distance < reach, 1.0 - (distance / reach) ** 2, 0.0) ** 8
            for ell in range(degree + 1):
                t = ell / (ell + 16)
                norm = 1.0 / (reach**ell * t ** (ell / 2) * (1.0 - t) ** 8)
                m = slice(ell**2, (ell + 1) ** 2)
                result[p, k, m] = norm * g @ own[:, m]
    return result


def images(structure, reach):
    positions, indices = periodic_images(structure, reach)
    return [positions[structure.numbers[indices] == number] for number in KINDS]


def test_harmonics():
    vectors = np.random.default_rng(3).normal(size=(5, 3))
    found = harmonics(vectors, 8)
    np.testing.assert_allclose(found, solid_harmonics(vectors, 8), rtol=1e-12, atol=1e-12)
    a, b = vectors[:2]
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    for ell in range(9):  # Eq. 5
        m = slice(ell**2, (ell + 1) ** 2)
        legendre = Legendre.basis(ell)(a @ b / lengths)
        assert found[0, m] @ found[1, m] == pytest.approx(lengths**ell * legendre)


def test_bare_and_ferrers_harmonics():
    """Eq. 6 and 7: both are Racah's times constants."""
    vectors = np.random.default_rng(4).normal(size=(6, 3))
    z, square = vectors[:, 2], np.sum(vectors**2, axis=1)
    turn = vectors[:, 0] + 1j * vectors[:, 1]
    racah = harmonics(vectors, 8)
    for m in range(9):
        bare, ferrers = {m - 1: 0.0 * z, m: 0.0 * z + 1.0}, {m - 1: 0.0 * z}
        ferrers[m] = 0.0 * z + math.prod(range(1, 2 * m, 2))
        for ell in range(m, 9):
            if ell > m:
                beta = ((ell - 1) ** 2 - m**2) / ((2 * ell - 1) * (2 * ell - 3)) if ell > 1 else 0.0
                bare[ell] = z * bare[ell - 1] - beta * square * bare[ell - 2]
                up = (2 * ell - 1) * z * ferrers[ell - 1] - (ell + m - 1) * square * ferrers[
                    ell - 2
                ]
                ferrers[ell] = up / (ell - m)
            own = racah[:, ell**2 + ell + m]
            ratio = own / (bare[ell] * (turn**m).real)
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
            weight = (2 - (m == 0)) * math.factorial(ell - m) / math.factorial(ell + m)
            np.testing.assert_allclose(
                own**2, weight * (ferrers[ell] * (turn**m).real) ** 2, rtol=1e-8, atol=1e-12
            )


def test_features():
    """Eq. 11 and 12."""
    structure, model = binary(TRICLINIC), make_model(radial=3, angular=2)
    p, points = model.descriptor, POINTS @ TRICLINIC
    by_species = [sums(points, own, p) for own in images(structure, p.cutoff_bohr)]
    total = by_species[0] + by_species[1]
    contrast = by_species[0] - total / 2
    columns = [total[:, n, 0] for n in range(3)]
    for ell in (1, 2):
        m = slice(ell**2, (ell + 1) ** 2)
        for n in range(3):
            for other in range(n, 3):
                product = np.sum(total[:, n, m] * total[:, other, m], axis=1)
                columns.append(product / math.sqrt(2 * ell + 1))
    columns += [contrast[:, n, 0] for n in range(3)]
    for ell in (1, 2):
        m = slice(ell**2, (ell + 1) ** 2)
        for n in range(3):
            product = np.sum(contrast[:, n, m] * total[:, n, m], axis=1)
            columns.append(product / math.sqrt(2 * ell + 1))
    found = descriptors.make(p, model.species).bind(structure)(points)
    np.testing.assert_allclose(found, np.stack(columns, axis=1), rtol=2e-5, atol=1e-5)
    assert found.shape[1] == 3 + 2 * 3 * 4 // 2 + 1 * 3 * 3


@pytest.mark.parametrize(("usual", "products"), [(None, None), (0.01, None), (0.01, (2, 2))])
def test_density_of_pseudo_atoms_and_multipoles(usual, products):
    """Eq. 16, 17 and 19 to 21, with 20b."""
    structure = binary(TRICLINIC)
    model = make_model(multipoles=(3, 2), atoms_per_bohr3=usual, products=products)
    baseline, points = model.baseline, POINTS @ TRICLINIC
    p = baseline.parameters.multipoles
    expected = np.zeros(len(points))
    step = baseline.parameters.cutoff_bohr / baseline.parameters.intervals
    for table, atoms in zip(baseline.tables, images(structure, 10.0), strict=True):
        for row, point in enumerate(points):
            distance = np.linalg.norm(atoms - point, axis=1)
            r = distance[distance < baseline.parameters.cutoff_bohr] / step
            i = np.floor(r).astype(int)
            t = r - i
            b = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
            expected[row] += sum(np.sum(b[k] / 6 * table[i + k]) for k in range(4))
    around = images(structure, 3.0 * p.cutoff_bohr)  # atoms may lie outside the cell
    moments = np.stack([sums(structure.positions, own, p) for own in around], axis=1)
    kinds = np.searchsorted(KINDS, structure.numbers)
    moments[np.arange(len(kinds)), kinds, :, 0] -= 1.0
    volume = 4 * math.pi * quad(lambda r: r**2 * (1 - (r / p.cutoff_bohr) ** 2) ** 8, 0, 8.0)[0]
    deviation = np.zeros(len(kinds))
    if usual:
        deviation = moments[:, :, -1, 0].sum(axis=1) / (usual * volume) - 1.0
    for j, kind in enumerate(kinds):
        q = np.zeros((3, 9))
        for ell in range(3):
            m, c = slice(ell**2, (ell + 1) ** 2), baseline.multipoles[kind, :, ell]
            q[:, m] = np.einsum("snk,skm->nm", c[:, :, :3], moments[j][:, :, m])
            if usual:
                more = np.einsum("snk,skm->nm", c[:, :, 3:], moments[j][:, :, m])
                q[:, m] += deviation[j] * more
        if products:
            q += _by_products(moments[j].sum(axis=0), baseline.products[kind])
        positions, indices = periodic_images(structure, p.cutoff_bohr)
        for atom in positions[indices == j]:
            functions = np.stack([sums(points[[k]], atom[None], p)[0] for k in range(len(points))])
            expected += np.einsum("pnm,nm->p", functions, q)
    np.testing.assert_allclose(baseline.bind(structure)(points), expected, rtol=1e-6, atol=1e-9)


def _by_products(total, coefficients):
    """Eq. 20b for factors n = 0, 2 and l = 1, 2, up to l = 2: by a fit of products on a sphere."""
    places = np.random.default_rng(3).normal(size=(200, 3))
    places /= np.linalg.norm(places, axis=1)[:, None]
    harmonics = solid_harmonics(places, 4)
    factors = [(n, ell) for n in (0, 2) for ell in (1, 2)]
    values = [
        harmonics[:, k * k : (k + 1) ** 2] @ total[n, k * k : (k + 1) ** 2] for n, k in factors
    ]
    q, number = np.zeros((3, 9)), 0
    for ell in range(3):
        for (_, l1), first, rest in (
            (f, v, i) for i, (f, v) in enumerate(zip(factors, values, strict=True))
        ):
            for (_, l2), second in zip(factors[rest:], values[rest:], strict=True):
                if (l1 + l2 + ell) % 2 or not abs(l1 - l2) <= ell <= l1 + l2:
                    continue
                parts = np.linalg.lstsq(harmonics, first * second, rcond=None)[0]
                m = slice(ell**2, (ell + 1) ** 2)
                q[:, m] += np.outer(coefficients[:, number], parts[m])
                number += 1
    assert number == coefficients.shape[1]
    return q
