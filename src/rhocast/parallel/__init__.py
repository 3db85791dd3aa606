"""MPI ranks and threads: finding them, failing together, sharing out work, progress."""

from rhocast.parallel.ranks import find_communicator, first_alone, rank_of, size_of, together

__all__ = ["find_communicator", "first_alone", "rank_of", "size_of", "together"]
