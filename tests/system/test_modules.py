"""Tests of programs that have several Go modules: plugins, and libraries in programs that are not Go."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness import check, go_build, HERE, identity, probes_in, Program, Run, same, test, tmp, Tracer
from test_wrapper import wait_until

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


LATE = """import ctypes, sys
libraries = [ctypes.CDLL(sys.argv[1])]
print("ready", flush=True)
for line in sys.stdin:
    what, arg = line.split()
    if what == "load": libraries.append(ctypes.CDLL(arg))
    else: [x.Work(int(arg)) for x in libraries]
    print("done", flush=True)
"""


def second_library():
    copy = tmp("second.so")
    copy.write_bytes(Path(library()).read_bytes())
    return copy


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


def by_func(r):
    """Returns how many events each function made."""
    return Counter(funcs(e)[0] for e in r.events)


# Each N makes N deletes of struct keys and N of strings in the plugin.
def expect(r, plugin, host):
    got = by_func(r)
    same((got["main.drop"], sum(n for f, n in got.items() if f.endswith(".Work"))), (host, 2 * plugin), "deletes")
    keys = [e["key"] for e in r.events if e["map_type"] == "map[main.Conn]int"]
    same(keys, [{"ID": i, "Name": "c"} for i in range(plugin)], "keys of the plugin's own type")
    check(all(e["key"] == "n" for e in r.events if e["map_type"] == "map[string]bool"), "string keys")


@test
def a_process_with_a_plugin():
    """-p sees what the program and its plugin delete, and the start record lists the plugin."""
    p = ready(host(), plugin())
    t = Tracer("-p", p.pid)
    same([p.ask("plugin 50"), p.ask("host 20"), p.ask("plugin 50")], ["done"] * 3, "answers")
    p.end()
    r = t.end(None)
    end = identity(r)
    same((end["hits"], end["gaps"]), (220, 0), "hits and gaps")
    same(by_func(r)["main.drop"], 20, "deletes of the program")
    modules = r.of("start")[0]["modules"]
    same([(m["path"], m["build"]) for m in modules], [(plugin(), "plugin")], "modules")
    same({f for e in r.events for f in funcs(e)[1:]}, {"main.main", "runtime.main"}, "callers")


@test
def a_command_with_a_plugin():
    """With --, the plugin is met when the command loads it. What follows is seen, and the time before is a gap."""
    t = Tracer("--", host(), plugin(), stdin=subprocess.PIPE)
    t.wait_for('"why":"module"')
    t.p.stdin.write(b"plugin 30\nhost 10\n")
    t.p.stdin.close()
    r = t.end(None)
    same((r.code, r.end["gaps"]), (5, 1), "exit code and gaps")
    expect(r, 30, 10)
    # On a busy machine the plugin may be there at the first look, and the start record then lists it.
    met = [(m["path"], m["build"]) for m in r.of("module") + r.of("start")[0].get("modules", [])]
    same(met, [(plugin(), "plugin")], "modules")
    same([g["why"] for g in r.of("gap")], ["module"], "gaps")


@test
def a_plugin_that_comes_later():
    p = ready(host())
    t = Tracer("-p", p.pid)
    same([p.ask("host 5"), p.ask(f"load {plugin()}")], ["done"] * 2, "answers")
    t.wait_for('"event":"module"')
    same([p.ask("plugin 40"), p.ask("host 5")], ["done"] * 2, "answers")
    p.end()
    r = t.end(None)
    same(r.code, 5, "exit code")
    expect(r, 40, 10)
    (module,), (gap,) = r.of("module"), r.of("gap")
    same((module["pid"], module["build"], gap["pid"], gap["why"]), (p.pid, "plugin", p.pid, "module"), "records")
    same(module["layout"], r.of("start")[0]["layout"], "layout of the plugin")
    check(int(gap["from_ns"]) < int(gap["to_ns"]), gap)
    check(module["probes"], "the module record has no probes")


@test
def a_module_that_nobody_saw():
    """A process loads a module, uses it and ends, while tophash does not run. This is a gap, also if the process began then."""
    for command, load, work in (((host(),), f"load {plugin()}", "plugin 9"),
                                ((sys.executable, "-c", LATE, library()), f"load {second_library()}", "work 9"),
                                ((host(), plugin()), None, "plugin 9")):
        p = ready(*command) if load else None
        t = Tracer(*(["-p", p.pid] if p else ["-b", command[0]]))
        t.p.send_signal(signal.SIGSTOP)
        p = p or ready(*command)
        same([p.ask(x) for x in (load, work) if x], ["done"] * (2 if load else 1), "answers")
        p.end()
        t.p.send_signal(signal.SIGCONT)
        if not load:
            t.wait_for('"event":"exit"')
        r = t.end(None if load else signal.SIGINT)
        same((r.code, [(g["pid"], g["why"]) for g in r.of("gap")]), (5, [(p.pid, "module")]), f"{load}: exit code and gaps ({r.err})")


@test
def a_child_with_a_plugin_executes_itself():
    """The probes in the plugin of a child are in this process alone. After an exec by another thread they are gone, and are placed again."""
    p = ready(host(), plugin())
    t = Tracer("-p", p.pid)
    all_of_them = probes_in(p.pid, plugin())
    check(all_of_them > 0, "no probes in the plugin")
    p.end()
    t.end(None)
    for how in ("main", "other"):
        t = Tracer("--", "sh", "-c", '"$0" </dev/null; exec "$0" "$1"', host(), plugin(), stdin=subprocess.PIPE)
        for i in range(3):
            t.wait_for('"event":"start"', 2 + i)
            pid = Run(0, t.report.read_text().rpartition("\n")[0], "").of("start")[-1]["pid"]
            wait_until(lambda: probes_in(pid, plugin()) == all_of_them, f"{how} {i}: no probes in the plugin")
            t.p.stdin.write(b"plugin 30\nhost 10\n")
            t.p.stdin.flush()
            t.wait_for('"event":"delete"', 2 * 30 * (i + 1) + 10 * (i + 1))
            if i < 2:
                t.p.stdin.write(f"again {how}\n".encode())
                t.p.stdin.flush()
        t.p.stdin.close()
        r = t.end(None)
        got = by_func(r)
        same((got["main.drop"], sum(n for f, n in got.items() if f.endswith(".Work"))), (30, 180), f"{how}: deletes ({r.err})")
        # The plugin is met late the first time. After an exec its probes may come late, too, if they had to be placed again.
        gaps = r.of("gap")
        check({(g["pid"], g["why"]) for g in gaps} == {(pid, "module")} and len(gaps) <= (1 if how == "main" else 3), f"{how}: {gaps}: {r.err}")
        same(r.code, 5, f"{how}: exit code")


@test
def processes_with_plugins():
    """-b PROGRAM watches the plugins of each of its processes, and of no other program's."""
    first, second = ready(host(), plugin()), ready(host(), plugin())
    t = Tracer("-b", host())
    same([first.ask("plugin 20"), second.ask("plugin 20"), second.ask("host 7")], ["done"] * 3, "answers")
    first.end()
    same(second.ask("plugin 10"), "done", "answer")
    second.end()
    r = t.end()
    same(identity(r)["hits"], 107, "hits")
    same(Counter(e["pid"] for e in r.events), {first.pid: 40, second.pid: 67}, "deletes of each process")
    same([len(s["modules"]) for s in r.of("start")], [1, 1], "modules")


@test
def a_process_with_two_libraries():
    """Several Go runtimes in one process that is not Go. The engine has a table with room for 16 modules of a process."""
    source = Path(library()).read_bytes()
    several = LOADER.replace("library = ctypes.CDLL(sys.argv[1])", "libraries = [ctypes.CDLL(x) for x in sys.argv[1:]]") \
        .replace("library.Work", "for library in libraries: library.Work")
    for n in (2, 18):
        copies = [tmp(f"copy{n}-{i}.so") for i in range(n - 1)]
        for copy in copies:
            copy.write_bytes(source)
        p = ready(sys.executable, "-c", several, library(), *copies)
        t = Tracer("-p", p.pid)
        same(p.ask("work 30"), "done", f"{n}: answer")
        p.end()
        r = t.end(None)
        same((identity(r)["hits"], r.end["gaps"], r.lines), (30 * n, 0, []), f"{n}: hits, gaps, messages")
        same(Counter(e["key"] for e in r.events), {i: n for i in range(30)}, f"{n}: keys")
        same([m["build"] for m in r.of("start")[0]["modules"]], ["library"] * (n - 1), f"{n}: modules")


@test
def misses_in_a_plugin():
    p = ready(host(), plugin())
    t = Tracer("-p", p.pid, "--misses")
    same([p.ask("plugin 25"), p.ask("host 5")], ["done"] * 2, "answers")
    p.end()
    r = t.end(None)
    end = identity(r)
    same((end["removed"], end["misses"]), (55, 0), "removed and misses")


@test
def a_summary_of_a_plugin():
    p = ready(host(), plugin())
    t = Tracer("-p", p.pid, "--summary")
    same([p.ask("plugin 1000"), p.ask("host 300")], ["done"] * 2, "answers")
    p.end()
    r = t.end(None)
    same((r.code, r.end["hits"], r.end["delivered"]), (0, 2300, 2300), "exit code, hits and delivered")
    rows = Counter({})
    for row in r.of("summary"):
        rows[row["site"].rpartition(".")[2]] += row["elements"]
    same(rows, {"Work": 2000, "drop": 300}, "rows")


# The maps whose types the probed module does not have, with the keys that "WHAT N" deletes from each.
FOREIGN = {
    "structs": ("map[struct { Name string; N int }]int", lambda i: {"Name": f"s{i}", "N": i}),
    "anys": ("map[interface {}]int", lambda i: {"type": "main.hostKey", "value": {"Name": f"h{i}", "N": i}}),
    "sync": ("sync.Map", lambda i: {"type": "main.hostKey", "value": {"Name": f"y{i}", "N": i}}),
    "own": ("map[interface {}]int", lambda i: {"type": "main.PluginKey", "value": {"Name": f"p{i}", "N": i}}),
}


def sharing():
    host = go_build(MODULES / "sharing.go", "sharing", CGO_ENABLED="1")
    return ready(host, go_build(MODULES / "shared.go", "shared.so", "-buildmode=plugin", CGO_ENABLED="1"))


def keys(r, removed=True):
    return [(e["map_type"], e["key"]) for e in r.events if e["removed"] == removed]


def foreign_keys(n, *kinds):
    return [(map_type, key(i)) for map_type, key in (FOREIGN[kind] for kind in kinds) for i in range(n)]


@test
def keys_of_another_module():
    """A plugin deletes from maps of its program, and the reverse: the types of the other file describe the keys."""
    p = sharing()
    t = Tracer("-p", p.pid, "--misses")
    same([p.ask(f"{kind} 7") for kind in FOREIGN], ["done"] * 4, "answers")
    p.end()
    r = t.end(None)
    end = identity(r)
    same((end["removed"], end["misses"]), (28, 14), "removed and misses")
    same(keys(r), foreign_keys(7, *FOREIGN), "keys")
    same(keys(r, False), foreign_keys(7, "structs", "anys"), "keys that were not found")


@test
def a_sync_map_of_a_plugin():
    """The maps in it, whose type the linker takes from the program, are not shown."""
    p = sharing()
    t = Tracer("-p", p.pid, "--misses")
    same(p.ask("plugin 9"), "done", "answer")
    p.end()
    r = t.end(None)
    end = identity(r)
    same((end["removed"], end["misses"]), (18, 9), "removed and misses")
    same(keys(r), [("sync.Map", {"type": "int", "value": i}) for i in range(9) for _ in range(2)], "keys")


@test
def filters_on_keys_of_another_module():
    """--type and --key are decided by the types of the other file, in each of two processes."""
    first, second = sharing(), sharing()
    t = Tracer("-b", f"/proc/{first.pid}/exe", "--type", "map[struct*", "--key", '{"Name":"s3","N":3}')
    for p in (first, second):
        same([p.ask(f"{kind} 5") for kind in FOREIGN], ["done"] * 4, "answers")
    r = t.end()
    same(identity(r)["filtered"], 2 * 20 - 2, "filtered")
    same(Counter((e["pid"], e["key"]["Name"]) for e in r.events), {(first.pid, "s3"): 1, (second.pid, "s3"): 1}, "events")
