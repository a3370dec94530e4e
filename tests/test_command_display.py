"""How the live display shares out the cells of a line, on pseudo-terminals of three widths."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Callable, Iterator

import pytest
from conftest import PATIENCE

from video_translation_client.testing import Fault, MockServer

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from terminals import Terminal, terminals

FAST = ("--initial-wait-time", "0.2", "--backoff-factor", "1", "--jitter", "0")
SLOW = ("--initial-wait-time", "30", "--backoff-factor", "1", "--jitter", "0")
WATCH = ("-m", "video_translation_client", "watch")
ID = "0123456789abcdef0123456789abcde"
HEYGEN = (*WATCH, "--service", "heygen", "--min-interval", "0")
KEY = {"HEYGEN_API_KEY": "key-1"}
WHY = "the codec of the second audio track is unknown, and so is the language that is spoken there"


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, which tells the progress of jobs that take an hour."""
    with MockServer(duration=3600, progress=True) as server:
        yield server


@pytest.fixture
def heygen() -> Iterator[MockServer]:
    """A mock server on the real clock whose jobs have results."""
    with MockServer(service="heygen", duration=3600) as server:
        server.job("good", duration=0)
        server.job("late", duration=1)
        yield server


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Makes terminals with a process each."""
    with terminals() as make:
        yield make


def interrupt(shown: Terminal) -> None:
    """Ends a watch as Ctrl-C does."""
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130


def words(shown: Terminal) -> str:
    """All that stands on the screen as one line."""
    return " ".join(" ".join(shown.lines).split())


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_reason_is_cut_off_when_the_display_has_ended(
    server: MockServer, terminal: Callable[..., Terminal], columns: int
) -> None:
    """It wraps, in a column where that is wide enough, and else below its job."""
    body = f'{{"result": "error", "error": "{WHY}"}}'.encode()
    server.job(f"{ID}1", faults={1: Fault.http(200, body=body)})
    server.job(f"{ID}2", duration=0, outcome="error")
    server.job(f"{ID}3", duration=0)
    ids = [f"{ID}{number}" for number in (1, 2, 3)]
    shown = terminal(*WATCH, server.url, *ids, *FAST, columns=columns)
    assert shown.end() == 1
    assert f"✗ {ID}1 error '{WHY}' ✗ {ID}2 error the service reported" in words(shown)
    assert f"'error' and gave no reason ✓ {ID}3 completed after" in words(shown)
    assert max(map(len, shown.lines)) < columns
    below = [line for line in shown.lines if line.startswith("    ")]
    assert len(below) == {60: 3, 80: 3, 200: 0}[columns]


def test_a_long_reason_fills_a_column_where_that_is_wide(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """Its lines stand below each other."""
    body = f'{{"result": "error", "error": "{WHY}"}}'.encode()
    server.job("bad", faults={1: Fault.http(200, body=body)})
    shown = terminal(*WATCH, server.url, "bad", columns=80)
    assert shown.end() == 1
    assert shown.lines[0].startswith("✗ bad  error      'the codec")
    assert shown.lines[1].startswith(" " * 18 + "the language")


def test_while_others_run_the_reason_of_a_job_has_one_line(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """So that the lines stand still; it is whole in the frame that stays."""
    server.job("bad", duration=0, outcome="error")
    server.job(f"{ID}1", duration=3600)
    words_of_watch = (server.url, "bad", f"{ID}1", *FAST, "--max-attempts", "none")
    shown = terminal(*WATCH, *words_of_watch, columns=60)
    shown.read_until(lambda: re.search(r"✗ bad +error +the service.*…", shown.plain))
    server.job(f"{ID}1", duration=0)
    assert shown.end() == 1
    assert f"✗ bad error the service reported 'error' and gave no reason ✓ {ID}1" in words(shown)


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (200, rf"⠋ {ID}1  pending    ─{{24}}   0%  1 poll, next poll in \d+ s; HTTP status 503"),
        (120, rf"⠋ {ID}1  pending    ─+   0%  1 poll, next poll in \d+ s; HTTP status 503"),
        (80, r"⠋ 0\d*[0-9a-f]*…[0-9a-f]*e1  pending      0%  next poll in \d+ s; HTTP status 503"),
        (60, r"⠋ 0\d+…\w+e1  pending      0%  next poll in \d+ s\n    HTTP status 503"),
        (40, r"⠋ 01234…bcde1    0%  next poll in \d+ s\n    HTTP status 503"),
    ],
)
def test_while_a_job_runs_its_bar_gives_way_first_and_then_the_middle_of_its_id(
    server: MockServer, terminal: Callable[..., Terminal], columns: int, line: str
) -> None:
    """What has gone wrong, the next poll and the percentage stay."""
    server.job(f"{ID}1", faults={2: Fault.http(503)})
    pace = ("--initial-wait-time", "0.2", "--backoff-factor", "200", "--max-interval", "90")
    shown = terminal(
        *WATCH, server.url, f"{ID}1", *pace, "--max-wait-time", "none", columns=columns
    )
    pattern = line.replace("⠋", "[⠁-⣿]").replace("1 poll,", "2 polls,").replace(r"\n", r" *\r?\n")
    shown.read_until(lambda: re.search(pattern, shown.plain))
    shown.process.send_signal(signal.SIGTERM)
    assert shown.end() == 143
    assert "1 job has not ended; don't start" in words(shown)


def test_the_likely_end_of_the_last_job_is_among_the_totals(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """Where it is known of all that run."""
    limits = ("--max-wait-time", "none", "--max-attempts", "none")
    shown = terminal(*WATCH, server.url, "a", "b", *SLOW, *limits, "--expected", "600", columns=150)
    shown.read_until(lambda: re.search(r"next poll in \d+ s, the last likely done", shown.plain))
    interrupt(shown)
    server.job("a", duration=3600, progress=False)
    half = Fault.http(200, body=b'{"result": "pending", "progress": 0.5}')
    server.job("b", faults=dict.fromkeys(range(1, 1000), half))
    shown = terminal(*WATCH, server.url, "a", "b", *FAST, *limits, columns=150)
    shown.read_until(lambda: "b  pending" in shown.plain and "50%" in shown.plain)
    interrupt(shown)
    assert "the last likely" not in shown.plain


def test_results_share_a_terminal_with_the_display(
    heygen: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """With --result, the URLs stand above the display, as they come."""
    shown = terminal(*HEYGEN, "--result", heygen.url, "good", "late", *FAST, **KEY)
    assert shown.end() == 0
    first, second, good, late, totals, empty = shown.lines
    assert first.startswith("https://results.example/good")
    assert second.startswith("https://results.example/late")
    assert re.match(r"✓ good  completed  after \d", good)
    assert re.match(r"✓ late  completed  after \d", late)
    assert totals.startswith("0 pending, 2 completed")
    assert empty == ""


def test_the_display_is_on_standard_error_while_results_go_into_a_pipe(
    heygen: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """Standard output has nothing but the URLs."""
    words = [*HEYGEN, "--result", heygen.url, "good", "late", *FAST]
    shown = terminal(*words, stdout=subprocess.PIPE, **KEY)
    assert shown.end() == 0
    assert shown.process.stdout is not None
    with shown.process.stdout as output:
        urls = output.read().decode().splitlines()
    assert [url.partition("example/")[2] for url in urls] == ["good/video.mp4", "late/video.mp4"]
    assert [line[:6] for line in shown.lines[:2]] == ["✓ good", "✓ late"]
    assert "https" not in shown.plain


def test_a_display_on_standard_error_that_is_gone_ends_nothing(
    heygen: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """The results are written all the same."""
    words = [*HEYGEN, "--result", heygen.url, "late", *FAST]
    shown = terminal(*words, stdout=subprocess.PIPE, **KEY)
    shown.read_until(lambda: "1 pending" in shown.drawn)
    shown.close()
    assert shown.process.stdout is not None
    with shown.process.stdout as output:
        assert output.read().decode().endswith("late/video.mp4\n")
    assert shown.process.wait(PATIENCE) == 0


def test_a_completed_job_without_a_result_says_so_in_the_display(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """With --result, where it is what was asked for."""
    server.job("film", duration=0)
    shown = terminal(*WATCH, "--result", server.url, "film")
    assert shown.end() == 3
    assert shown.lines[0] == "✓ film  completed  without a result"


@pytest.mark.parametrize(
    ("ids", "whose"), [(["good"], "1 result"), (["good", "late"], "2 results")]
)
def test_the_finished_display_tells_how_to_get_the_results(
    heygen: MockServer, terminal: Callable[..., Terminal], ids: list[str], whose: str
) -> None:
    """It does not show their URLs, which are as good as keys."""
    shown = terminal(*HEYGEN, heygen.url, *ids, *FAST, columns=60, **KEY)
    assert shown.end() == 0
    assert f"elapsed {whose}: the same command with --result writes" in words(shown)
    assert "example" not in shown.plain
    assert max(map(len, shown.lines)) < 60


def test_failed_polls_stand_above_the_display(
    server: MockServer, terminal: Callable[..., Terminal]
) -> None:
    """With -v, in the order in which they came."""
    server.job("film", duration=0, faults={1: Fault.http(503), 2: Fault.http(502)})
    shown = terminal(*WATCH, "-v", server.url, "film", *FAST)
    assert shown.end() == 0
    first, second, film, *_ = shown.lines
    assert first.endswith(" film: poll 1 failed: HTTP status 503")
    assert second.endswith(" film: poll 2 failed: HTTP status 502")
    assert film.startswith("✓ film  completed")


def test_quiet_shows_no_display(server: MockServer, terminal: Callable[..., Terminal]) -> None:
    """With -q, a terminal stays empty while all goes well."""
    server.job("film", duration=0)
    shown = terminal(*WATCH, "-q", server.url, "film")
    assert shown.end() == 0
    assert shown.drawn == ""
