"""Tests of maps: types that are not known, and what a program's own maps are for."""

from harness import HERE, check, go_build, same, test

from test_maps import STRIPPED, maps, releases, rows, truth_of


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
