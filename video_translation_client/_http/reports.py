"""What the body of an answer says of jobs: its JSON within bounds, states, words and results.

Everything is read by the expressions of the service's definition, which are compiled once.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Iterable

from .._base.log import log
from .._base.text import LONGEST_REASON, quote
from ..services._definition import Batch, Service, Words
from ..services._expressions import MISFITS, compiled
from ..status import Status, StatusReport
from .transport import Answer

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

# Unknown words that a warning names; a service may have no end of them.
_MOST_UNKNOWN = 100


# By their words: to look one up takes a tenth of the time that ``Status(word)`` takes.
_STATUSES = {str(status): status for status in Status}


class MissingError(Exception):
    """The status word says that there is no such job."""


class ReportReader:
    """Makes reports of what one service answers; safe for use from many threads.

    Args:
        service: The service.
        batch: How it is asked for many jobs at once, if it is.
        max_payload: Bytes of an answer's body up to which reports keep what it says.
    """

    def __init__(self, service: Service, batch: Batch | None, max_payload: int) -> None:
        self._service = service
        self._max_payload = max_payload
        parts = (service.progress, service.result, service.error, service.error_code)
        self._one = _Form(service.status, service.words, *parts)
        if batch is not None:
            words = batch.words or service.words
            self._many = _Form(batch.status, words, batch.progress, None, None, None)
            self._jobs, self._job_id = compiled(batch.jobs), compiled(batch.job_id)
            self._cursor = compiled(batch.next_cursor)
        self._warned: dict[str, object] = {}

    def status_in(self, payload: Any) -> Any:
        """Returns what stands where the answer for one job has its status; None: nothing.

        Raises:
            ValueError: The expression does not fit the answer.
        """
        return find(self._one.status, payload)

    def one(
        self, payload: Any, status: Any, answer: Answer, retry_after: float | None
    ) -> StatusReport:
        """Returns what the answer for one job says; its ``result`` is as found, not yet a URL.

        Args:
            payload: The decoded body.
            status: What ``status_in`` has found there.
            answer: The answer.
            retry_after: What its headers ask for.

        Raises:
            MissingError: Its status word says that there is no such job.
            ValueError: It is not of the service's form; the message says why.
        """
        if not isinstance(payload, dict):
            raise ValueError("the answer is not a JSON object")
        if status is None:
            raise ValueError(f"the answer has no status at {self._service.status!r}")
        return self._report(self._one, payload, status, answer, retry_after)

    def many(
        self,
        payload: Any,
        job_ids: Iterable[str | None],
        answer: Answer,
        retry_after: float | None,
    ) -> tuple[dict[str | None, StatusReport | Exception | None], str | None]:
        """Returns what the answer for many jobs says of each that it has, and the next page.

        Args:
            payload: The decoded body.
            job_ids: The jobs of interest.
            answer: The answer.
            retry_after: What its headers ask for.

        Returns:
            Reports; None where there is nothing that the answer for that job alone would not
            say; an error for a bug, which is not to cost other jobs anything.

        Raises:
            ValueError: It is not of the service's form.
        """
        jobs = find(self._jobs, payload)
        if isinstance(jobs, list):
            jobs = {text_of(find(self._job_id, job)): job for job in jobs[:_MOST_JOBS]}
        elif not isinstance(jobs, dict):
            raise ValueError("the answer has no jobs")
        cursor = None if self._cursor is None else text_of(find(self._cursor, payload))
        if cursor is not None and len(cursor.encode()) > _LONGEST_CURSOR:
            raise ValueError("the answer names a page that can't be asked for")
        reports: dict[str | None, StatusReport | Exception | None] = {}
        for job_id in job_ids:
            if job_id in jobs:
                try:
                    status = find(self._many.status, jobs[job_id])
                    report = self._report(self._many, jobs[job_id], status, answer, retry_after)
                    reports[job_id] = report
                except (MissingError, ValueError):
                    reports[job_id] = None
                except Exception as error:  # noqa: BLE001 - becomes its failure
                    reports[job_id] = error
        return reports, cursor

    def _report(
        self, form: _Form, job: Any, status: Any, answer: Answer, retry_after: float | None
    ) -> StatusReport:
        state = text_of(status)
        if state is None or len(state) > _LONGEST_WORD:
            raise ValueError("the status in the answer is not a word")
        meaning = form.words.listed.get(state.lower())
        if meaning is None:
            meaning, state = self._unlisted(form.words, state, answer)
        if meaning == "missing":
            raise MissingError
        payload = job if len(answer.body) <= self._max_payload else None
        if not any(form.parts):
            return StatusReport(_STATUSES[meaning], state, payload=payload, retry_after=retry_after)
        progress, result, error, code = [
            None if expression is None else find(expression, job) for expression in form.parts
        ]
        return StatusReport(
            status=_STATUSES[meaning],
            state=state,
            progress=None if progress is None else _fraction(progress, self._service),
            result=None if result in ("", [], {}) else result,  # as good as nothing
            error=None if error is None else _shown(readable(error), answer),
            error_code=None if code is None else _shown(word(code), answer),
            payload=payload,
            retry_after=retry_after,
        )

    def _unlisted(self, words: Words, state: str, answer: Answer) -> tuple[str, str]:
        """Returns what a word counts as that is not listed itself, and how it may be shown."""
        meaning = words.meaning(state)  # of a pattern
        shown = answer.secrets.redact(state)
        if meaning is not None:
            return meaning, shown
        service, here = self._service, object()
        if service.unknown_status == "invalid":
            raise ValueError(f"the answer has an unknown status: {quote(state)}")
        room = len(self._warned) < _MOST_UNKNOWN
        if room and self._warned.setdefault(shown.lower(), here) is here:
            log(
                logging.WARNING,
                "service %r has a status that is not known, %s: it counts as %s",
                service.name,
                quote(shown),
                service.unknown_status,
            )
        return service.unknown_status, shown


class _Form:
    """Where the report of a job stands in one kind of answer, and what its words mean.

    Args:
        status: The expression of the status.
        words: The words.
        parts: The expressions of progress, result, error and its code; None: not there.
    """

    def __init__(self, status: str, words: Words, *parts: str | None) -> None:
        self.status = compiled(status)
        self.parts = [compiled(expression) for expression in parts]
        self.words = words


def decode(body: bytes) -> Any:
    """Returns the JSON of a body, which has a bound before anything is made of it.

    Raises:
        ValueError: It is not JSON, or too much of it; the message says which.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("the answer is not JSON") from None
    if len(text) > _MOST_VALUES and sum(map(text.count, ",[{")) > _MOST_VALUES:
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


def find(expression: Any, payload: Any) -> Any:
    """Returns what a compiled expression finds; None: nothing.

    Raises:
        ValueError: It does not fit what is there.
    """
    try:
        return expression.search(payload)
    except MISFITS as error:
        problem = type(error).__name__  # of an answer for which its functions are not made
        raise ValueError(f"{expression.expression!r} does not fit the answer: {problem}") from None


def text_of(value: Any) -> str | None:
    """Returns a word, text or number as text; None: it is none of these, or empty."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (int, float)) else None


def word(value: Any) -> str | None:
    """Returns a word or number as text; None: it is neither, or too long for one."""
    text = text_of(value)
    return None if text is None or len(text) > _LONGEST_WORD else text


def readable(value: Any) -> str | None:
    """Returns what is meant for people as text, whatever its form."""
    if isinstance(value, (dict, list)) and value:
        try:
            return json.dumps(value, ensure_ascii=False)
        except RecursionError:
            return None
    return text_of(value)


def _fraction(value: Any, service: Service) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value / service.progress_total if 0 <= value <= service.progress_total else None


def _shown(text: str | None, answer: Answer) -> str | None:
    return None if text is None else answer.secrets.redact(text)[:LONGEST_REASON]
