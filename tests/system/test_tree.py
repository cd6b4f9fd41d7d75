"""A tree of processes that forks, executes other programs, executes itself and upgrades, while each process counts its own deletes."""

import os
import random
import subprocess
import time
from collections import Counter

from harness import bpf_ids, check, Failed, go_build, HERE, LONG, nothing_left, options, probed, same, spawn, test, tmp, tophash, Tracer
from releases import ends, releases
from test_children import fresh
from test_wrapper import wait_until

SOURCE = HERE / "tree.go"


def pairs():
    """Returns the releases of the program and of the other one."""
    if options.rounds <= 12:
        return [(options.go, ends()[0])]
    there = releases()
    return list(zip(there, there[3:] + there[:3]))


def programs(pair):
    return [go_build(SOURCE, "tree", go=go) for go in pair]


def truth(folder, of=None, root=None):
    """Returns how often each process deleted, by pid. of: only in this program. root: only this process and its children."""
    told = Counter()
    for file in folder.iterdir():
        if file.name.isdigit():
            for line in file.read_text().splitlines():
                path, n, parent = line.split()
                if of in (None, path) and root in (None, int(file.name), int(parent)):
                    told[int(file.name)] += int(n)
    return told


def expect(run, told, what, strict=True):
    """Compares the events of each process with what it noted. A process that is a gap may have more deletes than were seen."""
    seen = Counter(e["pid"] for e in run.events)
    gaps = {g["pid"] for g in run.of("gap")}
    wrong = {p: (seen[p], told[p]) for p in {*seen, *told} if seen[p] != told[p] and not (p in gaps and seen[p] < told[p])}
    same(wrong, {}, f"{what}: seen and deleted, by process ({run.err}; gaps {run.of('gap')})")
    same((run.code, run.end["gaps"], sum(run.end["lost"].values())), (5 if gaps else 0, len(run.of("gap")), 0), f"{what}: {run.err}")
    check(not strict or not gaps, f"{what}: gaps {run.of('gap')}: {run.err}")
    check(set(told) - gaps <= {s["pid"] for s in run.of("start")}, f"{what}: start records")
    exits = Counter(e["pid"] for e in run.exits)
    check(set(exits) >= set(told) - gaps and set(exits.values()) <= {1}, f"{what}: exit records {exits}")


@test
def a_tree_as_command():
    """Each process is traced from its first instruction to its last: those of the program, or with --follow=all those of both."""
    for pair in pairs():
        for follow in ("same", "all"):
            a, b = programs(pair)
            for wrapper in ((), ("sh", "-c", '"$@"; true', "sh")):
                folder = fresh()
                r = tophash("-q", "--format", "json", "--site", "main.drop", f"--follow={follow}", "--", *wrapper, a, "server", folder, a, b)
                told = truth(folder, None if follow == "all" else a)
                check(len(told) >= 10, f"{pair}: {told}")
                expect(r, told, f"{pair} {wrapper} --follow={follow}")


def paused(folder, role):
    """Waits until the process that has this role has stopped deleting. Returns its pid."""
    (found,) = wait_until(lambda: list(folder.glob(f"paused.{role}.*")), f"no {role}")
    return int(found.name.rpartition(".")[2])


def begun(a, b, folder):
    """Starts a tree in which the server and its first worker have stopped deleting. Returns the program and the two pids."""
    env = {**os.environ, "GATE": "1"}
    p = spawn([a, "server", folder, a, b], env=env, stdout=subprocess.DEVNULL)
    return p, paused(folder, "server"), paused(folder, "worker")


def ended(p, folder):
    """Lets the tree run to its end."""
    (folder / "go").touch()
    same(p.wait(LONG), 0, "the server's status")


@test
def a_tree_in_its_middle():
    """-p of the server, while the tree runs: the processes that run already, and all that come."""
    for pair in pairs():
        a, b = programs(pair)
        folder = fresh()
        p, server, worker = begun(a, b, folder)
        t = Tracer("--site", "main.drop", "-p", server)
        ended(p, folder)
        r = t.end(None)
        told = truth(folder, a)
        check({server, worker} <= set(told) and len(told) >= 10, f"{pair}: {told}")
        expect(r, told, f"{pair} -p")


@test
def all_of_a_tree_in_its_middle():
    """-p --follow=all of the server, or of a worker: both programs. What a process did before the probes of its program stood is a gap."""
    for pair in pairs():
        for root in ("server", "worker"):
            a, b = programs(pair)
            folder = fresh()
            p, server, worker = begun(a, b, folder)
            t = Tracer("--site", "main.drop", "--follow=all", "-p", server if root == "server" else worker)
            ended(p, folder)
            r = t.end(None)
            told = truth(folder) if root == "server" else truth(folder, None, worker)
            check(len(told) == (12 if root == "server" else 4), f"{pair}: {told}")
            expect(r, told, f"{pair} --follow=all -p of the {root}", strict=False)
            check({g["why"] for g in r.of("gap")} <= {"child"}, f"{pair}: gaps {r.of('gap')}")


@test
def a_branch_of_a_tree():
    """-p of a worker, beside other processes of its file, which are not traced. Each of its children gets probes of its own, and what it
    deleted before is a gap."""
    for pair in pairs():
        a, b = programs(pair)
        folder = fresh()
        p, server, worker = begun(a, b, folder)
        t = Tracer("--site", "main.drop", "-p", worker)
        check(not probed(server, a), "a breakpoint in another process")
        ended(p, folder)
        r = t.end(None)
        told = truth(folder, a, worker)
        check(len(told) == 4, f"{pair}: {told}")
        expect(r, told, f"{pair} -p of a worker", strict=False)


PROGRAMS = 23  # that the processes of a tree execute


def lines(folder):
    return sum(len(f.read_text().splitlines()) for f in folder.iterdir() if f.name.isdigit())


def running(folder):
    """Returns the processes of a tree, with their states."""
    r = subprocess.run(["ps", "-eo", "pid,ppid,stat,wchan:20,args"], text=True, stdout=subprocess.PIPE)
    return [line for line in r.stdout.splitlines() if str(folder) in line]


@test
def a_tree_whose_tracer_is_killed():
    """tophash is killed at any instant, and every process of the tree goes on to its end."""
    a, b = programs(pairs()[0])
    chance = random.Random(int.from_bytes(os.urandom(4), "little"))
    before = bpf_ids()
    for i in range(12 if options.rounds <= 12 else 1000):
        folder, delay, follow = fresh(), chance.uniform(0, 0.5), chance.choice(("same", "all"))
        t = spawn([options.tophash, "trace", "-q", "-o", "/dev/null", f"--follow={follow}", "--", "sh", "-c",
                   'touch "$3/began"; "$@"; echo $? >"$3/over"', "sh", a, "server", folder, a, b],
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        what = f"round {i}, --follow={follow}, killed after {delay:.4f} s"
        wait_until((folder / "began").exists, f"{what}: it does not begin")
        time.sleep(delay)
        t.kill()
        t.wait()
        try:
            wait_until(lambda: (folder / "over").exists() and (folder / "over").read_text(), "the server does not end")
            same((folder / "over").read_text(), "0\n", "status of the server")
            wait_until(lambda: lines(folder) >= PROGRAMS, "the tree does not end")
        except Failed as f:
            raise Failed(f"{what}: {f}: {lines(folder)} programs; {running(folder)}") from None
    nothing_left(before)
