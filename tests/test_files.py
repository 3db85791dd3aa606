import pytest

from rhocast.files import replacing


def write_half(path):
    with replacing(path) as partial:
        partial.write_text("seco")
        raise RuntimeError


def test_a_file_is_complete_or_as_it_was(tmp_path):
    path = tmp_path / "new/file.txt"
    with replacing(path) as partial:
        partial.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]
