"""Waits for video translation jobs, asking as seldom as it can.

One client polls any number of jobs on a handful of threads and hands out
``concurrent.futures.Future`` objects.

Public are the names of this module, and those of a few more that are imported by themselves:
``video_translation_client.timing`` (strategies that learn), ``.metrics`` (Prometheus and
OpenTelemetry), ``.store`` (what a store keeps), ``.distributed`` (a client whose jobs are polled
for on a cluster), ``.webhooks`` (a receiver of them) and ``.testing`` (a mock server and a virtual
clock). All else may change.
"""

from ._base.version import __version__
from .client import VideoTranslationClient
from .clock import Clock
from .errors import DownloadError, JobNotFoundError, PollError, RejectedError, VideoTranslationError
from .events import Ended, Event, Listener, Paced, Polled, Submitted
from .future import StatusFuture
from .services._definition import Batch, Service, Words
from .services._webhook import Webhook
from .status import Status, StatusReport
from .strategy import ExponentialBackoff, FixedInterval, Moment, Stages, Strategy

__all__ = [
    "Batch",
    "Clock",
    "DownloadError",
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
    "Webhook",
    "Words",
    "__version__",
]
