"""The pytest fixtures that come with the package."""

import subprocess

import pytest
from conftest import PATIENCE, python_command

import video_translation_client.testing
from video_translation_client import VideoTranslationClient


def test_the_server_fixture_serves_on_the_clock_fixture(video_translation_server, virtual_clock):
    """A user's test of a half-hour job, in milliseconds."""
    video_translation_server.job("job-1", duration=1800, outcome="error")
    client = VideoTranslationClient(video_translation_server.url, None, 3600, clock=virtual_clock)
    assert client.get_status("job-1") == "error"
    assert virtual_clock.monotonic() >= 1800


def test_without_its_extra_the_server_says_what_to_install_and_the_clock_works(tmp_path):
    """Only the server needs werkzeug."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys; sys.modules['werkzeug'] = None\n"
        "from video_translation_client.testing import MockService, VirtualClock\n"
        "MockService(clock=VirtualClock())\n"
        "from video_translation_client.testing import MockServer\n"
    )
    done = subprocess.run(
        python_command(str(program)), stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    last = done.stderr.decode().splitlines()[-1]
    wanted = "MockServer needs werkzeug: pip install 'video-translation-client[testing]'"
    assert last == f"ImportError: {wanted}"


def test_the_testing_package_has_no_other_names():
    """A misspelt one is an AttributeError, as in every module."""
    with pytest.raises(AttributeError, match="has no attribute 'MokServer'"):
        video_translation_client.testing.MokServer  # noqa: B018 - the access itself
    assert sorted(video_translation_client.testing.__all__) == (
        video_translation_client.testing.__all__
    )
