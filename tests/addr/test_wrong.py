"""Tests of what goes wrong: damaged files, a reader that dies, wrong usage."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from harness import check, crash, LONG, options, run, same, Skip, symbols, targets, test, text_range, tmp, tophash


@test
def reader_dies():
    """The process that reads debug information is killed. That source is lost, with a reason, and the others answer."""
    version, _, exe = targets(["default"])[0]
    low, _ = text_range(exe)
    entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    p = subprocess.Popen([options.tophash, "addr", "--format", "json", "--source", "all", str(exe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write(f"{entry:#x}\n")
    p.stdin.flush()
    first = json.loads(p.stdout.readline())
    check(first["dwarf"], f"{first}")
    child = int(Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()[0])
    held = sorted(os.readlink(x).split(":")[0] for x in Path(f"/proc/{child}/fd").iterdir() if int(x.name) > 2)
    same(held, sorted(["socket", str(exe.resolve())]), "what the reader has open")
    os.kill(child, signal.SIGKILL)
    p.stdin.write(f"{entry:#x}\n")
    p.stdin.flush()
    second = json.loads(p.stdout.readline())
    p.stdin.close()
    end = json.loads(p.stdout.readline())
    same(p.wait(LONG), 0, "exit code")
    check(second["dwarf"] is None and "its reader was killed" in second["dwarf_error"], f"{second}")
    same(second["gopclntab"], first["gopclntab"], "the other sources")
    check("its reader was killed" in end["dwarf_error"], f"{end}")


class Reader:
    """A running `tophash addr` whose reader of debug information has answered once."""

    def __init__(self, *before, tool=None):
        version, _, exe = targets(["default"])[0]
        self.entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
        exe = shutil.copy(exe, tmp("read")) if before else exe
        self.p = subprocess.Popen([*before, tool or options.tophash, "addr", "--format", "json", "--source", "all", str(exe)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.ask()
        check(self.first["dwarf"], f"{self.first}")
        self.child = int(Path(f"/proc/{self.p.pid}/task/{self.p.pid}/children").read_text().split()[0])

    def ask(self):
        self.p.stdin.write(f"{self.entry:#x}\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def status(self):
        lines = Path(f"/proc/{self.child}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def lives(self):
        try:
            return self.status()["State"][0] != "Z"
        except OSError:
            return False

    def end(self):
        same(self.ask(), self.first, "it still answers")
        self.p.stdin.close()
        same(self.p.wait(LONG), 0, "exit code")


NO_RIGHTS = {"CapInh": ["0" * 16], "CapPrm": ["0" * 16], "CapEff": ["0" * 16], "CapAmb": ["0" * 16], "NoNewPrivs": ["1"], "Seccomp": ["2"]}


@test
def reader_rights():
    """The process that reads debug information is nobody and has no rights, and dies with its parent. For a user who is not root it keeps
    the user."""
    if os.geteuid():
        raise Skip("needs root")
    reader = Reader()
    status = reader.status()
    want = NO_RIGHTS | {"Uid": ["65534"] * 4, "Gid": ["65534"] * 4, "Groups": [], "CapBnd": ["0" * 16]}
    same({name: status[name] for name in want}, want, "as root")
    reader.end()
    os.chmod(tmp(), 0o755)
    reader = Reader("setpriv", "--reuid=1234", "--regid=1235", "--clear-groups", tool=shutil.copy(options.tophash, tmp("tophash")))
    status = reader.status()
    want = NO_RIGHTS | {"Uid": ["1234"] * 4, "Gid": ["1235"] * 4}
    same({name: status[name] for name in want}, want, "as another user")
    reader.end()
    for before in ([], ["setpriv", "--reuid=1234", "--regid=1235", "--clear-groups"]):
        reader = Reader(*before, tool=tmp("tophash") if before else None)
        reader.p.kill()
        reader.p.wait(LONG)
        ends = time.monotonic() + LONG
        while reader.lives() and time.monotonic() < ends:
            time.sleep(0.01)
        check(not reader.lives(), "the reader outlives its parent")


@test
def reader_calls():
    """Whatever runs in the process that reads debug information gets an error from each system call that reading does not need."""
    if os.geteuid() or not shutil.which("gdb"):
        raise Skip("needs root and gdb")
    reader = Reader()
    calls = [("open", '"/etc/passwd", 0'), ("openat", '-100, "/tmp/new", 0x41, 0600'), ("socket", "2, 1, 0"), ("fork", ""),
             ("kill", f"{reader.p.pid}, 9"), ("ptrace", f"16, {reader.p.pid}, 0, 0"), ("execl", '"/bin/sh", "/bin/sh", 0'),
             ("unlink", '"/tmp/new"'), ("setuid", "0"), ("prctl", "4, 1, 0, 0, 0"), ("chroot", '"/"'), ("syscall", "321, 0, 0, 0"),
             ("mprotect", "(long)$sp & ~4095, 4096, 7")]
    if b"__asan_init" in Path(options.tophash).read_bytes():
        calls = [call for call in calls if not call[0].startswith("open")]
    script = []
    for name, args in calls:
        script += ["-ex", f"printf \"%s: %d, %d\\n\", \"{name}\", (int){name}({args}), *(int *)__errno_location()"]
    r = run(["gdb", "-q", "-nx", "-batch", "-p", reader.child, "-ex", "set confirm off", *script], text=True)
    if "Couldn't write extended state status" in r.stderr:
        raise Skip("this gdb cannot call a function on this processor (docs/recipes/map-in-gdb.md)")
    got = re.findall(r"^(\w+): (-?\d+), (\d+)$", r.stdout, re.M)
    same(got, [(name, "-1", "1") for name, _ in calls], f"{r.stdout}\n{r.stderr}")
    reader.end()


@test
def damaged():
    """Damaged debug information gives a reason or an answer, and never a failure. gopclntab answers as before."""
    version, _, exe = targets(["default"])[0]
    data = exe.read_bytes()
    entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    want = json.loads(tophash("--format", "json", exe, hex(entry)).stdout.splitlines()[0])["gopclntab"]
    sections = run(["readelf", "-SW", exe], text=True).stdout
    rng = random.Random(7)
    reasons = Counter()
    for m in re.finditer(r"\] (\.z?debug_\w+)\s+\w+\s+\w+\s+(\w+)\s+(\w+)", sections):
        start, size = int(m[2], 16), int(m[3], 16)
        for kind in ("flip", "zero", "header") * (10 if options.all else 1):
            bad = bytearray(data)
            if kind == "header":
                bad[start:start + 24] = rng.randbytes(24)
            elif kind == "zero":
                bad[start + size // 2:start + size] = bytes(size - size // 2)
            else:
                for _ in range(8):
                    bad[start + rng.randrange(size)] = rng.randrange(256)
            path = tmp("damaged")
            path.unlink(missing_ok=True)
            path.write_bytes(bad)
            record = json.loads(tophash("--format", "json", "--source", "all", path, hex(entry)).stdout.splitlines()[0])
            same(record["gopclntab"], want, f"{m[1]} {kind}: gopclntab")
            check(record["symbols"]["name"] == "main.main", f"{record}")
            reasons[record.get("dwarf_error", "answered")] += 1
    check(len(reasons) > 1, f"nothing was noticed: {reasons}")
    for reason in reasons:
        check(reason == "answered" or re.match(r"corrupt|.* is too large, or corrupt|its reader|no unit|a unit|stripped", reason), reason)


@test
def usage():
    """Wrong usage, wrong files: one line, the exit code."""
    exe = crash("1.26", "default")
    for args, code, text in [
        ([], 2, "no program is given: give BINARY or -p PID"),
        ([exe, "zz"], 2, "zz: not an address; write it in hexadecimal"),
        ([exe, "0x"], 2, "0x: not an address"),
        ([exe, "-1"], 2, "unknown option -1"),
        ([exe, "12345678901234567"], 2, "not an address"),
        (["--source", "elf", exe], 2, "--source elf: not one of gopclntab, symbols, dwarf, all"),
        (["--source", "", exe], 2, "--source names no source"),
        (["--format", "xml", exe], 2, "--format xml: not one of text, json"),
        (["--annotate", exe, "1"], 2, "--annotate reads its text from standard input"),
        (["--annotate", "--format", "json", exe], 2, "--annotate prints a text: leave out --format json"),
        (["--bias", "x", exe], 2, "--bias x: not an address"),
        (["--bias", "1", "-p", "1"], 2, "--bias is only for a BINARY"),
        (["--return=maybe", exe], 2, "--return=maybe: not one of auto, yes, no"),
        (["-p", "x"], 3, "no process is named x"),
        (["-p", "1", "-p", "2"], 2, "--pid can be given only once"),
        (["-z", exe], 2, "unknown option -z"),
        (["/nowhere/at/all", "1"], 3, "cannot open /nowhere/at/all"),
        (["/etc/passwd", "1"], 3, "not an ELF file"),
        (["/", "1"], 3, "not a regular file"),
        (["-p", "4194303", "1"], 3, "no process 4194303"),
        (["-o", exe, exe, "1"], 2, "that is the program itself"),
        (["-o", "/nowhere/at/all", exe, "1"], 1, "cannot write /nowhere/at/all"),
        (["-o", "/dev/full", exe, "401000"], 1, "cannot write the output"),
    ]:
        r = tophash(*args, code=code)
        check(text in r.stderr and r.stderr.count("\n") == 1, f"{args}: {r.stderr!r}, should have {text!r}")
    same(tophash("--help").stdout.split("\n")[0], "usage: tophash addr [OPTION]... BINARY [PC]...", "--help")
    out = tmp("out.json")
    tophash("-o", out, "--format", "json", exe, "401000")
    same([json.loads(x)["event"] for x in out.read_text().splitlines()], ["addr", "end"], "-o")
    same(tophash("-q", exe, "10").stdout, "0x10  outside of the file\n", "-q")
