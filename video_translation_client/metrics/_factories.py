"""The public functions of this room; what measures is imported by who calls one."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Callable, TypeVar

from .._base import arguments
from ..events import Listener

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from prometheus_client import CollectorRegistry

Place = TypeVar("Place", bound=object)

# By registry or provider: a name may be taken once in it, so clients share what has it.
_listeners: weakref.WeakKeyDictionary[object, Listener] = weakref.WeakKeyDictionary()

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
    - ``video_translation_waiting{service}``, a gauge: waits that go on. In the multiprocess mode of
      ``prometheus_client``, the sum over processes that live.
    - ``video_translation_end_uncertainty_seconds{service}``, a histogram: from the last poll that
      was answered ``pending`` to the answer that told the end. So late the end was noticed at most.

    In a forked child, only waits of its own count as going on, from the first of them on.

    Args:
        registry: Where the metrics are; None for the one that ``prometheus_client`` serves unless
            it is told another.

    Raises:
        ImportError: The package ``prometheus-client`` is not installed.
        TypeError: No such registry.
        ValueError: The registry has other metrics of these names.
    """
    try:
        from ._prometheus import REGISTRY, CollectorRegistry, Prometheus  # noqa: PLC0415 - see above
    except ImportError as error:
        raise _missing("prometheus-client", error) from error
    if registry is None:
        registry = REGISTRY
    arguments.instance("registry", registry, CollectorRegistry)
    return _shared(registry, Prometheus)


def opentelemetry(meter_provider: MeterProvider | None = None) -> Listener:
    """Returns a listener for ``on_event=`` that measures waits by OpenTelemetry.

    It needs the API alone; where and how the numbers go is up to the SDK that the program has set
    up. Any number of clients may have it. These are its instruments, in the meter
    ``video_translation_client``; they mean what those of ``prometheus`` do, forks included, and no
    attribute is ever of a job. All have ``video_translation.service``:

    - ``video_translation.polls``, a counter, with ``video_translation.outcome``
    - ``video_translation.wait.duration``, a histogram in seconds, with ``video_translation.status``
    - ``video_translation.waits``, an up-down counter of waits that go on
    - ``video_translation.end.uncertainty``, a histogram in seconds

    Args:
        meter_provider: That of the SDK; None for the global one.

    Raises:
        ImportError: The package ``opentelemetry-api`` is not installed.
        TypeError: No such provider.
    """
    try:
        from ._opentelemetry import (  # noqa: PLC0415 - see above
            MeterProvider,
            OpenTelemetry,
            get_meter_provider,
        )
    except ImportError as error:
        raise _missing("opentelemetry-api", error) from error
    if meter_provider is None:
        meter_provider = get_meter_provider()
    arguments.instance("meter_provider", meter_provider, MeterProvider)
    return _shared(meter_provider, OpenTelemetry)


def _shared(place: Place, make: Callable[[Place], Listener]) -> Listener:
    """Returns the one listener whose metrics are in a registry or provider."""
    with _making:
        listener = _listeners.get(place)
        if listener is None:
            listener = _listeners[place] = make(place)
    return listener


def _missing(package: str, error: ImportError) -> ImportError:
    problem = f"these metrics need the package {package}: pip install {package}"
    return ImportError(problem, name=error.name)
