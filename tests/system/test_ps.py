"""Tests of ps: the processes that it lists, their kinds, and the processes that it leaves out."""

import ctypes
import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import test_modules
from harness import (
    build, check, Failed, go_build, LONG, options, REPO, same, Skip, spawn, target, test, tmp, zoo_program)

USER = "import ctypes, sys, time; x = [ctypes.CDLL(p) for p in sys.argv[1:]]; print('ready', flush=True); time.sleep(3600)"


def ps(*args, user=None, code=0):
    r = subprocess.run([options.tophash, "ps", *map(str, args)], text=True, capture_output=True, timeout=LONG, user=user)
    same(r.returncode, code, f"exit code of ps {args}: {r.stderr[-300:]}")
    return r


def rows(*args, **kwargs):
    """Returns the rows of `ps --format json` by pid, and its end record."""
    lines = [json.loads(line) for line in ps("--format", "json", *args, **kwargs).stdout.splitlines()]
    same(lines[-1]["event"], "end", "last line")
    found = lines[:-1]
    same({x["event"] for x in found} - {"process"}, set(), "events")
    same([x["pid"] for x in found], sorted(x["pid"] for x in found), "order")
    same(lines[-1]["processes"], len(found), "processes of the end record")
    return {x["pid"]: x for x in found}, lines[-1]


def source(name, text):
    path = tmp(name)
    path.write_text(text)
    return path


def started(command):
    """Starts a program that says "ready", and waits until it does."""
    p = spawn(command, stdout=subprocess.PIPE, text=True)
    line = p.stdout.readline()
    check(line == "ready\n", f"{command[0]}: {line}")
    return p


def kinds(row):
    return [(m["kind"], Path(m["path"]).name) for m in row["modules"]]


@test
def ps_lists_go_programs():
    go = zoo_program()
    other = spawn(["sleep", "1000"])
    found, _ = rows()
    check(other.pid not in found, "sleep is listed")
    row = found[go.pid]
    same(row["go"].split(".")[:2], ["go1", options.go.split(".")[1]], "release")
    same(row["user"], pwd.getpwuid(os.geteuid()).pw_name, "user")
    same((row["traceable"], row["own_pid"], row["container"]), (True, go.pid, None), "traceable, own pid, container")
    same(kinds(row), [("program", Path(row["exe"]).name)], "modules")
    text = ps().stdout
    check(f"{go.pid}  " in text and "sleep" not in text, text[-500:])


@test
def ps_takes_pids_and_names():
    a, b = zoo_program(), zoo_program()
    name = Path(f"/proc/{a.pid}/exe").readlink().name
    same(set(rows(a.pid)[0]), {a.pid}, "by pid")
    check({a.pid, b.pid} <= set(rows(name)[0]), "by name")
    check({a.pid, b.pid} <= set(rows(name[:2] + "*")[0]), "by a pattern")
    same(set(rows("no-such-name", b.pid)[0]), {b.pid}, "by a name that nothing has, and a pid")
    none = ps("no-such-name")
    same((none.stdout, none.stderr.splitlines()[0]), ("", "tophash: none of the chosen processes has Go code"), "nothing")
    same(ps(a.pid).stderr, "", "messages beside what was found")
    same(ps("-q", "no-such-name").stderr, "", "nothing, quietly")
    check(a.pid in rows("--uid", os.geteuid())[0], "by user")
    check(a.pid not in rows("--uid", "65534")[0], "by another user")
    ps("--uid", "no-such-user", code=2)


@test
def ps_names_plugins_and_libraries():
    plugin, host, library = test_modules.plugin(), test_modules.host(), test_modules.library()
    stripped = go_build(test_modules.MODULES / "library.go", "stripped.so", "-buildmode=c-shared", "-ldflags=-s -w", CGO_ENABLED="1")
    p = test_modules.ready(host, plugin)
    q = started([sys.executable, "-c", USER, library, stripped])
    found, _ = rows()
    same(kinds(found[p.pid]), [("program", Path(host).name), ("plugin", Path(plugin).name)], "modules of a host of plugins")
    same(sorted(kinds(found[q.pid])), sorted([("library", Path(library).name), ("library", Path(stripped).name)]), "of Python")
    same({Path(m["path"]).name: m["stripped"] for m in found[q.pid]["modules"]},
         {Path(library).name: False, Path(stripped).name: True}, "stripped")
    for row in found[p.pid], found[q.pid]:
        check(row["traceable"] and all(m["traceable"] for m in row["modules"]), f"not traceable: {row}")


@test
def ps_shows_the_pid_inside_a_namespace():
    program = target("steps")
    p = spawn(["unshare", "--pid", "--fork", "--mount-proc", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    end = time.monotonic() + LONG
    inside = []
    while not inside:
        check(time.monotonic() < end, "the program does not begin")
        children = Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()
        inside = [int(x) for x in children if os.path.realpath(f"/proc/{x}/exe") == program]
        time.sleep(0.01)
    same(rows(inside[0])[0][inside[0]]["own_pid"], 1, "own pid")
    os.kill(inside[0], 9)
    p.wait(LONG)


@test
def ps_of_deleted_and_refused_files():
    copy = tmp("deleted")
    copy.write_bytes(Path(target("steps")).read_bytes())
    copy.chmod(0o755)
    p = spawn([copy], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    while not os.path.realpath(f"/proc/{p.pid}/exe") == str(copy):
        time.sleep(0.01)
    copy.unlink()
    row = rows(p.pid)[0][p.pid]
    check(row["exe"].endswith("deleted (deleted)") and row["traceable"], f"{row}")
    # A program that never deletes: ps gives the reason that trace gives, which is that there is nothing to watch.
    quiet = go_build(source("quiet.go", "package main\nimport \"time\"\nfunc main() { time.Sleep(time.Hour) }\n"), "quiet", "-ldflags=-s -w")
    q = spawn([quiet])
    end = time.monotonic() + LONG
    while q.pid not in (found := rows(q.pid)[0]):
        check(time.monotonic() < end and q.poll() is None, "the program is not listed")
    trace = subprocess.run([options.tophash, "trace", "-p", str(q.pid)], text=True, capture_output=True, timeout=LONG)
    if found[q.pid]["traceable"]:
        raise Skip("this release's runtime deletes from a map by itself")
    check(found[q.pid]["why"] in trace.stderr, f"{found[q.pid]['why']}; trace says {trace.stderr}")


@test
def ps_without_the_right_to_look():
    go = zoo_program()
    found, end = rows(user="nobody")
    check(go.pid not in found, "nobody sees a process of root")
    check(end["hidden"] > 0, f"hidden: {end}")
    check("run tophash as root" in ps(user="nobody").stderr, "no hint")
