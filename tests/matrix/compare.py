"""Compares the report of a tracer with what the program says it did.

A report is the JSON Lines of `tophash trace --format json`; a truth is the document that the programs in tests/targets write
(tests/targets/README.md). compare() returns the differences as lines of text. No line means that all agrees.
"""

import calendar
import json
import os
import re
import time
from collections import Counter, defaultdict

from case import UNREAD_KEY, Case, Places, few, is_part, no_header, no_stack

# Builds in which the compiler leaves a range that deletes each key as a loop (cmd/compile/internal/walk/range.go, isMapClear).
LOOPS = ("noopt", "race")


def read_report(path):
    """Returns the records of a JSON Lines file. A line that is not JSON is an error."""
    out = []
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        for n, line in enumerate(f, 1):
            if line.strip():
                try:
                    out.append(json.loads(line))
                except ValueError as e:
                    raise ValueError(f"{os.path.basename(path)} line {n} is not JSON ({e}): {line[:200]!r}") from None
    return out


def minor(go):
    m = re.search(r"go1\.(\d+)", go)
    return int(m.group(1)) if m else 0


# --- a whole report ----------------------------------------------------------------------------------------------------------------


def end_record(records, events):
    """Returns the differences between the end record and the events."""
    diffs = []
    ends = [r for r in records if r.get("event") == "end"]
    if len(ends) != 1:
        return [f"{len(ends)} end records, should be 1"]
    end = ends[0]
    lost = sum((end.get("lost") or {}).values())
    if lost:
        diffs.append(f"lost {end['lost']}")
    unknown = sum(e["event"] == "clear" and no_header(e) for e in events)
    if end.get("clears_unknown") != unknown:
        diffs.append(f"clears_unknown {end.get('clears_unknown')}, but there are {unknown} such events")
    try:
        if end["hits"] != end["delivered"] + end["filtered"] + lost:
            diffs.append(f"hits {end['hits']} is not delivered {end['delivered']} + filtered {end['filtered']} + lost {lost}")
        if end["delivered"] != len(events):
            diffs.append(f"delivered {end['delivered']}, but there are {len(events)} events")
        removed, _, _, _, cleared = Case.summed(events)
        if not lost and not end["filtered"] and (end["removed"], end["cleared"]) != (removed, cleared):
            diffs.append(f"end record (removed, cleared) {(end['removed'], end['cleared'])}, the events {(removed, cleared)}")
    except KeyError as e:
        diffs.append(f"end record has no {e}")
    if records[-1] is not end:
        diffs.append("the end record is not the last one")
    return diffs


TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z")


def nanoseconds(text):
    """Returns a time of day (RFC 3339, UTC) as seconds since 1970."""
    m = TIME.fullmatch(text)
    return calendar.timegm(time.strptime(m[1], "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(m[2])


def times(records):
    """Every record has its time of day. If it also has the monotonic time, the two clocks of the start record connect them."""
    start = records[0]
    if "wall_ns" not in start:
        return ["the first record does not connect the two clocks"]
    for r in records:
        if not TIME.fullmatch(str(r.get("time"))):
            return [f"a {r.get('event')} record at {r.get('time')!r}: no time of day"]
        if any(not isinstance(r[k], str) or not r[k].isdigit() for k in ("time_ns", "wall_ns") if k in r):
            return [f"a {r.get('event')} record whose time_ns or wall_ns is no string of digits"]
        if "time_ns" in r and nanoseconds(r["time"]) - int(r["time_ns"]) != int(start["wall_ns"]) - int(start["time_ns"]):
            return [f"a {r.get('event')} record at {r['time']}, which is not its time_ns {r['time_ns']}"]
    return []


def start_record(records, truth, variant):
    starts = [r for r in records if r.get("event") == "start"]
    if len(starts) != 1 or records[0] is not starts[0]:
        return [f"{len(starts)} start records, should be 1, the first one"]
    s, diffs = starts[0], []
    want = {
        "schema": 2,
        "pid": truth["pid"],
        "go": truth["go"],
        "layout": "swiss" if minor(truth["go"]) >= 24 else "classic",
        "stripped": variant == "stripped",
    }
    for k, v in want.items():
        if s.get(k) != v and not (k == "go" and str(s.get(k)).split() and str(s.get(k)).split()[0] == v.split()[0]):
            diffs.append(f"start record: {k} {s.get(k)!r}, should be {v!r}")
    if not s.get("probes"):
        diffs.append("start record: no probes")
    return diffs


def lacking(case, events, misses, variant, go):
    """Returns what the events of a case lack: (removed, missed, panicked, clears)."""
    c = Case(case, events, misses, variant in LOOPS, go)
    return [w - s for w, s in zip(c.counts(case), c.summed(events))][:4]


def place_by_lack(event, cases, by_case, lacks):
    """Gives an event without a place to a case that lacks such an event. Returns whether there is one."""
    kind = Case.summed([event])[:4]
    for c in cases:
        have = lacks(c)
        goids = {g["goid"] for g in c["goroutines"]}
        if all(h >= k for h, k in zip(have, kind)) and event.get("map_type") in ("", c["map_type"]) and \
           (event.get("goid") is None or 0 in goids or event["goid"] in goids):
            by_case[c["case"]].append(event)
            return True
    return False


def key_errors(events, cases):
    """Returns how many events have a key that could not be read, beyond those of keys that nobody can read."""
    n = sum(e.get("key", 0) is None and e.get("key_error") == UNREAD_KEY for e in events)
    return n - sum(t.get("key", 0) is None for c in cases for t in c.get("events", []))


def compare(records, truth, variant="default", misses=True):
    """Returns every difference, and the number of events made by the library or the runtime."""
    if not records:
        return ["the report is empty"], 0
    events = [r for r in records if r.get("event") in ("delete", "clear")]
    diffs = start_record(records, truth, variant) + end_record(records, events) + times(records)
    exits = [r for r in records if r.get("event") == "exit"]
    if [(r.get("pid"), r.get("code")) for r in exits] != [(truth["pid"], 0)]:
        diffs.append(f"exit records {exits}, should be one with pid {truth['pid']} and code 0")
    wrong_pid = Counter(e.get("pid") for e in events if e.get("pid") != truth["pid"])
    if wrong_pid:
        diffs.append(f"events of other processes: {dict(wrong_pid)}")

    places = Places(truth["cases"])
    by_case = defaultdict(list)
    foreign, complaints, lost = 0, Counter(), []
    for e in events:
        case, complaint = places.find(e)
        if case is None and not complaint and no_stack(e):
            lost.append(e)
            continue
        if complaint:
            complaints[complaint] += 1
        if case is not None:
            by_case[case["case"]].append(e)
        elif not complaint:
            foreign += 1
    diffs += [f"{text} ({n} times)" for text, n in complaints.items()]
    go = minor(truth["go"])
    for e in lost:
        if not place_by_lack(e, truth["cases"], by_case, lambda c: lacking(c, by_case[c["case"]], misses, variant, go)):
            diffs.append(f"an event without a stack that no case lacks: {e}")
    parts = sum(map(is_part, events)) + max(0, key_errors(events, truth["cases"]))
    if not few(parts, events):
        diffs.append(f"{parts} of {len(events)} events lack a part that could not be read")
    for c in truth["cases"]:
        diffs += Case(c, by_case[c["case"]], misses, variant in LOOPS, minor(truth["go"])).check()
    return diffs, foreign


# --- the truth against itself ------------------------------------------------------------------------------------------------------


def check_truth(truth):
    """Checks that a truth does not contradict itself."""
    diffs = []
    total = Counter()
    names = ("removed", "missed", "panicked", "clears", "cleared")
    for c in truth["cases"]:
        for k in names:
            total[k] += c[k]
            if c[k] != sum(g[k] for g in c["goroutines"]):
                diffs.append(f"{c['case']}: {k} is not the sum over its goroutines")
        if not sum(c[k] for k in names):
            diffs.append(f"{c['case']}: nothing happens")
        for e in c.get("events", []):
            step = e["len_before"] - e["len_after"]
            if (e.get("clear") and e["len_after"]) or (not e.get("clear") and step != int(e["removed"])) or e["removed"] != (step > 0):
                diffs.append(f"{c['case']}: {e}")
        if c.get("events_complete"):
            sums = Case.summed([dict(e, event="clear" if e.get("clear") else "delete") for e in c["events"]])
            if sums != tuple(c[k] for k in names):
                diffs.append(f"{c['case']}: the events do not add up")
        for g in c["goroutines"]:
            if g["removed"] and c["way"] == "delete" and g["first_len_before"] and c.get("events") is None:
                if c["case"] not in ("UnderGC", "UnderGCString") and g["first_len_before"] - g["removed"] != g["last_len_after"]:
                    diffs.append(f"{c['case']}: goroutine {g['goid']}: lengths do not fit")
    if {k: total[k] for k in names} != truth["totals"]:
        diffs.append("totals are not the sum over the cases")
    return diffs
