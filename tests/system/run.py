#!/usr/bin/env python3
"""The command as a whole: options, targets, ends, losses, bad input, terminals. Needs root, BPF and the target programs.

  tests/system/run.py                     everything
  tests/system/run.py --list              the names
  tests/system/run.py filters bad_bytes   the tests whose names contain one of these words
  tests/system/run.py --go 1.23           with the programs of another Go release
  tests/system/run.py --tophash PATH      another build, such as one with sanitizers

Each test prints ok, FAIL with the reason, or skip with the reason; the last line is "N passed, M failed, K skipped". Exit code: 0 when
nothing failed, 77 when nothing could be run.
"""

import argparse
import ctypes
import errno
import fcntl
import fnmatch
import json
import operator
import os
import pty
import random
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "matrix"))
import build  # noqa: E402

REPO = build.REPO
LONG = 60  # seconds: nothing here takes that long unless it hangs
TESTS = []
A = None  # the arguments
TMP = None


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def test(f):
    TESTS.append(f)
    return f


def check(condition, text):
    if not condition:
        raise Failed(text)


def same(got, want, what):
    if got != want:
        raise Failed(f"{what}: {got!r}, should be {want!r}")


# --- programs ----------------------------------------------------------------------------------------------------------------------


def target(name, variant="default", go=None):
    path = build.path_of(go or A.go, variant, name)
    if not path.exists():
        raise Skip(f"{path.relative_to(build.CACHE)} is not built (tests/matrix/build.py)")
    return str(path)


BUILT = {}


def go_build(source, name, *args, go=None, **env):
    """Builds one file, once a run."""
    go = go or A.go
    key = (source, name, go, args)
    if key not in BUILT:
        tool = build.CACHE / "go" / go / "bin" / "go"
        if not tool.exists():
            raise Skip(f"no Go {go} in the cache (tools/go-toolchains)")
        out = TMP / f"{name}-{go}"
        e = build.go_env(go)
        e.update(GO111MODULE="off", GOFLAGS="", **env)
        r = subprocess.run([str(tool), "build", "-p", "2", *args, "-o", str(out), str(source)], env=e, text=True, cwd=TMP,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(r.returncode == 0, f"go build {name}: {r.stdout[-500:]}")
        BUILT[key] = str(out)
    return BUILT[key]


def zoo(*args, name="zoo"):
    return go_build(HERE / "zoo.go", name, *args)


class Program:
    """A program that does what each line on its stdin tells it."""

    def __init__(self, *command, **kwargs):
        self.p = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **kwargs)
        self.pid = self.p.pid
        LIVE.append(self.p)

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


LIVE = []


def steps(*args, **kwargs):
    p = Program(target("steps", **kwargs), *args)
    check(p.line().startswith("ready"), "steps does not begin")
    return p


def zoo_program(*args):
    p = Program(zoo(), *args)
    p.info = json.loads(p.line())
    return p


# --- the tracer --------------------------------------------------------------------------------------------------------------------


class Run:
    """What a run of tophash left behind."""

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
    def end(self):
        ends = self.of("end")
        same(len(ends), 1, "end records")
        return ends[0]


def tophash(*args, timeout=LONG, stdin=subprocess.DEVNULL, env=None, wrap=(), **kwargs):
    """Runs it to its end."""
    command = [*wrap, A.tophash, "trace", *map(str, args)]
    p = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env={**os.environ, **(env or {})}, **kwargs)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        raise Failed(f"hangs: {' '.join(map(str, args))}: {err[-300:]!r}") from None
    return Run(p.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


COUNTER = [0]


class Tracer:
    """tophash in the background, its output in a file; `with` makes sure that it ends."""

    def __init__(self, *args, format="json", ready=True, env=None):
        COUNTER[0] += 1
        self.report = TMP / f"report{COUNTER[0]}"
        self.errors = TMP / f"errors{COUNTER[0]}"
        command = [A.tophash, "trace", "--format", format, "-o", str(self.report)]
        if ready:
            command.append("-v")
        with open(self.errors, "wb") as e:
            self.p = subprocess.Popen([*command, *map(str, args)], stdin=subprocess.DEVNULL, stdout=e, stderr=e,
                                      env={**os.environ, **(env or {})})
        LIVE.append(self.p)
        end = time.monotonic() + LONG
        while ready and b"probes placed" not in self.errors.read_bytes():
            if self.p.poll() is not None:
                raise Failed(f"tophash ended with {self.p.returncode}: {self.errors.read_text()}")
            check(time.monotonic() < end, "tophash does not get ready")
            time.sleep(0.005)

    def wait_for(self, what, n=1):
        end = time.monotonic() + LONG
        while self.report.read_text().count(what) < n:
            check(time.monotonic() < end, f"no {what!r} in the report")
            check(self.p.poll() is None, f"tophash ended with {self.p.returncode} before {what!r}")
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
    """One line on stderr, this exit code, nothing on stdout."""
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


# --- what is attached --------------------------------------------------------------------------------------------------------------


def text_segments(pid, exe):
    """[(what the process has in memory, what the file has)] of its executable mappings of this file."""
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


def probes_in(pid, exe):
    """Bytes of the text that are not the file's: one for each probe."""
    return sum(sum(map(operator.ne, have[: len(want)], want)) for have, want in text_segments(pid, exe))


def probed(pid, exe):
    return any(have[: len(want)] != want for have, want in text_segments(pid, exe))


def bpf_ids():
    if not shutil.which("bpftool"):
        return None
    ids = []
    for kind in ("prog", "link", "map"):
        r = subprocess.run(["bpftool", "-j", kind], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ids += [(kind, x["id"]) for x in json.loads(r.stdout or "[]") if isinstance(x, dict) and "id" in x]
    return set(ids)


def held_ids():
    """What some process has open: that of other tracers on this machine is not ours."""
    held = set()
    for info in Path("/proc").glob("[0-9]*/fdinfo"):
        try:
            for fd in info.iterdir():
                for kind, number in re.findall(r"^(prog|link|map)_id:\s*(\d+)", fd.read_text(), re.M):
                    held.add((kind, int(number)))
        except OSError:
            pass
    return held


def nothing_left(before):
    """The kernel frees programs a little later: wait for it."""
    end = time.monotonic() + 10
    while before is not None:
        left = bpf_ids() - before - held_ids()
        if not left:
            return
        check(time.monotonic() < end, f"left in the kernel: {left}")
        time.sleep(0.05)


# --- options -----------------------------------------------------------------------------------------------------------------------


def key_is(*values):
    want = {json.dumps(v, sort_keys=True) for v in values}
    return lambda e: json.dumps(e.get("key"), sort_keys=True) in want


def string_map(e):
    return e["map_type"].startswith(("map[string]", "main.named")) or "named" in e["map_type"]


def clear_or(f, clears):
    """--key shows clears of maps that could have held the key."""
    return lambda e: clears(e) if e["event"] == "clear" else f(e)


def filter_cases(info):
    yes, no = (lambda e: string_map(e)), (lambda e: False)
    place = str(HERE / "zoo.go")

    def top(e):
        return e["stack"][0]

    line = next(i for i, t in enumerate(Path(place).read_text().splitlines(), 1) if "func dropUser" in t)
    iface = lambda t, v: {"type": t, "value": v}
    return [
        (["--key", "user:1"], clear_or(key_is("user:1"), yes)),
        (["--key", '"user:1"'], clear_or(key_is("user:1"), yes)),
        (["--key", '"42"'], clear_or(key_is("42", iface("string", "42")), yes)),
        (["-k", "42"], clear_or(key_is("42", 42, iface("int", 42), iface("string", "42")), yes)),
        (["--key", "-7"], clear_or(key_is(-7), yes)),
        (["--key", "true"], clear_or(key_is(True, "true", iface("bool", True)), yes)),
        (["--key", "false"], clear_or(key_is(False), yes)),
        (["--key", ""], clear_or(key_is(""), yes)),
        (["--key", "[x"], None),
        (["--key", '"[x]"'], clear_or(key_is("[x]"), yes)),
        (["--key", "1.5"], clear_or(key_is(1.5, iface("float64", 1.5)), yes)),
        (["--key", "-0.0"], clear_or(key_is(0.0, 0), yes)),
        (["--key", "-2.25"], clear_or(key_is(-2.25), yes)),
        (["--key", info["node"]], clear_or(key_is(info["node"]), yes)),
        (["--key", '{"X":1,"Y":2}'], clear_or(key_is({"X": 1, "Y": 2}, iface("main.point", {"X": 1, "Y": 2})), no)),
        (["--key", "[3,4]"], clear_or(key_is([3, 4]), no)),
        (["--key", '{"type":"int","value":42}'], clear_or(key_is(iface("int", 42)), no)),
        (["--key", '{"type":"string","value":"42"}'], clear_or(key_is(iface("string", "42")), no)),
        (["--key", "no such key"], clear_or(lambda e: False, yes)),
        (["--key-prefix", "user:"], clear_or(lambda e: isinstance(e["key"], str) and e["key"].startswith("user:"), yes)),
        (["--key-prefix", ""], lambda e: e["event"] == "clear" or isinstance(e["key"], str) and not e["key"].startswith("0x")
            or isinstance(e["key"], dict) and e["key"].get("type") == "string"),
        (["--type", "map[string]int"], lambda e: e["map_type"] == "map[string]int"),
        (["--type", "map[[]2[]]int*"], lambda e: False),
        (["--type", "map[[2]int]*"], lambda e: e["map_type"] == "map[[2]int]string"),
        (["--type", "map[string]*"], lambda e: e["map_type"].startswith("map[string]")),
        (["--type", "main.na?ed"], lambda e: e["map_type"] == "main.named"),
        (["--type", "*"], lambda e: True),
        (["--type", "map"], lambda e: False),
        (["--map", info["users"]], lambda e: e["map"] == info["users"]),
        (["--map", str(int(info["floats"], 16))], lambda e: e["map"] == info["floats"]),
        (["--goid", info["goid"]], lambda e: e["goid"] == info["goid"]),
        (["--site", "main.dropUser"], lambda e: top(e)["func"] == "main.dropUser"),
        (["--site", "main.(*store[*).drop"], lambda e: top(e)["func"].startswith("main.(*store[")),
        (["--site", f"zoo.go:{line}"], lambda e: top(e)["line"] == line),
        (["--site", f"{place}:{line}"], lambda e: top(e)["line"] == line),
        (["--site", "*/zoo.go:*"], lambda e: top(e)["file"] == place),
        (["--site", "zoo.go"], lambda e: False),
        (["--site", "main.dropUser", "--key", "user:1", "--map", info["users"]],
            lambda e: e["map"] == info["users"] and top(e)["func"] == "main.dropUser" and e["key"] == "user:1"),
        (["--misses"], "more"),
        (["--misses", "--key", "nobody"], "nobody"),
        (["--limit", "7"], "limit"),
    ]


@test
def filters():
    """Each filter: exactly the events of a run without it that match, and hits = delivered + filtered + lost."""
    p = zoo_program()
    p.ask("round")  # everything is allocated

    def round_with(*args):
        t = Tracer("-p", p.pid, *args)
        same(p.ask("round"), "done", "zoo")
        return t.end()

    base = round_with()
    b = identity(base)
    same((b["filtered"], b["delivered"]), (0, 11 + 7 + 2 + 3 + 4 + 4 + 6 + 1 + 1 + 1 + 2), "without a filter")
    same(b["cleared"], 2, "cleared")
    trouble = []
    for args, want in filter_cases(p.info):
        try:
            if want is None:
                refused(tophash("-p", p.pid, *args), 2, "JSON")
                continue
            got = round_with(*args)
            e = identity(got)
            if want == "more":
                same(e["hits"], b["hits"] + 1, "hits")
                same(e["misses"], 1, "misses")
                same([x["key"] for x in got.events if not x["removed"]], ["nobody"], "misses")
                continue
            if want == "nobody":
                same([(x["event"], x.get("key"), x["removed"]) for x in got.events],
                     [("clear", None, True), ("delete", "nobody", False)], "events")
                continue
            same(e["hits"], b["hits"] if want != "limit" else e["hits"], "hits")
            expected = base.events[:7] if want == "limit" else [x for x in base.events if want(x)]
            have, should = [brief(x) for x in got.events], [brief(x) for x in expected]
            check(have == should, f"missing {[x for x in should if x not in have]}, not asked for {[x for x in have if x not in should]}, "
                                  f"{len(have)} of {len(should)}")
        except Failed as f:
            trouble.append(f"{' '.join(map(str, args))}: {f}")
    p.end()
    check(not trouble, f"{len(trouble)} filters: " + "\n    ".join(t[:700] for t in trouble))


def parts_cases():
    iface = lambda t, v: {"type": t, "value": v}
    a_to = lambda n: [chr(ord("a") + i) for i in range(n)]
    long, big = "k" * 100, "9007199254740993"
    pair = lambda x, s: {"X": x, "S": s}
    return [
        (["--key", "user:42"], [iface("string", "user:42")]),
        (["--key", ""], []),
        (["--key", "42"], [iface("int", 42), iface("string", "42"), 42]),
        (["--key", '"42"'], [iface("string", "42")]),
        (["--key", "010"], [iface("uint8", 10), 10]),
        (["--key", "0"], [iface("float64", 0)]),
        (["--key", "0x0"], [iface("*int", "0x0")]),
        (["--key", big], [iface("int64", big), big]),
        (["--key", f'"{big}"'], [iface("int64", big), big]),
        (["--key", '["x","y"]'], []),
        (["--key", "[0,0]"], [iface("complex64", [0, 0]), [0, 0]]),
        (["--key", "[0.1,0.2]"], [[0.1, 0.2]]),
        (["--key", json.dumps(pair("hello", "a"))], []),
        (["--key", json.dumps(pair(0, "a"))], [iface("main.pair", pair(0, "a")), pair(0, "a")]),
        (["--key", json.dumps(pair(1.5, long))], [pair(1.5, long[:64])]),
        (["--key", json.dumps(pair(1.5, long + "k"))], []),
        (["--key", long], [iface("string", long[:64])]),
        (["--key", long[1:]], []),
        (["--key-prefix", long[:70]], [iface("string", long[:64])]),
        (["--key-prefix", long + "k"], []),
        (["--key-bytes", "4", "--key", "user:42"], [iface("string", "user")]),
        (["--key-bytes", "4", "--key", "user:422"], []),
        (["--key", json.dumps(a_to(9))], [a_to(7) + [None, None]]),
        (["--key", json.dumps(["a", "x"] + a_to(9)[2:])], []),
        (["--key", json.dumps(a_to(40))], [a_to(7) + [None] * 10]),
        (["--key", json.dumps(a_to(39))], []),
        (["--key", '{"bytes":"fffe"}'], [iface("string", {"bytes": "fffe"}), {"bytes": "fffe"}]),
        (["--key", '"a\\u0000b"'], ["a\0b"]),
        (["--site", "main.inner"], ["a\0b", {"bytes": "fffe"}, "inlined"]),
        (["--site", "main.outer"], ["a\0b", {"bytes": "fffe"}, "inlined"]),
        (["--site", "main.outer", "--stack", "1", "--key", "inlined"], ["inlined"]),
    ]


@test
def keys_in_parts():
    """Keys that are compared after they were decoded: neither one that is not the key, nor one left out of which a part was not read."""
    p = Program(go_build(HERE / "parts.go", "parts"))
    same(p.line(), "ready", "parts")
    trouble = []
    for args, want in parts_cases():
        try:
            t = Tracer("-p", p.pid, *args)
            same(p.ask("round"), "done", "parts")
            got = t.end()
            identity(got)
            same([e["key"] for e in got.events], want, "keys")
            for e in got.events:
                part = any(w in json.dumps(e["key"]) for w in ("kkkk", "null", '"user"'))
                same(bool(e.get("key_cut") or e.get("key_error")), part, f"{e['key']}: says that it is not all")
        except Failed as f:
            trouble.append(f"{' '.join(args)}: {f}")
    p.end()
    check(not trouble, f"{len(trouble)} filters: " + "\n    ".join(x[:700] for x in trouble))


@test
def key_and_stack_sizes():
    p = zoo_program()
    long = "0123456789" * 30
    for n in (1, 10, 64, 65, 256):
        t = Tracer("-p", p.pid, "--key-bytes", n)
        p.ask("round")
        keys = [e for e in t.end().events if e["event"] == "delete" and isinstance(e["key"], str) and e["key"].startswith("0")
                and not e["key"].startswith("0x")]
        same([(e["key"], e.get("key_cut")) for e in keys], [(long[:n], True)], f"--key-bytes {n}")
    for depth, n, cut in ((50, 64, None), (50, 10, True), (100, 64, True), (300, 512, None), (300, 1, True), (600, 512, True)):
        t = Tracer("-p", p.pid, "--stack", n)
        p.ask(f"deep {depth}")
        r = t.end()
        identity(r)
        e = r.events[0]
        same(e.get("stack_cut"), cut, f"deep {depth} --stack {n}: stack_cut")
        want = ["main.dropUser"] + ["main.deep"] * (depth + 1) + ["main.serve", "main.main"]
        got = [f["func"].replace(".gowrap1", "").replace(".func2", "") for f in e["stack"]]
        same(got[:n], (want if not cut else want)[:n][: len(got)], f"deep {depth} --stack {n}")
        check(len(got) == n if cut else len(got) > depth, f"deep {depth} --stack {n}: {len(got)} frames")
    p.end()


@test
def limit_and_duration():
    busy = target("busy")
    for text, low, high in (("1", 1.0, 8), ("500ms", 0.5, 8), ("0.5s", 0.5, 8), ("0.01m", 0.6, 8)):
        p = steps()
        begun = time.monotonic()
        r = tophash("-p", p.pid, "--duration", text, "--format", "json")
        took = time.monotonic() - begun
        same(r.code, 0, r.err)
        check(low <= took < high, f"--duration {text} took {took:.2f} s")
        same(identity(r)["hits"], 0, "hits")
        p.end()
    r = tophash("--limit", 1, "--format", "json", "-o", TMP / "l", "--", busy, "-ops", 100000)
    r.out = (TMP / "l").read_text()
    e = identity(r)
    same(e["delivered"], 1, "delivered")
    same(len(r.events), 1, "events")


@test
def formats_and_files():
    p = steps()
    out = TMP / "file.out"
    out.write_text("old\n" * 1000)
    t = subprocess.Popen([A.tophash, "trace", "-p", str(p.pid), "--limit", "3", "--format", "json", "-o", str(out)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b'"start"' not in out.read_bytes():
        time.sleep(0.01)
    p.ask("3")
    o, e = t.communicate(timeout=LONG)
    same((t.returncode, o, e), (0, b"", b""), "exit code, stdout, stderr")
    same([r["event"] for r in map(json.loads, out.read_text().splitlines())], ["start"] + ["delete"] * 3 + ["end"], "records")
    for want in (r"\n3 hits = 3 delivered \+ 0 filtered \+ 0 lost", r"main\.remove main\.go:42"):
        t = Tracer("-p", p.pid, format="text")
        p.ask("3")
        r = t.end()
        same(r.code, 0, r.err)
        check(re.search(want, r.out), f"no {want} in {r.out[-500:]}")
        check("\x1b" not in r.out, "colours in a file")
    p.end()


@test
def summaries():
    p = zoo_program()
    for by, want in (("site", "main.dropUser"), ("map", p.info["users"]), ("type", r"map\[string\]int"), ("key", "user:1"), (None, "main.dropUser")):
        t = Tracer("-p", p.pid, f"--summary={by}" if by else "--summary", format="text")
        p.ask("round")
        r = t.end()
        same(r.code, 0, r.err)
        check(re.search(want, r.out), f"--summary={by}: no {want} in {r.out}")
        check(" g1 " not in r.out, "events beside the summary")
        check(re.search(r"^42 hits = 42 delivered \+ 0 filtered \+ 0 lost", r.out, re.M), r.out[-300:])
        t = Tracer("-p", p.pid, f"--summary={by}" if by else "--summary")
        p.ask("round")
        r = t.end()
        same(r.code, 0, r.err)
        check(not r.events, "events beside the summary (json)")
        same((r.end["hits"], r.end["delivered"]), (42, 42), "end")
        check(len(r.records) > 2, "no rows in JSON's summary")
    p.end()


@test
def summary_of_cut_keys():
    """Keys of which only the beginning is kept: those of different lengths are different keys, and all say that they are cut."""
    source = TMP / "long.go"
    source.write_text("""package main
import "strings"
type pair struct { Host, Path string }
func main() {
	s, p := map[string]int{}, map[pair]int{}
	for _, n := range []int{100, 101, 100, 64, 101, 100, 300} {
		k := strings.Repeat("k", n)
		s[k] = 1
		delete(s, k)
		p[pair{"h", k}] = 1
		delete(p, pair{"h", k})
	}
}
""")
    exe = go_build(source, "long")
    r = tophash("-q", "--format", "json", "--summary=key", "--type", "map[*", "--site", "main.main", "--misses", "--", exe)
    same((r.code, r.err), (0, ""), "exit code")
    for plain in (True, False):
        rows = [x for x in r.of("summary") if (x["map_type"] == "map[string]int") == plain]
        key = "k" * 64 if plain else {"Host": "h", "Path": "k" * 64}
        same([(x["key"], x.get("key_cut"), x["elements"]) for x in rows if x.get("key_cut")], [(key, True, n) for n in (3, 2, 1)], "cut keys")
        same([(x["key"], x["elements"]) for x in rows if not x.get("key_cut")], [(key, 1)], "the whole key")
    same(r.end["misses"], 0, "misses are counted, and there are none")
    r = tophash("-q", "--summary=key", "--type", "map[string]int", "--site", "main.main", "--", exe)
    same([int(n) for n in re.findall(r'^ +(\d+) .*"k+"…', r.out, re.M)], [3, 2, 1], r.out)


@test
def dry_run():
    p = steps()
    before = bpf_ids()
    for args in (["-p", p.pid], ["-b", target("steps")], ["--", target("steps")], ["--misses", "-p", p.pid]):
        r = tophash("--dry-run", *args)
        same((r.code, r.err), (0, ""), f"{args}")
        lines = r.out.splitlines()
        check(re.search(r"go1\.\d+.*, (Swiss|classic) maps.*, \d+ probes", lines[0]), lines[0])
        n = int(re.search(r"(\d+) probes", lines[0])[1])
        same(sum(bool(re.match(r"(removal|clear|start|begin|entry|exit|panic|gc) +\S+\+\d+ \(0x[0-9a-f]+\): \S", x)) for x in lines), n, "probes")
        r = tophash("--dry-run", "--format", "json", *args)
        same((r.code, r.err, len(r.records)), (0, "", 1), f"{args} json")
        same(len(r.records[0]["probes"]), n, "probes in JSON")
        clean(p.pid, target("steps"))
    for kind, start in (("text", "/"), ("json", "{")):
        out = TMP / f"dry.{kind}"
        r = tophash("--dry-run", "--format", kind, "-o", out, "-p", p.pid)
        same((r.code, r.out, r.err), (0, "", ""), "--dry-run -o")
        check(out.read_text().startswith(start), f"--dry-run -o: {out.read_text()[:80]}")
        with open("/dev/full", "w") as full:
            q = subprocess.run([A.tophash, "trace", "--dry-run", "--format", kind, "-p", str(p.pid)], stdout=full, stderr=subprocess.PIPE)
        same((q.returncode, q.stderr.count(b"\n")), (1, 1), f"--dry-run into /dev/full: {q.stderr!r}")
    r = tophash("--dry-run", "--", "steps", env={"PATH": str(Path(target("steps")).parent)})
    same((r.code, r.err), (0, ""), "--dry-run with PATH")
    nothing_left(before)
    p.end()


@test
def quiet_and_verbose():
    for args, err in ((["-q"], r"\A\Z"), ([], r"\A.*\(process \d+\) exited with status 0\n\Z"),
                      (["-v"], r"\A.*probes placed in [\d.]+ ms\n.*exited with status 0\n\Z")):
        r = tophash(*args, "-o", TMP / "q", "--", target("busy"), "-ops", 10)
        same(r.code, 0, r.err)
        check(re.match(err, r.err), f"{args}: {r.err!r}")


USAGE = [
    (["--nosuch"], "--nosuch"), (["-x"], "-x"), (["-qx"], "-x"), (["-p"], "-p needs"), (["--key"], "--key needs"), (["-p", "0"], "-p 0"),
    (["-p", "-5"], "-p -5"), (["-p", "1x"], "1x"), (["-p", "99999999999"], "99999999999"), ([], "nothing to trace"), (["--"], "no command"),
    (["-p", "1", "-b", "x"], "only one"), (["-p", "1", "--", "x"], "only one"), (["-p", "1", "steps"], "steps"), (["steps"], "steps"),
    (["-p", "1", "-p", "2"], "--pid can be given once"), (["-p", "1", "--format", "json", "--format", "text"], "--format can be given once"),
    (["-p", "1", "--key", "a", "--key", "b"], "--key can be given once"), (["-p", "1", "-q", "-v"], "contradict"), (["-p", "1", "--key", "a", "--key-prefix", "b"], "only one"),
    (["-p", "1", "--key", "{a"], "JSON"), (["-p", "1", "--key", "x" * 300], "256"), (["-p", "1", "--type", ""], "empty"),
    (["-p", "1", "--type", "a\\"], "backslash"), (["-p", "1", "--site", "a\\"], "backslash"), (["-p", "1", "--type", "a", "--type", "b"], "once"),
    (["-p", "1", "--map", "zz"], "--map zz"), (["-p", "1", "--map", "0"], "--map 0"), (["-b", "x", "--map", "0x1"], "-b"),
    (["-p", "1", "--goid", "-1"], "--goid -1"), (["-p", "1", "--limit", "0"], "--limit 0"), (["-p", "1", "--limit", " -1"], "--limit"),
    (["-p", "1", "--duration", "1x"], "1x"), (["-p", "1", "--duration", "-1"], "-1"), (["-p", "1", "--duration", "nan"], "nan"),
    (["-p", "1", "--duration", "0"], "0"), (["-p", "1", "--duration", "inf"], "inf"), (["-p", "1", "--format", "xml"], "xml"),
    (["-p", "1", "--summary=foo"], "foo"), (["-p", "1", "--stack", "0"], "--stack 0"), (["-p", "1", "--stack", "513"], "512"),
    (["-p", "1", "--key-bytes", "257"], "256"), (["-p", "1", "--buffer", "1"], "64K"), (["-p", "1", "--buffer", "2G"], "1G"),
    (["-p", "1", "--buffer", "-64K"], "-64K"), (["-p", "1", "--buffer", "64KB"], "64KB"),
]


@test
def usage():
    for args, word in USAGE:
        try:
            refused(tophash(*args), 2, re.escape(word))
        except Failed as f:
            raise Failed(f"{args}: {f}") from None
    r = tophash("--help")
    same((r.code, r.err), (0, ""), "--help")
    check(len(r.out.splitlines()) <= 52, "--help is longer than a screen")


# --- targets -----------------------------------------------------------------------------------------------------------------------


@test
def command():
    r = tophash("--format", "json", "-o", TMP / "c", "--", target("busy"), "-ops", 1000)
    told = json.loads(r.out)  # the program's own output, and nothing else
    same((r.code, told["removed"]), (0, 1000), "busy")
    end = json.loads((TMP / "c").read_text().splitlines()[-1])
    same((end["removed"], end["lost"]["ring_full"]), (1000, 0), "end")
    for code in (0, 3, 255):
        p = subprocess.run([A.tophash, "trace", "--format", "json", "-o", TMP / "c", "--", target("steps")], input=f"5\nexit {code}\n",
                           text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
        records = [json.loads(x) for x in (TMP / "c").read_text().splitlines()]
        pid = records[0]["pid"]
        same(p.returncode, 0, "exit code")
        same([x["event"] for x in records], ["start"] + ["delete"] * 5 + ["exit", "end"], "records")
        same(records[-2], {"event": "exit", "pid": pid, "code": code}, "exit record")
        check(re.fullmatch(rf"tophash: .*steps \(process {pid}\) exited with status {code}\n", p.stderr), p.stderr)
        same(p.stdout, f"ready {pid}\ndone 5 removed=5 missed=0 cleared=0 len=0\n", "the command's output")
    r = tophash("-q", "--format", "json", "--", "busy", "-ops", 7, env={"PATH": "/nonexistent::" + str(Path(target("busy")).parent)})
    same((r.code, r.err), (0, ""), "PATH")


@test
def command_killed():
    t = Tracer("--", target("busy"), "-seconds", 60, "-mode", "miss")
    t.wait_for('"start"')
    pid = json.loads(t.report.read_text().splitlines()[0])["pid"]
    for sig in (signal.SIGKILL,):
        os.kill(pid, sig)
        r = t.end(None)
        same(r.code, 0, r.err)
        same(r.of("exit"), [{"event": "exit", "pid": pid, "signal": 9, "signal_name": "SIGKILL"}], "exit record")
        check(re.search(r"was ended by signal (9|SIGKILL)", r.err), r.err)


@test
def command_refused():
    script = TMP / "script"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    plain = TMP / "plain"
    plain.write_text("x")
    for args, word in ((["nosuch"], "not found in PATH"), (["./nosuch"], "No such file"), ([""], "not found"), ([TMP], "not an executable"),
                       ([plain], "not an executable"), (["true"], "not a Go program"), (["sh", "-c", "exit 1"], "not a Go program"),
                       ([script], "not an ELF")):
        try:
            refused(tophash("--", *args), 3, word)
        except Failed as f:
            raise Failed(f"{args}: {f}") from None


@test
def command_that_execs():
    """env and sh exec Go programs; a Go program that execs another one ends as that one does."""
    source = TMP / "execs.go"
    source.write_text("""package main
import ("os"; "os/exec"; "syscall")
func main() {
	m := map[int]int{1: 1, 2: 2, 3: 3}
	delete(m, len(os.Args))
	exec.Command("/bin/true").Run()
	delete(m, len(os.Args)-1)
	if len(os.Args) > 2 { syscall.Exec("/bin/sh", []string{"sh", "-c", "exit 7"}, nil) }
}
""")
    exe = go_build(source, "execs")
    r = tophash("-q", "--format", "json", "--site", "main.main", "--", exe, "x")
    same((r.code, len(r.events), r.of("exit")[0].get("code")), (0, 2, 0), "forks")
    r = tophash("-q", "--format", "json", "--site", "main.main", "--", exe, "x", "y")
    same((r.code, len(r.events), len(r.of("start")), [x.get("code") for x in r.of("exit")]), (0, 2, 1, [7]), "execs")


EXECS_ITSELF = """package main
import ("bufio"; "fmt"; "os"; "runtime"; "runtime/debug"; "syscall")
func init() { runtime.LockOSThread() } // main keeps the main thread
func main() {
	debug.SetGCPercent(-1)
	in := bufio.NewReaderSize(os.Stdin, 16)
	fmt.Println("ready")
	for {
		line, err := in.ReadString('\\n')
		if err != nil { return }
		again := func() { syscall.Exec("/proc/self/exe", os.Args, os.Environ()) }
		switch line {
		case "delete\\n":
			m := map[string]int{"k": 1, "l": 2}
			delete(m, "k")
			fmt.Println("done")
		case "main\\n":
			again()
		case "other\\n":
			go again()
			select {}
		}
	}
}
"""


@test
def executes_itself():
    """A process that executes itself goes on being traced: by its main thread without a gap, by another with a word about the gap."""
    source = TMP / "execs_itself.go"
    source.write_text(EXECS_ITSELF)
    exe = go_build(source, "execs_itself")
    for env in ({}, {"TOPHASH_NO_MULTI": "1"}):
        for how in ("main", "other"):
            before = held_ids()
            p = Program(exe)
            same(p.line(), "ready", "begins")
            t = subprocess.Popen([A.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=dict(os.environ, **env))
            LIVE.append(t)
            start = json.loads(t.stdout.readline())
            probes = probes_in(p.pid, exe)
            for _ in range(3):
                same(p.ask("delete"), "done", "a delete")
                same(p.ask(how), "ready", "begins anew")
                end = time.monotonic() + LONG
                while how == "other" and probes_in(p.pid, exe) < probes:  # they are placed once more
                    check(time.monotonic() < end, f"{how} {env}: no probes after it executed itself")
                    time.sleep(0.01)
            same(p.ask("delete"), "done", "a delete")
            p.end()
            out, err = t.communicate(timeout=LONG)
            run = Run(t.returncode, out, err)
            same((run.code, len(run.events), {e["gc"] for e in run.events}, run.end["hits"]), (0, 4, {"off"}, 4), f"{how} {env}: {err}")
            # Whether there was a gap depends on who was faster: the new probes or the program's runtime.
            gaps = 3 if how == "other" else 0
            check(len(err.splitlines()) <= gaps and err.count("executed itself anew") == len(err.splitlines()), f"{how} {env}: {err}")
            same((len(run.of("start")), len(run.of("exit"))), (0, 1), "start records after the first, exit records")
            check(any(x["role"] == "begin" for x in start["probes"]), "no begin probe")
            nothing_left(before)


def binary_runs(exe, talk=True, env=None):
    """-b: one that runs already, some that come later; exact records of each."""
    old = Program(exe)
    old.line()
    t = Tracer("-b", exe, env=env)
    same(old.ask("3").split()[0], "done", "old")
    ends = {}
    for n, how in ((2, "exit 0"), (4, "exit 9"), (1, "kill"), (0, "exit 1")):
        new = Program(exe)
        new.line()
        t.wait_for('"event":"start"', len(ends) + 2)  # it is met: one that is gone by then ends with "code":null
        if n:
            new.ask(str(n))
        if how == "kill":
            new.p.kill()
        else:
            new.tell(how)
        new.p.wait(LONG)
        ends[new.pid] = (n, {"signal": 9} if how == "kill" else {"code": int(how.split()[1])})
    old.tell("exit 5")
    old.p.wait(LONG)
    ends[old.pid] = (3, {"code": 5})
    t.wait_for('"exit"', len(ends))
    r = t.end()
    e = identity(r)
    same(e["removed"], 10, "removed")
    same(sorted(x["pid"] for x in r.of("start")), sorted(ends), "start records")
    same(sorted(x["pid"] for x in r.of("exit")), sorted(ends), "exit records")
    for pid, (n, how) in ends.items():
        mine = [x for x in r.records if x.get("pid") == pid]
        same([x["event"] for x in mine], ["start"] + ["delete"] * n + ["exit"], f"records of one process ({how})")
        for k, v in how.items():
            same(mine[-1].get(k), v, "how it ended")
    return r


@test
def binary():
    exe = str(shutil.copy(target("steps"), TMP / "steps-b"))
    r = binary_runs(exe)
    same({x["bias"] for x in r.of("start")}, {"0x0"}, "bias")


@test
def binary_pie():
    path = str(shutil.copy(go_build(REPO / "tests/targets/steps/main.go", "steps-pie", "-buildmode=pie"), TMP / "steps-pie-b"))
    r = binary_runs(path)
    check(all(x["bias"] != "0x0" for x in r.of("start")), "a PIE without a bias")


@test
def binary_many():
    """More processes than tophash may have open files."""
    exe = str(shutil.copy(target("steps"), TMP / "steps-many"))
    t = Tracer("-b", exe)
    subprocess.run(["prlimit", f"--pid={t.p.pid}", "--nofile=40:40"], check=True)
    pids = []
    for _ in range(60):
        p = subprocess.run([exe], input="1\nexit 4\n", text=True, stdout=subprocess.PIPE, timeout=LONG)
        pids.append(int(p.stdout.split()[1]))
    t.wait_for('"exit"', 60)
    r = t.end()
    same(identity(r)["removed"], 60, "removed")
    same([x["pid"] for x in r.of("exit")], pids, "exit records")
    check({x["code"] for x in r.of("exit")} <= {4, None}, "codes")  # None: gone before tophash looked at it


def start_as(pid, exe, stdin):
    """Starts a program under a given process id, which must be free. (clone3 with set_tid)"""
    libc = ctypes.CDLL(None, use_errno=True)
    tids = (ctypes.c_int * 1)(pid)
    args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(tids), 1, 0)
    got = libc.syscall(435, ctypes.byref(args), ctypes.sizeof(args))
    if got == 0:
        try:
            os.dup2(stdin, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.execv(exe, [exe])
        finally:
            os._exit(99)
    if got < 0:
        raise Skip(f"a process id cannot be chosen: {os.strerror(ctypes.get_errno())}")
    return got


@test
def binary_pid_again():
    """A process ends and another of the binary gets its id, before anybody has looked: two starts, two exits."""
    exe = str(shutil.copy(target("steps"), TMP / "steps-again"))
    t = Tracer("-b", exe)
    a = Program(exe)
    a.line()
    a.ask("2")
    t.wait_for('"delete"', 2)
    t.p.send_signal(signal.SIGSTOP)
    a.tell("exit 3")
    a.p.wait(LONG)
    mine, theirs = os.pipe()
    pid = start_as(a.pid, exe, mine)
    os.write(theirs, b"3\n")
    time.sleep(0.2)
    t.p.send_signal(signal.SIGCONT)
    t.wait_for('"event":"start"', 2)
    os.write(theirs, b"exit 4\n")
    os.waitpid(pid, 0)
    t.wait_for('"exit"', 2)
    r = t.end()
    same(pid, a.pid, "process id")
    same([(x["event"], x.get("code")) for x in r.records if "pid" in x],
         [("start", None)] + [("delete", None)] * 2 + [("exit", 3), ("start", None)] + [("delete", None)] * 3 + [("exit", 4)], "records")
    same(identity(r)["removed"], 5, "removed")


@test
def binary_waits():
    """Nothing runs yet: it says so."""
    exe = str(shutil.copy(target("steps"), TMP / "steps-none"))
    for args, lines in (([], 1), (["-q"], 0)):
        r = tophash("--duration", "100ms", *args, "-b", exe)
        same((r.code, len(r.lines)), (0, lines), r.err)
        check(not lines or "waiting for a process of" in r.err, r.err)
    p = Program(exe)
    p.line()
    r = tophash("--duration", "100ms", "-b", exe)
    same((r.code, r.err), (0, ""), "one runs")
    p.end()


@test
def binary_ends_with_it():
    """-b has no end of its own: a limit, a duration or a signal ends it, also when nothing ran."""
    for args, sig in ((["--duration", "300ms"], None), ([], signal.SIGTERM)):
        r = Tracer("-b", target("steps"), *args).end(sig)
        same((r.code, len(r.of("start")), r.end["hits"]), (0, 0, 0), f"{args}")


@test
def not_traceable():
    refused(tophash("-p", 2), 3, "kernel thread")
    refused(tophash("-p", 4194304), 3, "no process 4194304")
    p = subprocess.Popen(["sleep", "100"])
    LIVE.append(p)
    refused(tophash("-p", p.pid), 3, "not a Go program")
    p.kill()
    while "Z" not in Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]:
        time.sleep(0.01)
    refused(tophash("-p", p.pid), 3, "ending|ended")
    p.wait()
    refused(tophash("-p", p.pid), 3, "no process")
    s = steps()
    s.ask("go 10")
    threads = [int(x) for x in os.listdir(f"/proc/{s.pid}/task") if int(x) != s.pid]
    if threads:
        refused(tophash("-p", threads[0]), 3, "thread")
    s.end()
    refused(tophash("-b", "/nonexistent"), 3, "No such file")
    refused(tophash("-b", TMP), 3, "not a regular file")
    refused(tophash("-b", "/dev/zero"), 3, "not a regular file")
    os.mkfifo(TMP / "fifo")
    refused(tophash("-b", TMP / "fifo", timeout=10), 3, "not a regular file")


@test
def threads_and_main_thread():
    p = zoo_program()
    t = Tracer("-p", p.pid)
    p.ask("threads 40")
    same(p.ask("leave"), "done", "leave")
    end = time.monotonic() + LONG
    while Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        check(time.monotonic() < end, "the main thread does not end")
        time.sleep(0.01)
    p.ask("threads 3")  # the process goes on without its main thread
    p.ask("round")
    late = tophash("-p", p.pid, "--duration", "100ms", "--format", "json")
    p.tell("exit 6")
    p.p.wait(LONG)
    r = t.end(None)
    e = identity(r)
    same(e["hits"], 43 * 100 + 42, "hits")
    same(len({x["goid"] for x in r.events}), 43 + 2, "goroutines")
    same(r.of("exit"), [{"event": "exit", "pid": p.pid, "code": 6}], "exit record")
    if late.code:
        refused(late, 3, "main thread|ending")


@test
def deleted_and_replaced():
    exe = TMP / "replaced"
    for how in ("deleted", "replaced"):
        shutil.copy(target("steps"), exe)
        p = Program(str(exe))
        p.line()
        exe.unlink()
        if how == "replaced":
            exe.write_bytes(b"#!/bin/sh\n" * 1000)
        t = Tracer("-p", p.pid)
        p.ask("12")
        r = t.end()
        same(identity(r)["removed"], 12, how)
        p.end()


def other_namespace(*how, root=None):
    command = ["unshare", *how, target("steps")] if not root else ["chroot", str(root), "/steps"]
    p = Program(*command)
    p.line()
    return p


def find_child(pid, exe):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                if int(stat[1]) == pid and os.readlink(f"/proc/{entry}/exe").endswith(exe):
                    return int(entry)
            except OSError:
                pass
    raise Failed("no child")


@test
def namespaces():
    if subprocess.run(["unshare", "-mpf", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -m is not permitted")
    root = TMP / "root"
    root.mkdir()
    shutil.copy(target("steps"), root / "steps")
    inside = "mount -t tmpfs none " + str(root) + " && cp " + target("steps") + " " + str(root) + "/only && exec " + str(root) + "/only"
    cases = [("chroot", ["chroot", root, "/steps"], False), ("mount", ["unshare", "-m", "sh", "-c", inside], False),
             ("pid", ["unshare", "-pf", "--mount-proc", target("steps")], True)]
    for what, cmd, child in cases:
        p = Program(*map(str, cmd))
        p.line()
        pid = find_child(p.pid, "steps") if child else p.pid
        t = Tracer("-p", pid)
        p.ask("9")
        p.tell("exit 2")
        p.p.wait(LONG)
        r = t.end(None)
        same(identity(r)["removed"], 9, what)
        same({x["pid"] for x in r.records if "pid" in x}, {pid}, f"{what}: pids")
        same(r.of("exit"), [{"event": "exit", "pid": pid, "code": 2}], f"{what}: exit record")


@test
def tracer_in_a_pid_namespace():
    """Inside a container, process ids are the container's."""
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -p is not permitted")
    for args in ([], ["-b"]):
        inner = ["unshare", "-pf", "--mount-proc"]
        if args:
            exe = shutil.copy(target("steps"), TMP / "steps-inner")
            script = (f"{A.tophash} trace -v --format json -o {TMP}/inner -b {exe} 2>{TMP}/inner.err & t=$!; "
                      f"until grep -q placed {TMP}/inner.err; do sleep 0.05; done; (echo 4; echo exit 3) | {exe}; "
                      f"until grep -q '\"exit\"' {TMP}/inner; do sleep 0.05; done; kill -TERM $t; wait $t")  # the shell has it ignore SIGINT
            (TMP / "inner").write_text("")
            (TMP / "inner.err").write_text("")
            q = subprocess.run([*inner, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
            same(q.returncode, 0, q.stderr)
            told = int(q.stdout.split()[1])
        else:
            q = subprocess.run([*inner, A.tophash, "trace", "-q", "--format", "json", "-o", TMP / "inner", "--", target("steps")],
                               input="4\nexit 3\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
            same(q.returncode, 0, q.stderr)
            told = int(q.stdout.split()[1])
        r = Run(0, (TMP / "inner").read_text(), "")
        same(identity(r)["removed"], 4, "removed")
        same({x["pid"] for x in r.records if "pid" in x}, {told}, f"{args}: process ids")
        same(r.of("exit"), [{"event": "exit", "pid": told, "code": 3}], f"{args}: exit record")


# --- ends --------------------------------------------------------------------------------------------------------------------------


@test
def signals():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        p = steps()
        before = bpf_ids()
        t = Tracer("-p", p.pid)
        check(probed(p.pid, target("steps")), "no probe while it traces")
        p.ask("5")
        r = t.end(sig)
        same((r.code, r.err), (0, ""), f"{sig.name}")
        same(identity(r)["removed"], 5, sig.name)
        same(len(r.of("exit")), 0, "exit records of a process that goes on")
        clean(p.pid, target("steps"))
        nothing_left(before)
        p.ask("5")
        same(p.end(), "", "steps")


@test
def closed_pipe():
    for format in ("json", "text"):
        p = subprocess.Popen([target("busy"), "-seconds", "60"], stdout=subprocess.DEVNULL)
        LIVE.append(p)
        before = bpf_ids()
        t = subprocess.Popen([A.tophash, "trace", "--format", format, "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        t.stdout.readline()
        t.stdout.close()
        err = t.stderr.read().decode()
        same(t.wait(LONG), 0, f"exit code ({err})")
        m = re.fullmatch(r"tophash: .*?(\d+) hits = (\d+) delivered \+ (\d+) filtered \+ 0 lost\n", err)
        check(m, f"stderr: {err!r}")
        same(int(m[1]), int(m[2]) + int(m[3]), "identity")
        clean(p.pid, target("busy"))
        nothing_left(before)
        p.kill()
        p.wait()
    p = steps()  # also when nothing happens that could be written
    t = subprocess.Popen([A.tophash, "trace", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t.stdout.readline()
    t.stdout.close()
    same(t.wait(LONG), 0, "exit code")
    same(t.stderr.read().count(b"\n"), 1, "lines on stderr")
    p.end()


@test
def target_killed():
    p = subprocess.Popen([target("busy"), "-seconds", "60"], stdout=subprocess.DEVNULL)
    LIVE.append(p)
    t = Tracer("-p", p.pid)
    t.wait_for('"delete"')
    p.kill()
    p.wait()
    r = t.end(None)
    e = identity(r)
    check(r.code in (0, 5) and e["hits"] > 0, f"exit code {r.code}")
    same(r.of("exit"), [{"event": "exit", "pid": p.pid, "signal": 9, "signal_name": "SIGKILL"}], "exit record")
    same([x["event"] for x in r.records[-2:]], ["exit", "end"], "the last records")


@test
def target_ends_during_attach():
    """At any moment: never a hang, a crash, or more than one line."""
    codes = set()
    for i in range(25):
        p = subprocess.Popen([target("busy"), "-seconds", "60"], stdout=subprocess.DEVNULL)
        LIVE.append(p)
        t = subprocess.Popen([A.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(i * 0.003)
        p.kill()
        if i % 2:
            p.wait()
        out, err = t.communicate(timeout=LONG)
        p.wait()
        codes.add(t.returncode)
        check(t.returncode in (0, 3), f"exit code {t.returncode}: {err}")
        if t.returncode:
            same(err.count(b"\n"), 1, f"lines on stderr: {err}")
        else:
            identity(Run(0, out.decode(), ""))


@test
def output_fails():
    p = steps()
    for format in ("json", "text"):
        for args, stdout in ((["-o", "/dev/full"], None), ([], "/dev/full")):
            with open(stdout or "/dev/null", "w") as out:
                q = subprocess.run([A.tophash, "trace", "--format", format, "-p", str(p.pid), "--duration", "5", *args], stdout=out,
                                   stderr=subprocess.PIPE, text=True, timeout=LONG)
            same(q.returncode, 1, f"/dev/full: {q.stderr!r}")
            check(re.fullmatch(r"tophash: .*No space left on device\ntophash: 0 hits = 0 delivered \+ 0 filtered \+ 0 lost\n", q.stderr), q.stderr)
    refused(tophash("-p", p.pid, "-o", "/nonexistent/x"), 1, "/nonexistent/x")
    refused(tophash("-p", p.pid, "-o", TMP), 1, "directory")
    clean(p.pid, target("steps"))
    q = subprocess.run([A.tophash, "trace", "-p", str(p.pid), "--duration", "1"], stderr=subprocess.PIPE, close_fds=True,
                       preexec_fn=lambda: os.close(1), timeout=LONG)
    check(q.returncode == 1 and q.stderr.count(b"\n") == 2, f"closed stdout: {q.returncode} {q.stderr}")
    p.end()
    for args in (["--help"], ["--version"], ["trace", "--help"]):
        with open("/dev/full", "w") as out:
            q = subprocess.run([A.tophash, *args], stdout=out, stderr=subprocess.PIPE, text=True, timeout=LONG)
        refused(Run(q.returncode, "", q.stderr), 1, "No space left")


@test
def output_fails_later():
    """The disk is full after a while: what is known by then is said, the command's end too."""
    size = 16384
    for args in ([], ["--format", "json"]):
        q = subprocess.run([A.tophash, "trace", *args, "-o", TMP / "limited", "--", target("busy"), "-ops", "20000"], timeout=LONG,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                               __import__("resource").setrlimit(__import__("resource").RLIMIT_FSIZE, (size, size))))
        same(q.returncode, 1, q.stderr)
        lines = q.stderr.splitlines()
        check(re.search("cannot write the output: File too large", lines[0]), q.stderr)
        m = re.search(r"tophash: (\d+) hits = (\d+) delivered \+ (\d+) filtered \+ (\d+) lost", lines[-1])
        check(m, q.stderr)
        same(int(m[1]), sum(int(x) for x in m.groups()[1:]), "identity")
        check(len(lines) == 2 or len(lines) == 3 and "exited with status 0" in lines[1], q.stderr)
        same((TMP / "limited").stat().st_size, size, "what fitted")


@test
def output_is_the_program():
    """-o that names the traced program, by whatever path: refused, and nothing is written."""
    good = Path(target("steps")).read_bytes()
    exe = TMP / "program"
    exe.write_bytes(good)
    exe.chmod(0o755)
    (TMP / "soft").symlink_to(exe)
    (TMP / "hard").hardlink_to(exe)
    p = Program(str(exe))
    p.line()
    for out in ("program", "soft", "hard"):
        for args in (["-p", p.pid], ["-b", exe], ["--", exe], ["--dry-run", "-b", exe]):
            refused(tophash("-o", TMP / out, *args), 2, "-o .*: that is the program itself")
    p.end()
    check(exe.read_bytes() == good, "the program has changed")


@test
def output_is_kept():
    """What is in a file stays there until something is traced; no file is made for nothing."""
    p = steps()
    old, new = TMP / "old", TMP / "new"
    old.write_text("precious\n")
    no_bpf = {"preexec_fn": deny_bpf(errno.EPERM)}
    for args, code, more in ((["-p", 4194304], 3, {}), (["-b", "/bin/true"], 3, {}), (["--", "nosuch"], 3, {}), (["-p", p.pid], 4, no_bpf)):
        for out in (old, new):
            r = tophash("-o", out, *args, **more)
            if r.code == 99:
                raise Skip("seccomp filters are not permitted")
            refused(r, code)
        same(old.read_text(), "precious\n", f"{args}")
        check(not new.exists(), f"{args}: an empty file")
    same(tophash("-q", "-o", old, "--format", "json", "--duration", "50ms", "-p", p.pid).code, 0, "exit code")
    same([json.loads(x)["event"] for x in old.read_text().splitlines()], ["start", "end"], "records")
    r = tophash("-q", "-o", "/dev/stdout", "--format", "json", "--duration", "50ms", "-p", p.pid)
    same([x["event"] for x in r.records], ["start", "end"], "/dev/stdout")
    os.mkfifo(TMP / "pipe")
    t = subprocess.Popen([A.tophash, "trace", "-q", "-o", TMP / "pipe", "--format", "json", "--duration", "50ms", "-p", str(p.pid)])
    LIVE.append(t)
    same([json.loads(x)["event"] for x in (TMP / "pipe").read_text().splitlines()], ["start", "end"], "a pipe with a name")
    same(t.wait(LONG), 0, "exit code")
    p.end()


@test
def closed_descriptors():
    """Without stdin, stdout and stderr: nothing but records gets into the output."""
    def close():
        for fd in (0, 1, 2):
            os.close(fd)

    out = TMP / "records"
    p = steps()
    for args in (["-p", str(p.pid)], ["--", target("busy"), "-ops", "10"], ["-b", target("steps")]):
        q = subprocess.run([A.tophash, "trace", "-v", "--duration", "1", "--format", "json", "-o", out, *args], preexec_fn=close, timeout=LONG)
        same(q.returncode, 0, "exit code")
        r = Run(0, out.read_text(), "")
        same((r.records[-1]["event"], len(r.events)), ("end", 10 if "--" in args else 0), "records")
    p.end()


@test
def ignored_signals():
    """What nohup or a shell has us ignore is ignored; the others still end it."""
    p = steps()
    for ignored, ends in ((signal.SIGHUP, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
        t = subprocess.Popen([A.tophash, "trace", "-v", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN))
        LIVE.append(t)
        check("placed" in t.stderr.readline(), "it does not begin")
        for _ in range(3):
            t.send_signal(ignored)
            time.sleep(0.05)
        p.ask("4")
        same(t.poll(), None, f"{ignored.name} is ignored")
        t.send_signal(ends)
        out, err = t.communicate(timeout=LONG)
        same((t.returncode, err, identity(Run(0, out, ""))["removed"]), (0, "", 4), ends.name)
    p.end()


@test
def slow_reader():
    """A target that is faster than the reader: limits and signals still end it, and the counts add up."""
    p = subprocess.Popen([target("busy"), "-seconds", "60", "-mode", "string"], stdout=subprocess.DEVNULL)
    LIVE.append(p)
    for args, sig in ((["--duration", "1"], None), ([], signal.SIGINT)):
        t = subprocess.Popen([A.tophash, "trace", "--format", "json", "--buffer", "256K", "-p", str(p.pid), *args], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        begun = time.monotonic()
        size, tail, sent = 0, b"", False
        while True:
            data = os.read(t.stdout.fileno(), 65536)
            if not data:
                break
            size += len(data)
            tail = (tail + data)[-1000:]
            time.sleep(0.003)
            if sig and not sent and time.monotonic() - begun > 1:
                t.send_signal(sig)
                sent = True
            if time.monotonic() - begun > 20:
                t.kill()
                raise Failed(f"{args}: it goes on and on")
        code = t.wait(LONG)
        end = json.loads(tail.splitlines()[-1])
        lost = sum(end["lost"].values())
        same(end["hits"], end["delivered"] + end["filtered"] + lost, "identity")
        same(code, 5 if lost else 0, f"exit code: {t.stderr.read()}")
    clean(p.pid, target("busy"))
    p.kill()
    p.wait()


@test
def slow_reader_of_what_is_past():
    """The program has ended, megabytes of its records are still to be read by somebody slow: signals end that, too."""
    t = subprocess.Popen([A.tophash, "trace", "--format", "json", "--buffer", "64M", "--", target("busy"), "-ops", "100000"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    LIVE.append(t)
    tail, begun, told = b"", time.monotonic(), 0
    while True:
        data = os.read(t.stdout.fileno(), 16384)
        if not data:
            break
        tail = (tail + data)[-2000:]
        time.sleep(0.01)
        now = time.monotonic() - begun
        check(now < 20, "it goes on and on")
        if now > 3 + 0.3 * told:
            t.send_signal(signal.SIGINT)
            told += 1
    check(told, "it was all over before a signal could come")
    err = t.stderr.read().decode()
    same(t.wait(LONG), 0, err)
    check("exited with status 0" in err, f"how the command ended: {err!r}")
    end = json.loads(tail.splitlines()[-1])
    same((end["hits"], end["delivered"] + end["filtered"], sum(end["lost"].values())), (100000, 100000, 0), "identity")


@test
def stuck_reader():
    """Nobody reads any more, as in a pager that waits: signals still take the probes off."""
    p = subprocess.Popen([target("busy"), "-seconds", "60", "-mode", "string"], stdout=subprocess.DEVNULL)
    LIVE.append(p)
    t = subprocess.Popen([A.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    LIVE.append(t)
    end = time.monotonic() + LONG
    while struct.unpack("i", fcntl.ioctl(t.stdout, termios.FIONREAD, b"\0" * 4))[0] < 60000:
        check(time.monotonic() < end, "the pipe does not fill up")
        time.sleep(0.02)
    for _ in range(2):
        t.send_signal(signal.SIGTERM)
        end = time.monotonic() + 3
        while t.poll() is None and probed(p.pid, target("busy")) and time.monotonic() < end:
            time.sleep(0.02)
    check(t.poll() is not None or not probed(p.pid, target("busy")), "two signals, and the probes are still there after 6 s")
    t.kill()
    t.communicate()
    p.kill()
    p.wait()


@test
def losses():
    p = subprocess.Popen([target("busy"), "-seconds", "60", "-mode", "string"], stdout=subprocess.DEVNULL)
    LIVE.append(p)
    for format in ("json", "text"):
        t = Tracer("-p", p.pid, "--buffer", "64K", format=format)
        t.p.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        t.p.send_signal(signal.SIGCONT)
        r = t.end()
        same(r.code, 5, f"exit code ({r.err})")
        if format == "json":
            check(identity(r)["lost"]["ring_full"] > 0, "nothing was lost")
        else:
            tail = "\n".join(r.out.splitlines()[-4:])
            m = re.search(r"(\d+) hits = (\d+) delivered \+ (\d+) filtered \+ (\d+) lost", tail)
            check(m, f"the last lines: {tail}")
            same(int(m[1]), sum(int(x) for x in m.groups()[1:]), "identity")
            check("--buffer" in tail, f"no remedy in the last lines: {tail}")
    clean(p.pid, target("busy"))
    p.kill()
    p.wait()


@test
def buffer_is_enough():
    """16 MB for a quarter of a second of the fastest program there is."""
    r = tophash("-q", "--format", "json", "-o", TMP / "b", "--", target("busy"), "-ops", 100000)
    same(r.code, 0, r.err)
    end = json.loads((TMP / "b").read_text().splitlines()[-1])
    same((end["hits"], end["delivered"], end["removed"]), (100000, 100000, 100000), "end")


# --- again and again ---------------------------------------------------------------------------------------------------------------


@test
def hundred_rounds():
    exe = target("busy")
    p = subprocess.Popen([exe, "-seconds", "600", "-gate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    LIVE.append(p)
    fds = len(os.listdir(f"/proc/{p.pid}/fd"))
    p.stdin.write("\n")
    p.stdin.flush()
    before = bpf_ids()
    hits = 0
    for i in range(100):
        t = subprocess.run([A.tophash, "trace", "-p", str(p.pid), "--format", "json", "--limit", str(1 + i % 7)], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=LONG)
        same((t.returncode, t.stderr), (0, ""), f"round {i}")
        r = Run(0, t.stdout, "")
        same(identity(r)["delivered"], 1 + i % 7, f"round {i}")
        hits += r.end["hits"]
        same(p.poll(), None, f"round {i}: the target")
        if i % 25 == 24:
            clean(p.pid, exe)
    clean(p.pid, exe)
    nothing_left(before)
    check(len(os.listdir(f"/proc/{p.pid}/fd")) <= fds + 4, "the target has more open files")
    p.kill()
    p.wait()


@test
def rounds_that_add_up():
    """A program that says how many it removed, traced a piece at a time: the pieces make the whole."""
    p = steps()
    before, total = bpf_ids(), 0
    for i in range(20):
        t = Tracer("-p", p.pid)
        said = p.ask(str(i + 1))
        r = t.end()
        total += identity(r)["removed"]
        same(int(re.search(r"removed=(\d+)", said)[1]), total, f"round {i}")
    clean(p.pid, target("steps"))
    nothing_left(before)
    p.end()


@test
def tracer_killed():
    p = steps()
    before = bpf_ids()
    t = Tracer("-p", p.pid)
    p.ask("3")
    t.p.kill()
    t.p.wait()
    nothing_left(before)
    clean(p.pid, target("steps"))
    p.ask("3")
    same(p.end(), "", "steps")
    # a command that has not been let go yet does not stay behind; one that runs goes on
    q = Tracer("--", target("busy"), "-seconds", 30, "-mode", "miss")
    q.wait_for('"start"')
    pid = json.loads(q.report.read_text().splitlines()[0])["pid"]
    q.p.kill()
    q.p.wait()
    clean(pid, target("busy"))
    os.kill(pid, signal.SIGKILL)


@test
def two_tracers():
    p = steps()
    a, b = Tracer("-p", p.pid), Tracer("-p", p.pid, "--misses")
    c = Tracer("-b", target("steps"))
    p.ask("50")
    ra = a.end()
    p.ask("7")
    rb, rc = b.end(), c.end()
    same([identity(x)["removed"] for x in (ra, rb, rc)], [50, 57, 57], "removed")
    same([brief(x) for x in ra.events], [brief(x) for x in rb.events][:50], "events")
    clean(p.pid, target("steps"))
    p.end()


@test
def older_kernels():
    """The way probes are placed before Linux 6.11."""
    env = {"TOPHASH_NO_MULTI": "1"}
    p = zoo_program()
    t = Tracer("-p", p.pid, env=env)
    p.ask("threads 10")
    p.ask("round")
    r = t.end()
    same(identity(r)["hits"], 1042, "hits")
    clean(p.pid, zoo())
    p.end()
    binary_runs(str(shutil.copy(target("steps"), TMP / "steps-old")), env=env)


# --- bad input ---------------------------------------------------------------------------------------------------------------------


def quick(path, timeout=2, memory=1 << 30):
    """--dry-run on a bad file: it may work or be refused, in one line and at once; never a crash."""
    def limits():
        import resource
        if not A.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    r = tophash("--dry-run", "-b", path, timeout=timeout * (10 if A.sanitized else 1), preexec_fn=limits)
    check(r.code in (0, 3), f"exit code {r.code}: {r.err[-1500:]}")
    if r.code:
        refused(r, 3)
    return r


def noise(n, seed):
    return random.Random(seed).randbytes(n)


@test
def bad_files():
    c = TMP / "c-program"
    cases = {
        "empty": (b"", "empty"), "text": (b"hello\n" * 100, "not an ELF"), "short": (b"\x7fELF", "ELF"), "magic": (b"\x7fELF" + b"\0" * 60, "."),
        "noise": (b"\x7fELF" + noise(100000, 1), "."), "zeros": (b"\0" * 4096, "not an ELF"),
    }
    for name, (data, word) in cases.items():
        path = TMP / f"bad-{name}"
        path.write_bytes(data)
        refused(quick(path), 3, word)
    refused(quick("/bin/true"), 3, "not a Go program")
    if shutil.which("cc"):
        subprocess.run(["cc", "-o", c, "-x", "c", "-"], input=b"int main(){return 0;}", check=True)
        refused(quick(c), 3, "not a Go program")
    good = Path(target("steps")).read_bytes()
    elf32 = bytearray(good)
    elf32[4] = 1
    (TMP / "bad-32").write_bytes(elf32)
    refused(quick(TMP / "bad-32"), 3, "32|class|bit")
    mips = bytearray(good)
    mips[18:20] = b"\x08\0"
    (TMP / "bad-mips").write_bytes(mips)
    refused(quick(TMP / "bad-mips"), 3, "machine 8")
    (TMP / "gone").write_bytes(good)
    (TMP / "gone").chmod(0)
    check(quick(TMP / "gone").code == 0, "root reads what has mode 0")


@test
def other_architectures():
    hello = TMP / "hello.go"
    hello.write_text("package main\nimport \"os\"\nfunc main() { m := map[string]int{\"a\": 1}; delete(m, os.Args[0]) }\n")
    for arch, word in (("arm64", "arm64|aarch64"), ("386", "32|class|bit")):
        exe = go_build(hello, f"hello-{arch}", go=A.go, GOARCH=arch)
        refused(quick(exe), 3, word)


@test
def old_go():
    """The function table's magic tells the release it came with: 1.2, 1.16; and those of 1.18 and 1.20."""
    good = Path(target("steps")).read_bytes()
    magics = [struct.pack("<I", m) for m in (0xFFFFFFF0, 0xFFFFFFF1)]
    at = next((i for m in magics for i in [m_at(good, m)] if i is not None), None)
    check(at is not None, "no function table in the program")
    for magic in (0xFFFFFFFB, 0xFFFFFFFA):
        bad = bytearray(good)
        bad[at : at + 4] = struct.pack("<I", magic)
        (TMP / "old").write_bytes(bad)
        refused(quick(TMP / "old"), 3, "1\\.18|1\\.19|old")


def m_at(data, magic):
    """Where a function table's header stands: magic, 0, 0, 1, 8."""
    i = data.find(magic + b"\0\0\x01\x08")
    return None if i < 0 else i


@test
def bad_truncated():
    good = Path(target("steps", "stripped")).read_bytes()
    rng = random.Random(2)
    path = TMP / "cut"
    lengths = [0, 1, 15, 16, 63, 64, 65, 119, 120, 500, 4095, 4096, 4097, len(good) - 1] + [rng.randrange(len(good)) for _ in range(60)]
    for n in lengths:
        path.write_bytes(good[:n])
        try:
            quick(path)
        except Failed as f:
            raise Failed(f"{n} bytes of {len(good)}: {f}") from None


def sections(data):
    shoff, = struct.unpack_from("<Q", data, 40)
    entsize, n, strndx = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQ", data, shoff + i * entsize) for i in range(n)]
    names = heads[strndx][4]
    out = {}
    for h in heads:
        end = data.index(b"\0", names + h[0])
        out[data[names + h[0] : end].decode()] = (h[4], h[5])
    return out


@test
def bad_bytes():
    """Changed bytes where it hurts: file header, function table, module data, types; then a process with such a file is not needed:
    --dry-run reads all of it, and filters read all types."""
    trouble = []
    for go in dict.fromkeys([A.go, "1.23", "1.27"]):
        try:
            good = Path(target("steps", "stripped", go)).read_bytes()
        except Skip:
            continue
        s = sections(good)
        areas = {"head": (0, 64 + 56 * 10), "all": (0, len(good))}
        for name in (".gopclntab", ".noptrdata", ".data", ".typelink", ".rodata", ".go.module", ".text"):
            if name in s:
                areas[name] = s[name]
        table = s.get(".gopclntab", (0, 4096))[0]
        areas["table head"] = (table, 72)
        path = TMP / "bytes"
        for area, (start, size) in areas.items():
            for seed in range(A.rounds):
                rng = random.Random(f"{go} {area} {seed}")
                bad = bytearray(good)
                for _ in range(rng.choice((1, 1, 4, 64, 1000)) if size > 1000 else rng.choice((1, 2, 8))):
                    at = start + rng.randrange(max(size - 8, 1))
                    width = rng.choice((1, 4, 8))
                    value = rng.choice((0, 0xFF, None))
                    bad[at : at + width] = rng.randbytes(width) if value is None else bytes([value]) * width
                bad = bad[: len(good)]
                path.write_bytes(bad)
                try:
                    quick(path)
                except Failed as f:
                    kept = TMP.parent / f"tophash-bad-{go}-{area.strip('.').replace(' ', '-')}-{seed}"
                    if A.keep:
                        kept.write_bytes(bad)
                    trouble.append(f"Go {go}, {area}, seed {seed}: {f}")
    check(not trouble, f"{len(trouble)} of them: " + "\n    ".join(trouble[:5]))


@test
def bad_process():
    """A file with damaged types is traced: whatever it says is shown, nothing is believed."""
    good = Path(target("busy", "stripped")).read_bytes()
    s = sections(good)
    start, size = s.get(".typelink", s[".rodata"])
    for seed in range(8):
        rng = random.Random(seed)
        bad = bytearray(good)
        for _ in range(20):
            at = start + rng.randrange(size - 8)
            bad[at : at + 4] = rng.randbytes(4)
        path = TMP / f"badp{seed}"
        path.write_bytes(bad)
        path.chmod(0o755)
        r = tophash("-q", "--format", "json", "-o", TMP / "bp", "--type", "map[*", "--key", "1", "--", path, "-ops", "100", timeout=20)
        check(r.code in (0, 3, 5), f"seed {seed}: {r.code} {r.err}")
        path.unlink()


def with_types(good, make, n):
    """The program with other type data: n copies of what make(address of the data) returns. It runs as before."""
    s = sections(good)
    phoff, = struct.unpack_from("<Q", good, 32)
    phnum, = struct.unpack_from("<H", good, 56)
    heads = {h: struct.unpack_from("<IIQQQQQQ", good, h) for h in range(phoff, phoff + 56 * phnum, 56)}
    spare = next(h for h, f in heads.items() if f[0] == 0x6474E551)  # PT_GNU_STACK, the last one
    start, size = s[".rodata"]
    types = next(f[3] + start - f[2] for f in heads.values() if f[0] == 1 and f[2] <= start < f[2] + f[5])
    at, module = s.get(".go.module", s[".noptrdata"])
    words = struct.unpack_from(f"<{module // 8}Q", good, at)
    i = next(i for i, w in enumerate(words) if w == types and types < words[i + 1] <= types + size + 4096)
    base = 0x40000000
    data = b"\0" * 8 + b"\1\1t" + b"\0" * 5 + make(base) * n
    bad = bytearray(good) + b"\0" * (-len(good) % 4096)
    struct.pack_into("<IIQQQQQQ", bad, spare, 1, 4, len(bad), base, base, len(data), len(data), 4096)
    struct.pack_into("<QQ", bad, at + 8 * i, base, base + len(data))
    return bad + data


def descriptor(base, size, pointers, kind, *more):
    return struct.pack("<QQIBBBBQQiiQQQ", size, pointers, 0, 4, 8, 8, kind, base, base, 8, 0, *more)


def huge_arrays(base):
    """[1<<40]*T, and the pointer"""
    at = base + 16 + 72
    return descriptor(base, 8, 8, 17, at, 0, 1 << 40) + descriptor(base, 8, 8, 22, at, 0, 0)


def small_structs(base):
    return descriptor(base, 8, 0, 25, 0, 0, 0)


@test
def many_types():
    """More types than there can be, and types that claim to be endless: seen through at once, and it is said that some are left out."""
    exe = TMP / "types"
    for make, n, cut in ((huge_arrays, 120000, False), (small_structs, 600000, True)):
        exe.write_bytes(with_types(Path(target("steps")).read_bytes(), make, n))
        exe.chmod(0o755)
        for quiet in ([], ["-q"]):
            p = subprocess.run([A.tophash, "trace", *quiet, "--format", "json", "-o", TMP / "o", "--", exe], input="3\nexit 0\n", text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG if A.sanitized else 20)
            same(p.returncode, 0, p.stderr)
            same(p.stderr.count("more types than"), int(cut and not quiet), f"{make.__name__}: {p.stderr!r}")
            r = Run(0, (TMP / "o").read_text(), "")
            same([e["key"] for e in r.events], ["step:0", "step:1", "step:2"], "keys")
    exe.unlink()


@test
def signal_while_attaching():
    """As long as it takes to look through a file that was made to take long: a signal ends it at once, and the command with it."""
    exe = TMP / "types"
    exe.write_bytes(with_types(Path(target("steps")).read_bytes(), small_structs, 2000000))
    exe.chmod(0o755)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = bpf_ids()
        t = subprocess.Popen([A.tophash, "trace", "-v", "--", exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        LIVE.append(t)
        children = Path(f"/proc/{t.pid}/task/{t.pid}/children")
        end = time.monotonic() + LONG
        while not (child := children.read_text().strip()):
            check(time.monotonic() < end, "no child")
            time.sleep(0.002)
        time.sleep(0.1)
        begun = time.monotonic()
        t.send_signal(sig)
        code = t.wait(LONG)
        took = time.monotonic() - begun
        t.stdin.close()
        err = t.stderr.read()
        same((code, err), (-sig, b""), f"{sig.name} after {took:.2f} s")
        check(took < 2 or A.sanitized, f"{sig.name} took {took:.1f} s")
        while Path(f"/proc/{child}").exists():
            check(time.monotonic() < end, f"the command stays behind: {child}")
            time.sleep(0.01)
        nothing_left(before)
    exe.unlink()


@test
def big_noise():
    path = TMP / "big"
    for name, head in (("noise", noise(1 << 20, 3)), ("elf and noise", Path(target("steps")).read_bytes()[:4096] + noise(1 << 20, 4))):
        with open(path, "wb") as f:
            f.write(head)
            f.truncate(4 << 30)
        begun = time.monotonic()
        r = quick(path, timeout=10, memory=6 << 30)
        took = time.monotonic() - begun
        same(r.code, 3, f"{name}: exit code")
        check(took < 3 or A.sanitized, f"{name}: refused after {took:.1f} s")
    path.unlink()


# --- privilege ---------------------------------------------------------------------------------------------------------------------


@test
def no_privilege():
    p = steps()
    d = TMP / "public"
    d.mkdir()
    os.chmod(TMP, 0o755)
    exe, go = shutil.copy(A.tophash, d / "tophash"), shutil.copy(target("steps"), d / "steps")
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    for args in (["-p", str(p.pid)], ["-b", str(go)], ["--", str(go)]):
        q = subprocess.run([*user, exe, "trace", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=LONG)
        refused(Run(q.returncode, q.stdout, q.stderr), 4, "root")
    q = subprocess.run([*user, exe, "trace", "--dry-run", "-b", str(go)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    same((q.returncode, q.stderr), (0, ""), "--dry-run needs no privilege")
    p.end()


def deny_bpf(number):
    """A seccomp filter for which bpf(2) ends with this errno; to be run in the child."""
    libc = ctypes.CDLL(None, use_errno=True)

    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Prog(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]

    code = (Filter * 4)(Filter(0x20, 0, 0, 0), Filter(0x15, 0, 1, 321), Filter(0x06, 0, 0, 0x00050000 | number), Filter(0x06, 0, 0, 0x7FFF0000))
    prog = Prog(4, code)

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(prog), 0, 0):
            os._exit(99)

    return apply


@test
def no_bpf():
    p = steps()
    for number, word in ((errno.ENOSYS, "kernel"), (errno.EPERM, "permitted|root"), (errno.EACCES, "permitted|root")):
        r = tophash("-p", p.pid, preexec_fn=deny_bpf(number))
        if r.code == 99:
            raise Skip("seccomp filters are not permitted")
        refused(r, 4, word)
    p.end()


@test
def no_perf_events():
    """bpf(2) is there, but links are refused: an exit code and one line all the same."""
    p = steps()
    r = tophash("-p", p.pid, "--duration", "100ms", "--format", "json",
                preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (14, 14)))
    check(r.code in (0, 1, 4), f"few open files: {r.code} {r.err}")
    if r.code:
        same(len(r.lines), 1, f"lines: {r.err}")
    clean(p.pid, target("steps"))
    p.end()


# --- terminals ---------------------------------------------------------------------------------------------------------------------


def on_terminal(*args, width=80, env=None):
    """What it writes to a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, **(env or {})}
    if not env:
        environment.pop("NO_COLOR", None)
    p = subprocess.Popen([A.tophash, "trace", *map(str, args)], stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment)
    os.close(slave)
    out = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    p.wait(LONG)
    os.close(master)
    return p.returncode, out.decode()


def shown(line):
    return re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", line).rstrip("\r")


@test
def terminal():
    exe = zoo()
    script = TMP / "rounds"
    for width in (80, 100, 160):
        for extra in ([], ["--stack", "5"], ["--summary"], ["--summary=key"], ["--summary=map"], ["--summary=type"]):
            p = zoo_program()
            done = threading.Event()

            def drive():
                end = time.monotonic() + LONG
                while not probed(p.pid, exe) and time.monotonic() < end:
                    time.sleep(0.01)
                time.sleep(0.05)
                p.ask("round")
                p.tell("exit 0")
                done.set()

            thread = threading.Thread(target=drive)
            thread.start()
            code, out = on_terminal("-p", p.pid, *extra, width=width)
            thread.join()
            same(code, 0, "exit code")
            check("\x1b[" in out, f"{extra}: no colours on a terminal")
            wide = [shown(x) for x in out.split("\n") if len(shown(x)) > width]
            if "--stack" not in extra:  # a frame is not cut: it is what was asked for
                check(not wide, f"width {width} {extra}: {len(wide)} lines are wider: {wide[:2]}")
            p.p.wait(LONG)
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": "1"})
    same(code, 0, "exit code")
    check("\x1b" not in out, "colours in spite of NO_COLOR")
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": ""})
    check("\x1b" in out, "an empty NO_COLOR is none")


@test
def evil_name():
    """A program whose name acts on terminals: no byte of that gets through, whatever is printed."""
    exe = TMP / "e\x1b[31mX\u009bY\nZ"
    shutil.copy(target("steps"), exe)
    text = TMP / "t\x1b[31mX\u009bY\nZ"
    text.write_text("no program")

    def harmless(what, *outputs):
        for out in outputs:
            left = [c for c in re.sub(r"\x1b\[\d*m", "", out) if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")]
            check(not left and "\x1b[31m" not in out and "Y\n" not in out, f"{what}: {out!r}")
        check(any("X\\u009bY\\nZ" in out for out in outputs), f"{what}: its name is not there: {outputs}")

    p = Program(str(exe))
    p.line()
    for args in (["-p", p.pid], ["-b", exe], ["--", exe]):
        for format in ("text", "json"):
            r = tophash("--dry-run", "--format", format, *args)
            same(r.code, 0, r.err)
            harmless(f"--dry-run {args}", r.out.replace("\\u001b", "\\x1b"), r.err)
        if args[0] != "--":  # which would keep the terminal
            code, out = on_terminal("--duration", "300ms", *args, width=200)
            same(code, 0, out)
            harmless(f"{args}", out.replace("\r\n", "\n"))
    for args in (["-o", exe, "-b", exe], ["-b", text], ["--", text], ["-b", str(exe) + "x"], ["-p", "1", "--format", exe], [exe]):
        r = tophash(*args)
        refused(r, r.code)
        harmless(f"{args}", r.err)
    r = tophash("-o", TMP / "o", "--", exe)
    harmless("exit status", r.err)
    p.end()


# --- main --------------------------------------------------------------------------------------------------------------------------


def why_not():
    if os.geteuid() != 0:
        return "not root"
    if not Path(A.tophash).is_file():
        return f"{A.tophash} is not there (make)"
    if not Path("/sys/bus/event_source/devices/uprobe").is_dir():
        return "the kernel has no uprobes"
    return None


def main():
    global A, TMP
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--go", default="1.26")
    parser.add_argument("--tophash", default=str(REPO / "build/tophash"))
    parser.add_argument("--sanitized", action="store_true", help="it is a build with sanitizers: slow, and with much address space")
    parser.add_argument("--rounds", type=int, default=12, help="of bad_bytes, each area")
    parser.add_argument("--keep", action="store_true", help="keep the files of bad_bytes that failed")
    A = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored where this runs in the background; what is traced here must not inherit that
        signal.signal(number, signal.default_int_handler)
    A.tophash = str(Path(A.tophash).resolve())
    chosen = [t for t in TESTS if not A.words or any(w in t.__name__ for w in A.words)]
    if A.list:
        print("\n".join(t.__name__ for t in chosen))
        return 0
    passed = failed = skipped = 0
    reason = why_not()
    if reason:
        print(f"skip everything: {reason}\n0 passed, 0 failed, {len(chosen)} skipped")
        return 77
    with tempfile.TemporaryDirectory(prefix="tophash-system-") as tmp:
        os.chmod(tmp, 0o755)  # for tests without privilege
        for t in chosen:
            TMP = Path(tmp) / t.__name__
            TMP.mkdir()
            begun = time.monotonic()
            try:
                t()
                passed += 1
                print(f"ok   {t.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
            except Skip as s:
                skipped += 1
                print(f"skip {t.__name__}: {s}", flush=True)
            except Failed as f:
                failed += 1
                print(f"FAIL {t.__name__}: {f}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL {t.__name__}:\n{traceback.format_exc()}", flush=True)
            for p in LIVE:
                if p.poll() is None:
                    p.kill()
                    p.wait()
            LIVE.clear()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
