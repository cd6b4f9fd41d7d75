"""Tests of maps --to: Go's own pprof reads the file, and finds in it what the list has."""

import os
import re
import subprocess

from harness import check, LONG, options, same, Skip, test, tmp
from test_maps import maps, rows
from test_maps_diff import changing, shown

import build

VALUES = ("maps", "entries", "waste", "bytes")


def pprof(*args):
    """Runs pprof of a toolchain that has it built: newer ones build it when it is first asked for."""
    found = [tool for v in build.VERSIONS for tool in (build.CACHE / "go" / v / "pkg/tool").glob("*/pprof")]
    if not found:
        raise Skip("no Go in the cache has pprof built (tools/go-toolchains)")
    r = subprocess.run([str(found[-1]), *map(str, args)], text=True, capture_output=True, timeout=LONG, env={**os.environ, "HOME": str(tmp()), "PPROF_TMPDIR": str(tmp())})
    same(r.returncode, 0, f"pprof {args}: {r.stderr[-300:]}")
    return r.stdout


def profile(pid, name, *args):
    file = tmp(name)
    same(maps("-p", pid, "--to", f"pprof:{file}", *args).stdout, "", "--to prints no list")
    same(os.stat(file).st_mode & 0o777, 0o600, "mode of the file")
    return file


def samples(file):
    """Returns the numbers and the names of the frames of each sample, the innermost first."""
    text = pprof("-raw", file)
    check("maps/count entries/count waste/bytes bytes/bytes[dflt]" in text, text[:300])
    part = dict(zip(("head", "samples", "locations", "mappings"), re.split(r"^Samples:\n.*\n|^Locations\n|^Mappings\n", text, flags=re.M)))
    names = {number: name for number, name in re.findall(r"^ *(\d+): 0x0 M=1 (.*) :0:0 s=0", part["locations"], re.M)}
    found = []
    for line in part["samples"].splitlines():
        numbers, frames = line.split(":")
        found.append((list(map(int, numbers.split())), [names[x] for x in frames.split()]))
    return found


def by_type(found):
    sums = {}
    for numbers, frames in found:
        sums[frames[0]] = [a + b for a, b in zip(sums.get(frames[0], [0] * 4), numbers)]
    return sums


@test
def maps_pprof_has_the_list():
    """Each type has the sums of the list. Stacks end where the way of --holders does."""
    p, at = changing(options.go)
    file = profile(p.pid, "maps.pb.gz")
    found, _ = rows("-p", p.pid)
    sums = {}
    for m in found.values():
        of = sums.setdefault(m["map_type"] or "map of an unknown type", [0] * 4)
        for i, n in enumerate((1, m["len"], m["waste"], m["bytes"])):
            of[i] += n
    same(by_type(samples(file)), sums, "sums by type")
    mine = [frames for _, frames in samples(file) if frames[0] == "map[int]main.same"]
    check(len(mine) == 1 and len(mine[0]) > 1 and re.search(r"main\.all|global .*main\.", mine[0][-1]), f"the way to main.all: {mine}")
    top = pprof("-top", "-sample_index=maps", "-nodecount=100", "-nodefraction=0", file)
    check(re.search(r"^ +1 .* map\[int\]main\.emptied$", top, re.M) and "Type: maps" in top, top)
    few = profile(p.pid, "few.pb.gz", "--type", "map[int]main.*", "--min-bytes", "30k")
    want = {m["map_type"] for m in found.values() if (m["map_type"] or "").startswith("map[int]main.") and m["bytes"] >= 30 << 10}
    same(set(by_type(samples(few))), want, "--type and --min-bytes")
    p.end()


@test
def maps_pprof_shows_differences():
    """-diff_base shows what has changed between two profiles, and nothing else."""
    p, _ = changing(options.go)
    a = profile(p.pid, "before.pb.gz", "--type", "map[int]main.*")
    p.tell("change")
    shown(p)
    b = profile(p.pid, "after.pb.gz", "--type", "map[int]main.*")
    for index, want in (("entries", {"grown": 900, "emptied": -900, "filled": 300, "dropped": -1000, "made": 1}), ("maps", {"dropped": -1, "made": 1})):
        text = pprof("-top", f"-sample_index={index}", "-nodefraction=0", "-diff_base", a, b)
        flat = {name: int(n) for n, name in re.findall(r"^ +(-?\d+) .* map\[int\]main\.(\w+)$", text, re.M)}
        same({name: n for name, n in flat.items() if n}, want, f"differences of {index}: {text}")
    p.end()


@test
def maps_to_refuses():
    p, _ = changing(options.go)
    for args, word in ((("--to", "csv:x"), "pprof:FILE"), (("--to", "pprof:"), "pprof:FILE"), (("--to", "pprof:x", "--by", "type"), "--to has no groups"),
                       (("--to", "pprof:x", "--who-holds", "1"), "leave out --who-holds"),
                       (("--to", "pprof:x", "-o", "y"), "-o"), (("--to", "pprof:x", "--save", "y"), "--save")):
        r = maps("-p", p.pid, *args, code=2)
        check(r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
    r = subprocess.run([options.tophash, "maps", "-p", str(p.pid), "--to", "pprof:/dev/full"], text=True, capture_output=True, timeout=LONG)
    check(r.returncode == 1 and r.stderr.count("\n") == 1 and "/dev/full" in r.stderr, f"a full disk: {r.returncode} {r.stderr}")
    p.end()
