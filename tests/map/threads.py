#!/usr/bin/env python3
"""Tests whether any number of threads may read a map, and whether a second writer is noticed.

    tests/map/threads.py

Runs tests/map/threads.c: readers under the ThreadSanitizer of gcc and clang, which must be silent; the same with a writer, which it must
find (otherwise the first check proves nothing); and writers at the same time, which must be reported to the fault handler.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = [HERE / "threads.c", *sorted((ROOT / "map").glob("*.c"))]
FLAGS = ["-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I", str(ROOT / "include"), "-pthread"]
RACE = "WARNING: ThreadSanitizer: data race"

counts = {"ok": 0, "FAIL": 0, "skip": 0}


def say(kind, text):
    counts[kind] += 1
    print(f"{kind:4} {text}", flush=True)


def run(command):
    env = dict(os.environ, TSAN_OPTIONS="exitcode=66 halt_on_error=0")
    command = [str(word) for word in command]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, env=env, timeout=600)


def check(name, good, result):
    tail = "" if good else f": exit code {result.returncode}\n{(result.stdout + result.stderr)[-3000:]}"
    say("ok" if good else "FAIL", name + tail)


def sanitized(top, cc):
    program = top / f"{cc}_thread"
    built = run([cc, *FLAGS, "-O1", "-fsanitize=thread", *SOURCES, "-o", program])
    if built.returncode:
        say("skip" if "tsan" in built.stderr else "FAIL", f"{cc} -fsanitize=thread: {built.stderr[-500:]}")
        return
    result = run([program, "readers"])
    if "unexpected memory mapping" in result.stderr:
        say("skip", f"{cc} -fsanitize=thread: this kernel's addresses are not those it wants")
        return
    check(f"{cc}: readers are silent", result.returncode == 0 and RACE not in result.stderr, result)
    result = run([program, "mixed"])
    check(f"{cc}: a writer among readers is found", RACE in result.stderr, result)


def plain(top, cc):
    program = top / f"{cc}_plain"
    built = run([cc, *FLAGS, "-O2", *SOURCES, "-o", program])
    if built.returncode:
        check(f"{cc}: threads.c", False, built)
        return
    for what in ("readers", "writers"):
        result = run([program, what])
        check(f"{cc}: {what}", result.returncode == 0, result)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for cc in ("gcc", "clang"):
            if not shutil.which(cc):
                say("skip", f"no {cc}")
                continue
            sanitized(Path(folder), cc)
            plain(Path(folder), cc)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
