"""urllib3-future, which niquests puts in the place of urllib3: clients work as with urllib3."""

import pytest
import urllib3
from conftest import PATIENCE

from video_translation_client.testing import Fault

pytestmark = pytest.mark.skipif(
    not hasattr(urllib3, "AsyncPoolManager"), reason="urllib3 is urllib3 itself"
)


def test_a_request_that_hangs_is_aborted_and_the_client_ends(server, make_client):
    """As with urllib3: at the end of its time, and when the client is shut down."""
    server.job("job-1", duration=0, faults={1: Fault.drip(10**6)})
    client = make_client()
    future = client.submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert "no whole answer within 10 s" in str(future.last_error)
    client.shutdown()
