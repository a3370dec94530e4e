"""One blocking exchange: the due jobs in, a report or an error for each out.

Here an HTTP answer becomes a ``StatusReport``, a failure in passing (``PollError``) or one
for good (``RejectedError``). Of jobs, nothing is remembered from one poll to the next.
"""

from __future__ import annotations

import dataclasses
import logging
import traceback
from typing import Any, NamedTuple, Sequence

from .._base.log import log
from .._base.text import LONGEST_REASON, quote
from ..clock import Clock
from ..errors import (
    JobNotFoundError,
    PollError,
    RejectedError,
    VideoTranslationError,
)
from ..services._definition import Batch, Words, matches
from ..status import Status, StatusReport
from .answers import (
    MissingError,
    decode,
    jobs_of,
    next_cursor,
    read,
    read_failure,
    read_job,
    read_words,
)
from .endpoint import Endpoint
from .exchange import Exchange
from .failures import failure_of, make_bare
from .redaction import quoted, redacted
from .retry_after import is_exhausted, retry_after
from .transport import Answer, Transport

# Answers by which a service speaks of all requests, not of one job (RFC 6585, RFC 9110).
_THROTTLED = frozenset({429, 503})

# Client errors that say "not now" rather than "never" (RFC 9110, RFC 8470, RFC 6585).
_PASSING = frozenset({408, 425, 429})

# Unknown words that a warning tells of; a service may have no end of them.
_MOST_UNKNOWN = 100

# Pages of one answer that are read; jobs on further ones are asked for by themselves.
_MOST_PAGES = 10


class Outcome(NamedTuple):
    """What one poll tells of one job.

    Attributes:
        result: The answer, what failed, or None where the answer for many tells nothing of the job.
        retry_after: Seconds for which the service wants the job left alone, or None.
        throttled: Whether it wants fewer requests of all jobs: for ``retry_after`` none at all.
        alone: Whether the job has to be asked for by itself next: to read the end that an
            answer for many told, or because that can't tell of it.
    """

    result: StatusReport | BaseException | None
    retry_after: float | None = None
    throttled: bool = False
    alone: bool = False
    status_code: int | None = None


class Poller:
    """Asks one service; safe for use from many threads.

    Args:
        transport: Where requests are sent.
        endpoint: How they are spelled, and for which service.
        clock: Tells what time it is, where an answer names a date.
        max_payload: Bytes of an answer's body up to which reports keep what it says.
    """

    def __init__(
        self, transport: Transport, endpoint: Endpoint, clock: Clock, max_payload: int
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._service = endpoint.service
        self._clock = clock
        self._max_payload = max_payload
        self._told: dict[str, object] = {}  # the unknown words that a warning has told

    @property
    def most(self) -> int:
        """How many jobs one poll can ask for, at best."""
        batch = self._endpoint.batch
        return 1 if batch is None else batch.limit

    @property
    def window(self) -> float:
        """Seconds before its time at which a job may be asked with others."""
        batch = self._endpoint.batch
        return 0.0 if batch is None else batch.window

    def together(self, job_ids: Sequence[str | None]) -> int:
        """Returns how many of ``job_ids``, from the first on, one poll can ask for."""
        return self._endpoint.together(job_ids)

    def poll(self, job_ids: Sequence[str | None], exchange: Exchange) -> list[Outcome]:
        """Returns one outcome for each job, in the same order; raises no ``Exception``.

        Args:
            job_ids: The jobs; several only if ``together`` allows it.
            exchange: Through which another thread may abort it.
        """
        batch = self._endpoint.batch if len(job_ids) > 1 else None
        missing = dict.fromkeys(job_ids)
        found: dict[str | None, Outcome] = {}
        cursor: str | None = None
        # More pages than jobs would cost more than to ask for each by itself.
        for _ in range(min(_MOST_PAGES, len(missing))):
            answer: Answer | None = None
            pace = Outcome(None)
            try:
                answer = self._transport.get(self._path_of(batch, job_ids, cursor), exchange)
                pace = self._pace_of(answer)
                cursor = self._read(batch, answer, pace, missing, found)
            except Exception as error:  # noqa: BLE001 - becomes the outcome
                for job_id in missing:
                    if answer is None:
                        found[job_id] = Outcome(failure_of(error, job_id, self._transport.base_url))
                    else:  # in an answer for many, one of the jobs may be what is wrong
                        failure = self._unexpected(job_id, answer, error)
                        found[job_id] = _paced(pace, failure, alone=batch is not None)
                break
            if cursor is None or not missing or pace.throttled:
                break
        rest = pace._replace(alone=True)
        return [found.get(job_id, rest) for job_id in job_ids]

    def start_over(self) -> None:
        """Goes on in a forked child."""
        self._transport.start_over()

    def close(self) -> None:
        """Ends the use of the transport."""
        self._transport.close()

    def _path_of(
        self, batch: Batch | None, job_ids: Sequence[str | None], cursor: str | None
    ) -> str:
        if batch is None:
            return self._endpoint.path_of(job_ids[0])
        names = [job_id for job_id in job_ids if job_id is not None]
        return self._endpoint.batch_path_of(batch, names, cursor)

    def _pace_of(self, answer: Answer) -> Outcome:
        """Returns what the headers, also of redirects, say of the next request: no result."""
        names, now = self._service.pacing_headers, self._clock.time()
        headers = (*answer.redirects, answer.headers)
        told = [retry_after(one, names, now) for one in headers]
        seconds = max((one for one in told if one is not None), default=None)
        exhausted = any(is_exhausted(one, names) for one in headers)
        return Outcome(None, seconds, exhausted or answer.status_code in _THROTTLED)

    def _read(
        self,
        batch: Batch | None,
        answer: Answer,
        pace: Outcome,
        missing: dict[str | None, None],
        found: dict[str | None, Outcome],
    ) -> str | None:
        """Moves the jobs that an answer tells of from ``missing`` to ``found``.

        Returns:
            What names the page that follows, or None.
        """
        if batch is None:
            for job in list(missing):
                found[job] = _paced(pace, self._judge(job, answer))
                del missing[job]
            return None
        payload, failure = self._open(None, answer)
        try:
            jobs = dict(jobs_of(batch, payload))
            cursor = next_cursor(batch, payload)
        except ValueError:
            code = answer.status_code
            words = f"HTTP status {code}, without statuses, in the answer for many jobs"
            # Unless it passes, one of the jobs may be what is wrong.
            alone = not isinstance(failure, PollError)
            for job in missing:
                found[job] = _paced(pace, self._unreadable(job, answer, words), alone)
            return None
        for job in [job for job in missing if job in jobs]:
            report = self._judge_one_of_many(batch, jobs[job], answer)
            alone = report is None or report.status is not Status.PENDING
            found[job] = _paced(pace, report, alone)
            del missing[job]
        return cursor

    def _judge(self, job_id: str | None, answer: Answer) -> StatusReport | VideoTranslationError:
        payload, failure = self._open(job_id, answer)
        if failure is not None:
            return failure
        try:
            report = self._endpoint.with_result(read(self._service, payload), job_id)
        except MissingError:
            return self._not_found(job_id, answer.status_code, "its status says so")
        except ValueError as error:
            return self._unreadable(job_id, answer, error)
        return self._known(self._service.words, report, answer)

    def _judge_one_of_many(self, batch: Batch, job: Any, answer: Answer) -> StatusReport | None:
        """Returns what an answer for many says of a job; None: nothing that its own would not."""
        try:
            report = read_job(self._service, batch, job)
        except (MissingError, ValueError):
            return None
        return self._known(batch.words, report, answer)

    def _open(self, job_id: str | None, answer: Answer) -> tuple[Any, VideoTranslationError | None]:
        """Returns the decoded body of an answer, and what it is if it can't tell a status.

        Nothing is raised, as errors hold on to the answer by their traceback.
        """
        code = answer.status_code
        payload = problem = None
        try:
            payload = decode(answer.body)
        except ValueError as error:
            problem = str(error)
        told = read_failure(self._service, payload)
        words, told_code = f"HTTP status {code}", ""
        if told is not None:
            message, told_code = (redacted(text, answer.sent) for text in told)
            words += f": {quote(message)} ({quote(told_code) if told_code else 'no code'})"
        elif not 200 <= code < 300:
            usual = read_words(payload)
            if usual is not None:
                words += f": {quote(redacted(usual, answer.sent))}"
        passing = told is not None and matches(told_code, self._service.passing)
        missing = told is not None and matches(told_code, self._service.missing)
        if missing or code in self._service.missing:
            return None, self._not_found(job_id, code, words)
        if passing or code in _PASSING or not (200 <= code < 300 or 400 <= code < 500):
            return None, PollError(words, job_id, code)
        if told is not None or not 200 <= code < 300:
            reason = f"{self._transport.base_url} rejects the request with {words}"
            return None, RejectedError(reason, job_id, code, _ADVICE.get(code))
        if problem is not None:
            return None, self._unreadable(job_id, answer, problem)
        return payload, None

    def _unreadable(
        self, job_id: str | None, answer: Answer, problem: str | ValueError
    ) -> PollError:
        body = quoted(answer.body, answer.sent)
        reason = f"{redacted(str(problem), answer.sent)}; it is {body}"
        return PollError(reason, job_id, answer.status_code)

    def _unexpected(self, job_id: str | None, answer: Answer, error: Exception) -> PollError:
        """Returns what a fault in the reading of an answer is: no reason to end a wait."""
        reason = f"the answer can't be read ({type(error).__name__})"
        failure = PollError(reason, job_id, answer.status_code)
        words = "".join(traceback.format_exception_only(type(error), error))
        if redacted(words, answer.sent) == words:
            make_bare(error)
            failure.__cause__ = error
        return failure

    def _not_found(self, job_id: str | None, code: int, why: str) -> JobNotFoundError:
        return JobNotFoundError(
            f"{self._transport.base_url} knows no such job ({why})",
            job_id,
            code,
            "check the job id and base_url",
        )

    def _known(self, words: Words, report: StatusReport, answer: Answer) -> StatusReport:
        """Returns what is kept of a report; a word that is not listed has one warning tell it."""
        if len(answer.body) > self._max_payload:
            report = dataclasses.replace(report, payload=None)
        if not words.lists(report.state):
            state, here = redacted(report.state, answer.sent), object()
            listed = words.meaning(report.state) is not None or len(self._told) >= _MOST_UNKNOWN
            report = dataclasses.replace(report, state=state)
            if not listed and self._told.setdefault(state.lower(), here) is here:
                log(
                    logging.WARNING,
                    "service %r has a status that is not known, %s: it counts as %s",
                    self._service.name,
                    quote(state),
                    self._service.unknown_status,
                )
        if report.error is None and report.error_code is None:
            return report
        error, code = (
            None if text is None else redacted(text, answer.sent)[:LONGEST_REASON]
            for text in (report.error, report.error_code)
        )
        return dataclasses.replace(report, error=error, error_code=code)


_ADVICE = {
    401: "check the credentials: api_key=, or auth of the session",
    403: "check that the credentials may see this job",
}


def _paced(
    pace: Outcome, result: StatusReport | VideoTranslationError | None, alone: bool = False
) -> Outcome:
    """Returns an outcome with its result, which tells what the service asked for as well."""
    if isinstance(result, PollError):
        result.retry_after = pace.retry_after
    elif isinstance(result, StatusReport) and pace.retry_after is not None:
        result = dataclasses.replace(result, retry_after=pace.retry_after)
    return pace._replace(result=result, alone=alone)
