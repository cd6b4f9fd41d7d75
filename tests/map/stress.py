#!/usr/bin/env python3
"""Compares the map with an array, for as long as one likes.

    tests/map/stress.py [--minutes N] [--jobs N] [--only WAY --seed N]

Runs tests/map/driver.c again and again, with another seed each time, in each of several ways: as it is, with many keys, under the
sanitizers, with a kernel that refuses mappings. The driver uses all kinds of keys, live loops, failing allocators, and moves that are
shared, held back or done at once.

A line for each way at the end, and "N passed, M failed, K skipped". A run that fails says how to repeat it. Exit code: 0 when none did.
"""
import argparse
import concurrent.futures
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ports import HERE, SANITIZE, SOURCES, STRICT, last_lines

KERNEL = [str(HERE / "driver_kernel.c")]
# Compiler, flags, more sources, operations for each kind of key: a run takes about ten seconds.
WAYS = {
    "plain": ("gcc", ["-O2"], [], 100000),
    "many keys": ("gcc", ["-O2", "-DKEYS=150000"], [], 400000),
    "sanitizers": ("clang", ["-O1", *SANITIZE], [], 25000),
    "refusing kernel": ("gcc", ["-O2", "-DKEYS=150000"], KERNEL, 400000),
    "refusing kernel, few keys": ("clang", ["-O2", "-DKEYS=60000"], KERNEL, 200000),
}


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.runs = {way: 0 for way in WAYS}
        self.operations = {way: 0 for way in WAYS}
        self.failed = {}


def build(top, way):
    """Returns the program, or None if its compiler is missing."""
    cc, flags, more, _ = WAYS[way]
    if not shutil.which(cc):
        return None
    program = top / re.sub(r"\W+", "_", way)
    subprocess.run([cc, *STRICT, *flags, *SOURCES, *more, "-o", program], check=True, stdin=subprocess.DEVNULL, timeout=600)
    return program


def run_once(program, way, seed, tally):
    ran = subprocess.run([program, str(seed), str(WAYS[way][3])], capture_output=True, text=True, errors="replace",
                         stdin=subprocess.DEVNULL, timeout=3600)
    done = sum(int(n) for n in re.findall(r"^ok .*: (\d+) operations\b", ran.stdout, re.M))
    with tally.lock:
        tally.runs[way] += 1
        tally.operations[way] += done
        if ran.returncode and way not in tally.failed:
            tally.failed[way] = seed
            print(f"FAIL {way}: exit code {ran.returncode}; to repeat: tests/map/stress.py --only '{way}' --seed {seed}\n"
                  + last_lines(ran.stdout + ran.stderr, 40), flush=True)


def work(programs, turn, jobs, until, tally):
    chosen = random.Random()
    ways = list(programs)
    while time.monotonic() < until:
        way = ways[turn % len(ways)]
        turn += jobs
        if len(tally.failed) == len(ways):
            break
        if way in tally.failed:
            continue
        run_once(programs[way], way, chosen.randrange(1 << 32), tally)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=WAYS, metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seed", type=int, help="one run of that way with this seed")
    args = parser.parse_args()
    if args.seed is not None and not args.only:
        parser.error("--seed wants --only")
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        programs = {way: build(Path(folder), way) for way in ([args.only] if args.only else WAYS)}
        ready = {way: program for way, program in programs.items() if program}
        if args.seed is not None and ready:
            run_once(ready[args.only], args.only, args.seed, tally)
        elif ready:
            until = time.monotonic() + 60 * args.minutes
            with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
                futures = [pool.submit(work, ready, turn, args.jobs, until, tally) for turn in range(args.jobs)]
                for future in futures:
                    future.result()
    for way in ready:
        print(f"{'FAIL' if way in tally.failed else 'ok  '} {way}: {tally.runs[way]} runs, {tally.operations[way]} operations")
    skipped = len(programs) - len(ready)
    print(f"{len(ready) - len(tally.failed)} passed, {len(tally.failed)} failed, {skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
