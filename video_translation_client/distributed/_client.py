"""What a user touches: a client whose jobs are polled for on a cluster."""

from __future__ import annotations

import os
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from .. import services
from .._base import arguments
from .._base.arguments import BadTypeError, BadValueError
from .._base.version import __version__
from .._http.endpoint import without_credentials
from ..client import VideoTranslationClient
from ..services._definition import Service
from ..services._templates import names_in
from ._dask import Cluster
from ._messages import Order
from ._scheduler import RemoteScheduler
from ._shards import Shards
from ._station import problem_of

if TYPE_CHECKING:
    from distributed import Client

    from .._downloads.download import Downloads

# Shards at least, and for each worker that there is: as many as can be spread evenly again when one
# of them is no more.
_LEAST_SHARDS = 16
_SHARDS_OF_WORKER = 4

_MOST_SHARDS = 1000

# What has a part at the caller, and needs none on the workers.
_OF_CALLER = ("on_event", "store", "account")

# What can't be in two processes, and what to do instead.
_OF_NOBODY = {
    "session": "each worker makes its own",
    "clock": "use VideoTranslationClient in tests",
    "random": "use VideoTranslationClient in tests",
}

# Stands for the key of a caller, which needs none.
_NO_KEY = "the-workers-have-it"


class DistributedClient(VideoTranslationClient):
    """Waits for the jobs of one service on a cluster of Dask's, as ``VideoTranslationClient`` does.

    Futures, callbacks, limits and a store are those of your process; the polls are made by workers,
    each with a client of its own. No key travels: a worker takes it from its own environment.

    What is said between your process and a worker takes a moment, mostly some milliseconds. A pause
    that the service asks of one worker is kept by all within a second. When a worker dies, others
    go on with its jobs at once, with the attempts and the time that are left. When the scheduler of
    Dask's is gone for ten seconds, all waits end with a ``VideoTranslationError``; with ``store=``,
    a new client resumes them. Of a ``distributed.Client`` of yours, its ``timeout`` counts instead,
    up to half a minute.

    Args:
        dask_client_or_address: A ``distributed.Client``, which is not closed; or the address of a
            scheduler, such as ``"tcp://10.0.0.1:8786"``; or None for a cluster within this process,
            to try it out. The workers need this library in the same version.
        shards: Into how many parts the jobs are split, from 1 to 1000, by a hash of their ids; None
            for four for each worker that there is, and 16 at least. A shard is polled for by one
            worker, where it takes a sleeping thread, so more workers than shards are of no use.
        **client_arguments: Those of ``VideoTranslationClient``. ``max_rate`` holds for the whole
            cluster, and ``max_concurrency`` for each worker. ``on_event``, ``store`` and
            ``account`` stay here, all others are pickled: a ``Service`` as well, so it must name
            the variable of a key and not hold the key. Not ``session``, ``clock``, ``random``, or a
            secret.

    Raises:
        TypeError, ValueError: A bad argument, named in the message; or a worker that has no key, or
            another version of the library, with its address.
        OSError: The store can't be used, or the scheduler is gone.
    """

    _depth = 1

    def __init__(
        self,
        dask_client_or_address: Client | str | None = None,
        shards: int | None = None,
        **client_arguments: Any,
    ) -> None:
        travelling = _portable(client_arguments)
        if shards is not None:
            shards = arguments.count("shards", shards, most=_MOST_SHARDS)
        cluster = Cluster(dask_client_or_address)
        try:
            if shards is None:
                wanted = max(_LEAST_SHARDS, _SHARDS_OF_WORKER * len(cluster.workers()))
                shards = min(wanted, _MOST_SHARDS)
            there = Shards(cluster, shards)
            self._make_scheduler = partial(RemoteScheduler, there)
            own = {name: client_arguments[name] for name in _OF_CALLER if name in client_arguments}
            self._missing_keys = _missing_keys(_service_of(travelling))
            placeholders: dict[str, Any] = dict.fromkeys(self._missing_keys, _NO_KEY)
            super().__init__(**travelling, **placeholders, **own)
            # What this process has taken from its environment, workers may have no notion of.
            values, secrets = self._endpoint.values, self._endpoint.service.secrets
            travelling.update({name: values[name] for name in values.keys() - secrets})
            there.order(travelling)
            _inspect(cluster, travelling)
        except BaseException:
            cluster.close()
            raise

    def _downloads(self) -> Downloads:
        for variable in self._missing_keys.values():
            problem = "is needed to download, and only the workers have it"
            advice = f"set the environment variable {variable} here, too"
            raise BadValueError("api_key", problem, advice, variable=variable)
        return super()._downloads()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a DistributedClient can't be pickled: make one in each process")


def _portable(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments that travel.

    Raises:
        TypeError, ValueError: One of them can't, or must not.
    """
    travelling = {name: value for name, value in given.items() if name not in _OF_CALLER}
    for name, instead in _OF_NOBODY.items():
        if travelling.pop(name, None) is not None:
            raise BadValueError(name, "must not be given: it can't travel to the workers", instead)
    service = _service_of(travelling)
    for name in ("api_key",) if service is None else service.secrets:
        if travelling.pop(name, None) is not None:
            advice = "set its environment variable on each worker"
            raise BadValueError(name, "must not be given: no key travels to the workers", advice)
    base_url = travelling.get("base_url")
    if isinstance(base_url, str) and without_credentials(base_url) != base_url:
        advice = "define a Service with headers, and variables for their secrets"
        raise BadValueError("base_url", "must have no credentials: no secret travels", advice)
    for name, value in travelling.items():
        _check_portable(name, value)
    return travelling


def _check_portable(name: str, value: Any) -> None:
    try:
        pickle.dumps(value)
    except Exception as error:
        problem = f"must be picklable, to travel to the workers, and is not ({error})"
        raise BadTypeError(name, problem) from error


def _service_of(given: dict[str, Any]) -> Service | None:
    """Returns the service among arguments; None: it has no secrets of its own, or is refused."""
    service = given.get("service")
    if isinstance(service, str) and service in services.NAMES:
        return services.find(service)
    return service if isinstance(service, Service) else None


def _missing_keys(service: Service | None) -> dict[str, str]:
    """Returns the secrets that this process does not have, and needs none of, with its variable."""
    if service is None:
        return {}
    needed = {name for _, template in service.headers for name in names_in(template)}
    return {
        name: variable
        for name, variable in service.variables
        if name in service.secrets and name in needed and variable not in os.environ
    }


def _inspect(cluster: Cluster, travelling: dict[str, Any]) -> None:
    """Makes sure that the workers that there are can poll.

    Raises:
        ValueError: One of them can't.
    """
    answers = cluster.ask_all(problem_of, Order(__version__, "", travelling))
    for address, answer in answers.items():
        if isinstance(answer, str):
            raise BadValueError("dask_client_or_address", f"can't be used: {answer}")
        if isinstance(answer, Exception):
            problem = f"can't be used: worker {address} says {answer!r}"
            advice = "install this library on each worker"
            raise BadValueError("dask_client_or_address", problem, advice)
