"""Tests of --cgroup: processes of several programs, that run, start later, come and go; and what is no group."""

import collections
import os
import shutil
import subprocess
import time
from pathlib import Path

from harness import HERE, LONG, Skip, Tracer, check, go_build, identity, refused, same, spawn, test, tmp, tophash
from test_files import overlay

HOST = f"tophash-test-{os.getpid()}"


def hierarchies():
    """Returns the mounted hierarchies in which a group can be made: v2 and one of v1, where they are there."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        kind = fields[fields.index("-") + 1]
        name = {"cgroup2": "v2", "cgroup": "v1"}.get(kind)
        if name and fields[3] == "/" and os.access(fields[4], os.W_OK) and "cpuset" not in fields[-1]:
            found.setdefault(name, Path(fields[4]))
    return found


class Group:
    """A control group of the test."""

    def __init__(self, kind):
        at = hierarchies().get(kind)
        if not at:
            raise Skip(f"no hierarchy of cgroup {kind} is mounted, or it is not writable")
        self.dir = at / f"{HOST}-{time.monotonic_ns()}"
        try:
            self.dir.mkdir()
            (self.dir / "below").mkdir()
        except OSError as e:
            raise Skip(f"cannot make a control group: {e}") from None
        self.path = "/" + self.dir.name

    def start(self, *command, below=False):
        """Starts a command in the group. It is there before its exec."""
        procs = self.dir / ("below" if below else ".") / "cgroup.procs"
        return spawn(["sh", "-c", 'echo $$ > "$0"; exec "$@"', procs, *command])

    def processes(self):
        return [int(x) for d in (self.dir, self.dir / "below") for x in (d / "cgroup.procs").read_text().split()]

    def remove(self):
        end = time.monotonic() + LONG
        while self.dir.exists():
            check(time.monotonic() < end, "the group does not go away")
            try:
                (self.dir / "below").rmdir() if (self.dir / "below").exists() else self.dir.rmdir()
            except OSError:
                time.sleep(0.01)


def in_each(f):
    """Runs a test in a group of v2 and in one of v1."""

    def both():
        ran = 0
        for kind in ("v2", "v1"):
            if kind in hierarchies():
                group = Group(kind)
                for name in ("go", "told"):
                    tmp(name).unlink(missing_ok=True)
                try:
                    f(group)
                    ran += 1
                finally:
                    for pid in group.processes():
                        os.kill(pid, 9)
                    group.remove()
        if not ran:
            raise Skip("no hierarchy of control groups is writable")

    both.__name__ = f.__name__
    return test(both)


def program(name):
    """Returns the path of the program with a file of its own."""
    path = tmp(name)
    if not path.exists():
        shutil.copy(go_build(HERE / "grouped.go", "grouped"), path)
    return path


def counts(run):
    """Returns how many deletes of each process there were, and checks that each key has the name of its program."""
    names = {r["pid"]: Path(r["exe"]).name for r in run.of("start")}
    found = collections.Counter()
    for e in run.events:
        same(e["key"].split(":")[0], names.get(e["pid"]), f"the program of {e['pid']}")
        found[e["pid"]] += 1
    return dict(found)


def wait_for(path):
    end = time.monotonic() + LONG
    while not Path(path).exists():
        check(time.monotonic() < end, f"no {path}")
        time.sleep(0.005)


def ended(*processes):
    for p in processes:
        same(p.wait(LONG), 0, "exit status of a program of the test")


def begun(*processes):
    """Waits until each process executes a program of the test, and not the shell before it."""
    for p in processes:
        end = time.monotonic() + LONG
        while "tophash" not in os.readlink(f"/proc/{p.pid}/exe"):
            check(time.monotonic() < end, "the program does not begin")
            time.sleep(0.005)


@in_each
def group_of_two_programs(group):
    """Two programs that run, then further processes of each, their children, and one of them outside."""
    a, b = program("a"), program("b")
    one = group.start(a, "wait", tmp("go"), "delete", 10)
    two = group.start(b, "wait", tmp("go"), "delete", 20, below=True)
    begun(one, two)
    tracer = Tracer("--cgroup", group.dir)
    outside = spawn([a, "wait", tmp("go"), "delete", 1000])
    three = group.start(a, "delete", 3, "start", "delete", 4, "end", "delete", 5, below=True)
    ended(three)
    tmp("go").touch()
    ended(one, two, outside)
    run = tracer.end()
    got = counts(run)
    child = set(got) - {one.pid, two.pid, three.pid}
    same(len(child), 1, "other processes")
    same([got[one.pid], got[two.pid], got[three.pid], got[child.pop()]], [10, 20, 8, 4], "deletes")
    same(identity(run)["gaps"], 0, "gaps")
    same(len(run.of("start")), 4, "start records")
    same(sorted(e["pid"] for e in run.exits), sorted(got), "exit records")


@in_each
def group_by_other_path(group):
    """The path of /proc/PID/cgroup, with a process that is moved into the group."""
    a = program("a")
    inside = group.start(a, "wait", tmp("go"), "delete", 2)
    outside = spawn([a, "tell", tmp("told"), "wait", tmp("go"), "delete", 7])
    begun(inside, outside)
    wait_for(tmp("told"))
    tracer = Tracer("--cgroup", group.path)
    (group.dir / "below" / "cgroup.procs").write_text(str(outside.pid))
    tracer.wait_for('"event":"start"', 2)
    tmp("go").touch()
    ended(inside, outside)
    run = tracer.end()
    same(counts(run), {inside.pid: 2, outside.pid: 7}, "deletes")
    same(run.end["gaps"], len(run.of("gap")), "gaps")


@in_each
def group_that_is_left(group):
    """A process that is moved out of the group counts no more."""
    a = program("a")
    p = group.start(a, "delete", 5, "wait", tmp("go"), "delete", 50)
    q = group.start(a, "wait", tmp("go"), "delete", 6)
    begun(p, q)
    tracer = Tracer("--cgroup", group.dir)
    tracer.wait_for('"event":"start"', 2)
    (group.dir.parent / "cgroup.procs").write_text(str(p.pid))
    tmp("go").touch()
    ended(p, q)
    run = tracer.end()
    same(counts(run), {q.pid: 6}, "deletes")


@in_each
def group_with_new_program(group):
    """An empty group. A program that starts there for the first time is found, and what it did before is a gap."""
    tracer = Tracer("--cgroup", group.dir)
    p = group.start(program("a"), "delete", 5, "tell", tmp("told"), "wait", tmp("go"), "delete", 6)
    tracer.wait_for('"event":"start"')
    wait_for(tmp("told"))
    tmp("go").touch()
    ended(p)
    run = tracer.end()
    got = counts(run)[p.pid]
    check(6 <= got <= 11, f"{got} deletes, should be 6 to 11")
    check("waiting for a Go program of control group" in run.err, run.err)
    gaps = run.of("gap")
    same(len(gaps), run.end["gaps"], "gaps")
    check(got == 11 or gaps, "deletes were missed without a gap")
    for gap in gaps:
        check(gap["pid"] == p.pid and gap["why"] in ("exec", "child") and gap["from_ns"] < gap["to_ns"], gap)
    same(run.code, 5 if gaps else 0, "exit code")


@in_each
def group_with_execs(group):
    """A process that executes one known program after the other, with a shell between."""
    a, b = program("a"), program("b")
    keep = [group.start(x, "wait", tmp("go")) for x in (a, b)]
    begun(*keep)
    tracer = Tracer("--cgroup", group.dir)
    p = group.start(a, "delete", 3, "exec", b, "delete", 4, "exec", "/bin/sh", "-c", f"exec {a} delete 5")
    ended(p)
    tmp("go").touch()
    ended(*keep)
    run = tracer.end()
    got = collections.Counter(e["key"].split(":")[0] for e in run.events if e["pid"] == p.pid)
    same(got, {"a": 8, "b": 4}, "deletes")
    same([Path(r["exe"]).name for r in run.of("start") if r["pid"] == p.pid], ["a", "b", "a"], "programs")
    same([e["pid"] for e in run.exits if e["pid"] == p.pid], [p.pid], "exit records")
    same(identity(run)["gaps"], 0, "gaps")


@in_each
def group_is_removed(group):
    """The run ends when the group is gone."""
    p = group.start(program("a"), "wait", tmp("go"), "delete", 3)
    begun(p)
    tracer = Tracer("--cgroup", group.dir)
    tmp("go").touch()
    ended(p)
    group.remove()
    run = tracer.end(sig=None)
    same(counts(run), {p.pid: 3}, "deletes")
    same(run.code, 0, "exit code")
    group.dir.mkdir()
    (group.dir / "below").mkdir()


@in_each
def group_of_many(group):
    """190 processes of a known program that live for some milliseconds: forked in the group, or brought there just before their exec."""
    a = program("a")
    keep = group.start(a, "wait", tmp("go"))
    begun(keep)
    tracer = Tracer("--cgroup", group.dir)
    forked = group.start("sh", "-c", f"for i in $(seq 150); do {a} delete 7 & done; wait")
    brought = [group.start(a, "delete", 3, below=i % 2 == 0) for i in range(40)]
    outside = [spawn([a, "delete", 100]) for _ in range(20)]
    ended(forked, *brought, *outside)
    tmp("go").touch()
    ended(keep)
    run = tracer.end()
    same(collections.Counter(counts(run).values()), {7: 150, 3: 40}, "processes by their deletes")
    same(identity(run)["gaps"], 0, "gaps")
    same((len(run.of("start")), len(run.exits)), (191, 191), "start and exit records")


@test
def group_on_overlay():
    """No lease can be had on an overlay file system. Each process gets its probes when it starts."""
    group = Group("v2" if "v2" in hierarchies() else "v1")
    merged = overlay()[2]
    try:
        a = merged / "a"
        shutil.copy(program("a"), a)
        p = group.start(a, "wait", tmp("go"), "delete", 5)
        begun(p)
        tracer = Tracer("--cgroup", group.dir)
        q = group.start(a, "delete", 10, "wait", tmp("go"), "delete", 7)
        tracer.wait_for('"event":"start"', 2)
        other = spawn([a, "delete", 1000])
        ended(other)
        tmp("go").touch()
        ended(p, q)
        run = tracer.end()
        got = counts(run)
        same(got[p.pid], 5, "deletes of the first")
        check(set(got) == {p.pid, q.pid} and 7 <= got[q.pid] <= 17, got)
        # A look at the group may find it at the moment of its exec. Then the look is a gap, too.
        gaps = [(g["pid"], g["why"]) for g in run.of("gap")]
        check(got[q.pid] == 17 or gaps in ([(q.pid, "exec")], [(q.pid, "child")], [(q.pid, "child"), (q.pid, "exec")]), f"{got[q.pid]} of 17 deletes, and gaps {run.of('gap')}")
    finally:
        subprocess.run(["umount", "-l", merged], check=True)
        group.remove()


@test
def no_group():
    refused(tophash("--cgroup", "/no/such/group"), 3, "no control group /no/such/group", "/proc/PID/cgroup")
    refused(tophash("--cgroup", "/etc"), 3, "no control group")
    refused(tophash("--cgroup", "/../etc"), 3, "no control group")
    refused(tophash("--cgroup", "/x/../../etc"), 3, "no control group")
    refused(tophash("--cgroup", ""), 3, "no control group")
    refused(tophash("--cgroup", "x" * 5000), 3, "no control group")
    refused(tophash("--cgroup", "/", "-p", 1), 2, "only one of")
    refused(tophash("--cgroup", "/", "--map", "0xc000"), 2, "--map", "--cgroup")
    refused(tophash("--cgroup", "/", "--dry-run"), 2, "--dry-run")
    refused(tophash("--cgroup", "/", "--follow", "none"), 2, "--follow")
    refused(tophash("--cgroup", "/", "word"), 2, "--cgroup already tells")
