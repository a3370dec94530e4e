"""``watch --learn``: what it remembers and where, what it is told of jobs, and likely ends."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed, written

from video_translation_client.cli import main
from video_translation_client.cli.learning import default_file
from video_translation_client.cli.wording import likely
from video_translation_client.testing import MockServer
from video_translation_client.timing import DurationHistory

FAST = ("--initial-wait-time", "0.05", "--backoff-factor", "1", "--jitter", "0")
FOREVER = ("--max-attempts", "none", "--max-wait-time", "none")
ONCE = ("--max-attempts", "1")

pytestmark = pytest.mark.one_python


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock; its jobs take an hour but for one."""
    with MockServer(duration=3600) as server:
        server.job("short", duration=0.15)
        yield server


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for the state of programs, as the environment tells it."""
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    return folder


def known(path: Path) -> Any:
    """What a history holds."""
    with DurationHistory(path) as history:
        return history.observations("default")


def first_line(*words: str, errors: bool = False) -> str:
    """What ``watch`` writes first, in a process that Ctrl-C then ends."""
    with subprocess.Popen(
        python_command("-m", "video_translation_client", "watch", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    ) as process:
        stream = process.stderr if errors else process.stdout
        assert stream is not None
        line = stream.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
    return untimed(line)


def test_what_jobs_took_is_remembered(
    server: MockServer, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a file it is in the folder for state, and the URL behind --learn is the URL."""
    assert main(["watch", "--learn", server.url, "short", *FAST, "--group", "fast"]) == 0
    assert written(capsys) == ("short: pending\nshort: completed\n", "")
    (took,) = known(state / "video-translation-client" / "durations.sqlite3")
    assert (took.completed, took.group) == (True, "fast")
    assert 0.05 < took.high < 30


def test_a_file_is_attached_by_an_equals_sign(
    server: MockServer, state: Path, tmp_path: Path
) -> None:
    """It is made where there is none; what it knows makes likely ends, in lines and in JSON."""
    file = tmp_path / "new" / "history"
    with DurationHistory(file) as history:
        for _ in range(30):
            history.record(500)
    words = [f"--learn={file}", "--poll-cost", "10", server.url, "film", *FOREVER]
    told = first_line(*words)
    assert re.fullmatch(r"film: pending, likely done in 8 min \([78] to \d+ min\)\n", told)
    pending = json.loads(first_line(*words, "--json", "--age", "200"))
    low, high = pending["eta_range"]
    assert 100 < low < pending["eta"] < high < 1000
    assert 200 < pending["eta"] < 400
    assert not state.exists()


def test_an_end_that_is_overdue_is_not_told(server: MockServer) -> None:
    """Neither as 0 nor as less."""
    words = [server.url, "film", *FOREVER, "--expected", "100", "--age", "120"]
    assert first_line(*words) == "film: pending\n"
    pending = json.loads(first_line(*words, "--json"))
    assert (pending["eta"], pending["eta_range"]) == (None, None)


def test_a_likely_end_is_told_with_results(server: MockServer) -> None:
    """With --result it is on standard error, as all lines are."""
    words = ["--result", server.url, "film", *FOREVER, "--expected", "5000"]
    line = first_line(*words, errors=True)
    assert line == "film: pending, likely done in 83 min (58 to 125 min)\n"


def test_a_job_expected_after_its_wait_is_one_warning(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """For all jobs together, in the words of the command line."""
    jobs = ["a", "b", "c"]
    words = ["--expected", "500", "--age", "100", "--max-wait-time", "60", *ONCE]
    assert main(["watch", server.url, *jobs, *words]) == 4
    errors = written(capsys).err.splitlines()
    (warning,) = (line for line in errors if line.startswith("warning: --expected"))
    assert warning == (
        "warning: --expected and --max-wait-time contradict each other: the job is expected to take"
        " another 400 s, and the wait for it ends after 60 s; raise --max-wait-time"
    )


def test_a_history_that_cannot_be_used_is_one_warning(
    server: MockServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a file that is damaged or of others, or none that can be made: it goes on."""
    damaged, ids, file = tmp_path / "damaged", tmp_path / "ids", tmp_path / "file"
    damaged.write_bytes(bytes(1000))
    ids.write_text("job-1")
    file.write_text("")
    for path, told in (
        (tmp_path, "warning: --learn must be the path of a file, not "),
        (damaged, "warning: the history "),
        (ids, "warning: --learn must not be a file of another kind, as "),
        (file / "history", "warning: the history "),
    ):
        assert main(["watch", f"--learn={path}", server.url, "short", *FAST]) == 0
        output = written(capsys)
        assert output.out.endswith("short: completed\n")
        (line,) = output.err.splitlines()
        assert line.startswith(told)


def test_the_printed_command_keeps_what_is_known_of_jobs(
    server: MockServer, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It learns as well, and the age of the jobs has grown."""
    file = tmp_path / "a history"
    hints = ["--expected", "3600", "--group=-a b", "--age", "5.2"]
    for learn in ([f"--learn={file}", "--poll-cost", "7"], ["--learn"]):
        words = ["watch", *learn, server.url, "film", *hints, "--max-wait-time", "none", *ONCE]
        assert main(words) == 4
        command = shlex.split(written(capsys).err.splitlines()[-1])
        words = command[command.index("watch") :]
        assert words[1] == learn[0]
        assert ("--poll-cost=7" in words) == (len(learn) > 1)
        assert {"--expected=3600", "--group=-a b", "--max-attempts"} < set(words)
        (age,) = (word for word in words if word.startswith("--age="))
        assert 5 <= int(age[6:]) < 60
        assert main(words) == 4
        written(capsys)


def test_the_printed_command_learns_nothing_where_nothing_was_asked_for(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no option that was not given."""
    assert main(["watch", server.url, "film", *ONCE]) == 4
    assert (
        written(capsys).err.splitlines()[-1].endswith(f" watch --max-attempts 1 {server.url} film")
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--poll-cost", "3"], "argument --poll-cost: only with --learn\n"),
        (["--learn", "--poll-cost", "0"], "--poll-cost must be a number above 0, not 0\n"),
        (["--expected", "soon"], "--expected must be a number above 0, not 'soon'"),
        (["--age", "-1"], "--age must be a number, 0 or more, not -1\n"),
        (["--group", ""], "--group must not be empty\n"),
    ],
)
def test_a_bad_option_is_told(
    server: MockServer,
    state: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message names the option as it is written, and nothing is made or asked for."""
    with pytest.raises(SystemExit) as caught:
        main(["watch", server.url, "film", *words])
    assert caught.value.code == 2
    assert f"watch: error: {message}" in written(capsys).err
    assert not server.requests
    assert not state.exists()


def test_the_place_of_a_history_is_that_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative XDG_STATE_HOME is ignored, as its specification has it."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    file = Path("video-translation-client", "durations.sqlite3")
    for environment, windows, folder in (
        ({"XDG_STATE_HOME": str(tmp_path / "s")}, False, tmp_path / "s"),
        ({"XDG_STATE_HOME": "s", "LOCALAPPDATA": "/t"}, False, tmp_path / ".local/state"),
        ({}, False, tmp_path / ".local/state"),
        ({"LOCALAPPDATA": str(tmp_path / "l")}, True, tmp_path / "l"),
        ({"XDG_STATE_HOME": "/s"}, True, tmp_path / "AppData/Local"),
    ):
        assert default_file(environment, windows=windows) == folder / file


@pytest.mark.parametrize(
    ("estimate", "short", "long"),
    [
        ((0.0, 0.2, 1.4), "1 s", "0 to 1 s"),
        ((20.0, 50.0, 99.0), "50 s", "20 to 99 s"),
        ((20.0, 99.0, 130.0), "99 s", "0 to 2 min"),
        ((120.0, 240.0, 400.0), "4 min", "2 to 7 min"),
        ((3600.0, 9000.0, 20_000.0), "150 min", "1 to 6 h"),
        ((86400.0, 3 * 86400.0, 4 * 86400.0), "3 days", "1 to 4 days"),
    ],
)
def test_a_likely_end_has_the_unit_that_suits_it(
    estimate: tuple[float, float, float], short: str, long: str
) -> None:
    """Whole numbers of it, as all of it is a guess."""
    assert likely(estimate) == (
        f"likely done in {short}",
        f"likely done in {short} ({long})",
    )
