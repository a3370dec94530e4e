"""The pytest fixtures that come with the package."""

from video_translation_client import VideoTranslationClient


def test_the_server_fixture_serves_on_the_clock_fixture(video_translation_server, virtual_clock):
    """A user's test of a half-hour job, in milliseconds."""
    video_translation_server.job("job-1", duration=1800, outcome="error")
    client = VideoTranslationClient(video_translation_server.url, None, 3600, clock=virtual_clock)
    assert client.get_status("job-1") == "error"
    assert virtual_clock.monotonic() >= 1800
