"""What a user touches of looks at jobs that nobody waits for: one answer each."""

from __future__ import annotations

from typing import Any, Iterable

from .._http.endpoint import Endpoint
from .._scheduling.intake import Intake
from ..clock import Clock
from ..errors import VideoTranslationError
from ..future import StatusFuture
from ..status import StatusReport
from . import many
from .terms import TermsOfJobs


class Checking:
    """The part of a client that looks."""

    _clock: Clock
    _endpoint: Endpoint
    _intake: Intake
    _terms: TermsOfJobs

    def check(
        self, job_ids: Iterable[str], timeout: float = 30.0
    ) -> dict[str, StatusReport | VideoTranslationError]:
        """Asks for each job once, and returns what was answered: one look, no waiting.

        Several jobs share a request where the service has one for that, and all that holds the
        requests of this client back does so here. It is no wait: listeners hear of its polls alone,
        and a strategy that learns of nothing. ``min_interval`` does not hold. Blocks, and is not
        to be called where ``get_status`` is not.

        Args:
            job_ids: As for ``submit_all``.
            timeout: The most seconds, above 0.

        Returns:
            By job id, in their order: the report; or a ``PollError``, as the one poll has failed
            in passing, or was not made or answered in time; or a ``RejectedError``, which is a
            ``JobNotFoundError`` for a job that the service does not know, even one that is new.

        Raises:
            TypeError, ValueError, RuntimeError: As for ``submit``.
        """
        terms = self._terms.of_check(timeout)
        ids = [*dict.fromkeys(many.ids_of(job_ids, self._endpoint.check_job_id))]
        return many.check(ids, self._make_check, self._intake.scheduler, terms.rules)

    def _look(self, job_id: str | None, timeout: float) -> StatusReport:
        terms = self._terms.of_check(timeout)
        ids: Any = [job_id]  # the unnamed job is one as well
        answer = many.check(ids, self._make_check, self._intake.scheduler, terms.rules)[ids[0]]
        if isinstance(answer, VideoTranslationError):
            raise answer
        return answer

    def _make_check(self, job_id: str | None) -> StatusFuture:
        return StatusFuture(job_id, self._intake.scheduler, self._clock)
