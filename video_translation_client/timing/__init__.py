"""Learned timing: when a job is likely to end, from history, hints and progress."""

from .estimates import Estimate
from .simulation import Simulation, simulate

__all__ = ["Estimate", "Simulation", "simulate"]
