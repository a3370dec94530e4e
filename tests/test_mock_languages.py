"""The mock service in the language of each real service, as its documentation has it.

All that is expected here is written by hand: nothing is taken from the client's presets.
"""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from conftest import PATIENCE
from test_mock_service import ask

from video_translation_client.testing import Fault, JobScript, MockServer, MockService, VirtualClock

pytestmark = pytest.mark.one_python

URL = "https://results.example/job-1/"
TEXT = "The speech in the video could not be understood."
CODE = "unintelligible_speech"
KEY = "key-0123456789"


class Documented(NamedTuple):
    """What a service's documentation says."""

    target: str
    headers: dict[str, str]
    words: tuple[str, ...]
    pending: Any
    completed: Any
    failed: Any


SERVICES = {
    "heygen": Documented(
        "/v3/video-translations/job-1",
        {"x-api-key": KEY},
        ("pending", "running", "completed"),
        {
            "data": {
                "status": "pending",
                "failure_message": None,
                "video_url": None,
                "audio_url": None,
                "srt_caption_url": None,
            }
        },
        {
            "data": {
                "status": "completed",
                "failure_message": None,
                "video_url": f"{URL}video.mp4",
                "audio_url": f"{URL}audio.mp3",
                "srt_caption_url": f"{URL}captions.srt",
            }
        },
        {
            "data": {
                "status": "failed",
                "failure_message": TEXT,
                "video_url": None,
                "audio_url": None,
                "srt_caption_url": None,
            }
        },
    ),
    "elevenlabs": Documented(
        "/v1/dubbing/job-1",
        {"xi-api-key": KEY},
        ("queued", "preparing", "dubbing", "dubbed"),
        {"dubbing_id": "job-1", "status": "queued", "target_languages": ["es"], "error": None},
        {"dubbing_id": "job-1", "status": "dubbed", "target_languages": ["es"], "error": None},
        {"dubbing_id": "job-1", "status": "failed", "target_languages": ["es"], "error": TEXT},
    ),
    "azure": Documented(
        "/translations/job-1?api-version=2025-05-20",
        {"Ocp-Apim-Subscription-Key": KEY},
        ("NotStarted", "Running", "Succeeded"),
        *(
            {
                "id": "job-1",
                "status": "Succeeded",
                "latestIteration": {
                    "status": word,
                    "failureReason": text,
                    "result": {
                        "translatedVideoFileUrl": url,
                        "targetLocaleSubtitleWebvttFileUrl": url and f"{URL}captions.vtt",
                    },
                },
            }
            for word, text, url in [
                ("NotStarted", None, None),
                ("Succeeded", None, f"{URL}video.mp4"),
                ("Failed", TEXT, None),
            ]
        ),
    ),
    "sync": Documented(
        "/v2/generate/job-1",
        {"x-api-key": KEY},
        ("PENDING", "PROCESSING", "COMPLETED"),
        {"status": "PENDING", "error": None, "error_code": None, "outputUrl": None},
        {"status": "COMPLETED", "error": None, "error_code": None, "outputUrl": f"{URL}video.mp4"},
        {"status": "FAILED", "error": TEXT, "error_code": CODE, "outputUrl": None},
    ),
    "synthesia": Documented(
        "/v2/dubbing/job-1",
        {"Authorization": KEY},
        ("uploading", "in_progress", "complete"),
        {"status": "uploading", "errorCode": None, "dubbedAssets": [{"status": "IN_PROGRESS"}]},
        {"status": "complete", "errorCode": None, "dubbedAssets": [{"status": "COMPLETE"}]},
        {"status": "error", "errorCode": CODE, "dubbedAssets": [{"status": "ERROR"}]},
    ),
    "murf": Documented(
        "/v1/murfdub/jobs/job-1/status",
        {"api-key": KEY},
        ("PROCESSING", "COMPLETED"),
        {
            "status": "PROCESSING",
            "failure_reason": None,
            "failure_code": None,
            "download_details": [{"download_url": None}],
        },
        {
            "status": "COMPLETED",
            "failure_reason": None,
            "failure_code": None,
            "download_details": [{"download_url": f"{URL}video.mp4"}],
        },
        {
            "status": "FAILED",
            "failure_reason": TEXT,
            "failure_code": CODE,
            "download_details": [{"download_url": None}],
        },
    ),
    "deepdub": Documented(
        "/dubbing/job/job-1",
        {"x-api-key": KEY},
        (
            "INTAKE_PREPROCESSING",
            "INTAKE_VALIDATION",
            "INTAKE_APPROVED",
            "CASTING",
            "ADAPTGEN_START",
            "ADAPTGEN_MIDWAY",
            "READY_FOR_QC",
            "QC",
            "QC_IN_REVIEW",
            "ADAPTGEN_QC_FIX",
            "READY_FOR_DMX",
            "DMX_DONE",
            "READY_FOR_MIXING",
            "MIXING_IN_PROGRESS",
            "READY_FOR_MIX_QC",
            "MIX_QC_IN_PROGRESS",
            "DELIVERED_TO_CLIENT",
        ),
        {"status": "INTAKE_PREPROCESSING"},
        {"status": "DELIVERED_TO_CLIENT"},
        {"status": "INTAKE_FAILED"},
    ),
    "camb": Documented(
        "/dub/job-1",
        {"x-api-key": KEY},
        ("PENDING", "SUCCESS"),
        {"status": "PENDING", "run_id": None, "exception_reason": None, "message": None},
        {"status": "SUCCESS", "run_id": 1279408703, "exception_reason": None, "message": None},
        {"status": "ERROR", "run_id": None, "exception_reason": TEXT, "message": TEXT},
    ),
    "vozo": Documented(
        "/v1/media/translate/job-1",
        {"Authorization": f"Bearer {KEY}"},
        (
            "queuing",
            "preprocessing",
            "transcribing",
            "translating",
            "dubbing",
            "rendering",
            "done",
        ),
        {
            "status": "queuing",
            "err_message": None,
            "err_code": None,
            "result": {"video_url": None},
        },
        {
            "status": "done",
            "err_message": None,
            "err_code": None,
            "result": {"video_url": f"{URL}video.mp4"},
        },
        {
            "status": "failed",
            "err_message": TEXT,
            "err_code": CODE,
            "result": {"video_url": None},
        },
    ),
    "d-id": Documented(
        "/translations/job-1",
        {"Authorization": f"Basic {KEY}"},
        ("created", "validating", "done"),
        {"status": "created", "result_url": None},
        {"status": "done", "result_url": f"{URL}video.mp4"},
        {"status": "error", "result_url": None},
    ),
    "adobe": Documented(
        "/v1/status/job-1",
        {"Authorization": f"Bearer {KEY}", "x-api-key": "client-id"},
        ("pending", "running", "succeeded"),
        {"status": "pending"},
        {"status": "succeeded"},
        {"status": "failed"},
    ),
}
BATCH = "/v3/video-translations/statuses?video_translation_ids="
LIST = "/v1/dubbing"

every_service = pytest.mark.parametrize("name", SERVICES)
with_result = pytest.mark.parametrize("name", ["heygen", "azure", "sync", "murf", "vozo", "d-id"])


@pytest.fixture
def clock() -> VirtualClock:
    """One that only moves when a test says so: nobody waits on it here."""
    return VirtualClock()


def environ_of(headers: dict[str, str]) -> dict[str, str]:
    """Returns headers as WSGI has them."""
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def poll(service: MockService, name: str, target: str = "", method: str = "GET") -> Any:
    """Returns the HTTP status and the body of an answer to a request with the right key."""
    documented = SERVICES[name]
    return ask(service, target or documented.target, method, **environ_of(documented.headers))


def is_problem(name: str, answer: Any) -> bool:
    """Says whether a body is the service's form of a problem."""
    if name == "heygen":
        assert list(answer) == ["error"]
        answer = answer["error"]
        return [type(answer.get(field)) for field in ("code", "message")] == [str, str]
    return list(answer) == ["error"] and isinstance(answer["error"], str)


@every_service
def test_words(name: str, clock: VirtualClock) -> None:
    """A job has the first word at its first poll, then the others in order, then the end."""
    service = MockService(service=name, duration=480, clock=clock)
    seen = []
    while not seen or seen[-1] != SERVICES[name].words[-1]:
        code, answer = poll(service, name)
        assert code == 200
        seen.append((answer.get("data") or answer.get("latestIteration") or answer)["status"])
        clock.advance(10)
    assert clock.monotonic() == 490
    assert tuple(dict.fromkeys(seen)) == SERVICES[name].words
    later = seen[1:-1]
    share = len(later) / max(1, len(SERVICES[name].words) - 2)
    assert all(abs(later.count(word) - share) <= 1 for word in set(later))


@every_service
def test_bodies(name: str, clock: VirtualClock) -> None:
    """The first answer about a job, and those about its two ends, have the documented fields."""
    service = MockService(service=name, duration=5, clock=clock)
    assert poll(service, name) == (200, SERVICES[name].pending)
    clock.advance(5)
    assert poll(service, name) == (200, SERVICES[name].completed)
    assert poll(service, name) == (200, SERVICES[name].completed)
    service.job("job-1", duration=0, outcome="error")
    assert poll(service, name) == (200, SERVICES[name].failed)


@every_service
def test_no_progress(name: str) -> None:
    """A service that documents no progress tells none, whatever the settings say."""
    service = MockService(service=name, progress=True)
    assert poll(service, name) == (200, SERVICES[name].pending)


@with_result
def test_result_after(name: str, clock: VirtualClock) -> None:
    """A completed job's result is null for as long as its script says."""
    service = MockService(service=name, clock=clock)
    service.job("job-1", duration=5, result_after=3)
    poll(service, name)
    for seconds in (5, 2.9):
        clock.advance(seconds)
        code, answer = poll(service, name)
        assert code == 200
        text = json.dumps(answer)
        assert SERVICES[name].words[-1] in text
        assert URL not in text
        assert answer.keys() == SERVICES[name].completed.keys()
    clock.advance(0.1)
    assert poll(service, name) == (200, SERVICES[name].completed)


def test_result_after_does_not_matter_without_success() -> None:
    """A failed job has no result, then or later."""
    service = MockService(service="sync", duration=0, outcome="error")
    service.job("job-1", result_after=5)
    assert poll(service, "sync") == (200, SERVICES["sync"].failed)


def test_result_holds_the_job_id() -> None:
    """As a part of a URL."""
    service = MockService(service="d-id", duration=0)
    _, answer = poll(service, "d-id", "/translations/job%20%C3%A9")
    assert answer["result_url"] == "https://results.example/job%20%C3%A9/video.mp4"


@every_service
def test_missing_job(name: str) -> None:
    """A strict service answers 404 for a job without a script, in its own form."""
    service = MockService(service=name, strict=True, jobs={"job-2": JobScript()})
    code, answer = poll(service, name)
    assert code == 404
    assert is_problem(name, answer)
    assert "script it first" in json.dumps(answer)
    assert poll(service, name, SERVICES[name].target.replace("job-1", "job-2"))[0] == 200


@every_service
def test_key_is_required(name: str) -> None:
    """A request without any one documented header, prefix or key is refused; no key is shown."""
    service = MockService(service=name)
    right = SERVICES[name].headers
    for header, value in right.items():
        prefix, _, key = value.rpartition(" ")
        others = {other: right[other] for other in right if other != header}
        wrong = [None, "", f"{prefix} ", f"Digest {key}", f"{value} {key}"]
        wrong += [key, f"{prefix}{key}", f"{prefix.lower()} {key}"] if prefix else [f"Bearer {key}"]
        for sent in wrong:
            headers = others if sent is None else {**others, header: sent}
            code, answer = ask(service, SERVICES[name].target, **environ_of(headers))
            assert code == 401
            assert is_problem(name, answer)
            assert key not in json.dumps(answer)
            assert header in json.dumps(answer)
    assert {(request.code, request.polls) for request in service.requests} == {(401, ())}
    assert poll(service, name)[0] == 200


@every_service
def test_any_key_is_taken(name: str) -> None:
    """The mock knows no accounts."""
    headers = {key: value.replace(KEY, "x") for key, value in SERVICES[name].headers.items()}
    answer = ask(MockService(service=name), SERVICES[name].target, **environ_of(headers))
    assert answer == (200, SERVICES[name].pending)


@every_service
def test_refused(name: str) -> None:
    """What is no question about a job is refused, with the reason in the service's form."""
    service = MockService(service=name)
    target = SERVICES[name].target
    refused = [
        ("/status/job-1", "GET", 404),
        ("/", "GET", 404),
        (f"/more{target}", "GET", 404),
        (target.replace("job-1", "job-1/more"), "GET", 404),
        (target.replace("job-1", "job%2F1"), "GET", 404),
        (target.replace("job-1", ""), "GET", 400),
        (target, "POST", 405),
        (target, "DELETE", 405),
    ]
    for asked, method, code in refused:
        got, answer = poll(service, name, asked, method)
        assert (asked, method, got) == (asked, method, code)
        assert is_problem(name, answer)
    assert [request.code for request in service.requests] == [code for *_, code in refused]
    assert {request.job_ids for request in service.requests} == {()}


def test_heygen_problems_name_their_kind() -> None:
    """The envelope has a code beside the message."""
    service = MockService(service="heygen", strict=True)
    target = SERVICES["heygen"].target
    kinds = [
        poll(service, "heygen", *asked)[1]["error"]["code"]
        for asked in ((target,), (target, "PUT"), (BATCH,))
    ]
    kinds.append(ask(service, target)[1]["error"]["code"])
    assert kinds == ["not_found", "method_not_allowed", "bad_request", "unauthorized"]


@pytest.mark.parametrize("query", ["", "?api-version=2024-05-20-preview", "?api-version="])
def test_azure_wants_its_version(query: str) -> None:
    """A request without the documented api-version is refused."""
    code, answer = poll(MockService(service="azure"), "azure", f"/translations/job-1{query}")
    assert code == 400
    assert "api-version=2025-05-20" in answer["error"]


def test_heygen_batch(clock: VirtualClock) -> None:
    """Several jobs are asked for at once, and answered in this order and in other words."""
    service = MockService(service="heygen", duration=5, clock=clock)
    service.job("c", duration=0)
    service.job("d", duration=0, outcome="error")
    answer = [
        {"video_id": "b", "status": "queued", "error": None},
        {"video_id": "a", "status": "queued", "error": None},
        {"video_id": "c", "status": "completed", "error": None},
        {"video_id": "d", "status": "failed", "error": {"code": CODE, "message": TEXT}},
    ]
    assert poll(service, "heygen", f"{BATCH}b,a,c%2Cd,b") == (200, {"data": answer})
    assert service.requests[-1].job_ids == ("b", "a", "c", "d")
    answer[1]["status"] = "processing"
    assert poll(service, "heygen", f"{BATCH}a") == (200, {"data": [answer[1]]})
    assert poll(service, "heygen", "/v3/video-translations/a")[1]["data"]["status"] == "running"
    clock.advance(5)
    answer[1]["status"] = "completed"
    assert poll(service, "heygen", f"{BATCH}a") == (200, {"data": [answer[1]]})


def test_heygen_batch_with_missing_jobs() -> None:
    """A strict service says of each job that has no script that it was not found."""
    service = MockService(service="heygen", strict=True, jobs={"b": JobScript()})
    code, answer = poll(service, "heygen", f"{BATCH}a,b,c")
    assert code == 200
    assert answer["data"] == [
        {"video_id": "a", "status": "not_found", "error": None},
        {"video_id": "b", "status": "queued", "error": None},
        {"video_id": "c", "status": "not_found", "error": None},
    ]
    assert [poll.job_id for poll in service.requests[-1].polls] == ["b"]


@pytest.mark.parametrize(
    "target",
    [
        "/v3/video-translations/statuses",
        BATCH,
        f"{BATCH}a,,b",
        f"{BATCH}a&video_translation_ids=b",
        BATCH + ",".join(map(str, range(101))),
    ],
    ids=["none", "empty", "one empty", "two lists", "101"],
)
def test_heygen_batch_refused(target: str) -> None:
    """A batch needs one list of 1 to 100 ids."""
    code, answer = poll(MockService(service="heygen"), "heygen", target)
    assert code == 400
    assert is_problem("heygen", answer)


def test_heygen_batch_of_100() -> None:
    """The largest batch is answered whole."""
    target = BATCH + ",".join(map(str, range(100)))
    code, answer = poll(MockService(service="heygen"), "heygen", target)
    assert code == 200
    assert [entry["video_id"] for entry in answer["data"]] == [str(id_) for id_ in range(100)]


@pytest.mark.parametrize(("name", "target"), [("heygen", f"{BATCH}a"), ("elevenlabs", LIST)])
def test_several_jobs_need_key_and_method_too(name: str, target: str) -> None:
    """What asks for several jobs is checked as what asks for one."""
    service = MockService(service=name)
    assert ask(service, target)[0] == 401
    assert poll(service, name, target, "POST")[0] == 405


def test_elevenlabs_list(clock: VirtualClock) -> None:
    """All jobs that were scripted or seen are listed, newest first, and each counts as polled."""
    service = MockService(service="elevenlabs", duration=5, clock=clock)
    service.job("b", duration=0, outcome="error")
    service.job(None)
    service.plan("never seen")
    poll(service, "elevenlabs")
    dubs = [
        {"dubbing_id": "job-1", "status": "preparing"},
        {"dubbing_id": "b", "status": "failed"},
    ]
    answer = {"dubs": dubs, "has_more": False, "next_cursor": None}
    assert poll(service, "elevenlabs", LIST) == (200, answer)
    assert [poll.number for poll in service.requests[-1].polls] == [2, 1]
    clock.advance(5)
    dubs[0]["status"] = "dubbed"
    assert poll(service, "elevenlabs", LIST) == (200, answer)


def test_elevenlabs_empty_list() -> None:
    """Before any job is known, the list is empty."""
    answer = {"dubs": [], "has_more": False, "next_cursor": None}
    assert poll(MockService(service="elevenlabs"), "elevenlabs", LIST) == (200, answer)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 200])
def test_elevenlabs_pages(size: int) -> None:
    """Each page says where the next begins, also if jobs have come meanwhile."""
    service = MockService(service="elevenlabs", jobs={job_id: JobScript() for job_id in "abc"})
    pages: list[list[str]] = []
    query, more = f"?page_size={size}", True
    while more:
        code, answer = poll(service, "elevenlabs", f"{LIST}{query}")
        assert code == 200
        pages.append([dub["dubbing_id"] for dub in answer["dubs"]])
        more = answer["has_more"]
        assert (answer["next_cursor"] is not None) == more
        query = f"?page_size={size}&cursor={answer['next_cursor']}"
        service.job(f"new {len(pages)}")
    assert pages == [list("cba")[start : start + size] for start in range(0, 3, size)]


def test_elevenlabs_page_of_100() -> None:
    """Without a size, a page has 100 jobs."""
    jobs = {str(number): JobScript() for number in range(101)}
    _, answer = poll(MockService(service="elevenlabs", jobs=jobs), "elevenlabs", LIST)
    assert (len(answer["dubs"]), answer["has_more"], answer["next_cursor"]) == (100, True, "1")


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=201", "page_size=x", "page_size=", "cursor=", "cursor=zz"]
)
def test_elevenlabs_list_refused(query: str) -> None:
    """A size that is not from 1 to 200, or a cursor that no answer gave, is refused."""
    service = MockService(service="elevenlabs", jobs={"a": JobScript()})
    code, answer = poll(service, "elevenlabs", f"{LIST}?{query}")
    assert code == 400
    assert query.partition("=")[0] in answer["error"]


def test_faults_in_every_answer() -> None:
    """A job's fault hits whatever asks for it: itself, a batch or a list."""
    for name, target in (("heygen", f"{BATCH}a,job-1"), ("elevenlabs", LIST)):
        service = MockService(service=name)
        gone = (503, {"detail": "gone"})
        fault = Fault.http(503, {"Content-Type": "application/json"}, b'{"detail": "gone"}')
        service.job("job-1", faults={1: fault, 2: fault})
        assert poll(service, name) == gone
        assert poll(service, name, target) == gone
        assert poll(service, name)[0] == 200


def test_end_too_near_for_its_share() -> None:
    """A job has its last pending word up to its end, however little is left."""

    class Readings(VirtualClock):
        moments = iter([-1.0, -1e-300, 0.0])

        def monotonic(self) -> float:
            return next(self.moments)

    service = MockService(service="elevenlabs", clock=Readings())
    service.job("job-1", duration=1)
    words = [poll(service, "elevenlabs")[1]["status"] for _ in range(3)]
    assert words == ["queued", "dubbing", "dubbed"]


def test_default() -> None:
    """Without a service, the language is the client's own, and wants no key."""
    assert ask(MockService(service=None), "/status/a") == (200, {"result": "pending"})


@pytest.mark.parametrize("name", ["", "HeyGen", "did", ["heygen"], 3])
def test_unknown_service(name: Any) -> None:
    """A service that there is not is refused at once, with those that there are."""
    with pytest.raises(ValueError, match="^service must be None or one of heygen, ") as caught:
        MockService(service=name)
    for known in SERVICES:
        assert known in str(caught.value)
    assert str(caught.value).endswith(f", not {name!r}")


def test_over_a_socket() -> None:
    """The server passes on headers and queries; its URL stands for the service's base URL."""
    with MockServer(service="azure", duration=0) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        with closing(connection):
            azure = SERVICES["azure"]
            connection.request("GET", azure.target, headers=azure.headers)
            assert json.loads(connection.getresponse().read()) == azure.completed
