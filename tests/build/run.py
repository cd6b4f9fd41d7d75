#!/usr/bin/env python3
"""Tests whether the built files are hardened as Debian's packages are, and equal from every folder.

    tests/build/run.py [--build DIR] [WORD...]

hardened      the tool and the shared library: position-independent, GOT read-only after start, no executable stack, stack protector,
              fortified calls, branch targets marked
reproducible  two copies of the tree in folders of different names are built, without ccache: the tool and both libraries are equal

With words: only the checks whose names contain one. A line a check, ok, FAIL or skip; the last line is "N passed, M failed,
K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MADE = ["tophash", "libtophash.a", "libtophash.so.0"]
BUILD = None


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def run(command, **kwargs):
    done = subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def missing_in(path):
    """Returns the names of the protections that a file lacks."""
    header, segments, dynamic = (run(["readelf", "-W", flag, path]) for flag in ("-h", "-l", "-d"))
    symbols = run(["readelf", "-W", "--dyn-syms", path])
    code = run(["objdump", "-d", "--no-show-raw-insn", path])
    stack = re.search(r"GNU_STACK.* (RWE?) ", segments)
    yield from (name for name, there in {
        "position-independent": "DYN" in header,
        "relro": "GNU_RELRO" in segments,
        "bind now": "BIND_NOW" in dynamic or re.search(r"\bNOW\b", dynamic),
        "stack without execution": stack and stack[1] == "RW",
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified calls": re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols),
        "marked branch targets": re.search(r"\s(endbr64|paciasp|bti)\b", code),
    }.items() if not there)


def hardened():
    names = ["tophash", "libtophash.so.0"]
    for name in names:
        lacks = list(missing_in(BUILD / name))
        if lacks:
            raise Failed(f"{name} lacks: {', '.join(lacks)}")
    return ", ".join(names)


def hardened_sees():
    """The check above must find a program without any protection."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        (Path(folder) / "plain.c").write_text('#include <stdio.h>\nint main(void) { printf("%d\\n", 1); return 0; }\n')
        run(["gcc", "-O2", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-z", "execstack", "-Wl,-z,norelro,-z,lazy",
             f"{plain}.c", "-o", plain])
        lacks = list(missing_in(plain))
        # The start files that every program is linked with may mark their branches.
        if set(lacks) | {"marked branch targets"} != {"position-independent", "relro", "bind now", "stack without execution",
                                                      "stack protector", "fortified calls", "marked branch targets"}:
            raise Failed(f"only these are missed: {lacks}")
    return f"{len(lacks)} missed in a plain program"


def files():
    """The files of the tree, as they are now."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        raise Skip("not a git repository: what belongs to the tree is not known")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def built_in(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    env = dict(os.environ, CCACHE_DISABLE="1")
    run(["meson", "setup", "build", "--buildtype=release"], cwd=folder, env=env)
    run(["ninja", "-C", "build", "--quiet", "-j", "1"], cwd=folder, env=env)
    return [(folder / "build" / name).read_bytes() for name in MADE]


def reproducible():
    names = files()
    with tempfile.TemporaryDirectory(prefix="tophash-build-") as top:
        folders = [Path(top) / "one", Path(top) / "another folder/deeper"]
        for folder in folders:
            folder.mkdir(parents=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            one, other = pool.map(built_in, folders, [names] * 2)
        different = [name for name, a, b in zip(MADE, one, other) if a != b]
        if different:
            raise Failed(f"different: {', '.join(different)}")
        inside = [name for name, data in zip(MADE, one) if top.encode() in data]
        if inside:
            raise Failed(f"the folder's name is in {', '.join(inside)}")
    return ", ".join(MADE)


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    BUILD = args.build.resolve()
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for check in (hardened, hardened_sees, reproducible):
        name = check.__name__.replace("_", " ")
        if args.words and not any(word in name for word in args.words):
            continue
        try:
            if check is not reproducible and platform.machine() != "x86_64":
                raise Skip("the flags are those of x86-64")
            kind, text = "ok", check()
        except Skip as why:
            kind, text = "skip", why
        except (Failed, OSError) as why:
            kind, text = "FAIL", why
        counts[kind] += 1
        print(f"{kind:4} {name}: {text}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
