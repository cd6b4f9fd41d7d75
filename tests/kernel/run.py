#!/usr/bin/env python3
"""Runs tophash on other kernels than this machine's. Each runs in a virtual machine with the target programs, and every event is compared.

  tests/kernel/run.py                          every kernel
  tests/kernel/run.py --kernel 6.1             one of them
  tests/kernel/run.py --image bzImage          a kernel image of your own (with a serial console and BPF built in)
  tests/kernel/run.py --go 1.23 --case busy    the cases whose names contain a word, with the programs of one Go release
  tests/kernel/run.py --shape                  no machine: does the compiled code look as older verifiers want it? (shape.py)
  tests/kernel/run.py --list                   the cases

The kernels are Debian's (linux-image-cloud-amd64 of several suites), downloaded by apt as tools/debs.py does, unpacked into
$TOPHASH_CACHE/kernels (default: .cache/kernels in the repository) and started by qemu with an initramfs that holds build/tophash, its
libraries, busybox and the programs; nothing is installed and no privilege is needed. KVM is used if it works. The results of a case are
sent through a serial port when it is over, with the kernel's log, and are judged here. A case in which the kernel has warned of anything
fails. If the time is over, only the cases that have not run are missing, and are named. On kernels before 5.15 tophash must refuse to trace,
in one line.

Prints one line for each case, and the differences below it. When the kernel refused a program, prints the end of the verifier's log. The
last line is "N passed, M failed, K skipped". Exit code: 0 all passed, 1 some failed, 77 nothing could be run.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "matrix"), str(REPO / "tools")]
import build  # noqa: E402
import shape  # noqa: E402
from cases import cases_of  # noqa: E402
from machine import boot, fetch, initramfs, LOG, PROGRAMS, release_of, shim, text, version  # noqa: E402
from run import Failed  # noqa: E402

KERNELS = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}  # the suite that has it
GO = ["1.23", "1.26"]  # classic and Swiss maps
SHOWN = 12  # differences shown of one case
COMPLAINTS = r".*(?:BUG:|WARNING:|Oops|general protection|\[ cut here \]).*"


def object_shape(args, tally):
    """Returns the compiled kernel programs, from the build folder beside tophash."""
    path = Path(args.tophash).parent / "scope/watch/trace.bpf.o"
    if not path.exists() or not shutil.which("llvm-objdump"):
        return tally.skip("shape of the kernel programs: no trace.bpf.o beside tophash, or no llvm-objdump")
    diffs, note = shape.check(path)
    if diffs:
        return tally.fail("shape of the kernel programs", diffs)
    return tally.ok(f"shape of the kernel programs: {note}")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, text):
        self.passed += 1
        print("ok   " + text, flush=True)

    def fail(self, text, details=()):
        self.failed += 1
        print("FAIL " + text, flush=True)
        for d in details:
            print("       " + d)

    def skip(self, text):
        self.skipped += 1
        print("skip " + text, flush=True)


def verifier_log(folder):
    """Returns why the kernel refused a program: the end of libbpf's messages in a case."""
    lines = text(folder, "messages").splitlines()
    return ["libbpf said:", *("  " + line for line in lines[-LOG:])] if lines else []


def complaints(folder):
    """Returns what the kernel has complained about since the folder before was sent."""
    log = text(folder, "dmesg")
    found = [f"the kernel complains: {line}" for line in re.findall(COMPLAINTS, log)]
    return found if f"sending {folder.name}" in log else [*found, "its log was not read to the end"]


def judge(case, out, label, tally):
    folder = out / case.name
    try:
        diffs, note = case.judge(folder)
    except Failed as e:
        diffs, note = [str(e)], ""
    except (ValueError, OSError, KeyError, IndexError, TypeError, StopIteration) as e:
        diffs, note = [f"{type(e).__name__}: {e}"], ""
    diffs += complaints(folder)
    if not diffs:
        return tally.ok(f"{label} {case.name}: {note}")
    diffs += ["the case: " + line for line in text(folder, "console").splitlines()[-3:]]
    more = [f"... and {len(diffs) - SHOWN} more"] if len(diffs) > SHOWN else []
    tally.fail(f"{label} {case.name}" + (f": {note}" if note else ""), diffs[:SHOWN] + more + verifier_log(folder))


def run_kernel(name, image, versions, args, messages, tally):
    release = release_of(image)
    cases = [c for c in cases_of(version(release), versions) if not args.case or any(w in c.name for w in args.case)]
    if not cases:
        return tally.skip(f"{name}: no such case on it")
    with tempfile.TemporaryDirectory(prefix="tophash-kernel-") as tmp:
        folder = Path(args.keep) / release if args.keep else Path(tmp)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        sent, said = boot(image, initramfs(args.tophash, versions, cases, messages, args.limit), folder, args.timeout)
        out = folder / "out"
        print(f"{name}: Linux {text(out / 'begin', 'release').strip()}, {time.monotonic() - began:.0f} s", flush=True)
        for case in cases:
            if case.name in sent:
                judge(case, out, name, tally)
        judge_machine(name, folder, [c.name for c in cases if c.name not in sent], sent, said, tally)


def judge_machine(name, folder, missing, sent, said, tally):
    """Judges what belongs to no case."""
    for part in ("begin", "end"):
        diffs = complaints(folder / "out" / part) if part in sent else []
        if diffs:
            tally.fail(f"{name}: at its {part}", diffs[:SHOWN])
    if "end" in sent:
        return
    what = f"{len(missing)} cases have not run or did not end: {' '.join(missing)}" if missing else "did not end"
    tally.fail(f"{name}: {what}", [said, "its console:", *text(folder, "console").splitlines()[-LOG:]])


def why_not(args):
    """Returns why nothing can be run here, or None."""
    if not Path(args.tophash).is_file():
        return f"{args.tophash} is not there (make)"
    for tool, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static")):
        if not shutil.which(tool):
            return f"{tool} is not there (Debian package {package})"
    return None


def targets(versions, tally):
    """Returns the Go releases whose programs exist."""
    found = build.toolchains()
    for v in versions:
        if v not in found:
            tally.skip(f"Go {v}: not in the cache (tools/go-toolchains --fetch {v})")
            continue
        errors = [e for e in (build.build(v, "default", p)[2] for p in PROGRAMS) if e]
        if errors:
            tally.fail(f"Go {v}: the programs do not build", errors[0].splitlines())
        else:
            yield v


def kernels(args, tally):
    """(name, image)"""
    for image in args.image:
        yield os.path.basename(image), Path(image)
    for name in args.kernel or ([] if args.image else KERNELS):
        try:
            yield name, fetch(KERNELS[name], build.CACHE / "kernels" / name)
        except Failed as e:
            tally.skip(f"{name}: cannot be fetched: {e}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tophash", default=str(REPO / "build" / "tophash"), help="the tracer (build/tophash)")
    ap.add_argument("--kernel", type=build.names, default=[], metavar=",".join(KERNELS))
    ap.add_argument("--image", action="append", default=[], metavar="FILE", help="a bzImage, instead of the kernels above")
    ap.add_argument("--go", type=build.names, default=GO, metavar="1.NN,… (" + ",".join(GO) + ")")
    ap.add_argument("--case", type=build.names, default=[], metavar="WORD,…")
    ap.add_argument("--timeout", type=int, default=1200, metavar="SECONDS", help="for one virtual machine (1200)")
    ap.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="for one case (300)")
    ap.add_argument("--keep", metavar="FOLDER", help="leave console, reports and logs there")
    ap.add_argument("--shape", action="store_true", help="check the compiled kernel programs only, start no machine")
    ap.add_argument("--list", action="store_true", help="print the cases for each kernel, run nothing")
    args = ap.parse_args()
    for given, known in ((args.kernel, KERNELS), (args.go, build.VERSIONS)):
        for x in given:
            if x not in known:
                ap.error(f"{x}: not one of {' '.join(known)}")
    if args.list:
        for name in args.kernel or KERNELS:
            print(f"{name}: " + " ".join(c.name for c in cases_of(version(name), args.go)))
        return 0
    reason = None if args.shape else why_not(args)
    if reason:
        print(f"SKIP everything: {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # otherwise qemu would stay behind
    tally = Tally()
    object_shape(args, tally)
    versions = [] if args.shape else list(targets(args.go, tally))
    if versions:
        with tempfile.TemporaryDirectory(prefix="tophash-kernel-") as tmp:
            messages = shim(Path(tmp))
            for name, image in kernels(args, tally):
                try:
                    run_kernel(name, image, versions, args, messages, tally)
                except (Failed, OSError) as e:
                    tally.fail(f"{name}: {e}")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    if tally.failed:
        return 1
    return 0 if tally.passed else 77


if __name__ == "__main__":
    sys.exit(main())
