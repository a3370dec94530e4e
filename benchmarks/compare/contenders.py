"""Who is compared: each polls jobs of ten polls, one process each.

    python contenders.py NAME URL JOBS

prints, as JSON, the microseconds of CPU (user and system, of the whole process) and of wall time
that a poll took, after a warm-up. Each decodes every answer and looks at its word.

Where jobs are waited for beside each other, a job's polls are a millisecond apart; where one
follows the other, there is no wait between them, in favour of those who block while they wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import json
import sys
import threading
import time
from typing import Any, Callable

import requests
import requests.adapters
import urllib3

Run = Callable[[int], Any]  # waits for so many jobs

POLLS = 10  # of each job
WARM_UP = 32  # jobs
AT_ONCE = 16  # jobs that are asked for beside each other
WAIT = 0.001  # seconds between two polls of such a job
TIMEOUT = 10.0
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}


def word(answer: Any) -> str:
    """Returns the word of a decoded answer, which must be the expected one."""
    if answer["result"] != "pending":
        raise ValueError(f"unexpected answer {answer!r}")
    return "pending"


def in_turn(poll: Callable[[str], Any]) -> Run:
    """Polls the jobs one after the other."""

    def run(jobs: int) -> None:
        for number in range(jobs):
            for _ in range(POLLS):
                poll(f"/status/job-{number}")

    return run


def http_client(url: str) -> Run:
    """The standard library's client, one connection."""
    connection = http.client.HTTPConnection(url.split("//")[1], timeout=TIMEOUT)

    def poll(path: str) -> None:
        connection.request("GET", path, headers=HEADERS)
        word(json.loads(connection.getresponse().read()))

    return in_turn(poll)


def urllib3_pool(url: str) -> Run:
    """urllib3's urlopen on one pool, streamed."""
    pool = urllib3.connection_from_url(url)

    def poll(path: str) -> None:
        answer = pool.urlopen(
            "GET", path, headers=HEADERS, timeout=TIMEOUT, retries=False, preload_content=False
        )
        body = answer.read()
        answer.release_conn()
        word(json.loads(body))

    return in_turn(poll)


def bare(url: str) -> Run:
    """The measure of all others: send of a prepared request, the environment merged once."""
    return _sent(requests.Session(), url)


def kept_pool(url: str) -> Run:
    """The same with an adapter that looks its pool up once."""
    session = requests.Session()
    session.mount("http://", KeepingPool())
    return _sent(session, url)


class KeepingPool(requests.adapters.HTTPAdapter):
    """Good for one origin alone."""

    pool: Any = None

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        """Returns the pool of the first request."""
        if self.pool is None:
            self.pool = super().get_connection_with_tls_context(*args, **named)
        return self.pool


def _sent(session: requests.Session, url: str) -> Run:
    prepared = session.prepare_request(requests.Request("GET", f"{url}/status/job-0"))
    settings = session.merge_environment_settings(prepared.url, {}, None, None, None)
    return in_turn(lambda _: word(session.send(prepared, timeout=TIMEOUT, **settings).json()))


def aiohttp_each(url: str) -> Run:
    """A coroutine and a session a job, which waits with asyncio.sleep."""
    import aiohttp  # noqa: PLC0415 - each process imports its own contender

    async def job(path: str, turn: asyncio.Semaphore) -> None:
        async with turn, aiohttp.ClientSession() as session:
            await _poll_with(session, url + path)

    async def all_of(jobs: int) -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(job(f"/status/job-{n}", turn) for n in range(jobs)))

    return lambda jobs: asyncio.run(all_of(jobs))


def aiohttp_shared(url: str) -> Run:
    """The same with one session for all."""
    import aiohttp  # noqa: PLC0415

    async def job(session: aiohttp.ClientSession, path: str, turn: asyncio.Semaphore) -> None:
        async with turn:
            await _poll_with(session, url + path)

    async def all_of(jobs: int) -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(job(session, f"/status/job-{n}", turn) for n in range(jobs)))

    return lambda jobs: asyncio.run(all_of(jobs))


async def _poll_with(session: Any, url: str) -> None:
    for _ in range(POLLS):
        async with session.get(url) as answer:
            word(await answer.json())
        await asyncio.sleep(WAIT)


def more_executors(url: str) -> Run:
    """Its poll executor, which asks for all jobs from one thread."""
    from more_executors import Executors  # noqa: PLC0415

    session = requests.Session()
    polls: dict[str, int] = {}

    def poll(descriptors: Any) -> None:
        for each in descriptors:
            job = each.result
            status = word(session.get(f"{url}/status/{job}", timeout=TIMEOUT).json())
            polls[job] = polls.get(job, 0) + 1
            if polls[job] == POLLS:
                each.yield_result(status)

    executor = Executors.thread_pool(max_workers=AT_ONCE).with_poll(poll, default_interval=WAIT)

    def run(jobs: int) -> None:
        polls.clear()
        for future in [executor.submit(f"job-{n}".format) for n in range(jobs)]:
            future.result()

    return run


def google(url: str) -> Run:
    """google-api-core's PollingFuture; result() polls in the thread that calls it."""
    from google.api_core import retry  # noqa: PLC0415
    from google.api_core.future import polling  # noqa: PLC0415

    session = requests.Session()
    again = retry.Retry(polling.RETRY_PREDICATE, initial=0.0, maximum=0.0, timeout=None)

    class Job(polling.PollingFuture):  # type: ignore[misc]
        polls = 0

        def __init__(self, number: int) -> None:
            super().__init__(polling=again)
            self.url = f"{url}/status/job-{number}"

        def done(self, retry: Any = None) -> bool:
            status = word(session.get(self.url, timeout=TIMEOUT).json())
            self.polls += 1
            if self.polls == POLLS:
                self.set_result(status)
            return self.polls == POLLS

        def cancel(self) -> bool:
            return False

        def cancelled(self) -> bool:
            return False

    return lambda jobs: [Job(number).result() for number in range(jobs)]


def tenacity_retrying(url: str) -> Run:
    """tenacity, which asks again while the job is pending."""
    import tenacity  # noqa: PLC0415

    session = requests.Session()
    again = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda status: status == "pending"),
        stop=tenacity.stop_after_attempt(POLLS),
        wait=tenacity.wait_none(),
        retry_error_callback=lambda state: state.outcome.result(),
    )

    def poll(number: int) -> str:
        return word(session.get(f"{url}/status/job-{number}", timeout=TIMEOUT).json())

    return lambda jobs: [again(poll, number) for number in range(jobs)]


def polling2_poll(url: str) -> Run:
    """polling2 as its documentation shows it, with requests.get."""
    import polling2  # noqa: PLC0415

    def poll(number: int) -> str:
        return word(requests.get(f"{url}/status/job-{number}", timeout=TIMEOUT).json())

    def run(jobs: int) -> None:
        for number in range(jobs):
            try:
                polling2.poll(
                    poll, 0, (number,), max_tries=POLLS, check_success=lambda s: s != "pending"
                )
            except polling2.MaxCallException:
                continue
            raise AssertionError("it has not asked often enough")

    return run


def threads(url: str) -> Run:
    """Sixteen threads, each with a session of its own and one job at a time."""
    executor = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    own = threading.local()

    def job(number: int) -> None:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        for _ in range(POLLS):
            word(own.session.get(f"{url}/status/job-{number}", timeout=TIMEOUT).json())
            time.sleep(WAIT)

    return lambda jobs: list(executor.map(job, range(jobs)))


def azure(url: str) -> Run:
    """azure-core's LROPoller with its own polling and policies; a thread a job."""
    from azure.core import PipelineClient  # noqa: PLC0415
    from azure.core.polling import LROPoller, base_polling  # noqa: PLC0415
    from azure.core.rest import HttpRequest  # noqa: PLC0415

    class Operation(base_polling.OperationResourcePolling):  # type: ignore[misc,type-arg]
        polls = -1  # the first answer that it sees is that to the start

        def get_status(self, pipeline_response: Any) -> str:
            word(pipeline_response.http_response.json())
            self.polls += 1
            return "Succeeded" if self.polls == POLLS else "InProgress"

    client: Any = PipelineClient(url)
    request = HttpRequest("GET", f"{url}/begun")
    begun = client.send_request(request, _return_pipeline_response=True)

    def job() -> None:
        polling = base_polling.LROBasePolling(timeout=0, lro_algorithms=[Operation()])
        LROPoller(client, begun, lambda answer: answer, polling).result()

    return lambda jobs: [job() for _ in range(jobs)]


def ours(workers: int, with_session: bool = False) -> Callable[[str], Run]:
    """This library, with so many workers; the deadline of a job is its tenth poll."""

    def make(url: str) -> Run:
        from video_translation_client import VideoTranslationClient  # noqa: PLC0415

        session = requests.Session() if with_session else None
        client = VideoTranslationClient(
            url, POLLS, None, WAIT, 1, 0, max_concurrency=workers, session=session
        )

        def run(jobs: int) -> None:
            for future in [client.submit(f"job-{number}") for number in range(jobs)]:
                future.result()
                if future.report is None or future.report.status != "pending":
                    raise ValueError(f"unexpected end {future.end!r}")

        return run

    return make


CONTENDERS: dict[str, Callable[[str], Run]] = {
    "http.client": http_client,
    "aiohttp-each": aiohttp_each,
    "aiohttp-shared": aiohttp_shared,
    "urllib3": urllib3_pool,
    "kept-pool": kept_pool,
    "bare": bare,
    "more-executors": more_executors,
    "google": google,
    "tenacity": tenacity_retrying,
    "polling2": polling2_poll,
    "threads": threads,
    "azure": azure,
    "ours-1": ours(1),
    "ours-16": ours(16),
    "ours-session": ours(16, with_session=True),
}


def main() -> None:
    """Measures one contender."""
    name, url, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = CONTENDERS[name](url)
    run(WARM_UP)
    cpu, wall = time.process_time(), time.perf_counter()
    run(jobs)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    polls = jobs * POLLS
    print(json.dumps({"cpu": cpu / polls * 1e6, "wall": wall / polls * 1e6}))


if __name__ == "__main__":
    main()
