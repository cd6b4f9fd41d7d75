"""tophash trace --holders, --exact-types: maps of events, looked up in the heap. The program (looked_maps.go) knows them."""

import collections
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from harness import HERE, LONG, Program, Skip, check, go_build, options, same, spawn, test, tmp, tophash

import sample
from releases import drawn

STRIPPED = ("-ldflags=-s -w",)
LOOP = "for k := range m {\n\t\tdelete(m, k)\n\t}"


def start(go, *way):
    """Starts the program. Returns it, and what it has written: {address: (type, holder)}."""
    file, source = tmp(f"looked-{go}{len(way)}"), HERE / "looked_maps.go"
    if int(go.split(".")[1]) >= 21:  # what hides a type there
        text = source.read_text()
        check(LOOP in text, f"{source} has no loop")
        source = tmp(f"looked_clear{len(way)}-{go}.go")
        source.write_text(text.replace(LOOP, "clear(m)"))
    p = Program(go_build(source, f"looked{len(way)}", *way, go=go), file)
    same(p.line(), "ready", "the program")
    return p, {addr: (kind, holder) for addr, kind, holder in (x.split("\t") for x in file.read_text().splitlines())}


def is_like(kind, other):
    """Tells whether two names are of one type, or of a type and what is made of it: a map converts from one to the other."""
    return kind == other or {kind, other} == {"main.named", "map[string]*main.pair"}


def to_be_known(truth, go):
    """The maps that a look can see. No Go module has the type of buckets of a classic map that reflect has made."""
    return [addr for addr, (kind, _) in truth.items() if sample.is_swiss(go) or kind != "map[string]main.pair"]


def hop_text(hop):
    kind = hop["kind"]
    if kind == "field":
        return f"{hop['type']}.{hop['name']}"
    if kind == "capture":
        return f"closure {hop['func']}"
    return hop["name"].split("+")[0] if kind == "global" else f"({kind})"  # main.theMade+8: the second word of an interface


def way(event):
    return " <- ".join(hop_text(hop) for hop in event["held_by"]) if event.get("held_by") else None


def watch(pid, enough, *args):
    """Traces until enough(events) is true of the deletes and clears so far. Returns them all, and the end record."""
    p = spawn([options.tophash, "trace", "--format", "json", "-p", pid, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    events, limit, ended = [], time.monotonic() + LONG, False
    for line in p.stdout:
        event = json.loads(line)
        if event["event"] in ("delete", "clear"):
            events.append(event)
            if len(events) % 500 == 0 and not ended:
                ended = enough(events) or time.monotonic() > limit
                if ended:
                    p.send_signal(signal.SIGINT)
        elif event["event"] == "end":
            end = event
    same(p.wait(LONG), 0, f"exit code of trace {args}: {p.stderr.read()}")
    check(enough(events), f"{args}: not enough in {LONG} s: {collections.Counter((x['map'], way(x)) for x in events)}")
    return events, end


def times_known(events, addrs):
    known = collections.Counter(x["map"] for x in events if x.get("looked"))
    return min(known[addr] for addr in addrs)


def check_types(events, truth, what):
    """A type is exact, or that of the runtime, and never another one."""
    for event in events:
        kind, told = truth[event["map"]][0], event.get("map_type_told")
        if told is not None:
            check("go.shape." in told, f"{what}: replaced {event}")
        if "go.shape." in event["map_type"]:
            same(event["looked"], None, f"{what}: a shape after a look: {event}")
        else:
            check(is_like(event["map_type"], kind), f"{what}: {kind}: the type of {event}")


@test
def holders_of_events():
    """Each event of a map that was seen has its exact type and its holder, and no event has another one."""
    for go in drawn("looks"):
        p, truth = start(go)
        events, end = watch(p.pid, lambda x: times_known(x, to_be_known(truth, go)) >= 5, "--holders")
        p.end()
        events = [x for x in events if x["map"] in truth]
        check_types(events, truth, go)
        for event in events:
            check(set(event) >= {"held_by", "looked"}, f"{go}: members of {event}")
            if event["looked"]:
                same(way(event), truth[event["map"]][1], f"{go}: what holds {event}")
            else:
                same(event["held_by"], None, f"{go}: not looked up: {event}")
        check(any("map_type_told" in x for x in events), f"{go}: no shape was replaced")
        check(end["looks"]["done"] >= 1 and end["looks"]["failed"] == 0 and end["looks"]["cpu_ms"] > 0, f"{go}: {end['looks']}")


@test
def types_of_generic_code_are_exact():
    """--exact-types finds the types without the holders, in a stripped program, too. --type then decides by them."""
    for go in drawn("looks"):
        p, truth = start(go, *STRIPPED)
        shapes = {}

        def enough(events):
            for event in events:
                if "looked" in event:
                    shapes[event["map"]] = True
            return len(shapes) >= 3 and times_known(events, shapes) >= 5

        events, _ = watch(p.pid, enough, "--exact-types")
        events = [x for x in events if x["map"] in truth]
        check_types(events, truth, go)
        check(not any("held_by" in x for x in events), f"{go}: held_by without --holders")
        check(any("looked" not in x for x in events), f"{go}: types that the runtime tells need no look")
        kind = "map[main.id]string"
        events, end = watch(p.pid, lambda x: times_known(x, [a for a in truth if truth[a][0] == kind]) >= 5, "--exact-types", "--type", kind)
        p.end()
        check_types(events, truth, f"{go} --type")
        others = {truth[x["map"]][0] for x in events if x["looked"]} - {kind}
        same(others, set(), f"{go}: --type {kind} shows others")
        check(end["filtered"] > 0, f"{go}: nothing was filtered")


@test
def addresses_that_are_used_again():
    """Maps of two kinds take the addresses of each other. None gets what was known of the other."""
    holder = {"a": "main.coming.a <- main.theComing", "b": "main.coming.b <- main.theComing"}

    def coming(events):
        return [x for x in events if x.get("key") in holder]

    def enough(events):
        mine = coming(events)
        kinds = collections.defaultdict(set)
        for event in mine:
            kinds[event["map"]].add(event["key"])
        return any(len(x) == 2 for x in kinds.values()) and all(
            sum(1 for x in mine if x["looked"] and x["key"] == key) >= 10 for key in holder)

    for go in drawn("looks"):
        p, _ = start(go)
        events, _ = watch(p.pid, enough, "--holders")
        p.end()
        for event in coming(events):
            if event["looked"]:
                same(way(event), holder[event["key"]], f"{go}: what holds {event}")


@test
def copies_that_have_the_seed_of_the_original():
    """maps.Clone copies the seed. A copy that takes the address of another map does not get its holder."""
    for go in drawn("looks", oldest=21):
        p = Program(go_build(HERE / "clones.go", "clones", go=go))
        same(p.line(), "ready", "the program")

        def enough(events):
            known = collections.Counter((x["map"], x["key"]) for x in events if x.get("looked"))
            shared = {addr for addr, _ in known if known[addr, "live"] and known[addr, "snap"]}
            return len(shared) >= 1 and sum(known.values()) >= 500

        events, _ = watch(p.pid, enough, "--holders")
        p.end()
        wrong = [x for x in events if x["looked"] and way(x) != f"main.{x['key']}"]
        check(not wrong, f"{go}: {len(wrong)} of {len(events)} events have the holder of another map: {wrong[:1]}")


@test
def memory_that_is_never_served():
    """A look that cannot end, because the program does not serve its userfaultfd, does not hold up the end of the trace."""
    p = Program(go_build(HERE / "unserved", "unserved"), "heap")
    line = p.line()
    if line != "ready":
        p.end()
        raise Skip(line)
    r = tophash("-p", p.pid, "--holders", "--duration", "2s", "--format", "json")
    p.end()
    same(r.code, 0, r.err)
    looks = [x for x in map(json.loads, r.out.splitlines()) if x["event"] == "end"][0]["looks"]
    same(looks["done"], 0, "looks that have ended")


def open_files(pid, path):
    """Returns how many descriptors of a process are open files with this name."""
    n = 0
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            n += os.readlink(fd) == path
        except FileNotFoundError:  # closed meanwhile
            pass
    return n


@test
def more_processes_than_are_looked_at():
    """With room for two, the maps of a third process are not looked up. It is told, and its events are counted. No file stays open for looks."""
    programs = [start(options.go)[0] for _ in range(3)]
    pids = ",".join(str(p.pid) for p in programs)
    exe = os.readlink(f"/proc/{programs[0].pid}/exe")
    events, files = [], {}
    for way in ([], ["--holders"]):
        t = spawn([options.tophash, "trace", "-p", pids, "--format", "json", *way], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                  env={**os.environ, "TOPHASH_LOOKS_MAX": "2"})
        looked, seen = set(), set()
        next_s, end_s = 0, 0
        for line in t.stdout:
            event = json.loads(line)
            if event["event"] == "end":
                end = event
            if event["event"] not in ("delete", "clear"):
                continue
            seen.add(event["pid"])
            if way:
                events.append(event)
            if event.get("looked"):
                looked.add(event["pid"])
            if len(seen) == 3 and len(looked) == (2 if way else 0) and len(way) not in files and time.monotonic() >= next_s and t.poll() is None:
                n, next_s = open_files(t.pid, exe), time.monotonic() + 0.01
                end_s = end_s or time.monotonic() + LONG
                if way and n != files[0] and time.monotonic() < end_s:  # a look opens them for a moment
                    continue
                files[len(way)] = n
                t.send_signal(signal.SIGINT)
        same(t.wait(LONG), 0, "exit code")
    err = t.stderr.read()
    same(err.count("too many processes have events"), 1, err)
    unseen = [x for x in events if x["pid"] not in looked]
    same(len({x["pid"] for x in unseen}), 1, "processes that were not looked at")
    same(end["looks"]["no_room"], len(unseen), f"events without room: {end}")
    same(files[1], files[0], "descriptors of the program")
    for p in programs:
        p.end()


@test
def holders_in_tables_and_text():
    p, truth = start(options.go)
    events, _ = watch(p.pid, lambda x: times_known(x, to_be_known(truth, options.go)) >= 1, "--holders")
    r = tophash("-p", p.pid, "--holders", "--summary=map", "--duration", "2s", "--format", "json")
    same(r.code, 0, r.err)
    rows = [x for x in map(json.loads, r.out.splitlines()) if x["event"] == "summary"]
    check({x["map"] for x in rows} >= set(truth), "maps in the table")
    for row in rows:
        check(set(row) >= {"held_by", "looked"}, f"members of {row}")
        if row["map"] in truth and row["looked"]:
            kind, holder = truth[row["map"]]
            check(is_like(row["map_type"], kind), f"{kind}: the type of {row}")
            same(way(row), holder, f"what holds {row}")
    r = tophash("-p", p.pid, "--holders", "--summary=map", "--duration", "2s")
    check("held by main.theQueue" in r.out or "held by ?" in r.out, r.out)
    r = tophash("-p", p.pid, "--holders", "--limit", "300")
    check(r.out.count("\n      held by ") >= 300, r.out[-2000:])
    r = tophash("-p", p.pid, "--limit", "30")
    check("held by" not in r.out, "without --holders")
    p.end()


@test
def looks_that_do_nothing_are_refused():
    for args, text in [
        (["--look-every", "1s"], "use it with --holders or --exact-types"),
        (["--holders", "--summary"], "use it with --summary=map"),
        (["--holders", "--summary=type"], "--exact-types finds the types alone"),
        (["--exact-types", "--summary=site"], "does nothing for a table without types"),
    ]:
        r = tophash("-p", "1", *args)
        same((r.code, text in r.err), (2, True), f"{args}: {r.err}")


@test
def looks_end_with_the_trace():
    """A look that is under way does not hold up the end, nor does a process that ends or executes something else."""
    for go in drawn("looks"):
        p, _ = start(go)
        for _ in range(5):
            r = tophash("-p", p.pid, "--holders", "--limit", "1")
            same(r.code, 0, r.err)
        t = spawn([options.tophash, "trace", "-p", p.pid, "--holders", "--format", "json", "--look-every", "1ms"], stdout=subprocess.PIPE, text=True)
        for line in t.stdout:
            if '"looked":"' in line:
                break
        p.p.kill()
        rest = t.stdout.read()
        same(t.wait(LONG), 0, "exit code")
        check('"event":"exit"' in rest and '"signal":9' in rest, rest[-500:])
