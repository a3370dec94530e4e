"""What scripted jobs do: durations, outcomes, faults, and what of these is left to chance.

Chance follows from a seed and a job's id alone. Nothing here knows requests or threads.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Mapping, NamedTuple, Tuple, Union, cast

from .._base import arguments
from .faults import QUICK_FAULTS, Fault
from .files import ResultFile, file_of

Duration = Union[float, Tuple[float, float]]

_MOST_SECONDS = 1e9

_OUTCOMES = (None, "completed", "error", "random")


@dataclass(frozen=True)
class Delivery:
    """One webhook that is sent for a job.

    Attributes:
        after: Seconds after the job's end. Less than 0 is before it: such a call tells of an end
            that has not come, at the job's first poll at the earliest.
        forged: Whether it is signed with another secret than the service's. Nobody sends it again
            where it is not taken.
    """

    after: float = 0.0
    forged: bool = False

    def __post_init__(self) -> None:
        arguments.number("after", self.after, least=-_MOST_SECONDS, most=_MOST_SECONDS)
        check_flag("forged", self.forged)


@dataclass(frozen=True)
class JobScript:
    """What one job does. None anywhere means: as the service's other jobs.

    Attributes:
        duration: Seconds from the first poll to the job's end (0 or more), or a pair (low,
            high) from which the seconds are drawn.
        outcome: How it ends: ``"completed"``, ``"error"`` or ``"random"``.
        error_rate: The chance from 0 to 1 that a random outcome is ``"error"`` (0.5 if not
            given). Given alone, it makes the outcome random.
        progress: Whether answers about this job tell its progress, from 0 to 1.
        faults: What goes wrong at which poll of this job, counted from 1.
        fault_rate: The chance from 0 to 1 that any other poll meets one of ``QUICK_FAULTS``.
        result_after: Seconds after the job's end (0 or more) during which it is completed, but
            its result is still null. It matters where the service's language has a result.
        result: The ``ResultFile`` that the URL of its result gives, or bytes for a plain one; None
            gives no such URL, or, in the language of a real service, one that leads nowhere.
        webhooks: What is sent for it, where the server has a URL to send that to: by default one
            ``Delivery``, at its end.
    """

    duration: Duration | None = None
    outcome: str | None = None
    error_rate: float | None = None
    progress: bool | None = None
    faults: Mapping[int, Fault] = field(default_factory=dict)
    fault_rate: float | None = None
    result_after: float = 0.0
    result: ResultFile | bytes | None = None
    webhooks: tuple[Delivery, ...] | None = None

    def __post_init__(self) -> None:
        if self.duration is not None:
            check_duration(self.duration)
        if self.outcome not in _OUTCOMES:
            raise ValueError(f"outcome must be one of {_OUTCOMES}, not {self.outcome!r}")
        for name, rate in (("error_rate", self.error_rate), ("fault_rate", self.fault_rate)):
            if rate is not None:
                check_rate(name, rate)
        if self.error_rate is not None and self.outcome in ("completed", "error"):
            raise ValueError(
                f"error_rate must not be given with outcome={self.outcome!r}, which leaves"
                f" nothing to chance; it is {self.error_rate!r}"
            )
        if self.progress is not None:
            check_flag("progress", self.progress)
        if not isinstance(self.faults, Mapping):
            raise TypeError(f"faults must map poll numbers to faults, not {self.faults!r}")
        for number, fault in self.faults.items():
            arguments.count("the poll number in faults", number)
            if not isinstance(fault, Fault):
                raise TypeError(f"faults must have a Fault for poll {number}, not {fault!r}")
        arguments.number("result_after", self.result_after, least=0)
        object.__setattr__(self, "result", file_of(self.result))
        if self.webhooks is not None:
            if not isinstance(self.webhooks, tuple):
                raise TypeError(f"webhooks must be a tuple of Delivery, not {self.webhooks!r}")
            for delivery in self.webhooks:
                arguments.instance("webhooks", delivery, Delivery)


@dataclass(frozen=True)
class JobPlan:
    """What is settled about one job: what its script left to chance is drawn.

    Attributes:
        job_id: The job.
        duration: Seconds from its first poll to its end.
        outcome: ``"completed"`` or ``"error"``.
        first_seen: When it was first polled, in the clock's seconds; None before.
    """

    job_id: str | None
    duration: float
    outcome: str
    first_seen: float | None

    @property
    def ends_at(self) -> float | None:
        """When the job ends, in the clock's seconds; None before its first poll."""
        return None if self.first_seen is None else self.first_seen + self.duration


@dataclass(frozen=True)
class Poll:
    """One job's part in a request.

    Attributes:
        job_id: The job.
        number: Which poll of this job it is, from 1.
        status: How the job stood: ``"pending"``, ``"completed"`` or ``"error"``.
        progress: How far it was, from 0 to 1, or None where its script is not to tell.
        fault: What the job's script had in store for this poll, or None.
    """

    job_id: str | None
    number: int
    status: str
    progress: float | None
    fault: Fault | None


class Standing(NamedTuple):
    """How a job stands when it is polled, for those who put it into words.

    Attributes:
        poll: The poll.
        share: How much of the job's duration has passed, from 0 to 1.
        has_result: Whether the job is completed and its result can be had.
        url_of: Returns the URL of a file of that, by its name; None where there is none.
    """

    poll: Poll
    share: float
    has_result: bool
    url_of: Callable[[str], str] | None = None


class Job:
    """What has become of one job; the service's lock protects it.

    Attributes:
        plan: What is settled about it.
    """

    def __init__(self, job_id: str | None, script: JobScript, seed: int) -> None:
        self._chance = f"{seed}/{job_id!a}"
        self._script = script
        self._polls = 0
        self._downloads = 0
        chance = random.Random(self._chance)
        low, high = _bounds(cast("Duration", script.duration))
        duration = low + (high - low) * chance.random()
        outcome = "error" if chance.random() < _chance_of_error(script) else "completed"
        self.plan = JobPlan(job_id, duration, outcome, first_seen=None)

    def poll(self, now: float) -> Standing:
        """Counts a poll at ``now`` and returns what it finds."""
        if self.plan.first_seen is None:
            self.plan = replace(self.plan, first_seen=now)
        self._polls += 1
        plan, left = self.plan, cast("float", self.plan.ends_at) - now
        share = 1.0 if left <= 0 else max(0.0, 1.0 - left / plan.duration)
        progress = share if self._script.progress else None
        status = plan.outcome if left <= 0 else "pending"
        poll = Poll(plan.job_id, self._polls, status, progress, self._fault(self._polls))
        has_result = status == "completed" and left + self._script.result_after <= 0
        return Standing(poll, share, has_result)

    def result_at(self, now: float) -> ResultFile | None:
        """Returns what the URL of its result gives at ``now``; None: there is no result, or URL."""
        ends_at = self.plan.ends_at
        if ends_at is None or now < ends_at + self._script.result_after:
            return None
        return file_of(self._script.result) if self.plan.outcome == "completed" else None

    def deliveries(self) -> list[tuple[float, Delivery]]:
        """Returns its webhooks, once it has begun, each with when it is to be sent."""
        ends_at = cast("float", self.plan.ends_at)
        return [(ends_at + one.after, one) for one in self._script.webhooks or ()]

    def begin_download(self) -> bool:
        """Counts a download of its result; says whether it is to be cut off."""
        self._downloads += 1
        return self._downloads <= cast("ResultFile", self._script.result).cut_off

    def _fault(self, number: int) -> Fault | None:
        if number in self._script.faults:
            return self._script.faults[number]
        if not self._script.fault_rate:
            return None
        chance = random.Random(f"{self._chance}/{number}")
        return chance.choice(QUICK_FAULTS) if chance.random() < self._script.fault_rate else None


def merge(usual: JobScript, script: JobScript) -> JobScript:
    """Returns ``script`` with what it leaves open as in ``usual``."""
    given = {name: value for name, value in vars(script).items() if value is not None}
    if "outcome" in given or "error_rate" in given:
        # The two belong together: a script that gives one of them gives up the usual other.
        given = {"outcome": None, "error_rate": None, **given}
    return replace(usual, **given)


def _chance_of_error(script: JobScript) -> float:
    if script.outcome == "error":
        return 1.0
    if script.error_rate is not None:
        return script.error_rate
    return 0.5 if script.outcome == "random" else 0.0


def _bounds(duration: Duration) -> tuple[float, float]:
    return duration if isinstance(duration, tuple) else (duration, duration)


def check_duration(duration: Duration) -> None:
    """Refuses what is neither seconds nor a pair of them."""
    if isinstance(duration, tuple) and len(duration) != 2:
        raise ValueError(f"duration must be seconds or a pair (low, high), not {duration!r}")
    for seconds in _bounds(duration):
        arguments.number("duration", seconds, least=0)
    if _bounds(duration)[0] > _bounds(duration)[1]:
        raise ValueError(f"duration must be a pair (low, high) in this order, not {duration!r}")


def check_rate(name: str, value: Any) -> None:
    """Refuses what is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number from 0 to 1, not {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Refuses what is no bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
