"""How the URLs and headers for one service are spelled. It sends nothing and decides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Mapping, Sequence
from urllib.parse import quote

from .._base.arguments import BadValueError
from ..services._definition import Batch, Service
from ..services._templates import names_in
from ..status import Status, StatusReport

# Octets of a path; no server takes as many.
_LONGEST_PATH = 65_536

# Octets that percent-encoding makes of one character: three for each of its four in UTF-8.
_LONGEST_CHARACTER = 12

# Octets of the ids in one path, so that every server on the way takes it (RFC 9110, 4.1).
_MOST_OCTETS = 6000

# What percent-encoding leaves as it is (RFC 3986, 2.3): nearly every id.
_UNRESERVED = re.compile(r"[\w.~-]*", re.ASCII)

# URLs of one result, as many as a job may have languages.
_MOST_RESULTS = 1000


class Endpoint:
    """The URLs and headers of a service for one client.

    Attributes (to be read only):
        service: The service.
        base_url: What paths are appended to; it may hold credentials.
        values: Those of the names in the service's templates, secrets included.
        batch: How several jobs are asked for at once, or None if they are not to be.
    """

    def __init__(
        self, service: Service, base_url: str, values: Mapping[str, str], batch: Batch | None
    ) -> None:
        self.service = service
        self.base_url = base_url
        self.values = values
        self.batch = batch
        # An id of no more characters fits in any case; looking at each takes longer than a submit.
        a_character = _LONGEST_CHARACTER * service.path.count("{job_id}")
        self._surely_fits = (_LONGEST_PATH - len(self.path_of(""))) // a_character

    def headers(self) -> dict[str, str]:
        """Returns the headers of every request; one for which there is no key is left out."""
        own = {
            name: template.format_map(self.values)
            for name, template in self.service.headers
            if self.values.keys() >= set(names_in(template))
        }
        return {"Accept": "application/json", **own}

    def check_job_id(self, job_id: str | None) -> None:
        """Refuses a job id that can't be asked for.

        Raises:
            ValueError: The service has no job without a name, or its URL gets too long.
        """
        if job_id is not None and len(job_id) <= self._surely_fits:
            return
        if job_id is None and self.service.unnamed_path is None:
            problem = f"must be given: service {self.service.name!r} has no job without a name"
            raise BadValueError("job_id", problem)
        if len(self.path_of(job_id)) > _LONGEST_PATH:
            raise BadValueError(
                "job_id",
                f"must fit into a URL: {str(job_id)[:40]!r}... makes one of more than"
                f" {_LONGEST_PATH} characters",
            )

    def path_of(self, job_id: str | None) -> str:
        """Returns what asks for one job; its id stays one percent-encoded segment."""
        if job_id is None:
            return str(self.service.unnamed_path).format_map(self.values)
        return self.service.path.format_map({**self.values, "job_id": _segment(job_id)})

    def together(self, job_ids: Sequence[str | None]) -> int:
        """Returns how many of ``job_ids``, from the first on, one request can ask for.

        Ids with a comma, or none at all, are asked for one at a time.
        """
        batch = self.batch
        different: set[str] = set()
        octets = 0
        for number, job_id in enumerate(job_ids):
            if batch is None or job_id is None or ("," in job_id and "{job_ids}" in batch.path):
                return max(1, number)
            if job_id not in different:
                different.add(job_id)
                octets += len(_segment(job_id)) + 1
            if len(different) > batch.limit or octets > _MOST_OCTETS:
                return max(1, number)
        return len(job_ids)

    def batch_path_of(self, batch: Batch, job_ids: Sequence[str], cursor: str | None) -> str:
        """Returns what asks for several jobs, or for the page of the answer that follows."""
        ids = ",".join(_segment(job_id) for job_id in dict.fromkeys(job_ids))
        path = batch.path.format_map({**self.values, "job_ids": ids})
        if cursor is None:
            return path
        return f"{path}{'&' if '?' in path else '?'}{batch.cursor}={quote(cursor, safe='')}"

    def with_result(self, report: StatusReport, job_id: str | None) -> StatusReport:
        """Returns a report with the URLs of its result, for a service that has them apart."""
        if report.status is not Status.COMPLETED:
            return replace(report, result=None)
        base_url, template = without_credentials(self.base_url), str(self.service.result_url)

        def url(result: str) -> str:
            names = {"job_id": quote(job_id or "", safe=""), "result": quote(result, safe="")}
            return base_url + template.format_map({**self.values, **names})

        if self.service.result is None:
            return replace(report, result=url(""))
        if not isinstance(report.result, list):
            known = isinstance(report.result, (str, int))
            return replace(report, result=url(str(report.result)) if known else None)
        found = [one for one in report.result[:_MOST_RESULTS] if isinstance(one, (str, int))]
        return replace(report, result=[url(str(one)) for one in found] or None)


def _segment(text: str) -> str:
    """Returns a text percent-encoded, so that it is one segment of a path, or a part of one."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="")


def without_credentials(url: str) -> str:
    """Returns a URL that may be shown, and fetched with credentials of another kind."""
    return re.sub("//.*@", "//", url)
