"""The numbers for Prometheus, taken by its own client for Python."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from ._measures import UNCERTAINTY, WAIT, Measures

__all__ = ["REGISTRY", "Prometheus"]

_PREFIX = "video_translation"


class Prometheus(Measures):
    """Makes the metrics of a registry, and takes what the clients of a process measure."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._polls = Counter(
            f"{_PREFIX}_polls",
            "Polls that were answered, or failed.",
            ["service", "outcome"],
            registry=registry,
        )
        self._wait = Histogram(
            f"{_PREFIX}_wait_seconds",
            "From a submit to the end of its wait.",
            ["service", "status"],
            registry=registry,
            buckets=WAIT,
        )
        self._waiting = Gauge(
            f"{_PREFIX}_waiting",
            "Waits that go on.",
            ["service"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._uncertainty = Histogram(
            f"{_PREFIX}_end_uncertainty_seconds",
            "From the last poll that was answered pending to the answer that told the end.",
            ["service"],
            registry=registry,
            buckets=UNCERTAINTY,
        )
        self._services: dict[str, None] = {}
        self._pid = os.getpid()

    def count_waiting(self, service: str, change: int) -> None:
        if self._pid != os.getpid():  # what its parent waits for came along in a fork
            self._pid = os.getpid()
            for known in self._services:
                self._waiting.labels(known).set(0)
        self._services[service] = None
        self._waiting.labels(service).inc(change)

    def count_poll(self, service: str, outcome: str) -> None:
        self._polls.labels(service, outcome).inc()

    def record_wait(self, service: str, status: str, seconds: float) -> None:
        self._wait.labels(service, status).observe(seconds)

    def record_uncertainty(self, service: str, seconds: float) -> None:
        self._uncertainty.labels(service).observe(seconds)
