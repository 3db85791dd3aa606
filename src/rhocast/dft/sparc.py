"""The SPARC engine."""
class SparcEngine:
    """Stub."""
