"""What a history learns from ends and records, and how it is read: in memory, without a file."""

import math
import pickle
import sys
import threading
from fractions import Fraction

import pytest

from video_translation_client import Ended, Status
from video_translation_client.timing import DurationHistory

pytestmark = pytest.mark.one_python


def ended(status=Status.COMPLETED, **facts):
    """The end of a wait for a job of HeyGen's."""
    return Ended("job", "heygen", status, attempts=3, elapsed=100.0, **facts)


def learned(end):
    """What a fresh history has learned from an end."""
    history = DurationHistory()
    history.observe(end)
    return facts(history, "heygen")


def facts(history, service="default"):
    """What is known of a service, but for when the jobs began."""
    return [one[:-1] for one in history.observations(service)]


def test_a_record_is_a_job_that_took_exactly_so_long():
    """Its two bounds are the same."""
    history = DurationHistory()
    history.record(300, service="heygen", group="fast", expected=200, completed=False)
    assert facts(history, "heygen") == [(300.0, 300.0, False, 200.0, "fast")]
    assert facts(history) == []
    history.record(0.0)
    assert facts(history) == [(0.0, 0.0, True, None, None)]


@pytest.mark.parametrize(("status", "completed"), [("completed", True), ("error", False)])
def test_an_end_lies_between_the_last_pending_answer_and_the_first_that_told_it(status, completed):
    """Failed or completed; the poll's moment is not taken for the end."""
    end = ended(Status(status), pending_until=80.0, ended_by=100.0)
    assert learned(end) == [(80.0, 100.0, completed, None, None)]


def test_the_age_at_the_submit_counts():
    """What is learned is counted from the job's start."""
    end = ended(age=40.0, pending_until=80.0, ended_by=100.0)
    assert learned(end) == [(120.0, 140.0, True, None, None)]


def test_hints_are_kept_with_what_is_learned():
    """They are what it is told apart and scaled by."""
    end = ended(pending_until=80.0, ended_by=100.0, expected=60.0, group="heygen/fast/de")
    assert learned(end) == [(80.0, 100.0, True, 60.0, "heygen/fast/de")]


def test_observations_are_in_the_order_in_which_jobs_began():
    """Of jobs that start together the short ones end first, which is no change of the service."""
    history = DurationHistory()
    for began, age in ((1000.0, 0.0), (1500.0, None), (2000.0, 1800.0)):
        history.observe(ended(pending_until=1.0, ended_by=2.0, submitted_at=began, age=age))
    assert [one.began for one in history.observations("heygen")] == [200.0, 1000.0, 1500.0]


@pytest.mark.parametrize("status", ["timeout", "cancelled", "abandoned"])
def test_a_wait_given_up_teaches_that_the_job_lasted_longer(status):
    """When it ended is not known."""
    end = ended(Status(status), age=5.0, pending_until=80.0)
    assert learned(end) == [(85.0, math.inf, None, None, None)]


def test_a_job_found_ended_at_once_teaches_nothing_unless_its_age_was_told():
    """It may have ended at any time before, but not before its start."""
    assert learned(ended(ended_by=0.2)) == []
    assert learned(ended(ended_by=0.5, age=40.0)) == [(0.0, 40.5, True, None, None)]


@pytest.mark.parametrize(
    "end",
    [
        ended(Status.TIMEOUT),
        ended(Status.TIMEOUT, age=40.0),
        ended(Status.CANCELLED, age=40.0),
        ended(Status.REJECTED, pending_until=80.0),
        ended(pending_until=100.0, ended_by=80.0),
        ended(pending_until=-1.0, ended_by=80.0),
        ended(pending_until=math.nan, ended_by=80.0),
        ended(Status.TIMEOUT, pending_until=math.inf),
    ],
)
def test_some_ends_teach_nothing(end):
    """No answer came, or the service did not know the job, or the clock makes no sense."""
    assert learned(end) == []


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf, 10**400])
def test_a_duration_that_cannot_be_is_refused(seconds):
    """With the argument and what would be right."""
    with pytest.raises(ValueError, match="seconds must be a number, 0 or more, not"):
        DurationHistory().record(seconds)


@pytest.mark.parametrize("seconds", ["5", None, True, 5j, [5]])
def test_a_duration_that_is_no_number_is_refused(seconds):
    """A bool is none, though Python counts with it."""
    with pytest.raises(TypeError, match="seconds must be a number, 0 or more, not"):
        DurationHistory().record(seconds)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"expected": 0}, ValueError, "expected must be a number above 0"),
        ({"expected": "9"}, TypeError, "expected must be a number above 0"),
        ({"group": ""}, ValueError, "group must not be empty"),
        ({"group": 5}, TypeError, "group must be a str, not 5"),
        ({"group": "\ud800"}, ValueError, "group must be valid Unicode"),
        ({"service": ""}, ValueError, "service must not be empty"),
        ({"service": None}, TypeError, "service must be a str, not None"),
        ({"completed": None}, TypeError, "completed must be True or False, not None"),
        ({"completed": 1}, TypeError, "completed must be True or False, not 1"),
    ],
)
def test_a_bad_record_is_refused(arguments, error, text):
    """Nothing is learned from it."""
    history = DurationHistory()
    with pytest.raises(error, match=text):
        history.record(5, **arguments)
    assert history.observations("default") == ()


def test_what_is_no_end_is_refused():
    """Such as a status, or an end that somebody has made up."""
    history = DurationHistory()
    with pytest.raises(TypeError, match=r"end must be a video_translation_client\.Ended, not str"):
        history.observe("completed")
    with pytest.raises(ValueError, match="group must not be empty"):
        history.observe(ended(pending_until=1.0, group=""))


@pytest.mark.parametrize("keep", [0, -1, 1.5, None, True, "9"])
def test_a_history_keeps_at_least_one(keep):
    """A whole number."""
    with pytest.raises((TypeError, ValueError), match="keep must be a whole number, 1 or more"):
        DurationHistory(keep=keep)


def test_numbers_of_other_kinds_become_floats():
    """They are what is calculated with."""
    history = DurationHistory()
    history.record(Fraction(3, 2), expected=Fraction(1, 2))
    observation = history.observations("default")[0]
    assert observation[:-1] == (1.5, 1.5, True, 0.5, None)
    assert type(observation.low) is type(observation.expected) is float


def test_the_oldest_of_a_group_go_first():
    """Each group of each service keeps its own, in the order in which all came."""
    history = DurationHistory(keep=3)
    history.record(1000, group="rare")
    for seconds in range(100):
        history.record(seconds, group="fast")
        history.record(seconds, service="heygen", group="fast")
        history.record(seconds + 0.5)
        assert len(history.observations("heygen")) == min(seconds + 1, 3)
    expected = [(1000, "rare"), (97, "fast"), (97.5, None), (98, "fast"), (98.5, None)]
    expected += [(99, "fast"), (99.5, None)]
    assert [(one.low, one.group) for one in history.observations("default")] == expected
    assert [one.low for one in history.observations("heygen")] == [97, 98, 99]


def test_what_was_read_does_not_change():
    """It is the same object until something new is learned of the service, as its version says."""
    history = DurationHistory()
    assert history.version("default") == 0
    history.record(1)
    before, version = history.observations("default"), history.version("default")
    assert history.observations("default") is before
    history.record(2, service="heygen")
    assert history.observations("default") is before
    assert history.version("default") == version
    history.record(2)
    assert [one.low for one in before] == [1]
    assert [one.low for one in history.observations("default")] == [1, 2]
    assert history.version("default") != version


def test_threads_share_a_history():
    """Nothing is lost, each thread's own come in order, and readers see whole ones meanwhile."""
    history, threads, each = DurationHistory(keep=10_000), 8, 1000
    over = threading.Event()
    wrong = []

    def write(number):
        for count in range(each):
            history.record(number * each + count)

    def read():
        seen, version = 0, 0
        while not over.is_set():
            now = history.version("default")
            observations = history.observations("default")
            if len(observations) < seen or now < version:
                wrong.append((seen, len(observations), version, now))
            seen, version = len(observations), now

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        reader = threading.Thread(target=read)
        writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
        for thread in [reader, *writers]:
            thread.start()
        for thread in writers:
            thread.join()
        over.set()
        reader.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    lows = [one.low for one in history.observations("default")]
    assert sorted(lows) == list(range(threads * each))
    for number in range(threads):
        own = [low for low in lows if low // each == number]
        assert own == sorted(own)


def test_it_refuses_to_be_pickled():
    """Each process makes its own, of the same file if they are to share it."""
    with pytest.raises(TypeError, match="can't be pickled: make one in each process"):
        pickle.dumps(DurationHistory())


def test_it_shows_how_much_it_knows():
    """Of which services."""
    history = DurationHistory()
    assert repr(history) == "<DurationHistory in memory: nothing yet>"
    history.record(1)
    history.record(2)
    history.record(2, service="heygen")
    assert repr(history) == "<DurationHistory in memory: 2 of default, 1 of heygen>"
