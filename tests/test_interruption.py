"""Ctrl-C at any moment leaves no wait behind that never ends.

Real signals arrive in the main thread at random moments, each of which can be in the middle of
any step of the library; the seed is fixed, the moments are not.
"""

import pytest
from watched import run

pytestmark = pytest.mark.one_python  # long, and of our own steps: the oldest and newest Python do

BEGINNING = """
chance = random.Random(sys.argv[1] if len(sys.argv) > 1 else 1)
watched = []
left = 0


def on_signal(*_):
    # What comes too late, in the program's own loop, is none of the test's business.
    global left
    if left:
        left -= 1
        raise KeyboardInterrupt


signal.signal(signal.SIGINT, on_signal)


def interrupt(act, *seconds, begun=None):
    # Runs act, into which Ctrl-C comes after so many seconds, and again.
    global left
    armed = []

    def send():
        while not armed:
            time.sleep(0)
        if begun is not None:
            begun.wait(PATIENCE)
        for number, pause in enumerate(seconds, 1):
            time.sleep(pause)
            # CPython loses a signal that comes as it goes to sleep; who sits there presses again.
            for attempt in range(10000):
                if left <= len(seconds) - number:
                    break
                if attempt % 100 == 0:
                    os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.001)

    sender = threading.Thread(target=send)
    sender.start()
    is_first = True
    for _ in seconds:
        try:
            try:
                if is_first:
                    is_first, left = False, len(seconds)
                    armed.append(True)
                    act()
            finally:
                if left == len(seconds):
                    left = 0
        except KeyboardInterrupt:
            pass
    left = 0
    sender.join()


def watch(future):
    box = []
    watched.append((future, box))
    future.add_done_callback(box.append)
    return future


def make_client():
    return VideoTranslationClient(
        server.url, None, None, initial_wait_time=0.01, backoff_factor=1, jitter=0
    )


def until_done(futures):
    assert not concurrent.futures.wait(futures, PATIENCE).not_done
    assert all(future.done() for future in futures)


def check_callbacks():
    for future, box in watched:
        assert box in ([], [future]), (future, box)
"""


def interrupted(tmp_path, program):
    """Runs a program, in which Python may tell of a Ctrl-C that came into a finalizer."""
    run(tmp_path, BEGINNING + program, is_silent=False)


SUBMITS = """
with MockServer(duration=(0, 0.02)) as server:
    for round in range(40):
        client, futures = make_client(), []

        def submit():
            for number in range(100):
                future = client.submit(f"job-{number}")
                futures.append(future)
                watch(future)

        interrupt(submit, chance.uniform(0, 0.005))
        # The client goes on as if nothing had been.
        futures.append(client.submit("last"))
        until_done(futures)
        assert {future.result(0) for future in futures} == {"completed"}
        client.shutdown()
    check_callbacks()
"""


def test_ctrl_c_in_a_loop_of_submits_leaves_no_wait_that_never_ends(tmp_path):
    """What was submitted ends as the service says, and shutdown() returns."""
    interrupted(tmp_path, SUBMITS)


CANCELS = """
FUTURES = 4000




with MockServer(duration=1000) as server:
    for round in range(5):
        begun, clients, futures = threading.Event(), [], []

        def leave():
            client = VideoTranslationClient(server.url, None, None, initial_wait_time=30)
            clients.append(client)
            with client:
                for number in range(FUTURES):
                    futures.append(watch(client.submit(f"job-{number}")))
                waiter.start()
                begun.set()
                threading.Event().wait()

        waiter = threading.Thread(target=lambda: concurrent.futures.wait(futures), daemon=True)
        interrupt(leave, 0.1, chance.uniform(0, 0.15), begun=begun)
        if not any(future.cancelled() for future in futures):
            # Before the first cancel, or instead of it.
            clients[0].shutdown(wait=False, cancel_futures=True)
        until_done(futures)
        assert all(future.cancelled() for future in futures)
        waiter.join(PATIENCE)
        assert not waiter.is_alive(), "wait() never woke"
        clients[0].shutdown()
    check_callbacks()
"""


def test_a_second_ctrl_c_while_a_with_block_cancels_thousands_of_futures_loses_none(tmp_path):
    """The rest is cancelled all the same, who waits for them wakes, and shutdown() returns."""
    interrupted(tmp_path, CANCELS)


WAITS = """
def result(client):
    client.submit("job").result(PATIENCE)


def exception(client):
    client.submit("job").exception(PATIENCE)


def wait(client):
    until_done([watch(client.submit(f"job-{number}")) for number in range(20)])


def as_completed(client):
    futures = [watch(client.submit(f"job-{number}")) for number in range(20)]
    assert set(concurrent.futures.as_completed(futures, PATIENCE)) == set(futures)


def cancel(client):
    futures = [watch(client.submit(f"job-{number}")) for number in range(20)]
    for future in futures:
        assert future.cancel() == future.cancelled()


def poll_now(client):
    future = watch(client.submit("job"))
    while not future.done():
        future.poll_now()
        time.sleep(0.001)


def shutdown(client):
    for number in range(20):
        watch(client.submit(f"job-{number}"))
    client.shutdown()


def with_block(client):
    with client:
        for number in range(20):
            watch(client.submit(f"job-{number}"))


with MockServer(duration=(0, 0.03)) as server:
    for act in [result, exception, wait, as_completed, cancel, poll_now, shutdown, with_block]:
        for round in range(20):
            client, before = make_client(), len(watched)
            interrupt(lambda: act(client), chance.uniform(0, 0.04))
            futures = [future for future, _ in watched[before:]]
            until_done(futures)
            assert all(future.cancelled() or future.result(0) == "completed" for future in futures)
            client.shutdown()
    check_callbacks()
"""


def test_ctrl_c_in_whatever_waits_or_cancels_leaves_every_future_to_end(tmp_path):
    """In result(), wait(), as_completed(), cancel(), shutdown(): again and shutdown() returns."""
    interrupted(tmp_path, WAITS)


BLOCKING = """
with MockServer(duration=1000) as server:
    server.job("short", duration=0)
    for round in range(50):
        client = make_client()
        interrupt(lambda: client.get_status("endless"), chance.uniform(0, 0.02))
        assert client.get_status("short") == "completed"
        client.shutdown()
"""


def test_ctrl_c_in_get_status_ends_its_wait_at_whatever_moment(tmp_path):
    """Though the job goes on and has no limit, so that shutdown() has nothing to wait for."""
    interrupted(tmp_path, BLOCKING)


def test_ctrl_c_before_the_first_thread_runs_leaves_a_client_that_shuts_down(tmp_path):
    """Whoever waits for the end starts what was kept from starting."""
    run(
        tmp_path,
        """
        from video_translation_client import VideoTranslationClient

        client = VideoTranslationClient("http://127.0.0.1:9", None, 1)
        before, interrupted = sys.gettrace(), []

        def interrupt(frame, event, argument):
            if frame.f_code.co_name == "start" and "threading" in frame.f_code.co_filename:
                sys.settrace(before)
                interrupted.append(frame)
                raise KeyboardInterrupt

        sys.settrace(interrupt)
        try:
            client.submit("job-1")
        except KeyboardInterrupt:
            pass
        assert interrupted
        client.shutdown()
        """,
    )


def test_a_shutdown_that_ctrl_c_has_interrupted_can_be_called_again(tmp_path):
    """The second one tells the threads what the first has not got to, so both they and it end."""
    run(
        tmp_path,
        """
        from video_translation_client.clock import Clock

        class InterruptedClock(Clock):
            def wait(self, wakeups, timeout, in_flight):
                if timeout > 1e6 and not in_flight:
                    is_idle.set()
                super().wait(wakeups, timeout, in_flight)

            def wake(self, wakeups):
                if is_armed:
                    is_armed.clear()
                    raise KeyboardInterrupt  # as if Ctrl-C came just before the dispatcher heard
                super().wake(wakeups)

        is_idle, is_armed = threading.Event(), []
        with MockServer(duration=0) as server:
            client = VideoTranslationClient(server.url, clock=InterruptedClock())
            assert client.get_status() == "completed"
            assert is_idle.wait(PATIENCE)
            is_armed.append(True)
            try:
                client.shutdown()
            except KeyboardInterrupt:
                pass
            assert not is_armed
            client.shutdown()
        """,
    )
