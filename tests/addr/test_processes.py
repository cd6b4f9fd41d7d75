"""Tests of the addresses of running processes, and of their libraries."""

import ctypes
import json
import os
import re
import subprocess
from pathlib import Path

from harness import check, crash, Failed, frames, releases, run, same, test, tmp, tophash


def start(exe, *args):
    p = subprocess.Popen([str(exe), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in p.stdout:
        if line == "ready\n":
            return p, lines
        lines.append(line.rstrip("\n"))
    raise Failed(f"{exe}: ended early: {p.stderr.read()}")


@test
def running():
    """-p, also with a PIE and a stripped program, compared with the runtime's own account of its stack."""
    for version in releases():
        for variant in ("default", "pie", "stripped"):
            p, lines = start(crash(version, variant), "pcs")
            try:
                pcs = [x.split()[1] for x in lines if x.startswith("pc ")]
                want = [tuple(x.split()[1:]) for x in lines if x.startswith("frame ")]
                r = tophash("--return", "--format", "json", "-p", p.pid, *pcs)
                got = [f for line in r.stdout.splitlines()[:-1] for f in frames(json.loads(line), "gopclntab")]
            finally:
                p.communicate()
            check(len(got) >= len(want) > 4, f"{got}, {want}")
            # runtime.CallersFrames shortens type arguments.
            got = [(re.sub(r"\[.*\]", "[...]", x.func), x.place) for x in got]
            same(got, want, f"go{version} {variant}")


@test
def libraries():
    """-p of a C program: functions of libc and of the vdso, compared with nm; and memory without a file."""
    libc = ctypes.CDLL(None)
    names = ["getpid", "qsort", "strtoull"]
    addrs = [ctypes.cast(getattr(libc, name), ctypes.c_void_p).value for name in names]
    r = tophash("--format", "json", "-p", os.getpid(), *[f"{a + 1:#x}" for a in addrs])
    for name, line in zip(names, r.stdout.splitlines()):
        record = json.loads(line)
        check("libc" in record["module"], f"{record}")
        path = record["module"]
        table = run(["nm", "-D", path], text=True).stdout
        here = {m[2].split("@")[0] for m in re.finditer(r"^([0-9a-f]{16}) \w (\S+)$", table, re.M) if int(m[1], 16) == int(record["pc"], 16) - 1}
        check(name in here and record["symbols"]["name"] in here, f"{record}, nm has {here}")
        same(int(record["symbols"]["entry"], 16), int(record["pc"], 16) - 1, name)
    maps = Path("/proc/self/maps").read_text()
    low, high = (int(x, 16) for x in re.search(r"^(\w+)-(\w+) .*\[vdso\]$", maps, re.M).groups())
    with open("/proc/self/mem", "rb") as f:
        f.seek(low)
        (tmp("vdso")).write_bytes(f.read(high - low))
    table = run(["nm", "-D", tmp("vdso")], text=True).stdout
    offset = int(re.search(r"^([0-9a-f]{16}) . __vdso_clock_gettime", table, re.M)[1], 16)
    stack = int(re.search(r"^(\w+)-\w+ .*\[stack\]$", maps, re.M)[1], 16)
    r = tophash("--format", "json", "-p", os.getpid(), hex(low + offset + 2), hex(stack), "ffffffff81000000", "10")
    vdso, on_stack, kernel, nowhere = [json.loads(x) for x in r.stdout.splitlines()[:-1]]
    check("clock_gettime" in vdso["func"] and vdso["module"] == "[vdso]" and vdso["offset"] == 2, f"{vdso}")
    check(on_stack["module"] is None and "stack" in on_stack["module_error"], f"{on_stack}")
    check("kernel" in kernel["module_error"] and "not mapped" in nowhere["module_error"], f"{kernel} {nowhere}")
