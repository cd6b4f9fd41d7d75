#!/usr/bin/env python3
"""Tests a map with objects of Boehm's collector: none is freed too early, and none is kept after its delete.

    tests/map/gc.py

Builds tests/map/gc_stress.c and examples/gc/boehm.c with gcc and clang and runs them. The stress run forces collections in the middle of
growing and shrinking. It counts objects that were finalized while they were in the map (lost), and objects that were not finalized after
they had left (kept). The test also shows that the barrier is needed: the same run must fail with the barrier off, as a whole or for one
kind of write.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{ROOT / 'include'}"]
# A word that looks like a pointer to an object, in a register or on the stack, keeps the object: a few of 170,000.
KEPT_MAX = 64
EXAMPLE = """put 100000, finalized 0
right: 100000 of 100000
deleted 90000, finalized them
finished, finalized the rest
"""
# Runs that lose objects, and why. They stop at the first loss.
BROKEN = {
    "skip=all": "no write is told of",
    "nobarrier": "there is no barrier",
    "skip=new": "new entries are not told of",
    "skip=replace": "replaced values are not told of",
    "skip=move": "moved entries are not told of",
    "skip=evacuate": "only moved blocks are told of, not single slots",
    "between": "a collection begins between the barrier and the write",
}

counts = {"ok": 0, "FAIL": 0, "skip": 0}


def line(kind, text):
    counts[kind] += 1
    print(f"{kind:4} {text}", flush=True)


def check(good, text, detail=""):
    line("ok" if good else "FAIL", text + (f": {detail}" if detail else ""))
    return good


def gc_flags():
    """Returns the flags for libgc, or None."""
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "bdw-gc"], text=True, capture_output=True)
    return found.stdout.split() if found.returncode == 0 else None


def build(compiler, source, program, flags):
    result = subprocess.run([compiler, *FLAGS, "-o", program, ROOT / source, *sorted(ROOT.glob("map/*.c")),
                             *flags], text=True, capture_output=True)
    return check(result.returncode == 0, f"{compiler} builds {source}", result.stderr.strip())


def run(program, *options):
    """Returns the numbers that a run prints, or None and the reason."""
    # One marker thread only, because the stack of a helper thread may keep objects, too.
    env = dict(os.environ, GC_MARKERS="1")
    env.pop("TOPHASH_DEBUG", None)
    try:
        result = subprocess.run([program, *options], text=True, capture_output=True, env=env, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "no end after 120 s"
    if result.returncode != 0:
        return None, f"exit code {result.returncode} {result.stderr.strip()}"
    return {name: int(n) for name, n in map(str.split, result.stdout.splitlines())}, ""


def check_sound(compiler, program, *options):
    what = f"{compiler}: {' '.join(options)}"
    got, why = run(program, *options)
    if not got:
        check(False, what, why)
        return None
    check(got["lost"] == 0, f"{what}: nothing is freed too early",
          f"{got['lost']} lost of {got['objects']}, {got['full']} full, {got['minor']} minor collections, "
          f"{got['stepped']} steps with an evacuation half done")
    check(got["kept"] <= KEPT_MAX, f"{what}: nothing is kept after its delete",
          f"{got['kept']} kept of {got['objects']}")
    check(got["stepped"] > 1000 and got["puts"] > 30000 and got["deletes"] > 30000,
          f"{what}: enough was done", f"{got['puts']} puts, {got['deletes']} deletes")
    return got


def check_calls(got):
    """Each write has its call of the barrier, and there is no other call."""
    check(got["calls_new"] == got["puts"], "a call for each new entry", got["calls_new"])
    check(got["calls_replace"] == got["replaces"], "a call for each replaced value", got["calls_replace"])
    left = got["deletes"] + got["cleared"]
    check(got["calls_clear"] == left + got["calls_move"],
          "a call for each entry that goes, two for each that moves",
          f"{left} deleted or cleared, {got['calls_move']} moved (of these {got['wide'] // 2} blocks of slots), "
          f"{got['calls_clear']} calls for what is cleared")


def check_broken(compiler, program):
    for option, meaning in BROKEN.items():
        got, why = run(program, option)
        check(got and got["lost"] > 0, f"{compiler}: {option}: objects are lost when {meaning}",
              why or f"{got['lost']} after {got['puts']} puts")
    got, why = run(program, "plain", "nobarrier")
    check(got and got["lost"] == 0 and got["kept"] > 1000,
          f"{compiler}: plain nobarrier: deleted objects are kept where slots are not cleared",
          why or f"{got['kept']} of {got['objects']}")


def check_example(compiler, program):
    result = subprocess.run([program], text=True, capture_output=True, timeout=120)
    check(result.returncode == 0 and result.stdout == EXAMPLE, f"{compiler}: the example prints what it should",
          "" if result.stdout == EXAMPLE else result.stdout + result.stderr)


def check_compiler(compiler, flags, folder):
    stress, example = folder / f"stress-{compiler}", folder / f"example-{compiler}"
    if build(compiler, "examples/gc/boehm.c", example, flags):
        check_example(compiler, example)
    if not build(compiler, "tests/map/gc_stress.c", stress, flags):
        return
    got = check_sound(compiler, stress, "seed=1")
    if got:
        check_calls(got)
    check_sound(compiler, stress, "seed=2", "thread")
    check_sound(compiler, stress, "seed=3", "plain")
    if compiler == "gcc":
        check_broken(compiler, stress)


def main():
    flags = gc_flags()
    for compiler in ("gcc", "clang"):
        if flags is None:
            line("skip", f"{compiler}: no libgc (Debian: libgc-dev), or no pkg-config")
        elif not shutil.which(compiler):
            line("skip", f"no {compiler}")
        else:
            with tempfile.TemporaryDirectory() as folder:
                check_compiler(compiler, flags, Path(folder))
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
