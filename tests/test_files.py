"""Files that are complete or not there, written by one process at a time, whatever happens."""

import errno
import multiprocessing
import os
import re
import resource
import signal

import h5py
import numpy as np
import pytest

from rhocast import files
from rhocast.errors import ConfigError, ParallelError, RhocastError
from rhocast.files import check_output, explaining, owned, replacing

PROCESSES = multiprocessing.get_context("fork")

#: Longest that a process may take, s; the machine may be busy.
PATIENCE = 120.0


def write_half(path):
    with replacing(path) as partial:
        partial.write_text("seco")
        raise RuntimeError


def write_slowly(path, text, stop=False):
    """Write letter by letter; with ``stop``, this process stops itself half way."""
    with replacing(path) as partial, partial.open("w") as file:
        for place, letter in enumerate(text):
            file.write(letter)
            file.flush()
            if stop and place == len(text) // 2:
                os.kill(os.getpid(), signal.SIGSTOP)


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


@pytest.fixture
def stopped_writer(tmp_path):
    """A process that is stopped in mid-write, and its file."""
    path = tmp_path / "file.txt"
    process = PROCESSES.Process(target=write_slowly, args=(path, "first" * 20, True))
    process.start()
    left = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert left.si_code == os.CLD_STOPPED
    yield process, path
    process.kill()
    process.join()


def test_a_second_writer_is_refused_by_name_and_the_first_wins_whole(stopped_writer, monkeypatch):
    process, path = stopped_writer
    monkeypatch.setattr(files, "SECONDS_FOR_OTHER_WRITER", 0.2)
    with pytest.raises(ParallelError, match=rf"another process writes it \(process {process.pid}"):
        write_slowly(path, "second")
    assert not path.exists()
    os.kill(process.pid, signal.SIGCONT)
    process.join(PATIENCE)
    assert path.read_text() == "first" * 20
    assert list(path.parent.iterdir()) == [path]


def test_a_killed_writer_leaves_nothing_in_the_way(stopped_writer, caplog):
    process, path = stopped_writer
    process.kill()
    process.join()
    assert len(list(path.parent.iterdir())) == 2  # its lock and its half
    write_slowly(path, "second")
    assert path.read_text() == "second"
    assert "a run that was killed has left it" in caplog.text
    assert list(path.parent.iterdir()) == [path]


def test_of_many_writers_at_once_each_writes_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SECONDS_FOR_OTHER_WRITER", PATIENCE)
    path = tmp_path / "file.txt"
    texts = [str(n) * 20_000 for n in range(8)]
    writers = [PROCESSES.Process(target=write_slowly, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE)
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_is_followed_and_no_other_file_removed(tmp_path):
    mine, path = tmp_path / "mine.txt", tmp_path / "file.txt"
    others = [mine, tmp_path / "file.txt.partial", tmp_path / "file.txt.backup.partial"]
    for other in others:
        other.write_text("kept")
    path.symlink_to(mine)
    write_slowly(path, "new")
    assert not path.is_symlink()
    assert [other.read_text() for other in others] == ["kept"] * 3
    (tmp_path / "file.txt.lock").symlink_to(mine)
    with pytest.raises(RhocastError, match=r"file\.txt: .* a symbolic link stands there"):
        write_slowly(path, "newer")
    assert mine.read_text() == "kept"


@pytest.mark.parametrize("name", ["flock", "open", "lstat"])
def test_a_lock_that_its_owner_on_another_machine_removes_is_taken_anew(
    name, tmp_path, monkeypatch
):
    """NFS tells ESTALE, at whatever call comes next."""
    where = {"flock": files.fcntl, "open": os, "lstat": files.Path}[name]
    call, told = getattr(where, name), []

    def stale_once(*arguments, **options):
        if not told and "lock" in str(arguments[0]) + name:
            told.append(arguments)
            raise OSError(errno.ESTALE, "Stale file handle")
        return call(*arguments, **options)

    monkeypatch.setattr(where, name, stale_once)
    with owned(tmp_path / "file.txt") as certain:
        assert certain
    assert told


def test_a_file_system_without_locks_is_written_to_but_not_cleared(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    of_another = tmp_path / "file.txt.0123abcd.partial"
    of_another.write_text("half")
    write_slowly(tmp_path / "file.txt", "whole")
    assert (tmp_path / "file.txt").read_text() == "whole"
    assert of_another.exists()
    with owned(tmp_path / "file.txt") as certain:
        assert not certain


def write_text(partial):
    partial.write_bytes(bytes(100_000))


def write_hdf5(partial):
    with h5py.File(partial, "w") as file:
        file["a"] = np.zeros(20_000)


def write_within_limit(write, path, told):
    """Write a file where files may be 20,000 bytes long, as on a disk that is nearly full."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with replacing(path) as partial:
            write(partial)
    except ParallelError as error:
        told.send(str(error))


@pytest.mark.parametrize("write", [write_text, write_hdf5])
def test_a_file_that_does_not_fit_is_named_with_a_remedy(write, tmp_path):
    path = tmp_path / "file"
    path.write_text("earlier")
    heard, told = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write_within_limit, args=(write, path, told))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert heard.poll(0)
    assert re.search(r"/file: cannot be written.*raise the limit", heard.recv())
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "read-only"), (errno.EACCES, "permissions")],
)
def test_the_remedy_is_that_of_the_fault(number, remedy, tmp_path):
    told = pytest.raises(RhocastError, match=rf"x\.h5: cannot be written, .*{remedy}")
    with told, explaining(tmp_path / "x.h5"):
        raise OSError(number, os.strerror(number))


def test_places_that_hold_no_file_are_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(RhocastError, match=r"/folder: .*it is a folder"):
        write_slowly(tmp_path / "folder", "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(RhocastError, match=r"/file/x: .*a part of the path is a file"):
        write_slowly(tmp_path / "file/x", "text")


def test_an_output_in_place_of_an_input_is_refused(tmp_path):
    model, link = tmp_path / "model", tmp_path / "link"
    model.write_text("")
    link.symlink_to(model)
    with pytest.raises(ConfigError, match=r"/link: is read, and would be replaced"):
        check_output(link, ["al", tmp_path / "structure", model])
    check_output(tmp_path / "out", [model])
