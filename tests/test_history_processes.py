"""Processes that share a history's file: nothing is lost by a fork, a kill, or a crowd."""

import os
import subprocess
import sys

import pytest
from conftest import PATIENCE, python_command

from video_translation_client.timing import DurationHistory

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture
def path(tmp_path):
    """Where there is no file yet."""
    return tmp_path / "history.sqlite3"


def lows(path):
    """The lower bounds of what is in a file, which must be a good one."""
    with DurationHistory(path) as history:
        return [one.low for one in history.observations("default")]


def start(program, path, *arguments, is_measured=True, **options):
    """Starts a program that is told the path of the file."""
    script = path.with_name("program.py")
    if not script.exists():  # others may be about to read it
        script.write_text(program)
    line = [str(script), str(path), *map(str, arguments)]
    command = python_command(*line) if is_measured else [sys.executable, *line]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def run(program, path, is_measured=True):
    """Runs a program to its end, which must be a good one without a word."""
    process = start(program, path, is_measured=is_measured, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "")


CROWD = """
import sys

from video_translation_client.timing import DurationHistory

path, number, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with DurationHistory(path) as history:
    for count in range(each):
        history.record(number * each + count)
    known = [one.low for one in history.observations("default")]
assert known.count(number * each) == 1, known
"""


def test_a_crowd_of_processes_writes_one_file(path):
    """All make it at the same moment; nothing is lost, and each one's own come in order."""
    processes, each = 6, 100
    crowd = [start(CROWD, path, number, each, stdin=subprocess.PIPE) for number in range(processes)]
    for process in crowd:
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in crowd:
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    known = lows(path)
    assert sorted(known) == list(range(processes * each))
    for number in range(processes):
        own = [low for low in known if low // each == number]
        assert own == sorted(own)


KILLED = """
import itertools
import sys

from video_translation_client.timing import DurationHistory

history = DurationHistory(sys.argv[1], keep=100)
for count in itertools.count():
    history.record(count)
    print(count, flush=True)
"""


def test_a_process_killed_while_it_writes_leaves_a_good_file(path):
    """And in it all that it was told to remember, but perhaps the line that was under way."""
    for _ in range(3):
        before = lows(path)
        process = start(KILLED, path, is_measured=False)  # what is killed saves no data
        for _ in range(50):
            line = process.stdout.readline()
        process.kill()
        last = int((line + process.stdout.read()).split("\n")[-2])
        process.stdout.close()
        process.wait(PATIENCE)
        known = lows(path)
        assert known[-1] in (last, last + 1)
        expected = [*before, *range(int(known[-1]) + 1)][-100:]
        assert known == expected


FORKS = """
import ctypes
import logging
import os
import signal
import sqlite3
import sys
import threading
import warnings

from video_translation_client.timing import DurationHistory

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)


def in_fork(function, fork=os.fork):
    pid = fork()
    if pid:
        return pid
    signal.alarm(30)
    function()
    sys.exit(0)


def ends_well(pid):
    assert os.waitpid(pid, 0)[1] == 0


def lows(history):
    return [one.low for one in history.observations("default")]
"""


@needs_fork
def test_parent_and_children_write_on_after_a_fork(path):
    """Each with a connection of its own; what one has written, the others learn."""
    program = """
history, in_memory = DurationHistory(sys.argv[1]), DurationHistory()
history.record(1)
in_memory.record(1)

def write():
    for count in range(100):
        history.record(1000 * number + count)
        in_memory.record(count)
    assert len(lows(in_memory)) == 101

children = []
for number in (1, 2, 3):
    children.append(in_fork(write))
    history.record(number + 1)
for child in children:
    ends_well(child)
history.record(5)
assert len(lows(history)) == 305, lows(history)
assert lows(in_memory) == [1]
history.close()
"""
    run(FORKS + program, path)
    expected = [1, 2, 3, 4, 5]
    for number in (1, 2, 3):
        expected += [1000 * number + count for count in range(100)]
    assert sorted(lows(path)) == expected


@needs_fork
def test_a_fork_beside_threads_that_write_loses_nothing_and_hangs_nowhere(path):
    """No write is under way when it happens, and nothing is written by both."""
    program = """
logging.disable()  # of a file that others hold for long, when the machine is busy
history = DurationHistory(sys.argv[1], keep=10_000)

def write(first):
    for count in range(first, first + 1000):
        history.record(count)

def write_one():
    history.record(10_000 + number)
    history.close()

writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1000)]
for writer in writers:
    writer.start()
children = []
for number in range(20):
    children.append(in_fork(write_one))
for child in children:
    ends_well(child)
for writer in writers:
    writer.join()
history.close()
"""
    # Not measured: a child would inherit the locks of those who count, beside threads.
    run(FORKS + program, path, is_measured=False)
    with DurationHistory(path, keep=10_000) as history:
        known = [one.low for one in history.observations("default")]
    assert sorted(known) == [*range(2000), *range(10_000, 10_020)]


@needs_fork
def test_what_the_parent_could_not_write_is_not_written_by_a_child_too(path):
    """It is known to the child, and gets into the file once."""
    program = """
logging.disable()
history = DurationHistory(sys.argv[1])
history.record(1)
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
history.record(2)
other.execute("ROLLBACK")
other.close()

def write():
    assert lows(history) == [1, 2]
    history.record(3)
    history.close()

ends_well(in_fork(write))
history.record(4)
history.close()
"""
    run(FORKS + program, path)
    assert sorted(lows(path)) == [1, 2, 3, 4]


@needs_fork
def test_a_fork_that_python_does_not_hear_of_leaves_the_file_to_the_parent(path):
    """As a server written in C does it: the child goes on in memory, and says so once."""
    program = """
history = DurationHistory(sys.argv[1])
history.record(1)
told = []

class Told(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())

logging.getLogger("video_translation_client").addHandler(Told())

def write():
    history.record(2)
    history.record(3)
    assert lows(history) == [1, 2, 3]
    assert len(told) == 1 and "it was open when the process was forked" in told[0], told

ends_well(in_fork(write, ctypes.PyDLL(None).fork))
history.record(4)
ends_well(in_fork(history.close, ctypes.PyDLL(None).fork))
history.record(5)
"""
    run(FORKS + program, path)
    assert lows(path) == [1, 4, 5]


@needs_fork
def test_a_fork_in_the_middle_of_a_write_does_not_hang(path):
    """Here in a handler of the log: the child has no file then, and its parent notices nothing."""
    program = """
history = DurationHistory(sys.argv[1])
history.record(1)
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")

class Forks(logging.Handler):
    def emit(self, record):
        ends_well(in_fork(write))

def write():
    history.record(3)

logging.getLogger("video_translation_client").addHandler(Forks())
history.record(2)
other.execute("ROLLBACK")
other.close()
history.record(4)
"""
    run(FORKS + program, path)
    assert lows(path) == [1, 2, 4]


MEDDLING = """
import sys

from video_translation_client.timing import DurationHistory

history = DurationHistory(sys.argv[1], keep=10_000)
lines, due = 0, 0


def trace(frame, event, argument):
    global lines
    if "timing" not in frame.f_code.co_filename:
        return None
    if event == "line":
        lines += 1
        if lines == due:
            sys.settrace(None)
            history.record(due + 0.5)
    return trace


while lines >= due:
    due, lines = due + 1, 0
    sys.settrace(trace)
    history.record(due)
    sys.settrace(None)
assert due > 50
known = [one.low for one in history.observations("default")]
expected = [number + half for number in range(1, due + 1) for half in (0, 0.5)][:-1]
assert sorted(known) == expected
history.close()
with DurationHistory(sys.argv[1], keep=10_000) as history:
    assert [one.low for one in history.observations("default")] == known
"""


def test_a_signal_handler_may_record_in_the_middle_of_a_record(path):
    """Between any two lines of it; both are known and in the file once the outer one returns."""
    run(MEDDLING, path, is_measured=False)
