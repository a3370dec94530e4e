"""Waits for video translation jobs, asking as seldom as it can.

One client polls any number of jobs on a handful of threads and hands out
``concurrent.futures.Future`` objects. This module only gathers the public names.
"""

from ._base.version import __version__
from .client import VideoTranslationClient
from .clock import Clock
from .errors import JobNotFoundError, PollError, RejectedError, VideoTranslationError
from .events import Ended, Event, Listener, Paced, Polled, Submitted
from .future import StatusFuture
from .services._definition import Batch, Service, Words
from .status import Status, StatusReport
from .strategy import ExponentialBackoff, FixedInterval, Moment, Stages, Strategy

__all__ = [
    "Batch",
    "Clock",
    "Ended",
    "Event",
    "ExponentialBackoff",
    "FixedInterval",
    "JobNotFoundError",
    "Listener",
    "Moment",
    "Paced",
    "PollError",
    "Polled",
    "RejectedError",
    "Service",
    "Stages",
    "Status",
    "StatusFuture",
    "StatusReport",
    "Strategy",
    "Submitted",
    "VideoTranslationClient",
    "VideoTranslationError",
    "Words",
    "__version__",
]
