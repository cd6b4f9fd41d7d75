"""Tests of programs that have several Go modules: plugins, and libraries in programs that are not Go."""

import sys
import time
from pathlib import Path

from harness import check, go_build, HERE, identity, LONG, Program, refused, same, test, tmp, tophash, Tracer

MODULES = HERE / "modules"
LOADER = """import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    library.Work(int(line.split()[1]))
    print("done", flush=True)
"""


def plugin(go=None):
    return go_build(MODULES / "plugin.go", "plugin.so", "-buildmode=plugin", go=go, CGO_ENABLED="1")


def host(go=None):
    return go_build(MODULES / "host.go", "host", go=go, CGO_ENABLED="1")


def library(go=None):
    return go_build(MODULES / "library.go", "library.so", "-buildmode=c-shared", go=go, CGO_ENABLED="1")


def ready(*command):
    p = Program(*command)
    same(p.line(), "ready", "first line")
    return p


def funcs(event):
    return [f["func"] for f in event["stack"]]


@test
def a_plugin_alone():
    """-b PLUGIN sees what the plugin deletes. Its stacks go on into the program, by name."""
    p = ready(host(), plugin())
    t = Tracer("-b", plugin(), "--stack", "16")
    same([p.ask("plugin 50"), p.ask("host 20")], ["done", "done"], "answers")
    p.end()
    r = t.end()
    identity(r)
    work = [e for e in r.events if funcs(e)[0].endswith(".Work")]
    same(len(work), 100, "deletes of the plugin")
    same({tuple(funcs(e)[1:]) for e in work}, {("main.main", "runtime.main")}, "callers in the program")
    conns = [e for e in work if e["map_type"] == "map[main.Conn]int"]
    same([e["key"] for e in conns], [{"ID": i, "Name": "c"} for i in range(50)], "keys")
    same({e["map_type"] for e in work}, {"map[main.Conn]int", "map[string]bool"}, "types")
    # Where the program exports a function of the runtime, the dynamic linker may give the plugin's to the program.
    check({tuple(funcs(e)[:1]) for e in r.events if e not in work} <= {("main.drop",)}, "events that are nobody's")


@test
def a_library_alone():
    """-b LIBRARY sees what it deletes in a host that is not Go."""
    p = ready(sys.executable, "-c", LOADER, library())
    t = Tracer("-b", library())
    same(p.ask("work 40"), "done", "answer")
    p.end()
    r = t.end()
    same(identity(r)["hits"], 40, "hits")
    same([e["key"] for e in r.events], list(range(40)), "keys")
    same({(e["map_type"], funcs(e)[0]) for e in r.events}, {("map[int64]int", "main.Work")}, "types and functions")


@test
def a_process_with_a_library():
    """-p of a process that is not Go traces the one Go library that it has."""
    p = ready(sys.executable, "-c", LOADER, library())
    t = Tracer("-p", p.pid)
    same(p.ask("work 30"), "done", "answer")
    p.end()
    r = t.end(None)
    same(identity(r)["hits"], 30, "hits")
    same([e["key"] for e in r.events], list(range(30)), "keys")
    same({(e["map_type"], funcs(e)[0]) for e in r.events}, {("map[int64]int", "main.Work")}, "types and functions")
    same([e["code"] for e in r.exits], [0], "exit")


@test
def a_process_with_two_libraries():
    two = "import ctypes, sys; l = [ctypes.CDLL(x) for x in sys.argv[1:]]; print('ready', flush=True); sys.stdin.read()"
    copy = tmp("copy.so")
    copy.write_bytes(Path(library()).read_bytes())
    p = ready(sys.executable, "-c", two, library(), copy)
    r = tophash("-p", p.pid)
    refused(r, 3, "2 Go libraries")
    check(library() in r.err and str(copy) in r.err, r.err)
    p.end()


@test
def what_is_not_seen_is_said():
    """-p of a program with a plugin says that the plugin is not watched, also of one that comes later."""
    p = ready(host(), plugin())
    t = Tracer("-p", p.pid)
    end = time.monotonic() + LONG
    while b"a Go plugin" not in t.errors.read_bytes():
        check(time.monotonic() < end, "nothing is said of the plugin")
        time.sleep(0.05)
    same(p.ask("host 20"), "done", "answer")
    p.end()
    r = t.end(None)
    same(identity(r)["hits"], 20, "hits")
    same(len([x for x in r.lines if plugin() in x]), 1, "messages about the plugin")
