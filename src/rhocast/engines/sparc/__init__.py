"""The SPARC engine."""

from rhocast.engines.sparc.engine import SparcEngine

__all__ = ["SparcEngine"]
