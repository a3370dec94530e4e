"""What an answer says, read as its service describes: pure functions of its body."""

from __future__ import annotations

import json
from typing import Any, Iterator, NamedTuple

from .._base.text import quote
from ..services._definition import Batch, Service, Words
from ..services._expressions import find
from ..status import Status, StatusReport

# Characters of a word or code; a longer text is none.
_LONGEST_WORD = 200

# Jobs of one answer that are looked at.
_MOST_JOBS = 10_000

# Values of one answer, however nested, that are decoded: each takes up to 100 bytes of memory,
# where its text takes two or three.
_MOST_VALUES = 100_000

# Digits of one number: what it takes to read them grows with their square.
_MOST_DIGITS = 1000

# Octets of what names a page; it becomes a part of a URL.
_LONGEST_CURSOR = 2000

# Where services say what was wrong with a request; ``detail`` and ``title`` are of RFC 9457.
_USUAL_WORDS = "error.message || error || message || detail || title"


class Failure(NamedTuple):
    """What stands in an answer in place of a status.

    Attributes:
        message: The service's words.
        code: Its code, or an empty text.
    """

    message: str
    code: str


class MissingError(Exception):
    """The status word says that there is no such job."""


def decode(body: bytes) -> Any:
    """Returns the JSON of a body, which has a bound before anything is made of it.

    Raises:
        ValueError: It is not JSON, or too much of it; the message says which.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("the answer is not JSON") from None
    if sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise ValueError(f"the answer has more than {_MOST_VALUES} values")
    try:
        return _DECODER.decode(text)
    except _TooLongError:
        raise ValueError(f"the answer has a number of more than {_MOST_DIGITS} digits") from None
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None


class _TooLongError(ValueError):
    """A number has too many digits."""


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise _TooLongError
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_integer)


def read(service: Service, payload: Any) -> StatusReport:
    """Returns what the answer for one job says; its ``result`` is as found, not yet a URL.

    Raises:
        MissingError: Its status word says that there is no such job.
        ValueError: It is not of the service's form; the message says why.
    """
    if not isinstance(payload, dict):
        raise ValueError("the answer is not a JSON object")
    state = _state(service.status, payload)
    return StatusReport(
        status=_status(service, service.words, state),
        state=state,
        progress=_fraction(find(service.progress, payload), service.progress_total),
        result=_result(find(service.result, payload)),
        error=_reason(find(service.error, payload)),
        error_code=_code(find(service.error_code, payload)),
        payload=payload,
    )


def read_failure(service: Service, payload: Any) -> Failure | None:
    """Returns what an answer says in place of a status, or None."""
    try:
        if find(service.status, payload) is not None:
            return None
        message = _reason(find(service.failure, payload))
        code = _code(find(service.failure_code, payload)) or ""
    except ValueError:
        return None
    return None if message is None else Failure(message, code)


def read_words(payload: Any) -> str | None:
    """Returns why a request failed, where an answer says so as most services do, or None."""
    return _reason(find(_USUAL_WORDS, payload))


def jobs_of(batch: Batch, payload: Any) -> Iterator[tuple[str, Any]]:
    """Yields the id of each job in a batch's answer, and what stands there of it.

    Raises:
        ValueError: The answer is not of the service's form.
    """
    jobs = find(batch.jobs, payload)
    if isinstance(jobs, dict):
        yield from jobs.items()
    elif isinstance(jobs, list):
        for job in jobs[:_MOST_JOBS]:
            job_id = _text(find(batch.job_id, job))
            if job_id is not None:
                yield job_id, job
    else:
        raise ValueError(f"the answer has no jobs at {batch.jobs!r}")


def read_job(service: Service, batch: Batch, job: Any) -> StatusReport:
    """Returns what a batch's answer says of one job.

    Raises:
        MissingError, ValueError: As for ``read``.
    """
    state = _state(batch.status, job)
    return StatusReport(
        status=_status(service, batch.words, state),
        state=state,
        progress=_fraction(find(batch.progress, job), service.progress_total),
        payload=job,
    )


def next_cursor(batch: Batch, payload: Any) -> str | None:
    """Returns what names the page that follows, or None after the last.

    Raises:
        ValueError: The answer is not of the service's form.
    """
    cursor = _text(find(batch.next_cursor, payload))
    if cursor is not None and len(cursor.encode()) > _LONGEST_CURSOR:
        raise ValueError("the answer names a page that can't be asked for")
    return cursor


def _state(expression: str, payload: Any) -> str:
    found = find(expression, payload)
    if found is None:
        raise ValueError(f"the answer has no status at {expression!r}")
    state = _text(found)
    if state is None or len(state) > _LONGEST_WORD:
        raise ValueError("the answer's status is no word")
    return state


def _status(service: Service, words: Words, state: str) -> Status:
    meaning = words.meaning(state)
    if meaning == "missing":
        raise MissingError
    if meaning is not None:
        return Status(meaning)
    if service.unknown_status == "invalid":
        raise ValueError(f"the answer has an unknown status: {quote(state)}")
    return Status(service.unknown_status)


def _text(value: Any) -> str | None:
    """Returns a word, text or number as text; None: it is none of these, or empty."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int, float)):
        return str(value).strip() or None
    return None


def _result(value: Any) -> Any:
    """Returns what was found; an empty list or text is as good as nothing."""
    return None if value in ("", [], {}) else value


def _code(value: Any) -> str | None:
    text = _text(value)
    return None if text is None or len(text) > _LONGEST_WORD else text


def _reason(value: Any) -> str | None:
    """Returns what is meant for people as text, whatever its form."""
    if isinstance(value, (dict, list)) and value:
        try:
            return json.dumps(value, ensure_ascii=False)
        except RecursionError:
            return None
    return _text(value)


def _fraction(value: Any, total: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value / total if 0 <= value <= total else None
