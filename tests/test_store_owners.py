"""Which process polls for a wait in a store, and how others find out that it lives no more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from video_translation_client.store._owners import Owner, Watch, here

LEASE = 15.0
PLACE, PID, STARTED = here()
NAME, BOOT, PROCESSES = PLACE.split(" ")

on_linux = pytest.mark.skipif(not BOOT, reason="this system tells no boots apart")


def owner(place=PLACE, pid=PID, started=STARTED, beat=0):
    """One with the number 7."""
    return Owner(7, place, pid, started, beat)


def ended_process():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_living_process_of_this_machine_is_alive():
    """This one, for instance."""
    assert Watch(LEASE).dead([owner()], 0.0) == []


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody asks for processes")
def test_a_process_that_is_gone_is_dead_at_once():
    """Where both see the same processes."""
    assert Watch(LEASE).dead([owner(pid=ended_process())], 0.0) == [7]


@on_linux
def test_a_later_process_with_the_same_number_is_another_one():
    """The mark of its start tells."""
    assert Watch(LEASE).dead([owner(started="1")], 0.0) == [7]


@on_linux
@pytest.mark.parametrize("processes", [PROCESSES, "pid:[1]"])
def test_what_polled_before_a_reboot_is_dead(processes):
    """In a container, too."""
    assert Watch(LEASE).dead([owner(f"{NAME} an-earlier-boot {processes}")], 0.0) == [7]


@pytest.mark.parametrize(
    "place", [f"other {BOOT} {PROCESSES}", f"{NAME} {BOOT} pid:[1]", f"{NAME}  ", "nonsense"]
)
def test_one_whose_processes_are_not_seen_is_dead_once_it_shows_no_life(place):
    """On another machine or in another container: by the time of who looks, not by any clock's."""
    watch, elsewhere = Watch(LEASE), owner(place, pid=ended_process())
    assert watch.dead([elsewhere], 100.0) == []
    assert watch.dead([elsewhere], 114.9) == []
    assert watch.dead([elsewhere], 115.0) == [7]


def test_each_beat_shows_life():
    """One that hung goes on if it beats in time."""
    watch = Watch(LEASE)
    for beat, now in enumerate((0.0, 14.0, 28.0, 42.0)):
        assert watch.dead([owner(f"other {BOOT} {PROCESSES}", beat=beat)], now) == []


def test_one_that_lives_here_but_hangs_is_dead_as_well():
    """It may hang for ever."""
    watch = Watch(LEASE)
    assert watch.dead([owner()], 0.0) == []
    assert watch.dead([owner()], 15.0) == [7]
