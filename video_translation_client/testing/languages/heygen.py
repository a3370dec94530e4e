"""What HeyGen has beyond the other services: several jobs at once, and an envelope."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any, Iterable, Sequence

from ..script import Standing
from .base import Question, Request, Written
from .documented import Documented, Job, Words

_LARGEST_BATCH = 100


class HeyGen(Documented):
    """Also asked for up to 100 jobs at once, in other words; its problems have an envelope."""

    _batch_words = Words(("queued", "processing"), "completed", "failed")

    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Reads a request for one job or for several."""
        if request.path != "/v3/video-translations/statuses":
            return super().read(request, known)
        refused = self.check(request)
        if refused is not None:
            return refused
        lists = request.fields().get("video_translation_ids", [])
        job_ids = lists[0].split(",") if len(lists) == 1 else [""]
        if "" in job_ids or len(job_ids) > _LARGEST_BATCH:
            rule = f"1 to {_LARGEST_BATCH} ids, none empty, separated by commas"
            return self.refuse(400, f"video_translation_ids must be sent once, with {rule}")
        unique = tuple(dict.fromkeys(job_ids))
        return Question(unique, partial(self._batch, unique))

    def problem(self, code: int, text: str) -> dict[str, Any]:
        """Returns the error envelope."""
        word = HTTPStatus(code).phrase.lower().replace(" ", "_")
        return {"error": {"code": word, "message": text}}

    def _batch(self, job_ids: tuple[str, ...], standings: Sequence[Standing]) -> Written:
        jobs = {standing.poll.job_id: standing for standing in standings}
        return 200, {"data": [self._entry(job_id, jobs.get(job_id)) for job_id in job_ids]}

    def _entry(self, job_id: str, standing: Standing | None) -> dict[str, Any]:
        if standing is None:
            return {"video_id": job_id, "status": "not_found", "error": None}
        job = Job(self._batch_words.of(standing), standing)
        error = job.case(None, None, {"code": job.error_code, "message": job.error})
        return {"video_id": job_id, "status": job.word, "error": error}
