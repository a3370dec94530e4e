"""``watch`` with a service of the user's own: in a module, or described by options."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed, written

from video_translation_client import Service, VideoTranslationClient, Words
from video_translation_client.cli import main
from video_translation_client.services import default_service

pytestmark = pytest.mark.one_python

_ACME = """\
from video_translation_client import Service

ACME = Service("acme", base_url="{url}", path="/jobs/{{job_id}}", status="data.state")
ELSEWHERE = Service("elsewhere", path="/jobs/{{job_id}}", status="data.state")
KEY = "hush"
"""


@contextlib.contextmanager
def answering(*answers: Any) -> Iterator[tuple[str, list[str]]]:
    """Gives the URL of a server that says these one after the other, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(answers[min(len(asked), len(answers)) - 1]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a watch that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(["watch", *words])
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    return told.err.splitlines()[-1].partition(" error: ")[2]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in the current directory; what is imported from there is forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    known = set(sys.modules)
    yield tmp_path / "acme_services.py"
    for name in set(sys.modules) - known:
        del sys.modules[name]


SERVERS = [
    # What it says while a job runs, when it is done, and when it has failed; the options.
    ({"status": "queued"}, {"status": "done"}, {"status": "failed"}, ["--status-field=status"]),
    (
        {"job": {"state": "PROCESSING"}},
        {"job": {"state": "SUCCEEDED"}},
        {"job": {"state": "FAILED", "error": "no speech"}},
        ["--status-field", "job.state"],
    ),
    (  # Celery
        {"task_status": "STARTED", "task_result": None},
        {"task_status": "SUCCESS", "task_result": 1},
        {"task_status": "FAILURE"},
        ["--path=/tasks/{job_id}", "--status-field=task_status"],
    ),
    (  # RunPod
        {"status": "IN_QUEUE"},
        {"status": "COMPLETED"},
        {"status": "TIMED_OUT"},
        ["--path=/v2/abc/status/{job_id}", "--status-field=status"],
    ),
    (  # Google's long-running operations
        {"name": "job-1", "done": False},
        {"name": "job-1", "done": True, "response": {}},
        {"name": "job-1", "done": True, "error": {"message": "no speech"}},
        [
            "--status-field=error && 'error' || done",
            "--pending=false",
            "--completed=true",
            "--path=/v1/operations/{job_id}",
        ],
    ),
    (
        {"code": 0},
        {"code": 1},
        {"code": -1},
        ["--status-field=code", "--pending=0", "--completed=1", "--error=-1"],
    ),
    (
        {"data": {"step": "lip_sync 3/7"}},
        {"data": {"step": "ready"}},
        {"data": {"step": "broken"}},
        ["--status-field=data.step", "--pending=*", "--completed=ready", "--error=broken"],
    ),
    (  # the usual word means something else here
        {"result": "success"},
        {"result": "published"},
        {"result": "withdrawn"},
        ["--pending=success", "--completed=published", "--error=withdrawn"],
    ),
]


@pytest.mark.parametrize(("pending", "done", "failed", "options"), SERVERS)
def test_servers_that_other_people_wrote_are_watched_by_options(
    pending: Any, done: Any, failed: Any, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the status stands, and words that are not the usual ones, are all that is said."""
    fast = ["--interval", "10ms"]
    with answering(pending, done) as (url, asked):
        assert main(["watch", url, "job-1", *options, *fast]) == 0
    assert written(capsys) == ("job-1: pending\njob-1: completed\n", "")
    path = next((word[7:] for word in options if word.startswith("--path=")), "/status/{job_id}")
    assert asked == [path.format(job_id="job-1")] * 2
    with answering(pending, failed) as (url, asked):
        assert main(["watch", url, "job-1", *options, *fast]) == 1
    assert "job-1: error (" in written(capsys).out


def test_the_reason_of_a_failure_stands_beside_the_status_or_at_the_top(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whichever there is."""
    for answer in (
        {"job": {"state": "failed", "error": "no speech"}},
        {"job": {"state": "failed"}, "error": "no speech"},
    ):
        with answering(answer) as (url, _):
            assert main(["watch", url, "job-1", "--status-field", "job.state"]) == 1
        assert written(capsys).out == "job-1: error ('no speech')\n"


def test_a_word_that_is_not_known_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The wait goes on, and says which word it was."""
    with answering({"status": "ready"}) as (url, _):
        words = ["--status-field", "status", "--max-attempts", "2", "--interval", "10ms"]
        assert main(["watch", url, "job-1", *words]) == 4
    assert "timeout (the answer has an unknown status: 'ready'; " in written(capsys).out


def test_a_path_without_a_place_for_a_job_id_is_for_the_one_unnamed_job(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused where jobs have names, and so is a job without one where it has a place."""
    with answering({"result": "done"}) as (url, asked):
        assert main(["watch", url, "--path", "/api/progress?full=1"]) == 0
        assert asked == ["/api/progress?full=1"]
    assert written(capsys).out == "completed\n"
    told = refusal(capsys, url, "job-1", "--path", "/api/progress")
    assert told == "argument --path: must hold {job_id}, as there is a JOB_ID"
    told = refusal(capsys, url, "--path", "/api/{job_id}")
    assert told == "JOB_ID must be given: service 'own' has no job without a name"


def test_the_printed_command_asks_the_same_service(capsys: pytest.CaptureFixture[str]) -> None:
    """All that was said of it is said again."""
    with answering({"status": "going on"}) as (url, _):
        words = ["--path", "/status?id={job_id}", "--status-field", "status", "--pending", "go*"]
        words += ["--pending", "wait", "--completed", "ready", "--error", "broken"]
        assert main(["watch", "--max-attempts", "1", *words, url, "job-1"]) == 4
    assert written(capsys).err.splitlines()[-1] == (
        "video-translation-client watch '--path=/status?id={job_id}' --status-field=status"
        " '--pending=go*' --pending=wait --completed=ready --error=broken --max-attempts 1"
        f" {url} job-1"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--path", "/jobs/{id}"],
            "argument --path: path must hold no other names than job_id, not {id}",
        ),
        (
            ["--path", "jobs/{job_id}"],
            "argument --path: path must be the path of a URL, such as '/status/{job_id}', not 'jo",
        ),
        (["--status-field", "a["], "argument --status-field: status must be a JMESPath expression"),
        (
            ["--completed", "a", "--error", "A"],
            "argument --pending, --completed, --error: error must not hold 'a': completed does",
        ),
        (
            ["--service", "heygen", "--path", "/x"],
            "argument --path: not allowed with argument --service",
        ),
        (
            ["--service", "heygen", "--error", "x"],
            "argument --error: not allowed with argument --service",
        ),
        (
            ["--service", "./acme.py:ACME"],
            "argument --service: ./acme.py:ACME must be MODULE:NAME, such as acme.services:ACME",
        ),
        (["--service", "acme:"], "argument --service: acme: must be MODULE:NAME, such as"),
    ],
)
def test_a_service_that_is_described_wrongly_is_a_usage_error(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option."""
    assert refusal(capsys, "http://127.0.0.1:1", "job-1", *words).startswith(message)


def test_a_service_in_a_module_is_found_from_the_current_directory(tmp_path: Path) -> None:
    """By the installed command as by ``python -m``; it may know itself where it stands."""
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").touch()
    with answering({"data": {"state": "running"}}, {"data": {"state": "done"}}) as (url, asked):
        (package / "services.py").write_text(_ACME.format(url=url))
        words = ["watch", "--service", "acme.services:ACME", "job-1", "--interval", "10ms"]
        installed = tmp_path / "bin" / "command"
        installed.parent.mkdir()
        installed.write_text("from video_translation_client.cli import main; main()")
        for command in (["-m", "video_translation_client", *words], [str(installed), *words]):
            asked.clear()
            done = subprocess.run(
                python_command(*command),
                cwd=str(tmp_path),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert untimed(done.stdout) == "job-1: pending\njob-1: completed\n", done.stderr
            assert (done.returncode, asked) == (0, ["/jobs/job-1"] * 2)


def test_a_service_of_one_s_own_is_repeated_and_may_want_a_url(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the command that is printed; one that does not say where it stands needs it."""
    module.write_text(_ACME.format(url="http://127.0.0.1:1"))
    with answering({"data": {"state": "running"}}) as (url, _):
        words = ["--service", "acme_services:ELSEWHERE", "--max-attempts", "1"]
        assert main(["watch", *words, url, "job-1"]) == 4
    assert written(capsys).err.splitlines()[-1] == (
        "video-translation-client watch --service acme_services:ELSEWHERE --max-attempts 1"
        f" {url} job-1"
    )
    assert refusal(capsys, "--service", "acme_services:ELSEWHERE", "job-1").startswith("URL must")


def test_a_module_that_has_no_such_service_is_told(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With those that it has, or of what type it is; what it holds is not shown."""
    module.write_text(_ACME.format(url="http://127.0.0.1:1"))
    told = refusal(capsys, "--service", "acme_services:ACMEE", "job-1")
    assert told == (
        "argument --service: acme_services:ACMEE is not there; acme_services has ACME, ELSEWHERE"
    )
    told = refusal(capsys, "--service", "acme_services:KEY", "job-1")
    assert told == "argument --service: acme_services:KEY must be a Service, and is a str"
    told = refusal(capsys, "--service", "json:ACME", "job-1")
    assert told == "argument --service: json:ACME is not there; json has no Service at all"


@pytest.mark.parametrize("name", ["acme_nowhere", "json.acme", "acme_nowhere.inside"])
def test_a_module_that_is_not_there_is_told(
    name: str, module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With where it was looked for."""
    missing = name if name.startswith("json") else "acme_nowhere"
    told = refusal(capsys, "--service", f"{name}:ACME", "job-1")
    assert told == (
        f"argument --service: {name}:ACME: there is no module {missing}, neither in"
        f" {module.parent} nor installed"
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("\n1 / 0", "ZeroDivisionError: division by zero ({}, line 2)"),
        ("import acme_missing", "ModuleNotFoundError: No module named 'acme_missing' ({}, line 1)"),
        ("raise SystemExit(0)", "SystemExit: 0 ({}, line 1)"),
        ("(", "SyntaxError: "),
        ("from video_translation_client import Service; Service('')", "ValueError: name must be"),
    ],
)
def test_a_module_that_can_t_be_imported_is_told(
    code: str, message: str, module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what it raised, and where; the process does not end as it says."""
    module.write_text(code)
    told = refusal(capsys, "--service", "acme_services:ACME", "job-1")
    start = "argument --service: acme_services:ACME: the import of acme_services failed: "
    assert told.startswith(start + message.format(module))


def test_a_service_is_one_line_of_python() -> None:
    """Its words are the usual ones, where it says no others."""
    with answering({"state": "in_progress"}, {"state": "Done"}) as (url, asked):
        acme = Service("acme", path="/jobs/{job_id}", status="state")
        with VideoTranslationClient(url, service=acme, initial_wait_time=0.01) as client:
            assert client.get_status("job-1") == "completed"
    assert asked == ["/jobs/job-1"] * 2


def test_the_usual_words_are_known_to_services_of_one_s_own_alone() -> None:
    """The default service has its three, whatever others call them."""
    words = Words()
    for word, meaning in {"queued": "pending", "DONE": "completed", "Cancelled": "error"}.items():
        assert words.meaning(word) == meaning
        assert default_service().words.meaning(word) is None
    assert words.meaning("ready") is None
