"""An answer in another shape than documented: a failed poll that shows it, without secrets."""

from __future__ import annotations

import base64
import dataclasses
import html
import itertools
import json
import logging
import random
import re
import time
import traceback
import tracemalloc
from urllib.parse import quote

import pytest
import requests
from conftest import PATIENCE, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from test_services import SERVICES, done

from video_translation_client import (
    PollError,
    RejectedError,
    Service,
    StatusReport,
    VideoTranslationClient,
    VideoTranslationError,
    Words,
    services,
)
from video_translation_client._http.answers import AnswerReader
from video_translation_client._http.endpoint import Endpoint
from video_translation_client._http.redaction import Secrets
from video_translation_client._http.transport import Answer
from video_translation_client.services.default import SERVICE as DEFAULT
from video_translation_client.testing import Fault

KEY = "hush-key/1+2=3&<'\"\\~"
"""A key with characters that every encoding has its own spelling for."""

URL = "http://127.0.0.1:5000/status/job-1"
WORDS = "pending|completed|error"


def quoted(body, secrets):
    """What is shown of the body of an answer."""
    return secrets.quote(body)


def redacted(text, secrets):
    """What is shown of another text of an answer."""
    return secrets.redact(text)


def read(service, body):
    """What comes of the answer for one job."""
    endpoint = Endpoint(service, URL, {}, None)
    answer = Answer(200, {}, body, lambda: Secrets("/status", URL, {}))
    return AnswerReader(endpoint, URL, 1000).one(answer, "job-1", None)


@pytest.fixture
def poll(clock, provider):
    """Makes one poll that fails, and returns its error."""
    with serving(provider) as url:

        def fail(*answers, **settings):
            provider.tell(*answers)
            arguments = {"base_url": url, "clock": clock, "max_attempts": 1, **settings}
            with VideoTranslationClient(**arguments) as client:
                future = client.submit("job-1")
                assert future.result(PATIENCE) == "timeout"
            assert future.report is None
            return future.last_error

        fail.url = url
        yield fail


def body_of(error):
    """What a message shows of the answer's body."""
    return str(error).partition("; it is ")[2]


@pytest.mark.parametrize("text", ["strange", KEY])
def test_an_unforeseen_fault_in_reading_an_answer_is_a_failed_poll(poll, text):
    """It is chained, unless its words repeat a secret."""

    class Odd(Words):
        def meaning(self, state):
            raise RuntimeError(f"no idea of {state}")

    service = Service("odd", status="result", words=Odd(("pending",), ("completed",), ("error",)))
    body = json.dumps({"result": text})
    error = poll((200, body, {"Retry-After": "1"}), service=service, api_key=KEY)
    assert isinstance(error, PollError)
    assert (error.job_id, error.status_code, error.retry_after) == ("job-1", 200, 1)
    assert str(error) == "job 'job-1': the answer can't be read (RuntimeError)"
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert KEY not in shown
    assert ("no idea of strange" in shown) is (text == "strange")


# What counts as unreadable


UNREADABLE = [
    ("[]", "the answer is not a JSON object"),
    ('["completed"]', "the answer is not a JSON object"),
    ('"completed"', "the answer is not a JSON object"),
    ("7", "the answer is not a JSON object"),
    ("null", "the answer is not a JSON object"),
    ("", "the answer is not JSON"),
    ("completed", "the answer is not JSON"),
    ("<html><body>Bad gateway</body></html>", "the answer is not JSON"),
    ('{"result": "completed"', "the answer is not JSON"),
    ('{"result": "completed"} trailing', "the answer is not JSON"),
    ("{}", "the answer has no status at 'result'"),
    ('{"status": "completed"}', "the answer has no status at 'result'"),
    ('{"result": null}', "the answer has no status at 'result'"),
    ('{"data": {"result": "completed"}}', "the answer has no status at 'result'"),
    ('{"result": ""}', "the status in the answer is not a word"),
    ('{"result": "  "}', "the status in the answer is not a word"),
    ('{"result": []}', "the status in the answer is not a word"),
    ('{"result": ["completed"]}', "the status in the answer is not a word"),
    ('{"result": {"word": "completed"}}', "the status in the answer is not a word"),
    ('{"result": "timeout"}', "the answer has an unknown status: 'timeout'"),
    ('{"result": 1}', "the answer has an unknown status: '1'"),
    ('{"result": true}', "the answer has an unknown status: 'true'"),
]


@pytest.mark.one_python
@pytest.mark.parametrize(("body", "problem"), UNREADABLE)
def test_an_answer_in_another_shape_is_a_failed_poll_that_says_what_is_wrong_and_shows_it(
    poll, body, problem
):
    """So that who reads the log sees whether the service or the definition is mistaken."""
    error = poll(body)
    assert isinstance(error, PollError)
    assert (error.job_id, error.status_code) == ("job-1", 200)
    assert str(error).startswith(f"job 'job-1': {problem}")
    assert body_of(error) == repr(body)


@pytest.mark.one_python
@pytest.mark.parametrize("name", services.NAMES)
@pytest.mark.parametrize("body", ["[]", "{}", "", "<html>", '{"result": "completed"}', "null"])
def test_the_answers_of_a_known_service_are_read_no_less_strictly(poll, provider, name, body):
    """A proxy's page, or another service's answer, is no status; the next poll may find one."""
    variables = {key: value for key, value in SERVICES[name].variables.items() if key != "region"}
    error = poll(body, service=name, api_key="key-0123456789", **variables)
    assert isinstance(error, PollError)
    assert str(error).startswith("job 'job-1': the answer ")
    assert body_of(error) == repr(body)


def test_the_wait_goes_on_after_an_unreadable_answer(provider, clock):
    """The next poll may find better."""
    provider.tell("{}", "<html>", done("heygen"))
    with serving(provider) as url, VideoTranslationClient(
        url, service="heygen", api_key="key-0123456789", clock=clock, random=lambda: 0.0
    ) as client:
        future = client.submit("job-1")
        assert future.result(PATIENCE) == "completed"
    assert provider.times == [0, 30, 60]


@pytest.mark.parametrize("value", ["[0]", '{"a": 1}', "NaN", "1e999", "-0", '"\\ud800"', "[[[]]]"])
@pytest.mark.parametrize("field", ["result", "progress", "error"])
def test_no_value_is_so_odd_that_it_does_more_than_fail_a_poll(provider, poll, field, value):
    """Neither where a word is expected nor where a number or a text is."""
    body = f'{{"result": "pending", "{field}": {value}}}'
    provider.tell(body)
    with VideoTranslationClient(poll.url, clock=provider.clock, max_attempts=1) as client:
        future = client.submit("job-1")
        assert future.result(PATIENCE) == "timeout"
    assert (future.last_error is None) == (field != "result")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "error", "progress", "data", "a"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_whatever_json_comes_is_read_or_refused_with_a_reason(payload):
    """No answer raises an error, whatever the service."""
    for service in [*services.known(), Service("acme", progress="progress", failure="error")]:
        result = read(service, json.dumps(payload).encode())
        if isinstance(result, VideoTranslationError):
            assert re.match(
                r"the (status in the )?answer |http://.* HTTP status 200: ", result.reason
            )
        else:
            assert result.status in WORDS
            assert result.progress is None or 0 <= result.progress <= 1


def test_an_answer_that_is_nested_as_deep_as_json_may_be_is_read_or_refused():
    """What could just be decoded does not run out of stack later."""
    for depth in range(600, 1200):
        nest = "[" * depth + "]" * depth
        for text in ('{"result": "error", "error": %s}', '{"result": %s}'):
            result = read(DEFAULT, (text % nest).encode())
            assert isinstance(result, (StatusReport, PollError))


# How much is shown


@pytest.mark.parametrize("length", [198, 199, 200, 201, 5000, 100_000])
def test_the_first_200_characters_are_shown(poll, length):
    """No log is flooded."""
    body = "x" * length
    assert body_of(poll(body)) == repr(body[:200])


def test_the_first_200_characters_are_shown_though_a_url_is_among_them():
    """Also of a long answer without any white space, as compact JSON is."""
    body = json.dumps(
        {"a": "http://x.example/v", "items": list(range(3000))}, separators=(",", ":")
    )
    shown = quoted(body.encode(), Secrets("/status", URL, {}))
    assert shown == repr(body[:200])


def test_the_cut_comes_after_secrets_were_taken_out(poll):
    """No half of one is left at the end."""
    for start in range(180, 201, 4):
        error = poll("x" * start + "hush-key-0123456789" + "y" * 50, api_key="hush-key-0123456789")
        assert body_of(error) == repr(("x" * start + "***" + "y" * 50)[:200])


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"a\r\nSet-Cookie: b", repr("a\r\nSet-Cookie: b")),
        (b"\x1b[31mred", ascii("\x1b[31mred")),
        ("é ü 日本".encode(), "'é ü 日本'"),
        ("\u202eabc".encode(), "'\\u202eabc'"),
        (b"\xff\xfe\x00", "'\ufffd\ufffd'"),
        (b"it's", '"it\'s"'),
        (b"", "''"),
    ],
)
def test_nothing_that_is_shown_can_forge_a_line_or_command_a_terminal(body, shown):
    """Control characters are escaped, and what is no UTF-8 is replaced."""
    assert quoted(body, Secrets("/status", URL, {})) == shown
    assert quoted(body, Secrets("/status", URL, {})).isprintable()


@pytest.mark.parametrize(
    "unit", [b"https:", b"https://", b"https://a@", b"https://a?", b"?", b"a@"]
)
def test_a_hostile_answer_of_a_mebibyte_is_shown_in_no_time(unit):
    """Looking for URLs takes no time that grows with its square."""
    began = time.perf_counter()
    quoted(unit * (1024 * 1024 // len(unit)), Secrets("/status", URL, {"x-api-key": KEY}))
    assert time.perf_counter() - began < 5


# What is not shown


def as_json(text):
    """As most encoders put it."""
    return json.dumps(text)[1:-1]


def as_json_for_html(text):
    """As Go's and .NET's encoders put it, which escape more than they must."""
    return "".join(f"\\u{ord(one):04x}" if one in "<>&+'\"" else as_json(one) for one in text)


def as_html(text):
    """As templates for pages put it, some of which escape more than they must."""
    return "".join(f"&#x{ord(one):X};" if one in "'/=`+" else html.escape(one) for one in text)


SPELLINGS = {
    "plain": str,
    "json": as_json,
    "json with slashes escaped": lambda text: as_json(text).replace("/", "\\/"),
    "json for html": as_json_for_html,
    "percent": lambda text: quote(text, safe=""),
    "percent with slashes": quote,
    "percent in lower case": lambda text: re.sub(
        "%..", lambda found: found[0].lower(), quote(text, safe="")
    ),
    "percent in percent": lambda text: quote(quote(text, safe=""), safe=""),
    "percent in json": lambda text: as_json_for_html(quote(text, safe="~")),
    "json in json": lambda text: as_json(as_json(text).replace("/", "\\/")),
    "json in json in json": lambda text: as_json(as_json(as_json(text))),
    "javascript": lambda text: re.sub(r"\W", lambda found: f"\\x{ord(found[0]):02X}", text),
    "html": as_html,
    "html in json": lambda text: as_json(as_html(text)),
}


@pytest.mark.one_python
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", [None, "heygen", "d-id"])
def test_a_key_that_is_repeated_is_not_shown(poll, name, spelling):
    """However the answer spells it."""
    echoed = SPELLINGS[spelling](KEY)
    error = poll(f'{{"sent": "{echoed}", "a": 1}}', service=name, api_key=KEY)
    assert body_of(error) == repr('{"sent": "***", "a": 1}')


@pytest.mark.parametrize(
    ("cookie", "echo"),
    [
        ("s%3Ahush/key.1", "s%3Ahush/key.1"),
        ("s%3Ahush/key.1", "s%3Ahush\\/key.1"),
        ("s%3Ahush/key.1", "s:hush/key.1"),
        ("s%3Ahush/key.1", "s%253Ahush%2Fkey.1"),
        ("hush\u00e9key", "hush%C3%A9key"),
        ("hush\u00e9key", "HUSH\\u00C9KEY"),
        ("hush&#1;key", "hush&#1;key"),
    ],
)
def test_a_secret_that_looks_like_escapes_is_not_shown(cookie, echo):
    """Servers repeat them as they came, or as they mean them."""
    sent = Secrets("/status", URL, {"x-token": cookie})
    assert quoted(f"you sent {echo}.".encode(), sent) == "'you sent ***.'"


def test_secrets_that_overlap_are_not_shown():
    """No rest of one is left because another begins before it."""
    sent = Secrets("/status", URL, {"x-a": "hush-one-two", "x-b": "one-two-three"})
    assert quoted(b"hush-one-two-three.hush-one-two.", sent) == "'***.***.'"


@pytest.mark.one_python
@pytest.mark.parametrize("echo", [KEY * 100, as_json(KEY * 100), quote(KEY * 100, safe="")])
@pytest.mark.parametrize("left", range(1, 60))
def test_what_a_cut_leaves_of_a_secret_is_not_shown(echo, left):
    """Though what was taken out before it makes room at the end."""
    sent = Secrets("/status", URL, {"x-api-key": KEY * 100, "x-other": "fill" * 1000})
    text = "fill" * 1000 + "." * (96 - left) + echo
    shown = redacted(text, sent)
    assert shown.startswith("***.")
    assert len(re.sub(r"[*.]", "", shown)) < 4  # a shorter word is no secret


def test_of_more_secrets_than_any_server_takes_nothing_is_shown():
    """To look for them all would take too long."""
    many = "; ".join(f"crumb-{number}" for number in range(3000))
    assert quoted(b"you sent crumb-7", Secrets("/status", URL, {"Cookie": many})) == "'***'"
    assert quoted(b"you sent crumb", Secrets("/status", URL, {"Cookie": "x" * 70_000})) == "'***'"


def cookies(size):
    """Returns a new Cookie header of so many characters."""
    chance = random.Random(size)
    crumbs = (f"c{number}={chance.getrandbits(400):x}" for number in itertools.count())
    text = ""
    while len(text) < size:
        text += next(crumbs) + "; "
    return text[:size]


def test_large_cookies_delay_no_end():
    """What looking for them costs is bounded by their length, whatever is new in each answer."""
    began = time.perf_counter()
    for size in range(15_900, 16_000, 5):
        header = cookies(size)
        shown = quoted(
            f"you sent {header[20:60]}{header}".encode(), Secrets("/", URL, {"a": header})
        )
        assert shown.endswith("***'")
    assert time.perf_counter() - began < 10


def test_nothing_of_a_secret_is_kept():
    """Neither by us nor by what we look for it with."""
    quoted(b"you sent hush", Secrets("/", URL, {"Cookie": cookies(1000)}))
    tracemalloc.start()
    try:
        for size in (4000, 8000):
            quoted(b"you sent hush", Secrets("/", URL, {"Cookie": cookies(size)}))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 500_000


def test_a_body_is_quoted_once_for_all_jobs_that_it_tells_of():
    """A thousand of them may be in one answer of a mebibyte."""
    sent = Secrets("/status", URL, {"x-api-key": KEY})
    body = b"x" * 1_000_000
    assert quoted(body, sent) is quoted(body, sent)


@pytest.mark.parametrize("echo", ["hush-token", "Bearer hush-token"])
def test_the_prefix_of_a_key_makes_no_difference(poll, echo):
    """With or without it, the key is not shown."""
    error = poll(f"you sent {echo}.", api_key="hush-token")
    assert "hush" not in str(error)


def test_the_headers_and_cookies_of_a_session_are_not_shown(poll):
    """Neither whole nor in parts."""
    with requests.Session() as session:
        session.headers["X-Token"] = "hush-header"
        session.cookies.set("first", "hush-cookie")
        session.cookies.set("second", "hush/other")
        error = poll(
            '{"sent": ["hush-header", "first=hush-cookie; second=hush/other",'
            ' "hush-cookie", "hush\\/other", "hush%2Fother"]}',
            session=session,
        )
    assert "hush" not in str(error)
    assert body_of(error).startswith('\'{"sent": ["***", "***"')


@pytest.mark.parametrize("where", ["url", "auth"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_basic_credentials_are_not_shown_encoded_or_in_parts(poll, where, spelling):
    """The pair, the user name, the password, and the header's value."""
    user, password = "hush-user", "hush/pass+word"
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    parts = [f"{user}:{password}", user, password, encoded, f"Basic {encoded}"]
    body = json.dumps(["PART"] * len(parts))
    for part in parts:
        body = body.replace("PART", SPELLINGS[spelling](part), 1)
    with requests.Session() as session:
        if where == "auth":
            session.auth = (user, password)
            error = poll(body, session=session)
        else:
            credentials = f"//{user}:{quote(password, safe='')}@"
            error = poll(body, base_url=poll.url.replace("//", credentials))
    assert "hush" not in str(error)
    assert encoded[:8] not in str(error)
    assert str(error).count("***") >= len(parts)


def test_a_header_that_only_looks_like_basic_authentication_is_no_trouble(poll):
    """What can't be decoded is not shown, either."""
    with requests.Session() as session:
        session.headers["Authorization"] = "Basic hush!"
        error = poll("you sent Basic hush!", session=session)
    assert "hush" not in str(error)


def test_header_values_that_are_bytes_are_not_shown():
    """A session's authentication may make such."""
    shown = quoted(b"you sent hush-bytes", Secrets("/status", URL, {"x-token": b"hush-bytes"}))
    assert shown == "'you sent ***'"


def test_values_in_the_query_of_the_request_are_not_shown(poll):
    """Some services take their key there, from session.params."""
    with requests.Session() as session:
        session.params = {"key": "hush/1", "sig": "hush two"}
        error = poll('{"query": ["hush/1", "hush%2F1", "hush two", "hush%20two"]}', session=session)
    assert body_of(error) == repr('{"query": ["***", "***", "***", "***"]}')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x.example/v?sig=hush&e=1", "https://x.example/v?***"),
        ("see http://x.example/v?hush.", "see http://x.example/v?***"),
        (
            '{"u": "https://x.example/v?sig=hush", "a": 1}',
            '{"u": "https://x.example/v?***", "a": 1}',
        ),
        ('{"u": "https:\\/\\/x.example\\/v?s=hush"}', '{"u": "https:\\/\\/x.example\\/v?***"}'),
        ('{"u": "https://x.example/v?a=1\\u0026s=hush"}', '{"u": "https://x.example/v?***"}'),
        ("<a href='https://x.example/v?s=hush'>", "<a href='https://x.example/v?***'>"),
        ("https://x.example/v?a=b?c=hush", "https://x.example/v?***"),
        ("https://hush:hush@x.example/v", "https://***@x.example/v"),
        ("https://hush@x.example/v?s=hush", "https://***@x.example/v?***"),
        ('{"u": "https:\\/\\/hush:hush@x.example"}', '{"u": "https:\\/\\/***@x.example"}'),
        ("HTTPS://x.example/v?sig=hush", "HTTPS://x.example/v?***"),
        ("https://x.example/v#a/b", "https://x.example/v#a/b"),
        ("why? because", "why? because"),
    ],
)
def test_what_presigned_urls_carry_is_not_shown(text, shown):
    """Their path is, which tells what they are of."""
    assert quoted(text.encode(), Secrets("/status", URL, {})) == repr(shown)


@settings(deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40).filter(
        lambda key: len(set(key)) > 5
    ),
    st.sampled_from(["plain", "json", "json with slashes escaped", "percent"]),
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4EFF), max_size=250),
)
def test_no_key_is_shown_wherever_it_is_repeated(key, spelling, before):
    """Whatever its characters are."""
    echoed = SPELLINGS[spelling](key)
    sent = {"x-api-key": key, "Accept": "application/json"}
    text = f"{before}{echoed}日{echoed}"
    shown = quoted(text.encode(), Secrets("/status", URL, sent))
    assert shown == repr(f"{before}***日***"[:200])


def test_short_and_harmless_words_are_shown():
    """Who takes out three letters, or what every request has, makes answers unreadable."""
    sent = {"x-api-key": "abc", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    sent = {**sent, "User-Agent": "video", "Connection": "keep-alive"}
    text = "abc application/json gzip video keep-alive"
    assert quoted(text.encode(), Secrets("/status", URL + "?v=2", sent)) == repr(text)


ECHOES = {
    "a status that is no word": '{"result": {"sent": "hush-key-1"}}',
    "a list in place of a status": '{"result": ["hush-key-1"]}',
    "an unknown status": '{"result": "hush-key-1"}',
}


@pytest.mark.parametrize("body", ECHOES.values(), ids=list(ECHOES))
def test_what_is_wrong_with_a_status_is_told_without_secrets(poll, caplog, body):
    """They are taken out of the whole message, not of the body alone."""
    error = poll(body, api_key="hush-key-1")
    assert "hush" not in str(error)
    assert "hush" not in caplog.text


def test_a_failure_that_the_service_tells_is_repeated_without_secrets(provider, clock, caplog):
    """Some repeat the key that they refuse."""
    caplog.set_level(logging.DEBUG)
    provider.tell('{"error": {"code": "invalid_key", "message": "No such key: hush-key-1"}}')
    with serving(provider) as url, VideoTranslationClient(
        url, service="heygen", api_key="hush-key-1", clock=clock
    ) as client:
        error = client.submit("job-1").exception(PATIENCE)
    assert "No such key: " in str(error)
    assert "hush" not in str(error)
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "no such tenant for hush-key-1"}',
        '{"message": "no such tenant for hush-key-1"}',
        '{"error": {"message": "no such tenant for hush-key-1", "code": 7}}',
        '{"title": "Bad Request", "detail": "no such tenant for hush-key-1"}',
        '{"result": "error", "error": "no such tenant for hush-key-1"}',
    ],
)
@pytest.mark.parametrize("code", [400, 403, 404])
def test_why_the_default_service_rejects_a_request_is_told_without_secrets(
    provider, clock, code, body
):
    """In its own words, where they stand where services have them."""
    provider.tell((code, body))
    with serving(provider) as url, VideoTranslationClient(
        url, api_key="hush-key-1", clock=clock
    ) as client:
        error = client.submit("job-1").exception(PATIENCE)
    assert isinstance(error, RejectedError)
    assert f"HTTP status {code}: 'no such tenant for ***'" in str(error)
    assert "hush" not in str(error)


@pytest.mark.parametrize("body", ["[7]", "7", '"no"', '{"error": []}', "{}", "no JSON"])
def test_a_rejection_that_says_nothing_is_told_by_its_status(provider, clock, body):
    """Whatever else stands there."""
    provider.tell((403, body))
    with serving(provider) as url, VideoTranslationClient(url, clock=clock) as client:
        error = client.submit("job-1").exception(PATIENCE)
    assert "HTTP status 403; check" in str(error)


def test_an_error_without_a_status_is_no_rejection_where_the_http_status_is_good(poll):
    """The default service's next answer may have one."""
    assert "no status at 'result'" in str(poll('{"error": "no such tenant"}'))


def test_a_failure_in_passing_of_the_default_service_is_told_in_its_own_words(poll):
    """As a rejection is."""
    assert "HTTP status 503: 'closed for repair'" in str(
        poll((503, '{"error": "closed for repair"}'))
    )


@pytest.mark.one_python
@pytest.mark.parametrize(
    "answer",
    [
        '{"error": {"code": "SECRET", "message": "no"}}',
        '{"error": {"code": "refused", "message": "SECRET"}}',
        '{"error": {"code": "%sSECRET", "message": "no"}}' % ("x" * 190),
        '{"data": {"status": "failed", "failure_message": "you sent SECRET"}}',
        '{"data": {"status": "failed", "failure_message": "%sSECRET"}}' % ("x" * 1990),
        '{"data": {"status": "SECRET"}}',
        '{"data": {"status": "running SECRET"}}',
    ],
)
@pytest.mark.parametrize("spelling", [str, str.upper])
def test_what_a_service_tells_of_a_job_is_repeated_without_secrets(
    provider, clock, caplog, answer, spelling
):
    """In errors, reasons, the log and what is shown of the report."""
    caplog.set_level(logging.DEBUG)
    provider.tell(answer.replace("SECRET", spelling("hush-key-1")))
    service = dataclasses.replace(
        services.find("heygen"),
        error_code="data.failure_code",
        words=Words(pending=("running*",), error=("failed",)),
    )
    with serving(provider) as url, VideoTranslationClient(
        url, 2, service=service, api_key="hush-key-1", clock=clock
    ) as client:
        future = client.submit("job-1")
        shown = [str(future.exception(PATIENCE)), str(future.reason), repr(future.report)]
    assert "hush" not in "".join([*shown, caplog.text]).lower()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ceil(n)", "Infinity"),
        ("avg([n, n])", "9" * 400),
        ("max_by(n, &a)", '[{"a": 1}, {"a": "x"}]'),
    ],
    ids=["infinity", "huge", "mixed"],
)
def test_an_expression_that_an_answer_is_too_odd_for_is_a_failed_poll(poll, expression, value):
    """Whatever its functions raise."""
    answer = f'{{"status": "pending", "n": {value}}}'
    error = poll(answer, service=Service("acme", progress=expression))
    assert f"{expression!r} does not fit the answer" in str(error)


def test_a_result_that_no_url_can_hold_is_a_failed_poll(poll):
    """Half a surrogate pair has no percent-encoding."""
    service = Service("acme", result="id", result_url="/results/{result}")
    error = poll('{"status": "completed", "id": "\\ud800"}', service=service)
    assert isinstance(error, PollError)


@pytest.mark.parametrize("unknown_status", ["pending", "invalid"])
def test_a_text_in_place_of_a_word_is_a_failed_poll(poll, unknown_status):
    """A page of prose is no status, whatever unknown words count as."""
    service = Service("acme", unknown_status=unknown_status, words=Words())
    error = poll(json.dumps({"status": "prose " * 100}), service=service)
    assert "the status in the answer is not a word" in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "content_type",
    ["multipart/mixed; boundary*=a; boundary*0=b", "multipart/mixed; boundary*x*=''"],
)
def test_headers_that_the_standard_library_stumbles_over_are_a_failed_poll(
    server, make_client, content_type
):
    """Not the end of the wait, whatever its parser raises, if it does at all."""
    headers = {"Content-Type": content_type}
    server.job("job-1", duration=0, faults={1: Fault.http(200, headers, b'{"result": "pending"}')})
    future = make_client().submit("job-1")
    assert (future.result(PATIENCE), future.attempts) == ("completed", 2)
    if "boundary*0" in content_type:
        assert "the answer's headers can't be read (TypeError)" in str(future.last_error)
