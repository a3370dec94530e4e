"""What a failure keeps: its words and its root, no request, no answer, no traceback."""

import pytest
import requests
from conftest import PATIENCE

from video_translation_client.testing import Fault


def chain(error):
    """An error and all that is chained to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "fault",
    [
        Fault.drop(),
        Fault.drop_midway(),
        Fault.not_json(),
        Fault.big(2),
        Fault.http(503),
        Fault.redirect("http://example.invalid/"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_failure_keeps_no_request_no_answer_and_no_traceback(server, make_client, fault):
    """100,000 waits behind a broken server would keep them all, and the secrets in them."""
    server.job("job-1", duration=0, faults={1: fault})
    future = make_client(api_key="hush").submit("job-1")
    failure = future.exception(PATIENCE) or future.last_error
    for error in chain(failure):
        assert error is failure or error.__traceback__ is None
        assert not isinstance(error, (requests.RequestException, ValueError))


def test_a_failure_tells_its_root(server, make_client):
    """What the operating system said is chained."""
    future = make_client("http://127.0.0.1:1", max_attempts=1).submit("job-1")
    future.result(PATIENCE)
    assert isinstance(future.last_error.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("proxy", ["http://user:hush@proxy:99999", "http:///hush"])
def test_what_a_proxy_is_called_stays_out_of_it(make_client, monkeypatch, caplog, proxy):
    """Its URL may hold credentials."""
    monkeypatch.setenv("http_proxy", proxy)
    future = make_client("http://example.invalid", max_attempts=1).submit("job-1")
    failure = future.exception(PATIENCE) or future.last_error
    assert failure is not None
    assert "hush" not in "".join(map(str, chain(failure))) + caplog.text
