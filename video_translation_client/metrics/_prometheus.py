"""The numbers for Prometheus, taken by its own client for Python."""

from __future__ import annotations

import contextlib

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from ._measures import UNCERTAINTY, WAIT, Measures

__all__ = ["REGISTRY", "CollectorRegistry", "Prometheus"]

_PREFIX = "video_translation"


class Prometheus(Measures):
    """Makes the metrics of a registry, and takes what the clients of a process measure."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._polls = Counter(
            f"{_PREFIX}_polls",
            "Polls that were answered, or failed.",
            ["service", "outcome"],
            registry=None,
        )
        self._wait = Histogram(
            f"{_PREFIX}_wait_seconds",
            "From a submit to the end of its wait.",
            ["service", "status"],
            registry=None,
            buckets=WAIT,
        )
        self._gauge = Gauge(
            f"{_PREFIX}_waiting",
            "Waits that go on.",
            ["service"],
            registry=None,
            multiprocess_mode="livesum",
        )
        self._uncertainty = Histogram(
            f"{_PREFIX}_end_uncertainty_seconds",
            "From the last poll that was answered pending to the answer that told the end.",
            ["service"],
            registry=None,
            buckets=UNCERTAINTY,
        )
        with contextlib.ExitStack() as undo:  # a registry that refuses one has none of them
            for metric in (self._polls, self._wait, self._gauge, self._uncertainty):
                registry.register(metric)
                undo.callback(registry.unregister, metric)
            undo.pop_all()

    def count_waiting(self, service: str, waits: int, change: int) -> None:
        # Not by the change: in the multiprocess mode a child begins with 0 anyway.
        self._gauge.labels(service).set(waits)

    def count_poll(self, service: str, outcome: str) -> None:
        self._polls.labels(service, outcome).inc()

    def record_wait(self, service: str, status: str, seconds: float) -> None:
        self._wait.labels(service, status).observe(seconds)

    def record_uncertainty(self, service: str, seconds: float) -> None:
        self._uncertainty.labels(service).observe(seconds)
