"""Tests of maps: every live map of a program that knows them, with its length and its type, and none that was dropped."""

import json
import re
import subprocess
import time
from pathlib import Path

from harness import HERE, REPO, check, go_build, LONG, options, Program, same, Skip, spawn, target, test, tmp

import build
import sample
import test_modules
from releases import releases

PLAIN, STRIPPED, PIE = (), ("-ldflags=-s -w",), ("-buildmode=pie", "-ldflags=-s -w")


def maps(*args, code=0):
    r = subprocess.run([options.tophash, "maps", *map(str, args)], text=True, capture_output=True, timeout=LONG)
    same(r.returncode, code, f"exit code of maps {args}: {r.stderr[-300:]}")
    return r


def rows(*args):
    """Returns the maps by address, and the end record."""
    lines = [json.loads(line) for line in maps("--format", "json", *args).stdout.splitlines()]
    same((lines[-1]["event"], {x["event"] for x in lines[:-1]} - {"map"}), ("end", set()), "events")
    return {x["map"]: x for x in lines[:-1]}, lines[-1]


def truth_of(exe, name):
    """Starts the program. Returns it, and what it has written: {address: (type, length)}."""
    file = tmp(name)
    p = Program(exe, file)
    same(p.line(), "ready", "the program")
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    return p, {addr: (kind, int(n)) for kind, addr, n in lines}


def compare(truth, found):
    missed = {a: t for a, t in truth.items() if a not in found}
    lengths = {a: (t, found[a]["len"]) for a, t in truth.items() if a in found and found[a]["len"] != t[1]}
    types = {a: (t, found[a]["map_type"]) for a, t in truth.items() if a in found and found[a]["map_type"] not in (None, t[0])}
    same((missed, lengths, types), ({}, {}, {}), "maps that were missed, wrong lengths, wrong types")
    dead = [m for m in found.values() if m["map_type"] == "map[string]*main.garbage"]
    same(dead, [], "maps that were dropped")


@test
def maps_lists_every_live_map():
    """Each release: no map is missed, none is dead, no type is wrong, and nearly all types are known."""
    long = options.rounds >= 200
    for go in releases():
        ways = {"plain": PLAIN, "stripped": STRIPPED}
        if long or go == options.go:  # Go's own packages are built again for it
            ways["pie"] = PIE
        for way, args in ways.items():
            exe = go_build(HERE / "live_maps.go", f"live_maps-{way}", *args, go=go)
            p, truth = truth_of(exe, f"truth-{go}-{way}")
            found, end = rows("-p", p.pid)
            p.end()
            compare(truth, found)
            known = sum(1 for a in truth if found[a]["map_type"])
            check(known >= len(truth) * 0.98, f"{go} {way}: the types of {known} of {len(truth)} maps are known")
            kept = [m for a, m in found.items() if m["stack_only"] and a in truth]
            same([truth[m["map"]] for m in kept], [("map[int]float64", 40)], f"{go} {way}: maps that only a stack holds")
            check(len(found) - len(truth) < 12, f"{go} {way}: {len(found)} maps, and the program made {len(truth)}")
            same((end["pid"], end["maps"], end["bytes"]), (p.pid, len(found), sum(m["bytes"] for m in found.values())), "totals")


@test
def maps_that_queued_finalizers_hold():
    """Each release: finalizers that wait, and since 1.24 cleanups, keep their maps, and the list has them with their types and what holds them."""
    for go in releases():
        minor = int(go.split(".")[1])
        for way, args in (("plain", PLAIN), ("stripped", STRIPPED)) if go == options.go else (("stripped", STRIPPED),):
            p, truth = truth_of(go_build(HERE / "queued", f"queued-{way}", *args, go=go), f"truth-queued-{go}-{way}")
            same(len(truth), 256 + 51 * (minor >= 24), f"{go}: maps of the program")
            r = maps("-p", p.pid, "--format", "json", "--holders")
            found = {x["map"]: x for x in map(json.loads, r.stdout.splitlines()) if x["event"] == "map"}
            compare(truth, found)
            check("queue of finalizers" not in r.stderr, f"{go} {way}: {r.stderr}")
            roots = {}
            for addr, (kind, n) in truth.items():
                if found[addr]["held_by"]:
                    roots.setdefault((kind, found[addr]["held_by"][-1]["kind"]), []).append(n)
            same(sorted(roots[("map[int]uint16", "finalizer queue")]), list(range(1, 251)), f"{go} {way}: maps of finalizers")
            same(len(roots[("map[string]uint32", "finalizer queue")]), 5, f"{go} {way}: captured maps")
            if minor >= 24:
                same((sorted(roots[("map[int]uint64", "finalizer queue")]), roots[("map[int]uint64", "cleanup")]), (list(range(1, 51)), [300]), f"{go} {way}: cleanups")
            typed = sum(1 for a in truth if found[a]["map_type"])
            check(typed >= 250, f"{go} {way}: types of {typed} of {len(truth)} maps are known")
            p.end()


@test
def maps_are_typed_by_the_code():
    """Maps behind global variables and closures, which no interface and no header of an array names. A generic closure tells the shape."""
    for go in releases():
        ways = {"stripped": STRIPPED, "plain": PLAIN} if go == options.go else {"stripped": STRIPPED}
        for way, args in ways.items():
            p, truth = truth_of(go_build(HERE / "typed_maps.go", f"typed_maps-{way}", *args, go=go), f"typed-{go}-{way}")
            found, _ = rows("-p", p.pid)
            p.end()
            types = {a: (kind, re.sub(r"go\.shape\.(\w+?)(_\d+)?\]", r"\1]", str(found[a]["map_type"]))) for a, (kind, _) in truth.items()}
            wrong = {a: t for a, t in types.items() if t[1] != t[0]}
            same(wrong, {}, f"{go} {way}: maps, of {len(truth)}, whose types are not known or wrong")


@test
def maps_messages_tell_what_to_do():
    """Words and options that do not go together: one line, which says what to do, and names what is wrong."""
    exe = go_build(HERE / "live_maps.go", "live_maps-plain")
    remedy = re.compile(r": (leave|add|name|use|one file|try|one of them|one process|a program)|leave |[Nn]ame |--add|make | with --| add --")
    cases = ((("a", "b"), '"a"'), (("4711",), '"4711"'), (("-p", "1", "b"), '"b"'), (("--core", exe, exe, "x"), '"x": --core takes one BINARY'), (("-p", "1", "--core", exe), "-p and --core"),
             (("-p", "1", "--stop", "--map", "0x10"), "--stop and --map"), (("-p", "1", "--stop", "--every", "1s"), "--stop and --every"), (("--core", exe, "--stop"), "--stop and --core"),
             (("-p", "1", "--max-stop", "1s"), "--max-stop"), (("-p", "1", "--count", "3"), "--count"), (("-p", "1", "--save", "/tmp/x", "--to", "pprof:/tmp/y"), "--save and --to"),
             (("-p", "1", "--save", "/tmp/x", "--top", "3"), "--save"), (("--diff", "x"), "--diff"), (("--diff", "x", "y", "--holders"), "--diff"), (("-p", "1", "--map", "1", "--top", "1"), "--map"),
             (("-p", "1", "--map", "1", "--entries", "1", "--key", "1"), "--key"), (("-p", "1", "--who-holds", "1", "--top", "1"), "leave out --top"),
             (("-p", "1", "--who-holds", "1", "--sort", "len"), "leave out --sort"), ((), "-p"))
    for args, word in cases:
        r = maps(*args, code=2)
        check(r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr and remedy.search(r.stderr), f"{args}: {r.stderr}")
    text = tmp("no-core")
    text.write_text("no core")
    for args in (("--core", text), ("--core", exe), ("--diff", text, text)):
        r = maps(*args, code=3)
        check(r.stderr.count("\n") == 1 and remedy.search(r.stderr), f"{args}: {r.stderr}")


@test
def maps_of_plugins():
    """The types of a plugin are known, by values of interfaces. A library has a heap of its own, and a message names it."""
    for go in releases() if options.rounds >= 200 else [options.go]:
        p = Program(test_modules.host(go), test_modules.plugin(go))
        same((p.line(), p.ask("plugin 5")), ("ready", "done"), f"{go}: the program")
        found, end = rows("-p", p.pid)
        types = {m["map_type"]: (m["len"], m["package"]) for m in found.values()}
        check({"map[main.Conn]int8", "map[int32]main.Conn"} <= set(types), f"{go}: types {sorted(map(str, types))}")
        same((types["map[main.Conn]int8"][0], types["map[int32]main.Conn"][0], "libraries_unread" in end), (2, 1, False), f"{go}: lengths")
        check(all(package for _, package in (types["map[main.Conn]int8"], types["map[int32]main.Conn"])), f"{go}: packages {types}")
        p.end()
    p = Program(go_build(HERE / "modules/loads.go", "loads", CGO_ENABLED="1"), test_modules.library())
    same(p.line(), "ready", "the program")
    r = maps("-p", p.pid, "--format", "json")
    check("is a Go library with a heap of its own, which is not read" in r.stderr and "library.so" in r.stderr, r.stderr)
    same(json.loads(r.stdout.splitlines()[-1])["libraries_unread"], 1, "libraries")
    p.end()


@test
def maps_knows_the_sizes_of_objects():
    """A size class that is missing, or that Go does not have, makes maps of one size have no type. Go's are in its own source."""
    ours = re.search(r"classes\[\] = \{(.*?)\}", (REPO / "scope/live/heap/sizes.c").read_text(), re.S).group(1)
    for go in releases():
        src = build.CACHE / "go" / go / "src"
        file = next(f for f in (src / "internal/runtime/gc/sizeclasses.go", src / "runtime/sizeclasses.go") if f.exists())
        theirs = re.search(r"(?:class_to_size|SizeClassToSize)\b.*\{0, (.*)\}", file.read_text()).group(1)
        same(re.findall(r"\d+", ours), re.findall(r"\d+", theirs), f"{go}: size classes")


@test
def maps_are_measured():
    """Capacity, bytes and waste of maps whose memory is known by calculation."""
    for go in releases():
        exe = go_build(HERE / "live_maps.go", "live_maps-plain", go=go)
        p, truth = truth_of(exe, f"measured-{go}")
        found, _ = rows("-p", p.pid)
        p.end()
        swiss = sample.is_swiss(go)
        ints = next(m for a, m in found.items() if truth.get(a) == ("map[int]int", 1000))
        # A group has 8 + 8 * 16 bytes. A bucket has 8 more, and an eighth and a sixteenth of 256 buckets are allocated in advance.
        same(ints["capacity"], 2048, f"{go}: capacity of map[int]int")
        least = 48 + (2048 // 8) * (136 if swiss else 144)
        check(least <= ints["bytes"] <= least * 1.2, f"{go}: map[int]int holds {ints['bytes']} bytes, at least {least}")
        for m in found.values():
            check(m["waste"] < m["bytes"] and m["len"] <= m["capacity"] or m["growing"] or m["overflow"], f"{go}: {m}")
        emptied = [m for a, m in found.items() if truth.get(a, ("", 0))[0] == "map[int]string" and truth[a][1] == 40]
        same(len(emptied), 1, "the map that was emptied")
        check(emptied[0]["waste"] > emptied[0]["bytes"] / 2, f"{go}: 40 of 400 are left: {emptied[0]}")


@test
def maps_of_a_program_that_changes():
    """The program deletes and inserts all the time. Its map is found each time, with a length that it had."""
    p = spawn([target("busy"), "-seconds", "60"], stdout=subprocess.DEVNULL)
    end = time.monotonic() + LONG
    while not any(m["capacity"] >= 1000 and m["len"] for m in rows("-p", p.pid)[0].values()):
        check(time.monotonic() < end, "the program has no map")
    for _ in range(10):
        found, end = rows("-p", p.pid)
        lengths = [m["len"] for m in found.values() if m["capacity"] >= 1000]
        # Words that the program has left behind on its stack may hold those that it made and does not use.
        check(1 <= len(lengths) <= 3 and max(lengths) <= 1000, f"its map of up to 1,000 elements: {lengths}, {end}")
    check(p.poll() is None, "the program has ended")


@test
def maps_limits_are_told():
    """With fewer and fewer steps, maps and types are missing, and the list says so. With enough of them it does not."""
    reader = REPO / "build/tests/unit/heap_hostile"
    if not reader.exists():
        raise Skip(f"{reader.name} is not built (make check)")
    for go in releases() if options.rounds >= 200 else [releases()[0], options.go]:
        p, truth = truth_of(go_build(HERE / "live_maps.go", "live_maps-plain", go=go), f"limits-{go}")
        r = subprocess.run([str(reader), str(p.pid)], text=True, capture_output=True, timeout=LONG)
        p.end()
        lines = [tuple(map(int, line.split())) for line in r.stdout.splitlines()]
        same((r.returncode, len(lines)), (0, 6), f"{go}: {r.stderr}")
        same(lines[0][2:], (0, 0, 0, 0), f"{go}: nothing is given up")
        same(lines[-1][3:], (1, 1, 1), f"{go}: with 8 steps: {lines}")
        check(any(0 < cut < found for found, _, cut, *_ in lines), f"{go}: ways that are cut: {lines}")
        check(lines[-1][1] < lines[0][1], f"{go}: maps, those with a type, what was given up: {lines}")


@test
def maps_of_a_heap_that_lies():
    """Words of the program's memory are wrong, up to one in 16, in each round others. Reading always ends, without a crash."""
    reader = REPO / "build/tests/unit/heap_hostile"
    if not reader.exists():
        raise Skip(f"{reader.name} is not built (make check)")
    for go in releases():
        p, _ = truth_of(go_build(HERE / "live_maps.go", "live_maps-plain", go=go), f"lies-{go}")
        r = subprocess.run([str(reader), str(p.pid), str(options.rounds), str(options.rounds * 2)], text=True, capture_output=True, timeout=LONG * 4)
        same((r.returncode, r.stderr), (0, ""), f"{go}: {r.stdout}")
        p.end()


@test
def maps_shows_what_is_asked_for():
    exe = go_build(HERE / "live_maps.go", "live_maps-plain")
    p, truth = truth_of(exe, "truth-options")
    found, _ = rows("-p", p.pid, "--type", "map[string]int")
    same({m["map_type"] for m in found.values()}, {"map[string]int"}, "--type")
    lines = [json.loads(x) for x in maps("-p", p.pid, "--sort", "len", "--top", "5", "--format", "json").stdout.splitlines()]
    same([x["len"] for x in lines[:-1]], sorted((n for _, n in truth.values()), reverse=True)[:5], "--sort len --top 5")
    small, _ = rows("-p", p.pid, "--min-bytes", "4k")
    check(small and all(m["bytes"] >= 4096 for m in small.values()), "--min-bytes")
    r = maps("-p", p.pid, "--top", "3")
    same([line.split()[:3] for line in r.stdout.splitlines()[:1]], [["BYTES", "WASTE", "LEN"]], "headings")
    check("maps," in r.stderr and "the type of" in r.stderr, f"totals: {r.stderr}")
    same(maps("-q", "-p", p.pid).stderr, "", "-q")
    p.end()


def groups(*args):
    lines = [json.loads(line) for line in maps("--format", "json", *args).stdout.splitlines()]
    same((lines[-1]["event"], {x["event"] for x in lines[:-1]}), ("end", {"group"}), "events")
    return lines[:-1], lines[-1]


def added(found, member):
    """Returns, by a member of the maps, their number, bytes, waste, elements and slots."""
    sums = {}
    for m in found.values():
        of = sums.setdefault(m[member], [0] * 5)
        for i, n in enumerate((1, m["bytes"], m["waste"], m["len"], m["capacity"])):
            of[i] += n
    return sums


@test
def maps_in_groups():
    """Each release: the groups are what the list adds up to, and a type with a name has the path of its package."""
    for go in releases():
        exe = go_build(HERE / "live_maps.go", "live_maps-stripped", *STRIPPED, go=go)
        p, _ = truth_of(exe, f"truth-groups-{go}")
        found, end = rows("-p", p.pid)
        for by, member in (("type", "map_type"), ("package", "package")):
            lines, totals = groups("-p", p.pid, "--by", by)
            made = {x[member]: [x[k] for k in ("maps", "bytes", "waste", "len", "capacity")] for x in lines}
            if by == "type":
                same(made, added(found, member), f"{go}: groups by {by}")
            else:  # maps whose types have no package are where they are held (test_holders.py)
                same([sum(x) for x in zip(*made.values())], [sum(x) for x in zip(*added(found, member).values())], f"{go}: sums of groups by {by}")
                less = {k: x for k, x in added(found, member).items() if k and made[k] < x}
                same(less, {}, f"{go}: packages that have fewer maps than types of theirs, of {made}")
            same([x["waste"] for x in lines], sorted((x["waste"] for x in lines), reverse=True), f"{go}: order by waste")
            same((totals["maps"], totals["bytes"]), (end["maps"], end["bytes"]), f"{go}: totals")
        packages = {(m["map_type"], m["package"]) for m in found.values()}
        for kind, package in (("main.named", "main"), ("url.Values", "net/url"), ("map[int]main.pair", "main"), ("map[string]int", None)):
            check((kind, package) in packages, f"{go}: the package of {kind}: {sorted(x for x in packages if x[0] == kind)}")
        wrong = [x for x in packages if x[0] and "main." in x[0] and x[1] != "main"]
        same(wrong, [], f"{go}: types of main")
        few, _ = groups("-p", p.pid, "--by", "type", "--type", "map[string]*", "--top", "2", "--sort", "maps")
        most = {kind: sum(m["map_type"] == kind for m in found.values()) for kind in ("map[string]int", "map[string]bool")}
        same({x["map_type"]: x["maps"] for x in few}, most, f"{go}: --type, --top, --sort maps")
        text = maps("-p", p.pid, "--by", "package").stdout.splitlines()
        same((text[0].split(), len(text) - 1), (["MAPS", "BYTES", "WASTE", "LEN", "CAPACITY", "LOAD", "PACKAGE"], len(made)), "text")
        p.end()


@test
def maps_gives_up_its_rights():
    """While it writes, it has the right to read processes and no other one, and can neither write to one nor execute a program. If the program has
    debug information, it also has the right with which its child ends."""
    for way, args, more in (("plain", PLAIN, 1 << 5), ("stripped", STRIPPED, 0)):
        p, _ = truth_of(go_build(HERE / "live_maps.go", f"live_maps-{way}", *args), f"truth-rights-{way}")
        reader = spawn([options.tophash, "maps", "--format", "json", "-p", p.pid], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        first = reader.stdout.readline()  # the rest does not fit into the pipe
        status = dict(x.split(":\t", 1) for x in Path(f"/proc/{reader.pid}/status").read_text().splitlines())
        same([int(status[x], 16) for x in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [1 << 19 | more, 1 << 19 | more, 0, 0], f"{way}: capabilities")
        same((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "no new privileges, a filter of calls")
        same(len((first + reader.stdout.read()).splitlines()), int(json.loads(maps("--format", "json", "-p", p.pid).stdout.splitlines()[-1])["maps"]) + 1, "lines")
        p.end()


@test
def maps_refuses():
    other = spawn(["sleep", "1000"])
    for args, code, word in (((), 2, "-p"), (("-p", other.pid), 3, "Go"), (("-p", 999999999), 3, "999999999"), (("x", "-p", 1), 2, "-p"),
                             (("-p", 1, "--sort", "maps"), 2, "--by"), (("-p", 1, "--by", "type", "--sort", "map"), 2, "maps"), (("-p", 1, "--by", "x"), 2, "package")):
        r = subprocess.run([options.tophash, "maps", *map(str, args)], text=True, capture_output=True, timeout=LONG)
        check(r.returncode == code and r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.returncode} {r.stderr}")
