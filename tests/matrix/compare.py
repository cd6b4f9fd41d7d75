"""Compares the report of a tracer with what the program says it did.

A report is the JSON Lines of `tophash trace --format json`; a truth is the document that the programs in tests/targets write
(tests/targets/README.md). compare() returns the differences as lines of text. No line means that all agrees.
"""

import calendar
import json
import math
import os
import re
import time
from collections import Counter, defaultdict

# Builds in which the compiler leaves a range that deletes each key as a loop (cmd/compile/internal/walk/range.go, isMapClear).
LOOPS = ("noopt", "race")
KEY_BYTES = 64  # the tracer's default for --key-bytes
STACK = 64  # and for --stack
GC_PHASES = {"off", "mark", "marktermination"}
CLASSIC_STATE = {"B", "buckets", "overflow", "growing", "old_buckets", "evacuated"}
SWISS_STATE = {"small", "directory", "depth", "clears"}
# The runtime's own functions, which are never shown: a stack begins where the delete is written.
RUNTIME_ENTRY = re.compile(r"internal/runtime/maps\.|(runtime|reflect)\.(reflect_)?map(delete|clear)")


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


def plain(name):
    """A function's name without type arguments: the outer name of a generic is shortened in the binary, inlined ones are not."""
    out, depth = [], 0
    for c in name or "":
        if c == "[":
            depth += 1
            if depth == 1:
                out.append("[...]")
        elif c == "]":
            depth -= 1
        elif depth == 0:
            out.append(c)
    return "".join(out)


def minor(go):
    m = re.search(r"go1\.(\d+)", go)
    return int(m.group(1)) if m else 0


# --- keys --------------------------------------------------------------------------------------------------------------------------


def text_key(raw):
    """Returns (JSON form, was it cut) for a string key with these bytes."""
    cut = raw[:KEY_BYTES]
    if len(raw) > KEY_BYTES:
        for back in range(0, 4):  # a rune that the cut has split is removed as a whole
            try:
                return cut[: len(cut) - back].decode(), True
            except UnicodeDecodeError:
                continue
        return {"bytes": cut.hex()}, True
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return {"bytes": raw.hex()}, False


def number(x):
    if isinstance(x, bool) or isinstance(x, (dict, list)) or x is None:
        return None
    if isinstance(x, (int, float)):
        return x
    if x.lstrip("+-") in ("NaN", "Inf", "inf", "nan", "Infinity"):
        return float(x)
    return None


def same_key(want, got, cut):
    """Returns None when the keys agree, otherwise what differs."""
    if isinstance(want, str) or isinstance(want, dict) and set(want) == {"bytes"}:
        w, g = number(want) if isinstance(want, str) else None, number(got)
        if w is not None and g is not None and (w == g or math.isnan(w) and math.isnan(g)):
            return None
        if isinstance(want, str) and want == got:
            return None if len(want.encode()) <= KEY_BYTES else f"key is not cut at {KEY_BYTES} bytes"
        raw = want.encode() if isinstance(want, str) else bytes.fromhex(want["bytes"])
        form, was_cut = text_key(raw)
        if got != form:
            return f"key {got!r}, should be {form!r}"
        if was_cut and not cut:
            return "key is cut but does not say so"
        return None
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return None if want is got else f"key {got!r}, should be {want!r}"
    if isinstance(want, (int, float)):
        g = number(got)
        if g is None and isinstance(got, str) and got.lstrip("-").isdigit() and abs(want) >= 1 << 53:
            g = int(got)
        return None if g is not None and g == want else f"key {got!r}, should be {want!r}"
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) > len(want) or len(got) < len(want) and not cut:
            return f"key {got!r}, should be {want!r}"
        for w, g in zip(want, got):
            if same_key(w, g, cut):
                return f"key {got!r}, should be {want!r}"
        return None
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"key {got!r}, should be {want!r}"
        fields = {k: v for k, v in got.items() if k != "_"}
        if set(fields) - set(want) or set(want) - set(fields) and not cut:
            return f"key {got!r}, should be {want!r}"
        for k, g in fields.items():
            if same_key(want[k], g, cut):
                return f"key {got!r}, should be {want!r}"
        return None
    return f"key {got!r}, should be {want!r}"


# --- what could not be read --------------------------------------------------------------------------------------------------------

# While the kernel moves a page, or makes it part of a large one, no kernel program can read it. An event then tells what is missing. There
# are few such events, all the others of a report are whole, and the sums of all are exact.
UNREAD_KEY = "the key's memory could not be read"
UNREAD_STACK = ("the goroutine could not be read", "the stack could not be read")


def few(n, events):
    return n <= 2 + len(events) // 500


def no_header(e):
    return e.get("len_before") is None and e.get("len_after") is None and e.get("state") is None


def no_call(e):
    """Tells whether the arguments of a removal could not be read."""
    call = e["event"], e.get("removed"), e.get("map"), e.get("map_type"), e.get("key"), e.get("key_error")
    return call == ("delete", True, "0x0", "", None, UNREAD_KEY) and no_header(e)


def no_stack(e):
    return e.get("stack_error") in UNREAD_STACK


def is_part(e):
    """Tells whether an event says that something could not be read."""
    return e.get("state") is None or no_stack(e)


# --- which case an event belongs to ------------------------------------------------------------------------------------------------


def base(path):
    return (path or "").rsplit("/", 1)[-1]


def is_program(func):
    return func.startswith("main.")


class Places:
    """Finds the case of an event by the innermost frame of the program itself."""

    def __init__(self, cases):
        self.by_line = {}
        self.by_func = defaultdict(list)
        for c in cases:
            frame = next((f for f in c.get("stack", []) if is_program(f["func"])), c)
            self.by_line[base(frame["file"]), frame["line"]] = c
            if "delete_line" in c:
                self.by_line[base(frame["file"]), c["delete_line"]] = c
            for func in [frame["func"], *c.get("func_alt", [])]:
                self.by_func[plain(func)].append(c)

    def find(self, event):
        """Returns (case or None, complaint or None)."""
        stack = event.get("stack") or []
        frame = next((f for f in stack if is_program(f.get("func") or "")), None)
        if not frame:
            return None, None
        c = self.by_line.get((base(frame.get("file")), frame.get("line")))
        if c:
            return c, None
        same = self.by_func.get(plain(frame["func"]), [])
        if len(same) == 1:
            if plain(frame["func"]) in map(plain, same[0].get("func_alt", [])):
                return same[0], None
            return same[0], f"{same[0]['case']}: place {base(frame.get('file'))}:{frame.get('line')}, should be line {same[0]['line']}"
        return None, f"an event at {frame['func']} {base(frame.get('file'))}:{frame.get('line')}, where nothing is deleted"


# --- one case ----------------------------------------------------------------------------------------------------------------------


class Case:
    def __init__(self, case, events, misses, noopt, go):
        self.c, self.misses, self.noopt, self.go = case, misses, noopt, go
        self.events = sorted(events, key=lambda e: int(e.get("time_ns", 0)))
        self.diffs = []

    def say(self, text):
        self.diffs.append(f"{self.c['case']}: {text}")

    def equal(self, what, got, want):
        if got != want:
            self.say(f"{what} {got!r}, should be {want!r}")

    def counts(self, c):
        """Returns the expected sums of the events: (removed, missed, panicked, clears, cleared)."""
        if self.c["way"] == "idiom" and self.noopt:
            return c["cleared"], 0, 0, 0, 0
        missed, panicked = (c["missed"], c["panicked"]) if self.misses else (0, 0)
        return c["removed"], missed, panicked, c["clears"], c["cleared"]

    @staticmethod
    def summed(events):
        n = Counter()
        for e in events:
            if not e.get("removed"):
                n["missed"] += 1
                n["panicked"] += bool(e.get("panicked"))
            elif e["event"] == "clear":
                n["clears"] += 1
                n["cleared"] += (e.get("len_before") or 0) - (e.get("len_after") or 0)
            else:
                n["removed"] += 1
        return n["removed"], n["missed"], n["panicked"], n["clears"], n["cleared"]

    @classmethod
    def likely(cls, events, want):
        """Returns the sums. Nobody knows how many elements a clear took out whose header could not be read: as many as are wanted."""
        got = cls.summed(events)
        unknown = any(e["event"] == "clear" and no_header(e) for e in events)
        return (*got[:4], max(got[4], want[4])) if unknown else got

    def check(self):
        names = "(removed, missed, panicked, clears, cleared)"
        want = self.counts(self.c)
        self.equal(names, self.likely(self.events, want), want)
        self.check_goroutines(names)
        for e in self.events:
            before = len(self.diffs)
            self.check_event(e)
            if len(self.diffs) > before:
                break
        self.check_order()
        self.check_stack()
        if self.c.get("gc_pressure") and self.events and not any(e.get("gc") == "mark" for e in self.events):
            self.say("no event says gc mark, though the collector ran all the time")
        return self.diffs

    def check_goroutines(self, names):
        want = {g["goid"]: g for g in self.c["goroutines"] if g["goid"]}
        by_goid = defaultdict(list)
        for e in self.events:
            by_goid[e.get("goid")].append(e)
        if len(want) != len(self.c["goroutines"]):
            return  # a goroutine that could not tell its number
        wrong, missing = 0, self.unknown_goroutines(by_goid.pop(None, []))
        for goid in sorted(set(want) | set(by_goid), key=str):
            events, g = by_goid.get(goid, []), want.get(goid)
            lacks = [w - s for w, s in zip(self.counts(g), self.likely(events, self.counts(g)))] if g else []
            if g is None:
                text = f"{len(events)} events by goroutine {goid}, which does nothing here"
            elif any(lacks) and all(0 <= n <= m for n, m in zip(lacks, missing)):
                missing = [m - n for m, n in zip(missing, lacks)]
                text = None
            elif any(lacks):
                text = f"goroutine {goid}: {names} {self.summed(events)}, should be {self.counts(g)}"
            else:
                text = self.check_lengths(g, events)
            if text:
                wrong += 1
                if wrong <= 2:
                    self.say(text)
        if wrong > 2:
            self.say(f"... and {wrong - 2} goroutines more")

    def unknown_goroutines(self, events):
        """Returns what the events removed, missed, … whose goroutine could not be read: the kernel was just moving its page. There are few,
        and exactly those that other goroutines lack: the sums of all are compared as well."""
        if not few(len(events), self.events):
            self.say(f"{len(events)} of {len(self.events)} events do not know their goroutine")
        return self.summed(events)

    def check_lengths(self, g, events):
        removals = [e for e in events if e["event"] == "delete" and e.get("removed")]
        if removals and g["first_len_before"]:
            got = removals[0].get("len_before"), removals[-1].get("len_after")
            want = g["first_len_before"], g["last_len_after"]
            if any(x != y for x, y, e in zip(got, want, (removals[0], removals[-1])) if not no_header(e)):
                return f"goroutine {g['goid']}: (first len_before, last len_after) {got}, should be {want}"
        return None

    def check_event(self, e):
        c = self.c
        before, after = e.get("len_before"), e.get("len_after")
        if not no_header(e):
            if not isinstance(before, int) or not isinstance(after, int):
                return self.say(f"len_before {before!r}, len_after {after!r}")
            if e["event"] == "clear":
                want = 0
            else:
                want = before - 1 if e.get("removed") else before
            self.equal(f"len_before {before}, len_after", after, want)
        got_type = e.get("map_type")
        if got_type == "" and no_call(e):
            got_type = c["map_type"]
        # Generic code passes shape types to the runtime: with every delete up to Go 1.20, and with clear() in all releases.
        shaped = "go.shape" in (got_type or "") and (self.go < 21 or e["event"] == "clear")
        if got_type != c["map_type"] and not shaped:
            self.say(f"map_type {got_type!r}, should be {c['map_type']!r}")
        stack = e.get("stack") or [{}]
        names = [plain(x) for x in [c["func"], *c.get("func_alt", [])]]
        if (e.get("stack") or not no_stack(e)) and plain(stack[0].get("func")) not in names:
            self.say(f"stack[0] {stack[0].get('func')!r}, should be {c['func']!r}")
        shown = [f["func"] for f in stack if RUNTIME_ENTRY.match(f.get("func") or "")]
        if shown:
            self.say(f"the stack shows {shown[0]!r}")
        if e.get("gc") not in GC_PHASES:
            self.say(f"gc {e.get('gc')!r}")
        if c.get("on_stack") and not e.get("on_stack") and not no_call(e) and e.get("goid") is not None:
            self.say("the map is on the goroutine's stack, but on_stack is not set")
        if e.get("state", 0) is None and (no_header(e) or e["event"] == "clear"):
            pass
        elif not isinstance(e.get("state"), dict) or not e["state"]:
            self.say(f"state {e.get('state')!r}")
        else:
            lacks = (CLASSIC_STATE if self.go < 24 else SWISS_STATE) - set(e["state"])
            if lacks:
                self.say(f"state lacks {', '.join(sorted(lacks))}")
        if not re.fullmatch(r"0x[0-9a-f]+", str(e.get("map"))):
            self.say(f"map {e.get('map')!r}")
        if not isinstance(e.get("tid"), int) or e["tid"] <= 0:
            self.say(f"tid {e.get('tid')!r}")
        if e.get("kind") != "go":
            self.say(f"kind {e.get('kind')!r}")

    def expected(self):
        """Returns the events in the order that the program has written down, or None."""
        c = self.c
        if "events" not in c:
            return None
        if c["way"] == "idiom" and self.noopt:
            return [{"removed": True, "len_before": n, "len_after": n - 1} for t in c["events"] for n in range(t["len_before"], 0, -1)]
        return [t for t in c["events"] if t["removed"] or self.misses]

    def check_order(self):
        want = self.expected()
        if want is None:
            return
        for i, (t, e) in enumerate(zip(want, self.events)):
            text = self.one(t, e)
            if text:
                self.say(f"event {i + 1}: {text}")
                return
        last = self.c.get("last")
        removals = [e for e in self.events if e.get("removed")]
        if last and removals and not (self.c["way"] == "idiom" and self.noopt):
            text = self.one(last, removals[-1])
            if text:
                self.say(f"last removal: {text}")

    @staticmethod
    def one(t, e):
        kind = "clear" if t.get("clear") else "delete"
        got = e["event"], bool(e.get("removed")), bool(e.get("panicked")), e.get("len_before"), e.get("len_after")
        want = kind, t["removed"], bool(t.get("panicked")), t["len_before"], t["len_after"]
        if got[:3] != want[:3] or got != want and not no_header(e):
            return f"(event, removed, panicked, len_before, len_after) {got}, should be {want}"
        if "key" in t:
            if "key" not in e:
                return f"no key, should be {t['key']!r}"
            if e["key"] is None and e.get("key_error") == UNREAD_KEY and t["key"] is not None:
                return None  # key_errors() has counted it
            if e.get("key_error"):
                return f"key_error {e['key_error']!r}, should be {t['key']!r}"
            return same_key(t["key"], e["key"], bool(e.get("key_cut")))
        return None

    def check_stack(self):
        """Checks the whole stack of the first removal."""
        want = self.c.get("stack")
        if not want or not self.events or self.c.get("func_alt"):
            return
        whole = [e for e in self.events if not no_stack(e)] or self.events
        event = next((e for e in whole if e.get("removed")), whole[0])
        if no_stack(event):
            return
        if not self.misses and not event.get("removed"):
            return
        want = [dict(f) for f in want]
        if self.c["way"] == "idiom" and self.noopt:
            for f in want:
                if is_program(f["func"]):
                    f["line"] = self.c["delete_line"]
                    break
        got = [f for f in event.get("stack") or []]
        if got and got[-1].get("func") == "runtime.goexit":
            got.pop()
        # Between Go and C, a stack is no longer contiguous.
        for i, f in enumerate(want):
            if f["func"] == "runtime.cgocallback":
                want, got = want[:i], got[:i]
                break
        if event.get("stack_cut") and len(got) < len(want):
            if len(got) < STACK - 1:
                self.say(f"stack cut after {len(got)} frames")
            want = want[: len(got)]
        for i, (w, g) in enumerate(zip(want, got)):
            if plain(w["func"]) != plain(g.get("func")):
                return self.say(f"stack[{i}] {g.get('func')!r}, should be {w['func']!r}")
            if w.get("line") and (g.get("line") != w["line"] or g.get("file") != w["file"]):
                return self.say(f"stack[{i}] {g.get('func')} {g.get('file')}:{g.get('line')}, should be {w['file']}:{w['line']}")
        if len(got) != len(want):
            self.say(f"stack has {len(got)} frames, should have {len(want)} (the last: {want[-1]['func']})")


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
