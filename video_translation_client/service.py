"""How one provider spells its status endpoint: URLs, words and errors, as data.

A service makes paths and reads decoded answers. It sends nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .status import Status, StatusReport


@dataclass(frozen=True)
class Service:
    """A service that answers ``GET {base_url}{path}[/{job_id}]`` with a JSON object.

    Attributes:
        name: What ``service=`` and messages call it.
        path: Where the status stands, beginning with a slash.
        status_field: The field of the answer that holds the status word. Next to it,
            ``progress`` (0..1) and ``error`` (a text) are read where they are given.
        authentication_header: The header that carries the ``api_key``.
        authentication_prefix: What stands before the key in it.
    """

    name: str
    path: str = "/status"
    status_field: str = "result"
    authentication_header: str = "Authorization"
    authentication_prefix: str = "Bearer "

    def __post_init__(self) -> None:
        for name, form, wanted in (
            ("name", r"\S+", "a word"),
            ("path", r"(/[\w.~!$&'()*+,;=:%-]+)+", "the path of a URL, such as '/status'"),
            ("status_field", r"(?s).+", "the name of a field"),
            ("authentication_header", r"[\w!#$%&'*+.^`|~-]+", "the name of a header"),
            ("authentication_prefix", r"[\x20-\x7e]*", "printable ASCII"),
        ):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise TypeError(f"{name} must be {wanted}, not {value!r}")
            if not re.fullmatch(form, value, re.ASCII):
                raise ValueError(f"{name} must be {wanted}, not {value!r}")

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Returns the headers of every request."""
        headers = {"Accept": "application/json"}
        if api_key is not None:
            headers[self.authentication_header] = self.authentication_prefix + api_key
        return headers

    def path_of(self, job_id: str | None) -> str:
        """Returns the path of a job's status; any job id stays one percent-encoded segment."""
        return self.path if job_id is None else f"{self.path}/{quote(job_id, safe='')}"

    def read(self, payload: Any) -> StatusReport:
        """Returns what an answer says.

        Raises:
            ValueError: The answer is not of this service's form; the message says why.
        """
        if not isinstance(payload, dict):
            raise ValueError("the answer is not a JSON object")
        if self.status_field not in payload:
            raise ValueError(f"the answer has no field {self.status_field!r}")
        state = payload[self.status_field]
        if state not in ("pending", "completed", "error"):
            raise ValueError(f"the answer has an unknown status: {str(state)[:100]!r}")
        progress, error = payload.get("progress"), payload.get("error")
        return StatusReport(
            status=Status(state),
            state=state,
            progress=_fraction(progress),
            error=error if isinstance(error, str) else None,
            payload=payload,
        )


def _fraction(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 1 else None


DEFAULT = Service("default")
"""``GET /status`` -> ``{"result": "pending" | "completed" | "error"}``."""
