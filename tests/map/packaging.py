#!/usr/bin/env python3
"""Tests the map as C programmers get it: built alone, installed, and as one file, with examples and a manual that are true.

    tests/map/packaging.py [--build DIR] [--list] [WORD...]

With words: only the checks whose names contain one. A line a check, ok, FAIL or skip; the last line is "N passed, M failed,
K skipped". Exit code: 0 when nothing failed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import packaging_built  # noqa: F401  # each adds its checks to CHECKS
import packaging_onefile  # noqa: F401
import packaging_docs  # noqa: F401
from packaging_harness import at, CHECKS, REPO, run_check


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=REPO / "build")
    parser.add_argument("--list", action="store_true", help="print the names of the checks, run nothing")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    if args.list:
        print("\n".join(function.__name__ for function in CHECKS))
        return 0
    at.build = args.build.resolve()
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory() as tmp:
        at.tmp = Path(tmp)
        for function in CHECKS:
            if not args.words or any(word in function.__name__ for word in args.words):
                run_check(function, counts)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
