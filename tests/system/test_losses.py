"""Tests of readers that are slow or stuck, and of full buffers. Lost events are counted."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from harness import (busy, check, clean, Failed, go_build, HERE, identity, LONG, options, probed, probes_in, Program, same, spawn, target,
                     test, tmp, tophash, Tracer)


@test
def slow_reader():
    """The target is faster than the reader of the output. Limits and signals still end the trace, and its counts add up."""
    p = busy("-mode", "string")
    for args, sig in ((["--duration", "1"], None), ([], signal.SIGINT)):
        t = spawn([options.tophash, "trace", "--format", "json", "--buffer", "256K", "-p", str(p.pid), *args], stdout=subprocess.PIPE,
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


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@test
def slow_reader_of_what_is_past():
    """The program has ended, and a slow reader still has megabytes of its records to read. Signals end that, too."""
    t = spawn([options.tophash, "trace", "--format", "json", "--buffer", "64M", "--", target("busy"), "-ops", "100000"],
              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    head = t.stdout.readline()
    pid, tail, ended, told = json.loads(head)["pid"], head, 0, 0
    while True:
        data = os.read(t.stdout.fileno(), 16384)
        if not data:
            break
        tail = (tail + data)[-2000:]
        time.sleep(0.01)
        now = time.monotonic()
        if not ended and has_ended(pid):
            ended = now
        check(not ended or now - ended < 40, "it goes on and on")
        if ended and now - ended > 1 + 0.3 * told:
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
    """Nobody reads the output any more, as in a pager that waits. A signal still takes the probes off."""
    p = busy("-mode", "string")
    t = spawn([options.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + LONG
    while struct.unpack("i", fcntl.ioctl(t.stdout, termios.FIONREAD, b"\0" * 4))[0] < 60000:
        check(time.monotonic() < end, "the pipe does not fill up")
        time.sleep(0.02)
    t.send_signal(signal.SIGTERM)
    end = time.monotonic() + LONG
    while probed(p.pid, target("busy")):
        check(t.poll() is None, "the tracer has ended, and the probes are there")
        check(time.monotonic() < end, "the probes are still there")
        time.sleep(0.02)
    t.kill()
    t.communicate()
    p.kill()
    p.wait()


@test
def losses():
    p = busy("-mode", "string")
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
    """The default buffer of 16 MB holds a quarter of a second of the fastest program."""
    r = tophash("-q", "--format", "json", "-o", tmp("b"), "--", target("busy"), "-ops", 100000)
    same(r.code, 0, r.err)
    end = json.loads(tmp("b").read_text().splitlines()[-1])
    same((end["hits"], end["delivered"], end["removed"]), (100000, 100000, 100000), "end")


def unread(*args, go, what=("20", "30"), left=100):
    """Traces a program whose goroutine cannot be read at any hit (unread/unread.go): 20 misses, 30 removals, then a delete whose end nobody
    sees, and another miss."""
    p = Program(go_build(HERE / "unread", "unread", go=go), *what, env=dict(os.environ, GODEBUG="asyncpreemptoff=1"))
    same(p.line(), "ready", "the program")
    t = Tracer(*args, "-p", str(p.pid))
    p.tell("go")
    same(p.end(), f"done {left}\n", "the program")
    return t.end(None)


@test
def goroutine_unread():
    """While the kernel moves a page, no kernel program can read it. Deletes then have no goroutine, but all of them are there. A delete whose
    end is not seen counts as lost, and hides no other."""
    for go in ("1.23", "1.26"):
        run = unread("--misses", go=go)
        identity(run)
        end = run.end
        same((end["removed"], end["misses"], end["hits"], end["lost"].get("internal")), (30, 21, 52, 1), f"Go {go}: counts")
        same(run.code, 5, run.err)
        same([e["key"] for e in run.events], [f"absent:{i}" for i in range(20)] + [f"key:{i}" for i in range(30)] + ["absent"], "keys")
        for e in run.events:
            same((e["goid"], e["stack_error"]), (None, "the goroutine could not be read"), "the goroutine")
            same([f["func"] for f in e["stack"]][:3], ["main.del", "main.with", "main.remove"], "the stack")


@test
def goroutine_unread_passes():
    """--goid does not leave out a removal whose goroutine is not known."""
    for more in ([], ["--misses"], ["--summary"]):
        run = unread("--goid", "987654", *more, go="1.26")
        same((run.end["hits"] - run.end["lost"].get("internal", 0), run.end["filtered"]), (51 if "--misses" in more else 30, 0), f"{more}")


@test
def parts_unread():
    """A frame that cannot be read ends the stack. If the header of a map cannot be read, nobody knows its length."""
    for go in ("1.23", "1.26"):
        for more in (["--misses"], []):
            run = unread(*more, go=go, what=["parts"], left=0)
            identity(run)
            end, events = run.end, run.events
            same((end["hits"], end["removed"], end["cleared"], end["clears_unknown"], end["misses"] if more else 1),
                 (2 + len(more), 1, 0, 1, 1), f"Go {go}: counts")
            cut, clear = events[0], events[-1]
            same((cut["key"], cut["len_before"], cut["stack_error"]), ("key", 1, "the stack could not be read"), "the delete without a frame")
            same([f["func"] for f in cut["stack"]], ["main.del", "main.with"], "its stack")
            same((clear["event"], clear["removed"], clear["stack"][0]["func"]), ("clear", True, "main.wipe"), "the clear")
            if more:
                same((events[1]["key"], events[1]["removed"], events[1]["panicked"]), ("key", False, True), "the delete that faults")
            for e in events[1:]:
                same((e["len_before"], e["len_after"], e["state"]), (None, None, None), "the header")
                check("stack_error" not in e, "a stack that was read")


@test
def exec_in_a_full_ring():
    """The record of an exec found no room, because nobody took records out. What the new program removes later is seen all the same, and the
    time until then is a gap."""
    exe = go_build(HERE / "executes.go", "executes")
    for how in ("other", "main"):
        for more in (["--follow=none"], ["--follow=same"], ["several"]):
            p, s = Program(exe), Program(exe)
            same((p.line(), s.line()), ("ready", "ready"), "begins")
            what = f"{how} {more}"
            which = ["-p", f"{p.pid},{s.pid}", "--follow=none"] if more == ["several"] else ["-p", str(p.pid), *more]
            t = Tracer(*which, "--buffer", "64K", "--stack", "512")
            all_of_them = probes_in(p.pid, exe)
            os.kill(t.p.pid, signal.SIGSTOP)
            same(p.ask("2000"), "done", "deletes")
            for _ in range(3):
                same(p.ask(how), "ready", "begins anew")
            os.kill(t.p.pid, signal.SIGCONT)
            end = time.monotonic() + LONG
            while probes_in(p.pid, exe) != all_of_them:
                check(time.monotonic() < end, f"{what}: no probes in the new program")
                time.sleep(0.01)
            # Its start record follows all that was in the ring.
            t.wait_for('"event":"start"', 3 if more == ["several"] else 2)
            time.sleep(0.3)
            same(p.ask("50"), "done", "deletes")
            p.end()
            s.end()
            run = t.end(None)
            identity(run)
            gaps, mine = run.of("gap"), [r for r in run.of("start") if r["pid"] == p.pid]
            check(len(gaps) <= 3 and all((g["pid"], g["why"]) == (p.pid, "exec") for g in gaps), f"{what}: {gaps}")
            same((run.code, run.end["hits"], run.end["gaps"]), (5, 2050, len(gaps)), f"{what}: {run.err}")
            check(run.end["lost"]["ring_full"] > 0 and 2 <= len(mine) <= 4, f"{what}: the ring was not full, or start records: {mine}")
            same([e["key"] for e in run.events][-50:], list(range(50)), f"{what}: the new program")


@test
def news_that_find_no_room():
    """So many execs that not even their records find room are counted as gaps."""
    exe = go_build(HERE / "executes.go", "executes")
    p = Program(exe)
    same(p.line(), "ready", "begins")
    t = Tracer("-p", str(p.pid), "--buffer", "64K", "--stack", "512")
    os.kill(t.p.pid, signal.SIGSTOP)
    same(p.ask("2000"), "done", "deletes")
    for _ in range(400):
        same(p.ask("main"), "ready", "begins anew")
    os.kill(t.p.pid, signal.SIGCONT)
    p.end()
    run = t.end(None)
    identity(run)
    check(run.code == 5 and run.end["gaps"] > 50 and "starts of programs were not noticed" in run.err, f"{run.end}: {run.err}")
