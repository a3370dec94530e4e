"""Waits that outlive their process: they are kept in a file that processes share."""

from __future__ import annotations

from ._store import Store, StoredWait

__all__ = ["Store", "StoredWait"]
