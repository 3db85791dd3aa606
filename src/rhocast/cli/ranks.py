"""The ranks of a verb that runs on several."""

import logging
from typing import Any

from rhocast.parallel import find_communicator, rank_of


def communicator(expected_ranks: int | None = None) -> Any:
    """Find the ranks; of several, only the first writes log lines."""
    comm = find_communicator(expected_ranks)
    if rank_of(comm) != 0:
        logging.getLogger().setLevel(logging.ERROR)
    return comm
