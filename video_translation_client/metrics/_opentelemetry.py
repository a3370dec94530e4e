"""The numbers for OpenTelemetry, given to whatever SDK the program has set up."""

from __future__ import annotations

from opentelemetry.metrics import MeterProvider, get_meter_provider

from .._base.version import __version__
from ._measures import Measures

__all__ = ["MeterProvider", "OpenTelemetry", "get_meter_provider"]

_PREFIX = "video_translation"
_SERVICE, _OUTCOME, _STATUS = f"{_PREFIX}.service", f"{_PREFIX}.outcome", f"{_PREFIX}.status"


class OpenTelemetry(Measures):
    """Makes the instruments, and takes what its clients measure."""

    def __init__(self, meter_provider: MeterProvider) -> None:
        super().__init__()
        meter = meter_provider.get_meter("video_translation_client", __version__)
        self._polls = meter.create_counter(
            f"{_PREFIX}.polls", "{poll}", "Polls that were answered, or failed."
        )
        self._wait = meter.create_histogram(
            f"{_PREFIX}.wait.duration", "s", "From a submit to the end of its wait."
        )
        self._waits = meter.create_up_down_counter(
            f"{_PREFIX}.waits", "{wait}", "Waits that go on."
        )
        self._uncertainty = meter.create_histogram(
            f"{_PREFIX}.end.uncertainty",
            "s",
            "From the last poll that was answered pending to the answer that told the end.",
        )

    def count_waiting(self, service: str, waits: int, change: int) -> None:
        self._waits.add(change, {_SERVICE: service})

    def count_poll(self, service: str, outcome: str) -> None:
        self._polls.add(1, {_SERVICE: service, _OUTCOME: outcome})

    def record_wait(self, service: str, status: str, seconds: float) -> None:
        self._wait.record(seconds, {_SERVICE: service, _STATUS: status})

    def record_uncertainty(self, service: str, seconds: float) -> None:
        self._uncertainty.record(seconds, {_SERVICE: service})
