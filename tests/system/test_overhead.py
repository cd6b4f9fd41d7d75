"""Tests --max-overhead: what is sampled, what is never sampled, and the times without probes. TOPHASH_SAMPLE fixes the fraction."""

import json
from collections import Counter

from harness import check, go_build, HERE, LONG, same, spawn, test, tmp, tophash, Tracer

GOROUTINES, KEYS = 200, 8
DELETES = GOROUTINES * KEYS * 3
KINDS = ["map[string]int", "map[int]int", "map[main.part]int"]
LIMIT = ["--max-overhead", "5%"]


def program(go="1.27"):
    return go_build(HERE / "sampled.go", "sampled", go=go)


def whole(end):
    """Checks that the totals account for every hit."""
    same(end["hits"], end["delivered"] + end["filtered"] + end["sampled"] + sum(end["lost"].values()), "hits")


def sampled(*args, go="1.27", fraction="0.5", count=True):
    """Returns (records of a program that knows its deletes, end record)."""
    env = {"TOPHASH_SAMPLE": fraction}
    if not count:
        env["TOPHASH_NO_COUNT"] = "1"
    r = tophash("--format", "json", *LIMIT, *args, "--", program(go), str(GOROUTINES), str(KEYS), env=env)
    same(r.code, 0, f"exit code of {args}: {r.err}")
    whole(r.end)
    return r.records, r.end


def between(n, least, most, what):
    check(least <= n <= most, f"{what}: {n}, should be from {least} to {most}")


@test
def sampled_goroutines():
    """All deletes of a goroutine are in the sample, or none. About half of the goroutines are in it."""
    for go in ["1.23", "1.27"]:
        for args, each in [([], 3 * KEYS + 1), (["--misses"], 3 * KEYS + 2), (["--type", "map[int]int"], KEYS + 1), (["--site", "main.dropName"], KEYS)]:
            records, end = sampled(*args, go=go)
            counts = Counter(r["goid"] for r in records if r["event"] in ("delete", "clear"))
            same(set(counts.values()), {each}, f"Go {go} {args}: events of a goroutine")
            between(len(counts), 50, 150, "goroutines")  # (of 200, by chance with a probability below 10^-12)
            hits = GOROUTINES * (3 * KEYS + 1 + ("--misses" in args))
            same((end["hits"], end["removed"], end["cleared"]), (hits, DELETES, GOROUTINES * 3), "hits, removed, cleared")
            # The type is checked before the sample, and the site after it.
            same(end["filtered"], {"--type": GOROUTINES * 2 * KEYS, "--site": len(counts) * (2 * KEYS + 1)}.get(args[0] if args else "", 0), "filtered")
            passing = hits - (end["filtered"] if "--type" in args else 0)
            same(end["sample"], {"by": "goroutine", "fraction": round(1 - end["sampled"] / passing, 6), "watched": 1}, "sample")
            changes = [r for r in records if r["event"] == "sample"]
            same([(c["by"], c["fraction"]) for c in changes], [("goroutine", 0.5)], "sample records")


@test
def sampled_keys():
    """A key is always in the sample, or never. Every clear is in it, and every key with parts elsewhere."""
    for go in ["1.23", "1.27"]:
        seen = set()
        for _ in range(4):
            records, end = sampled("--sample-by", "key", go=go)
            counts = Counter((r["map_type"], json.dumps(r["key"])) for r in records if r["event"] == "delete")
            same(set(counts.values()), {GOROUTINES}, f"Go {go}: events of a key")
            same(sum(r["event"] == "clear" for r in records), GOROUTINES, "clears")
            kinds = Counter(kind for kind, _ in counts)
            same(kinds["map[main.part]int"], KEYS, "keys with a string in them")
            seen |= {(kind, key) for kind, key in counts if kind != "map[main.part]int"}
            same(end["sampled"], GOROUTINES * (2 * KEYS - kinds["map[string]int"] - kinds["map[int]int"]), "sampled")
        # (the probability that a key is in none of four samples is 1/16)
        between(len(seen), KEYS, 2 * KEYS, "keys that were ever in a sample")


@test
def sampled_table():
    """The table has the same sample, whether the kernel program counts the hits or not. Rows tell that they count a part."""
    for go in ["1.23", "1.27"]:
        for by, count in [("goroutine", True), ("goroutine", False), ("key", True), ("key", False)]:
            for args in [["--summary"], ["--summary=type"], ["--summary", "--type", "map[string]*"], ["--summary=key"]]:
                records, end = sampled(*args, "--sample-by", by, go=go, count=count)
                rows = [r for r in records if r["event"] == "summary"]
                # Once in 256 times no key of the eight is in the sample.
                says = {(end["sample"]["fraction"], 1)} if end["delivered"] else set()
                same({(r["fraction"], r["watched"]) for r in rows}, says, f"{args} {by}: what rows say")
                same(sum(r["deletes"] + r["clears"] for r in rows), end["delivered"], "the sum of the rows")
                same(end["hits"], DELETES + GOROUTINES, "hits")
                same(end["filtered"], GOROUTINES * (2 * KEYS + 1) if "--type" in args else 0, "filtered")
                if by == "goroutine":
                    same(end["delivered"] % (KEYS if "--type" in args else 3 * KEYS + 1), 0, "whole goroutines")
                    between(end["delivered"] / (DELETES + GOROUTINES - end["filtered"]), 0.25, 0.75, "fraction")


@test
def sampled_all():
    """A sample of everything leaves nothing out, and nothing tells of a sample."""
    records, end = sampled(fraction="1")
    same((end["sampled"], end["delivered"]), (0, DELETES + GOROUTINES), "sampled, delivered")
    same([r for r in records if r["event"] == "sample"], [], "sample records")
    same(end["sample"], {"by": "goroutine", "fraction": 1, "watched": 1}, "sample")


@test
def named_is_not_sampled():
    """Events that --key, --key-prefix, --map or --goid selects are never sampled."""
    for args, want in [
        (["--key", "user:3"], 2 * GOROUTINES),  # (a key, and the clears of maps that could hold it)
        (["--key-prefix", "user:"], GOROUTINES * KEYS),
        (["--key", "3", "--type", "map[int]int"], 2 * GOROUTINES),
    ]:
        for extra in [[], ["--sample-by", "key"], ["--summary"]]:
            records, end = sampled(*args, *extra, fraction="0.1")
            same(end["sampled"], 0, f"{args} {extra}: sampled")
            deletes = sum(r["event"] == "delete" for r in records) or sum(r.get("deletes", 0) for r in records)
            clears = sum(r["event"] == "clear" for r in records) or sum(r.get("clears", 0) for r in records)
            same(deletes, GOROUTINES * KEYS if "--key-prefix" in args else GOROUTINES, f"{args} {extra}: deletes")
            same(end["delivered"], deletes + clears, "delivered")


@test
def gaps():
    """If the traps alone cost more than the limit, the probes are removed for a time. Each such time is a gap. All hits are accounted for."""
    busy = go_build(HERE / "busy_loop.go", "busy_loop", go="1.27")
    for args in [[], ["--summary"], ["--misses"], ["--key", "5"], ["--sample-by", "key"]]:
        r = tophash("--format", "json", "--max-overhead", "1%", *args, "--", busy, "3000ms")
        same(r.code, 5, f"{args}: exit code: {r.err}")
        end, found = r.end, r.of("gap")
        whole(end)
        same({(g["pid"], g["why"]) for g in found}, {(r.of("start")[0]["pid"], "overhead")}, "gaps")
        same(len(found), end["gaps"], "gaps of the end record")
        check(found and end["hits"] > 0, f"{args}: {len(found)} gaps, {end}")
        stretches = [(int(g["from_ns"]), int(g["to_ns"])) for g in found]
        check(all(a < b for a, b in stretches), f"{stretches}")
        check(all(a[1] <= b[0] for a, b in zip(stretches, stretches[1:])), f"gaps overlap: {stretches}")
        check(not any(a < int(e["time_ns"]) < b for e in r.events for a, b in stretches), "an event in a gap")
        check(end["sample"]["watched"] < 1, f"{end}")
        same(len(r.of("exit")), 1, "exit records")
        if "--misses" in args:
            check(all(e["removed"] for e in r.events if e["key"] == 0 and e["len_before"]), "a miss of a key that was there")


@test
def gaps_of_processes():
    """With -b each process has its own gaps, even if it begins or ends in a gap."""
    busy = go_build(HERE / "busy_loop.go", "busy_loop", go="1.27")
    t = Tracer("--max-overhead", "0.5%", "-b", busy)
    for duration in ["500ms", "3000ms", "100ms", "100ms"]:
        p = spawn([busy, duration])
        same(p.wait(LONG), 0, "the program")
    r = t.end()
    same(r.code, 5, f"exit code: {r.err}")
    whole(r.end)
    same(len(r.of("gap")), r.end["gaps"], "gaps")
    same(len(r.of("start")), 4, "start records")
    same(len(r.exits), 4, "exit records")
    same({g["pid"] for g in r.of("gap")} - {s["pid"] for s in r.of("start")}, set(), "gaps of processes without a start")
    check(r.of("gap"), "no gap")


@test
def stop():
    """With ,stop the run ends instead, and a message tells this. The command continues."""
    busy = go_build(HERE / "busy_loop.go", "busy_loop", go="1.27")
    p = spawn([busy, "60s"])
    r = tophash("--format", "json", "--max-overhead", "1%,stop", "-p", str(p.pid))
    same(r.code, 5, f"exit code: {r.err}")
    check("more than the 1% of --max-overhead: tracing ends here" in r.err, r.err)
    whole(r.end)
    same((len(r.of("gap")), r.end["gaps"]), (1, 1), "gaps")
    check(r.end["hits"] > 0 and not r.of("exit"), f"{r.end}")
    same(p.poll(), None, "the program")


@test
def cheap():
    """A program whose cost is below the limit is traced completely."""
    r = tophash("--format", "json", "--max-overhead", "1000%", "--", program(), "20", "5")
    same(r.code, 0, f"exit code: {r.err}")
    same((r.end["hits"], r.end["delivered"], r.end["sampled"], r.end["gaps"]), (20 * 16, 20 * 16, 0, 0), "end")
    same(r.end["sample"], {"by": "goroutine", "fraction": 1, "watched": 1}, "sample")


EXECS = """package main
import ("os"; "strconv"; "syscall"; "time")
func main() {
	n, _ := strconv.Atoi(os.Args[1])
	m := map[int]int{}
	for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end); {
		m[1] = 1
		delete(m, 1)
	}
	if n == 0 { return }
	again := func() { syscall.Exec("/proc/self/exe", []string{os.Args[0], strconv.Itoa(n - 1)}, os.Environ()) }
	if n % 2 == 0 { again() }
	go again()
	select {}
}
"""


@test
def execs_between():
    """A program executes itself, mostly while no probe is placed. It has a start record each time, and every hit is accounted for."""
    source = tmp("execs.go")
    source.write_text(EXECS)
    for args in [[], ["--misses"]]:
        r = tophash("--format", "json", "--max-overhead", "2%", *args, "--", go_build(source, "execs", go="1.27"), "6")
        same(r.code, 5, f"exit code: {r.err}")
        whole(r.end)
        same((len(r.of("start")), len(r.exits)), (7, 1), f"start and exit records: {r.err}")
        gaps = r.of("gap")
        same(len(gaps), r.end["gaps"], "gaps")
        check({g["why"] for g in gaps} <= {"overhead", "exec"} and any(g["why"] == "overhead" for g in gaps), f"{gaps}")
        check(all(e["removed"] for e in r.events), "a miss of a key that was there")
