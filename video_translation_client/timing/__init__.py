"""Learned timing: when a job is likely to end, from history, hints and progress."""

from .estimates import Estimate

__all__ = ["Estimate"]
