"""The threads of a client: tasks, bookkeeping and what becomes of them when something breaks."""

import collections
import sys
import threading
from functools import partial

import pytest
from conftest import PATIENCE

from video_translation_client import Clock
from video_translation_client._scheduling.plan import Plan
from video_translation_client._scheduling.threads import Threads


class Tasks(Plan):
    """A plan that is done once it was told so; it has no polls."""

    def __init__(self):
        self.applied = []
        self.failures = []
        self.done = False
        self.closed = threading.Event()

    def take_due(self, now):
        pass

    def next_poll(self, now):
        return None

    def next_moment(self, now, *, free):
        return now + PATIENCE

    def is_idle(self):
        return self.done

    def apply(self, decided, now):
        self.applied.append(decided)

    def take_follow_ups(self):
        return collections.deque()

    def fail(self, why, error):
        self.failures.append((why, error))

    def close(self):
        self.closed.set()

    def finish(self, subject, now):
        self.done = True


@pytest.fixture
def plan():
    """It does nothing by itself."""
    return Tasks()


@pytest.fixture
def threads(plan):
    """They have two workers, and are ended with the test."""
    threads = Threads(plan, 1, Clock())
    threads.start()
    yield threads
    threads.post(plan.finish, None)
    assert plan.closed.wait(PATIENCE)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_task_that_raises_takes_its_thread_from_no_other_task(plan, threads):
    """The next tasks run, and the threads end when all is done."""

    def broken():
        raise RuntimeError("a defect")

    for task in (broken, broken, broken, lambda: ["decided"]):
        threads.post(threads.add_task, task)
    threads.post(plan.finish, None)
    threads.join()
    assert plan.applied == [["decided"]]
    assert plan.failures == [("the client was shut down", None)]


def test_bookkeeping_is_done_in_the_order_in_which_it_was_posted(plan, threads):
    """Whichever thread takes the lock does all that is there."""
    done = []
    for number in range(100):
        threads.post(lambda subject, now: done.append(subject), number)
    threads.post(plan.finish, None)
    threads.join()
    assert done == list(range(100))


def test_of_several_dispatchers_that_are_started_at_once_one_stays(request):
    """Threads that submit first jobs may each start it; the plan is worked off once."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)  # so that they come between each other
    for _ in range(20):
        plan = Tasks()
        threads = Threads(plan, 1, Clock())
        starters = [threading.Thread(target=threads.start) for _ in range(8)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join(PATIENCE)
        threads.post(plan.finish, None)
        threads.join()
        assert len(plan.failures) == 1
