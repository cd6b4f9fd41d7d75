"""Common functions of the tests: the traced programs, the tracer, and checks of its output and of the kernel afterwards."""

import ctypes
import glob
import json
import operator
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "matrix")]
import build  # noqa: E402
import suite  # noqa: E402
from suite import check, Failed, options, same, Skip, test, tmp  # noqa: E402, F401

REPO = build.REPO
LONG = 60  # seconds: nothing takes this long unless it hangs


# --- programs ---------------------------------------------------------------------------------------------------------------


def target(name, variant="default", go=None):
    """Returns the path of a target program (tests/targets) as a Go release builds it. It is a copy for the tests of this file, so that no
    other -b matches it."""
    path = build.path_of(go or options.go, variant, name)
    if not path.exists():
        raise Skip(f"{path.relative_to(build.CACHE)} is not built (tests/matrix/build.py)")
    mine = suite.folder.parent / "targets" / path.relative_to(build.CACHE)
    if not mine.exists():
        mine.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, mine)
    return str(mine)


BUILT = {}


def go_build(source, name, *args, go=None, **env):
    """Builds one Go file, or the package in a folder, and only once in a run. Returns the path of the program."""
    go = go or options.go
    key = (source, name, go, args)
    if key not in BUILT:
        tool = build.CACHE / "go" / go / "bin" / "go"
        if not tool.exists():
            raise Skip(f"no Go {go} in the cache (tools/go-toolchains)")
        out = tmp(f"{name}-{go}")
        e = build.go_env(go)
        e.update(GO111MODULE="off", GOFLAGS="", **env)
        what, folder = (".", source) if os.path.isdir(source) else (source, tmp())
        r = subprocess.run([str(tool), "build", "-p", "2", *args, "-o", str(out), str(what)], env=e, text=True, cwd=folder,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(r.returncode == 0, f"go build {name}: {r.stdout[-500:]}")
        BUILT[key] = str(out)
    return BUILT[key]


def zoo(*args, name="zoo"):
    return go_build(HERE / "zoo.go", name, *args)


STARTED = []


def spawn(command, **kwargs):
    """Starts a program that is ended after the test, if it still runs then."""
    p = subprocess.Popen([str(word) for word in command], **kwargs)
    STARTED.append(p)
    return p


# C of libraries for LD_PRELOAD: what /proc says of a process, or an empty text.
READ_STAT = r"""#define _GNU_SOURCE
#include <stdio.h>

static void read_stat(int pid, char text[256])
{
	char path[64];
	FILE *f;

	text[0] = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f && !fgets(text, 256, f))
		text[0] = 0;
	if (f)
		fclose(f);
}
"""


def shim(name, text):
    """Builds a library for LD_PRELOAD, whose code may call read_stat(). Skips the test if a sanitizer wants to be the first library."""
    if options.sanitized:
        raise Skip("a sanitizer wants to be the first library")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp(name), "-x", "c", "-", "-ldl"], input=READ_STAT + text, text=True, check=True)
    return tmp(name)


def end_started():
    """Ends the processes that the test started and did not end."""
    for p in STARTED:
        if p.poll() is None:
            p.kill()
            p.wait()
    STARTED.clear()


class Program:
    """A program that follows orders. Each line on its stdin is one order."""

    def __init__(self, *command, **kwargs):
        self.p = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **kwargs)
        self.pid = self.p.pid

    def line(self):
        if not select.select([self.p.stdout], [], [], LONG)[0]:
            raise Failed("the program does not answer")
        return self.p.stdout.readline().strip()

    def ask(self, text):
        self.p.stdin.write(text + "\n")
        self.p.stdin.flush()
        return self.line()

    def tell(self, text):
        self.p.stdin.write(text + "\n")
        self.p.stdin.flush()

    def end(self):
        self.p.stdin.close()
        rest = self.p.stdout.read()
        self.p.wait(LONG)
        return rest


def steps(*args, **kwargs):
    p = Program(target("steps", **kwargs), *args)
    check(p.line().startswith("ready"), "steps does not begin")
    return p


def busy(*args, **kwargs):
    """Starts a program that deletes as fast as it can for a minute. The caller kills it."""
    return spawn([target("busy"), "-seconds", "60", *args], stdout=subprocess.DEVNULL, **kwargs)


def zoo_program(*args):
    p = Program(zoo(), *args)
    p.info = json.loads(p.line())
    return p


def remove_groups(top):
    """Removes a control group and those below it, as soon as their processes have gone."""
    for folder in sorted((p for p in [*top.rglob("*"), top] if p.is_dir()), reverse=True):
        end = time.monotonic() + 20
        while folder.exists() and time.monotonic() < end:
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.02)


# --- the tracer -------------------------------------------------------------------------------------------------------------


class Run:
    """The result of a run of tophash."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = err.splitlines()

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, *kinds):
        return [r for r in self.records if r["event"] in kinds]

    @property
    def events(self):
        return self.of("delete", "clear")

    @property
    def exits(self):
        """Checks the time of the exit records, and returns them without event and time."""
        exits = self.of("exit")
        for e in exits:
            check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", e.pop("time")), f"the time of {e}")
            del e["event"]
        return exits

    @property
    def end(self):
        ends = self.of("end")
        same(len(ends), 1, "end records")
        return ends[0]


def tophash(*args, timeout=LONG, stdin=subprocess.DEVNULL, env=None, wrap=(), stderr=subprocess.PIPE, **kwargs):
    """Runs `tophash trace` to its end and returns a Run, without messages if stderr is a file."""
    p = spawn([*wrap, options.tophash, "trace", *args], stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
              env={**os.environ, **(env or {})}, **kwargs)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        raise Failed(f"hangs: {' '.join(map(str, args))}: {(err or b'')[-300:]!r}") from None
    return Run(p.returncode, out.decode(errors="replace"), (err or b"").decode(errors="replace"))


COUNTER = [0]


class Tracer:
    """A `tophash trace` in the background. Its output goes to a file."""

    def __init__(self, *args, format="json", ready=True, env=None, stdin=subprocess.DEVNULL):
        COUNTER[0] += 1
        self.report = tmp(f"report{COUNTER[0]}")
        self.errors = tmp(f"errors{COUNTER[0]}")
        command = [options.tophash, "trace", "--format", format, "-o", str(self.report)]
        if ready:
            command.append("-v")
        with open(self.errors, "wb") as e:
            self.p = spawn([*command, *args], stdin=stdin, stdout=e, stderr=e, env={**os.environ, **(env or {})})
        end = time.monotonic() + LONG
        while ready and not self.is_ready():
            # It may get ready and end between two looks, when a short --duration meets a busy machine.
            if self.p.poll() is not None and not self.is_ready():
                raise Failed(f"tophash ended with {self.p.returncode}: {self.errors.read_text()}")
            check(time.monotonic() < end, "tophash does not get ready")
            time.sleep(0.005)

    def is_ready(self):
        return b"probes placed" in self.errors.read_bytes()

    def wait_for(self, what, n=1):
        end = time.monotonic() + LONG
        what, tail, count = what.encode(), b"", 0
        with open(self.report, "rb") as report:  # which may be long: each byte is read once
            while True:
                text = tail + report.read()
                count += text.count(what)
                tail = text[max(len(text) - len(what) + 1, 0) :]
                if count >= n:
                    return
                check(time.monotonic() < end, f"no {what!r} in the report")
                check(self.p.poll() is None, f"tophash ended with {self.p.returncode} before {what!r}")
                time.sleep(0.01)

    def wait_for_message(self, what):
        end = time.monotonic() + LONG
        while what not in self.errors.read_text():
            check(time.monotonic() < end, f"does not say {what!r}: {self.errors.read_text()}")
            time.sleep(0.01)

    def end(self, sig=signal.SIGINT):
        if sig and self.p.poll() is None:
            self.p.send_signal(sig)
        try:
            code = self.p.wait(LONG)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise Failed(f"tophash does not end: {self.errors.read_text()}") from None
        lines = [x for x in self.errors.read_text().splitlines() if "probes placed" not in x]
        return Run(code, self.report.read_text(errors="replace"), "\n".join(lines))


def identity(run):
    e = run.end
    lost = sum(e["lost"].values())
    same(e["delivered"] + e["filtered"] + lost, e["hits"], "delivered + filtered + lost against hits")
    same(len(run.events), e["delivered"], "events against delivered")
    if not lost:
        check(run.code == 0, f"exit code {run.code}: {run.err}")
    return e


def refused(run, code, *words):
    """Checks that a run was refused: this exit code, one line on stderr that has the words, and nothing on stdout."""
    same(run.code, code, f"exit code ({run.err!r})")
    same(len(run.lines), 1, f"lines on stderr ({run.err!r})")
    check(run.lines[0].startswith("tophash: "), f"stderr: {run.lines[0]!r}")
    same(run.out, "", "stdout")
    for word in words:
        check(re.search(word, run.lines[0]), f"{run.lines[0]!r} does not say {word!r}")


def brief(e):
    top = (e.get("stack") or [{}])[0]
    key = e.get("key")
    return (e["event"], e["map"], e["map_type"], json.dumps(key, sort_keys=True), e["removed"], e["len_before"], e["len_after"],
            e["goid"], top.get("func"), top.get("line"))


# --- what is attached -------------------------------------------------------------------------------------------------------


def text_segments(pid, exe):
    """Returns the executable mappings of this file in a process, each as (bytes in memory, bytes in the file)."""
    inode = os.stat(exe).st_ino
    pairs = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        f = line.split()
        if "x" in f[1] and int(f[4]) == inode:
            start, end = (int(x, 16) for x in f[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb") as mem, open(exe, "rb") as file:
                mem.seek(start)
                file.seek(int(f[2], 16))
                have = mem.read(end - start)
                pairs.append((have, file.read(end - start)))
    return pairs


def clean(pid, exe):
    pairs = text_segments(pid, exe)
    check(pairs, f"process {pid} has no text of {exe}")
    for have, want in pairs:
        have = have[: len(want)]  # the last page is zero-filled behind the end of the file
        if have != want:
            at = next(i for i in range(len(want)) if have[i] != want[i])
            raise Failed(f"the text differs from the file at +{at:#x}: {have[at]:#x}, should be {want[at]:#x}")


def clean_soon(pid, exe):
    """Checks that a process has no probe, after tophash was killed: its keepers end a moment later."""
    end = time.monotonic() + LONG
    while probed(pid, exe) and time.monotonic() < end:
        time.sleep(0.005)
    clean(pid, exe)


def probes_in(pid, exe):
    """Counts the bytes of the text that differ from the file. Each probe changes one byte."""
    return sum(sum(map(operator.ne, have[: len(want)], want)) for have, want in text_segments(pid, exe))


def probed(pid, exe):
    return any(have[: len(want)] != want for have, want in text_segments(pid, exe))


FOUND = []  # what was in the kernel before the first test


def bpf_ids():
    """Returns (kind, id) of the BPF objects in the kernel, except program arrays that no program uses. Linux (6.18) leaks such an array
    when somebody opens it by its id, as this listing does, while its last descriptor is closed: prog_array_map_clear() takes a reference
    for each of both closes, and queues one work, which gives one back."""
    if not shutil.which("bpftool"):
        return None
    objects = []
    for kind in ("map", "prog", "link"):
        r = subprocess.run(["bpftool", "-j", kind], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        objects += [(kind, x) for x in json.loads(r.stdout or "[]") if isinstance(x, dict) and "id" in x]
    used = {number for kind, x in objects if kind == "prog" for number in x.get("map_ids", [])}
    ids = {(kind, x["id"]) for kind, x in objects if x.get("type") != "prog_array" or x["id"] in used}
    if not FOUND:
        FOUND.append(ids)
    return ids


def held_ids():
    """Returns the ids of the BPF objects that a process has open. Other tracers on this machine may have some, too."""
    held = set()
    # The threads of a keeper have descriptors of their own. Path.glob() fails when a process ends meanwhile.
    for fd in glob.iglob("/proc/[0-9]*/task/[0-9]*/fdinfo/*"):
        try:
            for kind, number in re.findall(r"^(prog|link|map)_id:\s*(\d+)", Path(fd).read_text(), re.M):
                held.add((kind, int(number)))
        except OSError:
            pass
    return held


def nothing_left(before):
    """Waits until the kernel has freed what was loaded since the first test, and fails when something stays. before: what bpf_ids()
    returned before the trace."""
    end = time.monotonic() + LONG
    left = None
    while before is not None:
        now = bpf_ids() - FOUND[0] - held_ids()
        # What another tracer has just let go is there for a moment only. What is left is there at each look.
        left = now if left is None else left & now
        if not left:
            return
        check(time.monotonic() < end, f"left in the kernel: {left}")
        time.sleep(0.05)


# --- what is refused --------------------------------------------------------------------------------------------------------


def deny(call, number):
    """Returns a function for preexec_fn that makes a system call fail with this errno in the child (a seccomp filter). `call` is its number
    on x86-64."""
    libc = ctypes.CDLL(None, use_errno=True)

    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Prog(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]

    code = (Filter * 4)(Filter(0x20, 0, 0, 0), Filter(0x15, 0, 1, call), Filter(0x06, 0, 0, 0x00050000 | number), Filter(0x06, 0, 0, 0x7FFF0000))
    prog = Prog(4, code)

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(prog), 0, 0):
            os._exit(99)

    return apply


def deny_bpf(number):
    """The same for bpf(2)."""
    return deny(321, number)
