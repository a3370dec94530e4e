"""What holds for one client: the user's value before the service's before the environment's.

All of it is settled here, once, when a client is made. Nothing is sent, and nothing is started.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence
from urllib.parse import urlsplit

import requests

from . import _contradictions, services
from ._base import arguments
from ._base.arguments import ArgumentError, ArgumentWarning, BadTypeError, BadValueError
from ._http.endpoint import Endpoint, without_credentials
from ._http.sessions import sends_by_request
from ._scheduling.decision import Rules
from .clock import Clock
from .events import Listener
from .services._definition import Batch, Service
from .services._templates import names_in, pattern_of
from .strategy import ExponentialBackoff, FixedInterval, Strategy

# The client's defaults of what a service may have its own of.
MAX_ATTEMPTS = arguments.DefaultCount(services.MAX_ATTEMPTS)
MAX_WAIT_TIME = arguments.DefaultNumber(services.MAX_WAIT_TIME)
INITIAL_WAIT_TIME = arguments.DefaultNumber(ExponentialBackoff.initial_wait_time)
BACKOFF_FACTOR = arguments.DefaultNumber(ExponentialBackoff.backoff_factor)
JITTER = arguments.DefaultNumber(ExponentialBackoff.jitter)
MAX_INTERVAL = arguments.DefaultNumber(ExponentialBackoff.max_interval)

_DAY = 24 * 60 * 60.0
_MOST_WORKERS = 1000

# One part of a host's name, which is what most variables are.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"


class Limits(NamedTuple):
    """What ends a wait, and the most requests a second; None is no such limit.

    ``grows`` says that nobody has chosen the time, so that a job may be expected to take longer.
    """

    max_attempts: int | None
    max_wait_time: float | None
    max_rate: float | None
    grows: bool = False


class Bounds(NamedTuple):
    """What the requests of one client may take."""

    max_concurrency: int
    request_timeout: float
    max_payload: int


class Settings(NamedTuple):
    """What one client goes by, checked."""

    endpoint: Endpoint
    strategy: Strategy | None
    of_service: Strategy | None
    backoff: ExponentialBackoff
    limits: Limits
    min_interval: float
    bounds: Bounds
    listeners: tuple[Listener, ...]
    clock: Clock
    random: Callable[[], float]

    @property
    def rules(self) -> Rules:
        """What ends a wait."""
        service, (attempts, seconds, *_) = self.endpoint.service, self.limits
        delays = (service.missing_delay, service.result_delay)
        return Rules(service.name, attempts, seconds, *delays, self.min_interval)

    @property
    def waits(self) -> ExponentialBackoff | FixedInterval | None:
        """How long waits are, where that is known before the first; None: it is not."""
        waits = next(w for w in (self.strategy, self.of_service, self.backoff) if w is not None)
        return waits if isinstance(waits, (ExponentialBackoff, FixedInterval)) else None


def settle(
    endpoint: Endpoint,
    strategy: Strategy | None,
    backoff: ExponentialBackoff,
    limits: Limits,
    min_interval: float | None,
    bounds: Bounds,
    on_event: Listener | Sequence[Listener],
    clock: Clock | None,
    random: Callable[[], float],
    depth: int = 0,
) -> Settings:
    """Returns what holds, from what a user gave and what the service recommends.

    All is given as the client takes it. Limits that contradict each other are warned of, at the
    line of the caller's caller, or ``depth`` calls further out.

    Raises:
        TypeError, ValueError: A bad argument, named in the message.
    """
    service = endpoint.service
    # What the user gives of the backoff takes the place of the service's pace.
    own_waits = {name: w for name, w in vars(backoff).items() if not arguments.is_default(w)}
    of_service = None if own_waits else service.strategy
    settings = Settings(
        endpoint,
        None if strategy is None else arguments.strategy(strategy),
        None if of_service is None else arguments.strategy(of_service),
        backoff,
        _limits_of(service, limits),
        _min_interval_of(service, min_interval),
        _checked(bounds),
        _listeners_of(on_event),
        Clock() if clock is None else arguments.instance("clock", clock, Clock),
        arguments.callback("random", random),
    )
    # A limit left at its default contradicts nothing that the user has asked for.
    asked = not arguments.is_default(limits.max_wait_time)
    for contradiction in _contradictions_in(settings, own_waits, asked, min_interval):
        warnings.warn(contradiction, stacklevel=3 + depth)
    return settings


def _contradictions_in(
    settings: Settings,
    own_waits: Mapping[str, float],
    is_limit_own: bool,
    min_interval: float | None,
) -> Iterator[ArgumentWarning]:
    """Yields what can't be meant of what the user gave."""
    service, limits, strategy = settings.endpoint.service, settings.limits, settings.strategy
    yield from _contradictions.of_cap(settings.backoff)
    if min_interval is None:
        if isinstance(strategy, FixedInterval):
            own_waits = {"interval": strategy.interval}
        yield from _contradictions.of_pace(service, own_waits)
    seconds, least = limits.max_wait_time if is_limit_own else None, settings.min_interval
    yield from _contradictions.of_limits(settings.waits, least, limits.max_attempts, seconds)


def settle_endpoint(
    service: Service | str | None,
    base_url: str | None,
    api_key: str | None,
    variables: Mapping[str, Any],
    batch: bool | None,
    session: requests.Session | None,
) -> Endpoint:
    """Returns where to ask, from what a user gave and from the environment.

    All is given as the client takes it. The session may bring credentials of its own.

    Raises:
        TypeError, ValueError: Something is missing, wrong or contradicts something else.
    """
    if session is not None:
        arguments.instance("session", session, requests.Session)
        arguments.verification(session.verify)
    chosen = _service_of(service)
    known = [name for name, _ in chosen.variables if name != "api_key"]
    for name in variables:
        if name not in known:
            raise TypeError(
                f"VideoTranslationClient got an unexpected keyword argument {name!r}"
                + (f"; service {chosen.name!r} has {', '.join(known)}" if known else "")
            )
    template = _base_url_of(chosen, base_url)
    values = _values_of(chosen, {"api_key": api_key, **variables}, template, session)
    url = arguments.base_url(template.format_map(values))
    return Endpoint(chosen, url, values, _batch_of(chosen, batch))


def _limits_of(service: Service, given: Limits) -> Limits:
    attempts, seconds, rate, _ = given
    if arguments.is_default(attempts):
        attempts = service.max_attempts
    grows = arguments.is_default(seconds) and arguments.is_default(service.max_wait_time)
    if arguments.is_default(seconds):
        seconds = service.max_wait_time
    rate = service.max_rate if rate is None else rate
    return Limits(
        arguments.optional_count("max_attempts", attempts, none="no limit"),
        arguments.optional_number("max_wait_time", seconds, above=0, none="no limit"),
        arguments.optional_number("max_rate", rate, above=0, none="no limit"),
        grows,
    )


def _min_interval_of(service: Service, given: float | None) -> float:
    if given is None:
        return service.min_interval
    try:
        return arguments.number("min_interval", given, least=0)
    except ArgumentError as error:
        advice = "None means as the service says"
        raise type(error)(error.argument, error.problem, advice) from None


def _checked(bounds: Bounds) -> Bounds:
    concurrency, timeout, payload = bounds
    return Bounds(
        arguments.count("max_concurrency", concurrency, most=_MOST_WORKERS),
        arguments.number("request_timeout", timeout, above=0, most=_DAY),
        arguments.count("max_payload", payload, least=0),
    )


def _listeners_of(on_event: Any) -> tuple[Listener, ...]:
    if callable(on_event):
        return (on_event,)
    if not isinstance(on_event, Sequence):
        raise BadTypeError("on_event", f"must be callable, or a sequence of such, not {on_event!r}")
    return tuple(arguments.callback("on_event", listener) for listener in on_event)


def _service_of(service: Service | str | None) -> Service:
    if service is None:
        return services.default_service()
    if isinstance(service, str):
        return services.find(service)
    return arguments.instance("service", service, Service)


def _batch_of(service: Service, batch: bool | None) -> Batch | None:
    if batch is not None and not isinstance(batch, bool):
        raise BadTypeError("batch", f"must be True, False or None, not {batch!r}")
    if batch and service.batch is None:
        problem = f"must not be True: service {service.name!r} has no such request"
        raise BadValueError("batch", problem)
    wanted = service is not services.default_service() if batch is None else batch
    return service.batch if wanted else None


def _base_url_of(service: Service, given: str | None) -> str:
    """Returns the template of where a service stands; what a user gave stands for itself."""
    if given is not None:
        base_url = arguments.base_url(given, service.unnamed_path)
        _check_base_url(service, base_url)
        return base_url.replace("{", "{{").replace("}", "}}")
    if service.base_url is not None:
        return service.base_url
    raise BadValueError(
        "base_url",
        "must be given, such as 'http://127.0.0.1:5000', or service, such as 'heygen'"
        if service is services.default_service()
        else f"must be given: service {service.name!r} does not say where it stands",
    )


def _check_base_url(service: Service, base_url: str) -> None:
    """Refuses a base URL that is another one than the service's own, at a known host."""
    # One of a user's own may be another version of a known one.
    is_own = service is not services.default_service() and service.name not in services.NAMES
    presets = [] if is_own else services.known()
    host = urlsplit(base_url).hostname or ""
    owner = next((one for one in (service, *presets) if _stands_at(one, host)), None)
    if owner is None:
        return
    if service is services.default_service():
        problem = f"must be given, because {host} is that of {owner.name}"
        raise BadValueError("service", problem, f"pass service={owner.name!r}")
    if owner.name != service.name:
        problem = f"contradict each other: {host} is that of {owner.name}, not of {service.name}"
        raise BadValueError("service", problem, other="base_url")
    if not _fits(without_credentials(base_url), str(owner.base_url)):
        problem = f"contradict each other: {owner.name} stands at {owner.base_url}"
        raise BadValueError("service", problem, "leave base_url out", "base_url")


def _stands_at(service: Service, host: str) -> bool:
    return bool(service.base_url) and _fits(host, str(urlsplit(service.base_url).hostname))


def _fits(text: str, template: str) -> bool:
    return re.fullmatch(pattern_of(template), text, re.IGNORECASE) is not None


def _values_of(
    service: Service, given: Mapping[str, Any], base_url: str, session: requests.Session | None
) -> dict[str, str]:
    """Returns the values of all names that are needed with this template of a base URL."""
    batch_path = "" if service.batch is None else service.batch.path
    paths = (service.path, service.unnamed_path or "", service.result_url or "", batch_path)
    templates = (base_url, *paths, *(template for _, template in service.headers))
    needed = {name for template in templates for name in names_in(template)}
    in_url = "@" in urlsplit(base_url).netloc
    for name in [name for name, value in given.items() if value is not None]:
        if in_url and name in service.secrets:
            other = "credentials in base_url"
            raise BadValueError(name, "contradict each other", "give one of them", other)
        if name in needed:
            continue
        if name in names_in(service.base_url or ""):
            raise BadValueError(name, "contradict each other", "give one of them", "base_url")
        problem = f"must not be given: service {service.name!r} has no place for it"
        raise BadValueError(name, problem)
    values = {}
    for name, variable in {"api_key": "", **dict(service.variables)}.items():
        value = given.get(name)
        left_out = (
            name in service.secrets
            and value is None
            and (in_url or _is_dispensable(service, name, variable, session))
        )
        if name in needed and not left_out:
            values[name] = _value_of(service, name, variable, value)
    return values


def _is_dispensable(
    service: Service, name: str, variable: str, session: requests.Session | None
) -> bool:
    """Says whether a secret that was not given is not wanted, or has something in its place."""
    if not variable:
        return True
    if session is None:
        return False
    headers = [header for header, template in service.headers if name in names_in(template)]
    return (
        bool(session.auth)
        or all(header in session.headers for header in headers)
        # What a session's own class adds can't be seen.
        or (sends_by_request(session) and variable not in os.environ)
    )


def _value_of(service: Service, name: str, variable: str, given: Any) -> str:
    value = os.environ.get(variable) if given is None else given
    origin = f"the environment variable {variable}" if given is None else name
    if value is None:
        problem = f"is needed by service {service.name!r}"
        advice = f"pass {name}=, or set the environment variable {variable}"
        raise BadValueError(name, problem, advice, variable=variable)
    if name in service.secrets:
        return str(arguments.api_key(origin, value))
    if not isinstance(value, str):
        raise BadTypeError(name, f"must be a str, not {type(value).__name__}")
    if not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", value):
        raise BadValueError(origin, "must be letters, digits, '-', '_' and '.', and is not")
    return value
