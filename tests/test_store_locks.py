"""A store that is open keeps its locks, whatever else this process does with the file."""

from __future__ import annotations

import subprocess

from conftest import PATIENCE, python_command

from video_translation_client import VideoTranslationClient
from video_translation_client.store import Store
from video_translation_client.testing import MockServer

OTHER = """
import sys
from video_translation_client import VideoTranslationClient
with VideoTranslationClient(sys.argv[1], store=sys.argv[2]) as client:
    client.submit("job-2").cancel()
"""


def test_a_look_at_the_file_takes_no_lock_away(tmp_path):
    """Another process that comes and goes does not take itself for the last one."""
    path, program = tmp_path / "waits.sqlite3", tmp_path / "other.py"
    program.write_text(OTHER)
    with MockServer(duration=3600) as server, VideoTranslationClient(
        server.url, store=path
    ) as client:
        client.submit("job-1")
        assert [wait.job_id for wait in Store(path).waits()] == ["job-1"]
        command = python_command(str(program), server.url, str(path))
        subprocess.run(command, check=True, timeout=PATIENCE)
        client.submit("job-3")
        assert [wait.job_id for wait in Store(path).waits()] == ["job-1", "job-3"]
        client.shutdown(cancel_futures=True)
    assert [wait.job_id for wait in Store(path).waits()] == ["job-1", "job-3"]
