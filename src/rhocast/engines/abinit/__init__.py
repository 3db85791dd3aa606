"""The ABINIT engine."""

from rhocast.engines.abinit.engine import AbinitEngine

__all__ = ["AbinitEngine"]
