"""Waits on a cluster of many processes or machines, by the same few lines: the extra `distributed`.

    your process                              Dask's scheduler     a worker process, one of many
    DistributedClient                                              Station
      futures that rest   -- waits, cancels, pace -->              a client with its own key
      callbacks, limits   <-- answers, ends, pauses --             polls for many shards

Jobs go to shards by a hash of their ids. A shard is a task of Dask, which sits on one worker, and
on another one when that dies: it is then sent anew what has not ended. Whatever is known of a wait
stays with your process, so no worker can lose it.
"""

from ._client import DistributedClient

__all__ = ["DistributedClient"]
