"""How one rate is split among those that keep to it: their shares never add up to more.

Pure bookkeeping over moments that are passed in. A share grows only by what is free; what another
one gives up is free once its holder has said that it keeps to less, or is surely dead.
"""

from __future__ import annotations

from typing import Mapping


class _Share:
    def __init__(self) -> None:
        self.sent = 0.0  # what its holder was told last
        self.bound = 0.0  # the most that it may still keep to
        self.ends_at: float | None = None  # of one that is lost: when it is free


class Shares:
    """The shares of one rate.

    Args:
        max_rate: Requests a second in all, above 0, or None for no limit.
    """

    def __init__(self, max_rate: float | None) -> None:
        self._max_rate = max_rate
        self._shares: dict[str, _Share] = {}

    def grant(self, weights: Mapping[str, int], now: float) -> dict[str, float | None]:
        """Returns what each holder is to be told now.

        Args:
            weights: All holders, and how much work each has.
            now: The time.
        """
        if self._max_rate is None:
            return dict.fromkeys(weights)
        for name in [n for n, s in self._shares.items() if s.ends_at and s.ends_at <= now]:
            del self._shares[name]
        total = sum(weights.values())
        targets = {name: self._max_rate * w / total if w else 0.0 for name, w in weights.items()}
        for name, target in targets.items():
            share = self._shares.setdefault(name, _Share())
            share.sent = min(share.sent, target)
        free = self._max_rate - sum(share.bound for share in self._shares.values())
        for name, target in targets.items():
            share = self._shares[name]
            gain = min(target - share.bound, free)
            if gain > 0:
                free -= gain
                share.bound += gain
                share.sent = share.bound
        return {name: self._shares[name].sent for name in weights}

    def of(self, name: str) -> float | None:
        """Returns what a holder was told last; None is no limit."""
        share = self._shares.get(name)
        return None if self._max_rate is None else 0.0 if share is None else share.sent

    def confirm(self, name: str, rate: float | None) -> None:
        """Takes note of what a holder says that it keeps to."""
        share = self._shares.get(name)
        if share is not None and rate == share.sent:
            share.bound = share.sent

    def lose(self, name: str, free_at: float) -> None:
        """Takes note that nothing is heard of a holder: its share is free at that moment."""
        share = self._shares.get(name)
        if share is not None and share.ends_at is None:
            share.ends_at = free_at
