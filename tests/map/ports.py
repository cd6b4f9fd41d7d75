#!/usr/bin/env python3
"""Tests whether the map works the same on every machine, with every way of searching tags, and under the sanitizers.

    tests/map/ports.py [--ops N] [--seed N] [--jobs N] [PORT...]
    tests/map/ports.py --list

Builds map/ with tests/map/driver.c, the map against an array for every kind of key, for each port, and runs it: natively, or under
qemu-user where the port names one. Prints the seed. It differs each time; --seed repeats a run.

A line a port, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
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
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = [HERE / "driver.c", HERE / "driver_kinds.c", *sorted((ROOT / "map").glob("*.c"))]
STRICT = ["-std=gnu17", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Werror", "-D_GNU_SOURCE", "-g", "-I", str(ROOT / "include")]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


class Port:
    """machine: what platform.machine() must say to run it without an emulator; macro: one that it must define."""

    def __init__(self, name, cc, *flags, machine="x86_64", emulator=None, macro=None, share=1.0):
        self.name, self.cc, self.flags = name, cc, flags
        self.machine, self.emulator, self.macro, self.share = machine, emulator, macro, share


PORTS = [
    Port("native gcc", "gcc", "-O2", machine=None),
    Port("native clang", "clang", "-O2", machine=None),
    Port("native, portable tags", "gcc", "-O2", "-DTOPHASH_PORTABLE_TAGS", machine=None),
    Port("native clang, portable tags", "clang", "-O2", "-DTOPHASH_PORTABLE_TAGS", machine=None),
    Port("native, plain arguments", "gcc", "-O2", "-DTOPHASH_PLAIN_ARGS", machine=None),
    Port("native -O0", "gcc", "-O0", machine=None),
    Port("native -O3 -flto", "gcc", "-O3", "-flto=1", machine=None),
    Port("native, sanitizers", "clang", "-O1", *SANITIZE, machine=None, share=0.2),
    Port("native, sanitizers, portable tags", "gcc", "-O1", *SANITIZE, "-DTOPHASH_PORTABLE_TAGS", machine=None, share=0.2),
    Port("x86-64 SSE2", "gcc", "-O2", "-march=x86-64", macro="!__SSSE3__"),
    Port("x86-64 SSSE3", "gcc", "-O2", "-march=x86-64", "-mssse3", macro="__SSSE3__"),
    Port("x86-64 SSSE3 clang", "clang", "-O2", "-march=x86-64", "-mssse3", macro="__SSSE3__"),
    Port("x86-64 AVX2", "gcc", "-O2", "-march=x86-64-v3", macro="__AVX2__"),
    Port("x86-64 AVX2 clang", "clang", "-O2", "-march=x86-64-v3", macro="__AVX2__"),
    Port("i686", "i686-linux-gnu-gcc", "-O2", "-static"),
    Port("i686 SSE2", "i686-linux-gnu-gcc", "-O2", "-static", "-msse2", macro="__SSE2__"),
    Port("arm64 NEON", "aarch64-linux-gnu-gcc", "-O2", "-static", machine="aarch64", emulator=["qemu-aarch64"], macro="__ARM_NEON",
         share=0.2),
    Port("arm64 NEON, pages of 64 KiB", "aarch64-linux-gnu-gcc", "-O2", "-static", machine="none",
         emulator=["qemu-aarch64", "-p", "65536"], share=0.2),
    Port("arm64, portable tags", "aarch64-linux-gnu-gcc", "-O3", "-static", "-DTOPHASH_PORTABLE_TAGS", machine="aarch64",
         emulator=["qemu-aarch64"], share=0.2),
    Port("s390x", "s390x-linux-gnu-gcc", "-O2", "-static", machine="s390x", emulator=["qemu-s390x"], macro="__s390x__", share=0.2),
    Port("s390x -O3", "s390x-linux-gnu-gcc", "-O3", "-static", machine="s390x", emulator=["qemu-s390x"], share=0.2),
]


def can_run(port):
    """Returns the words before the program, or why it cannot run."""
    if port.machine in (None, platform.machine()):
        if "__AVX2__" == port.macro and not re.search(r"\bavx2\b", Path("/proc/cpuinfo").read_text()):
            return "this processor has no AVX2"
        return []
    if not port.emulator:
        return f"wants a machine of {port.machine}"
    return port.emulator if shutil.which(port.emulator[0]) else f"no {port.emulator[0]}"


def has_macro(port):
    """Tells whether the port really is what its name says, because a flag may have no effect."""
    wanted = port.macro.lstrip("!")
    command = [port.cc, *port.flags, "-dM", "-E", "-x", "c", os.devnull]
    text = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    return bool(re.search(rf"^#define {wanted}\b", text, re.M)) != port.macro.startswith("!")


def last_lines(text, number=15):
    return "\n".join(text.splitlines()[-number:])


def try_port(top, port, seed, ops):
    """(ok, FAIL or skip; what to say)"""
    before = can_run(port)
    if not shutil.which(port.cc):
        return "skip", f"no {port.cc}"
    if isinstance(before, str):
        return "skip", before
    if port.macro and not has_macro(port):
        return "FAIL", f"{port.macro} does not hold"
    program = top / re.sub(r"\W+", "_", port.name)
    built = subprocess.run([port.cc, *STRICT, *port.flags, *SOURCES, "-o", program], capture_output=True, text=True, errors="replace",
                           stdin=subprocess.DEVNULL, timeout=600)
    if built.returncode:
        return "FAIL", "does not compile:\n" + last_lines(built.stderr, 30)
    began = time.monotonic()
    command = [*before, program, str(seed), str(int(ops * port.share))]
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=3600)
    if ran.returncode:
        return "FAIL", f"exit code {ran.returncode}:\n" + last_lines(ran.stdout + ran.stderr, 40)
    done = [int(n) for n in re.findall(r"^ok .*: (\d+) operations\b", ran.stdout, re.M)]
    return "ok", f"{len(done)} kinds, {sum(done)} operations, {time.monotonic() - began:.1f} s"


def guarded(top, port, seed, ops):
    try:
        return try_port(top, port, seed, ops)
    except (OSError, subprocess.SubprocessError) as why:
        return "FAIL", str(why)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", type=int, default=400000, help="operations for each kind of key (400000)")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print the ports, run nothing")
    parser.add_argument("ports", nargs="*", metavar="PORT")
    args = parser.parse_args()
    if args.list:
        print("\n".join(port.name for port in PORTS))
        return 0
    unknown = set(args.ports) - {port.name for port in PORTS}
    if unknown:
        parser.error(f"no port {unknown}: one of {', '.join(port.name for port in PORTS)}")
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        ports = [port for port in PORTS if not args.ports or port.name in args.ports]
        waiting = [(port, pool.submit(guarded, Path(folder), port, args.seed, args.ops)) for port in ports]
        for port, future in waiting:
            kind, text = future.result()
            counts[kind] += 1
            print(f"{kind:4} {port.name}: {text}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
