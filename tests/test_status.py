"""The words for how a job stands."""

import json
import pickle

import pytest

from video_translation_client import Status, StatusReport

pytestmark = pytest.mark.one_python


@pytest.mark.parametrize("word", ["pending", "completed", "error", "timeout"])
def test_a_status_is_its_plain_word_wherever_it_is_used(word):
    """It compares, prints, formats, hashes and serializes as the word on every Python."""
    status = Status(word)
    assert status == word
    assert str(status) == f"{status}" == "%s" % status == word  # noqa: UP031 - both ways
    assert f"{status:>10}" == word.rjust(10)
    assert {status: 1}[word] == 1
    assert json.dumps({"status": status}) == json.dumps({"status": word})
    assert pickle.loads(pickle.dumps(status)) is status


def test_a_report_cannot_be_changed():
    """It is what the service said at one moment."""
    report = StatusReport(Status.PENDING, "pending")
    with pytest.raises(AttributeError):
        report.status = Status.COMPLETED
    assert (report.progress, report.result, report.error, report.payload) == (None,) * 4
