"""Finalizers, the garbage collector and signal handlers may call anything at any moment.

They run in the middle of whatever a thread just does, the library's own code included, so that
any lock which that code holds and they want hangs the thread for good.
"""

import signal

import pytest
from watched import run

pytestmark = pytest.mark.one_python  # long, and of our own steps: the oldest and newest Python do

FINALIZERS = """
class Kept:
    # Something that calls the library when the last reference to it is dropped.

    def __init__(self, meddle):
        self.meddle = meddle

    def __call__(self, *_):
        pass

    def __del__(self):
        self.meddle()


def hold_by_on_update(kept):
    return client.submit(next(names), on_update=kept)


def hold_by_update_callback(kept):
    future = client.submit(next(names))
    future.add_update_callback(kept)
    return future


def hold_by_done_callback(kept):
    future = client.submit(next(names))
    future.add_done_callback(kept)
    return future


def hold_by_closure(kept):
    return client.submit(next(names), on_update=lambda status: kept)


def hold_by_future(kept):
    future = client.submit(next(names))
    weakref.finalize(future, kept.__del__).atexit = False
    kept.meddle = lambda meddle=kept.meddle, done=[]: done or done.append(1) or meddle()
    return future


def end_by_an_answer(future, job_id):
    server.job(job_id, duration=0)
    future.poll_now()
    concurrent.futures.wait([future], PATIENCE)


def end_by_the_deadline(future, job_id):
    concurrent.futures.wait([future], PATIENCE)


def end_by_cancel(future, job_id):
    future.cancel()


def end_by_shutdown(future, job_id):
    client.shutdown(wait=False, cancel_futures=True)


def cancel():
    future = it()
    if future is not None:
        future.cancel()
    other.cancel()


def submit():
    try:
        submitted.append(client.submit("quick"))
    except RuntimeError as error:
        assert "after shutdown" in str(error)


def poll_now():
    other.poll_now()
    future = it()
    if future is not None:
        future.poll_now()


def shut_down():
    client.shutdown(wait=False)


def play(hold, end, meddling):
    global client, other, it, submitted, names
    job_id, meddled = f"{hold.__name__}-{end.__name__}", threading.Event()
    limit = 0.2 if end is end_by_the_deadline else 60
    names, submitted, it = iter([job_id]), [], lambda: None
    client = VideoTranslationClient(server.url, max_wait_time=limit)
    other = client.submit("other")

    def meddle():
        meddling()
        meddled.set()

    future = hold(Kept(meddle))
    it = weakref.ref(future)
    end(future, job_id)
    del future
    assert meddled.wait(PATIENCE), job_id
    assert not concurrent.futures.wait(submitted, PATIENCE).not_done
    client.shutdown(cancel_futures=True)
    assert other.done()


with MockServer(duration=1000) as server:
    server.job("quick", duration=0)
    scene = list(globals().items())
    for hold in [value for name, value in scene if name.startswith("hold_by")]:
        for end in [value for name, value in scene if name.startswith("end_by")]:
            play(hold, end, globals()[sys.argv[1]])
"""


@pytest.mark.parametrize("meddling", ["cancel", "submit", "poll_now", "shut_down"])
def test_a_finalizer_may_call_anything_when_the_library_drops_the_last_reference(
    tmp_path, meddling
):
    """However the future ends, and whichever callback of it held the object, nothing hangs."""
    run(tmp_path, FINALIZERS, meddling)


COLLECTOR = """
JOBS, THREADS = 300, 3
chance = random.Random(1)
ends = []
submitted = collections.deque()
counts = collections.Counter()
over = threading.Event()


class Cycle:
    # Garbage that only the collector finds, on whatever thread it runs.

    def __init__(self):
        self.itself = self

    def __del__(self):
        meddle()


def watch(future):
    box = []
    future.add_done_callback(box.append)
    ends.append((future, box))
    return future


def meddle():
    what = chance.choice(["cancel", "poll", "poll", "submit", "read", "add"])
    future = chance.choice(submitted) if submitted else None
    if what == "submit" and counts[what] < JOBS:
        submitted.append(watch(client.submit(f"late-{counts[what]}")))
    elif future is None:
        return
    elif what == "cancel" and counts[what] < JOBS / 2:
        future.cancel()
    elif what == "poll":
        future.poll_now()
    elif what == "add":
        box = []
        future.add_done_callback(box.append)
        ends.append((future, box))
    else:
        repr(future), future.done(), future.status, future.next_poll
    counts[what] += 1


def make_garbage():
    while not over.is_set():
        Cycle()
        time.sleep(0.0005)


with MockServer(duration=0.3) as server:
    client = VideoTranslationClient(server.url, None, initial_wait_time=0.05)
    threads = [threading.Thread(target=make_garbage) for _ in range(THREADS)]
    usual = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for thread in threads:
            thread.start()
        for number in range(JOBS):
            submitted.append(watch(client.submit(f"job-{number}")))
            Cycle()
        while min(counts["cancel"], counts["submit"]) < 100:
            time.sleep(0.01)
        futures = list(submitted)
        assert not concurrent.futures.wait(futures, PATIENCE).not_done
    finally:
        over.set()
        for thread in threads:
            thread.join()
        gc.set_threshold(*usual)
    gc.collect()
    client.shutdown()
    for future, box in ends:
        assert future.done(), future
        assert future.cancelled() or future.result(0) == "completed"
        assert box == [future], (future, box)
"""


def test_finalizers_that_the_collector_runs_anywhere_hang_nothing(tmp_path):
    """At the lowest threshold, while several threads make garbage and hundreds of jobs are polled.

    Every future ends, and each done-callback runs once.
    """
    run(tmp_path, COLLECTOR)


SIGNALS = """
HITS = 3000
chance = random.Random(int(sys.argv[2]))
clock = VirtualClock() if sys.argv[1] == "virtual" else None
hits = collections.Counter()
ends = []
recent = collections.deque(maxlen=8)
depth = 0
over = threading.Event()


def watch(future):
    box = []
    ends.append((future, box))
    future.add_done_callback(box.append)
    return future


def submit():
    # A handler may put another client in the place of one that it has shut down.
    try:
        future = watch(client.submit(f"job-{chance.randrange(10**9)}"))
    except RuntimeError as error:
        assert "after shutdown" in str(error)
        return None
    recent.append(future)
    return future


def pick():
    return chance.choice(list(recent)) if recent else None


def cancel():
    future = pick()
    assert future is None or future.cancel() == (future.status == "cancelled")


def poll():
    future = pick()
    if future is not None:
        future.poll_now()


def add():
    future = pick()
    if future is not None:
        watch(future)


def read():
    future = pick()
    if future is not None:
        repr(future), future.status, future.done(), future.next_poll, future.elapsed
        future.reason, future.attempts, future.report, future.last_error, future.cancelled()


def wait_for_one():
    future = submit()
    if future is not None:
        try:
            assert future.result(PATIENCE) == "completed"
        except concurrent.futures.CancelledError:
            pass


def wait_for_all():
    submit()
    futures = list(recent)
    assert not concurrent.futures.wait(futures, PATIENCE).not_done


def wait_for_any():
    futures = [future for future in [submit(), submit()] if future is not None]
    if futures:
        assert concurrent.futures.wait(
            futures, PATIENCE, concurrent.futures.FIRST_COMPLETED
        ).done
        assert set(concurrent.futures.as_completed(futures, PATIENCE)) == set(futures)


def make_client():
    global client
    client = VideoTranslationClient(
        server.url, None, 10, initial_wait_time=0.002, backoff_factor=1, jitter=0, clock=clock
    )
    clients.append(client)


def shut_down():
    last = client
    last.shutdown(wait=False, cancel_futures=chance.random() < 0.5)
    make_client()


def pause():
    if clock is not None:
        with clock.paused():
            submit()
            if chance.random() < 0.5:
                clock.advance(0.5)
        submit()


def on_signal(number, frame):
    global depth
    hits[number] += 1
    if depth < 3 and not over.is_set():
        depth += 1
        chance.choice([submit, cancel, cancel, poll, poll, add, read])()
        depth -= 1
    if number == signal.SIGALRM and not over.is_set():
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.0008))


def send():
    while not over.is_set():
        time.sleep(chance.uniform(0.0001, 0.002))
        signal.pthread_kill(main_thread, signal.SIGUSR1)


with MockServer(duration=(0, 0.01), clock=clock) as server:
    clients = []
    make_client()
    signal.signal(signal.SIGALRM, on_signal)
    signal.signal(signal.SIGUSR1, on_signal)
    sender = threading.Thread(target=send)
    sender.start()
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        while sum(hits.values()) < HITS or min(hits.values()) < HITS / 10:
            for call in [submit, poll, poll, cancel, add, poll, read]:
                call()
            wait = [wait_for_one, wait_for_all, wait_for_any, pause]
            chance.choice(wait + [shut_down] * (chance.random() < 0.3))()
    finally:
        over.set()
        sender.join()
        signal.setitimer(signal.ITIMER_REAL, 0)
    for future, _ in ends:
        if not future.done():
            future.exception(PATIENCE)
    for client in clients:
        client.shutdown()
    for future, box in ends:
        assert future.cancelled() or future.result(0) == "completed", future
        assert box == [future], (future, box)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals of POSIX")
@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_a_signal_handler_may_call_what_it_has_just_interrupted(tmp_path, clock):
    """On the client and the futures that the main thread is just using, thousands of times.

    Nothing hangs, every future ends, and each done-callback runs once.
    """
    run(tmp_path, SIGNALS, clock, 1)


def test_a_signal_handler_may_submit_while_the_first_thread_is_being_started(tmp_path):
    """Between any two lines of Thread.start(), which is not made for that."""
    run(
        tmp_path,
        """
        def interrupt(frame, event, argument):
            if frame.f_code.co_name != "start" or "threading" not in frame.f_code.co_filename:
                return None
            lines.extend([frame.f_lineno] if event == "line" else [])
            if len(lines) == number and len(futures) == 1:
                sys.settrace(None)
                futures.append(client.submit("job-2"))
                sys.settrace(interrupt)
            return interrupt

        before, nested = sys.gettrace(), 0
        with MockServer(duration=0) as server:
            for number in range(1, 9):
                client, futures, lines = VideoTranslationClient(server.url), [None], []
                sys.settrace(interrupt)
                futures[0] = client.submit("job-1")
                sys.settrace(before)
                assert {one.result(PATIENCE) for one in futures} == {"completed"}
                client.shutdown()
                nested += len(futures) - 1
        assert nested > 3
        """,
    )


def test_a_signal_handler_may_shut_the_client_down_in_the_middle_of_a_submit(tmp_path):
    """The future is cancelled like those before it, also while a callback keeps the threads."""
    run(
        tmp_path,
        """
        def interrupt(frame, event, argument):
            if frame.f_code.co_name == "__init__" and "waits" in frame.f_code.co_filename:
                sys.settrace(before)
                client.shutdown(wait=False, cancel_futures=True)

        entered, over = threading.Event(), threading.Event()
        with MockServer(duration=1000) as server:
            client = VideoTranslationClient(server.url, None, None)
            first = client.submit("job-1", lambda _: (entered.set(), over.wait(PATIENCE)))
            assert entered.wait(PATIENCE)
            before = sys.gettrace()
            sys.settrace(interrupt)
            late = client.submit("job-2")
            assert first.cancelled()
            concurrent.futures.wait([late], PATIENCE)
            assert late.cancelled()
            over.set()
            client.shutdown()
        """,
    )
