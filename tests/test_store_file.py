"""What befalls a store's file: a client that can't use it is not made; later its waits go on."""

import contextlib
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from conftest import PATIENCE, measured

from video_translation_client._base.database import Connection
from video_translation_client.store import Store
from video_translation_client.store._file import KIND, File
from video_translation_client.testing import MockServer


@pytest.fixture
def server():
    """A mock server in real time."""
    with MockServer() as server:
        yield server


@pytest.fixture
def finish():
    """Has all that was written stand in the one file, where no client is any more."""
    before = threading.enumerate()  # a test of a file that stays damaged leaves a thread

    def finish(path):
        for thread in set(threading.enumerate()).difference(before):
            if thread.name.endswith("-store"):
                thread.join()
        with contextlib.closing(sqlite3.connect(str(path))) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return finish


@pytest.fixture
def filled(make, path, finish):
    """A store with some waits that were left, and its content."""
    client = make(initial_wait_time=30, max_wait_time=None)
    client.submit_all([f"job-{number}" for number in range(300)])
    client.shutdown(cancel_futures=True)
    finish(path)
    return path


def warnings_of(caplog):
    """What the log tells people of the store."""
    records = [one for one in caplog.records if one.levelno >= logging.WARNING]
    return [text for text in (one.getMessage() for one in records) if "store" in text]


def ended(future):
    """Waits for the end of a wait, and says how it ended."""
    return future.result(PATIENCE)


def connect(path):
    """Opens the file as another application would."""
    return sqlite3.connect(str(path), isolation_level=None)


# When the client is made


def test_a_folder_that_is_missing_is_made(make, tmp_path, server):
    """With all above it."""
    server.job("job-1", duration=0)
    path = tmp_path / "a" / "b" / "waits.sqlite3"
    assert ended(make(store=path).submit("job-1")) == "completed"
    assert path.exists()


@pytest.mark.parametrize("bad", ["", ".", "a\0b", 5, b"", object()])
def test_what_is_no_path_of_a_file_is_refused(make, bad):
    """With the name of the argument."""
    with pytest.raises((TypeError, ValueError), match="^store must be "):
        make(store=bad)


@pytest.mark.parametrize(
    "place", ["file/waits.sqlite3", "/proc/waits.sqlite3", "/dev/full/waits.sqlite3", "loop"]
)
def test_a_place_where_no_file_can_be_is_an_error(make, tmp_path, place):
    """Which names the path, and gives the reason."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=r"^the store '.*' can't be used: ") as caught:
        make(store=tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null", "/dev/zero"])
def test_a_device_is_no_store(make, device):
    """Though one may be opened."""
    if not Path(device).exists():
        pytest.skip("needs the device")
    with pytest.raises((OSError, ValueError), match="store"):
        make(store=device)


@pytest.mark.parametrize("content", [b"1, 2, 3\n", b"\xff" * 10_000, b"SQLite"])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(make, path, content):
    """Such as one of job ids, named by mistake."""
    path.write_bytes(content)
    with pytest.raises(ValueError, match="^store must not be a file of another kind, as '.*'"):
        make()
    assert [*path.parent.iterdir()] == [path]
    assert path.read_bytes() == content


def test_a_database_of_another_application_is_refused_and_left_as_it_is(make, path):
    """Also that of a history."""
    with contextlib.closing(connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="^store must not be a database of another application"):
        make()
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_an_error_and_is_left_as_it_is(make, filled):
    """Who has made it may know more."""
    with contextlib.closing(connect(filled)) as newer:
        newer.execute(f"PRAGMA user_version = {len(KIND.steps) + 1}")
        newer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = filled.read_bytes()
    with pytest.raises(OSError, match="can't be used: it is of a newer version of this library"):
        make()
    assert filled.read_bytes() == before


def test_a_file_of_an_older_version_is_brought_up_to_date(path):
    """By the statements that it lacks, each once; what is in it stays."""
    older = KIND._replace(steps=(("CREATE TABLE first (x)", "INSERT INTO first VALUES (1)"),))
    newer = older._replace(steps=(*older.steps, ("ALTER TABLE first ADD COLUMN y DEFAULT 2",)))
    for kind, row in ((older, (1,)), (newer, (1, 2)), (newer, (1, 2))):
        file = Connection(str(path), kind)
        file.connect(PATIENCE)
        assert file.execute("SELECT * FROM first") == [row]
        assert file.execute("PRAGMA user_version") == [(len(kind.steps),)]
        file.disconnect()


DAMAGES = {
    "truncated": lambda good: good[: len(good) // 2],
    "the header alone": lambda good: good[:100],
    "a page overwritten": lambda good: good[:4096] + b"\xff" * 4096 + good[8192:],
    "a table's name that is none": lambda good: good.replace(b"TABLE waits", b"TABLE\xffwaits"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_an_error_and_is_left_as_it_is(make, filled, damage):
    """People may get more out of it than a program does."""
    bad = DAMAGES[damage](filled.read_bytes())
    filled.write_bytes(bad)
    with pytest.raises(OSError, match=r"^the store '.*' can't be used: "):
        make()
    assert filled.read_bytes() == bad


def test_an_empty_file_becomes_a_store(make, path, server):
    """As one that tempfile makes."""
    server.job("job-1", duration=0)
    path.touch()
    assert ended(make().submit("job-1")) == "completed"


def test_a_file_that_is_locked_for_long_is_an_error(make, filled):
    """Within seconds."""
    with contextlib.closing(connect(filled)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OSError, match="can't be used: database is locked"):
            make()
    make()


def test_clients_share_a_file_that_two_of_them_make_at_once(make, path):
    """One makes it, before or after the other, and not amid."""
    barrier, failures = threading.Barrier(8), []

    def run():
        barrier.wait()
        try:
            Store(path)
        except Exception as error:  # noqa: BLE001 - it fails the test
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


OTHER = """
import sqlite3
import sys

file = sqlite3.connect(sys.argv[1])
for (job_id,) in file.execute("SELECT job_id FROM waits ORDER BY id"):
    print(job_id)
file.close()
"""


def test_a_store_that_is_made_again_takes_no_locks_from_the_first(make, path):
    """What that writes afterwards is there for others, though one of them was there meanwhile."""

    def seen():
        return subprocess.check_output([sys.executable, "-c", OTHER, str(path)], text=True).split()

    client = make(initial_wait_time=30)
    client.submit("job-1")
    Store(path)
    make()
    assert seen() == ["job-1"]  # and whoever is the last to leave removes the journal
    client.submit("job-2")
    assert seen() == ["job-1", "job-2"]


@pytest.mark.skipif(os.name != "posix", reason="needs users")
def test_a_file_that_may_only_be_read_is_an_error(make):
    """Before anything is waited for."""
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is root's alone
        path = Path(folder, "waits.sqlite3")
        Store(path)
        path.parent.chmod(0o777)
        path.chmod(0o444)
        user = os.geteuid()
        os.seteuid(user or 65534)  # root may do all
        try:
            with pytest.raises(OSError, match="can't be used: attempt to write a readonly"):
                make(store=path)
        finally:
            os.seteuid(user)


def test_a_store_tells_its_path_and_is_of_one_process(tmp_path, monkeypatch):
    """It can't be pickled, as no other process can have its thread."""
    monkeypatch.chdir(tmp_path)
    store = Store("waits.sqlite3")
    assert store.path == str(tmp_path / "waits.sqlite3")
    assert repr(store) == f"Store({store.path!r})"
    with pytest.raises(TypeError, match="make one in each process, with the same path"):
        pickle.dumps(store)


@pytest.mark.parametrize("lease", [0, 2.9, -1, float("nan"), float("inf"), "3", None, True])
def test_a_lease_is_three_seconds_or_more(path, lease):
    """A process that is slow for less is not dead."""
    with pytest.raises((TypeError, ValueError), match="^lease must be a number, 3 or more"):
        Store(path, lease=lease)


# While it is used


def test_a_file_that_is_locked_for_a_moment_holds_a_submit_up(make, path, server):
    """Which then is in the file, and nobody is warned."""
    server.job("job-1", duration=0.2)
    client, submitted = make(), []
    with contextlib.closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=lambda: submitted.append(client.submit("job-1")))
        thread.start()
        other.execute("ROLLBACK")
        thread.join()
    assert ended(submitted[0]) == "completed"


def test_a_file_that_is_locked_for_long_is_one_warning_and_is_written_later(
    make, path, server, caplog
):
    """The waits go on in memory; ends are kept, and written once they can be."""
    for number in range(5):
        server.job(f"job-{number}", duration=0.2)
    client = make()
    kept = client.submit("job-0")
    with contextlib.closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = client.submit_all([f"job-{number}" for number in range(1, 5)])
        assert [ended(future) for future in [kept, *futures]] == ["completed"] * 5
        other.execute("ROLLBACK")
    client.shutdown()
    [message] = warnings_of(caplog)
    assert "can't be used: database is locked; waits go on in memory" in message
    assert Store(path).waits() == []


def test_an_end_that_could_not_be_written_at_once_is_there_later(make, path, server):
    """If nobody was told of it until then."""
    server.job("job-1", duration=0.2)
    client = make()
    future = client.submit("job-1")
    with contextlib.closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        client.submit("job-2").cancel()  # which comes back once the file is known to be held
        while not future.done():
            pass
        other.execute("ROLLBACK")
    client.shutdown()
    assert [wait.end.status for wait in Store(path).waits()] == ["completed"]


def test_resume_says_that_the_file_cannot_be_read(make, filled):
    """It would be wrong to say that nothing waits."""
    client = make()
    with contextlib.closing(connect(filled)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="database is locked; no wait was resumed"):
            client.resume()
        other.execute("ROLLBACK")
    assert len(client.resume()) == 300


def test_waits_says_that_the_file_cannot_be_read(filled):
    """Likewise."""
    store = Store(filled)
    filled.write_bytes(filled.read_bytes()[:100])
    with pytest.raises(OSError, match=r"^the store '.*' can't be read: "):
        store.waits()


def test_waits_refuses_a_file_that_another_application_has_put_there(filled):
    """It is not touched."""
    store = Store(filled)
    filled.unlink()
    with contextlib.closing(connect(filled)) as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(OSError, match="can't be read: .*another application"):
        store.waits()


def test_damage_while_it_is_used_is_one_warning(make, path, server, caplog):
    """All waits go on in memory, and shutdown returns."""
    server.job("job-1", duration=0.5)
    client = make()
    future = client.submit("job-1")
    for file in path.parent.iterdir():
        file.write_bytes(b"\xff" * 10_000)
    assert ended(client.submit("job-1")) == ended(future) == "completed"
    client.shutdown()
    [message] = warnings_of(caplog)
    assert "waits go on in memory" in message


@pytest.mark.parametrize("others", [True, False])
def test_a_file_that_is_deleted_under_a_running_client_is_one_warning(
    make, path, server, others, caplog
):
    """With or without its journal; what waits goes on in memory, and a new file begins."""
    server.job("job-1", duration=0.3)
    client = make()
    first = client.submit("job-1")
    for file in [*path.parent.iterdir()] if others else [path]:
        file.unlink()
    second = client.submit("job-2")
    assert [wait.job_id for wait in Store(path).waits()] == ["job-2"]
    assert ended(first) == "completed"
    second.cancel()
    client.shutdown()
    [message] = warnings_of(caplog)
    assert "it was deleted, or replaced by another file; waits go on in memory" in message
    assert Store(path).waits() == []


def test_a_file_that_is_replaced_under_a_running_client_is_one_warning(
    make, path, server, tmp_path, finish, caplog
):
    """By a store with waits of others, which are taken for nobody's but theirs."""
    server.job("job-1", duration=0.5)
    theirs = make(store=tmp_path / "other.sqlite3", initial_wait_time=30)
    theirs.submit("theirs")
    theirs.shutdown(cancel_futures=True)
    finish(tmp_path / "other.sqlite3")
    client, others = make(), make()
    first, follower = client.submit("job-1"), others.submit("job-1")
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    (tmp_path / "other.sqlite3").replace(path)
    second = client.submit("job-2")
    assert {wait.job_id for wait in Store(path).waits()} == {"theirs", "job-2"}
    assert ended(first) == ended(follower) == "completed"
    assert list(client.resume()) == ["theirs"]
    second.cancel()
    client.shutdown(cancel_futures=True)
    assert [wait.job_id for wait in Store(path).waits()] == ["theirs"]
    assert "replaced by another file" in " ".join(warnings_of(caplog))


def test_tables_that_another_program_drops_stop_no_wait(make, path, server, caplog):
    """Though it is a store by its name."""
    server.job("job-1", duration=0.3)
    client = make()
    first = client.submit("job-1")
    with contextlib.closing(connect(path)) as other:
        other.execute("DROP TABLE waits")
    second = client.submit("job-1")
    assert ended(first) == ended(second) == "completed"
    client.shutdown()
    [message] = warnings_of(caplog)
    assert "no such table: waits" in message


FULL = """
import logging
import resource
import sys

from video_translation_client import VideoTranslationClient

logging.basicConfig(format="%(message)s")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
url, path = sys.argv[1:]
client = VideoTranslationClient(
    url, store=path, initial_wait_time=0.05, backoff_factor=1, jitter=0, max_attempts=None
)
first = client.submit("job-0")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
futures = client.submit_all([f"job-{number}" for number in range(1, 200)])
while not all(future.done() for future in [first, *futures]):
    pass
assert {future.status for future in futures} == {"completed"}
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
client.shutdown()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_one_warning_and_is_written_to_once_it_has_room(path, server):
    """What was claimed before is there with its end; the rest went on in memory."""
    for number in range(200):
        server.job(f"job-{number}", duration=0.1)
    program, environment = measured(FULL)
    done = subprocess.run(
        [sys.executable, "-c", program, server.url, str(path)],
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "store" in line]
    assert len(lines) == 1
    assert "waits go on in memory" in lines[0]
    assert [wait.end.status for wait in Store(path).waits() if wait.job_id == "job-0"] == [
        "completed"
    ]


def test_without_a_write_ahead_log_all_is_the_same(path):
    """Where it can't be had: here somebody reads while it would be begun."""
    Store(path)
    file = File(str(path))
    with contextlib.closing(connect(path)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM waits").fetchall()
        file.connect(0)
        other.execute("COMMIT")
    with file.transaction():
        file.register("a place", 1, "")
    assert file.execute("PRAGMA journal_mode") == [("delete",)]
    assert [owner.place for owner in file.owners()] == ["a place"]
    file.disconnect()


def test_a_handler_of_the_warning_may_submit(make, path):
    """It runs on the thread that writes, which must not wait for itself."""
    client, futures, submitted = make(), [], threading.Event()

    class Submits(logging.Handler):
        def emit(self, record):
            futures.append(client.submit("job-2"))
            submitted.set()

    handler = Submits()
    client.submit("job-1")
    for file in path.parent.iterdir():
        file.unlink()
    logging.getLogger("video_translation_client").addHandler(handler)
    try:
        client.submit("job-3")
        assert submitted.wait(PATIENCE)
    finally:
        logging.getLogger("video_translation_client").removeHandler(handler)
    assert futures[0].result(PATIENCE) == "completed"


@pytest.mark.skipif(os.name != "posix", reason="rights are another matter there")
def test_nobody_else_may_read_the_file(make, path):
    """What a service gives of a finished job may open for anybody."""
    make().submit("job-1")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
