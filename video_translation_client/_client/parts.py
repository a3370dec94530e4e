"""What one client is put together of, by its settings. Nothing is sent, and nothing is started."""

from __future__ import annotations

import requests

from .._http.poller import Poller
from .._http.transport import Transport
from .._scheduling.advice import Advice, Range
from .._scheduling.asking import Asking
from .._scheduling.listeners import Listeners
from .._scheduling.scheduler import Scheduler
from .._settings import Settings
from ..strategy import Moment


def transport_of(settings: Settings, session: requests.Session | None) -> Transport:
    """Returns what sends requests.

    Raises:
        ValueError: No request can be made of the base URL and the session.
    """
    endpoint = settings.endpoint
    try:
        return Transport(
            session,
            endpoint.base_url,
            endpoint.service.method,
            endpoint.headers(),
            settings.bounds.request_timeout,
            settings.bounds.max_concurrency,
        )
    except requests.RequestException as error:
        # The error's own text may hold a header's value, so it is left out.
        raise ValueError(
            f"no request can be made of base_url and session: {type(error).__name__}"
        ) from None


def scheduler_of(settings: Settings, transport: Transport) -> Scheduler:
    """Returns what polls."""
    bounds, clock, of_service = settings.bounds, settings.clock, settings.of_service
    poller = Poller(transport, settings.endpoint, clock, bounds.max_payload)
    strategy = of_service if settings.strategy is None else settings.strategy
    listeners = Listeners(settings.listeners, getattr(strategy, "ended", None))
    advice = Advice(settings.strategy, of_service, settings.backoff, _plain_estimate, listeners)
    rules = settings.rules
    return Scheduler(
        poller,
        Asking(poller, advice, settings.random, rules, listeners, clock),
        rules.service,
        listeners,
        settings.limits.max_rate,
        bounds.request_timeout,
        bounds.max_concurrency,
        clock,
    )


def _plain_estimate(moment: Moment) -> Range | None:
    # Here, as its room is large, and a program that asks for no ``eta`` does not need it.
    from ..timing.estimates import plain_estimate  # noqa: PLC0415

    return plain_estimate(moment)
