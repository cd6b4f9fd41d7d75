"""tophash maps --holders: what holds each map. The program (held/) knows it. It runs plain and stripped."""

import json
import subprocess

from harness import HERE, LONG, Program, Skip, check, go_build, options, same, test, tmp

import build
import sample

PLAIN, STRIPPED = (), ("-ldflags=-s -w",)
UNKNOWN = ("unknown", "map")


def releases():
    """Returns two releases for `make test`, of which one is classic, and all of them for the long tier."""
    there = [v for v in build.VERSIONS if (build.CACHE / "go" / v / "bin/go").exists()]
    if not there:
        raise Skip("no Go in the cache (tools/go-toolchains)")
    if options.rounds >= 200:
        return there
    kinds = [[v for v in there if sample.is_swiss(v) == swiss] for swiss in (False, True)]
    return [go for kind in kinds for go in sample.some(sample.today(), "holders", kind, 1)]


def maps(*args, code=0):
    r = subprocess.run([options.tophash, "maps", *map(str, args)], text=True, capture_output=True, timeout=LONG)
    same(r.returncode, code, f"exit code of maps {args}: {r.stderr[-300:]}")
    return r


def lines(*args):
    return [json.loads(line) for line in maps("--format", "json", *args).stdout.splitlines()]


def start(way, go):
    """Starts the program. Returns it, and what it has written: {address: (case, type, hops)}. Of two maps at one address, one is dead."""
    file = tmp(f"held-{go}")
    p = Program(go_build(HERE / "held", f"held-{'stripped' if way else 'plain'}", *way, go=go), file)
    same(p.line(), "ready", "the program")
    rows = [line.split("\t") for line in file.read_text().splitlines()]
    return p, {addr: (case, kind, hops.split("|")) for case, addr, kind, hops in rows}


def hop_text(hop):
    """Writes a hop as the program does."""
    marks = [mark for mark in ("interface", "repeated") if hop.get(mark)]
    return " ".join([*marks, hop["kind"], *(str(hop[x]) for x in ("type", "name", "func") if x in hop)])


def is_root(hop, root, stripped):
    if not root.split()[-2:][0] == "global":
        return hop_text(hop) == root
    if stripped:  # the functions that use it
        return hop["kind"] == "global" and set(hop.get("used_by", [])) & {"main.build", "main.main"}
    return hop["kind"] == "global" and hop["name"].split("+")[0] == root.split()[-1]


def is_part(hops, whole):
    """Tells whether hops that are known are hops of the truth, in its order."""
    rest = iter(whole)
    return all(any(hop == other for other in rest) for hop in hops if hop.split()[-1] not in UNKNOWN and hop.split()[0] != "map")


@test
def holders_of_every_map():
    """The root is always right, and no hop is wrong. Where the types are known, every hop has its name."""
    for go in releases():
        for way in (PLAIN, STRIPPED):
            p, truth = start(way, go)
            found = {x["map"]: x for x in lines("--holders", "-p", p.pid) if x["event"] == "map"}
            p.end()
            exact, cases = set(), {case for case, _, _ in truth.values()}
            for addr, (case, kind, hops) in truth.items():
                what = f"{go} {way}: {case} {addr} {kind} held by {hops}: "
                if hops == ["nothing"]:
                    check(addr not in found, f"{what}it is listed: {found.get(addr)}")
                    continue
                if addr not in found:  # nothing tells that it is a map
                    check(not sample.is_swiss(go), f"{what}it is missing")
                    continue
                held = found[addr]["held_by"]
                texts = [hop_text(hop) for hop in held]
                check(is_root(held[-1], hops[-1], way), f"{what}root {held[-1]}")
                check(is_part(texts[:-1], hops[:-1]), f"{what}{texts}")
                if texts[:-1] == hops[:-1]:
                    exact.add(case)
            known = {"global", "map value", "inline value", "map key", "closure", "interface", "named interface", "field of interface", "one of many"}
            same((known if sample.is_swiss(go) else {"interface", "named interface", "global"}) - exact, set(), f"{go} {way}: cases that are not named")
            check("weak" not in cases or "weak" not in exact, "the weak one")


@test
def holders_are_shown_in_text():
    p, truth = start(PLAIN, options.go)
    text = maps("--holders", "-p", p.pid).stdout.splitlines()
    check("HELD BY" in text[0], f"headings: {text[0]}")
    by_map = {word: line for line in text[1:] for word in line.split() if word.startswith("0x")}
    addr = next(a for a, (case, _, _) in truth.items() if case == "inline value")
    check("main.elem.m <- (map value) <- main.gInline" in by_map[addr], by_map[addr])
    addr = next(a for a, (case, _, _) in truth.items() if case == "stack")
    check(" in main.worker, maybe stale" in by_map[addr] and "stack of goroutine " in by_map[addr], by_map[addr])
    check("HELD BY" not in maps("-p", p.pid).stdout and "held_by" not in maps("-p", p.pid, "--format", "json").stdout, "without --holders")
    p.end()
