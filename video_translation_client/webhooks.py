"""Takes the webhooks of services: a WSGI app that has a job asked as soon as one names it.

What a call claims is never believed: all that it can do is to have the service asked, which a
forged or repeated one can do no more than once a second for each job. So polling stays what ends
waits, and becomes the safety net where webhooks arrive.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import logging
import re
from typing import TYPE_CHECKING, Any, Iterable, Sequence

from ._base import arguments
from ._base.arguments import BadTypeError, BadValueError
from ._base.log import log
from ._base.text import quote
from ._http.reports import decode, find
from .client import VideoTranslationClient
from .services._expressions import compiled
from .services._templates import filled, names_in
from .services._webhook import Webhook

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LARGEST = 64 * 1024
_UNITS = {"seconds": 1, "milliseconds": 1000}

_TAKEN, _NOT_GENUINE, _NAMELESS = "204 No Content", "401 Unauthorized", "404 Not Found"
_NO_POST, _TOO_LARGE = "405 Method Not Allowed", "413 Payload Too Large"


def receiver(
    client: VideoTranslationClient,
    secret: str | Sequence[str] | None = None,
    *,
    webhook: Webhook | None = None,
) -> WSGIApplication:
    """Returns a WSGI app (PEP 3333) that has each job polled now that a webhook names.

    It takes ``POST`` at any path, up to 64 KiB, and answers without a word: 204 where it has
    called ``poll_now``, whether or not anybody waits for that job, so that a stranger learns
    nothing; 401 where the signature, or its time, is not right; 404 where no job is named; 405 and
    413. Why, the log says at level DEBUG, and of the first 401 at WARNING. Safe to use from any
    thread; how long a slow call may take is up to the server.

    Args:
        client: Who waits for the jobs. With a store, the waits may be those of other processes.
        secret: What the service signs its calls with; or several, while it is being changed. None
            takes calls that nobody has signed. It is never shown.
        webhook: How the service calls; None: as the definition of the client's service says.

    Raises:
        TypeError, ValueError: A bad argument, named in the message. The client's service has no
            webhooks, or they are not signed and there is a secret.
    """
    arguments.instance("client", client, VideoTranslationClient)
    if webhook is None:
        service = client._endpoint.service
        if not service.webhooks:
            problem = f"must be given: no webhooks are known of the service {service.name!r}"
            raise BadValueError("webhook", problem, "pass a Webhook that describes them")
        webhooks = service.webhooks
    else:
        webhooks = (arguments.instance("webhook", webhook, Webhook),)
    secrets = None if secret is None else _checked(secret)
    if secrets is not None:
        webhooks = tuple(one for one in webhooks if one.signature is not None)
    if not webhooks:
        problem = "must be None: it is not known how the service signs its calls"
        raise BadValueError("secret", problem, "or pass a Webhook with a signature as webhook=")
    return _Receiver(client, [_Kind(one, secrets) for one in webhooks])


def _checked(secret: str | Sequence[str]) -> list[bytes]:
    """Returns secrets as bytes; no message shows one."""
    secrets = [secret] if isinstance(secret, str) else secret
    if not isinstance(secrets, (list, tuple)) or not all(isinstance(one, str) for one in secrets):
        problem = f"must be a str, a list of such, or None, not {type(secret).__name__}"
        raise BadTypeError("secret", problem)
    if not secrets or not all(one and one == one.strip() and _is_unicode(one) for one in secrets):
        problem = "must not be empty, start or end with white space, or hold no valid Unicode"
        raise BadValueError("secret", problem, "None takes calls that nobody has signed")
    return [one.encode() for one in secrets]


def _is_unicode(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


class _Kind:
    """One kind of call that a service makes: whether it is its own, and which job it names.

    The secrets are kept as what an HMAC makes of them, which shows none.
    """

    def __init__(self, webhook: Webhook, secrets: list[bytes] | None) -> None:
        self._webhook = webhook
        self._job_id = compiled(webhook.job_id)
        self._macs = (
            None
            if secrets is None
            else [hmac.new(one, digestmod=webhook.algorithm) for one in secrets]
        )

    def is_genuine(self, environ: WSGIEnvironment, body: bytes, now: float) -> bool:
        """Says whether a call is signed, and sent about ``now``, in seconds since 1970."""
        webhook = self._webhook
        if self._macs is None:
            return True
        signature = _header(environ, webhook.signature)
        timestamp = _header(environ, webhook.timestamp)
        if signature is None or not self._is_timely(timestamp, now):
            return False
        signed = filled(webhook.signed, {"body": body, "timestamp": timestamp or b""})
        return any(hmac.compare_digest(self._sign(mac, signed), signature) for mac in self._macs)

    def job_named_in(self, payload: Any) -> str | None:
        """Returns the job's id in a call's JSON; None: there is none.

        Raises:
            ValueError: The expression does not fit what is there.
        """
        job_id = find(self._job_id, payload)
        return job_id if isinstance(job_id, str) else None

    def _is_timely(self, timestamp: bytes | None, now: float) -> bool:
        webhook = self._webhook
        if timestamp is None:
            return "timestamp" not in names_in(webhook.signed)
        if not re.fullmatch(b"[0-9]{1,20}", timestamp):
            return False
        return abs(int(timestamp) / _UNITS[webhook.unit] - now) <= webhook.tolerance

    def _sign(self, mac: hmac.HMAC, signed: bytes) -> bytes:
        mac = mac.copy()
        mac.update(signed)
        if self._webhook.encoding == "hex":
            return mac.hexdigest().encode()
        return base64.b64encode(mac.digest())


class _Receiver:
    """The app; of one call to the next, it keeps only that one was refused."""

    def __init__(self, client: VideoTranslationClient, kinds: list[_Kind]) -> None:
        self._client, self._kinds = client, kinds
        self._warns = [True]  # who takes it out warns: one step

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one call."""
        status, reason = self._answer(environ)
        level = logging.DEBUG
        if status is _NOT_GENUINE and self._warns:  # a wrong secret; or anybody, who may come often
            with contextlib.suppress(IndexError):
                self._warns.pop()
                level, reason = logging.WARNING, f"{reason}; more such are told at level DEBUG"
        log(level, "A webhook gets %s: %s", status, reason)
        headers = [] if status is _TAKEN else [("Content-Length", "0")]
        start_response(status, [*headers, ("Allow", "POST")] if status is _NO_POST else headers)
        return []

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, str]:
        """Returns the status, and what it means for who reads the log."""
        if environ["REQUEST_METHOD"] != "POST":
            return _NO_POST, "it is no POST"
        body = _body_of(environ)
        if body is None:
            return _TOO_LARGE, f"it is larger than {_LARGEST} bytes, or does not say how large"
        now = self._client._clock.time()
        kinds = [kind for kind in self._kinds if kind.is_genuine(environ, body, now)]
        if not kinds:
            return _NOT_GENUINE, "it is not signed with the secret, or not of this time"
        try:
            payload = decode(body)
            job_id = next(filter(None, (kind.job_named_in(payload) for kind in kinds)), "")
            self._client.poll_now(arguments.word("job_id", job_id))
        except ValueError:  # no JSON, or nothing there, or what is no id of a job
            return _NAMELESS, "it names no job"
        return _TAKEN, f"job {quote(job_id)} is asked for"


def _header(environ: WSGIEnvironment, name: str | None) -> bytes | None:
    """Returns what was sent as a header; what can't have been is no longer what it was."""
    value = None if name is None else environ.get("HTTP_" + name.upper().replace("-", "_"))
    return None if value is None else value.strip().encode("utf-8", "replace")


def _body_of(environ: WSGIEnvironment) -> bytes | None:
    """Returns the body, as far as it arrives; None: it is too large, or its length is no number."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length:
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > _LARGEST:
            return None
        return _read(environ["wsgi.input"], int(length))
    # Without a length, only a server that marks the end says when to read no more.
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = _read(environ["wsgi.input"], _LARGEST + 1)
    return None if len(body) > _LARGEST else body


def _read(stream: Any, most: int) -> bytes:
    """Returns what can be read, up to ``most`` bytes."""
    body = b""
    # Each server has an error of its own for a caller that breaks off; the rest is missing then.
    with contextlib.suppress(Exception):
        while len(body) < most:
            piece = stream.read(most - len(body))
            if not piece:
                break
            body += piece
    return body
