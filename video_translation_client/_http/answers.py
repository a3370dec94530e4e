"""What an HTTP answer means: how its job stands, or why it does not say so.

HTTP status, error envelope and JSON are judged here, and nowhere else; what a body says of jobs
is read in reports.py. Nothing is sent, and errors are returned, as raised ones would hold on to
the answer by their tracebacks.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, NamedTuple, Optional, Tuple, Union

from .._base.text import quote
from ..errors import JobNotFoundError, PollError, RejectedError, VideoTranslationError
from ..services._definition import matches
from ..services._expressions import compiled
from ..status import Status, StatusReport
from .endpoint import Endpoint
from .failures import bug_of
from .reports import MissingError, ReportReader, decode, find, readable, word
from .transport import Answer

Results = Dict[Optional[str], Tuple[Union[StatusReport, VideoTranslationError, None], bool]]
"""What an answer says of each job (None: nothing that one for that job alone would not say), and
whether it has to be asked for by itself next."""

# Client errors that say "not now" rather than "never" (RFC 9110, RFC 8470, RFC 6585).
_PASSING = frozenset({408, 425, 429})

# Where services say what was wrong with a request; ``detail`` and ``title`` are of RFC 9457.
_USUAL_MESSAGE = "error.message || error || message || detail || title"

_ADVICE = {
    401: "check the credentials: api_key=, or auth of the session",
    403: "check that the credentials may see this job",
}


class AnswerReader:
    """Reads the answers of one service; safe for use from many threads.

    Args:
        endpoint: Whose answers they are.
        base_url: How messages name it.
        max_payload: Bytes of an answer's body up to which reports keep what it says.
    """

    def __init__(self, endpoint: Endpoint, base_url: str, max_payload: int) -> None:
        self._service = service = endpoint.service
        self._base_url = base_url
        self._reports = ReportReader(service, endpoint.batch, max_payload)
        self._with_result = None if service.result_url is None else endpoint.with_result
        self._message = compiled(service.failure)
        self._code = compiled(service.failure_code)
        self._usual_message = compiled(_USUAL_MESSAGE)

    def one(
        self, answer: Answer, job_id: str | None, retry_after: float | None
    ) -> StatusReport | VideoTranslationError:
        """Returns what the answer for one job says.

        Args:
            answer: The answer.
            job_id: The job.
            retry_after: What its headers ask for, which the report repeats.
        """
        body, failure = self._open(answer, job_id)
        if failure is not None:
            return failure
        try:
            if body.problem is not None:
                raise ValueError(body.problem)
            report = self._reports.one(body.payload, body.status, answer, retry_after)
            return report if self._with_result is None else self._with_result(report, job_id)
        except MissingError:
            return self._not_found(answer, job_id, "its status says so")
        except ValueError as error:
            return _unreadable(answer, job_id, str(error))

    def many(
        self, answer: Answer, job_ids: Iterable[str | None], retry_after: float | None
    ) -> tuple[Results, str | None]:
        """Returns what the answer for many jobs says of each, and what names the next page.

        Args:
            answer: The answer.
            job_ids: The jobs of interest; those of which it says nothing are left out.
            retry_after: What its headers ask for, which reports repeat.
        """
        body, failure = self._open(answer, None)
        payload = None if failure is not None else body.payload
        try:
            reports, cursor = self._reports.many(payload, job_ids, answer, retry_after)
        except ValueError:
            code = answer.status_code
            problem = f"HTTP status {code}, without statuses, in the answer for many jobs"
            # Unless it passes, as what was cut off may, one of the jobs may be what is wrong.
            passing = isinstance(failure, PollError) if failure else not body.is_json
            return {one: (_unreadable(answer, one, problem), not passing) for one in job_ids}, None
        results: Results = {}
        for job_id, report in reports.items():
            if isinstance(report, Exception):
                results[job_id] = (bug_of(report, job_id, answer), True)
            else:
                # The end of a job is read with the request for that job, which has the result.
                pending = report is not None and report.status is Status.PENDING
                results[job_id] = (report, not pending)
        return results, cursor

    def _open(
        self, answer: Answer, job_id: str | None
    ) -> tuple[_Body, VideoTranslationError | None]:
        """Returns the decoded body, and what the answer is if it can't have a status."""
        payload = status = message = code = problem = None
        is_json = False
        try:
            payload, is_json = decode(answer.body), True
            status = self._reports.status_in(payload)
            if status is None and self._message is not None:
                message = readable(find(self._message, payload))
                code = None if self._code is None else word(find(self._code, payload))
        except ValueError as error:
            problem = str(error)
        body = _Body(payload, status, message, code or "", problem, is_json)
        accepted = 200 <= answer.status_code < 300
        if accepted and message is None and answer.status_code not in self._service.missing:
            return body, None
        return body, self._refusal(answer, body, job_id, accepted)

    def _refusal(
        self, answer: Answer, body: _Body, job_id: str | None, accepted: bool
    ) -> VideoTranslationError:
        """Returns what an answer is by its HTTP status, or by the envelope of an error."""
        status_code, service = answer.status_code, self._service
        redact, enveloped = answer.secrets.redact, body.message is not None
        reason, code = f"HTTP status {status_code}", redact(body.code)
        if body.message is not None:
            reason += f": {quote(redact(body.message))} ({quote(code) if code else 'no code'})"
        elif not accepted:
            message = readable(find(self._usual_message, body.payload))
            reason += "" if message is None else f": {quote(redact(message))}"
        if status_code in service.missing or (enveloped and matches(code, service.missing)):
            return self._not_found(answer, job_id, reason)
        passing = status_code in _PASSING or (enveloped and matches(code, service.passing))
        if passing or not (accepted or 400 <= status_code < 500):
            return PollError(reason, job_id, status_code)
        reason = f"{self._base_url} rejects the request with {reason}"
        return RejectedError(reason, job_id, status_code, _ADVICE.get(status_code))

    def _not_found(self, answer: Answer, job_id: str | None, why: str) -> JobNotFoundError:
        reason = f"{self._base_url} knows no such job ({why})"
        return JobNotFoundError(reason, job_id, answer.status_code, "check the job id and base_url")


class _Body(NamedTuple):
    """The decoded body of an answer.

    Attributes:
        payload: The JSON.
        status: What stands where the status of one job is expected, or None.
        message: What was wrong, where an envelope says so in place of a status.
        code: The service's code for that, or an empty text.
        problem: Why it can't be read as the answer for one job.
        is_json: Whether it could be decoded.
    """

    payload: Any
    status: Any
    message: str | None
    code: str
    problem: str | None
    is_json: bool


def _unreadable(answer: Answer, job_id: str | None, problem: str) -> PollError:
    secrets = answer.secrets
    reason = f"{secrets.redact(problem)}; it is {secrets.quote(answer.body)}"
    return PollError(reason, job_id, answer.status_code)
