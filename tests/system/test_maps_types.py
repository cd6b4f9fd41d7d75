"""Tests of maps: types that are not known, and what a program's own maps are for."""

import collections
import json

from harness import HERE, check, go_build, same, test

import sample
from releases import releases
from test_maps import STRIPPED, maps, rows, truth_of


@test
def maps_candidates_of_a_type():
    """Maps behind an unsafe.Pointer: at most three types fit, and the right one is always among them. Layouts that only one or two types have
    give exactly these."""
    expected = {"main.left": ["main.left", "main.right"], "main.right": ["main.left", "main.right"], "main.one": ["main.one"], "main.only": ["main.only"],
                "main.pointers": ["main.pointers"], "main.numbers": ["main.numbers"]}
    for go in releases():
        p, truth = truth_of(go_build(HERE / "untyped_maps.go", "untyped_maps", *STRIPPED, go=go), f"untyped-{go}")
        found, end = rows("-p", p.pid)
        for addr, (kind, n) in truth.items():
            m, what = found[addr], f"{go}: {kind} of {n}"
            same((m["len"], m["map_type"] in (None, kind)), (n, True), f"{what}: {m}")
            check(m["map_type"] or "candidates" not in m or kind in m["candidates"], f"{what}: {m}")
            if not m["map_type"] and kind in expected:
                named = sorted(x for x in m.get("candidates", []) if x.startswith("main."))  # some releases have the types without a name, too
                same(named, expected[kind], f"{what}: {m}")
        unknown = [found[a] for a, (kind, _) in truth.items() if not found[a]["map_type"]]
        check(len([m for m in unknown if "candidates" in m]) >= 8, f"{go}: {len(unknown)} maps of {len(truth)} have no type: {unknown}")
        check(all(1 <= len(m["candidates"]) <= 3 for m in found.values() if "candidates" in m), f"{go}: numbers of candidates")
        same([m for m in found.values() if m["map_type"] and "candidates" in m], [], f"{go}: a map with a type has no candidates")
        addr = next(a for a, (kind, n) in truth.items() if (kind, n) == ("main.left", 8) and not found[a]["map_type"])
        told = " or ".join(found[addr]["candidates"])
        check(f"? {told} " in maps("-p", p.pid).stdout, f"{go}: the list as text")
        check(f"these fit: {told}\n" in maps("-p", p.pid, "--map", addr).stdout, f"{go}: --map")
        p.end()


@test
def maps_are_marked():
    """Each release: maps to which no globals but sync.Pools lead (one is on a stack, too), the maps of a sync.Map (up to Go 1.23), those of the runtime, and the program's own."""
    for go in releases():
        p, truth = truth_of(go_build(HERE / "marked_maps.go", "marked_maps", *STRIPPED, go=go), f"marked-{go}")
        found, _ = rows("-p", p.pid)
        told = {a: (", ".join(found[a].get("marks", [])) or "none", found[a]["len"]) if a in found else None for a in truth}
        same({a: (t, told[a]) for a, t in truth.items() if told[a] != t}, {}, f"{go}: marks and lengths of {len(truth)} maps, the truth first")
        same({kind for kind, _ in truth.values()}, {"none", "sync.Pool"} | (set() if sample.is_swiss(go) else {"sync.Map"}), f"{go}: kinds of maps in the program")
        pools = [m for m in found.values() if "sync.Pool" in m.get("marks", [])]
        same(len(pools), sum(kind == "sync.Pool" for kind, _ in truth.values()), f"{go}: maps in pools: {pools}")
        own = {m["map_type"] for m in found.values() if "runtime" in m.get("marks", [])}
        check("map[string]*pprof.Profile" in own, f"{go}: maps of the runtime: {own}")
        lines = [json.loads(x) for x in maps("-p", p.pid, "--by", "mark", "--format", "json").stdout.splitlines()]
        sums = collections.Counter(", ".join(m.get("marks", [])) or "none" for m in found.values())
        same({x["mark"]: x["maps"] for x in lines[:-1]}, dict(sums), f"{go}: --by mark")
        text = maps("-p", p.pid).stdout
        check("no global but a sync.Pool\n" in text and "the runtime's own\n" in text, f"{go}: the list as text: {text[:2000]}")
        addr = next(a for a, t in truth.items() if t == ("sync.Pool", 30))
        check("no global but a sync.Pool\n" in maps("-p", p.pid, "--map", addr).stdout, f"{go}: --map")
        held, _ = rows("-p", p.pid, "--holders")
        same([held[a] for a, t in truth.items() if not held[a]["held_by"]], [], f"{go}: maps that nothing holds")
        p.end()
