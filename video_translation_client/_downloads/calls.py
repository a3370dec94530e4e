"""What a user touches of downloads: the methods that a client has for them."""

from __future__ import annotations

import abc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import requests

from .._http.endpoint import Endpoint
from ..clock import Clock
from ..future import StatusFuture
from ..status import StatusReport

if TYPE_CHECKING:
    from .._http.files import Timed
    from .download import Downloads

_MOST_BYTES = 16 * 1024**3
_TIMEOUT = 3600.0
_IDLE_TIMEOUT = 30.0
_MOST_ATTEMPTS = 5


class Downloading:
    """The part of a client that downloads."""

    _endpoint: Endpoint
    _session: requests.Session | None
    _clock: Clock
    _exchanges: set[Timed]

    def download(
        self,
        future_or_job_id: StatusFuture | str | None,
        path_or_directory: str | os.PathLike[str],
        which: str = "video",
        *,
        on_progress: Callable[[int, int | None], Any] | None = None,
        max_bytes: int | None = _MOST_BYTES,
        timeout: float | None = _TIMEOUT,
        idle_timeout: float = _IDLE_TIMEOUT,
        max_attempts: int = _MOST_ATTEMPTS,
    ) -> Path:
        """Downloads a file of a completed job, and returns its path once it is there, whole.

        Blocks; any number of threads may call it at once. In a callback it keeps a worker, and
        should be given the future, as a look at the job needs another one.

        The file is written beside its target and renamed, so that no part of it is ever seen; one
        that was there is replaced. The key goes to the service's own origin alone, and nothing of
        the session to others but its adapters, proxies and verification.

        Args:
            future_or_job_id: A future that has completed; or a job, at which it looks first.
            path_or_directory: A file; or a directory, if there is one, or the text ends in a
                slash, and it is made. In it, the name is that of the job, made harmless.
            which: A kind of file: ``"video"``, which is ``report.result``, or another that the
                service has. Of several, ``"video:es"`` is the one with a label and ``"video:2"``
                the second. ``downloads`` lists them.
            on_progress: Called as ``on_progress(received_bytes, total_bytes)`` in this thread; the
                total is None where it is not known, and what was received may become less where
                it begins again. What it raises ends the download.
            max_bytes: The most bytes of the file, 1 or more; None for no such limit.
            timeout: The most seconds in all, above 0; None for no such limit.
            idle_timeout: The most seconds in which nothing arrives, above 0, at most a day.
            max_attempts: How often it is begun at most, 1 or more: again after what fails in
                passing, with growing pauses, from where it broke off if the server can do that.
                Once a URL has expired, a fresh one is asked for besides.

        Raises:
            DownloadError: The job has not completed, or its file could not be had.
            VideoTranslationError: The look at the job failed.
            OSError: The file can't be written.
            TypeError, ValueError: A bad argument, named in the message.
            RuntimeError: The job has to be looked at after ``shutdown``.

        ``shutdown(cancel_futures=True)`` ends it with a DownloadError.
        """
        limits = max_bytes, timeout, idle_timeout, max_attempts
        return self._downloads().download(
            future_or_job_id, path_or_directory, which, on_progress, limits
        )

    def downloads(self, future_or_job_id: StatusFuture | str | None) -> list[str]:
        """Returns what ``which`` of ``download`` may be for a completed job, such as ``"audio"``.

        Raises:
            DownloadError, VideoTranslationError, TypeError, ValueError: As for ``download``.
        """
        limits = _MOST_BYTES, _TIMEOUT, _IDLE_TIMEOUT, _MOST_ATTEMPTS
        return self._downloads().names(future_or_job_id, limits)

    def _downloads(self) -> Downloads:
        # Made anew, as it holds the client; and imported here, as few programs need it.
        from .download import Downloads  # noqa: PLC0415

        return Downloads(self._endpoint, self._session, self._clock, self._look, self._exchanges)

    def _abort_downloads(self) -> None:
        """Ends those that are under way; it never blocks."""
        for exchange in list(self._exchanges):
            exchange.abort()

    @abc.abstractmethod
    def _look(self, job_id: str | None, timeout: float) -> StatusReport:
        """Returns how a job stands.

        Args:
            job_id: It; checked.
            timeout: The most seconds that this takes, above 0.

        Raises:
            VideoTranslationError: That can't be known.
            RuntimeError: After ``shutdown``.
        """
