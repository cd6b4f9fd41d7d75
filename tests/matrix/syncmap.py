"""Compares the events of sync.Maps with the calls that the program syncmap has written down (tests/targets/syncmap)."""

import json
from collections import defaultdict

import case
import compare
import keys

TYPE = "sync.Map"
INLINED = "the build inlined the method"  # the map of such an event is not known, and in releases before 1.24 its key is not either
INNER = "map[interface {}]*sync.entry"


def is_inlined(event, keyed):
    """keyed: the entry that leaves has the key."""
    return event.get("map") == "0x0" and (event["event"] == "clear" or (keyed and not event.get("key_error")) or has_no_key(event))


def has_no_key(event):
    return event.get("map") == "0x0" and str(event.get("key_error")).startswith(INLINED)


def chained(journal):
    """Returns the values of the keys that may share a hash: those of several types with the same bytes, and those without bytes. Their entries
    are one chain, and it is not known which one leaves from the inside of a chain."""
    types = defaultdict(set)
    for call in journal["calls"]:
        if isinstance(call.get("key"), dict):
            types[json.dumps(call["key"].get("value"))].add(call["key"].get("type"))
    return {v for v, names in types.items() if len(names) > 1 or v in ('""', "[]", "{}")}


def differs(want, got, inlines, keyed, chains=()):
    """Returns how an event differs from a call, or None. inlines: the build may have inlined the methods."""
    kind = "clear" if want["method"] == "Clear" else "delete"
    have = got["event"], got.get("removed"), bool(got.get("panicked"))
    should = kind, want["removed"], bool(want.get("panicked"))
    if have != should:
        return f"(event, removed, panicked) {have}, should be {should}"
    if (got.get("len_before"), got.get("len_after"), got.get("state")) != (None, None, None) or "len_before" not in got:
        return "len_before, len_after, state are not null"
    if not str(got.get("func")).removesuffix("-fm").endswith(")." + want["method"]):
        return f"func {got.get('func')!r}, should be {want['method']}"
    frame = (got.get("stack") or [{}])[0]
    # Without a line, the call may be in a function that the compiler made, such as main.f.deferwrap1.
    func, should = case.plain(frame.get("func")), case.plain(want["func"])
    if func != should and (want["line"] or not func.startswith(should + ".")):
        return f"stack[0] {frame.get('func')!r}, should be {want['func']!r}"
    if want["line"] and frame.get("line") != want["line"]:
        return f"line {frame.get('line')}, should be {want['line']}"
    inlined = inlines and is_inlined(got, keyed)
    if inlined and has_no_key(got) and (not keyed or json.dumps((want["key"] or {}).get("value")) in chains):
        return None
    if not inlined and (not str(got.get("map")).startswith("0x") or got.get("map") == "0x0"):
        return f"map {got.get('map')!r}"
    if kind == "clear" or want.get("panicked"):
        return None
    if got.get("key_error"):
        return f"key_error {got['key_error']!r}"
    return keys.same_key(want["key"], got.get("key"), bool(got.get("key_cut")))


def of_goroutine(journal, events, misses, inlines, keyed):
    want = [c for c in journal["calls"] if c["removed"] or misses]
    if len(want) != len(events):
        yield f"{len(events)} events, should be {len(want)}"
    chains = chained(journal)
    for i, (w, e) in enumerate(zip(want, events)):
        text = differs(w, e, inlines, keyed, chains)
        if text:
            yield f"event {i + 1} of {len(want)}, {w['func']}:{w['line']} {w['method']}({w.get('key')}): {text}"
            return


def compare_report(records, truth, misses, inlines):
    """Returns the differences. With inlines, only the removals are compared: the misses of inlined copies are not seen."""
    events = [r for r in records if r.get("event") in ("delete", "clear")]
    diffs = compare.end_record(records, events) + compare.times(records)
    mine = [e for e in events if e.get("map_type") == TYPE]
    inner = sum(e.get("map_type") == INNER for e in events)
    if inner:
        diffs.append(f"{inner} events of maps in a sync.Map")
    keyed = int(records[0]["go"].split(".")[1]) >= 24
    if inlines:
        misses, mine = False, [e for e in mine if e["removed"]]
        if not any(is_inlined(e, keyed) for e in mine):
            diffs.append("no event of an inlined method: the profile proves nothing")
    by_goid = defaultdict(list)
    for e in sorted(mine, key=lambda e: int(e["time_ns"])):
        by_goid[e["goid"]].append(e)
    for j in truth["journals"]:
        diffs += [f"goroutine {j['goid']}: {d}" for d in of_goroutine(j, by_goid.pop(j["goid"], []), misses, inlines, keyed)]
    # The library may have sync.Maps of its own, but the program does not delete without writing it down.
    diffs += [f"goroutine {g}: {len(es)} events, first {es[0]}" for g, es in by_goid.items() if any(case.is_program(f["func"]) for f in es[0]["stack"])]
    clears = sum(c["method"] == "Clear" for j in truth["journals"] for c in j["calls"])
    end = records[-1]
    if end.get("clears_unknown") != clears or end.get("cleared"):
        diffs.append(f"end record: clears_unknown {end.get('clears_unknown')}, should be {clears}; cleared {end.get('cleared')}")
    return diffs


def note(truth):
    calls = [c for j in truth["journals"] for c in j["calls"]]
    return f"{len(calls)} calls, {sum(c['removed'] for c in calls)} removed, {len(truth['journals'])} goroutines"
