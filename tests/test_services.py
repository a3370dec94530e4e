"""The services known by name, each against the answers that its documentation shows.

All that is expected here is written by hand: nothing is taken from the presets.
"""

from __future__ import annotations

import ast
import itertools
import logging
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import PATIENCE, serving

from video_translation_client import (
    JobNotFoundError,
    PollError,
    RejectedError,
    VideoTranslationClient,
    services,
)
from video_translation_client.testing import Fault, MockServer

pytestmark = pytest.mark.one_python

KEY = "key-0123456789"
LOGGER = "video_translation_client"


class Documented(NamedTuple):
    """What a service's documentation says.

    Attributes:
        base_url: Where it stands.
        target: What is asked for ``job-1``.
        headers: What has to be sent.
        pending: Words, the first of which comes first, and
        working: the answer with one, as WORD.
        completed: Words, and
        done: the answer with one.
        result: What that gives; BASE is the base URL.
        error: Words.
        errors: Answers with one, and the text and the code that they tell.
        variables: Arguments that a client needs besides the key.
    """

    base_url: str
    target: str
    headers: dict[str, str]
    pending: tuple[str, ...]
    working: str
    completed: tuple[str, ...]
    done: str
    result: Any
    error: tuple[str, ...]
    errors: tuple[tuple[str, str | None, str | None], ...]
    variables: dict[str, str] = {}  # noqa: RUF012 - never changed


SERVICES = {
    "heygen": Documented(
        "https://api.heygen.com",
        "/v3/video-translations/job-1",
        {"x-api-key": KEY},
        ("pending", "running"),
        '{"data": {"id": "job-1", "status": "WORD", "video_url": null, "failure_message": null}}',
        ("completed",),
        '{"data": {"id": "job-1", "status": "WORD", "failure_message": null,'
        ' "video_url": "https://files.heygen.example/v.mp4?Expires=1&Signature=s",'
        ' "audio_url": "https://files.heygen.example/a.mp3",'
        ' "srt_caption_url": "https://files.heygen.example/c.srt"}}',
        "https://files.heygen.example/v.mp4?Expires=1&Signature=s",
        ("failed",),
        (
            (
                '{"data": {"status": "WORD", "failure_message": "No speech was found."}}',
                "No speech was found.",
                None,
            ),
            ('{"data": {"status": "WORD", "failure_message": null}}', None, None),
        ),
    ),
    "elevenlabs": Documented(
        "https://api.elevenlabs.io",
        "/v1/dubbing/job-1",
        {"xi-api-key": KEY},
        ("queued", "preparing", "dubbing"),
        '{"dubbing_id": "job-1", "name": "a", "status": "WORD", "target_languages": ["es", "fr"]}',
        ("dubbed",),
        '{"dubbing_id": "job-1", "name": "a", "status": "WORD", "target_languages": ["es", "fr"],'
        ' "media_metadata": {"content_type": "video/mp4", "duration": 127.5}}',
        ["BASE/v1/dubbing/job-1/audio/es", "BASE/v1/dubbing/job-1/audio/fr"],
        ("failed",),
        (
            (
                '{"dubbing_id": "job-1", "status": "WORD", "error": "The file has no audio."}',
                "The file has no audio.",
                None,
            ),
        ),
    ),
    "azure": Documented(
        "https://westeurope.api.cognitive.microsoft.com/videotranslation",
        "/translations/job-1?api-version=2025-05-20",
        {"Ocp-Apim-Subscription-Key": KEY},
        ("NotStarted", "Running"),
        '{"id": "job-1", "status": "Succeeded", "latestIteration": {"status": "WORD"}}',
        ("Succeeded",),
        '{"id": "job-1", "status": "Succeeded", "latestIteration": {"status": "WORD", "result":'
        ' {"translatedVideoFileUrl": "https://files.azure.example/v.mp4?sig=s"}}}',
        "https://files.azure.example/v.mp4?sig=s",
        ("Failed", "Canceled"),
        (
            (
                '{"latestIteration": {"status": "WORD", "failureReason": "The file is wrong."}}',
                "The file is wrong.",
                None,
            ),
            (
                '{"id": "job-1", "status": "WORD", "failureReason": "The locale is wrong."}',
                "The locale is wrong.",
                None,
            ),
        ),
        {"region": "westeurope"},
    ),
    "sync": Documented(
        "https://api.sync.so",
        "/v2/generate/job-1",
        {"x-api-key": KEY},
        ("PENDING", "PROCESSING"),
        '{"id": "job-1", "status": "WORD", "outputUrl": null, "error": null}',
        ("COMPLETED",),
        '{"id": "job-1", "status": "WORD", "outputUrl": "https://files.sync.example/v.mp4"}',
        "https://files.sync.example/v.mp4",
        ("FAILED", "REJECTED"),
        (
            (
                '{"status": "WORD", "error": "No face.", "error_code": "no_face"}',
                "No face.",
                "no_face",
            ),
            (
                '{"status": "WORD", "error": "No face.", "errorCode": "noFace"}',
                "No face.",
                "noFace",
            ),
        ),
    ),
    "synthesia": Documented(
        "https://api.synthesia.io",
        "/v2/dubbing/job-1",
        {"Authorization": KEY},
        ("uploading", "in_progress"),
        '{"id": "job-1", "status": "WORD", "dubbedAssets": [{"status": "IN_PROGRESS"}]}',
        ("complete",),
        '{"id": "job-1", "status": "WORD", "dubbedAssets": [{"status": "COMPLETE"}]}',
        None,
        ("error",),
        (
            (
                '{"status": "WORD", "errorCode": "no_speech", "dubbedAssets": []}',
                "no_speech",
                "no_speech",
            ),
        ),
    ),
    "murf": Documented(
        "https://api.murf.ai",
        "/v1/murfdub/jobs/job-1/status",
        {"api-key": KEY},
        (),
        '{"job_id": "job-1", "status": "WORD"}',
        ("COMPLETED", "partially completed", "PARTIALLY_COMPLETED"),
        '{"job_id": "job-1", "status": "WORD", "download_details": ['
        '{"locale": "fr_FR", "download_url": "https://files.murf.example/fr.mp4"},'
        ' {"locale": "es_ES", "download_url": "https://files.murf.example/es.mp4"}]}',
        ["https://files.murf.example/fr.mp4", "https://files.murf.example/es.mp4"],
        ("FAILED", "failed"),
        (
            (
                '{"status": "WORD", "failure_reason": "Too long.", "failure_code": "TOO_LONG"}',
                "Too long.",
                "TOO_LONG",
            ),
        ),
    ),
    "deepdub": Documented(
        "https://dubbing.deepdub.app",
        "/dubbing/job/job-1",
        {"x-api-key": KEY},
        ("INTAKE_VALIDATION", "CASTING", "PARKED_REQUEST", "PARKED_REQUEST_CLIENT", "QC"),
        '{"status": "WORD"}',
        ("DELIVERED_TO_CLIENT", "REDELIVERED_TO_CLIENT"),
        '{"status": "WORD"}',
        None,
        ("INTAKE_FAILED", "FAILURE", "CLIENT_REFIX_REJECTED"),
        (('{"status": "WORD"}', None, None),),
    ),
    "camb": Documented(
        "https://client.camb.ai/apis",
        "/dub/job-1",
        {"x-api-key": KEY},
        ("PENDING",),
        '{"status": "WORD", "run_id": null}',
        ("SUCCESS",),
        '{"status": "WORD", "run_id": 6422}',
        "BASE/dub-result/6422",
        ("ERROR", "TIMEOUT", "PAYMENT_REQUIRED"),
        (
            ('{"status": "WORD", "exception_reason": "No credits."}', "No credits.", None),
            ('{"status": "WORD", "message": "It took too long."}', "It took too long.", None),
        ),
    ),
    "vozo": Documented(
        "https://api.vozo.ai",
        "/v1/media/translate/job-1",
        {"Authorization": f"Bearer {KEY}"},
        ("queuing", "preprocessing", "transcribing", "translating", "dubbing", "rendering"),
        '{"id": "job-1", "status": "WORD", "result": null}',
        ("done",),
        '{"status": "WORD", "result": {"video_url": "https://files.vozo.example/v.mp4"}}',
        "https://files.vozo.example/v.mp4",
        ("failed",),
        (
            ('{"status": "WORD", "err_message": "No voice.", "err_code": 30}', "No voice.", "30"),
            ('{"status": "WORD", "err_message": "No voice.", "err_code": "E3"}', "No voice.", "E3"),
        ),
    ),
    "d-id": Documented(
        "https://api.d-id.com",
        "/translations/job-1",
        {"Authorization": f"Basic {KEY}"},
        ("created", "validating", "ready"),
        '{"id": "job-1", "status": "WORD"}',
        ("done",),
        '{"id": "job-1", "status": "WORD", "result_url": "https://files.d-id.example/v.mp4?s=1"}',
        "https://files.d-id.example/v.mp4?s=1",
        ("error", "rejected"),
        (('{"id": "job-1", "status": "WORD"}', None, None),),
    ),
    "adobe": Documented(
        "https://audio-video-api.adobe.io",
        "/v1/status/job-1",
        {"Authorization": f"Bearer {KEY}", "x-api-key": "client-1"},
        ("pending", "running"),
        '{"jobId": "job-1", "status": "WORD"}',
        ("succeeded", "partially_succeeded"),
        '{"jobId": "job-1", "status": "WORD"}',
        None,
        ("failed",),
        (('{"jobId": "job-1", "status": "WORD"}', None, None),),
        {"client_id": "client-1"},
    ),
}

HEYGEN_NULL = '{"data": {"status": "completed", "video_url": null}}'
HEYGEN_DONE = '{"data": {"status": "completed", "video_url": "https://files.heygen.example/v"}}'
HEYGEN_PENDING = '{"data": {"status": "running"}}'


def done(name):
    """The answer for a completed job."""
    return SERVICES[name].done.replace("WORD", SERVICES[name].completed[0])


def each(field):
    """The pairs of a service and one of its words."""
    return [(name, word) for name, facts in SERVICES.items() for word in getattr(facts, field)]


@pytest.fixture
def connect(clock, provider):
    """Makes clients of it that know it by a name; chance is no part of their waits."""
    with serving(provider) as url:
        clients = []

        def make(name, base_url=url, **settings):
            variables = dict(SERVICES[name].variables)
            if name == "azure":
                del variables["region"]  # which is a part of the URL alone
            clients.append(
                VideoTranslationClient(
                    base_url,
                    service=name,
                    api_key=KEY,
                    clock=clock,
                    random=lambda: 0.0,
                    **{**variables, **settings},
                )
            )
            return clients[-1]

        make.url = url
        yield make
        for client in clients:
            client.shutdown(cancel_futures=True)


def warnings_of(caplog):
    """What the library has logged that somebody should look at."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == LOGGER and record.levelno >= logging.WARNING
    ]


def test_the_table_here_and_the_names_there_are_of_the_same_services():
    """So that none goes without a test."""
    assert sorted(SERVICES) == sorted(services.NAMES)


@pytest.mark.parametrize("name", SERVICES)
def test_without_a_base_url_it_stands_where_its_documentation_says(name):
    """Nobody has to look it up."""
    client = VideoTranslationClient(service=name, api_key=KEY, **SERVICES[name].variables)
    assert repr(client) == f"<VideoTranslationClient {SERVICES[name].base_url}>"


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_asked_as_its_documentation_says(provider, connect, name):
    """With its path and query, its key in its own header, and nothing in the place of it."""
    provider.tell(done(name))
    assert connect(name).get_status("job-1") == "completed"
    (request,) = provider.requests
    assert (request.method, request.target) == ("GET", SERVICES[name].target)
    for header, value in SERVICES[name].headers.items():
        assert request.headers[header.lower()] == value
    assert sum(KEY in value for value in request.headers.values()) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_job_id_stays_one_segment_of_its_path(provider, connect, name):
    """Slashes and question marks don't ask for something else."""
    provider.tell(done(name))
    connect(name).get_status("../a b?c=é/1")
    expected = SERVICES[name].target.replace("job-1", "..%2Fa%20b%3Fc%3D%C3%A9%2F1")
    assert provider.requests[0].target == expected


@pytest.mark.parametrize(("name", "word"), each("pending"))
def test_while_it_works_its_words_mean_pending(provider, connect, caplog, name, word):
    """The wait goes on, and nobody is warned of a word that is documented."""
    provider.tell(SERVICES[name].working.replace("WORD", word), done(name))
    seen = []
    future = connect(name).submit("job-1", on_update=seen.append)
    assert future.result(PATIENCE) == "completed"
    assert (seen, future.attempts) == (["pending", "completed"], 2)
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(("name", "word"), each("completed"))
def test_once_it_is_done_the_result_is_where_its_documentation_says(
    provider, connect, caplog, name, word
):
    """A URL, several, the URL of a second request, or none, from the very first answer."""
    facts = SERVICES[name]
    provider.tell(facts.done.replace("WORD", word))
    future = connect(name).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    expected = facts.result
    if isinstance(expected, str):
        expected = expected.replace("BASE", connect.url)
    elif expected is not None:
        expected = [url.replace("BASE", connect.url) for url in expected]
    assert (future.report.result, future.report.state) == (expected, word)
    assert (future.report.error, future.report.error_code, future.reason) == (None, None, None)
    assert future.attempts == 1
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("name", ["heygen", "elevenlabs", "azure", "sync", "camb", "vozo", "d-id"])
def test_a_job_that_has_not_completed_has_no_result(provider, connect, name):
    """Neither while it runs nor when it has failed: there is nothing to fetch."""
    facts = SERVICES[name]
    provider.tell(
        facts.working.replace("WORD", facts.pending[0]),
        facts.errors[0][0].replace("WORD", facts.error[0]),
    )
    client = connect(name)
    results = []
    future = client.submit("job-1", on_update=lambda _: results.append(future.report.result))
    assert future.result(PATIENCE) == "error"
    assert [*results, future.report.result] == [None, None, None]


@pytest.mark.parametrize("name", SERVICES)
def test_capital_letters_make_no_difference_to_its_words(provider, connect, caplog, name):
    """Services are not consistent in them."""
    provider.tell(SERVICES[name].done.replace("WORD", SERVICES[name].completed[0].swapcase()))
    assert connect(name).get_status("job-1") == "completed"
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("name", "word", "body", "text", "code"),
    [
        (name, word, *form)
        for name, facts in SERVICES.items()
        for word, form in itertools.product(facts.error, facts.errors)
    ],
)
def test_a_job_that_fails_ends_as_an_error_with_the_reason_where_there_is_one(
    provider, connect, name, word, body, text, code
):
    """Its text and its code, of which the future's reason is made."""
    provider.tell(body.replace("WORD", word))
    future = connect(name).submit("job-1")
    assert future.result(PATIENCE) == "error"
    report = future.report
    assert (report.state, report.error, report.error_code) == (word, text, code)
    if text is None:
        assert future.reason == f"the service reported {word!r} and gave no reason"
    elif code is None or code == text:
        assert future.reason == repr(text)
    else:
        assert future.reason == f"{text!r} ({code!r})"


UNKNOWN = sorted(set(SERVICES) - {"deepdub"})


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_word_that_is_not_documented_means_pending_and_is_warned_of_once(
    provider, connect, caplog, name
):
    """Once a word, not once a poll or job; what it is and what it counts as is told."""
    facts = SERVICES[name]
    words = ["brand_new", "brand_new", "BRAND_NEW", "newer_still", "brand_new"]
    bodies = [facts.working.replace("WORD", word) for word in words]
    provider.tell(*bodies, done(name))
    client = connect(name, max_attempts=None, max_wait_time=None)
    future = client.submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.attempts == 6
    warned = warnings_of(caplog)
    assert warned == [
        f"service {name!r} has a status that is not known, {word!r}: it counts as pending"
        for word in ("brand_new", "newer_still")
    ]
    provider.requests.clear()
    assert client.get_status("job-2") == "completed"
    assert warnings_of(caplog) == warned


def test_azure_has_translated_nothing_before_an_iteration_has(provider, connect):
    """A translation that was created, or a new iteration of a finished one, is still to be done."""
    provider.tell(
        '{"id": "job-1", "status": "Running"}',
        '{"id": "job-1", "status": "Succeeded", "latestIteration": null}',
        '{"id": "job-1", "status": "Succeeded", "latestIteration": {"status": "Running"},'
        ' "latestSucceededIteration": {"status": "Succeeded", "result":'
        ' {"translatedVideoFileUrl": "https://files.azure.example/old.mp4"}}}',
        done("azure"),
    )
    states = []
    future = connect("azure").submit("job-1")
    future.add_update_callback(lambda future: states.append(future.report.state))
    assert future.result(PATIENCE) == "completed"
    assert states[-3:] == ["NotStarted", "Running", "Succeeded"]
    assert len(provider.requests) == 4
    assert future.report.result == SERVICES["azure"].result


def test_deepdub_has_no_word_that_is_not_known(provider, connect, caplog):
    """Its documentation leaves no word but five that ends a job."""
    provider.tell('{"status": "ANYTHING_ELSE"}', done("deepdub"))
    assert connect("deepdub").get_status("job-1") == "completed"
    assert warnings_of(caplog) == []


MISSING = [
    *((name, (404, '{"message": "not found"}')) for name in SERVICES),
    *((name, (404, "")) for name in SERVICES),
    ("azure", (204, "")),
    ("heygen", (200, '{"error": {"code": "video_not_found", "message": "No such video."}}')),
    ("heygen", (400, '{"error": {"code": "resource_not_found", "message": "No such id."}}')),
]


@pytest.mark.parametrize(("name", "missing"), MISSING)
def test_a_job_that_it_does_not_know_may_appear_for_thirty_seconds(
    provider, connect, name, missing
):
    """Some services know a new job a moment after its submit."""
    provider.tell(missing, done(name))
    future = connect(name, initial_wait_time=25.0, max_interval=25.0, min_interval=0).submit(
        "job-1"
    )
    assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 25]
    assert isinstance(future.last_error, PollError)
    assert "a new job may appear for 30 s" in str(future.last_error)


@pytest.mark.parametrize(("name", "missing"), MISSING)
def test_a_job_that_does_not_appear_ends_the_wait(provider, connect, name, missing):
    """Nobody asks for a deleted job for days."""
    provider.tell(missing)
    future = connect(name, initial_wait_time=25.0, max_interval=25.0, min_interval=0).submit(
        "job-1"
    )
    with pytest.raises(JobNotFoundError, match="job 'job-1': .* knows no such job") as caught:
        future.result(PATIENCE)
    assert (caught.value.job_id, caught.value.status_code) == ("job-1", missing[0])
    assert provider.times == [0, 25, 50]


def test_a_job_that_was_known_ends_its_wait_as_soon_as_it_is_gone(provider, connect):
    """Half an hour after the submit there is nothing to hope for."""
    provider.tell(*[HEYGEN_PENDING] * 4, (404, "{}"))
    future = connect("heygen").submit("job-1")
    with pytest.raises(JobNotFoundError):
        future.result(PATIENCE)
    assert provider.times == [0, 30, 60, 90, 120]


@pytest.mark.parametrize("code", [200, 400, 401, 403, 422])
def test_an_error_envelope_of_heygen_ends_the_wait_whatever_its_http_status(
    provider, connect, code
):
    """A poller that looks for a status alone would spin until its timeout."""
    body = '{"error": {"code": "unauthorized", "message": "The key was revoked."}, "data": null}'
    provider.tell((code, body))
    future = connect("heygen").submit("job-1")
    with pytest.raises(RejectedError, match="The key was revoked.*unauthorized") as caught:
        future.result(PATIENCE)
    assert not isinstance(caught.value, JobNotFoundError)
    assert caught.value.status_code == code
    assert len(provider.requests) == 1


@pytest.mark.parametrize("code", [200, 400, 429, 500])
@pytest.mark.parametrize(
    "word",
    [
        "rate_limit_exceeded",
        "RATE_LIMIT",
        "too_many_requests",
        "internal_error",
        "service_unavailable",
        "gateway_timeout",
    ],
)
def test_an_error_envelope_of_heygen_whose_code_passes_is_a_failed_poll(
    provider, connect, code, word
):
    """The next poll finds the job as it is."""
    body = f'{{"error": {{"code": "{word}", "message": "Later, please."}}}}'
    provider.tell((code, body), HEYGEN_DONE)
    future = connect("heygen").submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert isinstance(future.last_error, PollError)
    assert str(future.last_error) == f"job 'job-1': HTTP status {code}: 'Later, please.' ({word!r})"
    assert provider.times == [0, 30]


def test_an_error_next_to_a_status_of_heygen_is_none(provider, connect):
    """Where a status is told, it counts."""
    provider.tell('{"data": {"status": "completed", "video_url": "u"}, "error": {"message": "x"}}')
    assert connect("heygen").get_status("job-1") == "completed"


def test_heygen_is_asked_again_while_its_result_is_not_there_yet(provider, connect):
    """Every two seconds, and completed is told once, with the result."""
    provider.tell(HEYGEN_PENDING, HEYGEN_NULL, HEYGEN_NULL, HEYGEN_DONE)
    seen = []
    future = connect("heygen").submit("job-1", on_update=seen.append)
    assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 30, 32, 34]
    assert future.report.result == "https://files.heygen.example/v"
    assert seen == ["pending", "completed"]


def test_heygen_is_not_asked_for_a_result_for_ever(provider, connect):
    """After 30 s the job ends as completed, as it is."""
    provider.tell(HEYGEN_NULL)
    future = connect("heygen").submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert provider.times == list(range(0, 31, 2))
    assert (future.report.result, future.report.state, future.reason) == (None, "completed", None)


@pytest.mark.parametrize(
    ("limits", "times"),
    [
        ({"max_attempts": 1}, [0]),
        ({"max_attempts": 3}, [0, 2, 4]),
        ({"max_wait_time": 5}, [0, 2, 4, 4.9]),
    ],
)
def test_a_limit_that_comes_meanwhile_leaves_the_job_completed(provider, connect, limits, times):
    """It is no timeout: that the job is done is known."""
    provider.tell(HEYGEN_NULL)
    future = connect("heygen", **limits).submit("job-1")
    assert future.result(PATIENCE) == future.status == "completed"
    assert (future.report.state, future.reason) == ("completed", None)
    assert provider.times == pytest.approx(times)


def test_a_deadline_within_a_poll_for_the_result_leaves_the_job_completed(connect, clock):
    """Though that poll hangs."""
    with MockServer(service="heygen", clock=clock) as server:
        server.job("job-1", duration=0, result_after=100, faults={2: Fault.slow(1000)})
        future = connect("heygen", server.url, max_wait_time=5, request_timeout=60).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert (future.report.state, future.elapsed) == ("completed", 5)


@pytest.mark.parametrize("answer", [(404, "{}"), (401, "{}"), (400, "{}")])
def test_a_refusal_after_the_end_leaves_the_job_completed(provider, connect, answer):
    """What was told before is not forgotten."""
    provider.tell(HEYGEN_NULL, answer)
    future = connect("heygen").submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 2]


def test_a_failed_poll_after_the_end_does_not_end_the_wait_for_the_result(provider, connect):
    """It is asked again as before."""
    provider.tell(HEYGEN_NULL, (503, ""), (200, "<html>"), HEYGEN_DONE)
    future = connect("heygen").submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.report.result == "https://files.heygen.example/v"
    assert provider.times == [0, 2, 4, 6]


def test_a_job_that_goes_back_to_work_has_not_ended(provider, connect):
    """The waits are those of a running job then, and its seconds begin anew."""
    provider.tell(HEYGEN_NULL, HEYGEN_PENDING, HEYGEN_NULL, HEYGEN_NULL, HEYGEN_DONE)
    seen = []
    future = connect("heygen").submit("job-1", on_update=seen.append)
    assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 2, 32, 34, 36]
    assert seen == ["pending", "completed"]


def test_the_wait_for_a_result_honours_what_the_answer_says_of_the_next_request(provider, connect):
    """Retry-After counts in every answer."""
    provider.tell((200, HEYGEN_NULL, {"Retry-After": "7"}), HEYGEN_DONE)
    assert connect("heygen").get_status("job-1") == "completed"
    assert provider.times == [0, 7]


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("heygen", [0, 30, 60, 90, 120, 150, 180, 240, 300]),
        ("elevenlabs", [0, 5, 11]),
        ("azure", [0, 5, 11]),
        ("camb", [0, 2, 5, 9.5]),
    ],
)
def test_it_is_asked_as_often_as_its_guide_recommends(provider, connect, name, times):
    """Where it has one; otherwise backoff is exponential."""
    facts = SERVICES[name]
    provider.tell(
        *[facts.working.replace("WORD", facts.pending[-1])] * (len(times) - 1), done(name)
    )
    assert connect(name).get_status("job-1") == "completed"
    assert provider.times == pytest.approx(times)


@pytest.mark.parametrize("name", SERVICES)
def test_three_hours_are_waited_for_a_job_without_a_limit_of_attempts(provider, connect, name):
    """The default of a minute would give up on every one of them, and an hour on long media."""
    facts = SERVICES[name]
    provider.tell(facts.working.replace("WORD", (facts.pending or ("RUNNING",))[-1]))
    future = connect(name).submit("job-1")
    assert future.result(PATIENCE) == "timeout"
    assert 10799 < future.elapsed <= 10800
    assert "max_wait_time=10800" in future.reason


@pytest.mark.parametrize(("name", "rate"), [("sync", 10), ("synthesia", 1)])
def test_it_is_asked_no_faster_than_its_limit_allows(provider, connect, clock, name, rate):
    """For all jobs together."""
    provider.tell(done(name))
    client = connect(name)
    with clock.paused():
        futures = [client.submit(f"job-{number}") for number in range(4)]
    assert {future.result(PATIENCE) for future in futures} == {"completed"}
    assert sorted(provider.times) == pytest.approx([number / rate for number in range(4)])


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        *((name, {"Retry-After": "40"}) for name in SERVICES),
        ("synthesia", {"RateLimit-Reset": "40", "RateLimit-Remaining": "0"}),
        ("synthesia", {"RateLimit-Reset": "40"}),
    ],
)
def test_a_429_that_says_how_long_is_waited_for(provider, connect, name, headers):
    """In the headers that the service sends with it."""
    provider.tell((429, '{"message": "slow down"}', headers), done(name))
    future = connect(name).submit("job-1")
    assert future.result(PATIENCE) == "completed"
    assert future.last_error.status_code == 429
    assert provider.times == [0, 40]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("outcome", ["completed", "error"])
def test_the_mock_service_of_its_name_understands_it_and_is_understood(
    connect, clock, caplog, name, outcome
):
    """Two readings of one documentation, written apart, agree."""
    with MockServer(service=name, clock=clock, duration=300, outcome=outcome) as server:
        future = connect(name, server.url).submit("job-1")
        assert future.result(PATIENCE) == outcome
        assert {request.code for request in server.requests} == {200}
        assert 300 <= future.elapsed < 360
        # Only COMPLETED is documented of Murf, so the mock's word for the work is made up.
        assert len(warnings_of(caplog)) == (name == "murf")


@pytest.mark.parametrize("name", SERVICES)
def test_the_mock_service_of_its_name_tells_the_result_and_the_reason(connect, clock, name):
    """Where the service has any."""
    with MockServer(service=name, clock=clock, duration=0) as server:
        server.job("bad", outcome="error")
        client = connect(name, server.url)
        good, bad = client.submit("good"), client.submit("bad")
        assert (good.result(PATIENCE), bad.result(PATIENCE)) == ("completed", "error")
        assert (good.report.result is None) == (name in ("synthesia", "deepdub", "adobe"))
        assert (bad.report.error is None) == (name in ("deepdub", "d-id", "adobe"))
        if name == "heygen":
            assert good.report.result == "https://results.example/good/video.mp4"


@pytest.mark.parametrize("name", SERVICES)
def test_the_mock_service_of_its_name_may_not_know_the_job(connect, clock, name):
    """Which ends the wait once the job can't be a new one."""
    with MockServer(service=name, clock=clock, strict=True) as server:
        future = connect(name, server.url).submit("job-1")
        with pytest.raises(JobNotFoundError):
            future.result(PATIENCE)
        assert future.elapsed >= 30


def test_the_mock_of_heygen_has_the_result_later(connect, clock):
    """As the real one does."""
    with MockServer(service="heygen", clock=clock) as server:
        server.job("job-1", duration=0, result_after=5)
        future = connect("heygen", server.url).submit("job-1")
        assert future.result(PATIENCE) == "completed"
        assert [request.time for request in server.requests] == [0, 2, 4, 6]
        assert future.report.result == "https://results.example/job-1/video.mp4"


FILES = sorted(
    path
    for path in Path(services.__file__).parent.glob("*.py")
    if not path.name.startswith("_") and path.name != "default.py"
)


def test_the_names_are_those_of_the_files():
    """A file that is forgotten in the list is found."""
    assert sorted(services.NAMES) == sorted(path.stem.replace("_", "-") for path in FILES)
    assert services.default_service().name not in services.NAMES
    assert len(set(services.NAMES)) == len(services.NAMES) == 11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_preset_is_a_short_file_that_says_where_its_facts_are_from(path):
    """At most 50 lines, and a docstring with the source and the month."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 50
    service = services.find(path.stem.replace("_", "-"))
    docstring = " ".join(ast.get_docstring(ast.parse(text)).split())
    assert "As of November 2026, from " in docstring
    assert service.source.startswith("https://")
    assert service.source.split("/")[2] in docstring


def test_each_preset_has_the_name_that_it_is_found_by():
    """Messages call it as the user did."""
    assert [service.name for service in services.known()] == list(services.NAMES)
    assert services.find("heygen") is services.find("heygen")
