"""How far a prediction is, as lines of a log."""

import logging
import time

log = logging.getLogger(__name__)

#: A per cent that takes longer is told of once more after this, as a sign of life.
SECONDS_OF_SILENCE = 300.0


class Progress:
    """Logs points per second and time left with each new per cent.

    Parameters
    ----------
    label
        What is under way.
    n_points
        Mesh points in all.
    done
        Of these, finished in an earlier run.
    seconds_between
        At least, from one line to the next.
    """

    def __init__(
        self, label: str, n_points: int, done: int = 0, seconds_between: float = 5.0
    ) -> None:
        self._label = label
        self._n_points = n_points
        self._done = self._done_before = done
        self._seconds_between = seconds_between
        self._told = -1
        self._start = self._last = time.monotonic()

    def add(self, n_points: int) -> None:
        """Count points as finished, and log a line if there is something new to tell."""
        self._done += n_points
        now, percent = time.monotonic(), 100 * self._done // self._n_points
        silent = now - self._last
        new = percent != self._told and silent >= self._seconds_between
        if not (new or silent >= SECONDS_OF_SILENCE or self._done >= self._n_points):
            return
        self._last, self._told = now, percent
        rate = (self._done - self._done_before) / max(now - self._start, 1e-9)
        log.info(
            "%s: %d %% of %d points, %.3g points/s, %.0f s left",
            self._label,
            percent,
            self._n_points,
            rate,
            (self._n_points - self._done) / rate,
        )
