"""SPARC's ``.dens``: a cube whose atoms have the charges of their pseudopotentials."""

from rhocast.density.formats.cube import read

__all__ = ["read"]
