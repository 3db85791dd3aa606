"""The coarsest mesh that suffices: of known waves, of a small model, in the model's file."""

from dataclasses import replace

import numpy as np
import pytest
from small_model import make_smooth_model, make_structure

from rhocast.density import Snapshot
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.inference.certify import (
    LARGEST_ERROR,
    certify,
    density_error,
    model_error,
    resolving_spacings,
)
from rhocast.model import DensityModel

FINE = (40, 36, 45)


def snapshot(values) -> Snapshot:
    structure = make_structure()
    return Snapshot(
        structure, values.astype(np.float32), np.zeros((5, 3)), 0.0, 17.0, 300.0, "1 1 1"
    )


def wave(periods, amplitude=0.3) -> Snapshot:
    """A density with so many periods along x."""
    x = np.arange(FINE[0])[:, None, None] / FINE[0]
    varying = amplitude * np.cos(2 * np.pi * (periods * x + 0.13))
    return snapshot(0.03 * (1.0 + varying) * np.ones(FINE))


@pytest.fixture(scope="module")
def model():
    return make_smooth_model()


def test_a_density_is_resolved_by_what_resolves_its_waves():
    cell = make_structure().cell
    assert density_error(wave(2), Mesh((20, 18, 22), cell)) < 1e-5
    # 3 points to a period are above Nyquist's limit, but a spline follows them badly
    assert 1e-3 < density_error(wave(6), Mesh((18, 18, 22), cell)) < 0.2
    # 9 points, 8 periods: taken for one period
    assert density_error(wave(8), Mesh((9, 18, 22), cell)) > 0.2


def test_shorter_waves_need_a_finer_mesh():
    slow, quick = (next(resolving_spacings([wave(n)])) for n in (3, 8))
    assert slow[0] > 1.8 * quick[0]
    assert max(slow[1], quick[1]) <= LARGEST_ERROR
    assert next(resolving_spacings([wave(3), wave(8)])) == quick
    spacings = [spacing for spacing, _ in resolving_spacings([wave(3)])]
    assert spacings == sorted(spacings, reverse=True)


def test_the_model_is_compared_with_itself(model):
    structure = make_structure()
    errors = [model_error(model, structure, spacing, 0.3, 1000)[0] for spacing in (1.2, 0.8, 0.5)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 3 * errors[-1]
    whole, blocks = model_error(model, structure, 0.8, 0.15, 1000)
    some, drawn = model_error(model, structure, 0.8, 0.15, 4)
    assert (blocks, drawn) == (12, 4)
    assert 0.3 < some / whole < 3.0


def test_the_certificate_is_kept_in_the_file(model, tmp_path):
    certified = certify(model, [wave(4)])
    found = certified.certificate
    assert found.error <= LARGEST_ERROR
    assert found.densities == ("Al3Si2",)
    assert found.mesh_spacing_bohr < next(resolving_spacings([wave(4)]))[0]  # the model wants more
    certified.save(tmp_path / "model.safetensors")
    assert DensityModel.load(tmp_path / "model.safetensors").certificate == found
    model.save(tmp_path / "plain.safetensors")
    assert DensityModel.load(tmp_path / "plain.safetensors").certificate is None
    assert replace(certified, certificate=None).hash == model.hash != certified.hash


def test_what_no_coarser_mesh_resolves_is_refused(model):
    noise = 0.03 * np.random.default_rng(0).random(FINE)
    with pytest.raises(ModelError, match="give densities on a finer mesh"):
        certify(model, [snapshot(noise)])


def test_a_model_that_the_finest_mesh_does_not_resolve_is_refused_at_once(model, monkeypatch):
    tried = []

    def error(_model, _structure, spacing, *_):
        tried.append(spacing)
        return 2e-3, 7

    monkeypatch.setattr("rhocast.inference.certify.model_error", error)
    with pytest.raises(
        ModelError, match=r"even from a mesh of .* misplaces 0\.002 of the electrons"
    ):
        certify(model, [wave(4)])
    spacings = [spacing for spacing, _ in resolving_spacings([wave(4)])]
    assert len(spacings) > 2
    assert tried == [spacings[0], spacings[-1]]


def test_the_coarsest_mesh_that_will_do_is_certified(model, monkeypatch):
    spacings = [spacing for spacing, _ in resolving_spacings([wave(4)])]
    monkeypatch.setattr(
        "rhocast.inference.certify.model_error",
        lambda _model, _structure, spacing, *_: (5e-4 if spacing <= spacings[2] else 2e-3, 7),
    )
    assert certify(model, [wave(4)]).certificate.mesh_spacing_bohr == spacings[2]
