import pytest

from rhocast.datasets.chosen_frames import Choice, chosen_frame, write_choices
from rhocast.errors import FileFormatError


def test_frames_are_found_by_their_place_among_those_of_their_source(tmp_path):
    table = tmp_path / "small.tsv"
    order = [("al32/933K", 5), ("al32/315K", 2), ("al32/933K", 0), ("al32/315K", 7)]
    write_choices(table, [Choice(*of, gain_nats=1.0, epistemic_std=1e-4) for of in order])
    assert [chosen_frame(table, "al32/933K", place) for place in (0, 1)] == [5, 0]
    assert [chosen_frame(table, "al32/315K", place) for place in (0, 1)] == [2, 7]
    with pytest.raises(FileFormatError, match=r"small\.tsv: expected 3 frames of al32/933K, found"):
        chosen_frame(table, "al32/933K", 2)


def test_another_table_is_refused(tmp_path):
    (tmp_path / "other.tsv").write_text("a\tb\n")
    with pytest.raises(FileFormatError, match=r"other\.tsv: expected the columns source, frame"):
        chosen_frame(tmp_path / "other.tsv", "al32/933K", 0)
