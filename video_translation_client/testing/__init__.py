"""What a user's own tests need: a mock service with a script, and a clock that jumps.

The mock service needs the ``testing`` extra: ``pip install 'video-translation-client[testing]'``.
"""

from .clock import VirtualClock
from .faults import Fault
from .script import JobPlan, JobScript, Poll
from .server import MockServer
from .service import MockService, ReceivedRequest

__all__ = [
    "Fault",
    "JobPlan",
    "JobScript",
    "MockServer",
    "MockService",
    "Poll",
    "ReceivedRequest",
    "VirtualClock",
]
