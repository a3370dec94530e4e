"""``video-translation-client check``: one look, what it writes, and what its status says."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, communicate_after, python_command, serving, untimed, written

from video_translation_client.cli import main
from video_translation_client.testing import Fault, MockServer


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, with a job for each answer; others run for hours."""
    with MockServer(duration=3600, seed=1) as server:
        server.job("good", duration=0, result=b"a video")
        server.job("bad", faults={1: Fault.http(200, body=b'{"result": "error", "error": "e1"}')})
        server.job("gone", faults={1: Fault.http(404)})
        server.job("busy", faults={1: Fault.http(503)})
        yield server


def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a check to its end."""
    return subprocess.run(
        python_command("-m", "video_translation_client", "check", *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **settings,
    )


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a check that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(["check", *words])
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    return told.err.splitlines()[-1].partition(" error: ")[2]


def test_each_job_is_one_line_in_their_order(server: MockServer) -> None:
    """Whatever its answer is, there is one, with the local time, and each is asked for once."""
    server.job("half", progress=True, duration=3600)
    missing = f"{server.url} knows no such job (HTTP status 404)"
    done = run(server.url, "half", "good", "bad", "gone", "busy", "good")
    assert untimed(done.stdout).splitlines() == [
        "half: pending (0%)",
        "good: completed",
        "bad: error ('e1')",
        f"gone: rejected ({missing}; check the JOB_ID and URL)",
        "busy: unknown (HTTP status 503)",
    ]
    assert (done.returncode, done.stderr) == (4, "")
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("job_ids", "status"),
    [
        (["good"], 0),
        (["good", "bad"], 1),
        (["bad", "gone"], 3),
        (["bad", "gone", "busy"], 4),
        (["good", "running"], 4),
    ],
)
def test_the_exit_status_tells_whether_to_look_again(
    server: MockServer, job_ids: list[str], status: int
) -> None:
    """It is 4 while any is pending or unknown, else 3 after a rejection, 1 after an error, or 0."""
    assert main(["check", server.url, *job_ids]) == status


def test_json_is_one_object_a_job(server: MockServer, capsys: pytest.CaptureFixture[str]) -> None:
    """With the words of ``watch --json``, and the result."""
    server.job("half", progress=True, duration=3600)
    main(["check", server.url, "--json", "good", "bad", "gone", "busy", "half"])
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    good, _, gone, busy, half = objects
    assert good == {
        "job_id": "good",
        "status": "completed",
        "progress": None,
        "result": good["result"],
        "error": None,
        "done": True,
    }
    assert good["result"].startswith(server.url)
    assert [each["done"] for each in objects] == [True, True, True, False, False]
    assert gone["error"].endswith("(HTTP status 404); check the JOB_ID and URL")
    assert (busy["status"], busy["error"]) == ("unknown", "HTTP status 503")
    assert 0 <= half["progress"] < 0.1
    assert {tuple(each) for each in objects} == {tuple(good)}


def test_quiet_tells_of_neither_pending_nor_completed_jobs(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """So cron writes no mail while all goes well."""
    assert main(["check", "-q", server.url, "good", "running"]) == 4
    assert written(capsys) == ("", "")
    assert main(["check", "-q", server.url, "good", "bad", "busy"]) == 4
    lines = written(capsys).out.splitlines()
    assert lines == ["bad: error ('e1')", "busy: unknown (HTTP status 503)"]


def test_the_one_unnamed_job_is_looked_at_without_a_name(server: MockServer) -> None:
    """Its line is the bare word behind the local time, whatever the answer is."""
    server.job(duration=3600, faults={2: Fault.http(503)})
    first, second = run(server.url), run(server.url)
    assert re.sub(r"\d", "0", first.stdout) == "0000-00-00 00:00:00 pending\n"
    assert untimed(second.stdout) == "unknown (HTTP status 503)\n"
    assert (first.returncode, second.returncode) == (4, 4)


def test_job_ids_come_from_standard_input_too(server: MockServer) -> None:
    """As watch takes them; what follows -- is an id."""
    done = run(server.url, "-", "--", "-1", input="good\n\nrunning\ngood\n")
    assert untimed(done.stdout) == "good: completed\nrunning: pending\n-1: pending\n"
    assert (done.returncode, done.stderr) == (4, "")


def test_a_service_by_name_is_asked_for_many_jobs_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its key from the environment."""
    monkeypatch.setenv("HEYGEN_API_KEY", "the-key")
    with MockServer(service="heygen", duration=3600, strict=True) as heygen:
        for name in ("a", "b", "c"):
            heygen.job(name)
        assert main(["check", "--service", "heygen", heygen.url, "a", "b", "c"]) == 4
        assert written(capsys).out == "a: pending\nb: pending\nc: pending\n"
        assert len(heygen.requests) == 1


def test_what_was_not_answered_in_time_is_unknown(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """--timeout bounds the look at all of them."""
    server.job("slow", faults={1: Fault.slow(PATIENCE)})
    assert main(["check", server.url, "slow", "good", "--timeout", "500ms"]) == 4
    assert written(capsys).out == (
        "slow: unknown (the poll under way had no answer when the limit was reached)\n"
        "good: completed\n"
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["a", "--timeout", "0"], "--timeout must be a number above 0, not 0"),
        (["a", "--timeout", "1 h"], "--timeout must be a number above 0, not '1 h'; in seconds"),
        (["a", "--max-rate", "0"], "--max-rate must be a number above 0, not 0"),
        (["a", "é" * 40000], "JOB_ID must fit into a URL"),
        (["--timeout", "x"], "--timeout must be a number above 0"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_command_line(
    server: MockServer, words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is asked."""
    assert refusal(capsys, server.url, *words).startswith(problem)
    assert server.requests == []


def test_a_service_whose_jobs_all_have_names_wants_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such job to look at."""
    monkeypatch.setenv("HEYGEN_API_KEY", "the-key")
    problem = refusal(capsys, "--service", "heygen")
    assert problem == "JOB_ID must be given: service 'heygen' has no job without a name"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_ends_it_at_once() -> None:
    """There is nothing to keep waiting for."""
    asked, is_over = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        asked.set()
        is_over.wait(PATIENCE)
        start_response("200 OK", [])
        return [b"{}"]

    with serving(app) as url:
        process = subprocess.Popen(
            python_command("-m", "video_translation_client", "check", url, "slow"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        assert asked.wait(PATIENCE)
        out, errors = communicate_after(signal.SIGINT, process)
        is_over.set()
    assert (process.returncode, out, errors) == (130, "", "")


def test_a_closed_pipe_has_its_status(server: MockServer) -> None:
    """As after ``| head -1``."""
    words = python_command("-m", "video_translation_client", "check", server.url, "good")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 141)
