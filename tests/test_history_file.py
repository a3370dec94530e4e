"""A history in a file: it survives the process, is shared, and belongs to nobody else."""

import gc
import math
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import PATIENCE

from video_translation_client import Ended, Status
from video_translation_client.timing import DurationHistory


@pytest.fixture
def path(tmp_path):
    """Where there is no file yet."""
    return tmp_path / "history.sqlite3"


def lows(history, service="default"):
    """The lower bounds of what it knows."""
    return [one.low for one in history.observations(service)]


def rows(path, query="SELECT * FROM observations"):
    """What is in the file, read by somebody else."""
    connection = sqlite3.connect(str(path))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_what_was_learned_survives(path):
    """All of it, an end that is not known included, in the order in which the jobs began."""
    with DurationHistory(path) as history:
        history.record(300, service="heygen", group="fast", expected=200, completed=False)
        facts = {"pending_until": 8.0, "ended_by": 9.0, "submitted_at": 1e9}
        history.observe(Ended("job", "heygen", Status.COMPLETED, 3, 9.0, **facts))
        facts = {"pending_until": 60.0, "submitted_at": 1.5e9}
        history.observe(Ended("job", "heygen", Status.TIMEOUT, 3, 60.0, **facts))
        history.record(5)
    with DurationHistory(path) as history:
        assert [one[:-1] for one in history.observations("heygen")] == [
            (8.0, 9.0, True, None, None),
            (60.0, math.inf, None, None, None),
            (300.0, 300.0, False, 200.0, "fast"),
        ]
        assert history.observations("heygen")[0].completed is True
        assert [one.began for one in history.observations("heygen")][:2] == [1e9, 1.5e9]
        assert lows(history) == [5]
        assert history.version("heygen") > 0


def test_each_line_is_in_the_file_at_once(path):
    """Nothing waits for the history to be closed."""
    with DurationHistory(path) as history:
        for count in range(1, 4):
            history.record(count)
            assert rows(path, "SELECT count(*) FROM observations") == [(count,)]


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_a_path_may_be_of_any_kind(path, kind):
    """As everywhere else in Python; and its folder is made."""
    path = path.parent / "new" / "folder" / "\u00fcber.sqlite3"
    with DurationHistory(kind(path)) as history:
        history.record(5)
        assert repr(history) == f"<DurationHistory {str(path)!r}: 1 of default>"
    assert path.is_file()


@pytest.mark.parametrize("path", ["", "a\0b", os.curdir, b""])
def test_a_path_that_can_be_no_file_is_refused(path):
    """At once."""
    with pytest.raises(ValueError, match="path must be the path of a file, not"):
        DurationHistory(path)


@pytest.mark.parametrize("path", [5, True, 1.5, ["history.sqlite3"]])
def test_what_is_no_path_is_refused(path):
    """With what None would mean."""
    with pytest.raises(TypeError, match="path must be a path, not .*None means in memory alone"):
        DurationHistory(path)


def test_names_that_mean_something_to_sqlite_are_plain_names(path, monkeypatch):
    """And another current folder changes nothing."""
    monkeypatch.chdir(path.parent)
    for name in (":memory:", "file:x?mode=memory"):
        history = DurationHistory(name)
        monkeypatch.chdir("/")
        history.record(5)
        history.close()
        monkeypatch.chdir(path.parent)
        assert Path(name).is_file()


def test_the_file_keeps_no_more_than_the_memory(path):
    """The oldest of a group go first, and other groups and services keep theirs."""
    with DurationHistory(path, keep=3) as history:
        history.record(1000, group="rare")
        for seconds in range(10):
            history.record(seconds, group="fast")
            history.record(seconds + 0.5)
            history.record(seconds, service="heygen", group="fast")
        expected = lows(history)
        assert expected == [1000, 7, 7.5, 8, 8.5, 9, 9.5]
    assert len(rows(path)) == 10
    with DurationHistory(path, keep=100) as history:
        assert lows(history) == expected
        assert lows(history, "heygen") == [7, 8, 9]
    with DurationHistory(path, keep=1) as history:
        assert lows(history) == [1000, 9, 9.5]


def test_histories_share_a_file(path):
    """What others have written is known once something is written here."""
    with DurationHistory(path) as first, DurationHistory(path) as second:
        first.record(1)
        first.record(1.5, service="heygen")
        assert lows(second) == []
        second.record(2)
        assert sorted(lows(second)) == [1, 2]
        assert lows(second, "heygen") == [1.5]
        second.record(3)
        first.record(4)
        assert sorted(lows(first)) == [1, 2, 3, 4]
        second.record(5)
        assert sorted(lows(second)) == [1, 2, 3, 4, 5]
    with DurationHistory(path) as third:
        assert lows(third) == [1, 2, 3, 4, 5]


def test_threads_share_a_history_and_a_file(path):
    """Nothing is lost, and nothing is there twice."""
    threads, each = 4, 50
    with DurationHistory(path) as first, DurationHistory(path) as second:

        def write(number):
            for count in range(each):
                (first, second)[number % 2].record(number * each + count)

        writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    with DurationHistory(path) as history:
        assert sorted(lows(history)) == list(range(threads * each))


def test_a_closed_history_goes_on_in_memory(path):
    """It may be closed twice."""
    history = DurationHistory(path)
    history.record(1)
    history.close()
    history.close()
    history.record(2)
    assert lows(history) == [1, 2]
    assert len(rows(path)) == 1
    with DurationHistory() as unwritten:
        unwritten.record(1)
    assert lows(unwritten) == [1]


def test_a_history_that_is_dropped_closes_its_file(path):
    """Without a warning; nothing is left beside the file."""
    history = DurationHistory(path)
    history.record(1)
    assert path.with_name("history.sqlite3-wal").exists()
    del history
    gc.collect()
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_told_from_those_of_others(path):
    """By SQLite's own marks, and it can be read without the library."""
    with DurationHistory(path) as history:
        history.record(300, service="heygen", group="fast")
    assert rows(path, "PRAGMA application_id") == [(int.from_bytes(b"vtdh", "big"),)]
    assert rows(path, "PRAGMA user_version") == [(1,)]
    query = "SELECT service, job_group, low, high, completed, expected FROM observations"
    assert rows(path, query) == [("heygen", "fast", 300.0, 300.0, 1, None)]
    assert rows(path, "SELECT count(*) FROM observations WHERE written > '2020'") == [(1,)]


@pytest.mark.parametrize(
    "mark", ["CREATE TABLE t (x)", "PRAGMA application_id = 5", "PRAGMA user_version = 1"]
)
def test_a_database_of_another_application_is_refused_and_not_touched(path, mark):
    """It is no place for a history, and nothing to move away either."""
    rows(path, mark)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="path must not be a database of another application"):
        DurationHistory(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_file_is_a_new_history(path):
    """As ``mktemp`` makes one."""
    path.touch()
    with DurationHistory(path) as history:
        history.record(1)
    assert len(rows(path)) == 1


IMPORTS = """
import sys

import video_translation_client

assert "video_translation_client.timing" not in sys.modules
from video_translation_client.timing import DurationHistory

DurationHistory().record(5)
assert "sqlite3" not in sys.modules
"""


def test_nothing_is_loaded_before_it_is_wanted():
    """The history comes with its own import, and SQLite with the first path."""
    # Not measured, as that loads SQLite itself.
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, timeout=PATIENCE)
