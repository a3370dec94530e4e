"""The heap of moments: what is due when."""

import gc
import math
import random
import weakref

from video_translation_client._scheduling.timers import Timers


def due(timers, now):
    """What comes due at ``now``."""
    return [item for _, item in timers.take(now)]


class Item:
    """Something that can be weakly referenced."""


def test_items_come_due_in_the_order_of_their_moments_and_of_their_adding():
    """Earlier moments first; among equal ones, what was added first."""
    timers = Timers()
    for when, item in [(3, "c"), (1, "a"), (2, "b1"), (2, "b2"), (9, "z")]:
        timers.add(when, item)
    assert timers.next() == 1
    assert due(timers, 2) == ["a", "b1", "b2"]
    assert due(timers, 2) == []
    assert timers.next() == 3


def test_a_removed_item_never_comes_due():
    """It is as if it had not been added, also when it was the first; twice does no harm."""
    timers = Timers()
    first = timers.add(1, "first")
    timers.add(2, "second")
    timers.add(3, "third")
    timers.remove(first)
    timers.remove(first)
    assert len(timers) == 2
    assert timers.next() == 2
    assert due(timers, 10) == ["second", "third"]
    assert timers.next() == math.inf


def test_an_item_that_came_due_can_still_be_removed_in_vain():
    """Removing it changes nothing."""
    timers = Timers()
    timer = timers.add(1, "only")
    assert due(timers, 1) == ["only"]
    timers.remove(timer)
    assert len(timers) == 0


def test_the_heap_lets_go_of_a_removed_item_at_once():
    """However far off its moment lies, nothing keeps it in memory."""
    timers = Timers()
    item = Item()
    gone = weakref.ref(item)
    timer = timers.add(1e9, item)
    timers.add(1e9, Item())
    del item
    timers.remove(timer)
    gc.collect()
    assert gone() is None


def test_the_heap_does_not_grow_with_what_was_removed():
    """A million removals leave no million places."""
    timers = Timers()
    kept = timers.add(5, "kept")
    for _ in range(10_000):
        timers.remove(timers.add(1e9, "gone"))
    assert len(timers._heap) < 10
    assert due(timers, 5) == ["kept"]
    timers.remove(kept)
    assert len(timers) == 0


def test_it_agrees_with_a_sorted_list_whatever_is_added_and_removed():
    """The same items come due as from a plain list that is searched each time."""
    chance = random.Random(1)
    timers, plain = Timers(), {}
    for number in range(5_000):
        if plain and chance.random() < 0.4:
            victim = chance.choice(sorted(plain))
            timers.remove(plain.pop(victim))
        else:
            when = chance.randrange(100)
            plain[(when, number)] = timers.add(when, (when, number))
        if chance.random() < 0.05:
            now = chance.randrange(20)
            expected = sorted(entry for entry in plain if entry[0] <= now)
            assert due(timers, now) == expected
            for entry in expected:
                del plain[entry]
        assert len(timers) == len(plain)


def test_no_more_is_taken_than_asked_for():
    """What is left comes due later; each has its moment with it."""
    timers = Timers()
    for number in range(4):
        timers.add(number, f"item {number}")
    assert timers.take(2, most=2) == [(0, "item 0"), (1, "item 1")]
    assert timers.take(2, most=2) == [(2, "item 2")]
    assert due(timers, 3) == ["item 3"]
