"""Whatever happens in whatever order, every wait ends once, as the service said, and in time.

Hypothesis makes up the stories: jobs whose answers fail in all ways, callbacks that meddle,
clients that ask for many jobs in one request or for each by itself, and that are shut down or
dropped. Each step ends when nothing more can happen without
time passing, and then everything that must hold is looked at. By default the stories are the
same in every run; ``--hypothesis-seed=random`` or any number tells others.
"""

import collections
import contextlib
import io
import json
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

LEFT_OUT = Fault.slow(0)
"""The ordinary answer; where the service has no socket, one for many jobs leaves the job out."""

ENDS = ("completed", "error")

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
    LEFT_OUT,
    LEFT_OUT,
    Fault.slow(0.5),
    Fault.slow(4.5),
    Fault.slow(700),
    Fault.redirect(f"/status/{ELSEWHERE}"),
]

Asked = collections.namedtuple("Asked", ["time", "fault", "word", "many"])
"""One request as the service saw it, for one of the jobs in it.

Its fault is None where it got the ordinary answer, in which the word stands for the job, if any.
"""


def _word_of(fault):
    """The word in an answer for one job that says nothing else, or None."""
    if b'"result"' not in fault.body or not dict(fault.headers).keys() <= {"Content-Type"}:
        return None
    return json.loads(fault.body)["result"]


class Wire(BaseAdapter):
    """A service without a socket: it answers as the scripts of the machine's jobs say."""

    def __init__(self, machine):
        super().__init__()
        self._machine = machine
        self._lock = threading.Lock()
        self._builder = HTTPAdapter()

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        """Answers one request, or fails as a network does."""
        path, _, query = request.url.partition("?ids=")
        job_ids = query.split(",") if query else [path.rpartition("/")[2]]
        if job_ids == [ELSEWHERE]:
            return self._answer(request, _PENDING)
        jobs, clock = [self._machine.jobs[job_id] for job_id in job_ids], self._machine.clock
        with self._lock:
            fault, words = self._script(jobs, bool(query))
            for job, word in zip(jobs, words):
                job.asked.append(Asked(clock.monotonic(), fault, word, bool(query)))
        if fault is not None and fault.kind == "drop midway":
            raise requests.ConnectionError("dropped")
        if fault is not None and fault.kind == "slow":
            clock.sleep(min(fault.seconds, timeout), lambda: False)
            if fault.seconds > timeout:
                raise requests.ReadTimeout("too slow")
        if fault is not None and fault.kind != "slow":
            return self._answer(request, fault)
        told = {job.job_id: word for job, word in zip(jobs, words) if word is not None}
        payload = {"results": told} if query else {"result": words[0]}
        return self._answer(request, Fault.http(200, body=json.dumps(payload).encode()))

    def _script(self, jobs, many):
        """What befalls a request, and the words of the ordinary answer."""
        faults = [dict(enumerate(job.answers)).get(len(job.asked)) for job in jobs]
        words = [job.tail for job in jobs]
        if not many:
            return faults[0], words
        # What a job has to tell goes into its place; all else befalls the others, too.
        for number, fault in enumerate(faults):
            if fault is LEFT_OUT:
                words[number] = faults[number] = None
            elif fault is not None and _word_of(fault) is not None:
                words[number], faults[number] = _word_of(fault), None
        return next((fault for fault in faults if fault is not None), None), words

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
        self.is_told = threading.Event()
        self.cancels = 0
        self.asked_at_cancel = None
        # What callbacks see can't fail the test from where they run, so it is counted.
        self.told_late = 0
        self.ends_told_late = 0
        self.lies = 0
        self.attempts_at_end = None
        self.facts = None  # what was seen of it when it was checked last

    def word(self, asked):
        """What an answer says of the job, a code that refuses it, or None for a failed poll.

        An answer for many may say nothing that makes sense of it, which is "missing".
        """
        fault = asked.fault
        if fault is None or fault.kind == "slow":
            if fault is not None and fault.seconds > self.patience:
                return None
            return asked.word if asked.word in ("pending", *ENDS) else "missing"
        if asked.many:
            return None
        if fault.code == 404:
            return "rejected"
        if fault.code == 302:
            return "pending"
        words = [word for word in ("pending", *ENDS) if word in str(fault.body)]
        return words[0] if words else None

    def answered(self, asked):
        """When a request had its answer, or failed."""
        slow = asked.fault is not None and asked.fault.kind == "slow"
        return asked.time + (min(asked.fault.seconds, self.patience) if slow else 0)


class Course:
    """What the requests for a job come to, one after the other, as README says.

    Attributes:
        told: The words that update callbacks hear.
        end: The end that an answer for many told last, of which more was to be read.
        final: What ends the wait: the word of an answer for this job alone, or "rejected".
        has_failed: Whether a poll failed in passing.
        attempts: How many of the requests cost one.
    """

    def __init__(self, job, requests_):
        self.told, self.end, self.final, self.has_failed, self.attempts = [], None, None, False, 0
        self._is_free = self._is_alone = False
        for asked in requests_:
            self._take(asked, job.word(asked))

    def _take(self, asked, word):
        assert self.final is None, "it was asked for after the end"
        assert not (asked.many and self._is_alone), "it was to be asked for by itself"
        self.attempts += not self._is_free
        self._is_free = asked.many and word in ENDS
        if word == "rejected":
            self.final = self.end or word
            self.has_failed |= self.end is not None
        elif word is None:
            self.has_failed = True
        elif self._is_free:
            self.end = word
        elif word != "missing":
            self.told.append(word)
            self.end, self.final = None, word if word in ENDS else None
        # Also where one of the jobs may be what is wrong with a request.
        unread = word == "missing" or (word is None and self._is_lasting(asked.fault))
        self._is_alone = self.end is not None or (asked.many and unread)

    @staticmethod
    def _is_lasting(fault):
        """Says whether an answer for many is whole, but not one for many."""
        return fault.code in (302, 404) or (fault.code == 200 and b'"result"' in fault.body)


def _answers():
    """The first answers for a job; often its end, of which more is to be read in vain."""
    answers = st.lists(st.sampled_from(ANSWERS), max_size=5)
    ends = st.sampled_from([_told(word) for word in ENDS])
    return st.one_of(answers, answers, st.builds(lambda end, rest: [end, *rest], ends, answers))


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

    requests_for_many = 0
    """How many there were in all stories."""

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

    @initialize(
        limits=_limits(),
        count=st.sampled_from([1, 2, 4]),
        rate=st.sampled_from([None, 1]),
        batch=st.booleans(),
    )
    def new_client(self, limits, count, rate, batch):
        """Makes the client that jobs are submitted to from now on."""
        self.limits = limits
        self.client = VideoTranslationClient(
            self.url,
            *limits[:2],
            request_timeout=limits[2],
            strategy=lambda moment: min(30.0, 2.0 ** (moment.attempt - 1)),
            max_concurrency=count,
            max_rate=rate,
            batch=batch,
            session=self.session,
            clock=self.clock,
        )

    def wait_for(self, answers, tail, actions, is_late=False, own=None):
        """Submits a job, whose callbacks do what they are told; it may have limits of its own."""
        limits = self.limits if own is None else (*own, self.limits[2])
        job = Job(f"job-{next(self.numbers)}", self.client, limits, answers, tail, actions)
        self.script(job)
        self.jobs[job.job_id] = job

        def on_update(status):
            job.updates.append(status)
            assert job.submitted.wait(PATIENCE)
            is_due = job.wait_time is not None and job.future.elapsed >= job.wait_time - TICK
            is_late = job.future.done() and not (job.cancels or is_due)
            job.told_late += is_late and status not in ENDS
            job.ends_told_late += is_late and status in ENDS
            self.act(job, job.actions[:-1][len(job.updates) - 1 : len(job.updates)])

        def on_done(future):
            job.ends.append((future, self.clock.monotonic()))
            try:
                self.act(job, job.actions[-1:])
            finally:
                job.is_told.set()

        try:
            named = {} if own is None else {"max_attempts": own[0], "max_wait_time": own[1]}
            job.future = job.client.submit(job.job_id, on_update, **named)
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
        answers=_answers(),
        tail=st.sampled_from(["completed", "error", "pending"]),
        actions=_actions(),
        is_late=st.booleans(),
        own=st.one_of(st.none(), st.none(), _limits().map(lambda limits: limits[:2])),
    )
    def submit(self, count, answers, tail, actions, is_late, own):
        """Jobs of any kind."""
        for _ in range(count):
            self.wait_for(answers, tail, actions, is_late, own)

    @rule(count=st.integers(2, 8), answer=st.sampled_from(ANSWERS))
    def submit_many(self, count, answer):
        """Jobs that have all the same to tell first."""
        for _ in range(count):
            self.wait_for([answer], "completed", [])

    @rule(end=st.sampled_from(ENDS), answer=st.sampled_from(ANSWERS))
    def submit_ends(self, end, answer):
        """Jobs that have ended, of which no more can be read for long."""
        for _ in range(2):
            self.wait_for([_told(end), *[answer] * 9], end, [])

    @rule(count=st.integers(2, 3), seconds=st.sampled_from([0.5, 4.5, 700]))
    def submit_and_cancel_one(self, count, seconds):
        """While it is asked for, perhaps together with the others."""
        for _ in range(count):
            self.wait_for([Fault.slow(seconds)], "completed", [])
        self.clock.advance(0)
        self.look()
        self.cancel(len(self.jobs) - 1)

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 1000))
    def cancel(self, number):
        """Any future, done or not; no request for its job is about to be sent."""
        job = self.pick(number)
        self.cancel_job(job)
        if job.asked_at_cancel is None:
            job.asked_at_cancel = len(job.asked)

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
        batch=st.booleans(),
    )
    def shut_down(self, wait, cancel_futures, limits, count, batch):
        """And go on with a new client."""
        jobs = [job for job in self.jobs.values() if job.client is self.client]
        if cancel_futures:
            for job in jobs:
                job.cancels += 1
        self.end(self.client, wait, cancel_futures)
        if wait or cancel_futures:
            assert all(job.future.done() for job in jobs)
        self.new_client(limits, count, None, batch)

    def end(self, client, wait, cancel_futures):
        """Shuts a client down while as much time passes as that takes."""
        thread = threading.Thread(
            target=client.shutdown, args=(wait,), kwargs={"cancel_futures": cancel_futures}
        )
        thread.start()
        if cancel_futures:  # of which the clock knows nothing, as they are not the library's doing
            for job in self.jobs.values():
                assert job.client is not client or job.is_told.wait(PATIENCE)
        if wait:
            self.clock.advance(FAR)
        thread.join(PATIENCE)
        assert not thread.is_alive(), "shutdown() does not return"

    @rule(limits=_limits(), batch=st.booleans())
    def drop(self, limits, batch):
        """Forget the client, whose waits go on, and have another."""
        for job in self.jobs.values():
            if job.client is self.client and "shut down" not in job.actions:
                job.client = None
        self.new_client(limits, 2, None, batch)

    @invariant()
    def all_is_as_it_must_be(self):
        """As far as it can be without time passing."""
        self.clock.advance(0)
        self.look()
        for job in self.jobs.values():
            facts = (job.future.attempts, len(job.asked), len(job.updates), len(job.ends))
            if job.facts != facts or not job.future.done():
                self.check(job)
                job.facts = facts

    def check(self, job):
        """What holds of every job at every moment."""
        future, asked = job.future, job.asked
        assert [ended for ended, _ in job.ends] == [future] * future.done()
        assert not future.running()
        assert (job.told_late, job.lies) == (0, 0)
        # A pause that outlasts a wait ends it as its deadline does.
        assert not job.ends_told_late or self.has_paused()
        assert future.next_poll is None or (future.next_poll >= 0 and not future.done())
        assert job.attempts is None or future.attempts <= job.attempts
        assert job.wait_time is None or future.elapsed <= job.wait_time + TICK
        # A request that is aborted as it starts may not arrive, or only after the end.
        unseen = future.attempts - Course(job, asked).attempts
        assert unseen in ((0, 1) if future.cancelled() else (0,))
        assert job.asked_at_cancel in (None, len(asked)), "it was asked for after the cancel"
        if future.done():
            if job.attempts_at_end is None:
                job.attempts_at_end = future.attempts
            assert future.attempts == job.attempts_at_end, "it was asked for after the end"
        self.check_words(job)

    def check_words(self, job):
        """What the future says is what the service said."""
        future = job.future
        end = job.ends[0][1] if job.ends else self.clock.monotonic()
        answered = [asked for asked in job.asked if job.answered(asked) <= end]
        # What came at the very moment of a cancel or the deadline may have come too late.
        is_close = self.is_cut_off(job) and any(job.answered(asked) == end for asked in answered)
        courses = [Course(job, answered)] + [Course(job, answered[:-1])] * is_close
        possible = [updates for course in courses for updates in self.updates_of(job, course)]
        assert job.updates in possible
        assert job.later_updates in [
            updates[-len(job.later_updates) or len(updates) :] for updates in possible
        ]
        assert any(self.is_end(job, course) for course in courses), vars(courses[0])
        if not is_close:
            # A wait that was never answered says why, also if no poll of it has failed.
            silent = self.result(job) == "timeout" and not courses[0].told
            assert (future.last_error is None) == (not courses[0].has_failed and not silent)
            assert isinstance(future.last_error, (PollError, type(None)))

    @staticmethod
    def result(job):
        """What the wait has come to, in a word; None while it goes on."""
        if not job.future.done():
            return None
        if job.future.cancelled():
            return "cancelled"
        if job.future.exception() is not None:
            assert isinstance(job.future.exception(), RejectedError)
            return "rejected"
        return job.future.result()

    def is_cut_off(self, job):
        """Says whether a wait ended by a cancel, or may have by its deadline."""
        is_due = job.wait_time is not None and job.future.elapsed >= job.wait_time - TICK
        return job.future.cancelled() or (job.future.done() and is_due)

    def updates_of(self, job, course):
        """What update callbacks may have heard, one after the other."""
        result = self.result(job)
        if course.end is None or result not in ("cancelled", *ENDS):
            return [course.told]
        # The end that an answer for many told, of which no more was to be read; they may cancel.
        with_end = [*course.told, course.end]
        return [with_end] if result in ENDS else [course.told, with_end]

    def is_end(self, job, course):
        """Says whether the wait stands as it must after what its requests have come to."""
        result = self.result(job)
        if result == "cancelled":
            return job.cancels > 0
        if result in (None, "rejected"):
            return course.final == result
        if result in ENDS and job.future.report.status != result:
            return False
        if course.final is not None:
            return course.final == result
        return result == (course.end or "timeout") and self.is_at_limit(job)

    def is_at_limit(self, job):
        """Says whether a wait has reached a limit, or was told to wait beyond it."""
        future = job.future
        return (
            future.attempts == job.attempts
            or (job.wait_time is not None and future.elapsed >= 0.9 * job.wait_time - TICK)
            or "Retry-After" in (future.reason or "")
            or (future.result() in ENDS and self.has_paused())
        )

    def has_paused(self):
        """Says whether the service has asked for a pause, of any job."""
        faults = [asked.fault for job in list(self.jobs.values()) for asked in job.asked]
        headers = [name for fault in faults if fault is not None for name, _ in fault.headers]
        return bool({"Retry-After", "RateLimit-Reset"}.intersection(headers))

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
            for job in self.jobs.values():
                type(self).requests_for_many += sum(asked.many for asked in job.asked)
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
            for poll in request.polls:
                if poll.job_id != ELSEWHERE:
                    asked = Asked(request.time, request.fault, poll.status, bool(request.query))
                    self.jobs[poll.job_id].asked.append(asked)


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
    assert machine.requests_for_many, "no jobs were asked for together"


@pytest.mark.one_python
def test_whatever_happens_every_wait_ends_once_as_the_service_said_and_in_time(request):
    """No job is forgotten, none is asked after its end, and no thread is left."""
    tell_stories(Waits, request, examples=80)


def test_it_is_so_over_sockets_as_well(request):
    """With requests that are aborted where they hang."""
    tell_stories(WaitsOverSockets, request, examples=15)
