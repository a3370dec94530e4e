"""When a job is likely to end: learned from those before, and tried out on known durations."""

from .estimates import Estimate
from .history import DurationHistory
from .simulation import Simulation, simulate

__all__ = ["DurationHistory", "Estimate", "Simulation", "simulate"]
