"""Tests of the ways to choose running processes: ids, names, several of them, of different programs and releases."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from harness import (
    bpf_ids, check, go_build, identity, LONG, nothing_left, options, probed, probes_in, Program, refused, Run, same, spawn, STARTED, steps,
    target, test, tmp, tophash, Tracer)
from test_command import EXECS_ITSELF
from test_wrapper import wait_until


def removed_by(run):
    return dict(Counter(e["pid"] for e in run.events))


def named(name, variant="default", go=None):
    """Starts a copy of steps under another name."""
    exe = tmp(name)
    if not exe.exists():
        shutil.copy(target("steps", variant, go), exe)
    p = Program(str(exe))
    check(p.line().startswith("ready"), f"{name} does not begin")
    return p


@test
def several_processes():
    """Processes of one program and of others, of another release and without symbols, in one trace."""
    for extra, env in (([], {}), (["--follow=none"], {}), (["--follow=none"], {"TOPHASH_NO_MULTI": "1"})):
        before = bpf_ids()
        ps = [steps(), steps(), steps(go="1.23"), steps(variant="stripped", go="1.23"), steps(variant="stripped")]
        other = steps()  # of the same file, and not chosen
        t = Tracer("-p", f"{ps[0].pid},{ps[1].pid}", "-p", str(ps[2].pid), "-p", f"{ps[3].pid},{ps[4].pid},{ps[0].pid}", *extra, env=env)
        for i, p in enumerate(ps):
            p.ask(str(10 + i))
        other.ask("50")
        ps[0].ask("clear")
        ps[3].ask("go 5")
        for p in ps:
            p.tell(f"exit {p.pid % 7}")
        r = t.end(None)  # it ends with the last of them
        other.end()
        want = {p.pid: 10 + i for i, p in enumerate(ps)}
        want[ps[3].pid] += 5
        same(removed_by(r), want, f"{extra}: events by process")
        same(identity(r)["hits"], sum(want.values()), f"{extra}: hits")
        starts = {s["pid"]: s for s in r.of("start")}
        same(len(r.of("start")), len(ps), f"{extra}: start records")
        same([(starts[p.pid]["layout"], starts[p.pid]["stripped"], starts[p.pid]["go"][:6]) for p in ps],
             [("swiss", False, "go1.26"), ("swiss", False, "go1.26"), ("classic", False, "go1.23"), ("classic", True, "go1.23"),
              ("swiss", True, "go1.26")], f"{extra}: programs")
        for p in ps:
            same(starts[p.pid]["exe"], os.path.realpath(p.p.args[0]), f"{extra}: exe")
            check(any(x["role"] == "start" for x in starts[p.pid]["probes"]), "no probe at the start")
        same(sorted((e["pid"], e["code"]) for e in r.exits), sorted((p.pid, p.pid % 7) for p in ps), f"{extra}: exit records")
        same({e["map_type"] for e in r.events}, {"map[string]int"}, "types")
        same({e["stack"][0]["func"] for e in r.events}, {"main.remove"}, "functions")
        nothing_left(before)


def programs_named(pid, name):
    """Counts the kernel programs of a name that a process has open."""
    held = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            held.update(map(int, re.findall(r"^prog_id:\s*(\d+)", info.read_text(), re.M)))
        except OSError:
            pass  # it was closed meanwhile
    listed = json.loads(subprocess.run(["bpftool", "-j", "prog"], text=True, capture_output=True, check=True).stdout)
    return sum(x.get("name") == name and x["id"] in held for x in listed)


@test
def copies_of_a_file():
    """Copies of a file, as container engines make them, have their kernel programs in common. A file with the same build id and size, and
    other contents, is no copy: its types have their own names. Each process has its own start record and counts."""
    for go, extra in (("1.26", []), ("1.26", ["--misses"]), ("1.23", [])):
        before = bpf_ids()
        ps = [named(f"copy-{go}-{i}", go=go) for i in range(4)]
        liar = tmp(f"liar-{go}")
        if not liar.exists():
            data = Path(target("steps", go=go)).read_bytes()
            check(b"map[string]int" in data, "no name of the type")
            liar.write_bytes(data.replace(b"map[string]int", b"map[string]inT"))
            liar.chmod(0o755)
        ps.append(Program(str(liar)))
        ps[-1].line()
        t = Tracer("-p", ",".join(str(p.pid) for p in ps), *extra)
        # The first program is opened by itself. Its copies are one module, the liar is another.
        same(programs_named(t.p.pid, "on_removal"), 3, f"{go}: programs")
        for i, p in enumerate(ps):
            p.ask(str(10 + i))
        for p in ps:
            p.tell("exit 0")
        r = t.end(None)
        same(removed_by(r), {p.pid: 10 + i for i, p in enumerate(ps)}, f"{go}: events by process")
        same({s["pid"]: s["exe"] for s in r.of("start")}, {p.pid: os.path.realpath(p.p.args[0]) for p in ps}, f"{go}: programs")
        same({e["map_type"] for e in r.events if e["pid"] != ps[-1].pid}, {"map[string]int"}, f"{go}: types")
        same({e["map_type"] for e in r.events if e["pid"] == ps[-1].pid}, {"map[string]inT"}, f"{go}: the liar's types")
        same({e["stack"][0]["func"] for e in r.events}, {"main.remove"}, f"{go}: functions")
        nothing_left(before)


OWN_PROBES_MAX = 64  # SESSION_OWN_PROBES_MAX of session_priv.h


@test
def a_crowd():
    """More processes of a file share its probes, also with those that are not shown. --follow=none gives each its own."""
    before = bpf_ids()
    ps = [steps() for _ in range(OWN_PROBES_MAX + 1)]
    exe, stranger = ps[0].p.args[0], steps()
    shared, own = "other processes of .* have probes, too", "more than 64 processes of .* have probes of their own"
    for n, follow, links, message in ((len(ps), "same", "file", shared), (len(ps), "none", "process", own), (len(ps) - 1, "none", "process", None),
                                      (len(ps) - 1, "same", "process", "each child gets probes when it has executed it")):
        what = f"{n}, --follow={follow}"
        t = Tracer("-p", ",".join(str(p.pid) for p in ps[:n]), "--follow", follow)
        same((probed(ps[0].pid, exe), probed(stranger.pid, exe)), (True, links == "file"), f"{what}: breakpoints")
        late = steps()
        for i, p in enumerate(ps):
            p.ask(str(1 + i % 3))
        stranger.ask("50")
        late.ask("20")
        r = t.end()
        late.end()
        same(removed_by(r), {p.pid: 1 + i % 3 for i, p in enumerate(ps[:n])}, f"{what}: events by process")
        same((r.code, identity(r)["hits"], r.end["gaps"]), (0, sum(1 + i % 3 for i in range(n)), 0), f"{what}: code, hits, gaps")
        same({s["pid"]: s["links"] for s in r.of("start")}, {p.pid: links for p in ps[:n]}, f"{what}: where the probes are")
        same([bool(re.search(message, x)) for x in r.lines], [True] if message else [], f"{what}: {r.err}")
        nothing_left(before)
    stranger.end()
    t = Tracer("-p", ",".join(str(p.pid) for p in ps))
    late = steps()
    t.wait_for_message("have probes, too")
    late.ask("20")
    for p in ps:
        p.ask("2")
        p.tell("exit 0")
    r = t.end(None)  # with the last of them
    same((removed_by(r), len(r.exits), len(r.lines)), ({p.pid: 2 for p in ps}, len(ps), 1), f"one that comes later: {r.err}")
    same((identity(r)["gaps"], r.end["hits"]), (0, 2 * len(ps)), "one that comes later: gaps, hits")


@test
def several_ends():
    """The text form tells the processes apart; a signal, a limit and a time end the run; a process that ends before is no reason."""
    ps = [steps(), steps(go="1.23")]
    pids = ",".join(str(p.pid) for p in ps)
    t = Tracer("-p", pids, format="text")
    for p in ps:
        p.ask("3")
    ps[0].end()
    ps[1].ask("4")
    r = t.end()
    same(r.code, 0, "exit code")
    lines = [x.split() for x in r.out.splitlines() if '"step:' in x and "main.remove" in x and x[:2].isdigit()]
    same(Counter(x[1] for x in lines), {str(ps[0].pid): 3, str(ps[1].pid): 7}, f"pids in the text: {r.out[:2000]}")
    t = Tracer("-p", f"{ps[1].pid},{ps[1].pid}")  # one process, named twice
    ps[1].ask("2")
    same(identity(t.end())["hits"], 2, "named twice")
    more = steps()
    t = Tracer("-p", f"{ps[1].pid},{more.pid}", "--limit", "5")
    ps[1].ask("4")
    more.ask("4")
    same(identity(t.end(None))["delivered"], 5, "--limit")
    r = tophash("-p", f"{ps[1].pid},{more.pid}", "--duration", "200ms", "--format", "json")
    same((identity(r)["hits"], len(r.of("start")), len(r.exits)), (0, 2, 0), "--duration")
    r = tophash("-p", f"{ps[1].pid},{more.pid}", "--dry-run", "--format", "json")
    same((r.code, [s["layout"] for s in r.of("start")]), (0, ["classic", "swiss"]), "--dry-run")
    r = tophash("-p", f"{ps[1].pid},{more.pid}", "--dry-run")
    check("classic maps" in r.out and "Swiss maps" in r.out, f"--dry-run: {r.out}")
    more.end()
    refused(tophash("-p", f"{ps[1].pid},{more.pid}"), 3, f"no process {more.pid}")
    refused(tophash("-p", f"{ps[1].pid},{spawn(['sleep', '100']).pid}"), 3, "sleep is not a Go program")
    refused(tophash("-p", f"{ps[1].pid},{steps().pid}", "--map", "0xc000012340"), 2, "--map names a map of one process")
    ps[1].end()


@test
def names():
    """A name stands for the only process that has it. Several are listed, and nothing is traced."""
    a = named("web-one")
    b, c = named("web-two"), named("web-two")
    t = Tracer("-p", "web-one")
    a.ask("7")
    r = t.end()
    same((identity(r)["hits"], removed_by(r)), (7, {a.pid: 7}), "by name")
    refused(tophash("-p", "web-two"), 3, "2 processes are named web-two", f"{b.pid} \\(.*web-two\\)", f"{c.pid} \\(.*web-two\\)", "-b FILE")
    refused(tophash("-p", "web-three"), 3, "no process is named web-three")
    refused(tophash("-p", "web*"), 3, "no process is named")
    # The kernel's name of a process is its name, too, and one that is not Go is none of several.
    shutil.copy("/bin/sleep", tmp("web-four"))
    sleeper = spawn([tmp("web-four"), "100"])
    refused(tophash("-p", "web-four"), 3, "not a Go program")
    os.rename(tmp("web-one"), tmp("web-old"))
    shutil.copy("/bin/sleep", tmp("web-one"))
    spawn([tmp("web-one"), "100"])
    while os.readlink(f"/proc/{sleeper.pid}/exe") != str(tmp("web-four")):
        time.sleep(0.01)
    t = Tracer("-p", f"web-one,{b.pid}")
    a.ask("2")
    b.ask("3")
    c.ask("4")
    same(removed_by(t.end()), {a.pid: 2, b.pid: 3}, "a name and an id")
    os.unlink(tmp("web-old"))  # the mark of a deleted file is no part of its name
    os.unlink(tmp("web-two"))
    c.end()
    t = Tracer("-p", "web-two")
    b.ask("6")
    same(removed_by(t.end()), {b.pid: 6}, "a deleted file")
    a.end()
    b.end()


@test
def one_of_several_executes():
    """One of several processes executes itself: every delete is seen, or a gap tells of it. Another program is told about."""
    source = tmp("execs.go")
    source.write_text(EXECS_ITSELF)
    exe = go_build(source, "execs")
    for how in ("main", "other"):
        for follow in ("same", "none"):
            for first in (True, False):
                what = f"{how}, --follow={follow}, {'first' if first else 'second'}"
                p, s = Program(exe), steps()
                same(p.line(), "ready", "begins")
                pids = [p.pid, s.pid] if first else [s.pid, p.pid]
                t = Tracer("-p", ",".join(map(str, pids)), "--follow", follow)
                all_of_them = probes_in(p.pid, exe)
                for i in range(3):
                    same(p.ask("delete"), "done", "a delete")
                    same(p.ask(how), "ready", "begins anew")
                    wait_until(lambda: probes_in(p.pid, exe) == all_of_them, f"{what}: the probes do not stand again")
                    t.wait_for('"event":"start"', 3 + i)
                same(p.ask("delete"), "done", "a delete")
                s.ask("2")
                same(p.ask("delete"), "done", "a delete")
                p.tell("cat")
                end = time.monotonic() + LONG
                while os.readlink(f"/proc/{p.pid}/exe") == exe:
                    check(time.monotonic() < end, "does not become cat")
                    time.sleep(0.01)
                p.tell("delete")
                same(p.line(), "delete", "cat")
                t.wait_for_message("has executed another program")  # if it ends before it is looked at, nothing is told
                s.ask("2")
                p.end()
                s.end()
                r = t.end(None)
                gaps = r.of("gap")
                same(removed_by(r), {p.pid: 5, s.pid: 4}, f"{what}: {r.err}")
                check(len(gaps) <= (3 if how == "other" and (follow == "none" or not first) else 0), f"{what}: {gaps}")
                same((r.code, r.end["gaps"]), (5 if gaps else 0, len(gaps)), f"{what}: {r.err}")
                same(len([x for x in r.of("start") if x["pid"] == p.pid]), 4, f"{what}: start records")
                same(r.err.count("has executed another program"), 1, f"{what}: {r.err}")
                for gap in gaps:
                    same((gap["pid"], gap["why"], int(gap["from_ns"]) < int(gap["to_ns"])), (p.pid, "exec", True), f"{what}: {gap}")


class Waiter:
    """A `tophash trace --wait` in the background."""

    def __init__(self, *args):
        self.err = open(tmp(f"waits{len(STARTED)}"), "w+")
        self.p = spawn([options.tophash, "trace", "--format", "json", *args], stdout=subprocess.PIPE, stderr=self.err, text=True)

    def wait_for(self, text):
        end = time.monotonic() + LONG
        while text not in self.text():
            check(time.monotonic() < end, f"does not say {text!r}: {self.text()!r}")
            time.sleep(0.01)

    def text(self):
        return Path(self.err.name).read_text()

    def sleeps(self):
        """Checks that it waits for records of the kernel and for nothing else: in ppoll() (271) without a time."""
        end = time.monotonic() + LONG
        while not re.match(r"271 0x\w+ 0x1 0x0 ", Path(f"/proc/{self.p.pid}/syscall").read_text()):
            check(time.monotonic() < end, f"does not sleep: {Path(f'/proc/{self.p.pid}/syscall').read_text()}")
            time.sleep(0.01)

    def end(self):
        out = self.p.communicate(timeout=LONG)[0]
        return Run(self.p.returncode, out, self.text())


@test
def waits_for_a_name():
    """--wait takes the first Go process of a name, and a gap tells what was not seen of it."""
    # Without children, another process of the file does not change where the probes are.
    w = Waiter("--wait", "later-on", "--follow", "none")
    w.wait_for("waiting for a process named later-on")
    w.sleeps()
    shutil.copy("/bin/sleep", tmp("later-on"))
    sleeper = spawn([tmp("later-on"), "100"])
    w.wait_for(f"process {sleeper.pid} (later-on) has no Go code: still waiting")
    sleeper.kill()
    sleeper.wait()
    tmp("later-on").unlink()
    p = named("later-on")
    start = json.loads(w.p.stdout.readline())
    same((start["event"], start["pid"], start["exe"]), ("start", p.pid, str(tmp("later-on"))), "start record")
    p.ask("9")
    other = named("later-on")
    other.ask("4")
    p.end()
    r = w.end()
    other.end()
    gaps = r.of("gap")
    same(removed_by(r), {p.pid: 9}, r.err)
    check(len(gaps) <= 1, f"{gaps}")
    same((r.code, r.end["gaps"], r.err.count("has begun before its probes stood")), (5 if gaps else 0, len(gaps), len(gaps)), r.err)
    for gap in gaps:
        same((gap["pid"], gap["why"], int(gap["from_ns"]) < int(gap["to_ns"])), (p.pid, "exec", True), f"{gap}")


@test
def ends_of_a_wait():
    """A wait ends with a signal, and with --duration; a process that runs already ends it at once."""
    for sig, code in ((signal.SIGINT, -2), (signal.SIGTERM, -15)):
        before = bpf_ids()
        w = Waiter("--wait", "never")
        w.wait_for("waiting for")
        w.p.send_signal(sig)
        r = w.end()
        same((r.code, r.out), (code, ""), f"{sig}: {r.err}")
        nothing_left(before)
    begun = time.monotonic()
    r = tophash("--wait", "never", "--duration", "300ms")
    same((r.code, r.out, len(r.lines)), (6, "", 2), r.err)
    check("no process named never has begun" in r.lines[1] and time.monotonic() - begun >= 0.3, r.err)
    p = named("early")
    r = tophash("--wait", "early", "--duration", "200ms", "--format", "json")
    same((identity(r)["hits"], r.err, [s["pid"] for s in r.of("start")]), (0, "", [p.pid]), "one that runs already")
    q = named("early")
    refused(tophash("--wait", "early"), 3, "2 processes are named early", str(p.pid), str(q.pid))
    refused(tophash("--wait", "early", "-p", str(p.pid)), 2, "only one of")
    # The time counts from the beginning of the wait.
    begun_waits = []
    for seconds in (6, 12, 24):  # on a busy machine the probes may stand too late
        w = Waiter("--wait", "soon", "--duration", f"{seconds}s")
        w.wait_for("waiting for")
        time.sleep(seconds / 2)
        begun_waits.append(named("soon"))
        r = w.end()
        if r.code != 6:
            break
        begun_waits[-1].end()
    same(len(r.of("start")), 1, f"start records: {r.err}")
    check(r.end["seconds"] < seconds / 2 + 1, f"{r.end}")
    for x in p, q, begun_waits[-1]:
        x.end()
