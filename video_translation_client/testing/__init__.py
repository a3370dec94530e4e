"""What a user's own tests need: a mock service with a script, and a clock that jumps.

``MockServer`` needs the ``testing`` extra and is imported when it is asked for; the rest works
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import VirtualClock
from .faults import Fault
from .files import ResultFile
from .received import ReceivedRequest
from .script import Delivery, JobPlan, JobScript, Poll
from .service import MockService

if TYPE_CHECKING:
    from .server import MockServer

__all__ = [
    "Delivery",
    "Fault",
    "JobPlan",
    "JobScript",
    "MockServer",
    "MockService",
    "Poll",
    "ReceivedRequest",
    "ResultFile",
    "VirtualClock",
]


def __getattr__(name: str) -> Any:
    if name != "MockServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .server import MockServer  # noqa: PLC0415 - werkzeug is an extra
    except ImportError as missing:
        package = str(missing.name).partition(".")[0]
        raise ImportError(
            f"MockServer needs {package}: pip install {package}",
            name=missing.name,
        ) from missing
    return MockServer
