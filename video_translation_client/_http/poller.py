"""One blocking poll: the due jobs in, an outcome for each out.

It sends the request, or the requests for the pages of an answer for many; what is sent stands
in endpoint.py, how in transport.py, and what an answer means in answers.py. Of jobs, nothing is
remembered from one poll to the next.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

from ..clock import Clock
from ..errors import PollError, VideoTranslationError
from ..services._definition import Batch
from ..status import StatusReport
from .answers import AnswerReader, Results
from .endpoint import Endpoint
from .exchange import Exchange
from .failures import bug_of, failure_of
from .retry_after import PacingHeaders
from .transport import Answer, Transport

# Answers by which a service speaks of all requests, not of one job (RFC 6585, RFC 9110).
_THROTTLED = frozenset({429, 503})

# Pages of one answer that are read; jobs on further ones are asked for by themselves.
_MOST_PAGES = 10


# Seconds that the service asks for, and whether of all requests.
_Pacing = Tuple[Optional[float], bool]

_NO_PACING: _Pacing = (None, False)


class Outcome(NamedTuple):
    """What one poll says of one job.

    Attributes:
        result: The report, what failed, or None where the answer for many says nothing of the job.
        retry_after: Seconds for which the service wants the job left alone, or None.
        throttled: Whether it wants fewer requests of all jobs: for ``retry_after`` none at all.
        alone: Whether the job has to be asked for by itself next: to read the end that an
            answer for many gave, or because that does not have it.
        status_code: The HTTP status of the answer; None without one.
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
        clock: Says what time it is, where an answer names a date.
        max_payload: Bytes of an answer's body up to which reports keep what it says.
    """

    def __init__(
        self, transport: Transport, endpoint: Endpoint, clock: Clock, max_payload: int
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._clock = clock
        self._reader = AnswerReader(endpoint, transport.base_url, max_payload)
        self._pacing = PacingHeaders(endpoint.service.pacing_headers)

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
        batch = self._endpoint.batch
        if batch is None or len(job_ids) == 1:
            return [self._poll_one(job_ids[0], exchange)]
        return self._poll_many(batch, job_ids, exchange)

    def _poll_one(self, job_id: str | None, exchange: Exchange) -> Outcome:
        answer: Answer | None = None
        pacing = _NO_PACING
        try:
            answer = self._transport.get(self._endpoint.path_of(job_id), exchange)
            pacing = self._pacing_of(answer)
            result = self._reader.one(answer, job_id, pacing[0])
        except Exception as error:  # noqa: BLE001 - becomes the outcome
            result = self._failure(error, answer, job_id)
        return _outcome(result, pacing, answer, alone=False)

    def _poll_many(
        self, batch: Batch, job_ids: Sequence[str | None], exchange: Exchange
    ) -> list[Outcome]:
        names = [job_id for job_id in job_ids if job_id is not None]
        missing = dict.fromkeys(job_ids)
        outcomes: dict[str | None, Outcome] = {}
        cursor: str | None = None
        # More pages than jobs would cost more than to ask for each by itself.
        for _ in range(min(_MOST_PAGES, len(missing))):
            answer: Answer | None = None
            pacing = _NO_PACING
            results: Results
            try:
                path = self._endpoint.batch_path_of(batch, names, cursor)
                answer = self._transport.get(path, exchange)
                pacing = self._pacing_of(answer)
                results, cursor = self._reader.many(answer, missing, pacing[0])
            except Exception as error:  # noqa: BLE001 - becomes the outcome
                alone = answer is not None  # one of the jobs may be what is wrong with it
                results = {one: (self._failure(error, answer, one), alone) for one in missing}
                cursor = None
            for job_id, (result, alone) in results.items():
                outcomes[job_id] = _outcome(result, pacing, answer, alone=alone)
                del missing[job_id]
            if cursor is None or not missing or pacing[1]:
                break
        rest = _outcome(None, pacing, answer, alone=True)  # of which the answer says nothing
        return [outcomes.get(job_id, rest) for job_id in job_ids]

    def after_fork(self) -> None:
        """Makes it work in a forked child."""
        self._transport.after_fork()

    def close(self) -> None:
        """Ends the use of the transport."""
        self._transport.close()

    def _pacing_of(self, answer: Answer) -> _Pacing:
        """Returns what the headers, also of redirects, say of all requests that follow."""
        seconds, exhausted = self._pacing.read(answer.headers, self._clock.time)
        for headers in answer.redirects:
            earlier, used_up = self._pacing.read(headers, self._clock.time)
            exhausted |= used_up
            if earlier is not None:
                seconds = earlier if seconds is None else max(seconds, earlier)
        return seconds, exhausted or answer.status_code in _THROTTLED

    def _failure(
        self, error: Exception, answer: Answer | None, job_id: str | None
    ) -> VideoTranslationError:
        if answer is None:
            return failure_of(error, job_id, self._transport.base_url)
        return bug_of(error, job_id, answer)


def _outcome(
    result: StatusReport | VideoTranslationError | None,
    pacing: _Pacing,
    answer: Answer | None,
    *,
    alone: bool,
) -> Outcome:
    seconds, throttled = pacing
    if isinstance(result, PollError):
        result.retry_after = seconds
    code = None if answer is None else answer.status_code
    return Outcome(result, seconds, throttled, alone, code)
