"""One blocking exchange: the due jobs in, a report or an error for each out.

Here an HTTP answer becomes a ``StatusReport``, a failure in passing (``PollError``) or one
for good (``RejectedError``). Nothing is remembered from one poll to the next.
"""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException
from typing import Sequence, Union

import requests
from requests import exceptions

from .errors import PollError, RejectedError, VideoTranslationError, name_job
from .service import Service
from .status import StatusReport
from .transport import Answer, ForeignRedirect, Transport

Outcome = Union[StatusReport, VideoTranslationError]

# Client errors that say "not now" rather than "never" (RFC 9110, RFC 8470, RFC 6585).
_PASSING = frozenset({408, 425, 429})

# A request that could not be made will not be made the next time either.
_HOPELESS = (
    ForeignRedirect,
    exceptions.InvalidHeader,
    exceptions.InvalidSchema,
    exceptions.InvalidURL,
    exceptions.TooManyRedirects,
)


class Poller:
    """Asks one service; safe for use from many threads.

    Args:
        transport: Where requests are sent.
        service: How they are spelled and their answers read.
    """

    def __init__(self, transport: Transport, service: Service) -> None:
        self._transport = transport
        self._service = service

    def poll(self, job_ids: Sequence[str | None]) -> list[Outcome]:
        """Returns one outcome for each job, in the same order; raises nothing."""
        return [self._ask(job_id) for job_id in job_ids]

    def close(self) -> None:
        """Ends the use of the transport."""
        self._transport.close()

    def _ask(self, job_id: str | None) -> Outcome:
        try:
            answer = self._transport.get(self._service.path_of(job_id))
        except Exception as error:  # noqa: BLE001 - becomes the outcome
            return self._failure(job_id, error)
        return self._judge(job_id, answer)

    def _failure(self, job_id: str | None, error: Exception) -> VideoTranslationError:
        origin = self._transport.base_url
        why = _root(error)
        text = f"{name_job(job_id)}: no answer from {origin}: {type(why).__name__}: {why}"
        failure: VideoTranslationError
        if isinstance(error, requests.RequestException) and not (
            isinstance(error, _HOPELESS) or isinstance(why, ssl.SSLCertVerificationError)
        ):
            failure = PollError(text, job_id)
        else:
            failure = RejectedError(text, job_id)
        failure.__cause__ = error
        return failure

    def _judge(self, job_id: str | None, answer: Answer) -> Outcome:
        code = answer.status_code
        if 400 <= code < 500 and code not in _PASSING:
            return RejectedError(
                f"{name_job(job_id)}: {self._transport.base_url} rejects the request with HTTP"
                f" status {code}{_ADVICE.get(code, '')}",
                job_id,
                code,
            )
        if not 200 <= code < 300:
            return PollError(f"{name_job(job_id)}: HTTP status {code}", job_id, code)
        try:
            return self._service.read(json.loads(answer.body.decode("utf-8")))
        except (ValueError, RecursionError) as error:
            why = (
                "the answer is not JSON" if type(error) is not ValueError else str(error)
            )  # JSONDecodeError and UnicodeDecodeError are subclasses of ValueError
            failure = PollError(f"{name_job(job_id)}: {why}", job_id, code)
            failure.__cause__ = error
            return failure


_ADVICE = {
    401: "; check the credentials: api_key=, or auth of the session",
    403: "; check that the credentials may see this job",
    404: "; check the job id and base_url",
}


def _root(error: BaseException) -> BaseException:
    """Returns what lies deepest in a chain of the system's or the protocol's own errors.

    Libraries on the way wrap these, and may have stumbled over others that explain nothing.
    """
    root, seen = error, {id(error)}
    inner = error.__cause__ or error.__context__
    while inner is not None and id(inner) not in seen:
        if isinstance(inner, (OSError, HTTPException)):
            root = inner
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__
    return root
