"""What ``video-translation-client`` takes: durations, job ids from standard input, URLs."""

from __future__ import annotations

import codecs
import io
import os
import subprocess
import sys
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed, written

from video_translation_client import __version__
from video_translation_client._base import units
from video_translation_client.cli import main
from video_translation_client.testing import MockServer
from video_translation_client.testing.command import main as mock_server

pytestmark = pytest.mark.one_python

HOUR = 3600

_UNITS = f"; in seconds, or with a unit as in {units.EXAMPLES}"


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, whose jobs have ended."""
    with MockServer(duration=0) as server:
        yield server


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a command line that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    return told.err.splitlines()[-1].partition(" error: ")[2]


def type_in(monkeypatch: pytest.MonkeyPatch, content: bytes, encoding: str = "utf-8") -> None:
    """Has the program read this from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding))


def asked(server: MockServer) -> list[Any]:
    """The jobs that the server was asked for, in order of their names."""
    return sorted(poll.job_id or "" for got in server.requests for poll in got.polls)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("1e-3", 0.001),
        ("90s", 90),
        ("30m", 1800),
        ("30min", 1800),
        ("1.5h", 1.5 * HOUR),
        (".5h", HOUR / 2),
        ("2d", 48 * HOUR),
        ("500ms", 0.5),
        ("1h30m", 1.5 * HOUR),
        ("-1m", -60),
    ],
)
def test_a_duration_may_have_units(text: str, seconds: float) -> None:
    """Plain numbers are seconds; whole ones are shown as such."""
    assert units.seconds(text) == seconds
    assert str(units.seconds(text)) == f"{seconds:g}"


@pytest.mark.parametrize("text", ["", "m", "5 m", "5x", "5M", "1h30", "1:30", "h1", "--5m", "5m-"])
def test_a_duration_that_means_nothing_is_told(text: str) -> None:
    """The message says what would be right, and repeats what it is not."""
    with pytest.raises(
        ValueError, match=r"must be seconds, or have a unit as in 500ms, 90s"
    ) as caught:
        units.seconds(text)
    assert str(caught.value).endswith(f", not {text!r}")


def test_options_that_take_seconds_take_units(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """They reach the client as seconds, and the printed command as they were typed."""
    server.job("job-1", duration=HOUR)
    words = ["--max-wait-time", "200ms", "--max-attempts", "none", "--max-interval", "0.001h"]
    words += ["--request-timeout", "1m", "--min-interval", "0s", "--expected", "1h", "--age", "30m"]
    assert main(["watch", server.url, "job-1", *words]) == 4
    told = written(capsys)
    assert "; the limit --max-wait-time 0.2 is reached" in told.out
    assert "--expected=1h --age=1800 --max-attempts none --max-wait-time 200ms" in told.err
    assert "the job is expected to take another 1800 s" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--max-wait-time", "1 hour"],
            f"--max-wait-time must be a number above 0, not '1 hour'{_UNITS}; none means no limit",
        ),
        (["--age", "5x"], f"--age must be a number, 0 or more, not '5x'{_UNITS}"),
        (["--interval", "often"], f"--interval must be a number above 0, not 'often'{_UNITS}"),
        (["--interval", "0"], "--interval must be a number above 0, not 0"),
        (["--jitter=-1s"], "--jitter must be a number, 0 or more, not -1"),
        (
            ["--request-timeout", "2d"],
            "--request-timeout must be a number above 0 and at most 86400, not 172800",
        ),
        (
            ["--max-concurrency", "5m"],
            "--max-concurrency must be a whole number from 1 to 1000, not '5m'",
        ),
        (
            ["--interval", "5", "--jitter", "1"],
            "argument --interval: not allowed with argument --jitter",
        ),
        (
            ["--interval", "5", "--max-interval", "60"],
            "argument --interval: not allowed with argument --max-interval",
        ),
        (["--interval", "5", "--learn"], "argument --interval: not allowed with argument --learn"),
    ],
)
def test_a_bad_duration_or_interval_is_told(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the command line's words, with what would be right."""
    assert refusal(capsys, "watch", "http://127.0.0.1:1", "job-1", *words) == message


def test_durations_of_plan_have_units(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options, and what it reads."""
    assert main(["plan", "--median", "5m", "--poll-cost", "2s", "--jobs", "10"]) == 0
    assert "median 300 s" in written(capsys).out
    type_in(monkeypatch, "90s\n1.5m\n".encode("utf-16"))
    assert main(["plan", "--durations", "-", "--jobs", "2"]) == 0
    assert "2 jobs as in standard input" in written(capsys).out


def test_an_interval_is_the_same_wait_after_every_poll(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly as long, without jitter; the printed command has it as it was typed."""
    server.job("job-1", duration=HOUR)
    words = ["watch", server.url, "job-1", "--interval", "50ms", "--max-attempts", "20"]
    assert main(words) == 4
    times = [request.time for request in server.requests]
    assert len(times) == 20
    assert min(later - earlier for earlier, later in zip(times, times[1:])) > 0.04
    told = written(capsys).err.splitlines()
    assert told[-1] == (
        f"video-translation-client watch --interval 50ms --max-attempts 20 {server.url} job-1"
    )


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_told(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By both commands, in short too."""
    for command, name in ((main, "video-translation-client"), (mock_server, "")):
        with pytest.raises(SystemExit) as caught:
            command([option])
        assert caught.value.code == 0
        told = written(capsys).out
        assert told.startswith(name)
        assert told.endswith(f" {__version__}\n")


def test_job_ids_are_read_from_standard_input(
    server: MockServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """'-' reads a job id a line, without blank lines; a job given twice is asked for once."""
    for job_id in "abc":
        server.job(job_id, duration=HOUR)
    type_in(monkeypatch, b"b\r\n\n  \na\nb\n")
    assert main(["watch", server.url, "--max-attempts", "1", "a", "-", "c"]) == 4
    assert asked(server) == ["a", "b", "c"]
    assert "watch --max-attempts 1 " + server.url + " a b c" in written(capsys).err


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("fé\nb\n".encode("utf-8-sig"), "utf-8"),
        ("fé\nb\n".encode("utf-8-sig"), "cp1252"),
        (codecs.BOM_UTF16_LE + "fé\r\nb\r\n".encode("utf-16-le"), "utf-8"),
        (codecs.BOM_UTF16_BE + "fé\r\nb\r\n".encode("utf-16-be"), "utf-8"),
        ("fé\nb\n".encode("cp1252"), "cp1252"),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_job_id(
    server: MockServer, content: bytes, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how the text is encoded; without one, the terminal's encoding holds."""
    type_in(monkeypatch, content, encoding)
    assert main(["watch", server.url, "-"]) == 0
    assert asked(server) == ["b", "fé"]


@pytest.mark.parametrize(
    ("stdin", "problem"),
    [
        (io.TextIOWrapper(io.BytesIO(b"\n \n")), "holds no job id"),
        (None, "holds no job id"),
        (io.TextIOWrapper(io.BytesIO(b"job-\xff\n"), "utf-8"), "can't be read: 'utf-8' codec"),
        (io.TextIOWrapper(io.BytesIO(b"\xff\xfea"), "utf-8"), "can't be read: 'utf-16-le' codec"),
    ],
)
def test_standard_input_without_job_ids_is_a_usage_error(
    stdin: Any, problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of job ids that is empty or can't be read is a usage error rather than no jobs."""
    monkeypatch.setattr("sys.stdin", stdin)
    told = refusal(capsys, "watch", "http://127.0.0.1:1", "-")
    assert told.startswith(f"argument JOB_ID: standard input ('-') {problem}")


def test_ctrl_c_while_job_ids_are_read_ends_it_quietly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C before the watch has begun is status 130 without a traceback."""

    class Interrupted(io.BytesIO):
        def read(self, _: Any = None) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupted()))
    assert main(["watch", "http://127.0.0.1:1", "-"]) == 130
    assert written(capsys) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_on_a_terminal_it_says_that_it_reads_job_ids(server: MockServer) -> None:
    """So that nobody waits for a program that waits for them; one Ctrl-D ends the reading."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        python_command("-m", "video_translation_client", "watch", server.url, "-"),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    os.close(slave)
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "Type job ids, one a line; Ctrl-D ends them.\n"
        os.write(master, b"job-1\njob-2\n\x04")
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert sorted(untimed(output).splitlines()) == ["job-1: completed", "job-2: completed"]
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("service", [[], ["--service", "heygen"]])
@pytest.mark.parametrize(
    "word",
    ["127.0.0.1:5000", "localhost:5000/api", "localhost", "[::1]:80", "10.0.0.1", "h.acme.com:80"],
)
def test_a_url_without_a_scheme_is_said_to_lack_one(
    word: str, service: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is taken for no job id, with a known service either."""
    told = refusal(capsys, "watch", *service, word, "job-1")
    assert told == f"URL must start with http:// or https://, as in 'http://{word}'"


@pytest.mark.parametrize("word", ["job:42", "film.v2:1", "1:2", "a.b.c", "5", "1.5", "localhost-1"])
def test_what_may_be_a_job_id_is_taken_for_one(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colons, dots and numbers alone make no host."""
    monkeypatch.setenv("HEYGEN_API_KEY", "key-1")
    with MockServer(service="heygen", duration=0) as heygen:
        monkeypatch.setenv("https_proxy", heygen.url)  # which builds no tunnel: nothing leaves
        assert main(["watch", "--service", "heygen", word, "--max-attempts", "1"]) == 4


@pytest.mark.parametrize("end", ["/status", "/status/"])
def test_a_url_that_ends_in_status_is_refused_with_the_right_one(
    end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path is appended to it; its credentials are not shown."""
    told = refusal(capsys, "watch", f"http://127.0.0.1:5000{end}", "job-1")
    assert told == "URL must be 'http://127.0.0.1:5000': /status is appended to it"
    told = refusal(capsys, "watch", f"http://me:hush@h/api{end}")
    assert told == "URL must be 'http://h/api': /status is appended to it"
