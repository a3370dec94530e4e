"""What befalls a history's file: its user hears of it once, and goes on in memory."""

import logging
import os
import random
import sqlite3
import subprocess
import warnings
from pathlib import Path

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.timing import DurationHistory
from video_translation_client.timing._database import _move_aside

resource = pytest.importorskip("resource") if os.name == "posix" else None


@pytest.fixture
def path(tmp_path):
    """A good file that knows of 300 jobs."""
    path = tmp_path / "history.sqlite3"
    with DurationHistory(path) as history:
        for seconds in range(300):
            history.record(seconds, group=f"group {seconds % 7}", expected=200)
    return path


def lows(history):
    """The lower bounds of what it knows."""
    return [one.low for one in history.observations("default")]


def works(path):
    """Whether what is learned is kept, without another warning."""
    for _ in range(2):
        with DurationHistory(path) as history:
            history.record(7)
    with DurationHistory(path) as history:
        return lows(history)[-2:] == [7, 7]


def warnings_of(caplog):
    """What the log tells people."""
    records = [one for one in caplog.records if one.levelno >= logging.WARNING]
    return [one.getMessage() for one in records]


DAMAGES = {
    "zeros": lambda good: bytes(len(good)),
    "truncated": lambda good: good[: len(good) // 2],
    "the header alone": lambda good: good[:100],
    "a page overwritten": lambda good: good[:4096] + b"\xff" * 4096 + good[8192:],
    "a table's name that is none": lambda good: good.replace(b"TABLE obs", b"TABLE\xffobs"),
    "a function that is none": lambda good: good.replace(b"(typeof(low)", b"(tyPPof(low)"),
    "a column's name": lambda good: good.replace(b"low REAL", b"bow REAL"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_moved_aside_and_a_new_one_begins(path, damage):
    """With one warning that says where the old one is."""
    bad = DAMAGES[damage](path.read_bytes())
    path.write_bytes(bad)
    with pytest.warns(RuntimeWarning, match="is damaged .*damaged', and a new one") as caught:
        history = DurationHistory(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert lows(history) == []
    history.close()
    aside = path.with_name("history.sqlite3.damaged")
    assert aside.read_bytes() == bad
    assert works(path)


@pytest.mark.parametrize("content", [b"1, 2, 3\n", b"\xff" * 10_000, b"SQLite"])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path, content):
    """Such as one of job ids, named by mistake."""
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="path must not be a file of another kind, as '.*ids.txt"):
        DurationHistory(path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == content


def test_a_file_that_was_moved_aside_before_is_kept(path):
    """Each has a name of its own."""
    good = path.read_bytes()
    damaged = [good[:100], good[: len(good) // 2], bytes(1000)]
    for content in damaged:
        path.write_bytes(content)
        with pytest.warns(RuntimeWarning, match="and a new one"):
            DurationHistory(path).close()
    names = ["damaged", "damaged-2", "damaged-3"]
    aside = [path.with_name(f"{path.name}.{name}").read_bytes() for name in names]
    assert aside == damaged


def test_a_file_that_another_process_has_put_in_the_place_of_a_damaged_one_stays(path):
    """Both have found the damage, and one was faster."""
    _move_aside(str(path), (0, 0))
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_no_text_is_read_as_far_as_it_can_be(path):
    """Durations are worth more than what they are called."""
    path.write_bytes(path.read_bytes().replace(b"group 3", b"group\xff3"))
    with DurationHistory(path) as history:
        assert history.observations("default")[3].group == "group\ufffd3"
        history.record(7)
    assert works(path)


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_of_any_kind_is_raised(path, seed):
    """A byte here and there; what comes out can be a duration, and the file works from then on."""
    chance, content = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 5, 100])):
        content[chance.randrange(100, len(content))] = chance.randrange(256)
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with DurationHistory(path) as history:
            assert all(0 <= one.low <= one.high for one in history.observations("default"))
    assert works(path)


def test_damage_while_it_is_used_is_logged_and_all_goes_on_in_memory(path, caplog):
    """The file is left as it is."""
    history = DurationHistory(path)
    path.write_bytes(b"\xff" * 10_000)
    history.record(1000)
    history.record(2000)
    assert lows(history) == [*range(300), 1000, 2000]
    [message] = warnings_of(caplog)
    assert "can't be used: file is not a database; what is learned stays in memory" in message
    history.close()
    assert path.read_bytes() == b"\xff" * 10_000


def test_a_file_that_another_application_takes_over_is_left_to_it(path, caplog):
    """Also while the history is in use."""
    history = DurationHistory(path)
    path.unlink()
    other = sqlite3.connect(str(path))
    other.execute("CREATE TABLE t (x)")
    other.close()
    history.record(1000)
    history.close()
    assert lows(history)[-1] == 1000
    [message] = warnings_of(caplog)
    assert "another application" in message


def test_a_file_of_a_newer_version_is_left_untouched(path):
    """With a warning, and in memory."""
    newer = sqlite3.connect(str(path))
    newer.execute("PRAGMA user_version = 2")
    newer.close()
    before = path.read_bytes()
    with pytest.warns(RuntimeWarning, match="newer version of this library; .* stays in memory"):
        history = DurationHistory(path)
    history.record(5)
    history.close()
    assert lows(history) == [5]
    assert path.read_bytes() == before


def test_a_file_that_others_lock_is_written_later(path, caplog):
    """What is learned meanwhile is in memory; one warning."""
    history, other = DurationHistory(path), sqlite3.connect(str(path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    history.record(1000)
    history.record(1001)
    assert lows(history)[-2:] == [1000, 1001]
    other.execute("ROLLBACK")
    history.record(1002)
    assert other.execute("SELECT count(*) FROM observations").fetchone() == (303,)
    other.execute("BEGIN IMMEDIATE")
    history.record(1003)
    other.execute("ROLLBACK")
    other.close()
    history.close()
    [message] = warnings_of(caplog)
    assert "database is locked; what is learned is kept in memory until it can" in message
    with DurationHistory(path) as history:
        assert lows(history) == [*range(300), 1000, 1001, 1002, 1003]


def test_a_history_closed_in_the_middle_of_a_write_does_not_hang(path):
    """Here by a handler of the log; the file is closed later."""
    history, other = DurationHistory(path), sqlite3.connect(str(path), isolation_level=None)

    class Closes(logging.Handler):
        def emit(self, record):
            history.close()

    closes, logger = Closes(), logging.getLogger("video_translation_client")
    logger.addHandler(closes)
    try:
        other.execute("BEGIN IMMEDIATE")
        history.record(1000)
        other.execute("ROLLBACK")
    finally:
        logger.removeHandler(closes)
        other.close()
    history.close()
    with DurationHistory(path) as history:
        assert lows(history)[-1] == 1000


def test_a_file_that_is_locked_at_first_is_read_later(path, caplog):
    """What it knows is not lost for who waits."""
    other = sqlite3.connect(str(path), isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.warns(RuntimeWarning, match="database is locked; .* until it can"):
        history = DurationHistory(path)
    history.record(1000)
    assert lows(history) == [1000]
    other.close()
    history.record(1001)
    history.close()
    assert lows(history) == [1000, *range(300), 1001] or sorted(lows(history)) == [
        *range(300),
        1000,
        1001,
    ]
    assert len(warnings_of(caplog)) == 1


def test_a_place_where_no_file_can_be_is_a_warning(tmp_path):
    """A folder that can't be made or written to; all goes on in memory."""
    places = [tmp_path / "file" / "history.sqlite3", Path("/proc/history.sqlite3")]
    places[0].parent.touch()
    for place in places:
        with pytest.warns(RuntimeWarning, match="can't be used: .* until it can"):
            history = DurationHistory(place)
        history.record(5)
        history.close()
        assert lows(history) == [5]


def test_a_warning_that_is_an_error_leaves_nothing_open(path):
    """As in tests of users."""
    path.write_bytes(bytes(10_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            DurationHistory(path)
    assert works(path)


FULL = """
import logging
import resource
import sys

from video_translation_client.timing import DurationHistory

logging.basicConfig(format="%(message)s")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
history = DurationHistory(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
for seconds in range(1000, 1100):
    history.record(seconds)
assert [one.low for one in history.observations("default")][-100:] == list(range(1000, 1100))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
history.record(1100)
history.close()
"""


@pytest.mark.skipif(resource is None, reason="needs a limit on the size of files")
def test_a_full_disk_is_one_warning_and_is_written_to_once_it_has_room(path):
    """Nothing of what was learned meanwhile is missing."""
    script = path.with_name("full.py")
    script.write_text(FULL)
    done = subprocess.run(
        python_command(str(script), str(path)),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "what is learned is kept in memory until it can" in done.stderr
    with DurationHistory(path) as history:
        assert lows(history) == [*range(300), *range(1000, 1101)]
