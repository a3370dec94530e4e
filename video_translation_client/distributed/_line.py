"""The way from the cluster to the caller: a mailbox, made anew where the connection was lost."""

from __future__ import annotations

import contextlib
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from .._base.version import __version__
from ._dask import ClusterError
from ._messages import Order

if TYPE_CHECKING:
    from ._dask import Cluster, Mailbox

# Seconds for which a connection that was lost is waited for; Dask's client may give up earlier.
_PATIENCE = 30.0


class Line:
    """What stations can send to, for one caller; used by one thread.

    Args:
        cluster: Where they are.
        post: Runs something on that thread, for any other.
        on_messages: Takes what has come, on that thread.
        on_loss: Hears why nothing more will come, likewise.

    Attributes:
        arguments: What each worker makes its client by; to be set before it is opened.
        order: That, and where to send to; once it is open.
    """

    order: Order

    def __init__(
        self,
        cluster: Cluster,
        post: Callable[[Callable[[], object]], object],
        on_messages: Callable[[Sequence[Any]], object],
        on_loss: Callable[[ClusterError], object],
    ) -> None:
        self.arguments: Mapping[str, Any] = {}
        self._cluster = cluster
        self._post = post
        self._on_messages = on_messages
        self._on_loss = on_loss
        self._mailbox: Mailbox | None = None
        self._lost_at: float | None = None

    def is_open(self, now: float) -> bool:
        """Says whether it is, and opens it where it can be.

        Raises:
            ClusterError: It could not be after all.
        """
        if self._mailbox is None and self._cluster.is_connected:
            name = f"video-translation-{uuid.uuid4().hex}"
            self._mailbox = self._cluster.mailbox(name)
            self.order = Order(__version__, name, self.arguments)
            self._lost_at = None
            read, thread_name = partial(self._read, self._mailbox), "video-translation-mailbox"
            threading.Thread(target=read, name=thread_name, daemon=True).start()
        elif self._mailbox is None:
            self.lose(now)
        return self._mailbox is not None

    def lose(self, now: float) -> bool:
        """Takes note that nothing comes; returns whether that is new."""
        is_new, self._mailbox = self._lost_at is None, None
        if is_new:
            self._lost_at = now
        return is_new

    def is_gone(self, now: float) -> bool:
        """Says whether it need not be waited for any longer."""
        lost_at = self._lost_at
        return lost_at is not None and (self._cluster.is_closed or now - lost_at > _PATIENCE)

    def close(self) -> None:
        """Ends it."""
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(ClusterError):
                mailbox.close()

    def _read(self, mailbox: Mailbox) -> None:
        """Reads the mailbox, on a thread of its own."""
        try:
            while True:
                messages = mailbox.get()
                if not messages:
                    break
                self._post(partial(self._take, mailbox, messages))
        except ClusterError as error:
            self._post(partial(self._take_loss, mailbox, error))

    def _take(self, mailbox: Mailbox, messages: Sequence[Any]) -> None:
        if mailbox is self._mailbox:  # or else others poll by now for all that it speaks of
            self._on_messages(messages)

    def _take_loss(self, mailbox: Mailbox, error: ClusterError) -> None:
        if mailbox is self._mailbox:  # pragma: no branch - or that is known
            self._on_loss(error)
