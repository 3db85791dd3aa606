"""The mesh to evaluate a model on, and the mesh that was asked for.

A valence density is band-limited. A model with a certificate is evaluated on no finer a mesh than
the certified one; what lies between its points follows by interpolation, at a fraction of the price
(`rhocast.density.refine`).
"""

import logging
from numbers import Real

from rhocast.density.electron_scale import COARSE_BOHR
from rhocast.errors import ConfigError
from rhocast.grid import Mesh
from rhocast.model import DensityModel

#: Where neither the user nor the model names a spacing, Bohr.
DEFAULT_SPACING_BOHR = 0.4

log = logging.getLogger(__name__)


def evaluation_spacing(
    model: DensityModel, asked_bohr: float | None = None, direct: bool = False
) -> float:
    """Choose the spacing of the mesh that a model is evaluated on, Bohr: method.md, Eq. 35.

    Parameters
    ----------
    model
        With or without a certificate.
    asked_bohr
        What the user asks for; None for what the model is certified for.
    direct
        Evaluate at what was asked for, whatever the certificate says.

    Raises
    ------
    ConfigError
        If what is asked for is no length.
    """
    if asked_bohr is not None and not isinstance(asked_bohr, Real):
        raise ConfigError(f"mesh spacing: expected a length in Bohr, found {asked_bohr!r}")
    if asked_bohr is not None and not asked_bohr > 0.0:
        raise ConfigError(f"mesh spacing: expected a positive length in Bohr, found {asked_bohr:g}")
    certificate = model.certificate
    if asked_bohr is None:
        return DEFAULT_SPACING_BOHR if certificate is None else certificate.mesh_spacing_bohr
    if direct or certificate is None:
        return asked_bohr
    return max(asked_bohr, certificate.mesh_spacing_bohr)


def asked_mesh(evaluated: Mesh, asked_bohr: float | None) -> Mesh:
    """Return the mesh that a whole field is given on: the evaluated one if nothing is asked for."""
    return evaluated if asked_bohr is None else Mesh.with_spacing(evaluated.cell, asked_bohr)


def interpolation_error(model: DensityModel, mesh: Mesh) -> float | None:
    """Return the share of electrons that interpolation from a mesh misplaces; None if unknown."""
    certificate = model.certificate
    if certificate is None or mesh.spacing.max() > certificate.mesh_spacing_bohr * (1.0 + 1e-9):
        return None
    return certificate.error


def tell(
    model: DensityModel, asked_bohr: float | None, evaluated_bohr: float, reduced: bool = False
) -> None:
    """Log the mesh that a model is evaluated on, where it is not simply the one asked for.

    Warn of one that is too coarse. A field that is ``reduced`` is not interpolated.
    """
    certified = None if model.certificate is None else model.certificate.mesh_spacing_bohr
    if evaluated_bohr > max(COARSE_BOHR, 1.01 * (certified or 0.0)):
        log.warning(
            "a mesh of %.3g Bohr is too coarse for a valence density%s: electrons are miscounted, "
            "and nothing can be interpolated from it",
            evaluated_bohr,
            "" if certified is None else f", certified is {certified:.3g} Bohr",
        )
    if asked_bohr is None and model.certificate is None:
        log.info(
            "mesh of %.3g Bohr: the model is certified for none; choose one with "
            "--mesh-spacing-bohr, or measure with `rhocast certify` which suffices",
            evaluated_bohr,
        )
    elif model.certificate is not None and evaluated_bohr > (asked_bohr or 0.0):
        log.info(
            "evaluated on a mesh of %.3g Bohr%s: %s",
            evaluated_bohr,
            "" if asked_bohr is None else f", for the {asked_bohr:.3g} Bohr asked for",
            "it is certified, and a reduction takes no finer one without --direct"
            if reduced
            else "interpolation between its points misplaces at most "
            f"{model.certificate.error:.1g} of the electrons, as certified",
        )
