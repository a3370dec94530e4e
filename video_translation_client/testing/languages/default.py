"""The default language, which is that of the client without a service."""

from __future__ import annotations

from typing import Iterable, Sequence

from ..script import Standing
from .base import MISSING, Language, Question, Request, Written

_PATH = "/status"


class DefaultLanguage(Language):
    """Asked at ``/status``, ``/status/<job_id>`` and, for several jobs, ``/status?ids=a,b``."""

    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Reads a request; a job id is all that follows ``/status/``, slashes included."""
        path = request.path
        if path != _PATH and not path.startswith(f"{_PATH}/"):
            return self.refuse(404, f"no such path; there are {_PATH} and {_PATH}/<job_id>")
        if request.method != "GET":
            return self.refuse(405, f"{request.method} is not allowed; use GET")
        if path != _PATH:
            job_id = path[len(_PATH) + 1 :]
            if not job_id:
                return self.refuse(400, "the job id is empty")
            return Question((job_id,), self._single)
        fields = request.fields()
        if "ids" not in fields:
            return Question((None,), self._single)
        job_ids = ",".join(fields["ids"]).split(",")
        if "" in job_ids:
            return self.refuse(400, "a job id in ids is empty")
        return Question(tuple(dict.fromkeys(job_ids)), self._batch)

    def _single(self, standings: Sequence[Standing]) -> Written:
        if not standings:
            return 404, self.problem(404, MISSING)
        poll, url_of = standings[0].poll, standings[0].url_of
        progress = {} if poll.progress is None else {"progress": poll.progress}
        url = {} if url_of is None else {"url": url_of("video.mp4")}
        return 200, {"result": poll.status, **progress, **url}

    def _batch(self, standings: Sequence[Standing]) -> Written:
        return 200, {"results": {poll.job_id: poll.status for poll, *_ in standings}}
