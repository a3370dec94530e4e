"""What the library says in fields, in the words of the command line.

No sentence is taken apart here. What to do about it is said anew: the library's own advice is
for who writes a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._base import units
from .._base.arguments import ArgumentError, BadTypeError
from ..errors import JobNotFoundError, RejectedError
from .options import option, takes_none, takes_seconds

if TYPE_CHECKING:
    from ..events import Ended

# From how many seconds on a unit is used, its seconds, and its name.
_UNITS = (
    (3 * 86400.0, 86400.0, "days"),
    (3 * 3600.0, 3600.0, "h"),
    (100.0, 60.0, "min"),
    (0.0, 1.0, "s"),
)

# Arguments that are no options about pacing.
_NAMES = {
    "base_url": "URL",
    "job_id": "JOB_ID",
    "job_ids": "JOB_ID",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("service", "poll_cost", "age", "expected", "group", "interval", "timeout"),
            *("store", "account"),
        )
    },
    "path": "--learn",
}

_ADVICE_ON_CONTRADICTIONS = {
    ("max_attempts", "max_wait_time"): "--max-attempts none waits by time alone",
    ("expected", "max_wait_time"): "raise --max-wait-time",
    ("initial_wait_time", "max_interval"): "raise --max-interval as well",
    ("interval", "min_interval"): "a lower --min-interval asks so often all the same",
    ("initial_wait_time", "min_interval"): "a lower --min-interval asks so often all the same",
    ("max_interval", "min_interval"): "a lower --min-interval asks so often all the same",
}

_ADVICE_ON_CODES = {
    401: "check the key in the service's environment variable, or the credentials in URL",
    403: "check that the key, or the credentials in URL, may see this job",
}


def refused(error: Exception | str) -> str:
    """Returns what is wrong with an argument, which is named as on the command line."""
    if not isinstance(error, ArgumentError):
        return str(error)
    name = _name(error.argument)
    if error.variable is not None:
        name = f"the environment variable {error.variable}"
    if error.other is not None:
        advice = _ADVICE_ON_CONTRADICTIONS.get((error.argument, error.other))
        return _with_advice(f"{name} and {_name(error.other)} {error.problem}", advice)
    text = f"{name} {error.problem}"
    if isinstance(error, BadTypeError) and takes_seconds(error.argument):  # it was no number
        text = _with_advice(text, f"in seconds, or with a unit as in {units.EXAMPLES}")
    return _with_advice(text, "none means no limit" if takes_none(error.argument) else None)


def ended(end: Ended) -> str | None:
    """Returns why a wait ended; None: its job completed."""
    if end.limit is not None:
        return _ended_by_limit(end, end.limit)
    return end.reason and _with_advice(end.reason, _advice_on(end.error))


def likely(estimate: tuple[float, float, float]) -> tuple[str, str]:
    """Returns when a job is likely done, in short and with a range.

    Args:
        estimate: Seconds until one such job in ten is done, five, and nine; above 0 in the middle.
    """
    low, median, high = estimate
    size, unit = _unit_of(median)
    short = f"likely done in {max(1.0, median / size):.0f} {unit}"
    size, unit = _unit_of(high)
    return short, f"{short} ({low / size:.0f} to {high / size:.0f} {unit})"


def _unit_of(seconds: float) -> tuple[float, str]:
    return next((size, unit) for least, size, unit in _UNITS if seconds >= least)


def _ended_by_limit(end: Ended, limit: str) -> str:
    polls = "1 poll" if end.attempts == 1 else f"{end.attempts} polls"
    if end.report is None:
        so_far = f"no status was received in {polls} and {end.elapsed:.1f} s"
    else:
        so_far = f"still running after {polls} in {end.elapsed:.1f} s"
    if limit != "retry_after":
        return f"{so_far}; the limit {option(limit)} {end.limit_value:g} is reached"
    return (
        f"{so_far}; the service asks to wait another {end.pause:.0f} s, beyond"
        f" {option('max_wait_time')} {end.limit_value:g}"
    )


def _advice_on(error: BaseException | None) -> str | None:
    if isinstance(error, JobNotFoundError):
        return "check the JOB_ID and URL"
    code = error.status_code if isinstance(error, RejectedError) else None
    return None if code is None else _ADVICE_ON_CODES.get(code)


def _name(argument: str) -> str:
    return _NAMES.get(argument.partition("[")[0]) or option(argument)


def _with_advice(text: str, advice: str | None) -> str:
    return text if advice is None else f"{text}; {advice}"
