#!/usr/bin/env python3
"""Compares `tophash addr` with other readers of the same files. Every answer must equal theirs, or the difference must be of a proven
class.

  tests/addr/run.py                       a selection: some Go releases, some addresses
  tests/addr/run.py --all                 every release and variant in the cache, more addresses
  tests/addr/run.py --list                the names
  tests/addr/run.py dwarf annotate        the tests whose names contain one of these words
  tests/addr/run.py --tophash PATH        another build, such as one with sanitizers

Oracles: llvm-symbolizer and addr2line (debug information), go tool addr2line and the Go runtime itself (gopclntab), nm (symbols), objdump
(instructions). Needs the target programs (tests/matrix/build.py). It builds its own programs into the cache. Each test prints ok, FAIL with
the reason, or skip with the reason; the last line is "N passed, M failed, K skipped". Exit code: 0 when nothing failed.

To add a test: write a function with @test in the test_*.py of its subject. harness.py has the tools.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import harness
import suite  # after harness, which tells where it is


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tophash", default=str(harness.REPO / "build/tophash"))
    ap.add_argument("--all", action="store_true")
    ap.add_argument("--go", type=harness.build.names, default=[], metavar="1.NN,…", help="these releases, instead of the selection")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("words", nargs="*")
    options = ap.parse_args(namespace=harness.options)
    options.tophash = str(Path(options.tophash).resolve())
    chosen = suite.find(harness.HERE, options.words)
    if options.list:
        for f in chosen:
            print(f"{f.__name__:20}  {f.__doc__.splitlines()[0]}")
        return 0
    with tempfile.TemporaryDirectory(prefix="tophash-addr-") as folder:
        return suite.summary([suite.attempt(f, Path(folder)) for f in chosen])


if __name__ == "__main__":
    sys.exit(main())
