"""The live display, as a real pseudo-terminal sees it."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from conftest import PATIENCE, untimed

from video_translation_client.testing import Fault, MockServer

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from terminals import Terminal, terminals

FAST = ("--initial-wait-time", "0.2", "--backoff-factor", "1", "--jitter", "0")
WATCH = ("-m", "video_translation_client", "watch")


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, which tells the progress of jobs that take an hour."""
    with MockServer(duration=3600, progress=True) as server:
        yield server


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Makes terminals with a process each."""
    with terminals() as make:
        yield make


def test_each_job_is_a_line_and_the_totals_follow(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """The last frame stays: a line a job, in order, with its end, and the totals."""
    body = b'{"result": "error", "error": "codec\\nunknown"}'
    server.job("film", duration=0.3)
    server.job("bad", faults={1: Fault.http(200, body=body)})
    server.job("gone", faults={1: Fault.http(404)})
    # The last answer is late, so that a busy machine, too, draws a frame with the failures.
    failures = {poll: Fault.http(503) for poll in range(2, 5)}
    server.job("down", progress=False, faults={**failures, 5: Fault.slow(2)})
    shown = terminal(
        *WATCH,
        *(server.url, "film", "bad", "gone", "down", *FAST, "--max-attempts", "5"),
        columns=200,
    )
    assert shown.end() == 4
    film, bad, gone, down, totals, _, command, empty = shown.lines
    assert re.fullmatch(r"✓ film  completed  after \d\.\d s", film)
    assert bad == r"✗ bad   error      'codec\nunknown'"
    assert gone.startswith("✗ gone  rejected   http://127.0.0.1:")
    assert down.startswith("~ down  timeout    ")
    assert re.match(
        r"0 pending, 1 completed, 1 error, 1 rejected, 1 timeout, \d+ polls, 0:00:\d\d elapsed$",
        totals,
    )
    assert command.endswith(f" {server.url} down")
    assert empty == ""
    assert re.search(r"⠋|⠙|⠹|⠸|⠼|⠴|⠦|⠧|⠇|⠏", shown.drawn)
    assert re.search(r"down  pending    [2-5] polls, .*; HTTP status 503", shown.plain)


def test_the_frame_that_stays_has_all_jobs_that_failed(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """Even where they don't fit on the screen, as nothing else tells of them."""
    names = [f"bad-{number:02}" for number in range(20)]
    for name in names:
        server.job(name, duration=0, outcome="error")
    shown = terminal(*WATCH, server.url, *names, columns=60, rows=8)
    assert shown.end() == 1
    assert [line[2:8] for line in shown.lines if line.startswith("✗")] == names
    assert not any("more" in line for line in shown.lines)


def test_a_small_terminal_shows_the_jobs_still_running_first(
    server: MockServer, terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    """What does not fit is counted; no frame is higher or wider than the terminal."""
    names = [f"name-{number:02}" for number in range(40)]
    for name in names[:20]:
        server.job(name, duration=0)
    shown = terminal(*WATCH, server.url, *names, columns=40, rows=8, TMPDIR=str(tmp_path))
    shown.read_until(
        lambda: (
            any("20 pending, 20 completed" in line for line in shown.lines)
            and any("0:00:" in line for line in shown.lines)
            and "… 37 more" in shown.lines
        )
    )
    frame = [line for line in shown.lines if line]
    assert [line[2:9] for line in frame[:3]] == names[20:23]
    assert (frame[3], len(frame)) == ("… 37 more", 7)
    assert max(map(len, frame)) < 40
    shown.resize(100, 12)
    shown.read_until(lambda: "… 31 more" in shown.lines)
    assert len([line for line in shown.lines if line]) == 11
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert any(line.startswith("20 jobs have not ended; ") for line in shown.lines)


def test_the_unnamed_job_has_a_bar(server: MockServer, terminal: Callable[..., Terminal]) -> None:
    """Where the service tells progress there is a bar, in ASCII where the terminal has no more."""
    server.job(duration=1000)
    words = [*WATCH, server.url, *FAST, "--max-attempts", "none"]
    shown = terminal(*words, PYTHONIOENCODING="ascii", PYTHONUTF8="0", NO_COLOR="1")
    shown.read_until(
        lambda: re.search(r"[|/\\-] the job  pending    -{24}   0%  \d+ polls?, ", shown.plain)
    )
    half = Fault.http(200, body=b'{"result": "pending", "progress": 0.5}')
    server.job(faults=dict.fromkeys(range(1, 1000), half))
    shown.read_until(lambda: re.search("#{12}-{12}  50%", shown.plain))
    server.job(duration=0)
    assert shown.end() == 0
    assert shown.lines[0].startswith("+ the job  completed")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown.drawn)


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"WITHOUT_RICH": "1"}])
def test_a_terminal_without_a_display_gets_lines(
    server: MockServer,
    terminal: Callable[..., Terminal],
    tmp_path: Path,
    variables: dict[str, str],
) -> None:
    """On a terminal without cursor movement, and without rich, there are plain lines."""
    server.job("film", duration=0)
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "if 'WITHOUT_RICH' in os.environ:\n"
        "    sys.modules['rich'] = None\n"
        "from video_translation_client.cli import main\n"
        f"sys.exit(main(['watch', {server.url!r}, 'film']))\n"
    )
    shown = terminal(str(script), **variables)
    assert shown.end() == 0
    lines = untimed(shown.drawn.replace("\r\n", "\n")).splitlines()
    notice = ["note: the live display needs rich, so there are lines instead: pip install rich"]
    assert lines == [*(notice if "WITHOUT_RICH" in variables else []), "film: completed"]


def test_a_terminal_that_is_gone_ends_it(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """When the terminal is closed, the watch ends rather than draws on."""
    shown = terminal(*WATCH, server.url)
    shown.read_until(lambda: "1 pending" in shown.drawn)
    shown.close()
    assert shown.process.wait(PATIENCE) == 141


def test_a_message_after_ctrl_c_has_a_line_of_its_own(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """Without a display, the line on which the terminal shows ^C is ended before the message."""
    shown = terminal(*WATCH, server.url, "film", TERM="dumb")
    shown.read_until(lambda: "film: pending" in shown.drawn)
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert untimed(shown.drawn).startswith("film: pending\r\n\r\n1 job has not ended; ")


def test_a_named_service_is_asked_at_its_own_pace(terminal: Callable[..., Terminal]) -> None:
    """Without options about its waits, those of the service hold, and otherwise the given ones."""
    with MockServer(service="heygen", duration=3600) as heygen:
        words = [*WATCH, "--service", "heygen", heygen.url, "film"]
        shown = terminal(*words, HEYGEN_API_KEY="key-1")
        shown.read_until(lambda: re.search(r"1 poll, next poll in (2[5-9]|3\d) s", shown.plain))
        shown = terminal(
            *words, "--initial-wait-time", "20", "--min-interval", "0", HEYGEN_API_KEY="key-1"
        )
        shown.read_until(lambda: re.search(r"1 poll, next poll in (1\d|2[01]) s", shown.plain))


def test_a_job_that_has_a_likely_end_shows_it_where_there_is_room(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """With its range, without it, or not at all: what is known for certain goes first."""
    pace = ("--initial-wait-time", "1000", "--max-interval", "1000")
    words = [*WATCH, server.url, "film", "--max-wait-time", "none", "--expected", "600", *pace]
    shown = terminal(*words, columns=130)
    shown.read_until(
        lambda: re.search(r"s, likely done in 10 min \(7 to 15 min\) *\r?\n", shown.plain)
    )
    shown.resize(110, 30)
    shown.read_until(lambda: re.search(r"s, likely done in 10 min *\r?\n", shown.plain))
    shown.resize(60, 30)
    shown.read_until(lambda: re.search(r"film .* 0%  next poll in \d+ s *\r?\n", shown.plain))


def test_a_plan_is_as_wide_as_the_terminal(terminal: Callable[..., Terminal]) -> None:
    """Its chart fills the lines, and wraps none."""
    words = ("-m", "video_translation_client", "plan", "--jobs", "5")
    shown = terminal(*words, columns=110, rows=50)
    assert shown.end() == 0
    assert 90 < max(map(len, shown.lines)) < 110
