"""What one client is put together of, by its settings. Nothing is sent, and nothing is started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import requests

from .._base import arguments
from .._base.arguments import BadValueError
from .._http.endpoint import without_credentials
from .._http.poller import Poller
from .._http.transport import Transport
from .._scheduling.advice import Advice, Range
from .._scheduling.asking import Asking
from .._scheduling.intake import Intake
from .._scheduling.listeners import Listeners
from .._scheduling.scheduler import Scheduler
from .._settings import Settings
from ..events import Listener
from ..strategy import Moment

if TYPE_CHECKING:
    from ..store import Store


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


def intake_of(
    settings: Settings,
    transport: Transport,
    store: Store | str | os.PathLike[str] | None,
    account: str | None,
    make: Callable[..., Scheduler] | None,
) -> Intake:
    """Returns what takes in waits, and has them polled by a scheduler, or by what ``make`` makes.

    Raises:
        TypeError, ValueError: A bad argument.
        OSError: The store can't be used.
    """
    clock = settings.clock
    if store is None:
        if account is not None:
            advice = "pass store='waits.sqlite3'"
            raise BadValueError("account", "must not be given without a store", advice)
        return Intake(_scheduler_of(settings, transport, make), clock)
    # Here, as SQLite is for who wants a store.
    from ..store import Store  # noqa: PLC0415
    from ..store._file import Scope  # noqa: PLC0415

    label = "" if account is None else arguments.word("account", account)
    if not isinstance(store, Store):
        store = Store(arguments.file_path("store", store, "or a Store, or None for none"))

    def make_scheduler(listener: Listener) -> Scheduler:
        heard = settings._replace(listeners=(*settings.listeners, listener))
        return _scheduler_of(heard, transport, make)

    base_url = without_credentials(settings.endpoint.base_url)
    scope = Scope(settings.rules.service, base_url, label)
    patience = settings.bounds.request_timeout
    return store.keeping(make_scheduler, clock, scope, settings.rules, patience)


def _scheduler_of(
    settings: Settings, transport: Transport, make: Callable[..., Scheduler] | None
) -> Scheduler:
    bounds, clock, of_service = settings.bounds, settings.clock, settings.of_service
    poller = Poller(transport, settings.endpoint, clock, bounds.max_payload)
    strategy = of_service if settings.strategy is None else settings.strategy
    listeners = Listeners(settings.listeners, getattr(strategy, "ended", None))
    advice = Advice(settings.strategy, of_service, settings.backoff, _plain_estimate, listeners)
    rules = settings.rules
    return (make or Scheduler)(
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
