"""The pytest fixtures that come with the package."""

import subprocess
import threading

import pytest
import requests
from conftest import PATIENCE, python_command

from video_translation_client import RejectedError, VideoTranslationClient, testing
from video_translation_client.testing import MockServer


def test_the_server_fixture_serves_on_the_clock_fixture(video_translation_server, virtual_clock):
    """A user's test of a half-hour job, in milliseconds."""
    video_translation_server.job("job-1", duration=1800, outcome="error")
    client = VideoTranslationClient(video_translation_server.url, None, 3600, clock=virtual_clock)
    assert client.get_status("job-1") == "error"
    assert virtual_clock.monotonic() >= 1800


def test_the_client_fixture_is_on_the_clock_of_the_server(
    video_translation_client, video_translation_server, virtual_clock
):
    """Nothing else is needed for a test of jobs that take hours."""
    video_translation_server.job("job-1", duration=6 * 3600)
    futures = video_translation_client.submit_all(["job-1", "job-2"])
    assert [future.result(PATIENCE) for future in futures] == ["completed", "completed"]
    assert 6 * 3600 <= virtual_clock.monotonic() <= 6 * 3600 + 30


def test_the_client_fixture_lets_go_of_what_a_test_leaves_behind(
    video_translation_client, video_translation_server, virtual_clock
):
    """It would be asked for to the end of a day otherwise."""
    video_translation_server.job("job-1", duration=1e9)
    with virtual_clock.paused():
        video_translation_client.submit("job-1")


def test_a_wait_of_real_time_for_a_server_on_a_virtual_clock_fails_with_a_sentence(
    video_translation_server,
):
    """It would wait for its whole limit otherwise, in real seconds, for a job that never ends."""
    client = VideoTranslationClient(video_translation_server.url)
    with pytest.raises(RejectedError) as caught:
        client.get_status("job-1")
    assert str(caught.value).endswith(
        "'this mock server is on a virtual clock that nobody moves, so the job would never end:"
        " pass the same clock= to the client, or move it by hand inside clock.paused()'"
    )
    assert caught.value.status_code == 409
    codes = [request.code for request in video_translation_server.requests]
    assert codes == [200] * (len(codes) - 1) + [409]


def test_it_fails_in_the_words_of_a_service_as_well(virtual_clock):
    """Whatever it calls an error."""
    with MockServer(service="heygen", clock=virtual_clock) as server, VideoTranslationClient(
        server.url, service="heygen", api_key="key", strategy=lambda _: 0.01, min_interval=0
    ) as client, pytest.raises(RejectedError, match="this mock server is on a virtual clock"):
        client.get_status("job-1")


def test_a_real_client_may_ask_for_what_has_ended(video_translation_server):
    """It waits for nothing."""
    video_translation_server.job("job-1", duration=0)
    with VideoTranslationClient(video_translation_server.url) as client:
        assert client.get_status("job-1") == "completed"


def test_a_real_client_may_look_and_have_the_clock_moved_before_the_next_look(
    video_translation_server, virtual_clock
):
    """As a test of what runs every minute does."""
    video_translation_server.job("job-1", duration=60)
    with VideoTranslationClient(video_translation_server.url) as client:
        for status in ("pending", "pending", "completed"):
            assert client.check(["job-1"])["job-1"].status == status
            virtual_clock.advance(30)


def test_a_real_client_may_wait_where_the_clock_is_moved_by_hand(
    video_translation_server, virtual_clock
):
    """Whoever pauses a clock knows that it stands still."""
    with virtual_clock.paused(), VideoTranslationClient(
        video_translation_server.url, initial_wait_time=0.01, jitter=0
    ) as client:
        updates = threading.Semaphore(0)
        future = client.submit("job-1", on_update=lambda status: updates.release())
        for _ in range(3):
            assert updates.acquire(timeout=PATIENCE)
        virtual_clock.advance(60)
        assert future.result(PATIENCE) == "completed"


def test_a_real_client_may_wait_where_another_one_moves_the_clock(
    video_translation_client, video_translation_server, virtual_clock
):
    """Time passes for the jobs of both."""
    video_translation_server.job("job-1", duration=40_000)
    told = []
    with VideoTranslationClient(video_translation_server.url, initial_wait_time=0.01) as client:
        with virtual_clock.paused():
            other = video_translation_client.submit("job-1")
            other.add_update_callback(lambda _: told.append(client.check(["job-2"])["job-2"]))
        assert other.result(PATIENCE) == "completed"
    assert [report.status for report in told[:2]] == ["pending", "pending"]


def test_others_may_ask_as_often_as_they_like(video_translation_server):
    """A user's own code is no client of the library; it may move the clock in between."""
    url = f"{video_translation_server.url}/status/job-1"
    assert [requests.get(url, timeout=PATIENCE).json() for _ in range(3)] == [
        {"result": "pending"}
    ] * 3


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
    wanted = "MockServer needs werkzeug: pip install werkzeug"
    assert last == f"ImportError: {wanted}"


def test_the_testing_package_has_no_other_names():
    """A misspelt one is an AttributeError, as in every module."""
    with pytest.raises(AttributeError, match="has no attribute 'MokServer'"):
        testing.MokServer  # noqa: B018 - the access itself
    assert sorted(testing.__all__) == testing.__all__
