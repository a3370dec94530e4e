"""What may be pickled, and sent to another process: values and errors, never a wait."""

import pickle

import pytest
import requests
from conftest import PATIENCE

from video_translation_client import (
    ExponentialBackoff,
    PollError,
    RejectedError,
    Service,
    Status,
    StatusReport,
    VideoTranslationError,
)
from video_translation_client.testing import Fault

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def test_a_client_refuses_and_says_what_to_do(make_client):
    """It has threads and connections, so each process makes its own."""
    with pytest.raises(TypeError, match="can't be pickled: make one in each process"):
        pickle.dumps(make_client())


def test_a_future_refuses_and_says_why(make_client):
    """Nobody in another process would end it."""
    with pytest.raises(TypeError, match="can't be pickled: it waits in its own process alone"):
        pickle.dumps(make_client().submit("job-1"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", [VideoTranslationError, PollError, RejectedError])
def test_an_error_keeps_its_kind_words_and_attributes(kind, protocol):
    """A process pool hands errors over so."""
    error = kind("job 'job-1': HTTP status 503", "job-1", 503)
    error.retry_after = 7.5
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert (copy.job_id, copy.status_code, copy.retry_after) == ("job-1", 503, 7.5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        Status.TIMEOUT,
        StatusReport(Status.ERROR, "error", 0.5, {"url": "u"}, "codec", {"result": "error"}, 3.0),
        Service("acme", path="/v1/videos/{job_id}"),
        ExponentialBackoff(1.0, 3.0, 0.25, 20.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_equal(value, protocol):
    """Settings and answers are plain values."""
    copy = pickle.loads(pickle.dumps(value, protocol))
    assert type(copy) is type(value)
    assert copy == value


@pytest.mark.parametrize("where", ["api_key", "url", "header", "auth", "cookie"])
@pytest.mark.parametrize(
    "fault",
    [Fault.http(503, {"Retry-After": "2"}), Fault.http(401), Fault.drop(), Fault.not_json()],
    ids=lambda fault: fault.kind,
)
def test_the_error_of_a_poll_takes_no_secret_with_it(server, make_client, where, fault):
    """Neither as it is nor encoded, though the request was full of them."""
    server.job("job-1", faults={1: fault})
    settings = {}
    with requests.Session() as session:
        if where == "api_key":
            settings["api_key"] = "hush"
        elif where == "url":
            settings["base_url"] = server.url.replace("//", "//user:hush@")
        elif where == "header":
            session.headers["X-Token"] = "hush"
        elif where == "auth":
            session.auth = ("user", "hush")
        else:
            session.cookies.set("token", "hush")
        client = make_client(session=session, max_attempts=1, **settings)
        future = client.submit("job-1")
        error = future.exception(PATIENCE) or future.last_error
    assert sent(server.requests[0], "hush")
    data = pickle.dumps(error)
    assert b"hush" not in data
    assert b"dXNlcjpodXNo" not in data
    copy = pickle.loads(data)
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert (copy.job_id, copy.status_code) == ("job-1", error.status_code)
    assert getattr(copy, "retry_after", None) == getattr(error, "retry_after", None)


def sent(request, secret):
    """Whether a header of the request held the secret, plain or as basic authentication."""
    values = " ".join(request.headers.values())
    return secret in values or "dXNlcjpodXNo" in values
