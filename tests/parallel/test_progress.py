"""What is told of a prediction while it runs."""

import pytest

from rhocast.parallel import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_per_cent_is_told_once_and_again_after_minutes(clock, caplog):
    told = []
    with caplog.at_level("INFO"):
        shown = progress.Progress("a.h5", 1000)
        for second in range(0, 1200, 2):
            clock[0] = float(second)
            before = len(caplog.messages)
            shown.add(5 if second < 120 else 0)
            told += [second] * (len(caplog.messages) - before)
        clock[0] = 1200.0
        shown.add(700)
    # Every second per cent at first, no sooner than 5 s after the one before; then signs of life.
    assert told[:4] == [6, 12, 18, 24]
    assert [second for second in told if second > 120] == [420, 720, 1020]
    assert caplog.messages[0] == "a.h5: 2 % of 1000 points, 3.33 points/s, 294 s left"
    assert caplog.messages[-1] == "a.h5: 100 % of 1000 points, 0.833 points/s, 0 s left"
