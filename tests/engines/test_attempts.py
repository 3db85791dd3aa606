import os

import pytest

from rhocast.engines.attempts import (
    attempts,
    fingerprint,
    new_attempt,
    open_run_folder,
    seconds_between,
)


def test_fingerprint_tells_runs_apart_but_not_the_order_of_keys():
    assert fingerprint({"a": 1, "b": [1.0]}) == fingerprint({"b": [1.0], "a": 1})
    assert fingerprint({"a": 1, "b": [1.0]}) != fingerprint({"a": 1, "b": [1.0 + 1e-15]})


def test_folder_of_the_same_run_is_kept_and_of_another_emptied(tmp_path):
    folder = open_run_folder(tmp_path / "run", "same")
    attempt = new_attempt(folder)
    assert attempts(open_run_folder(tmp_path / "run", "same")) == [attempt]
    assert attempts(open_run_folder(tmp_path / "run", "other")) == []


def test_folder_without_a_mark_is_emptied(tmp_path):
    new_attempt(tmp_path)
    assert attempts(open_run_folder(tmp_path, "mark")) == []


def test_attempts_are_in_order(tmp_path):
    made = [new_attempt(tmp_path) for _ in range(12)]
    assert attempts(tmp_path) == made
    made[0].rmdir()
    assert new_attempt(tmp_path).name == "attempt-012"


def test_duration_from_the_times_of_two_files(tmp_path):
    first, last = tmp_path / "first", tmp_path / "last"
    assert seconds_between(first, last) == 0.0
    for path, time in ((first, 1000.0), (last, 1010.5)):
        path.touch()
        os.utime(path, (time, time))
    assert seconds_between(first, last) == pytest.approx(10.5)
