"""``watch --service``, ``watch --result`` and ``services``: what is known by name."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed, written

from video_translation_client.cli import main
from video_translation_client.services import NAMES, find, known
from video_translation_client.services._definition import Batch
from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.one_python

PACE = "--initial-wait-time 0.05 --backoff-factor 1 --jitter 0 --min-interval 0"
FAST = PACE.split()
KEY = "hush-key-4711"
VIDEO = "https://results.example/{}/video.mp4"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for each service, and none of what else the environment may hold."""
    for service in known():
        for name, variable in service.variables:
            monkeypatch.delenv(variable, raising=False)
            if name == "api_key":
                monkeypatch.setenv(variable, KEY)


@pytest.fixture
def heygen() -> Iterator[MockServer]:
    """A mock server that speaks as HeyGen does, with a job for each way to end."""
    with MockServer(service="heygen", duration=3600, seed=1) as server:
        server.job("good", duration=0.15)
        server.job("bad", duration=0.15, outcome="error")
        yield server


def command(*words: str) -> list[str]:
    """The command line as a process."""
    return python_command("-m", "video_translation_client", *words)


def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command line to its end; no output of it holds the key."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=PATIENCE, check=False, **settings
    )
    assert KEY not in done.stdout + done.stderr
    return done


def answering(result: Any) -> Fault:
    """What HeyGen answers of a completed job with a result that is no URL."""
    body = {"data": {"status": "completed", "video_url": result}}
    return Fault.http(200, body=json.dumps(body).encode())


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a command line that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    assert KEY not in told.err
    return told.err.splitlines()[-1].partition(" error: ")[2]


def test_jobs_of_a_named_service_are_watched_with_the_key_from_the_environment(
    heygen: MockServer,
) -> None:
    """With --service, all words are job ids but a URL before them, and the key is sent unseen."""
    done = run("watch", "--service", "heygen", heygen.url, "good", "bad", *FAST)
    lines = sorted(untimed(done.stdout).splitlines())
    assert lines[0].startswith("bad: error ('The speech in the video")
    assert lines[1:] == ["bad: pending", "good: completed", "good: pending"]
    assert (done.returncode, done.stderr) == (1, "")
    assert {request.headers["X-Api-Key"] for request in heygen.requests} == {KEY}


def test_json_tells_the_result_of_a_named_service(heygen: MockServer) -> None:
    """With --json, the last line of a completed job has its result, and no line has the key."""
    done = run("watch", "--service=heygen", "--json", heygen.url, "good", *FAST)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["status"], last["result"]) == ("completed", VIDEO.format("good"))


def test_job_ids_of_a_named_service_are_read_from_standard_input(heygen: MockServer) -> None:
    """'-' reads job ids behind the URL of a named service as well."""
    words = ["watch", "--service", "heygen", heygen.url, "-", "--result", *FAST]
    done = run(*words, input="good\n")
    assert (done.returncode, done.stdout) == (0, VIDEO.format("good") + "\n")


# What a program is told: names of arguments, and what to write there.
_FOR_PROGRAMS = re.compile(r"base_url|job_id|api_key|region=|service=|None|\bof your own\b")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nope", "a"],
            f"--service must be one of {', '.join(NAMES)}, not 'nope'; or MODULE:NAME, a ",
        ),
        (["heygen"], "JOB_ID must be given: service 'heygen' has no job without a name"),
        (["heygen", "http://h"], "JOB_ID must be given: service 'heygen' has no job without a"),
        (["heygen", "http://h:x", "a"], "URL must be a URL such as 'http://127.0.0.1:5000', not"),
        (
            ["heygen", "a", "http://h"],
            "URL must start with http:// or https://, and stand before the JOB_IDs",
        ),
        (["heygen", "a" * 70_000], "JOB_ID must fit into a URL: 'aaaaa"),
        (["azure", "a"], "the environment variable AZURE_SPEECH_REGION "),
        (
            ["heygen", f"HTTPS://me:{KEY}@api.elevenlabs.io", "a"],
            "--service and URL contradict each other: api.elevenlabs.io is that of elevenlabs",
        ),
        (
            ["heygen", f"https://me:{KEY}@api.heygen.com/v2", "a"],
            "--service and URL contradict each other: ",
        ),
        (["heygen", "--json", "--result", "a"], "argument --result: not allowed with argument"),
        (["heygen", f"--api-key={KEY}", "a"], "unrecognized arguments: --api-key=***"),
        (["heygen", "--api-key", KEY, "a"], "unrecognized arguments: --api-key"),
        (["heygen", "a", "--jitter", "-1"], "--jitter must be a number, 0 or more, not -1"),
    ],
)
def test_what_contradicts_a_named_service_is_a_usage_error(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the client refuses is told in the words of the command line, with status 2."""
    told = refusal(capsys, "watch", "--service", *words)
    assert told.startswith(message)
    assert not _FOR_PROGRAMS.search(told)


def test_the_url_of_a_known_service_wants_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A URL that is that of a known service is refused without --service, which is named."""
    told = refusal(capsys, "watch", "https://api.heygen.com", "a")
    assert told.startswith("--service must be given")
    assert "heygen" in told.partition(" must ")[2]
    assert not _FOR_PROGRAMS.search(told)


def test_a_missing_key_is_a_usage_error_that_names_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the key, the variable is named and no other way; a bad key is not repeated."""
    monkeypatch.setenv("HEYGEN_API_KEY", f"{KEY} and more")
    told = refusal(capsys, "watch", "--service", "heygen", "a")
    assert told.startswith("the environment variable HEYGEN_API_KEY must be one or more visible")
    monkeypatch.delenv("HEYGEN_API_KEY")
    told = refusal(capsys, "watch", "--service", "heygen", "a")
    assert told.startswith("the environment variable HEYGEN_API_KEY ")
    assert not _FOR_PROGRAMS.search(told)
    monkeypatch.setenv("AZURE_SPEECH_REGION", f"{KEY}/")
    told = refusal(capsys, "watch", "--service", "azure", "a")
    assert told.startswith("the environment variable AZURE_SPEECH_REGION must be letters")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (
            401,
            "; check the key in the service's environment variable, or the credentials in URL",
        ),
        (403, "; check that the key, or the credentials in URL, may see this job"),
        (410, ""),
    ],
)
def test_a_refused_key_is_told_with_advice_for_the_command_line(
    code: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the service rejects says where the command line has the key and the URL from."""
    body = b'{"error": {"message": "bad key", "code": "unauthorized"}}'
    with MockServer(service="heygen") as server:
        server.job("a", faults={1: Fault.http(code, body=body)})
        assert main(["watch", "--service", "heygen", server.url, "a"]) == 3
    told = written(capsys)
    assert told.out.endswith(f"HTTP status {code}: 'bad key' ('unauthorized'){advice})\n")
    assert KEY not in told.out + told.err


def test_results_alone_are_on_standard_output(heygen: MockServer) -> None:
    """With --result, standard output is a URL for each completed job; the rest is told beside."""
    done = run("watch", "--service", "heygen", "--result", heygen.url, "good", "bad", *FAST)
    assert (done.returncode, done.stdout) == (1, VIDEO.format("good") + "\n")
    lines = sorted(untimed(done.stderr).splitlines())
    assert lines[0].startswith("bad: error ('The speech in the video")
    assert lines[1:] == ["bad: pending", "good: completed", "good: pending"]


def test_a_result_is_printed_while_other_jobs_run_and_their_command_is_told(
    heygen: MockServer,
) -> None:
    """A result comes as soon as its job has completed; the printed command asks for the others."""
    words = ["watch", "--result", "--service", "heygen", heygen.url, "good", "never", *FAST]
    process = subprocess.Popen(
        command(*words, "--max-attempts", "none"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == VIDEO.format("good") + "\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    intro, hint = errors.splitlines()[-2:]
    assert intro == "1 job has not ended; don't start (and pay for) it again, keep waiting:"
    assert hint.partition(" watch ")[2] == (
        f"--result --service heygen --max-attempts none {PACE} {heygen.url} never"
    )


def test_the_printed_command_has_no_url_where_none_was_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a URL, the service's own is asked, and the printed command has none either."""
    with MockServer(service="adobe") as proxy:  # that builds no tunnel, so nothing leaves
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("ADOBE_CLIENT_ID", "client-1")
        words = ["--service", "adobe", "--json", "--max-attempts", "1", "--", "job-1", "-2"]
        assert main(["watch", *words]) == 4
    told = written(capsys)
    assert "no answer from https://audio-video-api.adobe.io" in told.out
    assert told.err.splitlines()[-1] == (
        "video-translation-client watch --json --service adobe --max-attempts 1 -- job-1 -2"
    )
    assert KEY not in told.out + told.err


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (["https://h/1", "https://h/2"], ["https://h/1", "https://h/2"]),
        ({"de": "https://h/1", "n": [1]}, ['{"de":"https://h/1","n":[1]}']),
        (["https://h/1", None], ['["https://h/1",null]']),
        (7, ["7"]),
        ("two\nlines\x1b[2J", [r"two\nlines\x1b[2J"]),
    ],
)
def test_a_result_is_a_line_for_each_text_or_json(
    heygen: MockServer, result: Any, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of a list of texts is a line; what is no text is one of JSON; nothing breaks a line."""
    heygen.job("a", faults={1: answering(result)})
    assert main(["watch", "--service", "heygen", "--result", heygen.url, "a"]) == 0
    told = written(capsys)
    assert (told.out.splitlines(), told.err) == (lines, "a: completed\n")


def test_a_list_of_results_is_one_line_each() -> None:
    """A job in several languages gives as many lines."""
    with MockServer(service="elevenlabs", duration=0) as server:
        done = run("watch", "--service", "elevenlabs", "--result", server.url, "a")
    lines = done.stdout.splitlines()
    assert (done.returncode, untimed(done.stderr)) == (0, "a: completed\n")
    assert len(lines) == len(set(lines)) >= 1
    assert all(line.startswith(f"{server.url}/v1/dubbing/a/audio/") for line in lines)


def test_a_completed_job_without_a_result_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a service gives no result, standard output stays empty and a line tells so."""
    with MockServer(service="deepdub", duration=0) as server:
        assert main(["watch", "--service", "deepdub", "--result", server.url, "a\nb"]) == 3
    assert written(capsys) == ("", "a\\nb: completed (without a result)\n")
    with MockServer(duration=0) as server:
        server.job("bad", outcome="error")
        assert main(["watch", "--result", server.url, "a", "bad"]) == 3  # goes before 1
        written(capsys)
        assert main(["watch", "--result", server.url]) == 3
    assert written(capsys) == ("", "completed (without a result)\n")


def test_a_result_that_cannot_be_read_is_told_with_its_reason() -> None:
    """With --result, the exit status tells of it too: a downloader would not miss it."""
    lost = Fault.http(403)
    with MockServer(service="heygen", duration=0.3) as server:
        for name in ("a", "b"):
            server.job(name, faults=dict.fromkeys(range(3, 20), lost))
        words = ["watch", "--service", "heygen", "--result", server.url, "a", "b", *FAST]
        done = run(*words, "--jitter", "0")
    assert (done.returncode, done.stdout) == (3, "")
    assert "HTTP status 403" in done.stderr


def test_the_help_tells_where_keys_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names the variable, and which results want the key, and is 80 columns wide."""
    with pytest.raises(SystemExit):
        main(["watch", "--help"])
    shown = written(capsys).out
    assert "such as\n  HEYGEN_API_KEY" in shown
    assert "There is no option for it" in shown
    assert "the service's own limits\n  and waits hold where you give none" in shown
    names = sorted(service.name for service in known() if service.result_url)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    assert f"The URLs of {listed} want the service's key" in " ".join(shown.split())
    assert max(map(len, shown.partition("examples:")[0].splitlines())) <= 80


def test_services_are_a_line_each_in_a_pipe() -> None:
    """In a pipe, each service is one line of five columns, without spaces inside."""
    done = run("services")
    heading, *lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert heading.split() == ["NAME", "KEY", "BATCH", "PENDING|COMPLETED|ERROR", "SOURCE"]
    rows = [line.split() for line in lines]
    assert [row[0] for row in rows] == list(NAMES)
    assert {len(row) for row in rows} == {5}
    assert [row[4] for row in rows] == [service.source for service in known()]
    assert rows[NAMES.index("azure")][1:4] == [
        "AZURE_SPEECH_KEY,AZURE_SPEECH_REGION",
        "-",
        "NotStarted,Running|Succeeded|Failed,Canceled",
    ]
    assert rows[NAMES.index("heygen")][2] == "100"
    assert rows[NAMES.index("murf")][3].startswith("-|COMPLETED,")
    assert len({line.index("http") for line in lines}) == 1


def test_services_are_an_object_a_line_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, each line is an object with the facts of one service."""
    assert main(["services", "--json"]) == 0
    objects = [json.loads(line) for line in written(capsys).out.splitlines()]
    assert [each["name"] for each in objects] == list(NAMES)
    azure = find("azure")
    assert objects[NAMES.index("azure")] == {
        "name": "azure",
        "base_url": azure.base_url,
        "variables": ["AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"],
        "pending": ["NotStarted", "Running"],
        "completed": ["Succeeded"],
        "error": ["Failed", "Canceled"],
        "batch": None,
        "source": azure.source,
    }
    batch = find("heygen").batch
    assert isinstance(batch, Batch)
    assert objects[NAMES.index("heygen")]["batch"] == batch.limit


@pytest.mark.parametrize("columns", [80, 20])
def test_services_are_a_block_each_on_a_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, each service is a block that fits 80 columns; no URL is ever broken."""

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    written = Terminal()
    monkeypatch.setattr("sys.stdout", written)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["services"]) == 0
    legend, *blocks = written.getvalue().split("\n\n")
    assert legend.startswith("states: pending | completed | error")
    assert [block.split()[0] for block in blocks] == list(NAMES)
    assert [block.split()[-1] for block in blocks] == [service.source for service in known()]
    texts = [line for block in blocks for line in block.splitlines() if "://" not in line]
    assert max(map(len, [legend, *texts])) < 80
    azure = " ".join(blocks[NAMES.index("azure")].split())
    assert "key AZURE_SPEECH_KEY, AZURE_SPEECH_REGION" in azure
    assert "states NotStarted, Running | Succeeded | Failed, Canceled batch - https:" in azure


def test_services_take_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A word behind ``services`` is a usage error."""
    assert refusal(capsys, "services", "heygen") == "unrecognized arguments: heygen"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_results_and_lines_share_a_terminal(heygen: MockServer) -> None:
    """On a terminal without cursor movement, --result writes lines too."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("watch", "--service", "heygen", "--result", heygen.url, "good", *FAST),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(slave)
    drawn = b""
    try:
        while b"mp4\r\n" not in drawn:
            drawn += os.read(master, 65536)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert re.findall(r"[^\r\n]+", untimed(drawn.decode())) == [
        "good: pending",
        "good: completed",
        VIDEO.format("good"),
    ]
