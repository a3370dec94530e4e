"""``watch --store``, ``resume`` and ``waits``: what a file keeps, and how it goes on."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import PATIENCE, communicate_after, python_command, untimed, written

from video_translation_client import VideoTranslationClient
from video_translation_client.cli import main
from video_translation_client.cli.following import Follower, Waits
from video_translation_client.cli.lines import Lines
from video_translation_client.store import Store
from video_translation_client.testing import Fault, MockServer, ResultFile

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals, and no such signals", allow_module_level=True)

from terminals import Terminal, terminals

PROGRAM = ("-m", "video_translation_client")
LONG = ("--max-attempts", "none", "--max-wait-time", "2h", "--backoff-factor", "1")
EVERY_SECOND = ("--initial-wait-time", "1")
# Not as the service has it: what is resumed keeps to the pause that it was in.
AT_ONCE = ("--min-interval", "0")
RARELY = ("--initial-wait-time", "25")


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, whose jobs take an hour."""
    with MockServer(duration=3600, seed=1) as server:
        yield server


@pytest.fixture
def heygen(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockServer]:
    """The same in HeyGen's language, whose key is in the environment."""
    monkeypatch.setenv("HEYGEN_API_KEY", "the-key")
    with MockServer(service="heygen", duration=3600, seed=1) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The path of a file that is not there."""
    return str(tmp_path / "waits.sqlite3")


def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command line to its end."""
    return subprocess.run(
        python_command(*PROGRAM, *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **settings,
    )


def watching(store: str, *words: str, lines: int = 1) -> subprocess.Popen[str]:
    """Starts a watch with the file, and waits for its first lines."""
    process = subprocess.Popen(
        python_command(*PROGRAM, "watch", "--store", store, *LONG, *EVERY_SECOND, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    return process


def interrupted(store: str, *words: str, lines: int = 1) -> str:
    """Has a watch with the file interrupted; returns its closing words."""
    process = watching(store, *words, lines=lines)
    _, errors = communicate_after(signal.SIGINT, process)
    assert process.returncode == 130
    return errors


def run_hint(errors: str) -> subprocess.CompletedProcess[str]:
    """Runs the printed command in a shell, with this Python in place of ``python``."""
    _, program, after = errors.partition(" -m video_translation_client")
    assert program
    return subprocess.run(
        ["sh", "-c", " ".join(map(shlex.quote, python_command(*PROGRAM))) + after],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def listed(store: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What ``waits --json`` tells."""
    assert main(["waits", "--store", store, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def wait_until_written(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Waits until each wait's first poll stands in the file, as answers are written in groups."""
    while any(wait["attempts"] == 0 for wait in listed(store, capsys)):
        """Reading the file takes a moment."""


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Runs a command line that is wrong, and returns the last line about it."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    told = written(capsys)
    assert (caught.value.code, told.out) == (2, "")
    return told.err.splitlines()[-1].partition(" error: ")[2]


def test_after_ctrl_c_the_printed_command_goes_on(server: MockServer, store: str) -> None:
    """It names the file in place of the jobs, and repeats what is no limit of a wait."""
    errors = interrupted(store, "--json", server.url, "a", "b", lines=2)
    intro, command = errors.splitlines()
    assert intro == (
        f"2 jobs have not ended, and {store} keeps what is known; don't start (and pay for) them"
        " again, keep waiting:"
    )
    options = f"--json --store={store} --initial-wait-time 1 --backoff-factor 1"
    assert command.endswith(f" resume {options} {server.url}")
    server.job("a", duration=0)
    server.job("b", duration=0, outcome="error")
    done = run_hint(errors)
    ends = {each["job_id"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, done.stderr) == (1, "")
    assert {name: end["status"] for name, end in ends.items()} == {"a": "completed", "b": "error"}
    assert all(end["attempts"] > 1 for end in ends.values())


def test_what_a_killed_process_waited_for_goes_on(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file alone is named; the service's place is in it."""
    process = watching(store, server.url, "a")
    process.kill()
    process.communicate()
    server.job("a", duration=0)
    done = run("resume", "--store", store)
    assert (done.returncode, done.stderr) == (0, "")
    assert untimed(done.stdout).splitlines()[-1] == "a: completed"
    assert main(["resume", "--store", store]) == 0
    assert written(capsys) == ("", f"Nothing waits in {store}.\n")


def test_a_resumed_wait_keeps_its_limits(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the command that is printed then begins a new one, as the old one is over."""
    interrupted(store, server.url, "a", "--max-attempts", "2")
    done = run("resume", "--store", store)
    last = untimed(done.stdout).splitlines()[-1]
    assert done.returncode == 4
    assert last.startswith("a: timeout (still running after 2 polls in ")
    assert done.stderr.splitlines()[-1].endswith(f" watch --store={store} {server.url} a")
    assert listed(store, capsys) == []


def test_the_printed_command_of_a_limit_keeps_waiting_with_the_file(
    server: MockServer, store: str
) -> None:
    """The wait is over, so it is begun anew."""
    done = run(
        "watch", "--store", store, "--account", "mine", server.url, "a", *("--max-attempts", "1")
    )
    assert done.returncode == 4
    options = f"--store={store} --account=mine --max-attempts 1"
    assert done.stderr.splitlines()[-1].endswith(f" watch {options} {server.url} a")
    server.job("a", duration=0)
    again = run_hint(done.stderr)
    assert (again.returncode, untimed(again.stdout)) == (0, "a: completed\n")


def test_waits_lists_what_waits_and_what_is_known(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first that was submitted first, their ids whole, and whether a process has them."""
    name = "a-very-long-id-" * 10
    server.job("half", progress=True)
    server.job(name, faults={1: Fault.http(503)})
    process = watching(store, server.url, "half", "other", *RARELY, lines=2)
    also = subprocess.Popen(
        python_command(*PROGRAM, "watch", "--store", store, *LONG, *RARELY, server.url, name),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert also.stderr is not None
    assert "HTTP status 503" in also.stderr.readline()
    communicate_after(signal.SIGINT, also)
    wait_until_written(store, capsys)
    assert main(["waits", "--store", store]) == 0
    about, heading, *rows = written(capsys).out.splitlines()
    assert about == f"default at {server.url}:"
    assert heading.split() == [
        *("JOB_ID", "SINCE", "STATUS", "PROGRESS", "POLLS", "NEXT_POLL", "PROCESS", "LAST_ERROR")
    ]
    half, other, down = (row.split(maxsplit=7) for row in rows)
    since = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.fullmatch(rf"half {since} pending 0% 1 \d\d?s yes -", " ".join(half))
    assert re.fullmatch(rf"other {since} pending - 1 \d\d?s yes -", " ".join(other))
    assert down[0] == name
    assert [down[2], down[4], down[6], down[7]] == ["-", "1", "no", "HTTP status 503"]
    objects = listed(store, capsys)
    assert [each["job_id"] for each in objects] == ["half", "other", name]
    assert objects[0] == {
        "job_id": "half",
        "service": "default",
        "base_url": server.url,
        "account": "",
        "submitted_at": objects[0]["submitted_at"],
        "elapsed": objects[0]["elapsed"],
        "attempts": 1,
        "status": "pending",
        "progress": objects[0]["progress"],
        "next_poll": objects[0]["next_poll"],
        "last_error": None,
        "done": False,
        "is_waited_for": True,
    }
    assert 0 <= objects[0]["progress"] < 0.1
    communicate_after(signal.SIGINT, process)
    assert [each["is_waited_for"] for each in listed(store, capsys)] == [False, False, False]


def test_an_end_that_nobody_was_told_of_is_told(
    server: MockServer, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands in the list till then."""
    server.job(duration=0)
    program = tmp_path / "program.py"
    program.write_text(
        "import concurrent.futures, sys\n"
        "from video_translation_client import VideoTranslationClient\n"
        "client = VideoTranslationClient(sys.argv[1], store=sys.argv[2])\n"
        "concurrent.futures.wait([client.submit()])\n"
        "client.shutdown()\n"
    )
    words = python_command(str(program), server.url, store)
    subprocess.run(words, check=True, timeout=PATIENCE)
    (wait,) = listed(store, capsys)
    assert (wait["job_id"], wait["status"], wait["done"]) == (None, "completed", True)
    main(["waits", "--store", store])
    assert written(capsys).out.splitlines()[-1].split()[2] == "completed"
    done = run("resume", "--store", store)
    assert (done.returncode, untimed(done.stdout)) == (0, "completed\n")
    assert listed(store, capsys) == []
    assert len(server.requests) == 1


def test_an_end_is_told_once(server: MockServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Though it is heard of, and stands in the wait that is taken in later."""
    server.job("a", duration=0)
    follower = Follower(Lines())
    client = VideoTranslationClient(server.url, on_event=follower.hear)
    future = client.submit("a")
    client.shutdown()
    board = follower.follow(client, Waits(["a"], lambda _: [future]))
    assert board.exit_status == 0
    assert written(capsys).out == "a: completed\n"


def test_waits_of_several_services_are_resumed_one_by_one(
    server: MockServer, heygen: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is said by its name, its place, or the account."""
    interrupted(store, server.url, "a")
    interrupted(store, *AT_ONCE, "--service", "heygen", heygen.url, "h")
    interrupted(store, "--account", "two", server.url, "b")
    told = refusal(capsys, "resume", "--store", store)
    assert told == (
        f"{store} keeps waits of default at {server.url}; heygen at {heygen.url}; default at"
        f" {server.url}, account two: say which with --service, URL or --account"
    )
    assert main(["waits", "--store", store]) == 0
    tables = written(capsys).out.split("\n\n")
    assert [table.splitlines()[0] for table in tables] == [
        f"default at {server.url}:",
        f"heygen at {heygen.url}:",
        f"default at {server.url}, account two:",
    ]
    heygen.job("h", duration=0)
    assert main(["resume", "--store", store, "--service", "heygen"]) == 0
    assert written(capsys).out.splitlines()[-1] == "h: completed"
    server.job("b", duration=0)
    words = ["resume", "--store", store, "--account", "two"]
    done = run(*words, server.url)
    assert done.returncode == 0
    assert untimed(done.stdout).splitlines()[-1] == "b: completed"
    assert refusal(capsys, *words, server.url) == (
        f"{store} keeps no such waits, but those of default at {server.url}"
    )
    assert [each["job_id"] for each in listed(store, capsys)] == ["a"]


def test_a_service_by_name_is_read_from_the_file_and_its_key_is_not(
    heygen: MockServer,
    store: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes from the environment, as always."""
    errors = interrupted(store, *AT_ONCE, "--service", "heygen", heygen.url, "h")
    assert f" resume --service heygen --store={store} " in errors
    assert b"the-key" not in b"".join(path.read_bytes() for path in Path(store).parent.iterdir())
    with monkeypatch.context() as without:
        without.delenv("HEYGEN_API_KEY")
        assert "HEYGEN_API_KEY" in refusal(capsys, "resume", "--store", store)
    heygen.job("h", duration=0)
    assert main(["resume", "--store", store]) == 0
    assert written(capsys).out.splitlines()[-1] == "h: completed"


def test_a_service_of_the_users_own_is_described_again(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file has its name alone; the printed command has the rest."""
    errors = interrupted(store, "--path", "/status/{job_id}", server.url, "a")
    told = refusal(capsys, "resume", "--store", store)
    assert told.startswith(f"{store} keeps waits of own at {server.url}, which is not known by")
    server.job("a", duration=0)
    done = run_hint(errors)
    assert done.returncode == 0
    assert untimed(done.stdout).splitlines()[-1] == "a: completed"


def test_what_another_process_waits_for_is_left_to_it(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its end is not known here, so the exit status is that of jobs that may still run."""
    process = watching(store, server.url, "a", "b", lines=2)
    assert main(["resume", "--store", store]) == 4
    told = written(capsys)
    assert told == ("", "2 jobs are waited for by another process, and left to it.\n")
    communicate_after(signal.SIGINT, process)


def test_what_dies_meanwhile_is_taken_over(server: MockServer, store: str) -> None:
    """By a process that resumes and still has something to wait for."""
    interrupted(store, server.url, "mine")
    other = watching(store, server.url, "theirs")
    resuming = subprocess.Popen(
        python_command(*PROGRAM, "resume", "--store", store, "--initial-wait-time", "0.2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert resuming.stdout is not None
    assert untimed(resuming.stdout.readline()) == "mine: pending\n"
    other.kill()
    other.communicate()
    assert untimed(resuming.stdout.readline()) == "theirs: pending\n"
    server.job("theirs", duration=0)
    assert untimed(resuming.stdout.readline()) == "theirs: completed\n"
    _, errors = communicate_after(signal.SIGINT, resuming)
    assert resuming.returncode == 130
    assert errors.splitlines()[0] == "1 job is waited for by another process, and left to it."


@pytest.mark.parametrize("command", ["waits", "resume"])
def test_a_file_that_is_not_there_is_not_made(
    command: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a mistake, and no file without waits."""
    told = refusal(capsys, command, "--store", store)
    assert told == f"argument --store: there is no file {store}"
    assert not Path(store).exists()


@pytest.mark.parametrize("words", [["waits"], ["resume"], ["watch", "http://127.0.0.1:9", "a"]])
def test_a_file_that_cannot_be_used_is_told(
    words: list[str], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And left as it is."""
    Path(store).write_bytes(b"something else altogether, and longer than a header" * 100)
    told = refusal(capsys, *words, "--store", store)
    assert told.startswith("--store must not be a file of another kind")
    assert store in told
    assert Path(store).read_bytes().startswith(b"something else")


@pytest.mark.parametrize("words", [["waits"], ["resume"], ["watch", "http://127.0.0.1:9", "a"]])
def test_a_damaged_file_is_told(
    words: list[str], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of the database."""
    Store(store)
    content = Path(store).read_bytes()
    Path(store).write_bytes(content[:100] + b"damaged" * (len(content) // 7))
    told = refusal(capsys, *words, "--store", store)
    assert told.startswith(f"argument --store: the store {store!r} can't be used: ")


def test_a_file_without_waits_says_so(
    server: MockServer, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, where no table is looked for."""
    server.job("a", duration=0)
    assert run("watch", "--store", store, server.url, "a").returncode == 0
    for words in ([], ["--json"]):
        assert main(["waits", "--store", store, *words]) == 0
        assert written(capsys) == ("", f"Nothing waits in {store}.\n")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["watch", "http://127.0.0.1:9", "a", "--account", "x"],
            "argument --account: only with --store",
        ),
        (["waits"], "the following arguments are required: --store"),
        (["resume"], "the following arguments are required: --store"),
        (["resume", "--store", "x", "--age=5"], "unrecognized arguments: --age="),
        (["resume", "--store", "x", "--max-attempts=5"], "unrecognized arguments: --max-"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than do nothing."""
    assert refusal(capsys, *words).startswith(problem)


def test_an_interrupted_download_is_resumed(server: MockServer, store: str, tmp_path: Path) -> None:
    """As nobody was told of the end of its job."""
    server.job("a", duration=0, result=ResultFile(seconds=600))
    words = ["--output-dir", str(tmp_path / "videos"), server.url, "a", "b"]
    errors = interrupted(store, *words)
    assert f" resume --store={store} --output-dir {tmp_path / 'videos'} " in errors
    for name in ("a", "b"):
        server.job(name, duration=0, result=name.encode())
    done = run_hint(errors)
    assert (done.returncode, done.stderr) == (0, "")
    files = {path.name: path.read_text() for path in (tmp_path / "videos").iterdir()}
    assert files == {"a.mp4": "a", "b.mp4": "b"}


def test_no_end_is_lost_of_which_a_line_was_not_written(server: MockServer, store: str) -> None:
    """However many the killed process had heard of already."""
    names = [f"{number:03}" * 300 for number in range(200)]
    for name in names:
        server.job(name, duration=0)
    process = watching(store, server.url, *names, lines=0)
    assert process.stdout is not None
    first = process.stdout.readline()  # and more than a pipe takes is still to come
    process.kill()
    rest = process.stdout.read()
    process.communicate()
    done = run("resume", "--store", store)
    assert done.returncode == 0
    before, after = (
        {line.partition(":")[0] for line in untimed(text).splitlines()}
        for text in (first + rest, done.stdout)
    )
    assert len(after) > 50
    assert before | after >= set(names)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Makes terminals with a process each."""
    with terminals() as make:
        yield make


def test_on_a_terminal_resume_shows_what_watch_does(
    server: MockServer, store: str, terminal: Callable[..., Terminal]
) -> None:
    """With what was known already, from the first frame on."""
    server.job("film", progress=True, duration=3600)
    interrupted(store, server.url, "film", "other", lines=2)
    words = ["--store", store, "--max-interval", "0.2", "--initial-wait-time", "0.2"]
    shown = terminal(*PROGRAM, "resume", *words, columns=200)
    shown.read_until(lambda: re.search(r"film .* 0% .*1 poll", shown.plain))
    server.job("film", duration=0)
    server.job("other", duration=0)
    assert shown.end() == 0
    film, other, totals = [line for line in shown.lines if line]
    assert re.match(r"✓ film   completed  after \d", film)
    assert other.startswith("✓ other  completed  after ")
    assert totals.startswith("0 pending, 2 completed, 0 error")


def test_on_a_terminal_waits_is_a_table(
    server: MockServer,
    store: str,
    terminal: Callable[..., Terminal],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One column below the other."""
    process = watching(store, server.url, "film", "a-longer-name", lines=2)
    wait_until_written(store, capsys)
    communicate_after(signal.SIGINT, process)
    shown = terminal(*PROGRAM, "waits", "--store", store)
    assert shown.end() == 0
    about, heading, film, other = [line for line in shown.lines if line]
    assert about == f"default at {server.url}:"
    column = heading.index("STATUS")
    assert film[column:].startswith("pending")
    assert other[column:].startswith("pending")
    assert all(len(line) <= 99 for line in (heading, film, other))


@pytest.mark.parametrize("is_replaced", [False, True])
def test_where_the_file_is_lost_the_printed_command_has_the_ids(
    server: MockServer, store: str, is_replaced: bool
) -> None:
    """And a warning says why, as no view does."""
    process = watching(store, server.url, "a", "b", lines=2)
    for file in Path(store).parent.glob(f"{Path(store).name}*"):
        file.unlink()
    if is_replaced:
        Path(store).write_text("no database")
    assert process.stderr is not None
    warning = process.stderr.readline()
    assert warning.startswith(f"Warning: the store {store!r} can't be used: it was deleted, or ")
    assert warning.endswith("; waits go on in memory\n")
    _, errors = communicate_after(signal.SIGINT, process)
    assert " watch " in errors.splitlines()[-1]
    assert errors.splitlines()[-1].endswith(" a b")


def test_on_a_terminal_a_warning_comes_after_what_is_drawn(
    server: MockServer, store: str, terminal: Callable[..., Terminal]
) -> None:
    """It would break into it."""
    words = ["--store", store, *LONG, "--max-interval", "0.2", "--initial-wait-time", "0.2"]
    shown = terminal(*PROGRAM, "watch", *words, server.url, "film", columns=200)
    shown.read_until(lambda: re.search(r"film .*[2-9] polls", shown.plain))
    for file in Path(store).parent.glob(f"{Path(store).name}*"):
        file.unlink()
    shown.read_until(lambda: Path(store).exists())  # made anew, after the warning
    server.job("film", duration=0)
    assert shown.end() == 0
    film, *_, warning = [line for line in shown.lines if line]
    assert film.startswith("\u2713 film")
    assert warning.startswith("Warning: the store ")
