"""The command that keeps waiting: when ``watch`` prints it, and that it works."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from conftest import PATIENCE, python_command, untimed

from video_translation_client.cli import main
from video_translation_client.cli.closing import how_to_resume
from video_translation_client.testing import MockServer

WATCH = ("-m", "video_translation_client", "watch")
ONCE = ("--max-attempts", "1")
ELEVEN = [f"job-{number}" for number in range(11)]


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, whose jobs take an hour."""
    with MockServer(duration=3600) as server:
        yield server


def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs a watch to its end."""
    return subprocess.run(
        python_command(*WATCH, *words),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **settings,
    )


def run_hint(stderr: str) -> subprocess.CompletedProcess[str]:
    """Runs the printed command in a shell, with this Python in place of ``python``."""
    intro, _, script = stderr.partition("\n")
    assert re.search(
        r"not ended; don't start \(and pay for\) (it|them) again, keep waiting:$", intro
    )
    python, program, after = script.partition(" -m video_translation_client")
    assert program
    assert Path(shutil.which(python) or "").samefile(sys.executable)
    return subprocess.run(
        ["sh", "-c", " ".join(map(shlex.quote, python_command(*WATCH[:2]))) + after],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_printed_command_keeps_waiting(server: MockServer) -> None:
    """The command that is printed at the limit, run in a shell, waits for just those jobs."""
    job_ids = ["-dash", "it's", "a b", "$HOME"]
    done = run(*ONCE, server.url, "--", *job_ids)
    assert done.returncode == 4
    for job_id in job_ids:
        server.job(job_id, duration=0)
    again = run_hint(done.stderr)
    assert (again.returncode, again.stderr) == (0, "")
    lines = untimed(again.stdout).splitlines()
    assert sorted(lines) == sorted(f"{each}: completed" for each in job_ids)


def test_many_jobs_are_handed_on_in_a_file(server: MockServer, tmp_path: Path) -> None:
    """More than 10 job ids are in a temporary file of the user alone, whatever they are."""
    job_ids = ["END", "-", "'", "$x", "vidéo", *ELEVEN]
    words = ["--json", *ONCE, server.url, " led", "-"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUTF8": "1"}
    done = run(*words, input="\n".join(job_ids), env=environment, encoding="utf-8")
    assert done.returncode == 4
    (path,) = tmp_path.iterdir()
    assert done.stderr.splitlines()[1].endswith(f" ' led' - < {path}")
    assert len(done.stderr.splitlines()) == 2
    assert path.read_text("utf-8-sig").splitlines() == job_ids
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for job_id in [" led", *job_ids]:
        server.job(job_id, duration=0)
    again = run_hint(done.stderr)
    assert (again.returncode, again.stderr) == (0, "")
    ended = [json.loads(line)["job_id"] for line in again.stdout.splitlines()]
    assert sorted(ended) == sorted([" led", *job_ids])


def test_where_no_file_can_be_made_many_jobs_are_a_here_document(tmp_path: Path) -> None:
    """Its end differs from all job ids."""
    job_ids = ["END", "END_", *ELEVEN]
    text = how_to_resume(["watch"], "http://h", job_ids, folder=tmp_path / "none")
    assert text[0] == (
        "13 jobs have not ended; don't start (and pay for) them again, keep waiting:"
    )
    assert text[1:] == ["watch http://h - <<'END__'", *job_ids, "END__"]


@pytest.mark.skipif(not Path("/dev/shm").exists(), reason="needs a limit of the size of files")
def test_where_the_disk_is_full_no_file_stays(tmp_path: Path) -> None:
    """A file that can't be written whole is removed, and the jobs are printed."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        text = how_to_resume(["watch"], "http://h", ELEVEN, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert text[1] == "watch http://h - <<'END'"
    assert list(tmp_path.iterdir()) == []


def test_the_printed_command_names_the_jobs_in_whatever_can_be_printed(tmp_path: Path) -> None:
    """What the terminal's encoding lacks is written as bytes, and fits no here-document."""
    nowhere = tmp_path / "none"
    text = how_to_resume(["watch"], "http://h", ["é"], "ascii")
    assert text[0].endswith("(and pay for) it again, keep waiting, in bash, zsh or ksh:")
    assert text[1:] == ["watch http://h $'\\303\\251'"]
    assert how_to_resume(["watch"], "http://h", ["é"])[-1].endswith("watch http://h 'é'")
    many = how_to_resume(["watch"], "http://h", ["é", *ELEVEN], "ascii", nowhere)
    assert many[1] == "watch http://h $'\\303\\251' - <<'END'"
    names = [f"é{number}" for number in range(11)]
    assert how_to_resume(["watch"], "h", names, "ascii", nowhere)[-1].endswith(" $'\\303\\25110'")
    unfit = [f"{number}\n" for number in range(11)]
    assert how_to_resume(["watch"], "h", unfit, folder=tmp_path)[-1].endswith(" $'10\\012'")
    assert list(tmp_path.iterdir()) == []
    assert "\x1b" not in "".join(how_to_resume(["watch"], "h", ["a\x1b[2J"]))


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_watch_of_many_jobs(
    server: MockServer, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """Ctrl-C and SIGTERM end it with a status each, and what still runs is told."""
    server.job("good", duration=0.15)
    job_ids = [f"job-{number}" for number in range(1000)]
    process = subprocess.Popen(
        python_command(*WATCH, server.url, "good", *job_ids),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    for _ in range(100):
        process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    intro, command = errors.splitlines()
    assert intro.endswith("them again, keep waiting:")
    (path,) = tmp_path.iterdir()
    assert command.endswith(f" - < {path}")
    assert set(job_ids) <= set(path.read_text().splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_signal_that_comes_twice_at_once_is_one(server: MockServer) -> None:
    """As timeout(1) sends it: to the process, and to its group."""
    process = subprocess.Popen(
        python_command(*WATCH, server.url, "job-1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert errors.endswith(f" watch {server.url} job-1\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_later_signal_ends_a_watch_whose_output_nobody_takes(
    server: MockServer, tmp_path: Path
) -> None:
    """The first one lets it write what it is about to write, which may take forever."""
    process = subprocess.Popen(
        python_command(*WATCH, server.url, *(f"{number}" * 80 for number in range(1000, 3000))),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        process.stdout.read(1)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.3)
        assert process.returncode in (-signal.SIGINT, 130)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_what_a_program_does_with_sigterm_stays_its_business(server: MockServer) -> None:
    """A handler that is there already is neither replaced nor lost."""

    def handler(*_: Any) -> None:
        """Does nothing."""

    before = signal.signal(signal.SIGTERM, handler)
    try:
        server.job("short", duration=0)
        assert main(["watch", server.url, "short"]) == 0
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_printed_command_is_as_loud_as_the_one_before(
    server: MockServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """-v and -q are repeated."""
    for option in ("--verbose", "--quiet"):
        assert main(["watch", option[1:3], *ONCE, server.url, "a"]) == 4
        assert f" watch {option} --max-attempts 1 " in capsys.readouterr().err
