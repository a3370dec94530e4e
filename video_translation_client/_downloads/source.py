"""Where the files of one job are, by the service's latest answer for it."""

from __future__ import annotations

from typing import Any, Callable

from .._http.files import FetchError, Files, shown
from .._http.reports import decode
from ..errors import DownloadError
from ..services._definition import Service
from ..status import Status, StatusReport
from .which import files_of, kinds, one_of, spelled

# Bytes of JSON that is read for the URLs in it.
_LARGEST_PAGE = 1024 * 1024


class Source:
    """The files of one job; for one thread.

    Args:
        service: The service.
        job_id: The job.
        report: Its answer for the job.
        ask: Returns a new one, or raises what failed.
        files: Where JSON is fetched, which has the URLs of some services.
    """

    def __init__(
        self,
        service: Service,
        job_id: str | None,
        report: StatusReport,
        ask: Callable[[], StatusReport],
        files: Files,
    ) -> None:
        self._service, self._job_id, self._ask, self._files = service, job_id, ask, files
        self._report = report
        self._found: dict[str, dict[str, str]] | None = None
        self._check()

    def names(self) -> list[str]:
        """Returns how a caller names the files there are.

        Raises:
            FetchError: They could not be looked for.
        """
        return [name for kind, urls in self._all().items() for name in spelled(kind, urls)]

    def url(self, kind: str, label: str) -> str:
        """Returns the URL of a file.

        Raises:
            DownloadError: There is none, or there are several.
            FetchError: It could not be looked for.
        """
        files = self._all()
        url = one_of(files[kind], label)
        if url is not None:
            return url
        if files[kind]:
            names = ", ".join(map(repr, spelled(kind, files[kind])))
            problem = f"{kind} stands for none of several files, or for no one of them"
            raise DownloadError(problem, self._job_id, advice=f"pass which= one of {names}")
        problem = f"service {self._service.name!r} gives no URL of its {kind}"
        advice = "future.report.result and future.report.payload are all that it gives"
        if self._report.payload is None:  # where the other kinds stand
            advice = "its answer was larger than max_payload, so only report.result is known"
        raise DownloadError(problem, self._job_id, advice=advice)

    def renew(self) -> None:
        """Has the service say anew where the files are.

        Raises:
            VideoTranslationError: It does not.
        """
        self._report, self._found = self._ask(), None
        self._check()

    def _check(self) -> None:
        status = self._report.status
        if status is not Status.COMPLETED:
            problem = f"there is nothing to download, as its status is {str(status)!r}"
            advice = "wait for it first" if status is Status.PENDING else None
            raise DownloadError(problem, self._job_id, advice=advice)

    def _all(self) -> dict[str, dict[str, str]]:
        if self._found is None:
            service, report = self._service, self._report
            page = self._page() if service.result_gives_json else report.payload
            self._found = {kind: files_of(service, kind, report, page) for kind in kinds(service)}
        return self._found

    def _page(self) -> Any:
        url = self._report.result
        if not isinstance(url, str):
            return None
        file, body = self._files.open(url), b""
        try:
            for piece in file.pieces():
                body += piece
                if len(body) > _LARGEST_PAGE:
                    raise FetchError(f"its JSON is over {_LARGEST_PAGE} bytes", shown(file.url))
            return decode(body)
        except ValueError as error:
            raise FetchError(str(error), shown(file.url), passes=True) from None
        finally:
            file.close()
