"""Metrics of waits, for who wants them: ``on_event=prometheus()`` or ``on_event=opentelemetry()``.

Nothing is measured of a client that is given no such listener.
"""

from ._factories import opentelemetry, prometheus

__all__ = ["opentelemetry", "prometheus"]
