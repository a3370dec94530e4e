"""What is refused in a definition when it is made; each message names the field and the value."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any, Iterable

from .._base import arguments
from ._expressions import check_expression
from ._templates import check_template

if TYPE_CHECKING:
    from ._definition import Batch, Service, Words

_MOST_TOGETHER = 1000

# Each multiplies the time that a search for it takes, on Python before 3.9.
_MOST_STARS = 3

_HEADER = r"[\w!#$%&'*+.^`|~-]+"
_PRINTABLE = r"([\x21-\x7e][\x20-\x7e]*)?"
_VARIABLE = r"[A-Za-z_]\w*"
_PATH = r"/[\w.~!$&'()*+,;=:%/?@{}-]*"

# Names in templates that are filled in for each request, and so are no variables.
_TAKEN = ("job_id", "job_ids", "result")

_EXPRESSIONS = ("progress", "result", "error", "error_code", "failure", "failure_code")


def check_words(words: Words) -> dict[str, str]:
    """Returns what each listed word means, in small letters."""
    listed: dict[str, str] = {}
    for name, patterns in words.by_meaning():
        _check_patterns(name, patterns)
        for pattern in patterns:
            other = listed.setdefault(str(pattern).lower(), name)
            if other != name:
                raise ValueError(f"{name} must not hold {pattern!r}: {other} does already")
    if not (words.completed and words.error):
        raise ValueError("completed and error must each hold a word")
    return listed


def check_batch(batch: Batch) -> None:
    """Refuses a batch in which something makes no sense by itself."""
    _check_text("path", batch.path, _PATH, "the path of a URL, such as '/status?ids={job_ids}'")
    if arguments.count("limit", batch.limit, most=_MOST_TOGETHER) < 2:
        raise ValueError(f"limit must be from 2 to {_MOST_TOGETHER}, not 1")
    for name in ("jobs", "job_id", "status"):
        check_expression(name, getattr(batch, name))
    for name in ("progress", "next_cursor"):
        if getattr(batch, name) is not None:
            check_expression(name, getattr(batch, name))
    _check_text("cursor", batch.cursor, r"[\w.-]+", "the name of a query parameter")
    arguments.number("window", batch.window, least=0)


def check_service(service: Service) -> None:
    """Refuses a service in which something makes no sense."""
    _check_text("name", service.name, r"\S+", "a word")
    _check_variables(service)
    _check_urls(service)
    _check_headers(service)
    check_expression("status", service.status)
    for name in _EXPRESSIONS:
        if getattr(service, name) is not None:
            check_expression(name, getattr(service, name))
    check_choice("unknown_status", service.unknown_status, ("pending", "error", "invalid"))
    check_choice("method", service.method, ("GET", "POST"))
    for name in ("passing", "missing"):
        _check_patterns(name, getattr(service, name))
    _check_downloads(service)
    _check_numbers(service)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Refuses what is none of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be {', '.join(choices)}, not {value!r}")


def check_header(name: str, value: Any) -> None:
    """Refuses what is no header's name."""
    _check_text(name, value, _HEADER, "the name of a header")


def _check_downloads(service: Service) -> None:
    _check_pairs("downloads", service.downloads)
    for kind, expression in service.downloads:
        _check_text("a kind of downloads", kind, r"[\w-]+", "a word such as 'captions'")
        check_expression(f"the download {kind}", expression)
    kinds = [kind for kind, _ in service.downloads]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"downloads must name each kind once, not {kinds!r}")
    if not isinstance(service.result_gives_json, bool):
        value = service.result_gives_json
        raise TypeError(f"result_gives_json must be True or False, not {value!r}")
    if service.result_gives_json and "video" not in kinds:
        raise ValueError("downloads must name 'video' where result_gives_json is True")


def _check_variables(service: Service) -> None:
    _check_pairs("variables", service.variables)
    for name, variable in service.variables:
        _check_text("the name of a variable", name, _VARIABLE, "a word such as 'region'")
        wanted = "the name of an environment variable"
        _check_text(f"the variable of {name}", variable, r"\w+", wanted)
        if name in _TAKEN:
            raise ValueError(f"variables must not name {name!r}: it has a meaning of its own")
    _check_tuple("secret_variables", service.secret_variables)
    for name in service.secret_variables:
        if name not in dict(service.variables):
            raise ValueError(f"secret_variables must be names of variables, not {name!r}")


def _check_urls(service: Service) -> None:
    names = [name for name, _ in service.variables if name not in service.secrets]
    if service.base_url is not None:
        check_template("base_url", service.base_url, names)
        arguments.base_url(re.sub(r"\{\w+\}", "name", service.base_url))
    _check_text("path", service.path, _PATH, "the path of a URL, such as '/status/{job_id}'")
    check_template("path", service.path, [*names, "job_id"], required="job_id")
    for name, text, known in (
        ("unnamed_path", service.unnamed_path, names),
        ("result_url", service.result_url, [*names, "job_id", "result"]),
    ):
        if text is not None:
            _check_text(name, text, _PATH, "the path of a URL")
            check_template(name, text, known)
    if service.batch is not None:
        check_template("path of the batch", service.batch.path, [*names, "job_ids"])


def _check_headers(service: Service) -> None:
    names = [*dict.fromkeys(("api_key", *dict(service.variables)))]
    _check_pairs("headers", service.headers)
    for name, template in service.headers:
        _check_text("headers", name, _HEADER, "pairs of a header's name and a template")
        _check_text(f"the header {name}", template, _PRINTABLE, "printable ASCII")
        check_template(f"the header {name}", template, names)
    _check_tuple("pacing_headers", service.pacing_headers)
    for name in service.pacing_headers:
        _check_text("pacing_headers", name, _HEADER, "names of headers")


def _check_numbers(service: Service) -> None:
    for name in ("result_delay", "missing_delay", "min_interval"):
        arguments.number(name, getattr(service, name), least=0)
    arguments.number("progress_total", service.progress_total, above=0)
    if service.strategy is not None:
        arguments.callback("strategy", service.strategy)
    if service.max_attempts is not None:
        arguments.count("max_attempts", service.max_attempts)
    for name in ("max_wait_time", "max_rate"):
        arguments.optional_number(name, getattr(service, name), above=0, none="no limit")


def _check_text(name: str, value: Any, form: str, wanted: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {wanted}, not {value!r}")
    if not re.fullmatch(form, value, re.ASCII):
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _check_tuple(name: str, value: Any, of: str = "") -> None:
    if not isinstance(value, tuple):
        raise TypeError(f"{name} must be a tuple{of}, not {value!r}")


def _check_pairs(name: str, pairs: Any) -> None:
    _check_tuple(name, pairs, of=" of pairs")
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise TypeError(f"{name} must be a tuple of pairs, not {pairs!r}")


def _check_patterns(name: str, patterns: Any) -> None:
    _check_tuple(name, patterns, of=" of words and numbers")
    for pattern in patterns:
        if isinstance(pattern, bool) or not isinstance(pattern, (str, int)):
            raise TypeError(f"{name} must hold words and numbers, not {pattern!r}")
        if not str(pattern).strip():
            raise ValueError(f"{name} must not hold an empty word")
        if str(pattern).count("*") > _MOST_STARS:
            raise ValueError(f"{name} must hold no more than {_MOST_STARS} '*' in {pattern!r}")
        try:
            re.compile(fnmatch.translate(str(pattern)))
        except re.error as error:
            raise ValueError(f"{name} must hold patterns, not {pattern!r}: {error}") from None
