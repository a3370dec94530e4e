"""Which waits there are: how they come in, rest and are polled again, are nudged, and go."""

import pytest

from video_translation_client import Clock, StatusFuture
from video_translation_client._scheduling.decision import Again, Rules
from video_translation_client._scheduling.due import Due
from video_translation_client._scheduling.listeners import Listeners
from video_translation_client._scheduling.pace import Pace
from video_translation_client._scheduling.registry import Registry
from video_translation_client._scheduling.waits import AT_ONCE, Start, Wait
from video_translation_client.future import Owner

pytestmark = pytest.mark.one_python

RESTS = Start(rests=True)


class House:
    """A registry with what it works on, and the time."""

    def __init__(self):
        self.now = 0.0
        self.pace = Pace("acme", None, 10.0)
        self.due = Due(self.pace, None, 60.0)
        self.registry = Registry(self.due, self.pace, Listeners((), None))

    def wait(self, job_id="job-1", start=AT_ONCE, began=0.0, **rules):
        """Takes in a wait."""
        future = StatusFuture(job_id, Owner(), Clock())
        wait = Wait(future, Rules(**rules), began, start)
        self.registry.waits[future] = wait
        self.registry.adopt([wait], self.now)
        return wait

    def polled(self):
        """The waits that are polled now."""
        polls = iter(lambda: self.due.start_poll(self.now), None)
        return [wait for poll in polls for wait in poll.waits]

    def answered(self, wait, seconds, **again):
        """Has a poll end, and the next one come after some seconds."""
        self.due.end_poll(wait.poll)
        wait.poll = None
        self.registry.continue_with(wait, Again(seconds, seconds, **again), self.now)

    def moments(self, wait, until):
        """When a wait is polled, each answered at once, the next to come 10 s later."""
        moments = []
        while self.now < until:
            for one in self.polled():
                moments.append(self.now)
                self.answered(one, 10.0)
            self.now = min(until, self.due.next_moment(self.now, free=True))
            self.due.take(self.now)
        return moments


@pytest.fixture
def house():
    """An empty one."""
    return House()


def test_a_wait_that_was_begun_elsewhere_goes_on_with_its_next_poll(house):
    """Not with one at once."""
    wait = house.wait(start=Start(4.0))
    assert house.moments(wait, 20.0) == [4.0, 14.0]


def test_a_wait_whose_deadline_has_passed_has_time_for_one_poll(house):
    """And ends then, if that has not ended it."""
    house.now = 100.0
    wait = house.wait(start=Start(patience=5.0), max_wait_time=30.0)
    assert house.due.next_moment(house.now, free=False) == 105.0
    assert house.polled() == [wait]


def test_a_wait_whose_deadline_is_to_come_ends_then(house):
    """However soon that is."""
    house.now = 29.0
    house.wait(start=Start(patience=5.0), max_wait_time=30.0)
    assert house.due.next_moment(house.now, free=False) == 30.0


def test_a_wait_at_rest_is_not_polled_and_counts_for_no_pace(house):
    """But for its deadline, nothing of it is due."""
    house.wait(start=RESTS, max_wait_time=30.0)
    assert house.polled() == []
    assert house.pace.steady_rate == 0
    assert house.due.next_moment(0.0, free=True) == 30.0


def test_a_wait_at_rest_is_not_hurried(house):
    """Whoever asks for its job is."""
    wait = house.wait(start=RESTS)
    house.registry.poll_now(wait, 0.0)
    house.registry.nudge("job-1", 0.0)
    assert house.polled() == []


@pytest.mark.parametrize(("seconds", "moments"), [(0.0, [0.0, 10.0]), (5.0, [5.0, 15.0])])
def test_one_that_rested_is_polled_once_it_leads(house, seconds, moments):
    """At once, or when its job was to be asked for next."""
    wait = house.wait(start=RESTS)
    house.registry.lead((wait, seconds), 0.0)
    house.registry.lead((wait, seconds), 0.0)  # no more than once
    assert house.pace.steady_rate > 0
    assert house.moments(wait, 20.0) == moments


def test_one_that_is_polled_rests_at_once_if_it_waits(house):
    """And counts no more; to say so twice changes nothing."""
    wait = house.wait()
    house.answered(*house.polled(), 10.0)
    house.registry.rest(wait, 0.0)
    house.registry.rest(wait, 0.0)
    assert house.pace.steady_rate == 0
    assert house.moments(wait, 20.0) == []


def test_one_that_is_being_polled_rests_after_the_answer(house):
    """The answer is taken."""
    wait = house.wait()
    house.polled()
    house.registry.rest(wait, 0.0)
    house.answered(wait, 10.0)
    assert house.pace.steady_rate == 0
    assert house.moments(wait, 20.0) == []


def test_one_that_leads_again_while_it_is_being_polled_just_goes_on(house):
    """There are no two polls of it."""
    wait = house.wait()
    house.polled()
    house.registry.rest(wait, 0.0)
    house.registry.lead((wait, 0.0), 0.0)
    assert house.polled() == []
    house.answered(wait, 10.0)
    assert house.moments(wait, 20.0) == [10.0]


def test_what_is_not_known_yet_or_any_more_stays_as_it_is(house):
    """What was posted before the end comes too late."""
    wait = house.wait()
    house.registry.drop(wait.future)
    house.registry.rest(wait, 0.0)
    house.registry.poll_now(wait, 0.0)
    resting = house.wait(start=RESTS)
    house.registry.drop(resting.future)
    house.registry.lead((resting, 0.0), 0.0)
    assert house.polled() == []
    assert not house.registry.knows("job-1")


def test_a_job_is_known_as_long_as_one_wait_for_it_is(house):
    """Of several, each comes and goes by itself."""
    first, second = house.wait(), house.wait()
    house.registry.drop(first.future)
    assert house.registry.knows("job-1")
    house.registry.drop(second.future)
    assert not house.registry.knows("job-1")


def test_a_nudge_of_a_wait_that_is_ready_adds_nothing(house):
    """Its poll is about to start."""
    wait = house.wait()
    house.registry.nudge("job-1", 0.0)
    assert house.moments(wait, 15.0) == [0.0, 10.0]


def test_a_nudge_during_a_poll_that_is_followed_at_once_adds_nothing(house):
    """The poll that follows tells as much."""
    wait = house.wait()
    house.polled()
    house.registry.nudge("job-1", 0.0)
    wait.poll_again = True
    house.answered(wait, 10.0)
    assert house.moments(wait, 15.0) == [0.0, 10.0]


def test_min_interval_holds_between_a_poll_that_was_nudged_for_and_the_next(house):
    """The nudge itself is not bound to it."""
    wait = house.wait(min_interval=8.0)
    house.answered(*house.polled(), 10.0)
    house.now = 5.0
    house.registry.nudge("job-1", 5.0)
    assert house.moments(wait, 30.0) == [5.0, 13.0, 23.0]
