"""Tests of maps: the types of global variables."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from harness import HERE, LONG, check, go_build, options, same, spawn, test, tmp

from releases import drawn, releases
from test_maps import PLAIN, STRIPPED, compare, maps, rows, truth_of


def typed(go, way, args):
    """Returns how many maps of the program have a type, which is the right one, of how many; and the process."""
    p, truth = truth_of(go_build(HERE / "global_maps.go", f"global_maps-{way}", *args, go=go), f"global-{go}-{way}")
    found, _ = rows("-p", p.pid)
    compare(truth, found)
    return sum(1 for a in truth if found[a]["map_type"]), len(truth), p


@test
def maps_typed_by_debug_information():
    """Each release: maps that hang on global variables of which the code tells nothing have their type if there is debug information, and none
    without it. Of most types the program has no description."""
    stripped = drawn("maps_typed_by_debug_information")
    for go in releases():
        for way, args in (("plain", PLAIN), ("stripped", STRIPPED))[:1 + (go in stripped)]:
            n, of, p = typed(go, way, args)
            same((n, of), (21 if way == "plain" else n, 21), f"{go} {way}: maps with a type")
            check(way == "plain" or n < 5, f"{go} {way}: {n} maps have a type: the code tells too much for this test")
            p.end()


@test
def maps_typed_by_debug_information_of_pie():
    for go in drawn("maps_typed_by_debug_information_of_pie"):
        n, of, p = typed(go, "pie", ("-buildmode=pie",))
        same((n, of), (21, 21), f"{go}: maps with a type")
        r = maps("-p", p.pid, "--stop", "--max-stop", "10s")
        check("the type of 100% of the bytes is known" in r.stderr, f"{go}: --stop: {r.stderr}")
        p.end()


def sections(exe):
    """Returns {name: (offset, size)} of an ELF file."""
    data = Path(exe).read_bytes()
    table, = struct.unpack_from("<Q", data, 0x28)
    each, n, names = struct.unpack_from("<HHH", data, 0x3a)
    heads = [struct.unpack_from("<IIQQQQ", data, table + i * each) for i in range(n)]
    text = heads[names][4]
    return {data[text + h[0]:data.index(b"\0", text + h[0])].decode(): (h[4], h[5]) for h in heads}


def changed(exe, name, *changes):
    """Returns a copy of a program in which bytes differ: (offset, bytes)."""
    file = tmp(name)
    shutil.copy(exe, file)
    with open(file, "r+b") as f:
        for at, data in changes:
            f.seek(at)
            f.write(data)
    return file


def endless(exe):
    """Returns changes that give the program debug information which would take minutes to read: variables of structs, each of which lies in the one
    before, so that the end of each is far away."""
    abbrev = (bytes([1, 0x11, 1, 0x13, 0x0b, 0, 0])                     # a unit, with its language
              + bytes([2, 0x34, 0, 0x02, 0x0a, 0x49, 0x13, 0, 0])       # a variable: its location and its type
              + bytes([3, 0x13, 1, 0x80, 0x52, 0x0b, 0, 0]) + bytes(1))  # a struct, with Go's kind
    at, size = sections(exe)[".debug_info"]
    n, first = size // 40, 13
    structs = first + 15 * n
    info = struct.pack("<IHIB", size - 4, 4, 0, 8) + bytes([1, 0x16])
    info += b"".join(struct.pack("<BBBQI", 2, 9, 3, 0x400000, structs + 2 * i) for i in range(n))
    info += bytes([3, 25]) * ((size - structs) // 3)
    return (sections(exe)[".debug_abbrev"][0], abbrev), (at, info.ljust(size, b"\0"))


@test
def maps_of_hostile_debug_information():
    """Damaged debug information, and such that never ends, lose nothing but types: the list is as whole as without, tophash ends, and so does the
    process that reads it."""
    exe = go_build(HERE / "global_maps.go", "global_maps-open", "-ldflags=-compressdwarf=false")
    at, size = sections(exe)[".debug_info"]
    abbrev = sections(exe)[".debug_abbrev"]
    draw = random.Random(14)
    damaged = [[(at + draw.randrange(size), bytes([draw.randrange(256)])) for _ in range(n)] for n in (50, 5000, 50000)]
    damaged += [[(abbrev[0] + draw.randrange(abbrev[1]), bytes([draw.randrange(256)])) for _ in range(n)] for n in (1, 3, 20)]
    for i, changes in enumerate([*damaged, endless(exe)]):
        p, truth = truth_of(changed(exe, f"hostile-{i}", *changes), f"truth-hostile-{i}")
        r = maps("-p", p.pid, "--format", "json")
        lines = [json.loads(line) for line in r.stdout.splitlines()]
        found = {x["map"]: x["len"] for x in lines if x["event"] == "map"}
        same({a: (n, found.get(a)) for a, (_, n) in truth.items() if found.get(a) != n}, {}, f"file {i}: maps that are missing, or have another length")
        p.end()
    check("gave up after 5 s" in r.stderr, f"debug information that never ends: {r.stderr}")
    ends_soon(p.pid, "after tophash gave up")


@test
def maps_killed_while_debug_information_is_read():
    """The process that reads debug information ends with tophash, also if that is killed: the kernel ends it."""
    exe = go_build(HERE / "global_maps.go", "global_maps-open", "-ldflags=-compressdwarf=false")
    p, _ = truth_of(changed(exe, "hostile-killed", *endless(exe)), "truth-hostile-killed")
    t = spawn([options.tophash, "maps", "-p", p.pid], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + LONG
    while not any(used > 0.1 for pid, used in readers(p.pid).items() if pid != t.pid):
        check(t.poll() is None and time.monotonic() < end, f"nothing is read: {readers(p.pid)}, exit code {t.poll()}")
        time.sleep(0.01)
    t.kill()
    same(t.wait(LONG), -signal.SIGKILL, "tophash")
    ends_soon(p.pid, "after tophash was killed")
    p.end()


def readers(target):
    """Returns the processes of tophash that read one: {pid: the time of a CPU that it has taken}."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, UnicodeDecodeError):
            continue
        if words[0] == str(options.tophash) and str(target) in words[1:]:
            found[int(process.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def ends_soon(target, when):
    """Checks that no process that reads is left. By itself it would end after 10 s of a CPU."""
    end = time.monotonic() + LONG
    while left := readers(target):
        check(time.monotonic() < end and max(left.values()) < 8, f"processes that are left {when}, with their seconds of a CPU: {left}")
        time.sleep(0.01)
