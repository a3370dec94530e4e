"""What is known of a job: its status, and one answer of the service in full.

Plain values without behaviour; they never ask the service for anything.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Status(str, enum.Enum):
    """How a job, or the wait for it, stands; compares and prints as the plain word.

    The last three tell of a wait whose ``result()`` raises. ``get_status`` never returns them and
    ``on_update`` is never called with them.
    """

    PENDING = "pending"
    """The service is still working on the job."""
    COMPLETED = "completed"
    """The service has finished the job."""
    ERROR = "error"
    """The service said that the job failed."""
    TIMEOUT = "timeout"
    """The wait's budget was spent while the job was still running: not a failure of the job."""
    REJECTED = "rejected"
    """No poll of the job can succeed: ``result()`` raises the reason."""
    CANCELLED = "cancelled"
    """The wait was cancelled here; of the job this says nothing."""
    ABANDONED = "abandoned"
    """The wait ended with its process, by an exit, a fork or a shutdown, or by an exception of the
    user's own code, such as a session's ``auth``: likewise."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, format_spec: str) -> str:
        return format(self.value, format_spec)


@dataclass(frozen=True)
class StatusReport:
    """One answer of the service.

    Attributes:
        status: ``pending``, ``completed`` or ``error``; a report never says ``timeout``.
        state: The service's own word for it.
        progress: From 0 to 1, or None where the service does not tell.
        result: What the service gives of the finished job, such as its URL, or None.
        error: The service's reason for an ``error``, or None.
        error_code: The service's code for that, or None.
        payload: The decoded body of the answer, or of an answer for many jobs what it says of
            this one; None where the body has more than the client's ``max_payload`` bytes.
        retry_after: Seconds for which the service asks not to be asked again for this job, or
            None (``Retry-After``, RFC 9110, and the like).
    """

    status: Status
    state: str
    progress: float | None = None
    result: Any = field(default=None, repr=False)
    error: str | None = None
    payload: Any = field(default=None, repr=False)
    retry_after: float | None = None
    error_code: str | None = None


class Hints(NamedTuple):
    """What a user knows of a job beforehand; ``VideoTranslationClient.submit`` describes it."""

    age: float | None = None
    expected: float | None = None
    group: str | None = None


NO_HINTS = Hints()
"""One for all waits that have none, as most have."""
