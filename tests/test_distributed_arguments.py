"""What a client for a cluster is given: refused at once where it is wrong, with what to do."""

import asyncio
import pickle
import re

import pytest
import requests
from conftest import KEYED, VARIABLE

pytest.importorskip("distributed")

import distributed

from video_translation_client import Clock, FixedInterval, Service
from video_translation_client.distributed import DistributedClient, _station
from video_translation_client.distributed._messages import Order

URL = "http://127.0.0.1:9"


class Unportable(FixedInterval):
    """A strategy that can't be pickled."""

    def __reduce__(self):
        raise TypeError("not to be had")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"api_key": "hush"}, "api_key must not be given: no key travels to the workers; set its"),
        ({"session": requests.Session()}, "session must not be given: it can't travel"),
        ({"clock": Clock()}, "clock must not be given: it can't travel"),
        ({"random": lambda: 0.5}, "random must not be given: it can't travel"),
        ({"strategy": Unportable(5)}, "strategy must be picklable, to travel to the workers"),
        ({"shards": 0}, "shards must be a whole number from 1 to 1000, not 0"),
        ({"shards": 1001}, "shards must be a whole number from 1 to 1000, not 1001"),
        ({"dask_client_or_address": 5}, "dask_client_or_address must be a distributed.Client"),
        ({"dask_client_or_address": ""}, "dask_client_or_address must be a distributed.Client"),
        ({"dask_client_or_address": URL}, "the URL of the service is passed as base_url="),
        ({"dask_client_or_address": "nonsense://x"}, "names no scheduler that can be reached"),
        ({"max_attempts": 0}, "max_attempts must be"),
        ({"service": "nobody"}, "service must be one of"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_bad_arguments(arguments, message):
    """Each is refused when the client is made, and nothing is left of it."""
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        DistributedClient(**{"base_url": URL, **arguments})
    assert not _station._stations


def test_no_credentials_in_the_url():
    """They would travel; the message does not repeat them."""
    with pytest.raises(ValueError, match="base_url must have no credentials") as caught:
        DistributedClient(base_url="http://me:hush@127.0.0.1:9")
    assert "hush" not in str(caught.value)


def test_secrets_of_a_service_of_ones_own():
    """Every secret of it is refused, not only the key."""
    service = Service(
        "acme",
        headers=(("X-Key", "{api_key}"), ("X-Pin", "{pin}")),
        variables=(("pin", VARIABLE),),
        secret_variables=("pin",),
    )
    with pytest.raises(ValueError, match="pin must not be given: no key travels"):
        DistributedClient(base_url=URL, service=service, pin="hush")


def test_a_scheduler_that_is_not_there(monkeypatch):
    """An address where nobody answers is named, with how to start a scheduler."""
    monkeypatch.setattr("video_translation_client.distributed._dask.CONNECT_TIMEOUT", 0.2)
    with pytest.raises(ValueError, match=r"'tcp://127.0.0.1:9' .*; start one with: dask scheduler"):
        DistributedClient("tcp://127.0.0.1:9", base_url=URL)


def test_a_client_of_dask_that_is_of_no_use(dask):
    """One that is closed, or asynchronous, is refused."""
    closed = distributed.Client(dask.cluster, set_as_default=False)
    closed.close()
    with pytest.raises(ValueError, match="dask_client_or_address is closed, not running"):
        DistributedClient(closed, base_url=URL)


def test_a_client_of_dask_for_asyncio():
    """It is refused where it would not block."""

    async def make():
        async with distributed.Client(address, set_as_default=False, asynchronous=True) as client:
            DistributedClient(client, base_url=URL)

    nowhere = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with distributed.LocalCluster(n_workers=0, processes=True, **nowhere) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(ValueError, match="must not be asynchronous"):
            asyncio.run(make())


def test_a_worker_without_a_key(dask):
    """It is named, with the environment variable that it wants."""
    with pytest.raises(ValueError, match=rf"worker \S+ can't make a client: .*{VARIABLE}"):
        DistributedClient(dask, base_url=URL, service=KEYED)


def test_a_worker_of_another_version(dask):
    """It says so, with both versions and what to do."""
    (address, said), *_ = dask.run(_station.problem_of, Order("0.0.1", "", {})).items()
    assert re.fullmatch(
        rf"worker {re.escape(address)} has version \S+ of video-translation-client, and the caller"
        r" 0\.0\.1; install the same one on both",
        said,
    )


def test_it_is_for_one_process(dask):
    """It can't be pickled."""
    client = DistributedClient(dask, base_url=URL)
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(client)
    client.shutdown()


def test_a_known_service(dask, monkeypatch, tmp_path):
    """Its key is looked for on the workers; where the caller has it as well, it may download."""
    with pytest.raises(ValueError, match="HEYGEN_API_KEY"):
        DistributedClient(dask, service="heygen")
    monkeypatch.setenv("HEYGEN_API_KEY", "hush")
    client = DistributedClient(dask, service="heygen")
    with pytest.raises(TypeError, match="path_or_directory"):
        client.download("job-1", 5)
    client.shutdown()


def test_what_the_environment_of_the_caller_says(dask, monkeypatch):
    """Workers ask where the caller would; a variable that is no secret travels."""
    monkeypatch.setenv("AZURE_SPEECH_KEY", "hush")
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    client = DistributedClient(dask, service="azure")
    monkeypatch.setenv("AZURE_SPEECH_REGION", "eastus")
    arguments = client._make_scheduler.args[0]._line.arguments
    assert dict(arguments) == {"service": "azure", "region": "westeurope"}
    client.shutdown()


def test_limits_that_contradict_each_other(dask):
    """A warning points at the line that makes the client."""
    with pytest.warns(UserWarning, match="max_attempts") as caught:
        client = DistributedClient(dask, base_url=URL, max_wait_time=3600)
    assert [warning.filename for warning in caught] == [__file__]
    client.shutdown()
