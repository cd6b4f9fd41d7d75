#!/usr/bin/env python3
"""Traces real programs of other authors while they work. Checks the report against what their sources say must happen, and against a second
count.

    tests/real/run.py --tophash build/tophash            (root)
    tests/real/run.py --tophash build/tophash etcd go

    etcd     Debian's etcd on ports of its own, driven by etcdctl: leases, watchers, members, a restart
    caddy    Debian's caddy on ports of its own: requests that lose headers, configurations that lose servers
    docker   the Docker client, from its first instruction
    maps     live maps of stripped programs: the share of them whose type is known
    go       the Go toolchain's own commands: many short processes of the compiler; go itself

Every program is traced as a private copy, so that no other process of it is counted. witness.py has the second count. The programs are
stripped or not, classic and Swiss, as their makers built them.

To add a program: write its checks in a file of its own, and name them in PROGRAMS. harness.py traces, report.py has the checks of records.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed, 77 when nothing
could be run.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import witness
from caddy import caddy_checks
from docker import docker_checks
from etcd import etcd_checks
from gotool import go_checks
from harness import counts, Failed, line, ROOT, Skip
from maps import maps_checks

PROGRAMS = {"etcd": etcd_checks, "caddy": caddy_checks, "docker": docker_checks, "go": go_checks, "maps": maps_checks}


def why_not(tophash):
    if not Path(tophash).is_file():
        return f"{tophash} is not there (make)"
    if os.geteuid():
        return "not root"
    if not Path("/sys/bus/event_source/devices/uprobe").is_dir():
        return "the kernel has no uprobes"
    if not shutil.which("objdump"):
        return "objdump is not installed: no second count"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tophash", type=Path, default=ROOT / "build/tophash")
    parser.add_argument("--keep", action="store_true", help="leave the reports where they are")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    args = parser.parse_args()
    # SIGINT is ignored if this runs in the background. tophash would inherit that, and would not end when told to.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in args.programs:
        if name not in PROGRAMS:
            parser.error(f"no program {name}: one of {', '.join(PROGRAMS)}")
    tophash = args.tophash.resolve()
    if why := why_not(tophash):
        line("skip", why)
        print(f"0 passed, 0 failed, {counts['skip']} skipped")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    top = Path(tempfile.mkdtemp(prefix="tophash-real."))
    try:
        for name in args.programs or PROGRAMS:
            began = time.monotonic()
            print(f"{name}:", flush=True)
            (top / name).mkdir()
            saved = dict(os.environ)
            try:
                PROGRAMS[name](str(tophash), top / name)
            except (Skip, witness.Unavailable) as reason:
                line("skip", f"{name}: {reason}")
            except (Failed, OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
                line("FAIL", f"{name}: {type(error).__name__}: {error}")
            finally:
                os.environ.clear()
                os.environ.update(saved)
            print(f"  {time.monotonic() - began:.1f} s", flush=True)
    finally:
        if args.keep:
            print(f"kept: {top}")
        else:
            shutil.rmtree(top, ignore_errors=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
