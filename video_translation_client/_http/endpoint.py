"""Where one client asks: a service, with all that it leaves open settled. It sends nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import Any, Mapping, Sequence
from urllib.parse import quote, urlsplit

import requests

from .. import services
from .._base import arguments
from ..services._definition import DEFAULT, Batch, Service
from ..services._templates import fill
from ..status import Status, StatusReport
from .sessions import sends_by_request

# Octets of a path; no server takes as many.
_LONGEST_PATH = 65_536

# Octets of the ids in one path, so that every server on the way takes it (RFC 9110, 4.1).
_MOST_OCTETS = 6000

# One part of a host's name, which is what most variables are.
_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"

# URLs of one result, as many as a job may have languages.
_MOST_RESULTS = 1000


@dataclass(frozen=True)
class Endpoint:
    """The URLs and headers of a service for one client.

    Attributes:
        service: The service.
        base_url: What paths are appended to; it may hold credentials.
        values: Those of the service's variables.
        api_key: The key, or None.
        batch: How several jobs are asked for at once, or None if they are not to be.
    """

    service: Service
    base_url: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    api_key: str | None = field(repr=False)
    batch: Batch | None

    def headers(self) -> dict[str, str]:
        """Returns the headers of every request."""
        headers = {"Accept": "application/json"}
        for name, template in self.service.headers:
            headers[name] = fill(template, self.values)
        if self.api_key is not None:
            prefix = self.service.authentication_prefix
            headers[self.service.authentication_header] = prefix + self.api_key
        return headers

    def check_job_id(self, job_id: str | None) -> None:
        """Refuses a job id that can't be asked for.

        Raises:
            ValueError: The service has no job without a name, or its URL gets too long.
        """
        if job_id is None and self.service.unnamed_path is None:
            raise ValueError(
                f"job_id must be given: service {self.service.name!r} has no job without a name"
            )
        if len(self.path_of(job_id)) > _LONGEST_PATH:
            raise ValueError(
                f"job_id must fit into a URL: {str(job_id)[:40]!r}... makes one of"
                f" more than {_LONGEST_PATH} characters"
            )

    def path_of(self, job_id: str | None) -> str:
        """Returns what asks for one job; its id stays one percent-encoded segment."""
        if job_id is None:
            return fill(str(self.service.unnamed_path), self.values)
        return fill(self.service.path, {**self.values, "job_id": quote(job_id, safe="")})

    def together(self, job_ids: Sequence[str | None]) -> int:
        """Returns how many of ``job_ids``, from the first on, one request can ask for.

        Ids with a comma, or none at all, are asked for one at a time.
        """
        if self.batch is None:
            return 1
        different: set[str] = set()
        octets = 0
        for number, job_id in enumerate(job_ids):
            if job_id is None or ("," in job_id and "{job_ids}" in self.batch.path):
                return max(1, number)
            if job_id not in different:
                different.add(job_id)
                octets += len(quote(job_id, safe="")) + 1
            if len(different) > self.batch.limit or octets > _MOST_OCTETS:
                return max(1, number)
        return len(job_ids)

    def batch_path_of(self, batch: Batch, job_ids: Sequence[str], cursor: str | None) -> str:
        """Returns what asks for several jobs, or for the page of the answer that follows."""
        ids = ",".join(quote(job_id, safe="") for job_id in dict.fromkeys(job_ids))
        path = fill(batch.path, {**self.values, "job_ids": ids})
        if cursor is None:
            return path
        return f"{path}{'&' if '?' in path else '?'}{batch.cursor}={quote(cursor, safe='')}"

    def with_result(self, report: StatusReport, job_id: str | None) -> StatusReport:
        """Returns a report with the URLs of its result, where the service has them apart."""
        if self.service.result_url is None:
            return report
        if report.status is not Status.COMPLETED:
            return replace(report, result=None)
        public_url = _without_credentials(self.base_url)

        def url(result: str) -> str:
            names = {"job_id": quote(job_id or "", safe=""), "result": quote(result, safe="")}
            return public_url + fill(str(self.service.result_url), {**self.values, **names})

        if self.service.result is None:
            return replace(report, result=url(""))
        if not isinstance(report.result, list):
            known = isinstance(report.result, (str, int))
            return replace(report, result=url(str(report.result)) if known else None)
        found = [one for one in report.result[:_MOST_RESULTS] if isinstance(one, (str, int))]
        return replace(report, result=[url(str(one)) for one in found] or None)


def resolve(
    service: Service | str | None,
    base_url: str | None,
    api_key: str | None,
    variables: Mapping[str, Any],
    batch: bool | None,
    session: requests.Session | None,
) -> Endpoint:
    """Returns where to ask, from what a user gave and from the environment.

    Args:
        service: A service, the name of a preset, or None for the default one.
        base_url: Where it stands; None: as the service says.
        api_key: The key; None: as the environment says.
        variables: Values of the service's variables.
        batch: Whether to ask for several jobs at once; None: if the service is not the default.
        session: That of the user, which may bring credentials of its own.

    Raises:
        TypeError, ValueError: Something is missing, wrong or contradicts something else.
    """
    chosen = _service_of(service)
    names = [name for name, _ in chosen.variables]
    for name in variables:
        if name not in names:
            raise TypeError(
                f"VideoTranslationClient got an unexpected keyword argument {name!r}"
                + (f"; service {chosen.name!r} has {', '.join(names)}" if names else "")
            )
    if base_url is not None:
        base_url = arguments.base_url(base_url)
        _check_contradictions(chosen, base_url, variables)
    elif chosen.base_url is None:
        raise ValueError(
            "base_url must be given, such as 'http://127.0.0.1:5000', or service, such as 'heygen'"
            if service is None
            else f"base_url must be given: service {chosen.name!r} does not say where it stands"
        )
    values = _values_of(chosen, variables, None if base_url else chosen.base_url)
    url = base_url or arguments.base_url(fill(str(chosen.base_url), values))
    key = _key_of(chosen, arguments.api_key("api_key", api_key), url, session)
    return Endpoint(chosen, url, values, key, _batch_of(chosen, batch))


def _service_of(service: Service | str | None) -> Service:
    if service is None:
        return DEFAULT
    if isinstance(service, str):
        return services.find(service)
    return arguments.instance("service", service, Service)


def _batch_of(service: Service, batch: bool | None) -> Batch | None:
    if batch is not None and not isinstance(batch, bool):
        raise TypeError(f"batch must be True, False or None, not {batch!r}")
    if batch and service.batch is None:
        raise ValueError(f"batch must not be True: service {service.name!r} has no such request")
    wanted = service is not DEFAULT if batch is None else batch
    return service.batch if wanted else None


def _key_of(
    service: Service, given: str | None, url: str, session: requests.Session | None
) -> str | None:
    in_url = "@" in urlsplit(url).netloc
    if given is not None and in_url:
        raise ValueError("api_key and credentials in base_url contradict each other; give one")
    if given is not None or in_url or _authenticates(session, service):
        return given
    # What a session's own class adds can't be seen.
    return _key_from_environment(service, session is None or not sends_by_request(session))


def _authenticates(session: requests.Session | None, service: Service) -> bool:
    """Says whether a session brings what would otherwise be the key."""
    if session is None:
        return False
    return bool(session.auth) or service.authentication_header in session.headers


def _key_from_environment(service: Service, needed: bool) -> str | None:
    variable = service.authentication_variable
    if variable is None or not (needed or variable in os.environ):
        return None
    if variable not in os.environ:
        raise ValueError(
            f"service {service.name!r} needs an API key: set the environment variable {variable},"
            " or give api_key="
        )
    return arguments.api_key(f"the environment variable {variable}", os.environ[variable])


def _values_of(service: Service, given: Mapping[str, Any], base_url: str | None) -> dict[str, str]:
    """Returns the values of the variables that are needed, as they are without a base URL."""
    batch_path = "" if service.batch is None else service.batch.path
    paths = [service.path, service.unnamed_path or "", service.result_url or "", batch_path]
    templates = [base_url or "", *paths, *(template for _, template in service.headers)]
    needed = {name for template in templates for name in _names_in(template)}
    return {
        name: _value_of(service, name, variable, given.get(name))
        for name, variable in service.variables
        if name in needed
    }


def _value_of(service: Service, name: str, variable: str, given: Any) -> str:
    value = os.environ.get(variable) if given is None else given
    if value is None:
        raise ValueError(
            f"service {service.name!r} needs {name}: give {name}=, or set the environment"
            f" variable {variable}"
        )
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", value):
        origin = f"the environment variable {variable}" if given is None else name
        raise ValueError(f"{origin} must be letters, digits, '-', '_' and '.', and is not")
    return value


def _check_contradictions(service: Service, base_url: str, given: Mapping[str, Any]) -> None:
    """Refuses a base URL that is another one than the service's own, at a known host."""
    own = service is not DEFAULT and service.name not in services.NAMES
    for other in [service, *(() if own else services.known())]:
        if other.base_url is None:
            continue
        host = urlsplit(base_url).hostname or ""
        if not re.fullmatch(_pattern(str(urlsplit(other.base_url).hostname)), host, re.IGNORECASE):
            continue
        if service is DEFAULT:
            raise ValueError(
                f"service must be given for this base_url, which is that of {other.name}:"
                f" service={other.name!r}"
            )
        if other.name != service.name:
            raise ValueError(
                f"service={service.name!r} and base_url contradict each other: {host} is that of"
                f" {other.name}"
            )
        if not re.fullmatch(
            _pattern(other.base_url), _without_credentials(base_url), re.IGNORECASE
        ):
            raise ValueError(
                f"service={service.name!r} and base_url contradict each other: it stands at"
                f" {other.base_url}; leave base_url out"
            )
    unused = [name for name in given if name in _names_in(service.base_url or "")]
    if unused:
        raise ValueError(f"{unused[0]} and base_url contradict each other; give one of them")


def _without_credentials(url: str) -> str:
    return re.sub("//.*@", "//", url)


def _pattern(template: str) -> str:
    return "".join(
        re.escape(text) + ("" if name is None else r"[\w-]+")
        for text, name, _, _ in Formatter().parse(template)
    )


def _names_in(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
