"""The ABINIT engine."""
