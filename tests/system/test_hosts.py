"""Tests of programs that are not Go and load Go libraries, with -- and -p."""

import subprocess
import sys
from collections import Counter

from harness import check, go_build, options, Program, refused, same, spawn, test, tmp, tophash, Tracer
from releases import ends

# Deletes 17 while it is loaded, before any function of it can be called.
LIBRARY = """package main
// #include <stdint.h>
import "C"
func drop(m map[int64]int, k int64) { delete(m, k) }
func init() {
	m := map[int64]int{}
	for i := int64(0); i < 17; i++ { m[i] = 1; drop(m, i) }
}
//export Work
func Work(n C.int64_t) {
	m := map[int64]int{}
	for i := int64(0); i < int64(n); i++ { m[i] = 1 }
	for i := int64(0); i < int64(n); i++ { delete(m, i) }
}
func main() {}
"""
OPENS = """#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *library = dlopen(argv[i], RTLD_NOW);
		if (!library) { puts(dlerror()); return 1; }
		((void (*)(int64_t))dlsym(library, "Work"))(30);
	}
	return 4;
}
"""
LINKED = """#include <stdint.h>
extern void Work(int64_t);
int main(void) { Work(30); return 4; }
"""
PYTHON = """import ctypes, sys
for path in sys.argv[1:]: ctypes.CDLL(path).Work(30)
"""
# Each process loads the library: the parent, one that multiprocessing starts anew, and one that a shell starts.
FAMILY = """import ctypes, multiprocessing, subprocess, sys
def work(path): ctypes.CDLL(path).Work(30)
if __name__ == "__main__":
    work(sys.argv[1])
    p = multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],))
    p.start()
    p.join()
    if len(sys.argv) == 2: subprocess.run(["sh", "-c", '"$@"; true', "sh", sys.executable, sys.argv[0], sys.argv[1], "last"])
"""


def library(name="hosted.so", go=None, what=LIBRARY):
    source = tmp(name + ".go")
    source.write_text(what)
    return go_build(source, name, "-buildmode=c-shared", go=go, CGO_ENABLED="1")


def compiled(name, text, *args):
    subprocess.run(["cc", "-O1", "-o", tmp(name), "-x", "c", "-", *args], input=text, text=True, check=True)
    return tmp(name)


def traced(*command, each=(47,), code=0, args=(), exit=0):
    """Traces a command, and checks how many deletes each of its processes made. Each runs 17 in the beginning of the library and 30 later."""
    tmp("events").unlink(missing_ok=True)
    r = tophash("--format", "json", "-o", tmp("events"), *args, "--", *command)
    check(tmp("events").exists(), f"{command}: {r.err}")
    r.out = tmp("events").read_text()
    same((r.code, r.end["hits"]), (code, sum(each)), f"{command}: {r.err}")
    same(sorted(Counter(e["pid"] for e in r.events).values()), sorted(each), f"{command}: deletes of each process")
    check({e["stack"][0]["func"] for e in r.events} <= {"main.drop", "main.Work"}, "functions")
    # A child that was gone when it was looked at has no exit code. The command's own process begins first.
    same([e["code"] for e in r.exits if e["pid"] == r.of("start")[0]["pid"]], [exit], "exit of the command")
    return r


@test
def a_command_that_loads_a_library():
    """A program that is not Go opens a Go library, or is linked to one. The library is watched from its first instruction."""
    for go in dict.fromkeys((options.go, *ends())):
        lib = library(go=go)
        opens = compiled("opens", OPENS)
        linked = compiled("linked", LINKED, "-x", "none", lib)
        for command, exit in (([sys.executable, "-c", PYTHON, lib], 0), ([opens, lib], 4), ([linked], 4), (["env", "nice", linked], 4)):
            r = traced(*command, exit=exit)
            same([m for s in r.of("start") for m in s.get("modules", [])], [], "modules")
    r = traced("sh", "-c", f"/bin/true; {opens} {lib} & wait $!; exit $?", exit=4)
    check("exited with status 4" in r.err and len(r.lines) == 2, r.err)


@test
def two_libraries():
    """Both are there when the first begins, or the second one comes later, which is a gap."""
    first, second = library("one.so"), library("two.so", what=LIBRARY.replace("Work", "Also"))
    linked = compiled("both", LINKED.replace("extern", "extern void Also(int64_t); extern").replace("Work(30);", "Work(30); Also(30);"),
                      "-x", "none", first, second)
    r = tophash("--format", "json", "--", linked)
    same((r.code, r.end["hits"], r.end["gaps"]), (0, 94, 0), r.err)
    (start,) = r.of("start")  # the first in memory is the session's, and the other one is listed
    check([m["path"] for m in start["modules"]] in ([first], [second]), start["modules"])
    third = library("three.so")
    r = tophash("--format", "json", "--", compiled("opens", OPENS), first, third)
    same((r.code, r.exits[0]["code"]), (5, 4), r.err)
    check(47 <= r.end["hits"] <= 94, r.end)
    # The linker tells twice of a library: before it maps it, and after. A second gap says that the process ended before the look that
    # follows the latter: it may have mapped one more.
    check([g["why"] for g in r.of("gap")] in (["module"], ["module"] * 2), f"gaps: {r.of('gap')}")


@test
def children_that_load_the_library():
    tmp("family.py").write_text(FAMILY)
    lib = library()
    traced(sys.executable, tmp("family.py"), lib, each=[47] * 4)
    traced(sys.executable, tmp("family.py"), lib, each=[47], args=("--follow=none",))


@test
def a_process_before_it_loads_a_library():
    """-p waits for the first Go library of a process that may load one. What ran before its probes stood is a gap."""
    lib = library()
    p = Program(sys.executable, "-c", """import ctypes, sys
print("ready", flush=True)
for line in sys.stdin:
    if line == "load\\n": library = ctypes.CDLL(sys.argv[1])
    else: library.Work(int(line))
    print("done", flush=True)
""", lib)
    same(p.line(), "ready", "begins")
    t = Tracer("-p", p.pid, ready=False)
    while "waiting until it loads a Go library" not in t.errors.read_text():
        check(t.p.poll() is None, f"tophash has ended: {t.errors.read_text()}")
    same(p.ask("load"), "done", "answer")
    while "has loaded the Go library" not in t.errors.read_text():
        check(t.p.poll() is None, f"tophash has ended: {t.errors.read_text()}")
    same([p.ask("30"), p.ask("12")], ["done"] * 2, "answers")
    p.end()
    r = t.end(None)
    seen = Counter(e["stack"][0]["func"] for e in r.events)
    same((r.code, seen["main.Work"], [(g["pid"], g["why"]) for g in r.of("gap")]), (5, 42, [(p.pid, "module")]), r.err)
    check(seen["main.drop"] <= 17, seen)
    p = Program(sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()")
    same(p.line(), "ready", "begins")
    t = Tracer("-p", p.pid, ready=False)
    while "waiting until it loads a Go library" not in t.errors.read_text():
        check(t.p.poll() is None, f"tophash has ended: {t.errors.read_text()}")
    p.end()
    r = t.p.wait(60)
    same((r, t.errors.read_text().splitlines()[-1]), (3, f"tophash: process {p.pid} has ended, and had loaded no Go library"), "the end")
    refused(tophash("-p", str(spawn(["sleep", "100"]).pid)), 3, "not a Go program")
