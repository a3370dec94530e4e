"""How services tell of a job's end by themselves, as each documents its own.

Written by hand, as the languages are: nothing is taken from the client's presets. That nothing else
is in the bodies is made up; the services tell more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Callable, Mapping, NamedTuple


class Call(NamedTuple):
    """What is sent."""

    headers: dict[str, str]
    body: bytes


class Webhook(NamedTuple):
    """How one service calls.

    Attributes:
        body: Returns what is told of a job, given its id and whether it has succeeded.
        sign: Returns the headers, given the secret, the body and the seconds since 1970; None:
            how the service signs is not known.
    """

    body: Callable[[str, bool], dict[str, Any]]
    sign: Callable[[bytes, bytes, float], dict[str, str]] | None

    def call(self, job_id: str, succeeded: bool, secret: str | None, time: float) -> Call:
        """Returns the call for a job that has ended."""
        body = json.dumps(self.body(job_id, succeeded)).encode()
        signed = {}
        if secret is not None and self.sign is not None:
            signed = self.sign(secret.encode(), body, time)
        return Call({"Content-Type": "application/json", **signed}, body)


def _heygen(secret: bytes, body: bytes, time: float) -> dict[str, str]:
    return {
        "Heygen-Signature": _mac(secret, body),
        "Heygen-Timestamp": str(int(time)),
        "Heygen-Event-Id": hashlib.sha256(body).hexdigest()[:32],
    }


def _murf(secret: bytes, body: bytes, time: float) -> dict[str, str]:
    milliseconds = str(int(time * 1000))
    signature = _mac(secret, body + b"." + milliseconds.encode())
    return {"X-HMAC-Signature": signature, "X-Signature-Timestamp": milliseconds}


def _mac(secret: bytes, text: bytes) -> str:
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


WEBHOOKS: Mapping[str, Webhook] = {
    "heygen": Webhook(
        lambda job_id, succeeded: {
            "event_type": f"video_translate.{'success' if succeeded else 'fail'}",
            "event_data": {"video_translate_id": job_id},
        },
        _heygen,
    ),
    "murf": Webhook(
        lambda job_id, succeeded: {
            "data": {"job_id": job_id, "status": "COMPLETED" if succeeded else "FAILED"}
        },
        _murf,
    ),
    "sync": Webhook(
        lambda job_id, succeeded: {
            "id": job_id,
            "status": "COMPLETED" if succeeded else "FAILED",
        },
        None,
    ),
}
"""By the name of the service."""
