"""No answer takes more memory than its limit, wherever in an exchange it comes."""

import gzip
import io
import json
import subprocess
import sys
import zlib

import pytest
import requests
import requests.adapters
import requests.auth
from conftest import PATIENCE, python_command, serving
from raw_server import CLOSE, answering
from werkzeug.wrappers import Request, Response

from video_translation_client import PollError
from video_translation_client._http.bodies import MAX_BODY
from video_translation_client._http.exchange import MAX_ANSWER
from video_translation_client.testing import Fault

COMPLETED = b'{"result": "completed"}'


def padded(size):
    """A valid answer of exactly so many bytes."""
    return COMPLETED + b" " * (size - len(COMPLETED))


def assert_cut_off(future):
    """Asserts that the first poll failed for its size, and the second one went well."""
    assert future.result(PATIENCE) == "completed"
    assert (future.attempts, future.elapsed) == (2, 1)
    assert isinstance(future.last_error, PollError)
    assert f"the answer's body is over {MAX_BODY} bytes" in str(future.last_error)


BOMB = gzip.compress(padded(MAX_BODY + 1))
TOO_BIG = {
    "plain": Fault.http(200, body=padded(MAX_BODY + 1)),
    "gzip": Fault.http(200, {"Content-Encoding": "gzip"}, body=BOMB),
    "deflate": Fault.http(
        200, {"Content-Encoding": "deflate"}, body=zlib.compress(padded(MAX_BODY + 1))
    ),
    "redirect": Fault.http(302, {"Location": "/status/other"}, body=padded(MAX_BODY + 1)),
    "redirect, gzip": Fault.http(
        302, {"Location": "/status/other", "Content-Encoding": "gzip"}, body=BOMB
    ),
    "rejection": Fault.http(404, body=padded(MAX_BODY + 1)),
    "refusal": Fault.http(503, {"Content-Encoding": "gzip"}, body=BOMB),
}


@pytest.mark.parametrize("fault", TOO_BIG.values(), ids=TOO_BIG)
def test_an_answer_of_a_byte_too_much_is_a_failed_poll(server, make_client, fault):
    """Before or after decompression, and whatever else the answer says."""
    server.job("job-1", duration=0, faults={1: fault})
    assert_cut_off(make_client().submit("job-1"))
    assert {request.path for request in server.requests} == {"/status/job-1"}


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_an_answer_of_just_the_limit_is_read(server, make_client, encoding):
    """Also where it takes up less on the way."""
    body, headers = padded(MAX_BODY), {}
    if encoding is not None:
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](body)
        headers = {"Content-Encoding": encoding}
    server.job("job-1", faults={1: Fault.http(200, headers, body=body)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert (future.attempts, future.last_error) == (1, None)


@pytest.mark.parametrize("where", ["challenge", "answer"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_during_digest_authentication_an_answer_too_big_is_a_failed_poll(
    make_client, where, encoding
):
    """Though requests reads the body of a challenge for itself."""
    bodies = []

    @Request.application
    def app(request):
        challenged = request.authorization is None
        big = not bodies and (where == "challenge") == challenged
        body = padded(MAX_BODY + 1) if big else COMPLETED
        if big:
            bodies.append(body)
        response = Response(gzip.compress(body) if encoding == "gzip" else body)
        response.headers["Content-Encoding"] = encoding
        if challenged:
            response.status_code = 401
            response.headers["WWW-Authenticate"] = 'Digest realm="r", nonce="n1", qop="auth"'
        return response

    with serving(app) as url, requests.Session() as session:
        session.auth = requests.auth.HTTPDigestAuth("user", "pass")
        assert_cut_off(make_client(url, session=session).submit("job-1"))
    assert len(bodies) == 1


def test_an_endless_answer_is_cut_off(make_client):
    """It is not waited for, even where it never says how long it is."""

    @Request.application
    def app(request):
        asked.append(request.path)
        if len(asked) > 1:
            return Response(COMPLETED)
        return Response(iter(lambda: b" " * 65536, b""))

    asked = []
    with serving(app) as url:
        assert_cut_off(make_client(url).submit("job-1"))


def filled(words, size):
    """An ordinary answer of exactly so many bytes, most of them in a list."""
    start, end = json.dumps({**words, "list": [""]}).split('""')
    return (start + '"' + "x" * (size - len(start + end) - 2) + '"' + end).encode()


@pytest.mark.parametrize(("size", "kept"), [(65536, True), (65537, False)])
def test_of_an_answer_beyond_max_payload_all_is_read_but_nothing_kept(
    server, make_client, size, kept
):
    """Its status, progress and error are; ``payload`` has the rest, or None."""
    words = {"result": "error", "progress": 0.5, "error": "no sound"}
    server.job("job-1", faults={1: Fault.http(200, body=filled(words, size))})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "error"
    assert (future.report.progress, future.report.error) == (0.5, "no sound")
    assert (future.report.payload is not None) == kept


@pytest.mark.parametrize(("most", "kept"), [(0, False), (20, False), (21, True), (10**9, True)])
def test_max_payload_says_how_much_is_kept(server, make_client, most, kept):
    """In bytes of the body."""
    server.job("job-1", faults={1: Fault.http(200, body=b'{"result": "error"}  ')})
    future = make_client(max_payload=most).submit("job-1")
    assert future.result(PATIENCE) == "error"
    assert (future.report.payload is not None) == kept


@pytest.mark.parametrize("most", [-1, 1.5, "1", None, True])
def test_a_max_payload_that_is_no_number_of_bytes_is_refused(make_client, most):
    """When the client is made."""
    with pytest.raises((TypeError, ValueError), match="^max_payload must be a whole number, 0 or"):
        make_client(max_payload=most)


TOO_MUCH = {
    "values": (b'{"result": "completed", "x": [' + b"[]," * 300_000 + b"0]}", "100000 values"),
    "digits": (b'{"result": "completed", "x": ' + b"7" * 1_000_000 + b"}", "1000 digits"),
}


@pytest.mark.parametrize(("body", "problem"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_json_that_would_cost_too_much_to_decode_is_a_failed_poll(
    server, make_client, body, problem
):
    """It is refused before anything is made of it."""
    server.job("job-1", duration=0, faults={1: Fault.http(200, body=body)})
    future = make_client().submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.attempts == 2
    assert f"more than {problem}" in str(future.last_error)


def test_bytes_that_are_no_text_are_a_failed_poll(server, make_client):
    """Whatever stands around them."""
    server.job("job-1", duration=0, faults={1: Fault.http(200, body=b'{"result": "\xff\xfe\xc3"}')})
    future = make_client().submit("job-1")
    assert (future.result(PATIENCE), future.attempts) == ("completed", 2)
    assert "the answer is not JSON" in str(future.last_error)


def test_a_text_may_have_as_many_digits_as_it_likes(server, make_client):
    """Such as a long job id that an answer repeats."""
    body = b'{"result": "completed", "id": "' + b"7" * 100_000 + b'"}'
    server.job("job-1", faults={1: Fault.http(200, body=body)})
    future = make_client().submit("job-1")
    assert (future.result(PATIENCE), future.last_error) == ("completed", None)


MEASURE = """
import resource
import sys

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import Fault

def peak():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // (1 << 20 if sys.platform == "darwin" else 1 << 10)

client = VideoTranslationClient(sys.argv[1], max_attempts=1)
for job in ["small"] * 16:
    client.get_status(job)
before = peak()
futures = [client.submit(job) for job in sys.argv[2:]]
for future in futures:
    assert future.result() == "timeout"
    assert "the answer's body is over" in str(future.last_error), future.last_error
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak can't be asked for")
@pytest.mark.parametrize("make", [Fault.big, Fault.gzip_bomb])
def test_memory_stays_flat_for_a_gibibyte(server, tmp_path, make):
    """Three such answers at once take a few mebibytes of it."""
    script = tmp_path / "measure.py"
    script.write_text(MEASURE)
    names = ["huge-1", "huge-2", "huge-3"]
    for name in names:
        server.job(name, faults={1: make(1024)})
    grown = subprocess.run(
        python_command(str(script), server.url, *names),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    assert int(grown) < 64


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "chunk size": (CHUNKED, b"1" * 65536),
    "chunk extension": (CHUNKED + b"1;", b"x" * 65536),
    "negative chunk": (CHUNKED + b"-1\r\n", b"x" * 65536),
    "trailer": (CHUNKED + b"0\r\n", b"X-Trailer: 1\r\n" * 4096),
    "long trailer": (CHUNKED + b"0\r\n", b"x" * 65536),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Header: %b\r\n" % (b"x" * 60000)),
    "interim answers": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1024),
}


@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
def test_what_stands_around_a_body_is_bounded_too(make_client, start, piece):
    """Its connection is closed, long before as much was sent as would be felt."""
    sent = []

    def answer(asked):
        asked.send(start)
        while len(sent) * len(piece) < 1 << 28:
            asked.send(piece)
            sent.append(1)
        return CLOSE

    with answering(answer) as server:
        future = make_client(server.url, max_attempts=1).submit("job-1")
        assert future.result(PATIENCE) == "timeout"
        assert isinstance(future.last_error, PollError)
    assert len(sent) * len(piece) < 1 << 25  # of which most is in the buffers of the system


def test_an_answer_too_large_for_its_body_is_said_to_be(make_client):
    """With the limit."""
    start, piece = ENDLESS["headers"]
    with answering(lambda asked: start + piece * 99 + b"Content-Length: 0\r\n\r\n") as server:
        future = make_client(server.url, max_attempts=1).submit("job-1")
        assert future.result(PATIENCE) == "timeout"
        words = f": the answer is over {MAX_ANSWER} bytes, headers and framing included"
        assert words in str(future.last_error)


def test_the_limit_holds_for_the_streams_of_any_adapter(make_client):
    """One that is none of requests' own may give whatever can be read."""
    bodies = [padded(MAX_BODY + 1), COMPLETED]

    class Filed(requests.adapters.BaseAdapter):
        def send(self, request, **settings):
            response = requests.Response()
            response.status_code, response.url, response.request = 200, request.url, request
            response.raw = io.BytesIO(bodies.pop(0))
            return response

        def close(self):
            pass

    session = requests.Session()
    session.mount("http://", Filed())
    assert_cut_off(make_client("http://nowhere.invalid", session=session).submit("job-1"))
