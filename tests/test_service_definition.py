"""A service as data: checked field by field when it is made, and read as it says."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
from functools import partial

import pytest
from conftest import PATIENCE, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from test_services import warnings_of

from video_translation_client import (
    Batch,
    ExponentialBackoff,
    JobNotFoundError,
    Moment,
    PollError,
    RejectedError,
    Service,
    Stages,
    VideoTranslationClient,
    Words,
)
from video_translation_client.services._definition import matches
from video_translation_client.services.default import SERVICE as DEFAULT

pytestmark = pytest.mark.one_python

URL = "http://127.0.0.1:5000"
PENDING = '{"status": "pending"}'
COMPLETED = '{"status": "completed"}'

acme = partial(Service, "acme")


@pytest.fixture
def connect(clock, provider):
    """Makes clients of it that know it as a definition says; chance is no part of their waits."""
    with serving(provider) as url:
        clients = []

        def make(service, **settings):
            settings = {"clock": clock, "random": lambda: 0.0, **settings}
            clients.append(VideoTranslationClient(url, service=service, **settings))
            return clients[-1]

        make.url = url
        yield make
        for client in clients:
            client.shutdown(cancel_futures=True)


@pytest.fixture
def wait_for(provider, connect):
    """Waits for a job of a service that gives these answers; returns the future once done."""

    def wait(service, *answers, **settings):
        provider.tell(*answers)
        future = connect(service, **settings).submit("job-1")
        future.exception(PATIENCE)
        return future

    return wait


# What is refused, and how the refusal begins

TEMPLATES = [
    ("base_url", "http://{", "base_url must be a template: "),
    ("base_url", "https://{region}.example.com", "base_url must hold no other names than none, "),
    ("base_url", "https://example.com/{job_id}", "base_url must hold no other names than none, "),
    ("base_url", "https://example.com/{}", "base_url must hold no other names than none, "),
    ("base_url", "example.com", "base_url must be a URL such as "),
    ("base_url", "ftp://example.com", "base_url must be a URL such as "),
    ("base_url", "https://example.com?a=b", "base_url must be a URL such as "),
    ("base_url", "", "base_url must be a URL such as "),
    ("path", "", "path must be the path of a URL, "),
    ("path", "status/{job_id}", "path must be the path of a URL, "),
    ("path", "/status/{job_id}#part", "path must be the path of a URL, "),
    ("path", "/status/{job_id}\n", "path must be the path of a URL, "),
    ("path", "/status/ {job_id}", "path must be the path of a URL, "),
    ("path", "/état/{job_id}", "path must be the path of a URL, "),
    ("path", "/status", "path must hold {job_id}; it is '/status'"),
    ("path", "/status/{{job_id}}", "path must hold {job_id}; "),
    ("path", "/{job_id", "path must be a template: "),
    ("path", "/job_id}", "path must be a template: "),
    ("path", "/{job_id}/{}", "path must hold no other names than job_id, not {}"),
    ("path", "/{job_id}/{region}", "path must hold no other names than job_id, not {region}"),
    ("path", "/{job_id:10}", "path must hold plain names such as {job_id}, not "),
    ("path", "/{job_id!r}", "path must hold plain names such as {job_id}, not "),
    ("path", "/{job_id.a}", "path must hold no other names than job_id, not {job_id.a}"),
    ("unnamed_path", "status", "unnamed_path must be the path of a URL"),
    ("unnamed_path", "/status/{job_id}", "unnamed_path must hold no other names than none, "),
    ("unnamed_path", "/status/{", "unnamed_path must be a template: "),
    (
        "unnamed_path",
        "/{api_key}",
        "unnamed_path must hold no other names than none, not {api_key}",
    ),
    ("base_url", "https://{api_key}.example.com", "base_url must hold no other names than none, "),
    ("path", "/{job_id}?key={api_key}", "path must hold no other names than job_id, not {api_key}"),
    ("result_url", "results/{result}", "result_url must be the path of a URL"),
    ("result_url", "/results/{name}", "result_url must hold no other names than job_id, result, "),
]
PAIRS = [
    ("headers", (("X Key", "a"),), "headers must be pairs of a header's name and a template"),
    ("headers", (("", "a"),), "headers must be pairs of a header's name and a template"),
    ("headers", (("X-Key\n", "a"),), "headers must be pairs of a header's name and a template"),
    ("headers", (("X-Key", "a\nb"),), "the header X-Key must be printable ASCII"),
    ("headers", (("X-Key", "é"),), "the header X-Key must be printable ASCII"),
    ("headers", (("X-Key", "{name}"),), "the header X-Key must hold no other names than api_key, "),
    ("headers", (("X-Key", "{"),), "the header X-Key must be a template: "),
    ("variables", (("job_id", "JOB"),), "variables must not name 'job_id'"),
    ("variables", (("job_ids", "JOB"),), "variables must not name 'job_ids'"),
    ("variables", (("result", "JOB"),), "variables must not name 'result'"),
    ("variables", (("two words", "NAME"),), "the name of a variable must be a word such as"),
    ("variables", (("1st", "NAME"),), "the name of a variable must be a word such as"),
    ("variables", (("region", ""),), "the variable of region must be the name of an "),
    ("variables", (("region", "A-B"),), "the variable of region must be the name of an "),
]
OTHERS = [
    ("name", "", "name must be a word, not ''"),
    ("name", "two words", "name must be a word, not 'two words'"),
    ("name", "word\n", "name must be a word, not "),
    ("method", "PUT", "method must be GET, POST, not 'PUT'"),
    ("method", "get", "method must be GET, POST, not 'get'"),
    ("unknown_status", "completed", "unknown_status must be pending, error, invalid, not "),
    ("secret_variables", ("token",), "secret_variables must be names of variables, not 'token'"),
    ("pacing_headers", ("",), "pacing_headers must be names of headers"),
    ("pacing_headers", ("A B",), "pacing_headers must be names of headers"),
    *(
        (name, expression, f"{name} must be a JMESPath expression, not {expression!r}: ")
        for name in (
            *("status", "progress", "result"),
            *("error", "error_code", "failure", "failure_code"),
        )
        for expression in ("", "a.", "a[", "a b", "$.a", "unknown_function(@)(")
    ),
    *((name, ("",), f"{name} must not hold an empty word") for name in ("passing", "missing")),
    ("passing", ("  ",), "passing must not hold an empty word"),
    *(
        (name, value, f"{name} must be a number, 0 or more, not ")
        for name in ("result_delay", "missing_delay", "min_interval")
        for value in (-1, float("nan"), float("inf"))
    ),
    *(
        (name, value, f"{name} must be a number above 0, not ")
        for name in ("progress_total", "max_wait_time", "max_rate")
        for value in (0, -1, float("nan"))
    ),
    ("max_attempts", 0, "max_attempts must be a whole number, 1 or more, not 0"),
]


@pytest.mark.parametrize(("field", "value", "message"), [*TEMPLATES, *PAIRS, *OTHERS])
def test_a_value_that_cannot_be_meant_is_refused_when_the_service_is_made(field, value, message):
    """A ValueError that names the field and says what it must be."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are compared below
        Service(**{"name": "acme", field: value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("downloads", {"a": "b"}, "downloads must be a tuple of pairs, not {'a': 'b'}"),
        ("downloads", (("audio", 5),), "the download audio must be a JMESPath expression, not 5"),
        ("result_gives_json", 1, "result_gives_json must be True or False, not 1"),
        ("name", None, "name must be a word, not None"),
        ("name", 5, "name must be a word, not 5"),
        ("base_url", 5, "base_url must be a text, not 5"),
        ("base_url", b"http://a", "base_url must be a text, not b'http://a'"),
        ("path", None, "path must be the path of a URL"),
        ("unnamed_path", 5, "unnamed_path must be the path of a URL"),
        ("result_url", 5, "result_url must be the path of a URL"),
        ("headers", {"X-Key": "a"}, "headers must be a tuple of pairs, not {'X-Key': 'a'}"),
        ("headers", [("X-Key", "a")], "headers must be a tuple of pairs, not "),
        ("headers", (("X-Key",),), "headers must be a tuple of pairs, not "),
        ("headers", ("ab",), "headers must be a tuple of pairs, not "),
        ("headers", ((5, "a"),), "headers must be pairs of a header's name and a template, not 5"),
        ("headers", (("X-Key", 5),), "the header X-Key must be printable ASCII, not 5"),
        ("variables", {"region": "R"}, "variables must be a tuple of pairs, not "),
        ("variables", ((5, "R"),), "the name of a variable must be a word such as 'region', not 5"),
        ("variables", (("region", None),), "the variable of region must be the name of an "),
        ("secret_variables", "token", "secret_variables must be a tuple, not 'token'"),
        ("method", None, "method must be GET, POST, not None"),
        ("unknown_status", None, "unknown_status must be pending, error, invalid, not None"),
        ("status", None, "status must be a JMESPath expression, not None"),
        ("error", 5, "error must be a JMESPath expression, not 5"),
        ("result", ["a"], "result must be a JMESPath expression, not ['a']"),
        (
            "words",
            ("pending",),
            "words must be a video_translation_client.Words, not tu",
        ),
        (
            "words",
            None,
            "words must be a video_translation_client.Words, not NoneType",
        ),
        ("passing", "limit", "passing must be a tuple of words and numbers, not 'limit'"),
        ("missing", [404], "missing must be a tuple of words and numbers, not [404]"),
        ("missing", (True,), "missing must hold words and numbers, not True"),
        ("missing", (4.04,), "missing must hold words and numbers, not 4.04"),
        ("pacing_headers", "Retry-After", "pacing_headers must be a tuple, not 'Retry-After'"),
        ("pacing_headers", (5,), "pacing_headers must be names of headers, not 5"),
        ("strategy", 5, "strategy must be callable, not 5"),
        ("result_delay", None, "result_delay must be a number, 0 or more, not None"),
        ("missing_delay", "5", "missing_delay must be a number, 0 or more, not '5'"),
        ("progress_total", None, "progress_total must be a number above 0, not None"),
        ("progress_total", True, "progress_total must be a number above 0, not True"),
        ("max_attempts", 2.5, "max_attempts must be a whole number, 1 or more, not 2.5"),
        ("max_wait_time", "5", "max_wait_time must be a number above 0, not '5'"),
        ("max_rate", True, "max_rate must be a number above 0, not True"),
        (
            "batch",
            "/status",
            "batch must be a video_translation_client.Batch, not str",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_when_the_service_is_made(field, value, message):
    """By the name of the field; a choice or a number of words is a ValueError as well."""
    with pytest.raises((TypeError, ValueError)) as caught:
        Service(**{"name": "acme", field: value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"path": "status"}, "path must be the path of a URL"),
        ({"path": None}, "path must be the path of a URL"),
        ({"limit": 1}, "limit must be from 2 to 1000, not 1"),
        ({"limit": 0}, "limit must be a whole number from 1 to 1000, not 0"),
        ({"limit": True}, "limit must be a whole number"),
        ({"jobs": "a."}, "jobs must be a JMESPath expression"),
        ({"jobs": None}, "jobs must be a JMESPath expression"),
        ({"job_id": "a."}, "job_id must be a JMESPath expression"),
        ({"status": ""}, "status must be a JMESPath expression"),
        ({"next_cursor": "a."}, "next_cursor must be a JMESPath expression"),
        ({"cursor": "a=b"}, "cursor must be the name of a query parameter"),
        ({"cursor": None}, "cursor must be the name of a query parameter"),
        ({"words": ("a",)}, "words must be a video_translation_client.Words"),
        ({"window": -1}, "window must be a number, 0 or more, not -1"),
        ({"window": None}, "window must be a number, 0 or more, not None"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_when_it_is_made(values, message):
    """As a service is, by the name of the field."""
    with pytest.raises((TypeError, ValueError)) as caught:
        Batch(**{"path": "/status?ids={job_ids}", "limit": 10, "jobs": "jobs", **values})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/{job_id}", "path of the batch must hold no other names than job_ids, not {job_id}"),
        ("/{region}", "path of the batch must hold no other names than job_ids, not {region}"),
        ("/{job_ids", "path of the batch must be a template: "),
    ],
)
def test_the_path_of_a_batch_is_checked_with_the_service_whose_variables_it_holds(path, message):
    """Alone, it can't know their names."""
    batch = Batch(path, limit=10, jobs="jobs")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are compared below
        acme(batch=batch)
    assert str(caught.value).startswith(message)
    if "region" in path:
        acme(variables=(("region", "REGION"),), batch=batch)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"downloads": (("an audio", "a"),)}, "a kind of downloads must be a word such as"),
        ({"downloads": (("audio", "a."),)}, "the download audio must be a JMESPath expression"),
        ({"downloads": (("a", "a"), ("a", "b"))}, "downloads must name each kind once, not"),
        ({"result_gives_json": True}, "downloads must name 'video' where result_gives_json is"),
    ],
)
def test_downloads_that_can_t_be_meant_are_refused(values, message):
    """Each message names the field."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are compared below
        acme(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("field", ["base_url", "path", "result_url"])
def test_a_secret_may_stand_in_headers_alone(field):
    """URLs are shown, and kept by servers and proxies."""
    value = {"base_url": "https://acme.example/{token}", "path": "/{job_id}?token={token}"}
    template = value.get(field, "/{token}")
    variables = (("token", "ACME_TOKEN"),)
    acme(variables=variables, headers=(("X-Token", "{token}"),), secret_variables=("token",))
    acme(variables=variables, **{field: template})
    with pytest.raises(ValueError, match=f"^{field} must hold no other names than .*{{token}}$"):
        acme(variables=variables, secret_variables=("token",), **{field: template})


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"pending": ["a"]}, TypeError, "pending must be a tuple of words and numbers, not "),
        ({"completed": "done"}, TypeError, "completed must be a tuple of words and numbers, not "),
        ({"error": (None,)}, TypeError, "error must hold words and numbers, not None"),
        ({"missing": (False,)}, TypeError, "missing must hold words and numbers, not False"),
        ({"pending": ("",)}, ValueError, "pending must not hold an empty word"),
        ({"pending": (" ",)}, ValueError, "pending must not hold an empty word"),
        ({"completed": ()}, ValueError, "completed and error must each hold a word"),
        ({"pending": ("*a*b*c*",)}, ValueError, "pending must hold no more than 3 '*' in '*a*b"),
        ({"error": ()}, ValueError, "completed and error must each hold a word"),
        ({"error": ("completed",)}, ValueError, "error must not hold 'completed': completed does"),
        ({"pending": ("ERROR",)}, ValueError, "pending must not hold 'ERROR': error does already"),
        ({"pending": (3,), "missing": ("3",)}, ValueError, "pending must not hold 3: missing does"),
    ],
)
def test_words_that_contradict_each_other_are_refused_when_they_are_made(values, kind, message):
    """One word can't mean two things."""
    with pytest.raises(kind) as caught:
        Words(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("stages", "kind", "message"),
    [
        ([(0, 5)], TypeError, "stages must be a tuple of pairs of seconds, not [(0, 5)]"),
        ((0, 5), TypeError, "stages must be a tuple of pairs of seconds, not (0, 5)"),
        (((0, 5, 6),), TypeError, "stages must be a tuple of pairs of seconds, not ((0, 5, 6),)"),
        ((), ValueError, "stages must begin at 0 and follow each other, not ()"),
        (((1, 5),), ValueError, "stages must begin at 0 and follow each other, not ((1, 5),)"),
        (((0, 5), (9, 5), (4, 5)), ValueError, "stages must begin at 0 and follow each other"),
        (((0, 5), (0, 6)), ValueError, "stages must begin at 0 and follow each other, not "),
        (((-1, 5),), ValueError, "a stage's begin must be a number, 0 or more, not -1"),
        (((0, 0),), ValueError, "a stage's wait must be a number above 0, not 0"),
        (((0, None),), TypeError, "a stage's wait must be a number above 0, not None"),
        ((("0", 5),), TypeError, "a stage's begin must be a number, 0 or more, not '0'"),
    ],
)
def test_stages_that_do_not_follow_each_other_are_refused_when_they_are_made(stages, kind, message):
    """The first begins with the submit."""
    with pytest.raises(kind) as caught:
        Stages(stages)
    assert str(caught.value).startswith(message)


def test_the_jitter_of_stages_is_checked_as_that_of_backoff():
    """The same words."""
    with pytest.raises(ValueError, match="^jitter must be a number, 0 or more, not -1"):
        Stages(((0, 5),), jitter=-1)


# What it means

STAGES = Stages(((0, 5), (60, 20), (600, 60)), jitter=2)


@pytest.mark.parametrize(
    ("elapsed", "wait"), [(0, 5), (59.9, 5), (60, 20), (599, 20), (600, 60), (10**9, 60)]
)
def test_stages_wait_by_how_long_the_job_has_been_waited_for(elapsed, wait):
    """From the moment on that each names, and chance adds up to the jitter."""
    assert STAGES(Moment(1, elapsed, chance=0.0)) == wait
    assert STAGES(Moment(99, elapsed, chance=0.5)) == wait + 1


@pytest.mark.every_python
def test_a_pattern_that_python_cannot_search_for_is_refused_when_it_is_made():
    """Versions differ in whether a range that is turned round is an error or matches nothing."""
    with contextlib.suppress(ValueError):
        assert Words(pending=("[z-a]",)).meaning("z") is None


def test_words_are_the_same_in_capital_letters():
    """Both in the definition and in the answer."""
    words = Words(pending=("Working",), completed=("DONE",), error=("failed",), missing=("Gone",))
    meanings = [words.meaning(word) for word in ("WORKING", "done", "Failed", "gONE", "other")]
    assert meanings == ["pending", "completed", "error", "missing", None]


def test_a_word_may_be_a_number_or_a_pattern():
    """A number is as good as its digits."""
    words = Words(pending=(0, 1), completed=(2,), error=(-1, "err_*", "f[ao]il", "bad?"))
    meanings = [words.meaning(word) for word in ("0", "1", "2", "-1", "ERR_9", "foil", "bad!")]
    assert meanings == ["pending", "pending", "completed", *["error"] * 4]
    assert words.meaning("bad") is None


def test_a_word_that_is_listed_itself_goes_before_patterns():
    """Whatever they mean; among patterns, ends go before work."""
    words = Words(pending=("*", "almost_done"), completed=("*done",), error=("not_done", "odd*"))
    assert words.meaning("almost_done") == "pending"
    assert words.meaning("not_done") == "error"
    assert words.meaning("all_done") == "completed"
    assert words.meaning("oddly_done") == "completed"
    assert words.meaning("odd") == "error"
    assert words.meaning("anything") == "pending"


def test_a_word_with_a_bracket_may_be_meant_literally():
    """It is listed itself, though as a pattern it would be another."""
    assert Words(pending=("step[1]",)).meaning("STEP[1]") == "pending"


@settings(deadline=None)
@given(st.text(min_size=1, alphabet=st.characters(blacklist_categories=("Cs",))))
def test_any_word_that_is_listed_has_its_meaning(word):
    """Whatever its characters are, those of patterns included."""
    if word.strip():
        words = Words(completed=("\0completed",), error=("\0error",), pending=(word,))
        assert words.meaning(word) == words.meaning(word.lower()) == "pending"
        assert matches("x" + word, ("x*",))


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        ("state", '{"state": "completed"}', "completed"),
        ("a.b[1].c", '{"a": {"b": [0, {"c": "completed"}]}}', "completed"),
        ("code", '{"code": 2}', "2"),
        ("code", '{"code": 2.0}', "2"),
        ("code", '{"code": -1.5}', "-1.5"),
        ("done", '{"done": true}', "true"),
        ("a || b", '{"b": " completed "}', "completed"),
        (
            "jobs[?id=='x'].state | [0]",
            '{"jobs": [{"id": "x", "state": "completed"}]}',
            "completed",
        ),
    ],
)
def test_the_status_word_stands_where_the_expression_says(wait_for, status, answer, expected):
    """A number or a truth value is as good as a text."""
    words = Words(completed=("completed", 2, "-1.5", "true"))
    future = wait_for(acme(status=status, words=words), answer)
    assert future.result() == "completed"
    assert future.report.state == expected


@pytest.mark.parametrize(
    ("unknown_status", "times", "end"), [("pending", [0, 1], "completed"), ("error", [0], "error")]
)
def test_what_a_word_counts_as_that_is_not_known_is_for_the_service_to_say(
    wait_for, provider, caplog, unknown_status, times, end
):
    """With one warning, that tells as what."""
    service = acme(unknown_status=unknown_status)
    future = wait_for(service, '{"status": "strange"}', COMPLETED)
    assert (future.result(), provider.times) == (end, times)
    assert warnings_of(caplog) == [
        "service 'acme' has a status that is not known, 'strange': it counts as " + unknown_status
    ]


def test_a_word_that_is_not_known_may_be_a_failed_poll(wait_for, provider):
    """Then it is told as one, and the wait goes on."""
    future = wait_for(acme(unknown_status="invalid"), '{"status": "strange"}', COMPLETED)
    assert (future.result(), provider.times) == ("completed", [0, 1])
    assert isinstance(future.last_error, PollError)
    assert "unknown status: 'strange'" in str(future.last_error)


def test_a_service_with_no_end_of_words_does_not_fill_the_log(wait_for, caplog):
    """A hundred of them are told."""
    answers = [f'{{"status": "step {number}"}}' for number in range(120)]
    future = wait_for(acme(), *answers, COMPLETED, strategy=lambda *known: 1.0)
    assert (future.result(), future.attempts) == ("completed", 121)
    assert len(warnings_of(caplog)) == 100


@pytest.mark.parametrize(
    ("total", "progress", "expected"),
    [
        (100, "25", 0.25),
        (100, "100", 1.0),
        (1, "0.5", 0.5),
        (1, "0", 0.0),
        (8, "2", 0.25),
        (100, "101", None),
        (100, "-1", None),
        (100, '"25"', None),
        (100, "true", None),
        (100, "null", None),
        (100, "NaN", None),
        (100, "1e999", None),
    ],
)
def test_progress_is_a_share_of_what_the_service_calls_all(wait_for, total, progress, expected):
    """From 0 to 1, or unknown where the service says something else."""
    service = acme(progress="done", progress_total=total)
    future = wait_for(service, f'{{"status": "completed", "done": {progress}}}')
    assert future.report.progress == expected


def test_a_service_may_want_to_be_asked_by_post(wait_for, provider):
    """With the same URL and headers, and no body."""
    wait_for(acme(method="POST", path="/query/{job_id}"), PENDING, COMPLETED)
    assert {(one.method, one.target) for one in provider.requests} == {("POST", "/query/job-1")}


def test_headers_hold_what_their_templates_say(wait_for, provider):
    """Braces are doubled to be meant themselves."""
    service = acme(
        headers=(("X-Team", "{team}/{{a}}"), ("X-Plain", "")), variables=(("team", "ACME_TEAM"),)
    )
    wait_for(service, COMPLETED, team="blue")
    assert provider.requests[0].headers["x-team"] == "blue/{a}"
    assert provider.requests[0].headers["x-plain"] == ""


def test_a_path_holds_what_its_template_says(wait_for, provider):
    """A query of its own included."""
    service = acme(
        path="/{team}/jobs?id={job_id}&v={{2}}", variables=(("team", "ACME_TEAM"),), status="s"
    )
    wait_for(service, '{"s": "completed"}', team="blue")
    assert provider.requests[0].target in (
        "/blue/jobs?id=job-1&v={2}",
        "/blue/jobs?id=job-1&v=%7B2%7D",
    )


@pytest.mark.parametrize("where", ["result_url", "unnamed_path", "batch"])
def test_a_variable_may_stand_in_one_template_alone(provider, connect, clock, monkeypatch, where):
    """Its value is wanted when the client is made, not missed when a job is asked for."""
    values = {
        "result_url": {"result_url": "/{team}/results/{job_id}"},
        "unnamed_path": {"unnamed_path": "/{team}"},
        "batch": {"batch": Batch("/{team}?ids={job_ids}", limit=10, jobs="jobs", status="@")},
    }[where]
    service = acme(variables=(("team", "ACME_TEAM"),), **values)
    monkeypatch.delenv("ACME_TEAM", raising=False)
    provider.tell('{"status": "completed", "jobs": {"a": "completed", "b": "completed"}}')
    client = connect(service, team="blue")
    names = [None] if where == "unnamed_path" else ["a", "b"]
    with clock.paused():
        futures = [client.submit(name) for name in names]
    assert {future.result(PATIENCE) for future in futures} == {"completed"}
    if where == "result_url":
        assert futures[0].report.result == f"{connect.url}/blue/results/a"
    with pytest.raises(ValueError, match="^team is needed by .*; pass team=, or set .* ACME_TEAM$"):
        connect(service)


@pytest.mark.parametrize(
    ("result", "result_url", "answer", "expected"),
    [
        (None, None, "{}", None),
        ("url", None, '{"url": "https://x.example/v?s=1"}', "https://x.example/v?s=1"),
        ("files", None, '{"files": {"es": "u"}}', {"es": "u"}),
        ("url", None, '{"url": null}', None),
        (None, "/results/{job_id}", "{}", "BASE/results/job-1"),
        ("run", "/runs/{result}", '{"run": 7}', "BASE/runs/7"),
        ("run", "/runs/{result}?of={job_id}", '{"run": "a/b c"}', "BASE/runs/a%2Fb%20c?of=job-1"),
        ("runs", "/runs/{result}", '{"runs": ["a", 2]}', ["BASE/runs/a", "BASE/runs/2"]),
        ("runs", "/runs/{result}", '{"runs": ["a", null, {}]}', ["BASE/runs/a"]),
        ("runs", "/runs/{result}", '{"runs": []}', None),
        ("run", "/runs/{result}", '{"run": null}', None),
        ("run", "/runs/{result}", '{"run": {"id": 7}}', None),
        ("run", "/runs/{result}", "{}", None),
    ],
)
def test_the_result_is_what_the_service_gives_or_the_urls_of_it(
    wait_for, connect, result, result_url, answer, expected
):
    """Where a second request fetches it, one URL for each that is found."""
    body = '{"status": "completed", ' + answer[1:] if answer != "{}" else COMPLETED
    future = wait_for(acme(result=result, result_url=result_url), body)
    if isinstance(expected, str):
        expected = expected.replace("BASE", connect.url)
    elif isinstance(expected, list):
        expected = [url.replace("BASE", connect.url) for url in expected]
    assert future.result() == "completed"
    assert future.report.result == expected


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ('"No sound."', '"E1"', "'No sound.' ('E1')"),
        ('"No sound (E1)."', '"E1"', "'No sound (E1).'"),
        ('{"en": "No sound."}', "7", "'{\"en\": \"No sound.\"}' ('7')"),
        ('["a", "é"]', "null", repr('["a", "é"]')),
        ("42", "42", "'42'"),
        ("false", "null", "'false'"),
        ("{}", "{}", "the service reported 'error' and gave no reason"),
        ("[]", '""', "the service reported 'error' and gave no reason"),
        ('""', '"E1"', "the service reported 'error' and gave no reason ('E1')"),
    ],
)
def test_the_reason_of_an_error_is_text_whatever_the_service_makes_of_it(
    wait_for, text, code, reason
):
    """With its code, unless the text has it already."""
    service = acme(error="why", error_code="code")
    future = wait_for(service, f'{{"status": "error", "why": {text}, "code": {code}}}')
    assert (future.result(), future.reason) == ("error", reason)


def test_a_very_long_reason_is_cut(wait_for):
    """It goes into logs and messages."""
    future = wait_for(acme(error="why"), f'{{"status": "error", "why": "{"x" * 5000}"}}')
    assert future.report.error == "x" * 2000
    future = wait_for(acme(error="why"), f'{{"status": "error", "why": ["{"x" * 5000}"]}}')
    assert len(future.report.error) == 2000


def test_a_status_word_may_mean_that_there_is_no_such_job(wait_for, provider):
    """It may appear for as long as the service says."""
    service = acme(words=Words(missing=("unknown_job",)), missing_delay=2)
    future = wait_for(service, '{"status": "unknown_job"}')
    assert isinstance(future.exception(), JobNotFoundError)
    assert "its status says so" in str(future.exception())
    assert provider.times == [0, 1, 3]


def test_a_failure_ends_the_wait_unless_its_code_passes(wait_for, provider):
    """Which codes do is for the service to say."""
    service = acme(failure="oops", failure_code="why", passing=("busy*", 7), missing=("gone",))
    future = wait_for(
        service,
        '{"oops": "Busy.", "why": "BUSY_NOW"}',
        '{"oops": "Seven.", "why": 7}',
        '{"oops": "Gone.", "why": "gone"}',
        '{"oops": {"text": "Never."}, "why": "denied"}',
    )
    assert provider.times == [0, 1, 3, 7]
    assert isinstance(future.exception(), RejectedError)
    assert """'{"text": "Never."}' ('denied')""" in str(future.exception())


@pytest.mark.parametrize("field", ["passing", "missing"])
def test_a_pattern_for_every_code_is_about_failures_alone(wait_for, field):
    """An answer that tells a status has no code, not even an empty one."""
    service = acme(failure="oops", failure_code="why", **{field: ("*",)})
    future = wait_for(service, COMPLETED)
    assert future.exception() is None
    assert (future.result(), future.last_error) == ("completed", None)


def test_a_failure_without_a_code_says_so(wait_for):
    """And ends the wait, as none that passes."""
    future = wait_for(acme(failure="oops"), '{"oops": "Never."}')
    assert isinstance(future.exception(), RejectedError)
    assert "HTTP status 200: 'Never.' (no code)" in str(future.exception())


def test_an_expression_that_does_not_fit_an_answer_fails_the_poll(wait_for):
    """A function may want another type than stands there."""
    service = acme(status="join(',', parts)", failure="x")
    future = wait_for(service, '{"parts": 5}', '{"parts": ["completed"]}')
    assert future.result() == "completed"
    assert "\"join(',', parts)\" does not fit the answer: JMESPathTypeError" in str(
        future.last_error
    )


@pytest.mark.parametrize(
    ("names", "headers", "wait"),
    [
        (("X-RateLimit-Reset",), {"X-RateLimit-Reset": "20"}, 20),
        (("X-RateLimit-Reset",), {"x-ratelimit-reset": "20", "X-RateLimit-Remaining": "0"}, 20),
        (("X-RateLimit-Reset",), {"X-RateLimit-Reset": "20", "X-RateLimit-Remaining": "3"}, 1),
        (("X-RateLimit-Reset",), {"X-RateLimit-Reset": "1893456020"}, 20),
        (("X-Wait-MS",), {"X-Wait-MS": "20000"}, 20),
        (("X-Wait", "Retry-After"), {"Retry-After": "9", "X-Wait": "20"}, 20),
        (("X-Wait", "Retry-After"), {"Retry-After": "20", "X-Wait": "soon"}, 20),
        (("X-Wait",), {"Retry-After": "20"}, 1),
        ((), {"Retry-After": "20", "RateLimit-Reset": "20"}, 1),
    ],
)
def test_the_pacing_headers_are_those_that_the_service_names(
    wait_for, provider, names, headers, wait
):
    """In the order in which they count, and no others."""
    wait_for(acme(pacing_headers=names), (429, "", headers), COMPLETED)
    assert provider.times == [0, wait]


# Its pacing and limits

PACED = acme(
    strategy=Stages(((0.0, 7.0),), jitter=0.0), max_attempts=5, max_wait_time=1000.0, max_rate=0.1
)


def test_its_own_pacing_and_limits_are_used_where_the_user_gives_none(wait_for, provider):
    """They are what its guide recommends: every 7 s, here held back to every 10 s by the rate."""
    future = wait_for(PACED, PENDING)
    assert (future.result(), provider.times) == ("timeout", [0, 10, 20, 30, 40])
    assert "max_attempts=5" in future.reason


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        ({"initial_wait_time": 3.0}, [0, 3, 9, 21, 45]),
        ({"initial_wait_time": 1.0}, [0, 1, 3, 7, 15]),
        ({"backoff_factor": 2.0}, [0, 1, 3, 7, 15]),
        ({"jitter": 0.5}, [0, 1, 3, 7, 15]),
        ({"max_interval": 30.0}, [0, 1, 3, 7, 15]),
        ({"max_interval": 2}, [0, 1, 3, 5, 7]),
        ({"strategy": lambda *known: 4.0}, [0, 4, 8, 12, 16]),
        ({"max_attempts": 2}, [0, 7]),
        ({"max_attempts": 10, "max_wait_time": 60.0}, [*range(0, 60, 7), 59.9]),
        ({"max_wait_time": 10}, [0, 7, 9.9]),
    ],
)
def test_any_argument_that_is_given_goes_before_those_of_the_service(
    wait_for, provider, settings, times
):
    """Also where it is the number that is the default anyway."""
    future = wait_for(PACED, PENDING, **{"max_rate": 1000, **settings})
    assert future.result() == "timeout"
    assert provider.times == pytest.approx(times, abs=0.01)


def test_a_limit_of_none_that_is_given_goes_before_those_of_the_service(wait_for):
    """It asks for no limit."""
    limits = {"max_attempts": None, "max_wait_time": None}
    future = wait_for(PACED, *[PENDING] * 200, COMPLETED, **limits)
    assert (future.result(), future.attempts) == ("completed", 201)


def test_a_service_without_pacing_of_its_own_has_the_usual_one(wait_for, provider):
    """Exponential backoff, without a limit of attempts."""
    future = wait_for(acme(max_wait_time=100.0), PENDING)
    assert future.result() == "timeout"
    assert provider.times == pytest.approx([0, 1, 3, 7, 15, 31, 61, 91, 99.9])


# As a value

FULL = Service(
    "acme",
    base_url="https://{region}.example.com/api",
    path="/jobs/{job_id}",
    unnamed_path="/job",
    method="POST",
    headers=(("X-Team", "{team}"),),
    variables=(("region", "ACME_REGION"), ("team", "ACME_TEAM")),
    words=Words(pending=("queued", 1, "step*"), missing=("gone",)),
    strategy=STAGES,
    max_attempts=7,
    batch=Batch("/jobs?ids={job_ids}", limit=5, jobs="jobs", next_cursor="next"),
)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("service", [FULL, DEFAULT, acme(strategy=ExponentialBackoff(2.0))])
def test_a_service_that_was_pickled_is_equal_to_the_original(service, protocol):
    """Everything in it is data."""
    again = pickle.loads(pickle.dumps(service, protocol))
    assert again == service
    assert hash(again) == hash(service)
    assert copy.deepcopy(service) == service


def test_a_service_is_a_value():
    """Equal by what it says, fit to be a key, and not to be changed."""
    assert acme() == Service("acme") != Service("other")
    assert dataclasses.replace(FULL, max_attempts=8) != FULL
    assert {acme(): 1}[Service("acme")] == 1
    assert len({FULL, dataclasses.replace(FULL), DEFAULT}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.name = "other"
    assert "max_attempts=7" in repr(FULL)


def test_a_service_that_is_changed_by_replace_is_checked_anew():
    """There is no way around it."""
    with pytest.raises(ValueError, match="^path must hold {job_id}"):
        dataclasses.replace(FULL, path="/jobs")


def test_the_client_with_a_service_of_ones_own_needs_no_base_url_where_it_has_one():
    """Its variables are filled in."""
    client = VideoTranslationClient(service=FULL, region="eu-1", team="blue")
    assert repr(client) == "<VideoTranslationClient https://eu-1.example.com/api>"


def test_batch_can_only_be_asked_for_where_there_is_one():
    """None leaves it to the service."""
    VideoTranslationClient(URL, service=acme(), batch=False)
    with pytest.raises(ValueError, match="^batch must not be True: service 'acme' has no such"):
        VideoTranslationClient(URL, service=acme(), batch=True)
    with pytest.raises(TypeError, match="^batch must be True, False or None, not 1$"):
        VideoTranslationClient(URL, service=acme(), batch=1)
