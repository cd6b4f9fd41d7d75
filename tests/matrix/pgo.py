"""Writes CPU profiles for `go build -pgo=`, and tells whether the compiler followed them.

A profile names hot calls: caller, callee, and the line of the call, counted from the caller's first. The compiler then inlines callees of
almost any size there. The profiles are written, not measured. Every build is therefore the same, and no program has to run for a profile. Lines
differ between releases. Therefore a call is marked as hot on every line around it.

  measured   the calls that a measured profile has, with the names in the program's symbol table
  deep       every call on the path to the removal of an element, also in functions that were just inlined, with the names that the
             compiler uses. A measured profile does not reach all of these
"""

import gzip
import re

MAPS = "internal/runtime/maps."
DELETE, SMALL, TABLE, CLEAR = MAPS + "(*Map).Delete", MAPS + "(*Map).deleteSmall", MAPS + "(*table).Delete", MAPS + "(*Map).Clear"
FAST = ["mapdelete_fast32", "mapdelete_fast64", "mapdelete_faststr"]
KINDS = ["measured", "deep"]
SYNC_CALLERS = ["main.del", "main.loadAndDelete", "main.compare", "main.clearMap"]  # of tests/targets/syncmap

MEASURED = [(DELETE, SMALL), (DELETE, TABLE), ("runtime.mapdelete", DELETE), ("runtime.mapclear", CLEAR), *(("runtime." + f, DELETE) for f in FAST)]


def sync_calls():
    """Returns the calls on the way from the program syncmap to the removal of an element of a sync.Map."""
    trie, outer = "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}]).", "sync.(*Map)."
    calls = [(outer + "Delete", outer + "LoadAndDelete"), (trie + "Delete", trie + "LoadAndDelete"), (outer + "LoadAndDelete", "sync.(*entry).delete")]
    for method in ("Delete", "LoadAndDelete", "CompareAndDelete", "Clear"):
        calls.append((outer + method, trie + method))
        calls += [(f, kind + method) for f in SYNC_CALLERS for kind in (outer, trie)]
    return calls + [(f, "sync.(*entry).delete") for f in SYNC_CALLERS]


def hot_calls(kind):
    if kind == "measured":
        return MEASURED
    # On Swiss maps (1.24 on) the fast entries are functions of internal/runtime/maps, and reflect's always were functions of runtime: only
    # the linker gives them the names by which they are known.
    entries = ["runtime.mapdelete", "runtime.reflect_mapdelete", "runtime.reflect_mapdelete_faststr"]
    entries += ["runtime." + f for f in FAST] + [MAPS + "runtime_" + f for f in FAST]
    calls = MEASURED + [(e, callee) for e in entries for callee in (DELETE, SMALL, TABLE)]
    calls += [("runtime.reflect_mapdelete", "runtime.mapdelete"), ("runtime.reflect_mapdelete_faststr", "runtime.mapdelete_faststr")]
    calls += [("runtime.reflect_mapclear", "runtime.mapclear"), ("runtime.reflect_mapclear", CLEAR)]
    calls += sync_calls()
    return list(dict.fromkeys(calls))


# --- profile.proto (github.com/google/pprof) ---------------------------------------------------------------------------------------


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


class Profile:
    START = 2000  # every function begins on this line: calls may stand before it, where they came from another file

    def __init__(self):
        self.strings = {"": 0, "samples": 1, "count": 2}
        self.functions, self.locations, self.samples = {}, {}, []

    def location(self, name, offset):
        string = self.strings.setdefault(name, len(self.strings))
        function = self.functions.setdefault(string, len(self.functions) + 1)
        return self.locations.setdefault((function, self.START + offset), len(self.locations) + 1)

    def call(self, caller, callee, offset, weight):
        self.samples.append((self.location(callee, 0), self.location(caller, offset), weight))

    def encode(self):
        out = [block(1, number(1, self.strings["samples"]) + number(2, self.strings["count"]))]
        out += [block(2, number(1, callee) + number(1, caller) + number(2, weight)) for callee, caller, weight in self.samples]
        out += [block(4, number(1, n) + block(4, number(1, f) + number(2, line))) for (f, line), n in self.locations.items()]
        out += [block(5, number(1, n) + number(2, s) + number(3, s) + number(5, self.START)) for s, n in self.functions.items()]
        out += [block(6, s.encode()) for s in self.strings]
        return gzip.compress(b"".join(out), mtime=0)


def profile(kind):
    """Returns the bytes of the profile, which are always the same."""
    p, lines = Profile(), range(-1000, 1000) if kind == "deep" else range(100)
    calls = [(caller, callee, offset) for caller, callee in hot_calls(kind) for offset in lines]
    for caller, callee, offset in calls:
        p.call(caller, callee, offset, 1000)
    # The compiler takes the calls that make up 99 % of the weight. Something must be cold, so that this is all of the above.
    for offset in range(len(calls) // 20):
        p.call("main.main", "main.cold", offset % 1000, 500)
    return p.encode()


# --- did it happen? ----------------------------------------------------------------------------------------------------------------

# What objdump has to show: everything that deletes or clears.
FUNCTIONS = r"^(runtime|reflect)\.map(delete|clear)|^internal/runtime/maps\.\(\*(Map|table)\)\.(Delete|deleteSmall|Clear)$"


def gone(kind, minor):
    """Returns the calls, by their names in the symbol table, that must not be left in a program."""
    calls = [c for c in MEASURED if kind == "deep" or c[0] not in ["runtime." + f for f in FAST]]
    if kind == "deep":
        entries = ["runtime.mapdelete", "reflect.mapdelete", *("runtime." + f for f in FAST)]
        calls += [(e, callee) for e in entries for callee in (SMALL, TABLE)]
        calls += [("reflect.mapdelete", "runtime.mapdelete"), ("reflect.mapclear", "runtime.mapclear")]
        if minor < 24:
            calls += [("reflect.mapdelete_faststr", "runtime.mapdelete_faststr")]
    return calls


def complaint(kind, minor, objdump):
    """Returns why the program proves nothing, or None. objdump: the output of go tool objdump for FUNCTIONS."""
    found, left, function = set(), set(), None
    for line in objdump.splitlines():
        head = re.match(r"TEXT (\S+)\(SB\)", line)
        call = re.search(r"\tCALL (\S+)\(SB\)", line)
        if head:
            function = head[1]
            found.add(function)
        elif call:
            left.add((function, call[1]))
    calls = [c for c in gone(kind, minor) if c[0] in found]
    still = sorted(set(calls) & left)
    if not calls:
        return f"none of the functions whose calls are inlined is in the program; there are {', '.join(sorted(found))}"
    return "not inlined: " + ", ".join(f"{callee} in {caller}" for caller, callee in still) if still else None
