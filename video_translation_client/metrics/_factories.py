"""The public functions of this room; what measures is imported by who calls one."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from ..events import Listener

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from prometheus_client import CollectorRegistry

# By registry: the clients of a process share the metrics of one.
_by_registry: weakref.WeakKeyDictionary[CollectorRegistry, Listener] = weakref.WeakKeyDictionary()

# Protects it while metrics are made; not taken once clients run.
_making = threading.Lock()


def prometheus(registry: CollectorRegistry | None = None) -> Listener:
    """Returns a listener for ``on_event=`` that measures waits for Prometheus.

    Any number of clients may have it; what they measure adds up. These are its metrics, by the
    conventions of https://prometheus.io/docs/practices/naming/; no label is ever of a job:

    - ``video_translation_polls_total{service, outcome}``, a counter. The outcome is ``pending``,
      ``completed``, ``error``, ``failed`` (in passing), ``rejected``, or ``untold``: an answer for
      many jobs has told nothing of this one.
    - ``video_translation_wait_seconds{service, status}``, a histogram: from a submit to the end of
      its wait, by how it ended.
    - ``video_translation_waiting{service}``, a gauge: waits that go on. Of several processes that
      share a folder for metrics, the sum over those that live.
    - ``video_translation_end_uncertainty_seconds{service}``, a histogram: from the last poll that
      was answered ``pending`` to the answer that told the end. So late the end was noticed at most.

    A forked child measures its own waits alone.

    Args:
        registry: Where the metrics are; None for the one that ``prometheus_client`` serves unless
            it is told another.

    Raises:
        ImportError: The package ``prometheus-client`` is not installed.
        ValueError: The registry has other metrics of these names.
    """
    try:
        from ._prometheus import REGISTRY, Prometheus  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing("prometheus-client", error) from error
    registry = REGISTRY if registry is None else registry
    with _making:
        listener = _by_registry.get(registry)
        if listener is None:
            listener = _by_registry[registry] = Prometheus(registry)
    return listener


def opentelemetry(meter_provider: MeterProvider | None = None) -> Listener:
    """Returns a listener for ``on_event=`` that measures waits by OpenTelemetry.

    It needs the API alone; where and how the numbers go is up to the SDK that the program has set
    up. These are its instruments, in the meter ``video_translation_client``; they mean what
    those of ``prometheus`` do, and no attribute is ever of a job. All have
    ``video_translation.service``:

    - ``video_translation.polls``, a counter, with ``video_translation.outcome``
    - ``video_translation.wait.duration``, a histogram in seconds, with ``video_translation.status``
    - ``video_translation.waits``, an up-down counter of waits that go on
    - ``video_translation.end.uncertainty``, a histogram in seconds

    Args:
        meter_provider: That of the SDK; None for the global one.

    Raises:
        ImportError: The package ``opentelemetry-api`` is not installed.
    """
    try:
        from ._opentelemetry import OpenTelemetry  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing("opentelemetry-api", error) from error
    return OpenTelemetry(meter_provider)


def _missing(package: str, error: ImportError) -> ImportError:
    problem = f"these metrics need the package {package}: pip install {package}"
    return ImportError(problem, name=error.name)
