"""Errors that a user can act upon.

Each message names the file or key, what was expected, what was found and what to do. The command
line prints them without a traceback; any other exception is a defect of the program.
"""


class RhocastError(Exception):
    """Base of every error that is the user's to mend; ``exit_code`` is what the process returns."""

    exit_code = 1


class ConfigError(RhocastError):
    """A key or an option that is unknown, missing, mistyped or out of range, or does not apply."""

    exit_code = 2


class StructureError(RhocastError):
    """A structure that no density can be computed for."""

    exit_code = 3


class FileFormatError(RhocastError):
    """A file that is truncated, corrupt, of another format version or not what it claims to be."""

    exit_code = 4


class EngineError(RhocastError):
    """A DFT engine is absent, failed, or returned what cannot be used."""

    exit_code = 5


class ModelError(RhocastError):
    """A model that does not fit what it is asked for: species, units, version."""

    exit_code = 6


class ParallelError(RhocastError):
    """MPI ranks that are not the ones asked for, or too little memory or disk for the work."""

    exit_code = 7


class MissingExtraError(RhocastError, ModuleNotFoundError):
    """A package is missing that an extra of the installation brings, such as ``rhocast[train]``."""

    exit_code = 2
