"""Whatever happens in whatever order, every wait ends once, as the service said, and in time.

Hypothesis makes up the stories: jobs whose answers fail in all ways, callbacks that meddle,
clients that are shut down or dropped. Each step ends when nothing more can happen without
time passing, and then everything that must hold is looked at. By default the stories are the
same in every run; ``--hypothesis-seed=random`` or any number tells others.
"""

import collections
import contextlib
import io
import threading

import pytest
import requests
from conftest import PATIENCE
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from video_translation_client import PollError, RejectedError, VideoTranslationClient
from video_translation_client._scheduling.workers import THREAD_NAME
from video_translation_client.testing import Fault, MockServer, VirtualClock

FAR = 1e9
"""Seconds after which every wait has ended that ends at all."""

TICK = 1e-6
"""Seconds that sums of seconds may be wrong by, as floats."""

ELSEWHERE = "elsewhere"
"""Where redirects lead: a job that is always pending."""


def _told(word, headers=()):
    return Fault.http(200, headers, body=f'{{"result": "{word}"}}'.encode())


_PENDING = _told("pending")

ANSWERS = [
    _PENDING,
    _PENDING,
    _told("completed"),
    _told("error"),
    _told("pending", {"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}),
    _told("pending", {"Retry-After": "3"}),
    Fault.http(429),
    Fault.http(429, {"Retry-After": "2"}),
    Fault.http(429, {"Retry-After": "20"}),
    Fault.http(503),
    Fault.http(503, {"Retry-After": "1000000"}),
    Fault.http(500),
    Fault.http(404),
    Fault.drop_midway(),
    Fault.not_json(),
    Fault.unknown_status(),
    Fault.slow(0.5),
    Fault.slow(4.5),
    Fault.slow(700),
    Fault.redirect(f"/status/{ELSEWHERE}"),
]

Asked = collections.namedtuple("Asked", ["time", "fault"])
"""One request as the service saw it; its fault is None where it got the ordinary answer."""


class Wire(BaseAdapter):
    """A service without a socket: it answers as the scripts of the machine's jobs say."""

    def __init__(self, machine):
        super().__init__()
        self._machine = machine
        self._lock = threading.Lock()
        self._builder = HTTPAdapter()

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        """Answers one request, or fails as a network does."""
        job_id, clock = request.url.rpartition("/")[2], self._machine.clock
        if job_id == ELSEWHERE:
            return self._answer(request, _PENDING)
        job = self._machine.jobs[job_id]
        with self._lock:
            fault = dict(enumerate(job.answers)).get(len(job.asked))
            job.asked.append(Asked(clock.monotonic(), fault))
        if fault is not None and fault.kind == "drop midway":
            raise requests.ConnectionError("dropped")
        if fault is not None and fault.kind == "slow":
            clock.sleep(min(fault.seconds, timeout), lambda: False)
            if fault.seconds > timeout:
                raise requests.ReadTimeout("too slow")
        if fault is None or fault.kind == "slow":
            fault = _told(job.tail)
        return self._answer(request, fault)

    def _answer(self, request, fault):
        response = HTTPResponse(
            io.BytesIO(fault.body), dict(fault.headers), fault.code, preload_content=False
        )
        return self._builder.build_response(request, response)

    def close(self):
        """Holds nothing open."""


class Job:
    """What the machine knows of one job: what it was told to do, and what was seen of it."""

    def __init__(self, job_id, client, limits, answers, tail, actions):
        self.job_id = job_id
        self.client = client
        self.attempts, self.wait_time, self.patience = limits
        self.answers = answers
        self.tail = tail if tail != "pending" or any(limits[:2]) else "completed"
        self.actions = actions
        self.asked = []
        self.future = None
        self.submitted = threading.Event()
        self.updates = []
        self.later_updates = []
        self.ends = []
        self.cancels = 0
        # What callbacks see can't fail the test from where they run, so it is counted.
        self.told_late = 0
        self.lies = 0
        self.attempts_at_end = None

    def word(self, fault):
        """What an answer says of the job, a code that refuses it, or None for a failed poll."""
        if fault is None or fault.kind == "slow":
            return self.tail if fault is None or fault.seconds < self.patience else None
        if fault.code == 404:
            return "rejected"
        if fault.code == 302:
            return "pending"
        words = [word for word in ("pending", "completed", "error") if word in str(fault.body)]
        return words[0] if words else None

    def answered(self, asked):
        """When a request had its answer, or failed."""
        slow = asked.fault is not None and asked.fault.kind == "slow"
        return asked.time + (min(asked.fault.seconds, self.patience) if slow else 0)


def _limits():
    return st.tuples(
        st.sampled_from([8, None, 3, 1]),
        st.sampled_from([60, 600, None, 5]),
        st.sampled_from([3, 1000]),
    )


def _actions():
    """What the callbacks of a job do: by the number of the call, the last one when it is done."""
    what = ["nothing", "raise", "exit", "submit", "cancel", "cancel other", "poll", "shut down"]
    return st.lists(st.sampled_from([*what[:1] * 2, *what]), min_size=4, max_size=4)


class Waits(RuleBasedStateMachine):
    """Clients, jobs and a virtual clock that only the steps move; on no socket."""

    def __init__(self):
        super().__init__()
        self.before = set(threading.enumerate())
        self.clock = VirtualClock()
        self.jobs = {}
        self.numbers = iter(range(1000000))
        self.client = None
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(self.clock.paused())
        self.start()

    def start(self):
        """Makes what the clients speak to."""
        self.session = self.stack.enter_context(requests.Session())
        self.session.trust_env = False
        self.session.mount("http://", Wire(self))
        self.url = "http://service.test"

    def script(self, job):
        """Tells the service what a job does; here it reads that from the job itself."""

    def look(self):
        """Brings up to date what the service was asked; here it always is."""

    @initialize(limits=_limits(), count=st.sampled_from([1, 2, 4]), rate=st.sampled_from([None, 1]))
    def new_client(self, limits, count, rate):
        """Makes the client that jobs are submitted to from now on."""
        self.limits = limits
        self.client = VideoTranslationClient(
            self.url,
            *limits[:2],
            request_timeout=limits[2],
            strategy=lambda moment: min(30.0, 2.0 ** (moment.attempt - 1)),
            max_concurrency=count,
            max_rate=rate,
            session=self.session,
            clock=self.clock,
        )

    def wait_for(self, answers, tail, actions, is_late=False):
        """Submits a job, whose callbacks do what they are told."""
        job = Job(f"job-{next(self.numbers)}", self.client, self.limits, answers, tail, actions)
        self.script(job)
        self.jobs[job.job_id] = job

        def on_update(status):
            job.updates.append(status)
            assert job.submitted.wait(PATIENCE)
            is_due = job.wait_time is not None and job.future.elapsed >= job.wait_time - TICK
            job.told_late += job.future.done() and not (job.cancels or is_due)
            self.act(job, job.actions[:-1][len(job.updates) - 1 : len(job.updates)])

        def on_done(future):
            job.ends.append((future, self.clock.monotonic()))
            self.act(job, job.actions[-1:])

        try:
            job.future = job.client.submit(job.job_id, on_update)
        except RuntimeError:  # a callback has shut the client down
            del self.jobs[job.job_id]
            return
        job.future.add_done_callback(on_done)
        if is_late:
            job.future.add_update_callback(lambda future: job.later_updates.append(future.status))
        job.submitted.set()

    def act(self, job, actions):
        """Does in a callback what it was told."""
        for action in actions:
            if action == "raise":
                raise ValueError("a callback that fails")
            if action == "exit":
                raise SystemExit("a callback that wants to leave")
            if action == "submit":
                self.wait_for([], "completed", [])
            elif action == "cancel":
                self.cancel_job(job)
            elif action == "cancel other":
                self.cancel_job(next(iter(self.jobs.values())))
            elif action == "poll":
                job.future.poll_now()
            elif action == "shut down":
                job.client.shutdown(wait=True)

    @staticmethod
    def cancel_job(job):
        """Cancels a job's future and sees to it that what is returned is true."""
        if job.submitted.is_set():
            job.cancels += 1
            job.lies += job.future.cancel() != job.future.cancelled()

    def pick(self, number):
        """Any of the jobs so far."""
        return list(self.jobs.values())[number % len(self.jobs)]

    @rule(
        count=st.integers(1, 3),
        answers=st.lists(st.sampled_from(ANSWERS), max_size=5),
        tail=st.sampled_from(["completed", "error", "pending"]),
        actions=_actions(),
        is_late=st.booleans(),
    )
    def submit(self, count, answers, tail, actions, is_late):
        """Jobs of any kind."""
        for _ in range(count):
            self.wait_for(answers, tail, actions, is_late)

    @rule(count=st.integers(2, 8), answer=st.sampled_from(ANSWERS))
    def submit_many(self, count, answer):
        """Jobs that have all the same to tell first."""
        for _ in range(count):
            self.wait_for([answer], "completed", [])

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 1000))
    def cancel(self, number):
        """Any future, done or not."""
        self.cancel_job(self.pick(number))

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 1000))
    def poll_now(self, number):
        """Any future, done or not."""
        self.pick(number).future.poll_now()

    @rule(seconds=st.sampled_from([0.25, 1, 1, 2, 5]))
    def pass_some_time(self, seconds):
        """A few seconds: the next poll of most jobs."""
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([60, 700, 100_000]))
    def pass_much_time(self, seconds):
        """The deadline of most jobs."""
        self.clock.advance(seconds)

    @rule(
        wait=st.booleans(),
        cancel_futures=st.booleans(),
        limits=_limits(),
        count=st.sampled_from([1, 3]),
    )
    def shut_down(self, wait, cancel_futures, limits, count):
        """And go on with a new client."""
        jobs = [job for job in self.jobs.values() if job.client is self.client]
        if cancel_futures:
            for job in jobs:
                job.cancels += 1
        self.end(self.client, wait, cancel_futures)
        if wait or cancel_futures:
            assert all(job.future.done() for job in jobs)
        self.new_client(limits, count, None)

    def end(self, client, wait, cancel_futures):
        """Shuts a client down while as much time passes as that takes."""
        thread = threading.Thread(
            target=client.shutdown, args=(wait,), kwargs={"cancel_futures": cancel_futures}
        )
        thread.start()
        if wait:
            self.clock.advance(FAR)
        thread.join(PATIENCE)
        assert not thread.is_alive(), "shutdown() does not return"

    @rule(limits=_limits())
    def drop(self, limits):
        """Forget the client, whose waits go on, and have another."""
        for job in self.jobs.values():
            if job.client is self.client and "shut down" not in job.actions:
                job.client = None
        self.new_client(limits, 2, None)

    @invariant()
    def all_is_as_it_must_be(self):
        """As far as it can be without time passing."""
        self.clock.advance(0)
        self.look()
        for job in self.jobs.values():
            self.check(job)

    def check(self, job):
        """What holds of every job at every moment."""
        future, asked = job.future, job.asked
        assert [ended for ended, _ in job.ends] == [future] * future.done()
        assert not future.running()
        assert (job.told_late, job.lies) == (0, 0)
        assert future.next_poll is None or (future.next_poll >= 0 and not future.done())
        assert job.attempts is None or future.attempts <= job.attempts
        assert job.wait_time is None or future.elapsed <= job.wait_time + TICK
        # A request that is aborted as it starts may not arrive, or only after the end.
        assert future.attempts - len(asked) in ((0, 1) if future.cancelled() else (0,))
        if future.done():
            if job.attempts_at_end is None:
                job.attempts_at_end = future.attempts
            assert future.attempts == job.attempts_at_end, "it was asked for after the end"
        self.check_words(job)

    def check_words(self, job):
        """What the future says is what the service said."""
        future = job.future
        end = job.ends[0][1] if job.ends else self.clock.monotonic()
        words = [job.word(asked.fault) for asked in job.asked if job.answered(asked) <= end]
        told = [word for word in words if word in ("pending", "completed", "error")]
        # What came at the very moment of the end may or may not have come before it.
        is_close = future.done() and any(job.answered(asked) == end for asked in job.asked)
        possible = [told, told[:-1]] if is_close else [told]
        assert job.updates in possible
        assert job.later_updates in [
            updates[-len(job.later_updates) or len(updates) :] for updates in possible
        ]
        if future.cancelled():
            assert job.cancels
            assert set(words[:-1]) <= {"pending", None}
        elif not future.done():
            assert set(words) <= {"pending", None}
        elif future.exception() is not None:
            assert isinstance(future.exception(), RejectedError)
            assert words[-1] == "rejected"
        elif future.result() != "timeout":
            assert words[-1] == future.result() == future.report.status
        else:
            assert set(words[: -1 if is_close else None]) <= {"pending", None}
            self.check_timeout(job)
        if not is_close:
            # A wait that was never answered says why, also if no poll of it has failed.
            silent = job.ends and not words and not future.cancelled()
            assert (future.last_error is None) == (None not in words and not silent)
            assert isinstance(future.last_error, (PollError, type(None)))

    def check_timeout(self, job):
        """A wait that ends as timeout has reached a limit, or was told to wait beyond it."""
        future = job.future
        assert (
            future.attempts == job.attempts
            or future.elapsed >= 0.9 * job.wait_time - TICK
            or "Retry-After" in future.reason
        )

    def teardown(self):
        """Let all the time pass that there is: no wait is left, and no thread."""
        try:
            self.all_is_as_it_must_be()
            if self.client is not None:
                self.client.shutdown(wait=False)
            self.clock.advance(FAR)
            for job in self.jobs.values():
                assert job.future.done(), f"{job.job_id} was forgotten"
            self.all_is_as_it_must_be()
            self.client = None
            for job in self.jobs.values():
                job.client = None
            for thread in set(threading.enumerate()) - self.before:
                if thread.name.startswith(THREAD_NAME):
                    thread.join(PATIENCE)
                    assert not thread.is_alive(), thread
        finally:
            self.stack.close()


class WaitsOverSockets(Waits):
    """The same against the mock server, where requests can be aborted."""

    def start(self):
        """Starts the server."""
        self.session = None
        self.server = self.stack.enter_context(MockServer(duration=FAR * 10, clock=self.clock))
        self.url = self.server.url

    def script(self, job):
        """Tells the server what the job does."""
        self.server.job(
            job.job_id,
            duration=FAR * 10 if job.tail == "pending" else 0,
            outcome=None if job.tail == "pending" else job.tail,
            faults=dict(enumerate(job.answers, 1)),
        )

    def look(self):
        """Reads from the server what it was asked for each job."""
        for job in self.jobs.values():
            job.asked = []
        for request in self.server.requests:
            if request.polls and request.job_ids != (ELSEWHERE,):
                asked = Asked(request.time, request.fault)
                self.jobs[request.polls[0].job_id].asked.append(asked)


def tell_stories(machine, request, examples):
    """Runs a machine; fails with the shortest story in which something did not hold."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=request.config.getoption("--hypothesis-seed", None) is None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.one_python
def test_whatever_happens_every_wait_ends_once_as_the_service_said_and_in_time(request):
    """No job is forgotten, none is asked after its end, and no thread is left."""
    tell_stories(Waits, request, examples=80)


def test_it_is_so_over_sockets_as_well(request):
    """With requests that are aborted where they hang."""
    tell_stories(WaitsOverSockets, request, examples=15)
