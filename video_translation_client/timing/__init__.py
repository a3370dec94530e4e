"""When a job is likely to end: learned from those before, and tried out on known durations."""

from .aware import DurationAware
from .estimates import Estimate
from .history import DurationHistory
from .simulation import Simulation, simulate

__all__ = ["DurationAware", "DurationHistory", "Estimate", "Simulation", "simulate"]
