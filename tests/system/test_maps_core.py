"""Tests of maps --core: a core has the same maps as the process that it was made of, and a damaged or foreign one is refused in one line."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
from pathlib import Path

from harness import HERE, build, check, go_build, LONG, options, Program, same, Skip, test, tmp
from releases import releases
from test_maps import maps, PIE, PLAIN, rows, STRIPPED

EXTERNAL = ("-ldflags=-linkmode=external",)


def program(exe, folder):
    """Starts a program that dumps a core into the folder when it is aborted. Returns it, and the maps that it has made."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern != "core":
        raise Skip(f"cores go elsewhere: {pattern}")
    folder.mkdir()

    def allow():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    p = Program(exe, folder / "truth", cwd=folder, preexec_fn=allow, env={**os.environ, "GOTRACEBACK": "crash"}, stderr=subprocess.DEVNULL)
    same(p.line(), "ready", "the program")
    lines = [line.split("\t") for line in (folder / "truth").read_text().splitlines()]
    return p, {addr: (kind, int(n)) for kind, addr, n in lines}


def abort(p, folder):
    """Ends the program. Returns the core that the kernel writes."""
    os.kill(p.pid, signal.SIGABRT)
    p.p.wait(LONG)
    cores = list(folder.glob("core*"))
    same(len(cores), 1, "cores")
    return cores[0]


def same_maps(truth, live, core, what):
    """Compares the rows of the maps that the program has made, and what else was found."""
    same([a for a in truth if a not in core], [], f"{what}: maps that were missed")
    same({a: core[a] for a in truth}, {a: live[a] for a in truth}, f"{what}: rows")
    same([m for m in core.values() if m["map_type"] == "map[string]*main.garbage"], [], f"{what}: maps that were dropped")
    check(len(core) - len(truth) < 12, f"{what}: {len(core)} maps, and the program made {len(truth)}")


@test
def maps_of_a_core_are_those_of_the_process():
    """Cores of the kernel (GOTRACEBACK=crash) and of gcore: the same rows as live."""
    long = options.rounds >= 200
    for go in releases() if long else [v for v in releases() if v in ("1.23", "1.26")]:
        ways = {"plain": PLAIN, "stripped": STRIPPED}
        if long or go == options.go:  # Go's own packages are built again for these
            ways["pie"] = PIE
        if long:
            ways["external"] = EXTERNAL
        for way, args in ways.items():
            folder = tmp(f"core-{go}-{way}")
            exe = go_build(HERE / "live_maps.go", f"live_maps-{way}", *args, go=go, CGO_ENABLED="1" if way == "external" else "0")
            p, truth = program(exe, folder)
            live, _ = rows("-p", p.pid)
            if (long or (way, go) == ("pie", options.go)) and shutil.which("gcore"):
                r = subprocess.run(["gcore", "-o", folder / "g", str(p.pid)], text=True, capture_output=True, timeout=LONG * 4)
                same(r.returncode, 0, f"gcore: {r.stderr[-300:]}")
                dump = folder / f"g.{p.pid}"
                found, end = rows("--core", dump)
                dump.unlink()  # it has a gigabyte of zeroes
                same_maps(truth, live, found, f"gcore of {go} {way}")
            dump = abort(p, folder)
            found, end = rows("--core", dump)
            same((end["pid"], end["core"], end["core_missing"], end["files_missing"]), (p.pid, str(dump), 0, 0), "the end record")
            same_maps(truth, live, found, f"core of {go} {way}")
            named, _ = rows("--core", dump, exe)
            same(named, found, f"{go} {way}: with the program named")
            shutil.rmtree(folder)


@test
def maps_diff_of_cores():
    """A core is the process that it was made of, in --diff: maps are compared by address. Another run is another process, also if its pid is the same."""
    exe = go_build(HERE / "live_maps.go", "live_maps-plain")
    lists = []
    for run in "ab":
        p, _ = program(exe, tmp(f"core-run-{run}"))
        files = [tmp(f"run-{run}-live"), tmp(f"run-{run}-core")]
        maps("-p", p.pid, "--save", files[0])
        maps("--core", abort(p, tmp(f"core-run-{run}")), "--save", files[1])
        lists.append((p.pid, *files))
    (first, live, dead), (second, _, other) = lists
    r = maps("--diff", "--format", "json", live, dead)
    same(json.loads(r.stdout.splitlines()[-1])["same_process"], True, f"a process and its core: {r.stderr}")
    other.write_text(other.read_text().replace(f'"pid":{second},', f'"pid":{first},'))
    r = maps("--diff", "--format", "json", dead, other)
    same(json.loads(r.stdout.splitlines()[-1])["same_process"], False, "cores of two runs")
    check(f"two runs of process {first}: maps are compared by type" in r.stderr, r.stderr)


@test
def maps_of_a_core_of_another_program():
    """A program of another build is refused, and so is its absence. Both build ids are shown."""
    exe = tmp("moved")
    shutil.copy(go_build(HERE / "live_maps.go", "live_maps-plain"), exe)
    other = go_build(HERE / "live_maps.go", "live_maps-stripped", *STRIPPED)
    p, truth = program(exe, tmp("core-other"))
    dump = abort(p, tmp("core-other"))
    moved = tmp("moved-away")
    exe.rename(moved)
    r = maps("--core", dump, code=3)
    check("cannot be opened" in r.stderr and str(exe) in r.stderr and r.stderr.count("\n") == 1, r.stderr)
    found, _ = rows("--core", dump, moved)
    same([a for a in truth if a not in found], [], "maps that were missed")
    shutil.copy(other, exe)
    ids = [subprocess.run([build.CACHE / "go" / options.go / "bin/go", "tool", "buildid", x], text=True, capture_output=True).stdout.strip() for x in (other, moved)]
    for args in ((), (other,)):
        r = maps("--core", dump, *args, code=3)
        check(r.stdout == "" and r.stderr.count("\n") == 1 and "build id" in r.stderr, r.stderr)
        check(all(ids) and all(i in r.stderr for i in ids), f"both build ids: {ids}: {r.stderr}")


@test
def maps_of_a_damaged_core():
    """A core that is cut says so, and one with wrong bytes in its headers, notes and memory ends with an exit code that is meant."""
    exe = go_build(HERE / "live_maps.go", "live_maps-plain")
    p, _ = program(exe, tmp("core-damaged"))
    dump = abort(p, tmp("core-damaged"))
    whole = dump.read_bytes()
    bad = tmp("damaged")
    for part in (0, 10, 100, 2000, 20000, len(whole) // 2, len(whole) - 5000):
        bad.write_bytes(whole[:part])
        r = subprocess.run([options.tophash, "maps", "--core", bad], text=True, capture_output=True, timeout=LONG)
        check(r.returncode in (3, 5), f"cut at {part}: {r.returncode} {r.stderr}")
        check(part < 2000 or "is cut" in r.stderr, f"cut at {part}: {r.stderr}")
    chance = random.Random(options.rounds)
    headers = 64 + 56 * 40 + 16384  # and notes
    for i in range(options.rounds):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 10, 100))):
            at = chance.randrange(headers if i % 2 else len(whole))
            data[at] = chance.choice((0, 255, 1, chance.randrange(256)))
        bad.write_bytes(data)
        r = subprocess.run([options.tophash, "maps", "--core", bad], text=True, capture_output=True, timeout=LONG)
        check(r.returncode in (0, 3, 5), f"round {i}: {r.returncode} {r.stderr}")
        check(r.returncode == 0 or r.stderr.startswith("tophash: "), f"round {i}: {r.stderr}")


@test
def maps_overwrites_nothing_that_it_reads():
    """The core, the program and the lists of --diff stay as they are, by whatever option and link a file is named."""
    exe, core, link = tmp("read-exe"), tmp("read-core"), tmp("read-link")
    shutil.copy(go_build(HERE / "changing_maps.go", "changing_maps"), exe)
    core.write_text("core")
    link.unlink(missing_ok=True)
    p = Program(exe)
    p.line()
    link.symlink_to(exe)
    before = exe.read_bytes()
    for way in (("-o", exe), ("-o", link), ("--save", exe), ("--to", f"pprof:{exe}"), ("--every", "1s", "-o", exe)):
        r = subprocess.run([options.tophash, "maps", "-p", str(p.pid), *way], text=True, capture_output=True, timeout=LONG)
        # Many kernels open no program for writing while it runs.
        check("it is the program" in r.stderr if r.returncode == 2 else "Text file busy" in r.stderr, f"{way}: {r.stderr}")
    p.end()
    for args, file in ((("--core", core), core), (("--core", core, exe), exe), (("--core", core, exe), link)):
        for way in (("-o", file), ("--save", file), ("--to", f"pprof:{file}")):
            r = maps(*args, *way, code=2)
            check(r.stderr.count("\n") == 1 and f"cannot write {file}: it is " in r.stderr, f"{args} {way}: {r.stderr}")
    same((exe.read_bytes() == before, core.read_text()), (True, "core"), "the files are as before")
    r = maps("--diff", core, core, "-o", core, code=2)
    same((r.stderr.count("\n"), core.read_text()), (1, "core"), f"--diff: {r.stderr}")


@test
def maps_refuses_what_is_no_core():
    exe = go_build(HERE / "live_maps.go", "live_maps-plain")
    text = tmp("text")
    text.write_text("no core")
    for args, code, word in ((("--core", text), 3, "no ELF"), (("--core", exe), 3, "no core"), (("--core", "/nowhere"), 3, "/nowhere"),
                             (("--core", "/dev/null"), 3, "/dev/null"), (("--core", exe, "-p", "1"), 2, "-p and --core"),
                             (("--core", exe, exe, "x"), 2, "x")):
        r = maps(*args, code=code)
        check(r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
