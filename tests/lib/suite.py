"""Common functions of the suites whose tests are functions: marks, checks, and the run of one test.

A suite puts this folder into sys.path, finds its tests, and calls attempt() for each. The test_*.py of tests/system and tests/addr import
from their harness.py.
"""

import importlib
import sys
import time
import traceback
from argparse import Namespace

TESTS = []  # each function with @test, in the order in which they are read
options = Namespace()  # of the command line
folder = None  # Path: the folder for the files of the running test


class Failed(Exception):
    """A failed check, with the reason."""


class Skip(Exception):
    """A test that cannot run on this machine, with the reason."""


def test(f):
    """Marks a function as a test. Its name is the test's name."""
    TESTS.append(f)
    return f


def tmp(name=""):
    """Returns a path in the folder of the test that runs."""
    return folder / name


def check(condition, text):
    """Fails with this text if the condition does not hold."""
    if not condition:
        raise Failed(text)


def same(got, want, what):
    """Fails if the two are not equal."""
    if got != want:
        raise Failed(f"{what}: {got!r}, should be {want!r}")


def find(here, words=()):
    """Imports every test_*.py of a suite's folder. Returns the tests whose names contain one of the words, or all without words."""
    for file in sorted(here.glob("test_*.py")):
        importlib.import_module(file.stem)
    names = [t.__name__ for t in TESTS]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        sys.exit(f"more than one test has this name: {', '.join(sorted(twice))}")
    return [t for t in TESTS if not words or any(w in t.__name__ for w in words)]


def attempt(function, its_folder=None, name=None):
    """Runs a test with its files in a folder, prints a line, and returns "ok", "FAIL" or "skip". What the test returns is a note for the
    line."""
    global folder
    folder = its_folder
    begun = time.monotonic()
    try:
        note = function()
        result, text = "ok", (f": {note}" if note else "") + f" ({time.monotonic() - begun:.1f} s)"
    except Skip as s:
        result, text = "skip", f": {s}"
    except Failed as f:
        result, text = "FAIL", f": {str(f)[:4000]}"
    except Exception:
        result, text = "FAIL", f":\n{traceback.format_exc()}"
    print(f"{result:4} {name or function.__name__}{text}", flush=True)
    return result


def summary(results):
    """Prints the last line of a suite. Returns its exit code."""
    print(f"{results.count('ok')} passed, {results.count('FAIL')} failed, {results.count('skip')} skipped")
    return 1 if "FAIL" in results else 0
