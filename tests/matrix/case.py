"""What a tracer reports of one case, which is one place of a program that deletes, beside what the program says of it."""

import re
from collections import Counter, defaultdict

from keys import same_key

STACK = 64  # the tracer's default for --stack
GC_PHASES = {"off", "mark", "marktermination"}
CLASSIC_STATE = {"B", "buckets", "overflow", "growing", "old_buckets", "evacuated"}
SWISS_STATE = {"small", "directory", "depth", "clears"}
# The runtime's own functions, which are never shown: a stack begins where the delete is written.
RUNTIME_ENTRY = re.compile(r"internal/runtime/maps\.|(runtime|reflect)\.(reflect_)?map(delete|clear)")


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
