"""Judges the report of tests/targets/moving, whose pages cannot be read again and again. Every delete is there. An event tells what is missing
in it, and nothing else is."""

import re

import case
import compare

PLACES = {
    ("delete", "map[string]int"): "main.remove",
    ("delete", "map[int]int"): "main.removeInt",
    ("clear", "map[int]int"): "main.wipe",
}
CALLERS = ["main.work", "main.main", "runtime.main"]


def one(e):
    """Returns what is wrong in an event, or None."""
    kind = e["event"], e["map_type"]
    place = PLACES.get(kind)
    if not place and not case.no_call(e):
        return "what it is"
    names = [f["func"] for f in e["stack"]]
    innermost = [place] if place else PLACES.values()
    if names and names[0] not in innermost or names[1:] != CALLERS[: len(names[1:])]:
        return "its stack"
    if len(names) < 3 and not case.no_stack(e):
        return "the end of its stack"
    if kind[0] == "delete" and not (e["key"] is None and e.get("key_error") == case.UNREAD_KEY):
        if e.get("key_error") or not re.fullmatch(r"key:\d+|\d+", str(e["key"])):
            return "its key"
    if not case.no_header(e):
        before, after = e["len_before"], e["len_after"]
        if after != (0 if kind[0] == "clear" else before - e["removed"]):
            return "its lengths"
    return None


def judge(records, code, did, misses):
    """Returns (differences, note)."""
    events = [r for r in records if r["event"] in ("delete", "clear")]
    diffs = compare.end_record(records, events)
    end = records[-1]
    cleared = end["cleared"] if end["clears_unknown"] else did["cleared"]
    want = did["removed"], did["missed"] if misses else None, cleared
    if (end["removed"], end.get("misses"), end["cleared"]) != want or end["cleared"] > did["cleared"]:
        diffs.append(f"(removed, misses, cleared) {(end['removed'], end.get('misses'), end['cleared'])}, should be {want}")
    for e in events:
        wrong = one(e)
        if wrong:
            diffs.append(f"{wrong}: {e}")
    parts = sum(case.is_part(e) or e.get("key_error") is not None for e in events)
    return diffs + ([f"exit code {code}"] if code else []), f"{did['moves']} moves, {parts} of {len(events)} events lack a part"


SYNC_PLACES = {"sync.Map": "main.removeSync", "map[interface {}]int": "main.removeAny"}


def one_sync(e):
    """Returns what is wrong in an event of -sync, or None."""
    place = SYNC_PLACES.get(e["map_type"])
    if not place and not case.no_call(e):
        return "what it is"
    names = [f["func"] for f in e["stack"]]
    if names and names[0] not in ([place] if place else SYNC_PLACES.values()):
        return "its stack"
    # The interface may have been read, and what it points to not.
    unread = e.get("key_error") == case.UNREAD_KEY and e["key"] in (None, {"type": "int", "value": None})
    if not unread and (e.get("key_error") or e["key"]["type"] != "int"):
        return "its key"
    return None


def judge_sync(records, code, did, misses, may_lose):
    """Judges the report of -sync. Each removal from a sync.Map is there, and once. may_lose: up to Go 1.23 nobody knows, without --misses,
    whether a removal whose arguments could not be read was in a map inside of it. Such removals are lost, and those from other maps among them
    are the only ones that have no event."""
    events = [r for r in records if r["event"] in ("delete", "clear")]
    end = records[-1]
    lost = end["lost"].get("internal", 0)
    count = {"": 0, **{name: 0 for name in SYNC_PLACES}}
    for e in events:
        if e["removed"]:
            count[e["map_type"]] = count.get(e["map_type"], 0) + 1
    in_sync, others = count["sync.Map"], did["removed"] - did["syncRemoved"]
    without = others - count["map[interface {}]int"] - count[""]
    diffs = [f"{wrong}: {e}" for e in events for wrong in [one_sync(e)] if wrong]
    if (in_sync, len(count)) != (did["syncRemoved"], 3):
        diffs.append(f"{in_sync} removals from a sync.Map, should be {did['syncRemoved']}: {count}")
    if not 0 <= without <= (lost if may_lose else 0) or (lost and not may_lose):
        diffs.append(f"{without} removals of other maps have no event; lost {end['lost']}")
    if (end["removed"], end.get("misses")) != (did["removed"] - without, did["missed"] if misses else None):
        diffs.append(f"(removed, misses) {(end['removed'], end.get('misses'))}, should be {(did['removed'] - without, did['missed'])}")
    if end["hits"] != end["delivered"] + lost or end["delivered"] != len(events):
        diffs.append(f"hits {end['hits']} is not delivered {end['delivered']} + lost {lost}, or there are not so many events ({len(events)})")
    if code != (5 if lost else 0):
        diffs.append(f"exit code {code}")
    return diffs, f"{lost} removals of {len(events) + lost} lost, {lost - without} of them inside a sync.Map"
