"""Tests of maps --map: one map in full, its drawing and its entries, compared with what the program says."""

import collections
import json
import os
import subprocess

from harness import HERE, check, go_build, LONG, options, Program, same, test, tmp

import sample
from releases import releases
from test_maps import maps

FAST = ("1.23", "1.26")  # the two layouts


def chosen():
    """Returns the releases to test where only the layout counts: one of each layout, or all in the long tier."""
    there = releases()
    return there if options.rounds >= 200 else [go for go in there if go in FAST]


def truth_of(go, *words, **how):
    """Starts the program. Returns it, and the maps that it has written, by name."""
    file = tmp(f"one-map-{go}-{len(words)}")
    p = Program(go_build(HERE / "one_map.go", "one_map", go=go), file, *words, **how)
    same(p.line(), "ready", "the program")
    told = [json.loads(line) for line in file.read_text().splitlines()]
    return p, {x["name"]: x for x in told}


def one(p, addr, *args):
    """Returns the records of one map, by event."""
    found = collections.defaultdict(list)
    for line in maps("-p", p.pid, "--map", addr, "--format", "json", *args).stdout.splitlines():
        record = json.loads(line)
        found[record["event"]].append(record)
    same((len(found["map"]), len(found["end"])), (0 if "--key" in args else 1, 1), f"records: {found.keys()}")
    return found


def text_of(pairs):
    return sorted(json.dumps(pair, sort_keys=True) for pair in pairs)


def check_parts(go, swiss, told, found):
    """Compares what the header says, what the parts add up to, and where entries are."""
    facts, parts = found["map"][0], found["group" if swiss else "bucket"]
    slots = "".join(part["slots"] for part in parts)
    what = f"{go} {told['name']}"
    same(facts.get("unread", 0), 0, f"{what}: parts that were not read")
    if not parts and told["len"]:  # a large one
        cells = found["fill"] + found["fill_old"]
        same(sum(x["used"] for x in cells), told["len"], f"{what}: slots in use")
        check(len(cells) <= 4096, f"{what}: {len(cells)} characters")
    else:
        same(slots.count("#"), told["len"], f"{what}: slots in use")
        places = {(x.get("table"), x.get("array"), x["index"], x.get("chain"), x["slot"]) for x in found["entry"]}
        same(len(places), told["len"], f"{what}: places of entries")
        used = {(x.get("table"), x.get("array"), x["index"], x.get("chain"), i) for x in parts for i in range(8) if x["slots"][i] == "#"}
        same(places ^ used, set(), f"{what}: places of entries, and slots in use")
    same(sum(i * n for i, n in enumerate(facts.get("fill", []))), told["len"], f"{what}: the histogram of fill")
    if swiss and parts:
        same(slots.count("x"), facts["tombstones"], f"{what}: tombstones")
        same(sum(x["used"] for x in found["table"]), told["len"] if found["table"] else 0, f"{what}: elements of tables")
    elif parts:
        moved = [x for x in parts if x["moved"] and not x["chain"]]
        same((len(moved), len([x for x in parts if x["array"] == "old" and not x["chain"]])), (facts.get("evacuated", 0), facts.get("old_buckets", 0)),
             f"{what}: old buckets that have moved, and all")
        same(len([x for x in parts if x["chain"]]), facts["overflow"], f"{what}: overflow buckets")
        same(sum(facts["chains"]), len([x for x in parts if not x["chain"]]) - len(moved), f"{what}: chains")


@test
def one_map_is_shown_with_its_entries():
    """Each release, each kind of key, element and state: all entries are shown, and no others, as the program says."""
    for go in releases():
        swiss = sample.is_swiss(go)
        p, truth = truth_of(go, *([] if swiss else ["classic"]))
        for told in truth.values():
            if not told["type"]:
                continue
            found = one(p, told["addr"], "--entries", 100000, "--value-bytes", 1000)
            facts = found["map"][0]
            same((facts["map_type"], facts["len"], facts["changing"], facts["listed"]), (told["type"], told["len"], False, True), f"{go} {told['name']}")
            same(text_of((x["key"], x["value"]) for x in found["entry"]), text_of(told["entries"]), f"{go} {told['name']}: entries")
            same([x for x in found["entry"] if x["uncertain"] or "key_error" in x or "cut" in x], [], f"{go} {told['name']}")
            check_parts(go, swiss, told, found)
        growing = one(p, truth["growing"]["addr"])["map"][0]
        if not swiss:
            check(growing["growing"] and 0 < growing["evacuated"] < growing["old_buckets"] == 64, f"{go}: {growing}")
            moving = one(p, truth["same size"]["addr"])["map"][0]
            same((moving["growing"], moving["old_buckets"] * 8, "same_size" in moving["flags"]), (True, moving["capacity"], True), f"{go}: {moving}")
            check(moving["evacuated"] < moving["old_buckets"], f"{go}: {moving}")
        else:
            check(one(p, truth["many"]["addr"])["map"][0]["tables"] > 20, f"{go}: tables of a large map")
        p.end()


@test
def one_map_looks_up_keys():
    """A key is found where the program has it, in each kind of map. Another one is not in the map."""
    for go in releases():
        p, truth = truth_of(go)
        for name in ("string", "int8", "uint64", "bool", "float64", "complex", "array", "struct", "interface", "pointer", "large", "named", "many"):
            told = truth[name]
            for key, value in told["entries"][:: max(1, len(told["entries"]) // 2)][:2]:
                word = json.dumps(key)
                found = one(p, told["addr"], "--key", word)["entry"]
                same([(x["key"], x["value"]) for x in found], [(key, value)], f"{go} {name} {word}")
        for name, word in (("string", "user:4"), ("int8", "5"), ("uint64", "1"), ("struct", '{"X":1,"Y":2,"name":"q"}'), ("named", "user:1000"), ("many", "3")):
            same(maps("-p", p.pid, "--map", truth[name]["addr"], "--key", word).stdout, "not in the map\n", f"{go} {name} {word}")
        p.end()


HASHED = ("string", "int8", "uint64", "bool", "array", "pointer", "channel", "large", "set", "slices", "named", "emptied", "growing", "growing strings", "ten", "many",
          "deleted", "lengths", "array 1", "array 3", "array 12", "array 16", "array 40", "array 80", "array 1000", "shorts", "words")
LOOKED_UP = ("string", "int8", "uint64", "bool", "pointer", "named", "growing", "growing strings", "many", "lengths", "shorts", "words")


@test
def one_map_hashes_as_the_program_does():
    """Each release, with and without AES: the hashes that the program's own functions return; by them each entry is where a lookup comes to. The
    key of one entry was changed after it was inserted: a search finds it, and it is said that a lookup does not. Where all were changed, a
    lookup comes to a few even so, and the program knows how many."""
    whole = options.rounds >= 200
    names = HASHED if whole else sample.some(sample.today(), "hashed", HASHED, len(HASHED) // 2)
    keys = 3 if whole else 1
    for go in releases():
        for environment in ({}, {"GODEBUG": "cpu.aes=off"}) if go in ("1.19", "1.23", "1.27") else ({},):
            p, truth = truth_of(go, "hashed", env={**os.environ, **environment})
            what = f"{go} {environment}"
            for name in names:
                facts, told = one(p, truth[name]["addr"])["map"][0], truth[name]
                same((sum(facts.get("probes", [])), facts.get("misplaced")), (told["len"], 0), f"{what} {name}: entries by probes: {facts}")
            for name in LOOKED_UP:
                told = truth[name]
                pairs = [x for x in zip(told["entries"], told["hashes"]) if len(str(x[0][0])) <= 256]  # the limit of --key
                for (key, value), hashed in pairs[:: max(1, len(pairs) // keys)][:keys]:
                    found = one(p, told["addr"], "--key", json.dumps(key))
                    lookup = found["lookup"][0]
                    same((lookup["by"], lookup["hash"], lookup["found"], [x["value"] for x in found["entry"]]), ("hash", hashed, True, [value]), f"{what} {name} {key}")
                    check(lookup["visits"] >= 1, f"{what} {name} {key}: {lookup}")
            changed = truth["changed"]["addr"]
            same(one(p, changed)["map"][0]["misplaced"], 1, f"{what}: entries that a lookup does not find")
            lookup = one(p, changed, "--key", "Its bytes")["lookup"][0]
            same((lookup["by"], lookup["found"], lookup["visits"]), ("hash", True, 0), f"{what}: the key that was changed")
            told = truth["all changed"]
            same(one(p, told["addr"])["map"][0]["misplaced"], told["len"] - told["found"], f"{what}: entries of {told} that a lookup does not find")
            check("a lookup does not find it" in maps("-p", p.pid, "--map", changed, "--key", "Its bytes").stdout, f"{what}: text")
            same(one(p, truth["struct"]["addr"], "--key", '{"X":1,"Y":2,"name":"p"}')["lookup"][0], {"event": "lookup", "by": "search", "found": True}, f"{what}: a struct")
            p.end()


@test
def one_map_whose_type_is_not_known():
    """Its buckets or groups are drawn, and its entries are refused. So is what is no map."""
    for go in releases():
        p, truth = truth_of(go)
        addr = truth["hidden"]["addr"]
        facts = one(p, addr)["map"][0]
        same((facts["map_type"], facts["len"], facts["fill"][2]), (None, 2, 1), f"{go}: a map that only an unsafe.Pointer leads to")
        for args in (["--entries", 1], ["--key", 1]):
            check("type of the map is not known" in maps("-p", p.pid, "--map", addr, *args, code=3).stderr, f"{go}: {args}")
        for wrong in (int(addr, 16) + 8, 0x10, 2**64 - 1):
            r = maps("-p", p.pid, "--map", hex(wrong), code=3)
            same((r.stdout, r.stderr.count("\n")), ("", 1), f"{go}: {hex(wrong)}")
        p.end()


@test
def one_map_that_changes():
    """Each entry that is shown as certain is one that the program had. An element may be that of a key that was just inserted."""
    for go in chosen():
        p, truth = truth_of(go, "churn")
        seen = 0
        for _ in range(5):
            found = one(p, truth["churn"]["addr"], "--entries", 10000)
            certain = [x for x in found["entry"] if not x["uncertain"]]
            torn = [x for x in certain if x["value"] not in (x["key"] + "v", "") and "value_error" not in x]
            same(torn, [], f"{go}: entries")
            check(2900 < len(found["entry"]) < 3200 or found["map"][0]["changing"], f"{go}: {len(found['entry'])} entries")
            seen += len(certain)
        check(seen > 3000, f"{go}: {seen} entries in 5 rounds")
        check(p.p.poll() is None, "the program has ended")
        p.p.kill()


@test
def one_map_that_never_rests():
    """No entry of a map that changes all the time is one that a lookup does not find; if that cannot be told, it is not told."""
    for go in chosen():
        p, truth = truth_of(go, "busy")
        for _ in range(10):
            for name in ("busy small", "busy mid"):
                facts = one(p, truth[name]["addr"])["map"][0]
                same(facts.get("misplaced", 0), 0, f"{go} {name}: {facts}")
            for key, name in ((3, "busy small"), (39 << 40, "busy mid")):
                found = one(p, truth[name]["addr"], "--key", key)["lookup"][0]
                check(found.get("visits") != 0, f"{go} {name}: {found}")
        check(p.p.poll() is None, "the program has ended")
        p.p.kill()


@test
def one_map_with_long_keys():
    """At most 256 MiB of keys are hashed: no counts, not those of a part of the map."""
    for go in chosen():
        p, truth = truth_of(go, "long")
        facts = one(p, truth["long"]["addr"])["map"][0]
        same((facts["len"], facts["changing"], "probes" in facts, "misplaced" in facts), (4200, False, False, False), f"{go}: {facts}")
        p.end()


@test
def one_map_that_lies():
    """Damaged headers and chains: one line that says so, or a map with parts that were not read."""
    for go in releases():
        swiss = sample.is_swiss(go)
        p, truth = truth_of(go, "damaged", "swiss" if swiss else "classic")
        walked = {"cycle": "leads back to itself", "long cycle": "leads back to itself", "chain": "it cannot be read", "bytes": "make no sense"}
        for told in truth.values():
            args = ["-p", p.pid, "--map", told["addr"], "--format", "json"]
            r = subprocess.run([options.tophash, "maps", *map(str, args)], text=True, capture_output=True, timeout=LONG)
            if told["name"] in walked and not r.returncode:
                facts = json.loads(r.stdout.splitlines()[0])
                check(facts["unread"] >= 1 and walked[told["name"]] in facts["fault"], f"{go} {told['name']}: {facts}")
                if facts["map_type"]:
                    lost = maps("-p", p.pid, "--map", told["addr"], "--key", "-1").stdout
                    same(lost, "not found, but not all of the map could be read\n", f"{go} {told['name']}")
            else:
                check(told["name"] not in ("cycle", "long cycle", "chain"), f"{go} {told['name']}: {r.stderr}")
                same((r.returncode, r.stdout, r.stderr.count("\n")), (3, "", 1), f"{go} {told['name']}: {r.stderr}")
        p.end()


@test
def one_map_is_drawn():
    """The drawing fits the width, and has other characters than ASCII only in a locale that has them."""
    for go in chosen():
        p, truth = truth_of(go)
        for name in ("named", "growing", "many", "deleted"):
            for locale, word in (("C.UTF-8", "\u00b7 empty"), ("C", ". empty")):
                env = {**os.environ, "LC_ALL": locale}
                args = [options.tophash, "maps", "-p", str(p.pid), "--map", truth[name]["addr"]]
                out = subprocess.run(args, text=True, capture_output=True, timeout=LONG, env=env, encoding="utf-8").stdout
                drawing = out.split("\n\n")[1]
                check(word in drawing and drawing.isascii() == (locale == "C"), f"{go} {name} {locale}: {drawing[-200:]}")
                check(max(map(len, drawing.splitlines()[:-1])) <= 81, f"{go} {name}: {drawing}")
        p.end()


@test
def one_map_refuses():
    for args, word in ((("--entries", 1), "--map"), (("--key", "x"), "--map"), (("--map", 1, "--top", 2), "--top"),
                       (("--map", 1, "--key", "x", "--entries", 2), "--entries"), (("--map", 1, "--key", "{"), "JSON"), (("--map", 0), "0")):
        r = maps("-p", os.getpid(), *args, code=2)
        check(r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
