"""``video-translation-client watch``: lines, JSON, options, exit status, and what is printed."""

from __future__ import annotations

import inspect
import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed, written

from video_translation_client import VideoTranslationClient
from video_translation_client.cli import main
from video_translation_client.cli.exit_status import PRECEDENCE, ExitStatus
from video_translation_client.testing import Fault, MockServer

FAST = ("--initial-wait-time", "0.05", "--backoff-factor", "1", "--jitter", "0")
PACING = [
    name
    for name in inspect.signature(VideoTranslationClient).parameters
    if name.startswith(("max_", "initial_", "backoff_", "jitter", "request_"))
    and name != "max_payload"  # the command line shows no payload
]
_CODEC_UNKNOWN = b'{"result": "error", "error": "codec unknown"}'


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, with a job for each way to end; others never do."""
    with MockServer(duration=3600, seed=1) as server:
        server.job("good", duration=0.15)
        server.job("bad", faults={3: Fault.http(200, body=_CODEC_UNKNOWN)})
        server.job("gone", faults={1: Fault.http(404)})
        yield server


def command(*words: str) -> list[str]:
    """The command line as a process."""
    return python_command("-m", "video_translation_client", *words)


def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command line to its end."""
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **settings,
    )


def start(*words: str) -> subprocess.Popen[str]:
    """Starts a command line."""
    return subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )


def asked(server: MockServer) -> list[Any]:
    """The jobs that the server was asked for, each once."""
    return list(dict.fromkeys(poll.job_id for got in server.requests for poll in got.polls))


def test_each_change_of_status_is_one_line_and_ends_tell_the_reason(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each change of a job's status is one line, and an end that is no completion says why."""
    status = main(["watch", server.url, "good", "bad", "gone", "never", *FAST])
    lines = written(capsys).out.splitlines()
    told = {name: [line for line in lines if line.startswith(name)] for name in asked(server)}
    rejection, timeout = told["gone"][0], told["never"][1]
    assert told == {
        "good": ["good: pending", "good: completed"],
        "bad": ["bad: pending", "bad: error ('codec unknown')"],
        "gone": [rejection],
        "never": ["never: pending", timeout],
    }
    reason = f"{server.url} knows no such job (HTTP status 404)"
    assert rejection == f"gone: rejected ({reason}; check the JOB_ID and URL)"
    assert timeout.startswith("never: timeout (still running after 10 polls in ")
    assert timeout.endswith(" s; the limit --max-attempts 10 is reached)")
    assert (status, len(lines)) == (4, 7)


def test_the_one_unnamed_job_is_told_without_a_name(server: MockServer) -> None:
    """Without a job id, the lines are the bare words behind the local time."""
    server.job(duration=0.15)
    done = run("watch", server.url, *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"\d", "0", done.stdout) == (
        "0000-00-00 00:00:00 pending\n0000-00-00 00:00:00 completed\n"
    )


@pytest.mark.parametrize(
    ("job_ids", "status"),
    [
        (["good"], 0),
        (["good", "bad"], 1),
        (["bad", "gone"], 3),
        (["bad", "gone", "never"], 4),
    ],
)
def test_the_exit_status_tells_of_the_jobs_still_running_then_of_the_worst_end(
    server: MockServer, job_ids: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 4 while a job runs, else 3 after a rejection, 1 after an error, or 0."""
    assert main(["watch", *FAST, "--max-attempts", "5", server.url, *job_ids]) == status
    assert ("keep waiting:" in written(capsys).err) == (status == 4)


def test_json_is_one_object_a_line_for_each_change(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json, each change of status or progress is an object with the same fields."""
    server.job("film", duration=0.15, progress=True)
    status = main(["watch", server.url, "film", "bad", "gone", "--json", *FAST])
    objects = [json.loads(line) for line in written(capsys).out.splitlines()]
    fields = ["job_id", "status", "progress", "attempts", "elapsed", "eta", "eta_range"]
    fields += ["result", "path", "error", "done"]
    film = [each for each in objects if each["job_id"] == "film"]
    assert status == 3
    assert all(list(each) == fields for each in objects)
    assert [each["status"] for each in film[:-1]] == ["pending"] * (len(film) - 1)
    assert film[0] == {**film[0], "attempts": 1, "result": None, "error": None, "done": False}
    assert 0 <= film[0]["progress"] < 1
    assert film[-1] == {**film[-1], "status": "completed", "progress": 1.0, "done": True}
    ends = {each["job_id"]: each for each in objects if each["done"]}
    assert (ends["bad"]["status"], ends["bad"]["error"]) == ("error", "'codec unknown'")
    assert (ends["gone"]["status"], ends["gone"]["attempts"]) == ("rejected", 1)


@pytest.mark.parametrize("words", [["--json"], ["--result"]])
def test_what_is_written_as_json_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """It has neither NaN nor Infinity, though Python reads and writes them; they become null."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    url = '{"a": [NaN, 1.5, {"b": -Infinity, "c": 1e999}]}'
    body = f'{{"data": {{"status": "completed", "video_url": {url}}}}}'
    monkeypatch.setenv("HEYGEN_API_KEY", "key-0123456789")
    with MockServer(service="heygen") as heygen:
        heygen.job("a", faults={1: Fault.http(200, body=body.encode())})
        assert main(["watch", "--service", "heygen", heygen.url, "a", *words]) == 0
    last = json.loads(written(capsys).out.splitlines()[-1], parse_constant=refuse)
    result = last["result"] if words == ["--json"] else last
    assert result == {"a": [None, 1.5, {"b": None, "c": None}]}


def test_what_a_service_says_forges_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a warning on standard error nor a status on standard output."""
    forged = "rate_limit\nwarning: forged\x1b[2J"
    body = json.dumps({"error": {"code": forged, "message": forged}}).encode()
    monkeypatch.setenv("HEYGEN_API_KEY", "key-0123456789")
    with MockServer(service="heygen", duration=3600) as heygen:
        heygen.job("a", faults={number: Fault.http(200, body=body) for number in (1, 2)})
        words = ["--max-attempts", "2", "--initial-wait-time", "1", "--min-interval", "0"]
        assert main(["watch", "--service", "heygen", heygen.url, "a", *words]) == 4
    told = written(capsys)
    assert "forged" in told.err
    assert len([line for line in told.err.split("\n") if line.startswith("warning: ")]) == 1
    assert len(told.out.split("\n")) == 2  # the end of the job, and nothing behind its line end
    assert "\x1b" not in told.err + told.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a COMMAND is required: watch, check, resume, waits, plan, demo or services"),
        (["watch"], "the following arguments are required: URL, or --service NAME"),
        (["watch", "job-1"], "URL must be a URL such as 'http://127.0.0.1:5000', not"),
        (["watch", "http://*.example.com"], "no request can be made of"),
        (["watch", "http://h", "a", ".."], "JOB_ID must not be '..'"),
        (["watch", "http://h", "--bogus"], "unrecognized arguments: --bogus"),
        (["watch", "http://h", "--max-attempts", "2.5"], "--max-attempts must be a whole number"),
        (["watch", "http://h", "--max-wait-time", "0"], "--max-wait-time must be a number above"),
        (
            ["watch", "http://h", "--jitter", "none"],
            "--jitter must be a number, 0 or more, not 'none'",
        ),
        (
            ["watch", "http://h", "--max-rate", "fast"],
            "--max-rate must be a number above 0, not 'fast'; none means no limit\n",
        ),
        (["watch", "http://h", "--max-interval", "nan"], "--max-interval must be a number above"),
        (["watch", "http://me:hush@h:x"], "URL must be one such as 'http://127.0.0.1:5000'; in a"),
        (["watch", "http://h", "--bogus=http://me:hush@h"], "unrecognized arguments: --bogus=***"),
        (["watch", "http://h", "--me:hush@h"], "unrecognized arguments: ***@h"),
    ],
)
def test_a_bad_argument_is_a_usage_error_that_names_it(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad argument ends the command with status 2 and a message in the command line's words."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    errors = written(capsys).err
    assert caught.value.code == 2
    assert f"error: {message}" in errors
    assert "hush" not in errors


def test_every_pacing_argument_is_an_option_with_the_client_s_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The help tells an option for each pacing argument of the client, with its default."""
    with pytest.raises(SystemExit) as caught:
        main(["watch", "--help"])
    shown = " ".join(written(capsys).out.split())
    assert caught.value.code == 0
    for name in PACING:
        default = str(inspect.signature(VideoTranslationClient).parameters[name].default).lower()
        option = f"--{name.replace('_', '-')}"
        assert re.search(rf"{option} [^(]*\(default: {default}\)", shown), option


def test_the_help_explains_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of ``watch`` has each exit status with its meaning, and which goes before which."""
    with pytest.raises(SystemExit):
        main(["watch", "--help"])
    shown = " ".join(written(capsys).out.split())
    statuses = " ".join(f"{status.value} {status.meaning}" for status in ExitStatus)
    assert f"exit status: {statuses} {PRECEDENCE} examples:" in shown


def test_options_may_stand_anywhere_and_reach_the_client(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options before, between and after the job ids all count."""
    words = ["--max-attempts", "2", server.url, "--jitter", "0", "a", "--backoff-factor", "1"]
    words += ["b", "--initial-wait-time", "0.1", "--max-wait-time", "None", "--", "-c"]
    assert main(["watch", *words]) == 4
    assert sorted(poll.job_id or "" for got in server.requests for poll in got.polls) == sorted(
        ["a", "b", "-c"] * 2
    )
    assert written(capsys).err.splitlines()[1] == (
        "video-translation-client watch --max-attempts 2 --max-wait-time None"
        " --initial-wait-time 0.1 --backoff-factor 1 --jitter 0"
        f" {server.url} -- a b -c"
    )


def test_limits_that_contradict_each_other_are_one_line_of_warning(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client's warning comes as one line, in the words of the command line."""
    server.job(duration=0)
    assert main(["watch", server.url, "--max-attempts", "2", "--max-wait-time", "1000"]) == 0
    (warning,) = written(capsys).err.splitlines()
    assert warning.startswith("warning: --max-attempts and --max-wait-time contradict each other")
    assert warning.endswith("; --max-attempts none waits by time alone")
    assert main(["watch", server.url, "--initial-wait-time", "60"]) == 0
    (warning,) = written(capsys).err.splitlines()
    assert warning.startswith("warning: --initial-wait-time and --max-interval contradict each")
    assert warning.endswith("; raise --max-interval as well")


def test_waits_shorter_than_the_service_wants_are_one_line_of_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are longer then, and the line says which option has the job asked so often anyway."""
    monkeypatch.setenv("HEYGEN_API_KEY", "key-1")
    with MockServer(service="heygen", duration=0) as heygen:
        words = ["watch", "--service", "heygen", heygen.url, "a", "--initial-wait-time", "5"]
        assert main(words) == 0
        (warning,) = written(capsys).err.splitlines()
        assert main([*words, "--min-interval", "5"]) == 0
        assert written(capsys).err == ""
    assert warning == (
        "warning: --initial-wait-time and --min-interval contradict each other: 5 s is below 30 s,"
        " and service 'heygen' wants a job asked no oftener than that; a lower --min-interval asks"
        " so often all the same"
    )


def test_a_pause_beyond_the_limit_is_told_with_its_option(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that asks for more patience than the limit allows ends the wait at once."""
    server.job("busy", faults={1: Fault.http(429, headers={"Retry-After": "3600"})})
    assert main(["watch", server.url, "busy", "--max-wait-time", "50"]) == 4
    assert re.search(
        r"timeout \(HTTP status 429; no status was received in 1 poll and \d+\.\d s; the service"
        r" asks to wait another 3\d{3} s, beyond --max-wait-time 50\)\n",
        written(capsys).out,
    )


def test_polls_that_fail_are_told_once(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first poll that fails in passing is told, and a wait without an answer tells why."""
    server.job("down", faults={number: Fault.http(503) for number in range(1, 10)})
    words = ["--max-attempts", "3", "--initial-wait-time", "0.35"]
    assert main(["watch", server.url, "down", *FAST, *words]) == 4
    told = written(capsys)
    assert told.out.startswith("down: timeout (HTTP status 503; ")
    assert told.err.splitlines()[0] == (
        "warning: job 'down': HTTP status 503; still waiting (-v shows further ones)"
    )
    assert told.err.count("HTTP status 503") == 1


def test_a_job_id_that_a_terminal_would_obey_is_escaped(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters of a job id reach neither the lines nor the printed command as such."""
    job_id = "é\x1b[2J'\\\n"
    assert main(["watch", server.url, "--max-attempts", "1", job_id]) == 4
    told = written(capsys)
    assert told.out.splitlines()[0] == r"é\x1b[2J'\\n: pending".replace(r"\\n", "\\" + r"\n")
    assert told.err.splitlines()[1].endswith(r" $'é\033[2J\'\\\012'")
    assert asked(server) == [job_id]


def test_what_the_output_s_encoding_lacks_is_escaped(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job id that the encoding of standard output can't express is escaped."""
    server.job("vidéo", duration=0)
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, encoding="ascii"))
    assert main(["watch", server.url, "vidéo"]) == 0
    assert output.getvalue().endswith(b" vid\\xe9o: completed\n")


def test_credentials_are_never_shown(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed command has *** in place of a URL's credentials, and nothing shows them."""
    url = server.url.replace("//", "//me:hush@")
    assert main(["watch", "--max-attempts", "1", url]) == 4
    told = written(capsys)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert told.err.splitlines()[0].endswith("keep waiting, with the credentials in place of ***:")
    assert told.err.splitlines()[1].endswith("'" + server.url.replace("//", "//***@") + "'")
    assert "hush" not in told.out + told.err


def interrupt_after(lines: int, process: subprocess.Popen[str]) -> tuple[int, str]:
    """Sends SIGINT once so many lines have come; returns the exit status and standard error."""
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def test_ctrl_c_does_not_wait_for_a_request_that_hangs(server: MockServer) -> None:
    """Ctrl-C ends the watch long before a hanging request does."""
    server.job("stuck", faults={1: Fault.slow(600)})
    words = ["--request-timeout", "600", "--max-wait-time", "none", *FAST]
    status, errors = interrupt_after(2, start("watch", server.url, "stuck", "good", *words))
    assert status == 130
    assert errors.splitlines()[0].startswith("1 job has not ended; ")
    assert errors.splitlines()[1].endswith(f" {server.url} stuck")


def test_the_limit_does_not_wait_for_a_request_that_hangs(server: MockServer) -> None:
    """At the limit, the process ends long before a hanging request does."""
    server.job(faults={1: Fault.slow(600)})
    done = run("watch", server.url, "--request-timeout", "600", "--max-wait-time", "0.3")
    assert done.returncode == 4
    assert untimed(done.stdout).startswith(
        "timeout (the poll under way had no answer when the limit was"
    )
    assert "; no status was received in 1 poll and" in done.stdout


def test_an_ignored_interrupt_stays_ignored(server: MockServer) -> None:
    """A watch in the background of a shell script, which ignores SIGINT, goes on to its end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server.job("other", duration=0)
        assert main(["watch", server.url, "other"]) == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_closed_pipe_ends_it_quietly(server: MockServer) -> None:
    """When the reader of a pipe has gone, as after ``| head -1``, the watch ends silently."""
    server.job("later", duration=3600)
    process = start("watch", server.url, "later", *FAST, "--max-attempts", "none")
    assert process.stdout is not None
    assert process.stderr is not None
    assert untimed(process.stdout.readline()) == "later: pending\n"
    process.stdout.close()
    server.job("later", duration=0)
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(PATIENCE) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_that_can_t_be_written_is_told(server: MockServer) -> None:
    """A full disk ends the watch with a line that says so."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("watch", server.url, "good"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 141
    assert done.stderr == "error: standard output: No space left on device\n"


def test_closed_standard_streams_are_no_obstacle(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process without standard output and standard error still has an exit status."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["watch", server.url, "never", "--max-attempts", "1"]) == 4


def test_the_program_needs_neither_rich_nor_werkzeug(server: MockServer, tmp_path: Path) -> None:
    """A watch whose output is a pipe imports neither of the optional packages."""
    server.job(duration=0)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from video_translation_client.cli import main\n"
        f"assert main(['watch', {server.url!r}]) == 0\n"
        "assert not {'rich', 'werkzeug'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        python_command(str(script)), stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "stream", "status"),
    [(["watch", "--bad"], "stderr", 2), (["watch", "--help"], "stdout", 141)],
)
def test_usage_and_help_end_as_promised_where_they_cannot_be_written(
    words: list[str], stream: str, status: int
) -> None:
    """A full disk changes no exit status but that of lost output."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*words), timeout=PATIENCE, check=False, **{stream: full})
    assert done.returncode == status
