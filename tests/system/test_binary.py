"""Tests of -b, which traces every process of a binary: those that run, and those that start later."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import (
    check, clean, go_build, identity, LONG, options, Program, REPO, same, Skip, spawn, target, test, tmp, tophash, Tracer, zoo,
    zoo_program)


def binary_runs(exe, talk=True, env=None):
    """Traces one process that runs already and some that start later, and checks the records of each."""
    old = Program(exe)
    old.line()
    t = Tracer("-b", exe, env=env)
    same(old.ask("3").split()[0], "done", "old")
    ends = {}
    for n, how in ((2, "exit 0"), (4, "exit 9"), (1, "kill"), (0, "exit 1")):
        new = Program(exe)
        new.line()
        t.wait_for('"event":"start"', len(ends) + 2)  # so that it is looked at before it ends; otherwise its code is null
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
    exe = str(shutil.copy(target("steps"), tmp("steps-b")))
    r = binary_runs(exe)
    same({x["bias"] for x in r.of("start")}, {"0x0"}, "bias")


@test
def binary_pie():
    path = str(shutil.copy(go_build(REPO / "tests/targets/steps/main.go", "steps-pie", "-buildmode=pie"), tmp("steps-pie-b")))
    r = binary_runs(path)
    check(all(x["bias"] != "0x0" for x in r.of("start")), "a PIE without a bias")


@test
def binary_many():
    """There are more processes than tophash may have files open."""
    exe = str(shutil.copy(target("steps"), tmp("steps-many")))
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
    """A process ends, and another one of the binary gets its id before tophash looks. There are two start and two exit records."""
    exe = str(shutil.copy(target("steps"), tmp("steps-again")))
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
def binary_pid_again_behind_many():
    """As before, but so many records lie before the begin of the second process that the end of the first one is seen earlier: its row
    leaves the table while its last records are taken out. The next row is that of a process that runs, which gets no exit record. Which
    part of the loop takes the begin out depends on how many records there are: there are several rounds. --site shows none of them."""
    exe = str(shutil.copy(target("steps"), tmp("steps-behind")))
    t = Tracer("-b", exe, "--buffer", "256M", "--site", "main.nobody")
    a = Program(exe)
    a.line()
    a.ask("2")
    t.wait_for('"event":"start"')
    b = Program(exe)
    b.line()
    b.ask("1")
    t.wait_for('"event":"start"', 2)
    removed, ends, stdin = 3, 0, a.p.stdin.fileno()
    for many in range(250000, 850000, 200000 if options.rounds < 100 else 50000):
        t.p.send_signal(signal.SIGSTOP)
        b.ask(str(many))
        os.write(stdin, b"exit 3\n")
        os.waitpid(a.pid, 0)
        mine, stdin = os.pipe()
        same(start_as(a.pid, exe, mine), a.pid, "process id")
        os.close(mine)
        os.write(stdin, b"3\n")
        time.sleep(0.1)
        t.p.send_signal(signal.SIGCONT)
        ends += 1
        t.wait_for('"event":"start"', 2 + ends)
        removed += many + 3
    os.write(stdin, b"exit 3\n")
    os.waitpid(a.pid, 0)
    t.wait_for('"exit"', ends + 1)
    b.tell("exit 5")
    b.p.wait(LONG)
    t.wait_for('"exit"', ends + 2)
    r = t.end()
    same((r.end["removed"], r.end["filtered"]), (removed, removed), "removed")
    same([(x["pid"], x.get("code")) for x in r.of("exit")], [(a.pid, 3)] * (ends + 1) + [(b.pid, 5)], "exit records")


@test
def binary_kills_nobody():
    """With SIGCHLD ignored, another program may get the pid of the process that measured a hit. It must not be killed."""
    exe = str(shutil.copy(target("steps"), tmp("steps-id")))
    mine, theirs = os.pipe()
    t = spawn([options.tophash, "trace", "-q", "-b", exe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
              preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    children = pathlib.Path(f"/proc/{t.pid}/task/{t.pid}/children")
    until = time.monotonic() + LONG
    while not (ids := children.read_text().split()) and time.monotonic() < until:
        pass
    while pathlib.Path(f"/proc/{ids[0]}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)  # the kernel frees the id a moment later
    pid = start_as(int(ids[0]), exe, mine)
    time.sleep(0.2)
    t.send_signal(signal.SIGINT)
    same(t.wait(LONG), 0, "exit code")
    same(os.waitpid(pid, os.WNOHANG), (0, 0), "it runs")
    os.write(theirs, b"exit 4\n")
    os.waitpid(pid, 0)


@test
def binary_waits():
    """While no process of the binary runs, tophash says so."""
    exe = str(shutil.copy(target("steps"), tmp("steps-none")))
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
    """A trace with -b never ends by itself. A limit, a duration or a signal ends it, even if no process ran."""
    for args, sig in ((["--duration", "300ms"], None), ([], signal.SIGTERM)):
        r = Tracer("-b", target("steps"), *args).end(sig)
        same((r.code, len(r.of("start")), r.end["hits"]), (0, 0, 0), f"{args}")


@test
def older_kernels():
    """Probes are placed one by one, as on kernels before Linux 6.11."""
    env = {"TOPHASH_NO_MULTI": "1"}
    p = zoo_program()
    t = Tracer("-p", p.pid, env=env)
    p.ask("threads 10")
    p.ask("round")
    r = t.end()
    same(identity(r)["hits"], 1042, "hits")
    clean(p.pid, zoo())
    p.end()
    binary_runs(str(shutil.copy(target("steps"), tmp("steps-old"))), env=env)
