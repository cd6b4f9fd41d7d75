"""Tests of -b with a file on an overlay file system that is replaced, as a deploy in a container does it."""

import os
import shutil

from harness import Program, Tracer, check, options, same, test
from test_files import gaps, in_mount_namespace, overlay, version, wait_for_message


def deploy(named, runs, first, second):
    """Replaces the file `runs` while `named` is watched, which is the same file. Old and new processes are traced, whichever path was given."""
    what = f"-b {named}, {runs} runs"
    old = Program(runs)
    upgraded = Program(runs)
    same([old.line(), upgraded.line()], ["version 3"] * 2, what)
    t = Tracer("-b", named)
    t.wait_for('"event":"start"', 2)
    same([old.ask("x"), upgraded.ask("x")], ["done"] * 2, what)
    shutil.copy(second, f"{runs}.new")
    os.rename(f"{runs}.new", runs)
    wait_for_message(t, "the processes of both are traced")
    new = Program(runs)
    same(new.line(), "version 5", what)
    t.wait_for(f'"pid":{new.pid},')
    same([old.ask("x"), new.ask("x"), new.ask("x")], ["done"] * 3, what)
    same(upgraded.ask("upgrade"), "version 5", what)
    t.wait_for('"event":"start"', 4)
    same(upgraded.ask("x"), "done", what)
    for p in (old, new, upgraded):
        p.end()
    t.wait_for('"exit"', 3)
    r = t.end()
    strings = [str(i) for i in range(5)]
    seen = {p.pid: [e["key"] for e in r.events if e["pid"] == p.pid] for p in (old, new, upgraded)}
    same(seen, {old.pid: [0, 1, 2] * 2, new.pid: strings * 2, upgraded.pid: [0, 1, 2] + strings}, f"{what}: keys")
    same((r.end["removed"], r.end["lost"]["ring_full"]), (24, 0), f"{what}: counts")
    check(set(gaps(r)) <= {new.pid, upgraded.pid}, f"{what}: gaps {gaps(r)}")


@test
def replaced_on_overlay():
    first, second = version(3, options.go, "int", "i"), version(5, "1.23", "string", "fmt.Sprint(i)")

    def body():
        lower, upper, merged = overlay()
        for folder, name, by in ((lower, "low", merged), (upper, "up", merged), (upper, "named-above", upper)):
            shutil.copy(first, folder / name)
            deploy(by / name, merged / name, first, second)

    in_mount_namespace(body)
