"""Any job id stays one percent-encoded segment of the path."""

import pytest

pytestmark = pytest.mark.one_python

JOB_IDS = [
    "plain-1_2.3~4",
    "with/slash",
    "../up",
    "...",
    "a/../b",
    "query?key=1&b=2",
    "part#2",
    "two words",
    " ",
    "100%",
    "%2F",
    "plus+plus",
    "semi;colon,comma",
    "ümlaut-日本-😀",
    "line\nend\tand\x00nul",
    "back\\slash",
    "http://example.com/",
    "x" * 10_000,
]


@pytest.mark.parametrize("job_id", JOB_IDS, ids=ascii)
def test_any_other_job_id_reaches_the_service_unchanged(server, make_client, job_id):
    """Slashes, question marks, spaces, non-ASCII, dots inside, ten thousand characters."""
    server.job(job_id, duration=0)
    future = make_client().submit(job_id)
    assert future.result() == "completed"
    assert future.job_id == job_id
    assert [request.job_ids for request in server.requests] == [(job_id,)]
    assert server.requests[0].query == ""


@pytest.mark.parametrize("prefix", ["", "/", "/api/v1", "/api/v1/"])
def test_paths_are_appended_to_the_base_url(server, make_client, prefix):
    """With or without a slash at its end."""
    from video_translation_client import RejectedError

    future = make_client(server.url + prefix).submit("a/b")
    if prefix.strip("/"):
        with pytest.raises(RejectedError, match="404"):
            future.result()
    else:
        future.cancel()
        make_client(server.url + prefix, max_attempts=1).get_status("a/b")
    paths = {request.path for request in server.requests}
    assert paths == {prefix.rstrip("/") + "/status/a/b"}
