"""Sends the webhooks of a mock server, one after the other, on one thread.

It knows when, to which URL, and what to do where nobody takes them; what they say is in
``languages``.
"""

from __future__ import annotations

import contextlib
import heapq
import http.client
import itertools
import logging
import math
import queue
import re
import socket
import threading
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .._base.text import quote
from .languages.webhooks import WEBHOOKS, Webhook

if TYPE_CHECKING:
    from ..clock import Clock, Wakeups
    from .script import Job

_LOGGER = logging.getLogger("video_translation_client.testing")

_RETRIES = (1.0, 2.0)
"""Seconds before a call that was not taken is sent again."""

# Seconds for which one call waits for whoever takes it; services document about as many.
_PATIENCE = 5.0

# How often, in seconds, stop() looks whether the thread has begun another exchange meanwhile.
_GLANCE = 0.02


class _Told(NamedTuple):
    """A call to be sent.

    Attributes:
        job_id: Of which job.
        succeeded: Whether it says that the job has.
        forged: Whether it is signed with another secret.
        tries: How often it was sent already.
    """

    job_id: str
    succeeded: bool
    forged: bool
    tries: int = 0


class Sender:
    """Sends calls when they are due. Safe to use from any thread, but for start and stop.

    Args:
        webhook: How the service calls.
        url: Where.
        secret: What it signs with; None: it does not.
        clock: What says when a call is due. While one is sent, a virtual clock stands still.
    """

    def __init__(self, webhook: Webhook, url: str, secret: str | None, clock: Clock) -> None:
        self._webhook, self._url, self._secret, self._clock = webhook, urlsplit(url), secret, clock
        # Protects the heap of what is due, and the socket from being closed while it is shut down.
        self._lock = threading.Lock()
        self._due: list[tuple[float, int, _Told]] = []
        self._numbers = itertools.count()
        self._wakeups: Wakeups = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._ends = False

    def tell_of(self, job: Job) -> None:
        """Takes what is to be sent for a job that begins."""
        succeeded = job.plan.outcome == "completed"
        for at, delivery in job.deliveries():
            self._add(at, _Told(str(job.plan.job_id), succeeded, delivery.forged))

    def start(self) -> None:
        """Begins to send; what has become due before is sent now."""
        # A virtual clock counts no more on who has left it.
        self._ends, self._wakeups = False, queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mock-server-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sends no more, breaks off what is being sent, and waits for the thread to end."""
        thread, self._thread, self._ends = self._thread, None, True
        self._clock.wake(self._wakeups)
        while thread is not None and thread.is_alive():
            with self._lock, contextlib.suppress(OSError):  # it may not be connected any more
                if self._socket is not None:
                    self._socket.shutdown(socket.SHUT_RDWR)
            thread.join(_GLANCE)

    def _add(self, at: float, told: _Told) -> None:
        with self._lock:
            heapq.heappush(self._due, (at, next(self._numbers), told))
        if self._thread is not None:  # or a virtual clock would wait for nobody
            self._clock.wake(self._wakeups)

    def _run(self) -> None:
        wakeups = self._wakeups
        while not self._ends:
            now = self._clock.monotonic()
            with self._lock:
                due = self._due[0][0] if self._due else math.inf
                told = heapq.heappop(self._due)[2] if due <= now else None
            if told is None:
                self._clock.wait(wakeups, due - now, 0)
            else:
                self._send(told)
        self._clock.leave(wakeups)

    def _send(self, told: _Told) -> None:
        problem = self._problem_with(told)
        if problem is None or told.forged or self._ends:
            return
        if told.tries < len(_RETRIES):
            again = self._clock.monotonic() + _RETRIES[told.tries]
            self._add(again, told._replace(tries=told.tries + 1))
            return
        times, job = told.tries + 1, quote(told.job_id)
        message = "The webhook of job %s was sent %d times, and is given up: %s"
        _LOGGER.warning(message, job, times, problem)

    def _problem_with(self, told: _Told) -> str | None:
        """Sends a call once; returns why it was not taken, or None."""
        secret = self._secret
        if told.forged and secret is not None:
            secret += "-forged"
        call = self._webhook.call(told.job_id, told.succeeded, secret, self._clock.time())
        host, target = str(self._url.hostname), self._url._replace(scheme="", netloc="").geturl()
        connection = http.client.HTTPConnection(host, self._url.port or 80, timeout=_PATIENCE)
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", target or "/", call.body, call.headers)
            with connection.getresponse() as answer:
                return None if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                self._socket = None
                connection.close()


def sender_of(
    service: str | None, url: str | None, secret: str | None, clock: Clock
) -> Sender | None:
    """Returns what sends the webhooks of a service; None: there is no URL to send them to.

    Raises:
        TypeError, ValueError: An argument of ``MockServer`` is not as it describes.
    """
    for name, text in (("webhook", url), ("webhook_secret", secret)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be a str or None, not {type(text).__name__}")
    if url is None:
        if secret is not None:
            raise ValueError("webhook_secret must be None without a webhook, which it is to sign")
        return None
    if not _is_url(url):
        raise ValueError("webhook must be a URL such as 'http://127.0.0.1:8080/'")
    if service is None or service not in WEBHOOKS:
        names = ", ".join(WEBHOOKS)
        raise ValueError(f"service must be one of {names} with a webhook, not {service!r}")
    webhook = WEBHOOKS[service]
    if secret == "":
        raise ValueError("webhook_secret must not be empty; None signs nothing")
    if secret is not None and webhook.sign is None:
        raise ValueError(f"webhook_secret must be None: how {service} signs is not known")
    return Sender(webhook, url, secret, clock)


def _is_url(url: str) -> bool:
    """Says whether webhooks can be sent there; credentials in it would be sent to nobody."""
    host = r"([\w.-]+|\[[\da-fA-F:.]+\])"
    if not re.fullmatch(rf"(?a)http://{host}(:\d{{1,5}})?([/?][!-~]*)?", url):
        return False
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
