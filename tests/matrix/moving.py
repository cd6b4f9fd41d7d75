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
