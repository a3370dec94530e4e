"""The files that a mock server gives for finished jobs: over the socket, as anybody gets them."""

import pytest
import requests
from test_mock_service import ask

from video_translation_client.testing import JobScript, MockServer, MockService, ResultFile

CONTENT = bytes(range(256)) * 10


@pytest.fixture
def url_of(server):
    """Scripts a job and returns the URL of its result."""

    def script(result, job_id="job-1"):
        server.job(job_id, duration=0, result=result)
        return requests.get(f"{server.url}/status/{job_id}", timeout=30).json()["url"]

    return script


def test_the_url_of_a_result_gives_a_file(url_of):
    """With its length, its type and a tag."""
    answer = requests.get(url_of(CONTENT), timeout=30)
    assert answer.content == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Type"] == "video/mp4"


def test_a_part_of_a_file_may_be_asked_for(url_of):
    """From some byte on, of the version that the tag names."""
    url = url_of(CONTENT)
    tag = requests.get(url, timeout=30).headers["ETag"]
    rest = requests.get(url, headers={"Range": "bytes=100-", "If-Range": tag}, timeout=30)
    assert (rest.status_code, rest.content) == (206, CONTENT[100:])
    for headers in (
        {"Range": "bytes=100-", "If-Range": '"other"'},
        {"Range": "bytes=9999999-"},
        {"Range": "bytes=-5"},
    ):
        assert requests.get(url, headers=headers, timeout=30).content == CONTENT


def test_a_url_expires(url_of, clock):
    """And is not to be made up."""
    url = url_of(ResultFile(CONTENT, expires=60))
    assert requests.get(url, timeout=30).status_code == 200
    for other in (
        url.replace("job-1", "job-2"),
        url.replace("expires=60.0", "expires=600.0"),
        url.replace("expires=60.0", "expires=never"),
    ):
        assert requests.get(other, timeout=30).status_code == 403
    clock.advance(60)
    assert requests.get(url, timeout=30).status_code == 403


def test_a_file_may_want_a_key(url_of):
    """Any will do."""
    url = url_of(ResultFile(CONTENT, needs_key=True))
    assert requests.get(url, timeout=30).status_code == 401
    for headers in ({"Authorization": "Bearer x"}, {"x-api-key": "x"}):
        assert requests.get(url, headers=headers, timeout=30).content == CONTENT


def test_a_file_may_take_time(url_of, clock):
    """Which is that of the server's clock."""
    before = clock.monotonic()
    assert requests.get(url_of(ResultFile(CONTENT, seconds=80)), timeout=30).content == CONTENT
    assert clock.monotonic() == before + 80


@pytest.mark.parametrize("content", [CONTENT, b"x"])
def test_a_file_may_be_cut_off(url_of, content):
    """As often as the script says."""
    url = url_of(ResultFile(content, cut_off=1))
    try:
        got = requests.get(url, timeout=30).content
    except requests.RequestException:
        got = b""
    assert len(got) < len(content)  # urllib3 before 2 takes half of it for all
    assert requests.get(url, timeout=30).content == content


def test_a_job_without_a_result_has_no_url(server):
    """Nor has one that runs, or that failed."""
    server.job("none", duration=0)
    server.job("runs", duration=10, result=CONTENT)
    server.job("bad", duration=0, outcome="error", result=CONTENT)
    for job_id in ("none", "runs", "bad"):
        assert "url" not in requests.get(f"{server.url}/status/{job_id}", timeout=30).json()


def test_a_request_for_a_file_is_no_poll(url_of, server):
    """It is among the requests all the same."""
    requests.get(url_of(CONTENT), timeout=30)
    assert [len(request.polls) for request in server.requests] == [1, 0]
    assert server.requests[-1].path == "/results/video.mp4"


def test_an_app_without_a_socket_breaks_off_by_an_error():
    """What the WSGI server makes of that is its own business."""
    app = MockService(duration=0, result=ResultFile(CONTENT, cut_off=1))
    _, answer = ask(app, "/status")
    path = answer["url"].partition("/results")[2]
    with pytest.raises(ConnectionAbortedError, match="cut off"):
        ask(app, f"/results{path}")
    _, answer = ask(app, "/status", HTTP_HOST="example.com:80")
    assert answer["url"].startswith("http://example.com:80/results/")


@pytest.mark.parametrize("service", ["elevenlabs", "camb"])
def test_the_files_of_a_service_want_its_key(service):
    """Where it documents that."""
    path = {"elevenlabs": "/v1/dubbing/id/audio/es", "camb": "/dub-result/1"}[service]
    header = {"elevenlabs": "xi-api-key", "camb": "x-api-key"}[service]
    with MockServer(service=service, duration=0, result=CONTENT) as server:
        assert requests.get(server.url + path, timeout=30).status_code == 401
        answer = requests.get(server.url + path, headers={header: "x"}, timeout=30)
    assert answer.status_code == {"elevenlabs": 403, "camb": 404}[service]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResultFile("x"), "content must be bytes, not 'x'"),
        (lambda: ResultFile(seconds=-1), "seconds must be a number, 0 or more, not -1"),
        (lambda: ResultFile(cut_off=-1), "cut_off must be a whole number"),
        (lambda: ResultFile(expires=0), "expires must be a number above 0"),
        (lambda: ResultFile(needs_key=1), "needs_key must be True or False, not 1"),
        (lambda: JobScript(result="x"), "result must be a ResultFile, bytes or None, not 'x'"),
        (lambda: MockService(result=5), "result must be a ResultFile, bytes or None, not 5"),
    ],
)
def test_a_bad_value_is_refused(make, message):
    """By its name."""
    with pytest.raises((TypeError, ValueError), match=message):
        make()
