"""Tests of -p: processes that cannot be traced, lose their main thread or their file, or live in other namespaces."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness import (
    check, Failed, go_build, HERE, identity, LONG, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp, tophash, Tracer,
    zoo_program)


@test
def not_traceable():
    refused(tophash("-p", 2), 3, "kernel thread")
    refused(tophash("-p", 4194304), 3, "no process 4194304")
    p = spawn(["sleep", "100"])
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
    refused(tophash("-b", tmp()), 3, "not a regular file")
    refused(tophash("-b", "/dev/zero"), 3, "not a regular file")
    os.mkfifo(tmp("fifo"))
    refused(tophash("-b", tmp("fifo"), timeout=10), 3, "not a regular file")


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
    same(r.exits, [{"pid": p.pid, "code": 6}], "exit record")
    if late.code:
        refused(late, 3, "first thread|ending")


@test
def deleted_and_replaced():
    exe = tmp("replaced")
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
    root = tmp("root")
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
        same(r.exits, [{"pid": pid, "code": 2}], f"{what}: exit record")
        same([(s["pid"], s["own_pid"]) for s in r.of("start")], [(pid, 1 if child else pid)], f"{what}: both pids")


@test
def namespaces_of_users_and_networks():
    """Each way to choose processes, with a process in a namespace: all deletes are there, under the pid that we see and the one inside."""
    for how in (["-U"], ["-Ur"], ["-n"], ["-Urnpf", "--mount-proc"]):
        if subprocess.run(["unshare", *how, "true"], stderr=subprocess.DEVNULL).returncode:
            raise Skip(f"unshare {how[0]} is not permitted")
    exe = tmp("steps")
    shutil.copy(target("steps"), exe)
    tmp().chmod(0o755)
    uid = 64121  # nobody else has it
    for how in (["-U"], ["-Ur"], ["-n"], ["-Urnpf", "--mount-proc"]):
        for choice in ("-p", "-b", "--uid"):
            what = f"unshare {how}, {choice}"
            if how == ["-n"]:
                p = Program("unshare", *how, "setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", exe)
            else:
                p = Program("unshare", *how, exe, user=uid, group=uid, extra_groups=[])
            p.line()
            child = how[0].endswith("f")
            pid = find_child(p.pid, "steps") if child else p.pid
            t = Tracer(choice, {"-p": pid, "-b": exe, "--uid": uid}[choice])
            t.wait_for(f'"pid":{pid},')
            p.ask("9")
            p.tell("exit 2")
            p.p.wait(LONG)
            t.wait_for('"event":"exit"')
            r = t.end(None if choice == "-p" else signal.SIGINT)
            same([e["pid"] for e in r.events], [pid] * 9, what)
            same(identity(r)["gaps"], 0, f"{what}: gaps")
            same([(s["pid"], s["own_pid"]) for s in r.of("start") if s["pid"] == pid], [(pid, 1 if child else pid)], f"{what}: both pids")
            same([x for x in r.exits if x["pid"] == pid], [{"pid": pid, "code": 2}], f"{what}: exit record")
            same(r.err.count("not watched"), 0, what)


# Runs in a pid namespace. The program ($1) runs in a further one below it, deletes, executes itself by another thread, and deletes again.
# It begins when tophash ("$@" of the rest) stands, or before.
BELOW = """cd "$0" || exit; exe=$1 first=$2; shift 2
count() { until [ "$(grep -c "$1" "$2")" -ge "$3" ]; do sleep 0.02; done; }
begin() { unshare -pf --kill-child "$exe" <in >out & u=$!; exec 3>in; count ready out 1; p=$(cat /proc/$u/task/$u/children); p=${p% }; }
trace() { "$@" 2>err 3>&- & t=$!; count placed err 1; }
rm -f in out err report; mkfifo in; >out; >err; >report
if [ "$first" = program ]; then begin; trace "$@" -p "$p"; else trace "$@" -b "$exe"; begin; fi
echo 20 >&3; count done out 1
echo other >&3; count ready out 2; count '"start"' report 2
echo 30 >&3; count done out 2
exec 3>&-; wait $u; count '"exit"' report 1
kill -TERM $t 2>/dev/null; wait $t; echo "code $? pid $p"
"""


@test
def process_below_the_pid_namespace_of_tophash():
    """tophash is in a pid namespace, and the process in one below it, where the kernel's helper does not tell its id."""
    inner = ["unshare", "-pf", "--mount-proc"]
    if subprocess.run([*inner, *inner, "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -p is not permitted")
    exe = go_build(HERE / "executes.go", "executes")
    for first, more in (("program", []), ("program", ["--follow=none"]), ("tophash", [])):
        q = subprocess.run([*inner, "sh", "-c", BELOW, tmp(), exe, first, options.tophash, "trace", "-v", "--format", "json", "-o", "report", *more],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
        r = Run(0, tmp("report").read_text(), tmp("err").read_text())
        what = f"{first} {more}: {q.stdout} {q.stderr} {r.err}"
        code, pid = map(int, re.findall(r"\d+", q.stdout))
        same((identity(r)["hits"], {x["pid"] for x in r.records if "pid" in x}), (50, {pid}), what)
        same((len(r.of("start")), len(r.exits), code), (2, 1, 5 if r.end["gaps"] else 0), what)
        same("the process is in a pid namespace below" in r.err, first == "program" and not more, what)


@test
def tracer_in_a_pid_namespace():
    """In a container, the records have the process ids of the container."""
    if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -p is not permitted")
    for args in ([], ["-b"]):
        inner = ["unshare", "-pf", "--mount-proc"]
        if args:
            exe = shutil.copy(target("steps"), tmp("steps-inner"))
            script = (f"{options.tophash} trace -v --format json -o {tmp()}/inner -b {exe} 2>{tmp()}/inner.err & t=$!; "
                      f"until grep -q placed {tmp()}/inner.err; do sleep 0.05; done; "
                      f"(echo 4; until grep -q '\"start\"' {tmp()}/inner; do sleep 0.05; done; echo exit 3) | {exe}; "
                      f"until grep -q '\"exit\"' {tmp()}/inner; do sleep 0.05; done; kill -TERM $t; wait $t")  # the shell has it ignore SIGINT
            tmp("inner").write_text("")
            tmp("inner.err").write_text("")
            q = subprocess.run([*inner, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
            same(q.returncode, 0, q.stderr)
            told = int(q.stdout.split()[1])
        else:
            q = subprocess.run([*inner, options.tophash, "trace", "-q", "--format", "json", "-o", tmp("inner"), "--", target("steps")],
                               input="4\nexit 3\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
            same(q.returncode, 0, q.stderr)
            told = int(q.stdout.split()[1])
        r = Run(0, tmp("inner").read_text(), "")
        same(identity(r)["removed"], 4, "removed")
        same({x["pid"] for x in r.records if "pid" in x}, {told}, f"{args}: process ids")
        same(r.exits, [{"pid": told, "code": 3}], f"{args}: exit record")
