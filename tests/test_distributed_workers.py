"""Workers that die, hang, come and go, and a scheduler that is no more: no wait is lost by that.

Each is a process of its own, started as from the command line.
"""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import KEYED, PATIENCE, QUICK, VARIABLE

pytest.importorskip("distributed")

import distributed

from video_translation_client import FixedInterval, VideoTranslationError
from video_translation_client.distributed import DistributedClient
from video_translation_client.testing import MockServer

OFTEN = {"strategy": FixedInterval(0.1), "max_attempts": None, "max_wait_time": None}


@pytest.fixture
def server():
    """A mock server in real time; jobs last, but for "quick"."""
    with MockServer(duration=1000) as server:
        server.job("quick", duration=0)
        yield server


class Processes:
    """A scheduler and workers."""

    def __init__(self, folder, stack):
        self._folder = folder
        self._stack = stack
        self._started = 0

    def start(self, module, *arguments, **environment):
        """Starts a process of Dask's; it is killed in the end."""
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1"]
        process = subprocess.Popen(
            [*command, "--dashboard-address", "127.0.0.1:0", *arguments],
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
            cwd=str(self._folder),
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self._stack.callback(process.send_signal, signal.SIGCONT)
        return process

    def scheduler(self, port="0", patience=PATIENCE, **environment):
        """Starts a scheduler; returns it, and a client, which gives up when it is gone so long."""
        self._started += 1
        self._file = str(self._folder / f"scheduler-{self._started}.json")
        options = ("--scheduler-file", self._file, "--port", port)
        process = self.start("dask_scheduler", *options, **environment)
        client = self._stack.enter_context(
            distributed.Client(scheduler_file=self._file, set_as_default=False, timeout=PATIENCE)
        )
        client._timeout = patience
        return process, client

    def worker(self, dask, *arguments, **environment):
        """Starts a worker, and waits until the scheduler knows it."""
        self._started += 1
        name = f"worker-{self._started}"
        options = ("--scheduler-file", self._file, "--no-nanny", "--nthreads", "1", "--name", name)
        process = self.start("dask_worker", *options, *arguments, **environment)
        for _ in until(PATIENCE):
            known = dask.scheduler_info()["workers"]
            addresses = [address for address in known if known[address]["name"] == name]
            if addresses:
                break
            assert process.poll() is None
        (process.address,) = addresses
        return process


@pytest.fixture
def processes(tmp_path):
    """Starts processes, and ends them."""
    with contextlib.ExitStack() as stack:
        yield Processes(tmp_path, stack)


@pytest.fixture
def dask(processes):
    """A client of a scheduler, without workers."""
    return processes.scheduler()[1]


def free_port():
    """A port of the loopback interface that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def count_of_stations(dask):
    """How many stations stand on the workers."""

    def count():
        from video_translation_client.distributed._station import _stations

        return len(_stations)

    return sum(dask.run(count).values())


def until(seconds):
    """Yields until then; a test looks at what nobody tells of."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
    raise AssertionError("it has not come to pass")


def still_waits(future):
    """Waits a moment for a future that must not end meanwhile."""
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.1)


def until_polled(*futures):
    """Waits for the next answer of each."""
    for future in futures:
        polled = threading.Event()
        future.add_update_callback(lambda future, polled=polled: polled.set())
        assert polled.wait(PATIENCE)


def places_of(client):
    """The address of the worker of each shard that has one."""
    places = client._make_scheduler.args[0]._places.seated()
    return [place.worker for place in places]


def test_a_worker_is_killed(processes, dask, server):
    """Another one goes on with its jobs, and their attempts go on as well."""
    workers = [processes.worker(dask), processes.worker(dask)]
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        futures = client.submit_all([f"job-{number}" for number in range(20)])
        until_polled(*futures)
        assert set(places_of(client)) == {worker.address for worker in workers}
        before = [future.attempts for future in futures]
        workers[0].kill()
        until_polled(*futures)
        until_polled(*futures)
        assert all(future.attempts > attempts for future, attempts in zip(futures, before))
        assert set(places_of(client)) == {workers[1].address}
        client.shutdown(cancel_futures=True)


def test_a_worker_is_retired_and_another_one_comes(processes, dask, server):
    """Shards move to where there are fewer, one after the other."""
    first = processes.worker(dask)
    with DistributedClient(dask, base_url=server.url, shards=4, **OFTEN) as client:
        futures = client.submit_all([f"job-{number}" for number in range(20)])
        until_polled(*futures)
        second = processes.worker(dask)
        while len(set(places_of(client))) < 2:
            until_polled(*futures)
        dask.retire_workers([first.address])
        while set(places_of(client)) != {second.address}:
            until_polled(*futures)
        client.shutdown(cancel_futures=True)


def test_a_worker_hangs(processes, dask, server, caplog):
    """After some seconds without a sign of life, others go on; it takes no part when it is back."""
    workers = [processes.worker(dask), processes.worker(dask)]
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        futures = client.submit_all([f"job-{number}" for number in range(20)])
        until_polled(*futures)
        workers[0].send_signal(signal.SIGSTOP)
        until_polled(*futures)
        assert set(places_of(client)) == {workers[1].address}
        assert f"worker {workers[0].address} does not answer, so others go on" in caplog.text
        workers[0].send_signal(signal.SIGCONT)
        assert client.get_status("quick") == "completed"
        client.shutdown(cancel_futures=True)


def test_the_only_worker_dies(processes, dask, server, caplog):
    """Its jobs wait for another one; it is not spoken of as one that does not answer."""
    worker = processes.worker(dask)
    with DistributedClient(dask, base_url=server.url, shards=1, **OFTEN) as client:
        future = client.submit("job-1")
        until_polled(future)
        worker.kill()
        while client._make_scheduler.args[0]._stations.names():
            still_waits(future)
        attempts = future.attempts
        processes.worker(dask)
        until_polled(future)
        assert future.attempts > attempts
        assert "has no worker that is free" in caplog.text
        assert "does not answer" not in caplog.text
        client.shutdown(cancel_futures=True)


def test_no_worker_is_there(processes, dask, server, caplog):
    """Waits begin when the first one comes; till then there is a warning, and limits hold."""
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        future = client.submit("quick")
        assert client.get_status("quick", max_wait_time=2.5) == "timeout"
        assert caplog.text.count("has no worker that is free, so jobs are not asked for") == 1
        assert not future.done()
        processes.worker(dask)
        assert future.result(PATIENCE) == "completed"


def test_the_scheduler_is_gone(processes, server, path):
    """All waits end with an error that says so; a store has them all, for another client."""
    scheduler, dask = processes.scheduler(patience=1)
    processes.worker(dask)
    arguments = {"base_url": server.url, "store": path, **OFTEN}
    client = DistributedClient(dask, **arguments)
    futures = client.submit_all(["job-1", "job-2"])
    until_polled(*futures)
    scheduler.kill()
    for future in futures:
        error = future.exception(PATIENCE)
        assert type(error) is VideoTranslationError
        assert future.job_id in str(error)
        assert "the Dask scheduler is gone" in str(error)
    with pytest.raises(RuntimeError, match="is gone; make a new DistributedClient"):
        client.submit("job-3")
    client.shutdown()
    _, dask = processes.scheduler()
    processes.worker(dask)
    with DistributedClient(dask, **arguments) as client:
        resumed = client.resume()
        assert sorted(resumed) == ["job-1", "job-2"]
        until_polled(*resumed.values())
        assert all(future.attempts > 1 for future in resumed.values())
        client.shutdown(cancel_futures=True)


def test_the_scheduler_says_nothing(processes, server, caplog):
    """After some seconds it counts as gone, and once it is back, waits go on."""
    scheduler, dask = processes.scheduler()
    processes.worker(dask)
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        future = client.submit("job-1")
        until_polled(future)
        scheduler.send_signal(signal.SIGSTOP)
        while "the scheduler is gone" not in caplog.text:
            still_waits(future)
        scheduler.send_signal(signal.SIGCONT)
        assert client.get_status("quick", max_wait_time=None) == "completed"
        client.shutdown(cancel_futures=True)


def test_a_worker_hangs_from_the_start(processes, dask, server):
    """A client is made all the same, and when another worker comes, that one polls."""
    hanging = processes.worker(dask)
    hanging.send_signal(signal.SIGSTOP)
    with DistributedClient(dask, base_url=server.url, shards=1, **OFTEN) as client:
        future = client.submit("quick")
        while client._make_scheduler.args[0]._places.of(0).worker != hanging.address:
            still_waits(future)
        processes.worker(dask)
        assert future.result(2 * PATIENCE) == "completed"


def test_the_scheduler_comes_back(processes, server, caplog):
    """One that is started anew at the same address in time finds all waits going on."""
    port = str(free_port())
    scheduler, dask = processes.scheduler(port)
    processes.worker(dask)
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        future = client.submit("job-1")
        until_polled(future)
        attempts = future.attempts
        scheduler.kill()
        scheduler.wait()
        _, other = processes.scheduler(port)
        processes.worker(other)
        until_polled(future)
        assert future.attempts >= attempts
        assert "the scheduler is gone" in caplog.text
        client.shutdown(cancel_futures=True)


def test_the_caller_dies(processes, dask, server):
    """Its stations on the workers end after some seconds without a sign of life."""
    processes.worker(dask)
    program = (
        "import sys\n"
        "from distributed import Client\n"
        "from video_translation_client.distributed import DistributedClient\n"
        "address, url = sys.argv[1:]\n"
        "client = DistributedClient(address, base_url=url, initial_wait_time=0.1, jitter=0)\n"
        "client.submit('job-1', on_update=lambda status: print(status, flush=True))\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, dask.scheduler.address, server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as caller:
        assert caller.stdout.readline() == b"pending\n"
        assert count_of_stations(dask) == 1
        caller.kill()
    for _ in until(PATIENCE):
        if count_of_stations(dask) == 0:
            break


def test_a_key_that_only_workers_have(processes, dask, server, tmp_path):
    """The caller needs none, but to download."""
    processes.worker(dask, **{VARIABLE: "hush"})
    client = DistributedClient(dask, base_url=server.url, service=KEYED, **QUICK)
    assert client.get_status("quick") == "completed"
    assert {request.headers["X-Key"] for request in server.requests} == {"hush"}
    with pytest.raises(ValueError, match=f"only the workers have it; .* {VARIABLE} here, too"):
        client.download("quick", tmp_path)
    client.shutdown()


def test_a_worker_without_a_key_comes_later(processes, dask, server, caplog):
    """Others poll in its place, after one warning; where there are none, errors name it."""
    good = processes.worker(dask, **{VARIABLE: "hush"})
    arguments = {"base_url": server.url, "service": KEYED, "shards": 4, **OFTEN}
    with DistributedClient(dask, **arguments) as client:
        futures = client.submit_all([f"job-{number}" for number in range(20)])
        until_polled(*futures)
        bad = processes.worker(dask)
        said = f"worker {bad.address} can't make a client: api_key is needed by service 'acme';"
        while said not in caplog.text:
            until_polled(*futures)
        until_polled(*futures)
        assert f"set the environment variable {VARIABLE} there; others poll" in caplog.text
        assert set(places_of(client)) == {good.address}
        good.kill()
        for future in futures:
            assert said in str(future.exception(PATIENCE))
            assert future.job_id in str(future.exception())
        assert caplog.text.count("others poll in its place") == 1
        assert "hush" not in caplog.text


def test_a_worker_without_the_library(processes, dask, server, tmp_path):
    """It is named when the client is made, and later in the error of each of its jobs."""
    (tmp_path / "without.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith('video_translation_client'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        future = client.submit("job-1")
        worker = processes.worker(dask, "--preload", "without.py")
        error = future.exception(PATIENCE)
        assert "'job-1'" in str(error)
        assert "No module named 'video_translation_client" in str(error)
    with pytest.raises(ValueError, match=f"worker {worker.address} says .*; install this library"):
        DistributedClient(dask, base_url=server.url)


def test_a_shard_that_kills_its_workers(processes, server):
    """Dask gives a task up whose workers die; it is tried once more, and then its jobs end."""
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    _, dask = processes.scheduler(**once)
    with DistributedClient(dask, base_url=server.url, shards=1, **OFTEN) as client:
        future = client.submit("job-1")
        for _ in range(2):
            worker = processes.worker(dask)
            until_polled(future)
            worker.kill()
        error = future.exception(PATIENCE)
        assert "one worker after the other has died while it polled for shard 0" in str(error)
        processes.worker(dask)
        assert client.get_status("quick") == "completed"


def test_a_fork_has_no_part_in_the_cluster(processes, dask, server):
    """In the child, futures are abandoned and new ones refused; the parent goes on."""
    processes.worker(dask)
    with DistributedClient(dask, base_url=server.url, **OFTEN) as client:
        future = client.submit("job-1")
        until_polled(future)
        pid = os.fork()
        if not pid:
            status = 1
            with contextlib.suppress(BaseException):
                assert "the process is a fork" in str(future.exception(0))
                with pytest.raises(RuntimeError, match="the process is a fork"):
                    client.submit("job-2")
                status = 0
            os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        until_polled(future)
        client.shutdown(cancel_futures=True)
