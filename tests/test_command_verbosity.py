"""``watch -v`` and ``-q``: what is told beside the usual, and what is not."""

from __future__ import annotations

import json
import re
from typing import Iterator

import pytest
from conftest import written

from video_translation_client.cli import main
from video_translation_client.testing import Fault, MockServer

FAST = ("--initial-wait-time", "0.05", "--backoff-factor", "1", "--jitter", "0")


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, with a job for each way to end."""
    with MockServer(duration=3600) as server:
        server.job("good", duration=0.15)
        server.job("bad", duration=0, outcome="error")
        faults = {1: Fault.http(503), 2: Fault.http(200, body=b"\x1b[2J"), 3: Fault.http(502)}
        server.job("shaky", duration=0, faults=faults)
        yield server


@pytest.mark.parametrize("words", [[], ["--json"], ["--result"]])
def test_every_poll_that_fails_is_told(
    server: MockServer, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With -v each is a line on standard error, with time, job, number and reason."""
    main(["watch", "-v", *words, server.url, "shaky", *FAST])
    raw = capsys.readouterr().err
    failed = [line for line in raw.splitlines() if " failed: " in line]
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in failed] == [
        "shaky: poll 1 failed: HTTP status 503",
        r"shaky: poll 2 failed: the answer is not JSON; it is '\x1b[2J'",
        "shaky: poll 3 failed: HTTP status 502",
    ]
    assert "warning" not in raw


def test_a_poll_of_the_one_unnamed_job_fails_without_a_name(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its lines have none."""
    server.job(duration=0, faults={1: Fault.http(503)})
    assert main(["watch", "--verbose", server.url, *FAST]) == 0
    assert written(capsys) == ("completed\n", "poll 1 failed: HTTP status 503\n")


def test_quiet_tells_of_what_did_not_complete_alone(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With -q, there are neither lines of what goes well nor warnings of failures in passing."""
    assert main(["watch", "-q", server.url, "good", "shaky", *FAST]) == 0
    assert written(capsys) == ("", "")
    assert main(["watch", "--quiet", server.url, "good", "bad", *FAST]) == 1
    told = written(capsys)
    assert told.out.startswith("bad: error (")
    assert (told.out.count("\n"), told.err) == (1, "")
    assert main(["watch", "-q", "--result", server.url, "good", *FAST]) == 3
    assert written(capsys) == ("", "good: completed (without a result)\n")


def test_quiet_json_is_the_last_object_of_each_job(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that wants the ends alone has nothing to leave out."""
    server.job("film", duration=0.15, progress=True)
    assert main(["watch", "-q", "--json", server.url, "film", "bad", "shaky", *FAST]) == 1
    objects = [json.loads(line) for line in written(capsys).out.splitlines()]
    assert all(each["done"] for each in objects)
    assert sorted(each["job_id"] for each in objects) == ["bad", "film", "shaky"]


def test_it_can_t_be_both(capsys: pytest.CaptureFixture[str]) -> None:
    """-v and -q contradict each other."""
    with pytest.raises(SystemExit) as caught:
        main(["watch", "-v", "-q", "http://h"])
    assert caught.value.code == 2
    assert "not allowed with argument" in written(capsys).err
