"""``video-translation-client watch --output-dir``: what completes is downloaded."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from conftest import serving, written
from test_command_watch import FAST, interrupt_after, run, start

from video_translation_client.cli import main
from video_translation_client.cli.exit_status import ExitStatus
from video_translation_client.testing import MockServer, ResultFile

FILM = b"film" * 1000


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A mock server on the real clock, whose jobs complete at once."""
    with MockServer(duration=0, result=FILM) as server:
        yield server


@pytest.fixture
def watch(
    server: MockServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a watch that downloads into ``tmp_path / "films"``."""

    def run(*words: str) -> tuple[int, str, str]:
        directory = str(tmp_path / "films")
        status = main(["watch", server.url, "--output-dir", directory, *FAST, *words])
        return (status, *written(capsys))

    return run


def test_what_completes_is_downloaded(
    watch: Callable[..., tuple[int, str, str]], server: MockServer, tmp_path: Path
) -> None:
    """The line of a job names its file; one that failed has none."""
    server.job("bad", outcome="error")
    status, out, _ = watch("job-1", "../../job-2", "bad")
    first = tmp_path / "films" / "job-1.mp4"
    assert status == ExitStatus.FAILED
    assert f"job-1: completed ({first})" in out.splitlines()
    assert first.read_bytes() == FILM
    assert len([*(tmp_path / "films").iterdir()]) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["films"]


def test_json_has_the_path(
    watch: Callable[..., tuple[int, str, str]], server: MockServer, tmp_path: Path
) -> None:
    """In the job's last line; null where there is none."""
    server.job("bad", outcome="error")
    _, out, _ = watch("--json", "job-1", "bad")
    paths = {line["job_id"]: line["path"] for line in map(json.loads, out.splitlines())}
    assert paths == {"job-1": str(tmp_path / "films" / "job-1.mp4"), "bad": None}


def test_one_that_can_t_be_downloaded_is_told(
    watch: Callable[..., tuple[int, str, str]], server: MockServer
) -> None:
    """The reason is in its line, and the printed command does it once more."""
    server.job("job-1", result=ResultFile(FILM, needs_key=True))
    status, out, errors = watch("job-1", "job-2")
    assert status == ExitStatus.REJECTED
    assert "job-1: completed (its video could not be downloaded from http" in out
    intro, command = errors.splitlines()
    assert intro.startswith("1 job has not ended, or not been downloaded; don't start")
    assert command.endswith(" job-1")
    server.job("job-1")
    done = run("watch", *shlex.split(command.partition(" watch ")[2]))
    assert done.returncode == ExitStatus.COMPLETED


def test_a_job_without_a_url_is_told_and_not_asked_for_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To try once more would change nothing, so no command is printed."""
    with MockServer(duration=0) as bare:
        status = main(["watch", bare.url, "job-1", "--output-dir", str(tmp_path)])
    told = written(capsys)
    assert (status, told.err) == (ExitStatus.REJECTED, "")
    assert "job-1: completed (service 'default' gives no URL of its video)" in told.out


def test_a_directory_that_can_t_be_made_is_refused(
    server: MockServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="2"):
        main(["watch", server.url, "job-1", "--output-dir", str(tmp_path / "file")])
    assert "argument --output-dir: " in capsys.readouterr().err
    assert not server.requests


def test_a_disk_that_takes_nothing_is_told(
    watch: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """In the line of each job that it was for."""
    (tmp_path / "films" / "job-1.mp4").mkdir(parents=True)
    status, out, _ = watch("job-1")
    assert status == ExitStatus.REJECTED
    assert "job-1: completed (a file can't be written: " in out
    assert [one.name for one in (tmp_path / "films").iterdir()] == ["job-1.mp4"]


def test_each_language_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of a job's are downloaded, and JSON has a list of them."""

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        start_response("200 OK", [])
        urls = '["/a.mp4", "/b.mp4"]'
        return [f'{{"result": "completed", "url": {urls}}}'.encode()]

    with serving(app) as url:
        assert main(["watch", url, "job-1", "--json", "--output-dir", str(tmp_path)]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["path"] == [str(tmp_path / f"job-1.{number}.mp4") for number in (1, 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_ctrl_c_ends_downloads(server: MockServer, tmp_path: Path) -> None:
    """Nothing of them is left, and the printed command has their jobs."""
    server.job("job-1", result=ResultFile(FILM, seconds=600))
    words = ["--output-dir", str(tmp_path / "films"), *FAST]
    status, errors = interrupt_after(1, start("watch", server.url, "job-2", "job-1", *words))
    assert status == ExitStatus.INTERRUPTED
    assert errors.splitlines()[-1].endswith(" job-1")
    assert [one.name for one in (tmp_path / "films").iterdir()] == ["job-2.mp4"]
