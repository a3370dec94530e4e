"""What CAMB.AI has beyond the other services: a second answer, with the URLs of the results."""

from __future__ import annotations

import re
import zlib
from typing import Iterable, Sequence

from ..script import Standing
from .base import MISSING, Question, Request, Written
from .documented import Documented, Job


class Camb(Documented):
    """Also asked for the results of a run, by the number that a finished job names."""

    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Reads a request for a job or for the results of a run."""
        found = re.fullmatch("/dub-result/([0-9]{1,10})", request.path)
        if not found:
            return super().read(request, known)
        refused = self.check(request)
        if refused is not None:
            return refused
        job_ids = [one for one in known if one is not None and run_id(one) == int(found[1])]
        return Question(tuple(job_ids[:1]), self._results)

    def _results(self, standings: Sequence[Standing]) -> Written:
        if not standings:
            return 404, self.problem(404, MISSING)
        job = Job("", standings[0])
        return 200, {"video_url": job.url("video.mp4"), "audio_url": job.url("audio.mp3")}


def run_id(job_id: str) -> int:
    """Returns the number of the run of a job; made up."""
    return zlib.crc32(job_id.encode())
