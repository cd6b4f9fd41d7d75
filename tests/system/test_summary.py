"""Tests of --summary. The table is the same whether the kernel program counts deletes or writes a record for each."""

import ctypes
import json
import mmap
import re
import struct
from collections import Counter
from pathlib import Path

from harness import check, Failed, go_build, HERE, Program, same, spawn, test, tophash, Tracer

DELETES = 50 * (1 + 63 + 64) + 200 * 10 + 150 + 1 + 20  # of counted.go, beside those of its many stacks


def tables(program, *args, env=None):
    """(rows in order, end record, ring records)"""
    r = tophash("--format", "json", *args, "--", *program, env=env)
    same(r.code, 0, f"exit code of {args}: {r.err}")
    records = [json.loads(line) for line in r.out.splitlines()]
    end = records[-1]
    same(end["event"], "end", "last record")
    same(end["hits"], end["delivered"] + end["filtered"] + end["sampled"] + sum(end["lost"].values()), "hits")
    table = [x for x in records if x["event"] == "summary"]
    check(table, f"no table: {r.out[-300:]}")
    return [{k: v for k, v in x.items() if k not in ("time", "time_ns")} for x in table], end


@test
def counted_table():
    """By site and by type, with filters, with more stacks than the kernel's table has rows."""
    trouble = []
    for go in ["1.23", "1.27"]:
        program = go_build(HERE / "counted.go", "counted", go=go)
        for args, stacks in [
            (["--summary"], 100),
            (["--summary=site"], 16384),
            (["--summary=type"], 16384),
            (["--summary=type", "--type", "map[main.point]*"], 10),
            (["--summary", "--type", "map[string]*"], 10),
            (["--summary", "--site", "main.dropInt"], 300),
            (["--summary", "--key", "1"], 300),
            (["--summary", "--key-prefix", "1"], 300),
            (["--summary", "--misses"], 20),
            (["--summary", "--misses", "--type", "map[int]*"], 20),
            (["--summary", "--misses", "--key", "1"], 20),
            (["--summary", "--stack", "1"], 100),
            (["--summary", "--stack", "64"], 100),
            (["--summary=map"], 10),
            (["--summary=key"], 10),
        ]:
            run = [program, str(stacks)]
            try:
                counted, end = tables(run, *args)
                recorded, other = tables(run, *args, env={"TOPHASH_NO_COUNT": "1"})
                same({k: end[k] for k in ("hits", "delivered", "filtered", "removed", "cleared")},
                     {k: other[k] for k in ("hits", "delivered", "filtered", "removed", "cleared")}, "end")
                if args[0] not in ("--summary=map", "--summary=key"):  # (addresses, and types of a process that has ended)
                    check(counted == recorded, f"{[x for x in counted if x not in recorded][:3]} but {[x for x in recorded if x not in counted][:3]}")
                check(end["removed"] >= DELETES + stacks, f"{end['removed']} of {DELETES + stacks} deletes")
            except Failed as f:
                trouble.append(f"Go {go}, {' '.join(args)}: {f}")
    check(not trouble, "\n    ".join(t[:900] for t in trouble))


ROWS, ROW = 8192, struct.Struct("<6Q3H2B16QQ128Q")  # struct wire_count (scope/watch/engine/wire.h)
DELETE, CLEAR, STACK_CUT = 1, 2, 1 << 3  # of its key


def kernel_rows(pid):
    """Returns {(kind, flags, frames): (hits, elements)} of what the kernel program of this tracer has counted."""
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        words = dict(re.findall(r"^(\w+):\t(\S+)$", info.read_text(), re.M))
        if (words.get("value_size"), words.get("max_entries")) == (str(ROW.size), str(ROWS)):
            break
    else:
        raise Failed("the tracer has no table of rows")
    attr = ctypes.create_string_buffer(struct.pack("I", int(words["map_id"])), 128)
    fd = ctypes.CDLL(None, use_errno=True).syscall(321, 14, attr, 128)  # bpf(BPF_MAP_GET_FD_BY_ID)
    check(fd >= 0, f"bpf: {ctypes.get_errno()}")
    with open(fd, "rb", buffering=0), mmap.mmap(fd, ROWS * ROW.size, mmap.MAP_SHARED, mmap.PROT_READ) as rows:
        rows = [ROW.unpack_from(rows, i * ROW.size) for i in range(ROWS)]

    def frames(row):
        parent, n = row[7], row[8]
        return (frames(rows[parent - 1]) if parent else ()) + row[11 : 11 + n]

    used = [((row[9], row[10], frames(row)), (row[1], row[2])) for row in rows if row[1]]
    same(len(dict(used)), len(used), "rows that are the same")
    return dict(used)


@test
def counted_stacks():
    """Two stacks are never in one row, however deep they are. Clears and misses are counted as deletes are."""
    depths = [*range(1, 41), 64, 100, 250, 600]
    deep = {87, 88}  # of depth 600, that is more than --stack 512 takes
    for go in ["1.23", "1.27"]:
        program = go_build(HERE / "nested.go", "nested", go=go)

        def count(what, *args):
            p = Program(program, what, *depths)
            same(p.line(), "ready", "the program")
            t = Tracer("--summary", *args, "-p", str(p.pid))
            same(p.ask("go"), "done", "the program")
            rows = kernel_rows(t.p.pid)
            p.end()
            run = t.end()
            total = sum(hits for hits, _ in rows.values())
            same((total, run.end["hits"], run.end["delivered"]), (len(depths) * (2 * len(depths) + 1),) * 3, "hits")
            return rows

        whole = {}
        for (kind, flags, frames), (hits, elements) in count("drop", "--stack", "512").items():
            same((kind, elements), (DELETE, 0), "a delete")
            whole[hits] = frames
        same(sorted(whole), [*range(1, 87), sum(deep)], "hits of the rows")
        for hits, frames in whole.items():
            depth = 520 - len(whole[1]) + 1 if hits == sum(deep) else depths[(hits - 1) // 2]
            same(len(frames) - len(whole[1]), depth - 1, f"frames of {hits} beyond those of 1")
        for stack in [1, 7, 8, 9, 16, 24, 64]:
            want = Counter()
            for hits, frames in whole.items():
                want[frames[: stack + 8]] += hits
            got = count("drop", "--stack", str(stack))
            same({frames: hits for (_, _, frames), (hits, _) in got.items()}, dict(want), f"Go {go}, --stack {stack}")
            for (_, flags, frames), (hits, _) in got.items():
                cut = any(len(frames) < len(all_) for all_ in whole.values() if all_[: stack + 8] == frames)
                same(bool(flags & STACK_CUT), cut, f"Go {go}, --stack {stack}, {hits} hits: cut")
        for what, elements in [("wipe", 3), ("miss", 0)]:
            rows = count(what, "--stack", "512", "--misses")
            same(sorted(hits for hits, _ in rows.values()), [*range(1, 87), sum(deep)], what)
            for (kind, flags, frames), (hits, removed) in rows.items():
                same((kind, flags & 1, removed), (CLEAR if elements else DELETE, elements > 0, hits * elements), what)


@test
def counted_goroutines():
    """Goroutines are counted exactly up to 64."""
    program = go_build(HERE / "counted.go", "counted", go="1.27")
    rows, _ = tables([program, "1"], "--summary")
    same(sorted(row["goroutines"] for row in rows if row["site"].startswith("main.main.func1")), [1, 63, 64], "goroutines of the three deletes")
    same([row["goroutines"] for row in rows if row["site"] == "main.dropString"], [64], "goroutines of 200")


@test
def overhead():
    """The cost of tracing is measured during the run, and is in the end record. If nothing happens, no cost is shown."""
    program = go_build(HERE / "busy_loop.go", "busy_loop", go="1.27")
    for args in [["--summary"], ["--summary=map"], ["--summary", "--key", "nobody"], ["--summary", "--misses"]]:
        r = tophash("--format", "json", *args, "--", program, "2000ms")
        end = json.loads(r.out.splitlines()[-1])
        cost = end.get("overhead")
        check(cost, f"{args}: no overhead: {end}")
        same(sorted(cost), ["cpu_percent", "hits_per_s", "ns_per_hit"], "members")
        check(100 < cost["ns_per_hit"] < 50_000, f"{args}: {cost}")
        check(abs(cost["cpu_percent"] - cost["hits_per_s"] * cost["ns_per_hit"] / 1e7) < 0.01 * cost["cpu_percent"] + 0.1, f"{args}: {cost}")
        check(abs(cost["hits_per_s"] - end["hits"] / 2) < 0.5 * end["hits"], f"{args}: {end}")
    quiet = tophash("--format", "json", "--", program, "0ms")
    check("overhead" not in json.loads(quiet.out.splitlines()[-1]), quiet.out[-300:])


@test
def counted_processes():
    """With -b, goroutines of different processes count as different, and each process has its records."""
    program = go_build(HERE / "counted.go", "counted", go="1.27")
    t = Tracer("-b", program, "--summary")
    for _ in range(3):
        same(spawn([program, "1"]).wait(60), 0, "the program")
    got = t.end()
    rows = [json.loads(line) for line in t.report.read_text().splitlines()]
    same(sum(x["event"] == "start" for x in rows), 3, "start records")
    same(sum(x["event"] == "exit" for x in rows), 3, "exit records")
    points = sorted(x["goroutines"] for x in rows if x["event"] == "summary" and x["site"].startswith("main.main.func1"))
    same(points, [3, 64, 64], "goroutines of three processes")
    end = rows[-1]
    same((end["removed"], end["hits"]), (3 * (DELETES + 1), end["delivered"] + end["filtered"]), "totals")
    check(got is not None, "no report")
