"""Libraries that fake the time for tests: waits go on in real time under them."""

import subprocess
from datetime import datetime, timezone

import pytest
from conftest import PATIENCE, python_command

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import MockServer


def freezegun():
    """Freezes the time as freezegun does: ``time.monotonic`` too, but not for every thread."""
    return pytest.importorskip("freezegun").freeze_time("2026-01-01")


def time_machine():
    """Freezes the time as time-machine does."""
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return pytest.importorskip("time_machine").travel(moment, tick=False)


@pytest.fixture
def server():
    """A mock server on the real clock, whose jobs take a moment."""
    with MockServer(duration=0.2) as server:
        yield server


@pytest.mark.parametrize("frozen", [freezegun, time_machine])
def test_a_wait_ends_while_the_time_is_frozen(server, frozen):
    """As it does otherwise: the frozen time is for dates, not for waits."""
    client = VideoTranslationClient(server.url, initial_wait_time=0.05, jitter=0)
    with frozen():
        future = client.submit()
        assert future.result(PATIENCE) == "completed"
        assert 0 < future.elapsed < PATIENCE


@pytest.mark.parametrize("frozen", [freezegun, time_machine])
def test_a_wait_outlives_the_freezing_of_the_time(server, frozen):
    """One that began before ends by what its job does, not by its limit."""
    server.job("job-1", duration=0.5)
    with VideoTranslationClient(server.url, initial_wait_time=0.05, jitter=0) as client:
        future = client.submit("job-1")
        with frozen():
            client.get_status("job-2")
    assert future.result() == "completed"
    assert future.elapsed < PATIENCE


IMPORTS_INSIDE = """
import sys
from datetime import datetime

import {library}

with {frozen}:
    assert datetime.now().year == 2026
    from video_translation_client import VideoTranslationClient

    client = VideoTranslationClient(sys.argv[1], initial_wait_time=0.05, jitter=0)
    print(client.get_status("inside"))
    future = client.submit("across")
print(future.result(), future.elapsed < 60)
"""


@pytest.mark.parametrize(
    ("library", "frozen"),
    [
        ("freezegun", "freezegun.freeze_time('2026-01-01')"),
        ("time_machine", "time_machine.travel(datetime(2026, 1, 1), tick=False)"),
    ],
)
def test_an_import_while_the_time_is_frozen_changes_nothing(server, tmp_path, library, frozen):
    """The clock does not take the frozen time for the real one, then or later."""
    pytest.importorskip(library)
    script = tmp_path / "program.py"
    script.write_text(IMPORTS_INSIDE.format(library=library, frozen=frozen))
    printed = subprocess.check_output(
        python_command(str(script), server.url), timeout=PATIENCE, universal_newlines=True
    )
    assert printed == "completed\ncompleted True\n"
