"""Tests of maps --stop: exact while the program changes all the time, and whatever happens to tophash, the program runs on."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import HERE, check, go_build, LONG, options, Program, same, Skip, spawn, test
from releases import releases
from test_maps import maps, PLAIN, rows, STRIPPED, truth_of

SLOTS, TYPE = 20000, "map[int]*main.thing"


def program(go=None, slots=SLOTS, goroutines=2):
    p = Program(go_build(HERE / "replaced_maps.go", "replaced_maps", go=go), slots, goroutines)
    same(p.line(), "ready", "the program")
    return p


def tasks(pid):
    """Returns the state and the tracer of each thread."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            text = dict(x.split(":\t", 1) for x in (task / "status").read_text().splitlines() if ":\t" in x)
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((text["State"][0], int(text["TracerPid"])))
    return found


def runs(p, what):
    """Checks that no thread of the program is held, and that it goes on."""
    before = int(p.ask("?"))
    end = time.monotonic() + LONG
    while int(p.ask("?")) == before:
        check(time.monotonic() < end, f"{what}: the program stands still")
    held = [t for t in tasks(p.pid) if t[0] in "tT" or t[1]]
    same(held, [], f"{what}: threads that are held")


def stop(p):
    """Stops the program, and waits until each of its threads stands."""
    os.kill(p.pid, signal.SIGSTOP)
    end = time.monotonic() + LONG
    while {t[0] for t in tasks(p.pid)} != {"T"}:
        check(time.monotonic() < end, f"it does not stop: {tasks(p.pid)}")
        time.sleep(0.01)


def refused(r, code, *words):
    check(r.returncode == code and r.stdout == "" and r.stderr.count("\n") == 1 and all(w in r.stderr for w in words), f"{words}: {r.returncode} {r.stderr}")


@test
def maps_stop_is_exact():
    """Maps are replaced all the time. Each slot's map is found, and besides only those that are being made."""
    some = releases() if options.rounds >= 200 else [v for v in releases() if v in ("1.23", "1.26")]
    for go in some:
        p = program(go)
        for i in range(5):
            before = int(p.ask("?"))
            found, end = rows("-p", p.pid, "--stop", "--max-stop", "20s")
            ours = [m for m in found.values() if m["map_type"] == TYPE]
            same(sum(not m["stack_only"] for m in ours), SLOTS, f"{go}, round {i}: maps in slots")
            check(len(found) - SLOTS < 16, f"{go}, round {i}: {len(found)} maps, {SLOTS} in slots")
            same([m for m in found.values() if m["changing"] and not m["stack_only"]], [], f"{go}: maps that changed")
            same(end["read"], "stopped", "the end record")
            check(end["stopped_ns"] > 0 and int(p.ask("?")) > before, "it stood, and runs")
        runs(p, go)
        _, end = rows("-p", p.pid)
        same(end["read"], "running", "without --stop")
        check(end["gc_cycles"] >= 0 and end["spans_after"] > 0 and end["heap_bytes_after"] > 0, f"what happened meanwhile: {end}")
        p.p.kill()


def no_room():
    """Leaves too little address space for a copy of a heap."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))


@test
def maps_stop_from_a_copy_is_the_same():
    """Each release: maps that are found in the copy of a heap, and what holds them, are those of the process. It is stopped already, and so it
    is the same for both. Programs with finalizers, and with globals that only code types, are built by one release of each layout."""
    if options.sanitized:
        raise Skip("a sanitizer needs more address space than is left here")
    available = int(re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text()).group(1))
    if available < 2 << 20:
        raise Skip(f"too little memory is available ({available >> 10} MiB): no heap might be copied")
    for go in releases():
        for source, args in (("live_maps.go", PLAIN), ("queued", STRIPPED), ("typed_maps.go", STRIPPED))[: 3 if go in ("1.23", options.go) else 1]:
            name = f"{Path(source).stem}-{'stripped' if args else 'plain'}"  # other tests have it, too
            p, truth = truth_of(go_build(HERE / source, name, *args, go=go), f"copied-{go}")
            stop(p)
            lists = {}
            for way, limit in (("copied", None), ("marked", no_room)):
                r = subprocess.run([options.tophash, "maps", "-p", str(p.pid), "--stop", "--max-stop", "20s", "--holders", "--format", "json"], text=True, capture_output=True,
                                   timeout=LONG, preexec_fn=limit)
                same((r.returncode, "too little memory for a copy" in r.stderr), (0, way == "marked"), f"{go} {source} {way}: {r.stderr}")
                lists[way] = [json.loads(x) for x in r.stdout.splitlines()]
                for member in ("stopped_ns", "seconds", "elapsed_ns"):
                    lists[way][-1].pop(member, None)
            found = {x["map"]: x["len"] for x in lists["copied"] if x["event"] == "map"}
            same({a: found.get(a) for a in truth}, {a: n for a, (_, n) in truth.items()}, f"{go} {source}: lengths of its maps")
            different = [(a, b) for a, b in zip(lists["copied"], lists["marked"]) if a != b]
            same((len(lists["copied"]), different[:3]), (len(lists["marked"]), []), f"{go} {source}: lines, and those that differ")
            os.kill(p.pid, signal.SIGCONT)
            p.end()


@test
def maps_stop_killed_at_any_moment():
    """kill -9 of tophash, at random moments: the program always runs on."""
    p = program()
    begun = time.monotonic()
    maps("-p", p.pid, "--stop", "--max-stop", "20s")
    whole = time.monotonic() - begun
    chance = random.Random(options.rounds)
    rounds = 1000 if options.rounds >= 200 else 50
    cut = 0
    for i in range(rounds):
        r = spawn([options.tophash, "maps", "-q", "-p", p.pid, "--stop", "--max-stop", "20s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * whole)
        r.kill()
        cut += r.wait() == -signal.SIGKILL
        runs(p, f"killed, round {i}")
    check(cut > rounds / 4, f"{cut} of {rounds} were killed before their end")
    p.p.kill()


@test
def maps_stop_takes_no_longer_than_it_may():
    """What is expected to take too long is not begun. The message tells the expected time."""
    p = program(slots=200000)
    r = maps("-p", p.pid, "--stop", "--max-stop", "1ms", code=1)
    refused(r, 1, "--max-stop (1 ms)", "was not stopped")
    r = maps("-p", p.pid, "--stop", "--max-stop", "20s", "--top", "1")
    check("will stand still for about" in r.stderr and "while it stood still" in r.stderr, r.stderr)
    runs(p, "afterwards")
    p.p.kill()


# Seizes the process, says so, and lets it go at the end of its input.
SEIZER = """import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(0x4206, int(sys.argv[1]), None, None), flush=True)
sys.stdin.read()
"""


@test
def maps_stop_beside_another_tracer():
    """The second one that traces a process is told who does. Of several tophash at the same time, at least one succeeds."""
    p = program()
    other = Program(sys.executable, "-c", SEIZER, str(p.pid))
    same(other.line(), "0", "the other tracer")
    refused(maps("-q", "-p", p.pid, "--stop", "--max-stop", "20s", code=3), 3, f"process {other.pid} (", "traces it")
    other.end()
    for _ in range(3):
        both = [subprocess.Popen([options.tophash, "maps", "-q", "-p", str(p.pid), "--stop", "--max-stop", "20s"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                for _ in range(3)]
        ends = [(x.communicate(timeout=LONG)[1], x.returncode) for x in both]
        check(any(code == 0 for _, code in ends), f"all failed: {ends}")
        check(all(code == 0 or (code == 3 and "traces it" in text) for text, code in ends), f"{ends}")
        runs(p, "three at a time")
    p.p.kill()


@test
def maps_stop_of_a_process_in_any_state():
    """One that is stopped already stays so; one that ends meanwhile or is a zombie is told in one line."""
    p = program()
    stop(p)
    r = maps("-p", p.pid, "--stop", "--max-stop", "20s", "--format", "json")
    ours = [x for x in map(json.loads, r.stdout.splitlines()) if x.get("map_type") == TYPE and not x["stack_only"]]
    same(len(ours), SLOTS, "maps of a stopped process")
    check("is stopped already" in r.stderr, r.stderr)
    end = time.monotonic() + LONG
    while {t for t in tasks(p.pid)} != {("T", 0)}:  # for an instant it may still be on its way back
        check(time.monotonic() < end, f"it is not stopped any more: {tasks(p.pid)}")
    os.kill(p.pid, signal.SIGCONT)
    runs(p, "continued")
    chance = random.Random(options.rounds)
    for i in range(options.rounds):
        q = program(slots=2000)
        r = spawn([options.tophash, "maps", "-q", "-p", q.pid, "--stop", "--max-stop", "20s"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(chance.random() * 0.1)
        q.p.kill()
        text = r.communicate(timeout=LONG)[1]
        check(r.returncode in (0, 1, 3) and text.count("\n") <= 1, f"it was killed: {r.returncode} {text}")
        check(r.returncode == 0 or text.startswith("tophash: "), text)
        if not i:
            refused(maps("-q", "-p", q.pid, "--stop", code=3), 3, str(q.pid))  # nobody has waited for it
        q.p.wait()
    p.p.kill()


@test
def maps_stop_gives_up_its_rights():
    """While it writes, it has the right to read processes and the one with which its child ends, and no use of ptrace."""
    p = program()
    reader = spawn([options.tophash, "maps", "-q", "--format", "json", "-p", p.pid, "--stop", "--max-stop", "20s"], stdout=subprocess.PIPE, text=True)
    reader.stdout.readline()  # the rest does not fit into the pipe
    status = dict(x.split(":\t", 1) for x in Path(f"/proc/{reader.pid}/status").read_text().splitlines())
    same([int(status[x], 16) for x in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [1 << 19 | 1 << 5] * 2 + [0, 0], "capabilities")
    same((status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"]), ("1", "2", "3"), "no new privileges, filters of calls")
    reader.stdout.read()
    same(reader.wait(), 0, "exit code")
    runs(p, "afterwards")
    p.p.kill()
    r = subprocess.run([options.tophash, "maps", "--core", "x", "--stop"], text=True, capture_output=True, timeout=LONG)
    refused(r, 2, "--stop and --core")


@test
def maps_stop_of_types_that_reflect_makes():
    """Large objects whose types lie in the heap are searched, also in the copy. Such objects have a type since Go 1.22."""
    for go in dict.fromkeys(("1.23", options.go)):
        p = Program(go_build(HERE / "reflect_maps.go", "reflect_maps", go=go))
        same(p.line(), "ready", "the program")
        for how in ((), ("--stop", "--max-stop", "20s")):
            found, _ = rows("-p", p.pid, *how)
            same(len([m for m in found.values() if m["map_type"] == "map[int]string" and m["len"] == 2]), 64, f"{go} {how}: maps")
        same(p.ask("?"), "64", "it runs")
        p.p.kill()
