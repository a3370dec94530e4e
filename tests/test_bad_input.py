"""Bad input is refused when it is given, with the argument and what would be right."""

import pickle
from fractions import Fraction

import pytest
import requests

from video_translation_client import (
    ExponentialBackoff,
    FixedInterval,
    Service,
    VideoTranslationClient,
)
from video_translation_client._base.arguments import ArgumentError, BadValueError

pytestmark = pytest.mark.one_python

URL = "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:5000",
        "example.com/api",
        "//example.com",
        "http:/example.com",
        "http:example.com",
        "http://",
        "http://:5000",
        "ftp://example.com",
        "file:///etc/hosts",
        "http://example.com?key=1",
        "http://example.com/?",
        "http://example.com/#part",
        "http://example.com:port",
        "http://example.com:99999",
        "http://example.com:0",
        "http://exa mple.com",
        "http://example.com/a\nb",
        "http://example.com\\evil",
        "http://[::1",
        "http://*.example.com",
        "http://a..b:5",
        f"http://{'a' * 64}.example.com",
    ],
)
def test_a_base_url_that_paths_cannot_follow_is_refused(url):
    """Without a scheme or host, with another scheme, a query, a bad port or white space."""
    with pytest.raises(ValueError, match="base_url"):
        VideoTranslationClient(url)


@pytest.mark.parametrize("end", ["/status", "/status/"])
def test_a_base_url_that_ends_in_status_is_refused_with_the_right_one(end):
    """The path is appended to it; one of a service of one's own may end so."""
    with pytest.raises(ValueError, match="^base_url must be 'http://h/api': /status is appended"):
        VideoTranslationClient(f"http://me:hush@h/api{end}")
    VideoTranslationClient("http://status")
    VideoTranslationClient("http://h/api/status", service=Service("acme"))


@pytest.mark.parametrize("url", [b"http://example.com", 5000, ["http://example.com"]])
def test_a_base_url_that_is_no_text_is_refused(url):
    """A TypeError shows what was given."""
    with pytest.raises(TypeError, match="base_url must be a str such as"):
        VideoTranslationClient(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hush@example.com",
        "user:hush@example.com",
        "https:/user:hush@example.com",
        "http://user:hush/hush@example.com",
        "http://user:12/hush@example.com",
        "http://user:hush#hush@example.com",
        "http://user:hu@hush@example.com?a=b",
        b"http://user:hush@example.com",
    ],
)
def test_the_refusal_of_a_base_url_does_not_show_its_password(url):
    """Credentials stay out of messages, whatever is wrong with the rest."""
    with pytest.raises((TypeError, ValueError), match="base_url") as caught:
        VideoTranslationClient(url)
    assert "hush" not in str(caught.value)


def test_an_api_key_next_to_credentials_in_the_url_is_refused():
    """Both would be the one Authorization header."""
    with pytest.raises(ValueError, match="api_key and credentials in base_url contradict"):
        VideoTranslationClient("http://user:pass@127.0.0.1:5000", api_key="key-1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("path", "status"),
        ("path", "/status/"),
        ("path", "status/{job_id}"),
        ("path", "/status/{job_id}/{"),
        ("path", "/status/{job_id!r}"),
        ("path", "/status/{job}/{job_id}"),
        ("path", None),
        ("status", "data."),
        ("status", ["result"]),
        ("headers", (("X Key", "{api_key}"),)),
        ("secret_variables", ("token",)),
    ],
)
def test_a_service_that_no_request_can_be_made_of_is_refused(field, value):
    """When it is made, by the name of its field."""
    with pytest.raises((TypeError, ValueError), match=f"^{field} must (be|hold) "):
        Service(**{"name": "mine", field: value})


@pytest.mark.parametrize(
    "name",
    [
        "max_wait_time",
        "initial_wait_time",
        "backoff_factor",
        "jitter",
        "max_interval",
        "request_timeout",
        "max_rate",
    ],
)
@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), -float("inf"), True, False, "5", [], 10**400]
)
def test_a_number_that_makes_no_sense_is_refused_by_name(name, value):
    """Negative, not a number, infinite, a bool or a string."""
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be a number"):
        VideoTranslationClient(URL, **{name: value})


@pytest.mark.parametrize(
    "name",
    ["max_wait_time", "initial_wait_time", "max_interval", "request_timeout", "max_rate"],
)
def test_zero_is_refused_where_it_makes_no_sense(name):
    """A wait, a limit or a rate of nothing."""
    with pytest.raises(ValueError, match=f"^{name} must be a number above 0.*, not 0"):
        VideoTranslationClient(URL, **{name: 0})


def test_more_workers_than_any_machine_has_threads_are_refused():
    """They would be reserved for in vain."""
    with pytest.raises(ValueError, match="^max_concurrency must be .* from 1 to 1000, not 1001"):
        VideoTranslationClient(URL, max_concurrency=1001)


def test_a_request_timeout_of_more_than_a_day_is_refused():
    """The operating system could not wait for it."""
    with pytest.raises(ValueError, match="^request_timeout must be .* at most 86400, not 1000"):
        VideoTranslationClient(URL, request_timeout=1e10)


@pytest.mark.parametrize("value", [0, 0.5])
def test_a_backoff_factor_that_shrinks_the_waits_is_refused(value):
    """Waits that get shorter would end as a flood."""
    with pytest.raises(ValueError, match="^backoff_factor must be a number, 1 or more, not"):
        VideoTranslationClient(URL, backoff_factor=value)


@pytest.mark.parametrize("name", ["max_attempts", "max_concurrency"])
@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, True, "3", float("nan")])
def test_a_count_that_is_no_whole_number_from_one_is_refused(name, value):
    """Attempts and workers are counted."""
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be a whole number"):
        VideoTranslationClient(URL, **{name: value})


@pytest.mark.parametrize(
    "name", ["initial_wait_time", "backoff_factor", "jitter", "max_interval", "request_timeout"]
)
def test_none_is_refused_where_there_is_always_a_value(name):
    """Only limits can be absent."""
    with pytest.raises(TypeError, match=f"^{name} must be"):
        VideoTranslationClient(URL, **{name: None})


def test_the_refusal_of_a_limit_says_that_none_means_no_limit():
    """Who tries -1 or infinity for "no limit" learns what to write."""
    with pytest.raises(ValueError, match="None means no limit"):
        VideoTranslationClient(URL, max_wait_time=float("inf"))


@pytest.mark.parametrize("value", [Fraction(1, 2), 1])
def test_any_real_number_will_do(value):
    """A Fraction is as good as a float."""
    VideoTranslationClient(URL, initial_wait_time=value, jitter=value, max_rate=value)


def test_a_strategy_checks_its_numbers_as_the_client_does():
    """The same words, also when it is made apart."""
    with pytest.raises(ValueError, match="^jitter must be a number, 0 or more, not -1"):
        ExponentialBackoff(jitter=-1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", 5),
        ("on_event", 5),
        ("on_event", [print, None]),
        ("random", 0.5),
        ("session", "session"),
        ("session", requests),
        ("clock", 12.0),
        ("service", 7),
    ],
)
def test_an_object_of_the_wrong_kind_is_refused_by_name(name, value):
    """Each says what it must be."""
    with pytest.raises(TypeError, match=f"^{name} must be "):
        VideoTranslationClient(URL, **{name: value})


@pytest.mark.parametrize("key", ["", "two words", "line\nend", "schlüssel", "tab\t"])
def test_an_api_key_that_no_header_can_carry_is_refused_unseen(key):
    """Empty, with white space or beyond ASCII; the message does not repeat it."""
    with pytest.raises(ValueError, match="^api_key must be") as caught:
        VideoTranslationClient(URL, api_key=key)
    assert not key or key not in str(caught.value)


def test_an_api_key_that_is_no_text_is_refused_unseen():
    """A TypeError tells the type alone."""
    with pytest.raises(TypeError, match="^api_key must be a str or None, not bytes$"):
        VideoTranslationClient(URL, api_key=b"hush")


def test_a_session_whose_headers_cannot_be_sent_is_refused_unseen():
    """The client can't be made of it; the header's value is not repeated."""
    session = requests.Session()
    session.headers["X-Key"] = "hush\r\nhush"
    with pytest.raises(ValueError, match="InvalidHeader") as caught:
        VideoTranslationClient(URL, session=session)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_a_job_id_that_is_no_segment_of_a_path_is_refused(job_id):
    """Empty and dot segments would ask for another resource."""
    client = VideoTranslationClient(URL)
    for call in (client.submit, client.get_status):
        with pytest.raises(ValueError, match="^job_id must not be"):
            call(job_id)


def test_a_job_id_that_is_not_unicode_is_refused():
    """A lone surrogate can't be encoded."""
    client = VideoTranslationClient(URL)
    with pytest.raises(ValueError, match="^job_id must be valid Unicode"):
        client.submit("\ud800")


@pytest.mark.parametrize("job_id", [7, b"job", ["job"], True])
def test_a_job_id_that_is_no_text_is_refused(job_id):
    """A TypeError shows what was given."""
    client = VideoTranslationClient(URL)
    with pytest.raises(TypeError, match="^job_id must be a str or None"):
        client.submit(job_id)


def test_a_callback_in_the_place_of_the_job_id_is_pointed_to_its_own():
    """The likeliest slip has its own hint."""
    client = VideoTranslationClient(URL)
    with pytest.raises(TypeError, match="on_update="):
        client.get_status(print)


def test_an_on_update_that_cannot_be_called_is_refused():
    """Before anything is asked."""
    client = VideoTranslationClient(URL)
    with pytest.raises(TypeError, match="^on_update must be callable, not 'print'"):
        client.submit("job", on_update="print")


def test_a_submit_after_shutdown_is_refused_as_an_executor_does():
    """The RuntimeError of concurrent.futures, in its words."""
    client = VideoTranslationClient(URL)
    client.shutdown()
    with pytest.raises(RuntimeError, match="^cannot schedule new futures after shutdown$"):
        client.submit("job")


@pytest.mark.parametrize(
    ("refused", "parts", "text"),
    [
        (
            lambda: VideoTranslationClient(URL, max_rate="fast"),
            ("max_rate", "must be a number above 0, not 'fast'", "None means no limit"),
            "max_rate must be a number above 0, not 'fast'; None means no limit",
        ),
        (
            lambda: VideoTranslationClient(URL).submit(".."),
            ("job_id", "must not be '..': it can't be a segment of a URL's path", None),
            "job_id must not be '..': it can't be a segment of a URL's path",
        ),
    ],
)
def test_a_refusal_has_its_parts_for_who_tells_it_in_other_words(refused, parts, text):
    """The argument's name, what is wrong and what a program does about it are fields."""
    with pytest.raises(ArgumentError) as caught:
        refused()
    assert (caught.value.argument, caught.value.problem, caught.value.advice) == parts
    assert str(caught.value) == text
    assert repr(caught.value) == f"{type(caught.value).__name__}({text!r})"


def test_a_refusal_of_two_arguments_names_both_and_can_be_pickled():
    """It survives the way to another process, with the variable that may stand for it."""
    error = BadValueError("key", "contradict each other", "give one", "url", "KEY")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == "key and url contradict each other; give one"
    assert (copy.other, copy.variable) == ("url", "KEY")


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (lambda attempt, elapsed, report, chance: 1.0, "strategy must take one argument, a Moment"),
        (lambda: 1.0, "strategy must take one argument, a Moment; see help"),
        (ExponentialBackoff, "strategy must be an object, ExponentialBackoff"),
        (5, "strategy must be callable, not 5"),
    ],
)
def test_what_is_no_strategy_is_refused_by_name(strategy, message):
    """The message says what a strategy is called with."""
    with pytest.raises(TypeError, match=message):
        VideoTranslationClient("http://127.0.0.1:1", strategy=strategy)


@pytest.mark.parametrize("call", ["submit", "get_status"])
@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ({"age": -1}, "^age must be a number, 0 or more, not -1"),
        ({"age": float("nan")}, "^age must be a number, 0 or more, not nan"),
        ({"age": "5"}, "^age must be a number, 0 or more, not '5'"),
        ({"age": True}, "^age must be a number, 0 or more, not True"),
        ({"expected": 0}, "^expected must be a number above 0, not 0; None means not known"),
        ({"expected": float("inf")}, "^expected must be a number above 0, not inf"),
        ({"expected": "5 min"}, "^expected must be a number above 0, not '5 min'"),
        ({"group": ""}, "^group must not be empty"),
        ({"group": 7}, "^group must be a str, not 7"),
        ({"group": "\ud800"}, "^group must be valid Unicode, not "),
    ],
)
def test_what_makes_no_sense_of_a_job_is_refused_at_once(server, make_client, call, hints, message):
    """By both calls, before anything is asked."""
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(make_client(), call)("job-1", **hints)
    assert server.requests == []


@pytest.mark.parametrize("value", [-1, float("nan"), "none", True])
def test_an_interval_that_is_none_is_refused(value):
    """None is the service's own."""
    with pytest.raises((TypeError, ValueError), match="^min_interval must .*None means as the ser"):
        VideoTranslationClient(URL, min_interval=value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": 0}, "^interval must be a number above 0, not 0"),
        ({"interval": 5, "jitter": -1}, "^jitter must be a number, 0 or more, not -1"),
    ],
)
def test_a_fixed_interval_checks_its_numbers(arguments, message):
    """When it is made."""
    with pytest.raises(ValueError, match=message):
        FixedInterval(**arguments)
