#!/usr/bin/env python3
"""Tests whether the map passes the tests of other tables. Their files are not in this repository. PEERS names the folder that has them.

    PEERS=DIR tests/map/others.py [--seed N]

Verstable: the unit tests of its repository, compiled with others/verstable.h in the place of its own header: maps and sets of integers and
strings, destructors, contexts, an allocator that fails at one of five calls. Once as users build it, once under sanitizers.

A line a check; the last line is "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
BUILDS = {"-O2": ["-O2"], "sanitizers": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]}


def find_tests(folder):
    """Returns the folder of Verstable's unit tests, or None."""
    for path in sorted(Path(folder).rglob("unit_tests.c")):
        if "Verstable" in path.read_text(errors="replace")[:200]:
            return path
    return None


def run_tests(tests, flags, seed, tmp):
    """Returns None, or the failure. A failed assertion of theirs ends the program with exit code 0. Therefore the last words decide."""
    folder = Path(tmp) / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tests, folder / "unit_tests.c")  # it includes the header as ../
    shutil.copyfile(HERE / "others/verstable.h", Path(tmp) / "verstable.h")
    exe = Path(tmp) / "unit_tests"
    built = subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-w", *flags, f"-DVT_SEED={seed}", f"-I{REPO / 'include'}",
                            folder / "unit_tests.c", *sorted(REPO.glob("map/*.c")), "-o", exe], text=True, capture_output=True)  # fmt: skip
    if built.returncode:
        return built.stderr
    ran = subprocess.run([exe], text=True, capture_output=True, timeout=600)
    return None if ran.returncode == 0 and "All done." in ran.stdout else f"exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the allocator's failures")
    args = parser.parse_args()
    peers = os.environ.get("PEERS")
    tests = find_tests(peers) if peers else None
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    if not tests:
        why = f"no unit_tests.c of Verstable below {peers}" if peers else "PEERS=DIR names no folder with Verstable's tests"
        print(f"skip verstable: {why}")
        counts["skip"] += 1
    for name, flags in BUILDS.items() if tests else ():
        with tempfile.TemporaryDirectory() as tmp:
            error = run_tests(tests, flags, args.seed, tmp)
        counts["FAIL" if error else "ok"] += 1
        print(f"{'FAIL' if error else 'ok'}   verstable, {name}, seed {args.seed}" + (f"\n{error}" if error else ""))
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
