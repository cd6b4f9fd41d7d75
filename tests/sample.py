"""Draws the samples of `make test` from lists that are too long for twenty minutes.

The seed is the day's date, and a run prints it. Another day takes other entries; the same seed takes the same ones again.
`make test-long` takes the whole lists.
"""
import datetime
import random

FIRST_SWISS = 24  # Go 1.24: internal/runtime/maps
# The releases with which the suites build their own programs: the newest classic release, and two Swiss ones.
ALWAYS = ["1.23", "1.26", "1.27"]


def today():
    return int(datetime.date.today().strftime("%Y%m%d"))


def is_swiss(release):
    return int(release.split(".")[1]) >= FIRST_SWISS


def some(seed, what, items, count):
    """Returns `count` of the items, in their order. Lists with different names are sampled independently."""
    items = list(items)
    chosen = set(random.Random(f"{seed} {what}").sample(range(len(items)), min(count, len(items))))
    return [item for number, item in enumerate(items) if number in chosen]


def releases(seed, known):
    """Returns the Go releases that are always taken, and one more."""
    more = some(seed, "releases", [r for r in known if r not in ALWAYS], 1)
    return [r for r in known if r in ALWAYS + more]
