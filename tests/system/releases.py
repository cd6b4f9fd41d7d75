"""The Go releases that tests build their programs with: those that are in the cache."""

from harness import Skip, options

import build
import sample


def releases(oldest=0):
    """Returns the releases in the cache, from Go 1.N (oldest) on."""
    there = [v for v in build.VERSIONS if (build.CACHE / "go" / v / "bin/go").exists() and int(v.split(".")[1]) >= oldest]
    if not there:
        raise Skip("no Go in the cache (tools/go-toolchains)")
    return there


def ends():
    """Returns the oldest release, the last classic one, and the newest."""
    there = releases()
    return there[0], [v for v in there if not sample.is_swiss(v)][-1], there[-1]


def drawn(what, oldest=0):
    """Returns two releases for `make test`, of which one is classic, and all of them for the long tier. Tests with different names draw
    independently."""
    there = releases(oldest)
    if options.rounds >= 200:
        return there
    kinds = [[v for v in there if sample.is_swiss(v) == swiss] for swiss in (False, True)]
    return [go for kind in kinds for go in sample.some(sample.today(), what, kind, 1)]
