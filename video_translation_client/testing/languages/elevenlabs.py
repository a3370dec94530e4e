"""What ElevenLabs has beyond the other services: a list of all jobs, in pages, and files."""

from __future__ import annotations

import re
from functools import partial
from typing import Iterable, Sequence

from ..files import Target
from ..script import Standing
from .base import Question, Request, Written
from .documented import Documented

_LARGEST_PAGE = 200


class ElevenLabs(Documented):
    """Also lists all jobs, the newest first, in pages; a cursor is the last id of a page.

    The file of each language stands behind the key.
    """

    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Reads a request for one job, for a page of the list, or for a file."""
        file = re.fullmatch("/v1/dubbing/([^/]+)/audio/([^/]+)", request.path)
        if request.path != "/v1/dubbing" and file is None:
            return super().read(request, known)
        refused = self.check(request)
        if refused is not None:
            return refused
        if file is not None:
            return Question((), lambda _: (200, {}), Target(f"{file[2]}.mp4", file[1]))
        fields = request.fields()
        size = fields.get("page_size", ["100"])[-1]
        if not re.fullmatch("[0-9]{1,3}", size) or not 1 <= int(size) <= _LARGEST_PAGE:
            return self.refuse(400, f"page_size must be from 1 to {_LARGEST_PAGE}")
        job_ids = [job_id for job_id in known if job_id is not None][::-1]
        start = 0
        if "cursor" in fields:
            if fields["cursor"][-1] not in job_ids:
                return self.refuse(400, "cursor must be the next_cursor of an answer")
            start = job_ids.index(fields["cursor"][-1]) + 1
        page = tuple(job_ids[start : start + int(size)])
        more = start + int(size) < len(job_ids)
        return Question(page, partial(self._page, page[-1] if more else None))

    def _page(self, cursor: str | None, standings: Sequence[Standing]) -> Written:
        dubs = [
            {"dubbing_id": standing.poll.job_id, "status": self.words.of(standing)}
            for standing in standings
        ]
        return 200, {"dubs": dubs, "has_more": cursor is not None, "next_cursor": cursor}
