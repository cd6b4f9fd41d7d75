#!/usr/bin/env python3
"""Tests the command as a whole: options, targets, ends, losses, bad input, terminals. Needs root, BPF and the target programs.

  tests/system/run.py                     everything
  tests/system/run.py --list              the names
  tests/system/run.py filters bad_bytes   the tests whose names contain one of these words
  tests/system/run.py --go 1.23           with the programs of another Go release
  tests/system/run.py --tophash PATH      another build, such as one with sanitizers
  tests/system/run.py --jobs 2            two files of tests at a time: most tests wait for the kernel

Each test prints ok, FAIL with the reason, or skip with the reason; the last line is "N passed, M failed, K skipped". Exit code: 0 when
nothing failed, 77 when nothing could be run.

To add a test: write a function with @test in the test_*.py of its subject. harness.py has the tools.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

import harness
import suite  # after harness, which tells where it is


def why_not():
    if os.geteuid() != 0:
        return "not root"
    if not Path(harness.options.tophash).is_file():
        return f"{harness.options.tophash} is not there (make)"
    if not Path("/sys/bus/event_source/devices/uprobe").is_dir():
        return "the kernel has no uprobes"
    return None


def run_file(tests, top):
    """Runs the tests of one file, each in a folder of its own, and ends what they started. They share the programs that they build, and a
    folder for them. Returns the results."""
    results = []
    for test in tests:
        folder = top / test.__module__ / test.__name__
        folder.mkdir(parents=True)
        try:
            results.append(suite.attempt(test, folder))
        finally:
            harness.end_started()
    return results


FILES = []  # the tests of each file; the processes of a pool inherit it, because a test need not have a name by which it could be sent


def run_nth(i, top):
    return run_file(FILES[i], top)


def run_files(chosen, top, jobs):
    """Runs `jobs` files of tests at a time. Each file has a process of its own."""
    files = {}
    for test in chosen:
        files.setdefault(test.__module__, []).append(test)
    if jobs == 1:
        return [result for tests in files.values() for result in run_file(tests, top)]
    # Those with the most tests first, so that no long one is left at the end.
    FILES[:] = sorted(files.values(), key=len, reverse=True)
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        return [result for results in pool.starmap(run_nth, [(i, top) for i in range(len(FILES))], chunksize=1) for result in results]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--go", default="1.26")
    parser.add_argument("--tophash", default=str(harness.REPO / "build/tophash"))
    parser.add_argument("--sanitized", action="store_true", help="it is a build with sanitizers: slow, and with much address space")
    parser.add_argument("--rounds", type=int, default=12, help="of bad_bytes, each area")
    parser.add_argument("--jobs", type=int, default=1, help="files of tests that run at a time")
    parser.add_argument("--keep", action="store_true", help="keep the files of bad_bytes that failed")
    options = parser.parse_args(namespace=harness.options)
    options.tophash = str(Path(options.tophash).resolve())
    return options


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored if this runs in the background; traced programs must not inherit that
        signal.signal(number, signal.default_int_handler)
    chosen = suite.find(harness.HERE, options.words)
    if options.list:
        print("\n".join(t.__name__ for t in chosen))
        return 0
    reason = why_not()
    if reason:
        print(f"skip everything: {reason}\n0 passed, 0 failed, {len(chosen)} skipped")
        return 77
    with tempfile.TemporaryDirectory(prefix="tophash-system-") as tmp:
        os.chmod(tmp, 0o755)  # for tests without privilege
        return suite.summary(run_files(chosen, Path(tmp), options.jobs))


if __name__ == "__main__":
    sys.exit(main())
