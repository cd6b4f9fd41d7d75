"""tophash maps --holders: what holds each map. The program (held/) knows it. It runs plain and stripped."""

import json
import re
import subprocess

from harness import HERE, LONG, Program, REPO, check, go_build, options, same, test, tmp

import sample
from releases import drawn

PLAIN, STRIPPED = (), ("-ldflags=-s -w",)
UNKNOWN = ("unknown", "map")


def maps(*args, code=0):
    r = subprocess.run([options.tophash, "maps", *map(str, args)], text=True, capture_output=True, timeout=LONG)
    same(r.returncode, code, f"exit code of maps {args}: {r.stderr[-300:]}")
    return r


def lines(*args):
    return [json.loads(line) for line in maps("--format", "json", *args).stdout.splitlines()]


def start(way, go):
    """Starts the program. Returns it, and what it has written: {address: (case, type, hops)}. Of two maps at one address, one is dead."""
    file = tmp(f"held-{go}")
    p = Program(go_build(HERE / "held", f"held-{'stripped' if way else 'plain'}", *way, go=go), file)
    same(p.line(), "ready", "the program")
    rows = [line.split("\t") for line in file.read_text().splitlines()]
    return p, {addr: (case, kind, hops.split("|")) for case, addr, kind, hops in rows}


def hop_text(hop):
    """Writes a hop as the program does."""
    marks = [mark for mark in ("interface", "repeated") if hop.get(mark)]
    return " ".join([*marks, hop["kind"], *(str(hop[x]) for x in ("type", "name", "func") if x in hop)])


def is_root(hop, root, stripped):
    if not root.split()[-2:][0] == "global":
        return hop_text(hop) == root
    if stripped:  # the functions that use it
        return hop["kind"] == "global" and set(hop.get("used_by", [])) & {"main.build", "main.main"}
    return hop["kind"] == "global" and hop["name"].split("+")[0] == root.split()[-1]


def is_part(hops, whole):
    """Tells whether hops that are known are hops of the truth, in its order."""
    rest = iter(whole)
    return all(any(hop == other for other in rest) for hop in hops if hop.split()[-1] not in UNKNOWN and hop.split()[0] != "map")


@test
def holders_of_every_map():
    """The root is always right, and no hop is wrong. Where the types are known, every hop has its name."""
    for go in drawn("holders"):
        for way in (PLAIN, STRIPPED):
            p, truth = start(way, go)
            found = {x["map"]: x for x in lines("--holders", "-p", p.pid) if x["event"] == "map"}
            p.end()
            exact, cases = set(), {case for case, _, _ in truth.values()}
            for addr, (case, kind, hops) in truth.items():
                if case in ("object", "variable", "code"):  # no map
                    continue
                what = f"{go} {way}: {case} {addr} {kind} held by {hops}: "
                if hops == ["nothing"]:
                    check(addr not in found, f"{what}it is listed: {found.get(addr)}")
                    continue
                check(addr in found, f"{what}it is missing")
                held = found[addr]["held_by"]
                texts = [hop_text(hop) for hop in held]
                check(is_root(held[-1], hops[-1], way), f"{what}root {held[-1]}")
                check(is_part(texts[:-1], hops[:-1]), f"{what}{texts}")
                if texts[:-1] == hops[:-1]:
                    exact.add(case)
            known = {"global", "fields", "map value", "inline value", "map key", "slice", "slice of structs", "closure", "interface",
                     "named interface", "field of interface", "one of many", "held twice", "struct variable", "nested", "pointer"}
            if int(go.split(".")[1]) >= 22:  # the heap notes the types of arrays
                known |= {case for case in cases if case.startswith("lost ")}
            same(known - exact, set(), f"{go} {way}: cases that are not named")
            check("weak" not in cases or "weak" not in exact, "the weak one")


@test
def holders_are_shown_in_text():
    p, truth = start(PLAIN, options.go)
    text = maps("--holders", "-p", p.pid).stdout.splitlines()
    check("HELD BY" in text[0], f"headings: {text[0]}")
    by_map = {word: line for line in text[1:] for word in line.split() if word.startswith("0x")}
    addr = next(a for a, (case, _, _) in truth.items() if case == "inline value")
    check("main.elem.m <- (map value) <- main.gInline" in by_map[addr], by_map[addr])
    addr = next(a for a, (case, _, _) in truth.items() if case == "stack")
    check(" in main.worker, maybe stale" in by_map[addr] and "stack of goroutine " in by_map[addr], by_map[addr])
    check("HELD BY" not in maps("-p", p.pid).stdout and "held_by" not in maps("-p", p.pid, "--format", "json").stdout, "without --holders")
    p.end()


def case_of(truth, wanted):
    return next(addr for addr, (case, _, _) in truth.items() if case == wanted)


def who(pid, addr, *args):
    """Returns the record of the object, the ways, and the end record."""
    found = lines("-p", pid, "--who-holds", addr, *args)
    same([x["event"] for x in found], ["object", *["way"] * (len(found) - 2), "end"], "records")
    return found[0], [{**x, "hops": [hop_text(hop) for hop in x["held_by"]]} for x in found[1:-1]], found[-1]


@test
def holders_of_any_object():
    """--who-holds: a map, an object that is no map, an address in the middle, two ways, a stack, and addresses of nothing."""
    for go in drawn("holders"):
        p, truth = start(PLAIN, go)
        addr = case_of(truth, "object")
        obj, ways, end = who(p.pid, addr, "--all-paths", 10)
        same((obj["live"], obj["object"], obj["offset"], obj["type"]), (True, addr, 0, "main.session"), f"{go}: the object")
        hops = [way["hops"] for way in ways]
        second = "map value map[string]*main.session"
        same(hops[0], ["interface global main.gSecond"], f"{go}: the shortest way of {hops}")
        check([second, "global main.gByName"] in hops, f"{go}: the other way is not among {hops}")
        check(end["pointers"] >= 2 and end["ways"] == len(ways), f"{go}: {end}")
        same([way["hops"] for way in who(p.pid, addr)[1]], hops[:1], f"{go}: without --all-paths")
        inside, same_way, _ = who(p.pid, hex(int(addr, 16) + 16))
        same((inside["object"], inside["offset"], same_way[0]["hops"]), (addr, 16, hops[0]), f"{go}: in the middle")
        check(" is 16 bytes (tags) into an object of " in maps("-p", p.pid, "--who-holds", hex(int(addr, 16) + 16)).stdout, f"{go}: text")
        # From the map the direct holder is the object, which is followed by its address.
        of_map, ways, _ = who(p.pid, case_of(truth, "held twice"))
        same((of_map["type"], ways[0]["holder"], ways[0]["hops"][0]), ("map[string]int16", addr, "field main.session tags"), f"{go}: its map")
        stack = who(p.pid, case_of(truth, "stack"))[1] if sample.is_swiss(go) else []
        check(not stack or stack[0]["hops"] == ["stack main.worker"], f"{go}: the stack: {stack}")
        for addr, (_, _, hops) in truth.items():
            if truth[addr][0] == "variable":
                there, ways, _ = who(p.pid, addr)
                same((there["live"], [way["hops"] for way in ways]), (True, [hops]), f"{go}: a variable without pointers")
                check("but in a global variable: " + hops[0].split()[-1] in maps("-p", p.pid, "--who-holds", addr).stdout, f"{go}: text")
        code, ways, _ = who(p.pid, case_of(truth, "code"))
        check(not code["live"] and ways == [] and "the program's file" in code["why"], f"{go}: code: {code}")
        nothing, ways, _ = who(p.pid, "0x1234")
        same((nothing["live"], ways), (False, []), f"{go}: no object")
        text = maps("-p", p.pid, "--who-holds", "0x1234").stdout
        same((text.count("\n"), text.startswith("0x1234: it is in no object")), (1, True), f"{go}: {text}")
        p.end()


def long_ways(lists, depth):
    """Starts a program with so many lists of so many objects. Returns how many maps at their ends have ways with a root, and how many are cut."""
    p = Program(go_build(HERE / "long_way.go", "long_way"), lists, depth)
    same(p.line(), "ready", "the program")
    r = maps("--holders", "--format", "json", "-p", p.pid)
    found = {}
    for x in map(json.loads, r.stdout.splitlines()):
        if x["event"] == "map":
            found.setdefault(x["map_type"], []).append([hop_text(hop) for hop in x["held_by"]])
    ends = found["map[int8]int"]
    same(len(ends), lists, "maps")
    check(lists > 1000 or found["map[int16]int"] == [["global main.near"]], f"the map that has a short way: {found['map[int16]int']}")
    whole = ["field main.node m", "repeated field main.node next", "element *main.node", "global main.lists"]
    check(all(x == whole or x[-1] == "cut" and is_part(x[:-1], whole) for x in ends), f"ways: {[x for x in ends if x != whole and x[-1] != 'cut'][:3]}")
    cut = sum(x[-1] == "cut" for kind in found.values() for x in kind)
    if cut:
        check(f"more than 2097152 objects are on the ways: {cut} of them " in r.stderr, r.stderr)
    else:
        check("objects are on the ways" not in r.stderr, r.stderr)
    p.end()
    return sum(x == whole for x in ends), cut


@test
def holders_of_long_ways():
    """Ways that are too many to be kept end with what is known of them, and a message tells how many these are."""
    same(long_ways(10, 1000), (10, 0), "few objects")
    if options.rounds < 200:
        return  # maps_limits_are_told has a smaller limit
    whole, cut = long_ways(80000, 32)
    check(whole > 60000 and cut > 10000, f"ways that are whole: {whole}, and those that are not: {cut}")
    same(long_ways(1, 2300000), (0, 1), "a list that needs all the room, and leaves some for others")


@test
def holders_in_groups():
    """--by holder adds up the maps of each way."""
    p, truth = start(PLAIN, options.go)
    rows = lines("--holders", "-p", p.pid)
    groups = lines("--by", "holder", "-p", p.pid)
    p.end()
    wanted = sum(1 for case, _, _ in truth.values() if case == "map value")
    by_text = {x["holder"]: x for x in groups[:-1]}
    same(by_text["main.session.tags <- (map value) <- main.gByName"]["maps"], wanted, "maps of the sessions")
    for member in ("bytes", "waste", "len", "capacity"):
        same(sum(x[member] for x in groups[:-1]), sum(x[member] for x in rows[:-1]), f"sum of {member}")
    same(sum(x["maps"] for x in groups[:-1]), len(rows) - 1, "maps")


@test
def holders_tell_the_package():
    """--by package: a type without a name is counted where it is held: by a type, a variable, a function, also in a stripped program."""
    for way in (PLAIN, STRIPPED):
        p, truth = start(way, options.go)
        unnamed = ("global", "interface", "nested", "pointer", "closure", "stack", "fields", "map value")
        rows = {x["map"]: x for x in lines("-p", p.pid) if x["event"] == "map"}
        groups = {x["package"]: x["maps"] for x in lines("--by", "package", "-p", p.pid) if x["event"] == "group"}
        p.end()
        mine = {a for a, (case, _, _) in truth.items() if a in rows and (rows[a]["package"] == "main" or case in unnamed)}
        check(sum(rows[a]["package"] is None for a in mine) > 200, f"{way}: types without a package")
        same(sum(groups.values()), len(rows), f"{way}: maps")
        # A map of the library without a named type may hang in a frame of main.
        others = sum(x["package"] is None for a, x in rows.items() if a not in truth)
        check(len(mine) <= groups["main"] <= len(truth) + others, f"{way}: {len(mine)} maps of main, {others} others, counted: {groups}")


@test
def holders_refuses():
    for args, word in ((("--all-paths", "2"), "--who-holds"), (("--who-holds", "0x10", "--by", "type"), "--who-holds"),
                       (("--who-holds", "0"), "--who-holds"), (("--holders", "--by", "type"), "--by holder")):
        r = subprocess.run([options.tophash, "maps", "-p", "1", *args], text=True, capture_output=True, timeout=LONG)
        check(r.returncode == 2 and r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.returncode} {r.stderr}")


RECIPE = REPO / "docs/recipes/what-holds-my-deleted-session.md"
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def replay(pid):
    """Runs the commands of the page. Returns the page with what they print now. An address of the page stands for the one that was printed in
    its place."""
    real, result = {}, []

    def run(block):
        command, _, printed = block.group(1).partition("\n")
        line = ADDRESS.sub(lambda a: real[a.group()], command).replace("-p 4711", f"-p {pid}")
        out = subprocess.run(["bash", "-c", line.replace("tophash", options.tophash, 1)], text=True, capture_output=True, timeout=LONG)
        same((out.returncode, out.stderr), (0, ""), line)
        old, new = ADDRESS.findall(printed), ADDRESS.findall(out.stdout)
        real.update(zip(old, new))
        result.append((command, printed, out.stdout))

    re.sub(r"```\n\$ (.*?)```", run, RECIPE.read_text(), flags=re.S)
    return result


@test
def holders_recipe():
    """The page "What holds my deleted session?" prints what the commands print, but for addresses."""
    p = Program(go_build(HERE / "leak.go", "leak"))
    same(p.line(), "ready", "the program")
    for command, printed, now in replay(p.pid):
        same(ADDRESS.sub("0x", now).split(), ADDRESS.sub("0x", printed).split(), command)
    p.end()
