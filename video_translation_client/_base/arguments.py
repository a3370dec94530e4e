"""Checks of what a caller passes in: refused at once, with what would be right.

Each function returns the checked value or raises a ``BadTypeError`` or ``BadValueError``, which
are a TypeError and a ValueError. No message repeats a credential.
"""

from __future__ import annotations

import contextlib
import inspect
import ipaddress
import math
import numbers
import os
import re
from pathlib import Path
from typing import Any, Mapping, TypeVar
from urllib.parse import urlsplit

Kind = TypeVar("Kind")

_URL = "'http://127.0.0.1:5000'"


class ArgumentError(Exception):
    """What is wrong with an argument, in parts, so that anybody can tell it in their own words.

    ``str(error)`` puts them together for who writes programs: ``argument and other problem;
    advice``. The command line takes the problem alone, and names things as it does itself.

    Attributes:
        argument: Its name.
        problem: What follows the name in a sentence: ``"must be callable, not 5"``.
        advice: What to write in a program instead, or None.
        other: A second argument of which the same is said, or None.
        variable: The environment variable that may stand for the argument, or None.
    """

    def __init__(
        self,
        argument: str,
        problem: str,
        advice: str | None = None,
        other: str | None = None,
        variable: str | None = None,
    ) -> None:
        super().__init__(argument, problem, advice, other, variable)
        self.argument = argument
        self.problem = problem
        self.advice = advice
        self.other = other
        self.variable = variable

    def __str__(self) -> str:
        names = self.argument if self.other is None else f"{self.argument} and {self.other}"
        text = f"{names} {self.problem}"
        return text if self.advice is None else f"{text}; {self.advice}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class BadValueError(ArgumentError, ValueError):
    """An argument has a value that makes no sense, or contradicts another one, or is missing."""


class BadTypeError(ArgumentError, TypeError):
    """An argument is of a wrong type."""


class ArgumentWarning(ArgumentError, UserWarning):  # noqa: N818 - a warning is no error
    """Arguments can't all be meant as they are, though each makes sense."""


class DefaultCount(int):
    """A default, told apart from the same number given by a user."""


class DefaultNumber(float):
    """A default, told apart from the same number given by a user."""


def is_default(value: Any) -> bool:
    """Says whether a user gave no number of their own."""
    return isinstance(value, (DefaultCount, DefaultNumber))


def file_path(name: str, path: object, advice: str | None = None) -> str:
    """Returns ``path`` as an absolute path, of a file that need not be there."""
    try:
        text = os.fsdecode(path)  # type: ignore[arg-type] # which is what is tried
    except TypeError:
        raise BadTypeError(name, f"must be a path, not {path!r}", advice) from None
    if not text or "\0" in text or Path(text).is_dir():
        raise BadValueError(name, f"must be the path of a file, not {text!r}")
    return str(Path(text).absolute())


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> float:
    """Returns ``value`` as a finite float above ``above``, and from ``least`` to ``most``."""
    # What is not looked for among the abstract classes takes a tenth of the time.
    if isinstance(value, bool) or not isinstance(value, (float, int, numbers.Real)):
        raise BadTypeError(name, f"must be {_range(above, least, most)}, not {value!r}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if (
        not math.isfinite(result)
        or (above is not None and result <= above)
        or (least is not None and result < least)
        or (most is not None and result > most)
    ):
        raise BadValueError(name, f"must be {_range(above, least, most)}, not {value!r}")
    return result


def _range(above: float | None, least: float | None, most: float | None) -> str:
    wanted = f"a number above {above:g}" if above is not None else f"a number, {least:g} or more"
    return wanted if most is None else f"{wanted} and at most {most:g}"


def optional_number(name: str, value: Any, *, above: float, none: str) -> float | None:
    """Returns ``value`` as ``number`` does, or None, which means ``none``."""
    try:
        return None if value is None else number(name, value, above=above)
    except ArgumentError as error:
        raise type(error)(error.argument, error.problem, f"None means {none}") from None


def count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Returns ``value`` as an int from ``least`` to ``most``."""
    bounds = f", {least} or more" if most is None else f" from {least} to {most}"
    wanted = f"a whole number{bounds}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise BadTypeError(name, f"must be {wanted}, not {value!r}")
    result = int(value)
    if result < least or (most is not None and result > most):
        raise BadValueError(name, f"must be {wanted}, not {value!r}")
    return result


def optional_count(name: str, value: Any, *, none: str) -> int | None:
    """Returns ``value`` as ``count`` does, or None, which means ``none``."""
    try:
        return None if value is None else count(name, value)
    except ArgumentError as error:
        raise type(error)(error.argument, error.problem, f"None means {none}") from None


def callback(name: str, value: Any) -> Any:
    """Returns ``value`` if it can be called."""
    if not callable(value):
        raise BadTypeError(name, f"must be callable, not {value!r}")
    return value


def strategy(value: Any) -> Any:
    """Returns ``value`` if it can be called with one argument."""
    callback("strategy", value)
    with contextlib.suppress(ValueError):  # of some that are written in C nothing is known
        try:
            inspect.signature(value).bind(None)
        except TypeError:
            problem = "must take one argument, a Moment"
            raise BadTypeError("strategy", problem, "see help(Moment)") from None
    if isinstance(value, type):
        raise BadTypeError("strategy", f"must be an object, {value.__name__}(...), not a class")
    return value


def word(name: str, value: Any) -> str:
    """Returns ``value`` if it is text that can be kept and compared: not empty, valid Unicode."""
    if not isinstance(value, str):
        raise BadTypeError(name, f"must be a str, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValueError(name, f"must be valid Unicode, not {value!r}") from None
    if not value:
        raise BadValueError(name, "must not be empty")
    return value


def instance(name: str, value: Any, kind: type[Kind]) -> Kind:
    """Returns ``value`` if it is a ``kind``."""
    if not isinstance(value, kind):
        # The value itself may hold a secret.
        given, package = type(value).__name__, kind.__module__.partition(".")[0]
        raise BadTypeError(name, f"must be a {package}.{kind.__name__}, not {given}")
    return value


def mapping(name: str, value: Any) -> Mapping[Any, Any]:
    """Returns ``value`` if it maps something."""
    if not isinstance(value, Mapping):
        raise BadTypeError(name, f"must be a mapping, not {value!r}")
    return value


def verification(value: Any) -> Any:
    """Returns ``value`` if it says whether and how certificates are verified."""
    # requests would take anything that is false for False, such as a variable that is not set.
    if value is not False and not value:
        raise BadValueError(
            "session.verify",
            "must be True, the path of a CA bundle, or False to do without verification, not"
            f" {value!r}",
        )
    return value


def job_id(value: Any) -> str | None:
    """Returns ``value`` if it can be one segment of a URL's path, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        advice = "a callback is passed as on_update=" if callable(value) else None
        raise BadTypeError("job_id", f"must be a str or None, not {value!r}", advice)
    if value in ("", ".", ".."):
        problem = f"must not be {value!r}: it can't be a segment of a URL's path"
        raise BadValueError("job_id", problem)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValueError("job_id", f"must be valid Unicode, not {value!r}") from None
    return value


def api_key(name: str, value: Any) -> str:
    """Returns ``value`` if it can stand in a header; never shows it."""
    if not isinstance(value, str):
        raise BadTypeError(name, f"must be a str or None, not {type(value).__name__}")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise BadValueError(
            name,
            "must be one or more visible ASCII characters; it is empty or holds a space, a line"
            " end or a non-ASCII character",
        )
    return value


def base_url(value: Any, appended: str | None = None) -> str:
    """Returns ``value`` without its trailing slash if it is a URL that paths can follow.

    It is refused where it ends in what is ``appended`` to it.
    """
    if not isinstance(value, str):
        raise BadTypeError("base_url", f"must be a str such as {_URL}, not {type(value).__name__}")
    shown = re.sub(".*@", "***@", value, flags=re.DOTALL)
    problem = _problem_of_url(value)
    if problem:
        raise BadValueError("base_url", f"must be a URL such as {_URL}, not {shown!r}: {problem}")
    url = value.rstrip("/")
    if appended and url.endswith(appended) and urlsplit(url).path:
        right = re.sub("//.*@", "//", url)[: -len(appended)]
        raise BadValueError("base_url", f"must be {right!r}: {appended} is appended to it")
    return url


def is_loopback(host: str) -> bool:
    """Says whether an address or name is surely reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _problem_of_url(value: str) -> str | None:
    if not value:
        return "it is empty"
    if re.search(r"[\s\x00-\x1f\x7f\\]", value):
        return "it holds white space, a control character or a backslash"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # whose words may repeat a part of a password
        return "its host or port is malformed"
    if parts.scheme not in ("http", "https") or not value.lower().startswith(f"{parts.scheme}://"):
        return "it must start with http:// or https://"
    if not parts.hostname:
        return "it names no host"
    if not all(0 < len(label) < 64 for label in parts.hostname.rstrip(".").split(".")):
        return "a part of its host's name is empty or longer than 63 characters"
    if "@" in parts.path or "@" in parts.query or "@" in parts.fragment:
        return "in a user name or password, / ? # @ must be percent-encoded, and @ in a path"
    if port == 0:
        return "port 0 can't be connected to"
    if "?" in value or "#" in value:
        return "it must not have a query or a fragment; paths are appended to it"
    return None
