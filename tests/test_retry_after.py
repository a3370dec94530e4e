"""How long a service asks to be left alone, in every spelling, and in none."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from video_translation_client._http.retry_after import PacingHeaders
from video_translation_client.services.default import SERVICE as DEFAULT

pytestmark = pytest.mark.one_python

HEADERS = DEFAULT.pacing_headers

NOW = 1_893_456_000.0
"""The first second of 2030."""

IN_A_MOMENT = "Tue, 01 Jan 2030 00:00:50 GMT"
IN_A_MINUTE = "Tue, 01 Jan 2030 00:01:00 GMT"


def read(headers, now=NOW):
    """What the headers ask for, and whether nothing is left until then."""
    return PacingHeaders(HEADERS).read(CaseInsensitiveDict(headers), lambda: now)


def seconds(**headers):
    """What the headers ask for; an underscore in a name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(named)[0]


def test_without_any_header_nothing_is_asked_for():
    """None is not 0."""
    assert seconds() is None
    assert seconds(Date=IN_A_MINUTE, Content_Type="text/html") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("120", 120),
        ("007", 7),
        (" 5 ", 5),
        ("1.5", 1.5),
        ("2.", 2),
        ("999999999999999", 999_999_999_999_999),
    ],
)
def test_retry_after_may_be_a_number_of_seconds(text, expected):
    """Whole, as RFC 9110 has it, or not."""
    assert seconds(Retry_After=text) == seconds(retry_AFTER=text) == expected


@pytest.mark.parametrize(
    "text",
    [
        IN_A_MINUTE,
        "Tuesday, 01-Jan-30 00:01:00 GMT",
        "Tue, 01 Jan 2030 00:01:00 +0000",
        "Tue, 01 Jan 2030 02:01:00 +0200",
    ],
)
def test_retry_after_may_be_a_date(text):
    """By our clock, if the answer does not say what time it is on the server's."""
    assert seconds(Retry_After=text) == 60


@pytest.mark.parametrize("text", ["Tue Jan  1 00:01:00 2030", "Tue, 01 Jan 2030 00:01:00 -0000"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone can't be set here")
def test_a_date_without_a_zone_is_in_utc(monkeypatch, zone, text):
    """As asctime dates are in HTTP (RFC 9110, 5.6.7), wherever this machine stands."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        found = seconds(Retry_After=text), seconds(Retry_After=text, Date=IN_A_MOMENT)
    time.tzset()
    assert found == (60, 10)


def test_a_date_counts_from_the_date_of_the_answer():
    """The clocks of the two sides need not agree."""
    assert seconds(Retry_After=IN_A_MINUTE, Date=IN_A_MOMENT) == 10
    assert seconds(Retry_After=IN_A_MINUTE, Date="yesterday") == 60


def test_a_date_that_has_passed_asks_for_no_time():
    """And not for less than none."""
    assert seconds(Retry_After="Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds(Retry_After=IN_A_MINUTE, Date="Tue, 01 Jan 2030 00:02:00 GMT") == 0


def test_a_date_at_the_end_of_time_is_a_long_wait():
    """Whoever asks for it decides what is too long."""
    wait = seconds(Retry_After="Fri, 31 Dec 9999 23:59:59 GMT")
    assert wait == pytest.approx(7970 * 365.2425 * 86400, rel=1e-4)


MALFORMED = [
    "",
    " ",
    "soon",
    "-5",
    "+5",
    "nan",
    "inf",
    "Infinity",
    "1e12",
    "0x10",
    "81,120",
    "5, 5",
    "5;",
    "Mon, 1 Jan 2030 1.2.3.4 GMT",
    "Mon, 1 Jan 2030 12:30:00 +99999999999",
    "1.2.3",
    ".5",
    "٣",
    "9" * 16,
    "9" * 5000,
    "Mon, 99 Jan 2030 00:00:00 GMT",
    "Mon, 01 Jan 99999999999 00:00:00 GMT",
    "Tue, 01 Jan 2030",
    "\0",
]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("name", ["Retry-After", "retry-after-ms", "RateLimit-Reset"])
def test_what_makes_no_sense_is_as_if_not_given(name, text):
    """In whichever header it stands; the next one counts."""
    assert read({name: text})[0] is None
    headers = CaseInsensitiveDict({"RateLimit-Reset": "7", name: text})
    assert read(headers)[0] in (7, None)


def test_milliseconds_may_be_given():
    """As Azure and OpenAI do."""
    assert seconds(retry_after_ms="1500") == 1.5
    assert seconds(Retry_After_MS="0") == 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"RateLimit_Reset": "30"}, 30),
        ({"RateLimit_Reset": "30", "RateLimit_Remaining": "0"}, 30),
        ({"RateLimit_Reset": "30", "RateLimit_Remaining": "0.0"}, 30),
        ({"RateLimit_Reset": "30", "RateLimit_Remaining": "1"}, None),
        ({"RateLimit_Reset": "30", "RateLimit_Remaining": "a few"}, 30),
        ({"RateLimit_Reset": "1893456030"}, 30),
        ({"RateLimit_Reset": "1893455000"}, 0),
        ({"RateLimit_Reset": "soon", "RateLimit_Remaining": "0"}, None),
        ({"RateLimit_Remaining": "0"}, None),
    ],
)
def test_the_reset_of_a_limit_counts_unless_something_remains(headers, expected):
    """Who has requests left need not wait for more."""
    assert seconds(**headers) == expected


def test_the_most_precise_header_that_makes_sense_counts():
    """Milliseconds, then seconds or a date, then the reset of the limit."""
    headers = {"retry_after_ms": "1500", "Retry_After": "2", "RateLimit_Reset": "30"}
    assert seconds(**headers) == 1.5
    headers["retry_after_ms"] = "soon"
    assert seconds(**headers) == 2
    headers["Retry_After"] = IN_A_MINUTE
    assert seconds(**headers) == 60
    headers["Retry_After"] = "81,120"
    assert seconds(**headers) == 30
    headers["RateLimit_Remaining"] = "5"
    assert seconds(**headers) is None


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (None, False),
        ("0", True),
        (" 0 ", True),
        ("0.0", True),
        ("1", False),
        ("", False),
        ("-1", False),
        ("none", False),
        ("0, 0", False),
    ],
)
def test_a_limit_is_exhausted_when_it_says_that_nothing_remains(remaining, expected):
    """What can't be read says nothing."""
    headers = {} if remaining is None else {"ratelimit-remaining": remaining}
    assert read(headers)[1] is expected


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Tuesday", "x"]),
    st.integers(0, 40),
    st.sampled_from(["Jan", "feb", "December", "x"]),
    st.integers(-1, 100_000),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.sampled_from(["GMT", "EST", "-0000", "+2400", "-9999", "+99999999999999", ""]),
)
NUMBERS = st.one_of(st.integers().map(str), st.floats().map(str), st.decimals().map(str))
LATIN_1 = [chr(code) for code in range(256)]  # all that requests makes of a header
TEXTS = st.one_of(st.text(LATIN_1), st.text("0123456789.,:- GMTe"), DATES, NUMBERS)
NAMES = st.sampled_from(
    ["retry-after-ms", "Retry-After", "Date", "RateLimit-Remaining", "RateLimit-Reset"]
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, TEXTS), st.floats(0, 1e11))
def test_any_text_gives_a_wait_or_none_and_never_raises(headers, now):
    """A wait is finite and not negative, so that it can be slept for."""
    headers = CaseInsensitiveDict(headers)
    wait, exhausted = read(headers, now)
    assert wait is None or (math.isfinite(wait) and wait >= 0)
    assert exhausted in (True, False)


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_any_number_of_seconds_is_taken_at_its_word(number):
    """As far as fifteen digits go."""
    assert seconds(Retry_After=str(number)) == number
