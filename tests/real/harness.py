"""Common functions of the tests with real programs: the lines of the report, processes, and traces of a program while it works."""

import collections
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))
from suite import Failed, Skip  # noqa: E402, F401

TIMEOUT = 60
QUIET = 0.5  # seconds without a delete: idle
ATTEMPTS = 4  # to find a program idle before and after its work
SHOWN = 6
counts = collections.Counter()  # of the lines "ok", "FAIL" and "skip"


def line(kind, text):
    counts[kind] += 1
    print(f"  {kind:4} {text}", flush=True)


def check(what, good, why=""):
    line("ok" if good else "FAIL", what if good or not why else f"{what}: {why}")
    return good


def same(what, got, want):
    return check(what, got == want, f"got {shorten(got)}, want {shorten(want)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 400 else text[:400] + "…"


# --- processes ---------------------------------------------------------------------------------------------------------------------


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A process that the test started. __exit__ ends it at the latest."""

    def __init__(self, command, folder, name, env=None):
        self.command = [str(word) for word in command]
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        self.env = env
        self.popen = None

    def __enter__(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env,
                                          preexec_fn=die_with_parent)
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def tail(self):
        return " | ".join(self.err.read_text(errors="replace").strip().splitlines()[-3:])

    def wait(self):
        try:
            return self.popen.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[0]} did not end: {self.tail()}") from None


def until(what, condition, seconds=TIMEOUT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise Failed(f"waited {seconds} s for {what}")


def run(command, **kwargs):
    return subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL
                          if "input" not in kwargs else None, capture_output=True, timeout=TIMEOUT, check=False, **kwargs)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def private_copy(path, folder):
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(os.path.realpath(path), folder / Path(path).name))


# --- tracing -----------------------------------------------------------------------------------------------------------------------


class Trace(Process):
    """tophash trace --misses, with every record in a file."""

    number = 0

    def __init__(self, tophash, folder, *target):
        Trace.number += 1
        name = f"trace{Trace.number}"
        self.report = folder / f"{name}.json"
        super().__init__([tophash, "trace", "-v", "--misses", "--format", "json", "-o", self.report, *target], folder, name)

    def __enter__(self):
        super().__enter__()
        try:
            until("the probes", lambda: b"probes placed" in self.err.read_bytes() or self.popen.poll() is not None)
        except Failed:
            self.__exit__()
            raise
        return self

    def pid_traced(self):
        return until("a start record", lambda: [r["pid"] for r in self.records(True) if r["event"] == "start"])[0]

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
        code = self.wait()
        if code:
            raise Failed(f"tophash ended with {code}: {self.tail()}")
        return self.records()

    def records(self, so_far=False):
        if so_far and not self.report.exists():
            return []
        lines = self.report.read_bytes().split(b"\n")
        return [json.loads(text) for text in lines[:-1]]


def settle(counter):
    """Returns two equal readings with some time between them."""
    last = counter.read()
    for _ in range(40):
        time.sleep(QUIET)
        now = counter.read()
        if now == last:
            return now
        last = now
    raise Failed(f"the program does not come to rest: {last}")


def difference(after, before):
    return {k: after[k] - before[k] for k in after}


def idle_window(tophash, counter, pid, folder, work):
    """Traces a process that runs, while work(attempt) makes it work. Before and after that it is idle, which is checked. Returns (records,
    the counts of the counters, the result of work)."""
    for attempt in range(ATTEMPTS):
        before = settle(counter)
        with Trace(tophash, folder, "-p", pid) as trace:
            trace.pid_traced()
            rested = counter.read() == before
            value = work(attempt) if rested else None
            after = settle(counter)
            records = trace.stop()
        if rested and counter.read() == after:
            return records, difference(after, before), value
    raise Failed(f"never at rest while tracing began and ended, in {ATTEMPTS} attempts")


def whole_life(tophash, counter, folder, command, meanwhile=lambda pid: None):
    """Traces a command from its first instruction to its end. Returns (records, the counts of the counters, its output)."""
    before = counter.read()
    with Trace(tophash, folder, "--", *command) as trace:
        meanwhile(trace.pid_traced())
        trace.wait()
        records = trace.stop()
    return records, difference(counter.read(), before), trace.out.read_text(errors="replace")
