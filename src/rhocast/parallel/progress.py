"""How far a prediction is, as lines of a log."""

import logging
import time

log = logging.getLogger(__name__)


class Progress:
    """Logs per cent, points per second and time left, now and then.

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
        self._start = self._last = time.monotonic()

    def add(self, n_points: int) -> None:
        """Count points as finished, and log a line if it is time or all are."""
        self._done += n_points
        now = time.monotonic()
        if now - self._last < self._seconds_between and self._done < self._n_points:
            return
        self._last = now
        rate = (self._done - self._done_before) / max(now - self._start, 1e-9)
        log.info(
            "%s: %d %% of %d points, %.3g points/s, %.0f s left",
            self._label,
            100 * self._done // self._n_points,
            self._n_points,
            rate,
            (self._n_points - self._done) / rate,
        )
