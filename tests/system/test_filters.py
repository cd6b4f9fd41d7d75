"""Tests of the events that are shown (--key, --type, --map, --goid, --site, --misses), and of how much of keys and stacks is shown."""

import json
import subprocess
from pathlib import Path

from harness import brief, check, Failed, go_build, HERE, identity, options, Program, refused, same, test, tmp, tophash, Tracer, zoo_program


def key_is(*values):
    want = {json.dumps(v, sort_keys=True) for v in values}
    return lambda e: json.dumps(e.get("key"), sort_keys=True) in want


def string_map(e):
    return e["map_type"].startswith(("map[string]", "main.named")) or "named" in e["map_type"]


def clear_or(f, clears):
    """Makes the expectation for --key, which also shows clears of maps that could have held the key."""
    return lambda e: clears(e) if e["event"] == "clear" else f(e)


def filter_cases(info):
    yes, no = (lambda e: string_map(e)), (lambda e: False)
    place = str(HERE / "zoo.go")

    def top(e):
        return e["stack"][0]

    line = next(i for i, t in enumerate(Path(place).read_text().splitlines(), 1) if "func dropUser" in t)
    iface = lambda t, v: {"type": t, "value": v}
    return [
        (["--key", "user:1"], clear_or(key_is("user:1"), yes)),
        (["--key", '"user:1"'], clear_or(key_is("user:1"), yes)),
        (["--key", '"42"'], clear_or(key_is("42", iface("string", "42")), yes)),
        (["-k", "42"], clear_or(key_is("42", 42, iface("int", 42), iface("string", "42")), yes)),
        (["--key", "-7"], clear_or(key_is(-7), yes)),
        (["--key", "true"], clear_or(key_is(True, "true", iface("bool", True)), yes)),
        (["--key", "false"], clear_or(key_is(False), yes)),
        (["--key", ""], clear_or(key_is(""), yes)),
        (["--key", "[x"], None),
        (["--key", '"[x]"'], clear_or(key_is("[x]"), yes)),
        (["--key", "1.5"], clear_or(key_is(1.5, iface("float64", 1.5)), yes)),
        (["--key", "-0.0"], clear_or(key_is(0.0, 0), yes)),
        (["--key", "-2.25"], clear_or(key_is(-2.25), yes)),
        (["--key", info["node"]], clear_or(key_is(info["node"]), yes)),
        (["--key", '{"X":1,"Y":2}'], clear_or(key_is({"X": 1, "Y": 2}, iface("main.point", {"X": 1, "Y": 2})), no)),
        (["--key", "[3,4]"], clear_or(key_is([3, 4]), no)),
        (["--key", '{"type":"int","value":42}'], clear_or(key_is(iface("int", 42)), no)),
        (["--key", '{"type":"string","value":"42"}'], clear_or(key_is(iface("string", "42")), no)),
        (["--key", "no such key"], clear_or(lambda e: False, yes)),
        (["--key-prefix", "user:"], clear_or(lambda e: isinstance(e["key"], str) and e["key"].startswith("user:"), yes)),
        (["--key-prefix", ""], lambda e: e["event"] == "clear" or isinstance(e["key"], str) and not e["key"].startswith("0x")
            or isinstance(e["key"], dict) and e["key"].get("type") == "string"),
        (["--type", "map[string]int"], lambda e: e["map_type"] == "map[string]int"),
        (["--type", "map[[]2[]]int*"], lambda e: False),
        (["--type", "map[[2]int]*"], lambda e: e["map_type"] == "map[[2]int]string"),
        (["--type", "map[string]*"], lambda e: e["map_type"].startswith("map[string]")),
        (["--type", "main.na?ed"], lambda e: e["map_type"] == "main.named"),
        (["--type", "*"], lambda e: True),
        (["--type", "map"], lambda e: False),
        (["--map", info["users"]], lambda e: e["map"] == info["users"]),
        (["--map", str(int(info["floats"], 16))], lambda e: e["map"] == info["floats"]),
        (["--goid", info["goid"]], lambda e: e["goid"] == info["goid"]),
        (["--site", "main.dropUser"], lambda e: top(e)["func"] == "main.dropUser"),
        (["--site", "main.(*store[*).drop"], lambda e: top(e)["func"].startswith("main.(*store[")),
        (["--site", f"zoo.go:{line}"], lambda e: top(e)["line"] == line),
        (["--site", f"{place}:{line}"], lambda e: top(e)["line"] == line),
        (["--site", "*/zoo.go:*"], lambda e: top(e)["file"] == place),
        (["--site", "zoo.go"], lambda e: False),
        (["--site", "main.dropUser", "--key", "user:1", "--map", info["users"]],
            lambda e: e["map"] == info["users"] and top(e)["func"] == "main.dropUser" and e["key"] == "user:1"),
        (["--misses"], "more"),
        (["--misses", "--key", "nobody"], "nobody"),
        (["--limit", "7"], "limit"),
    ]


@test
def filters():
    """Each filter shows exactly the matching events of a run without it, and hits = delivered + filtered + lost."""
    p = zoo_program()
    p.ask("round")  # everything is allocated

    def round_with(*args):
        t = Tracer("-p", p.pid, *args)
        same(p.ask("round"), "done", "zoo")
        return t.end()

    base = round_with()
    b = identity(base)
    same((b["filtered"], b["delivered"]), (0, 11 + 7 + 2 + 3 + 4 + 4 + 6 + 1 + 1 + 1 + 2), "without a filter")
    same(b["cleared"], 2, "cleared")
    trouble = []
    for args, want in filter_cases(p.info):
        try:
            if want is None:
                refused(tophash("-p", p.pid, *args), 2, "JSON")
                continue
            got = round_with(*args)
            e = identity(got)
            if want == "more":
                same(e["hits"], b["hits"] + 1, "hits")
                same(e["misses"], 1, "misses")
                same([x["key"] for x in got.events if not x["removed"]], ["nobody"], "misses")
                continue
            if want == "nobody":
                same([(x["event"], x.get("key"), x["removed"]) for x in got.events],
                     [("clear", None, True), ("delete", "nobody", False)], "events")
                continue
            same(e["hits"], b["hits"] if want != "limit" else e["hits"], "hits")
            expected = base.events[:7] if want == "limit" else [x for x in base.events if want(x)]
            have, should = [brief(x) for x in got.events], [brief(x) for x in expected]
            check(have == should, f"missing {[x for x in should if x not in have]}, not asked for {[x for x in have if x not in should]}, "
                                  f"{len(have)} of {len(should)}")
        except Failed as f:
            trouble.append(f"{' '.join(map(str, args))}: {f}")
    p.end()
    check(not trouble, f"{len(trouble)} filters: " + "\n    ".join(t[:700] for t in trouble))


def parts_cases():
    iface = lambda t, v: {"type": t, "value": v}
    a_to = lambda n: [chr(ord("a") + i) for i in range(n)]
    long, big = "k" * 100, "9007199254740993"
    pair = lambda x, s: {"X": x, "S": s}
    return [
        (["--key", "user:42"], [iface("string", "user:42")]),
        (["--key", ""], []),
        (["--key", "42"], [iface("int", 42), iface("string", "42"), 42]),
        (["--key", '"42"'], [iface("string", "42")]),
        (["--key", "010"], [iface("uint8", 10), 10]),
        (["--key", "0"], [iface("float64", 0)]),
        (["--key", "0x0"], [iface("*int", "0x0")]),
        (["--key", big], [iface("int64", big), big]),
        (["--key", f'"{big}"'], [iface("int64", big), big]),
        (["--key", '["x","y"]'], []),
        (["--key", "[0,0]"], [iface("complex64", [0, 0]), [0, 0]]),
        (["--key", "[0.1,0.2]"], [[0.1, 0.2]]),
        (["--key", json.dumps(pair("hello", "a"))], []),
        (["--key", json.dumps(pair(0, "a"))], [iface("main.pair", pair(0, "a")), pair(0, "a")]),
        (["--key", json.dumps(pair(1.5, long))], [pair(1.5, long[:64])]),
        (["--key", json.dumps(pair(1.5, long + "k"))], []),
        (["--key", long], [iface("string", long[:64])]),
        (["--key", long[1:]], []),
        (["--key-prefix", long[:70]], [iface("string", long[:64])]),
        (["--key-prefix", long + "k"], []),
        (["--key-bytes", "4", "--key", "user:42"], [iface("string", "user")]),
        (["--key-bytes", "4", "--key", "user:422"], []),
        (["--key", json.dumps(a_to(9))], [a_to(7) + [None, None]]),
        (["--key", json.dumps(["a", "x"] + a_to(9)[2:])], []),
        (["--key", json.dumps(a_to(40))], [a_to(7) + [None] * 10]),
        (["--key", json.dumps(a_to(39))], []),
        (["--key", '{"bytes":"fffe"}'], [iface("string", {"bytes": "fffe"}), {"bytes": "fffe"}]),
        (["--key", '"a\\u0000b"'], ["a\0b"]),
        (["--site", "main.inner"], ["a\0b", {"bytes": "fffe"}, "inlined"]),
        (["--site", "main.outer"], ["a\0b", {"bytes": "fffe"}, "inlined"]),
        (["--site", "main.outer", "--stack", "1", "--key", "inlined"], ["inlined"]),
    ]


@test
def keys_in_parts():
    """User space compares these keys. No other key passes, and no key is left out because a part of it was not read."""
    p = Program(go_build(HERE / "parts.go", "parts"))
    same(p.line(), "ready", "parts")
    trouble = []
    for args, want in parts_cases():
        try:
            t = Tracer("-p", p.pid, *args)
            same(p.ask("round"), "done", "parts")
            got = t.end()
            identity(got)
            same([e["key"] for e in got.events], want, "keys")
            for e in got.events:
                part = any(w in json.dumps(e["key"]) for w in ("kkkk", "null", '"user"'))
                same(bool(e.get("key_cut") or e.get("key_error")), part, f"{e['key']}: says that it is not all")
        except Failed as f:
            trouble.append(f"{' '.join(args)}: {f}")
    p.end()
    check(not trouble, f"{len(trouble)} filters: " + "\n    ".join(x[:700] for x in trouble))


@test
def key_and_stack_sizes():
    p = zoo_program()
    long = "0123456789" * 30
    for n in (1, 10, 64, 65, 256):
        t = Tracer("-p", p.pid, "--key-bytes", n)
        p.ask("round")
        keys = [e for e in t.end().events if e["event"] == "delete" and isinstance(e["key"], str) and e["key"].startswith("0")
                and not e["key"].startswith("0x")]
        same([(e["key"], e.get("key_cut")) for e in keys], [(long[:n], True)], f"--key-bytes {n}")
    for depth, n, cut in ((50, 64, None), (50, 10, True), (100, 64, True), (300, 512, None), (300, 1, True), (600, 512, True)):
        t = Tracer("-p", p.pid, "--stack", n)
        p.ask(f"deep {depth}")
        r = t.end()
        identity(r)
        e = r.events[0]
        same(e.get("stack_cut"), cut, f"deep {depth} --stack {n}: stack_cut")
        want = ["main.dropUser"] + ["main.deep"] * (depth + 1) + ["main.serve", "main.main"]
        got = [f["func"].replace(".gowrap1", "").replace(".func2", "") for f in e["stack"]]
        same(got[:n], (want if not cut else want)[:n][: len(got)], f"deep {depth} --stack {n}")
        check(len(got) == n if cut else len(got) > depth, f"deep {depth} --stack {n}: {len(got)} frames")
    p.end()


GENERIC = [  # --type, and the elements removed from maps that may be of it
    ("map[string]*main.session", 3),
    ("map[string]*", 4),  # and map[string]bool
    ("map[main.id]string", 4),
    ("map[int]int", 3),
    ("map[string]bool", 1),
    ("map[[]2[]int]*", 0),
]


@test
def types_of_generic_code():
    """--type hides no removal in generic code whose map type is a shape that could be the given type. A message tells how many others it
    hides."""
    trouble = []
    loop = "for k := range m {\n\t\tdelete(m, k)\n\t}"
    source = (HERE / "generic.go").read_text()
    check(loop in source, "generic.go has no loop")
    with_clear = tmp("generic_clear.go")
    with_clear.write_text(source.replace(loop, "clear(m)"))
    # The number of removals with shape types. Go 1.19 only knows shapes in generic code; later this is true for clear() only.
    for go, program, all_shapes in [
        ("1.19", go_build(HERE / "generic.go", "generic", go="1.19"), 6),
        ("1.23", go_build(with_clear, "generic_clear", go="1.23"), 3),
        ("1.27", go_build(with_clear, "generic_clear", go="1.27"), 3),
    ]:
        for glob, want in GENERIC:
            r = tophash("--format", "json", "--type", glob, "--", program)
            same(r.code, 0, "exit code")
            events = [json.loads(line) for line in r.out.splitlines()]
            hidden = all_shapes - sum("go.shape." in e.get("map_type", "") for e in events)
            got = sum(e["len_before"] - e["len_after"] for e in events if e["event"] in ("delete", "clear"))
            end = events[-1]
            if got != want:
                trouble.append(f"Go {go}, {glob}: {got} removed, not {want}")
            if end["hits"] != end["delivered"] + end["filtered"]:
                trouble.append(f"Go {go}, {glob}: {end}")
            told = f"--type: {hidden} of the filtered removals {'was' if hidden == 1 else 'were'} in generic code" in r.err
            if told != (hidden > 0):
                trouble.append(f"Go {go}, {glob}: {hidden} hidden shapes, but: {r.err}")
        sites = subprocess.run([options.tophash, "sites", "--type", "map[string]*main.session", program], text=True, stdout=subprocess.PIPE)
        if "empty[" not in sites.stdout:
            trouble.append(f"Go {go}: sites hides the generic site: {sites.stdout}")
    check(not trouble, "\n    ".join(trouble))


@test
def filters_that_match_nothing():
    """A filter that can match nothing in the program is reported at the start, with the nearest name. It is no error."""
    program = go_build(HERE / "generic.go", "generic", go="1.23")
    for args, said in [
        (["--type", "map[strin]int"], "--type map[strin]int: matches no map type in"),
        (["--type", "map[string]*main.sesion"], "did you mean map[string]*main.session?"),
        (["--type", "map"], "--type map: matches no map type in"),
        (["--site", "forget"], "--site forget: matches no function or line with a delete in"),
        (["--site", "main.mian"], "did you mean main.main?"),
        (["--site", "empyt*"], "--site empyt*: matches no"),
        (["--site", "generic.go:1"], "did you mean generic.go:"),
        (["--key", "1.5", "--type", "map[main.id]*"], "--key 1.5: no map of that type in"),
        (["--key-prefix", "x", "--type", "map[int]*"], "--key-prefix x: no map of that type in"),
        (["--type", "map[string]bool"], None),
        (["--type", "map[string]*main.session"], None),
        (["--site", "main.main"], None),
        (["--site", "*"], None),
        (["--site", "main.drop*"], None),
        (["--site", "generic.go:*"], None),
        (["--key", "x"], None),
        (["--key", "1.5"], None),  # of map[interface {}]..., which the runtime has
    ]:
        r = tophash(*args, "--", program)
        same(r.code, 0, "exit code")
        lines = [line for line in r.err.splitlines() if "matches no" in line or " has keys that could equal it" in line]
        if said:
            check(len(lines) == 1 and said in lines[0], f"{args}: {r.err}")
        else:
            check(not lines, f"{args}: {r.err}")
        same(tophash("-q", *args, "--", program).err, "", f"{args} with -q")
