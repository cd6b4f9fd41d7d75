"""Tests without root, without bpf(2), with few open files, without /proc, and of a target that is stopped."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

from harness import busy, check, clean, deny_bpf, identity, LONG, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp, tophash
from test_wrapper import wait_until


@test
def no_privilege():
    p = steps()
    d = tmp("public")
    d.mkdir()
    os.chmod(tmp(), 0o755)
    exe, go = shutil.copy(options.tophash, d / "tophash"), shutil.copy(target("steps"), d / "steps")
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    for args in (["-p", str(p.pid)], ["-b", str(go)], ["--", str(go)]):
        q = subprocess.run([*user, exe, "trace", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=LONG)
        refused(Run(q.returncode, q.stdout, q.stderr), 4, "root")
    q = subprocess.run([*user, exe, "trace", "--dry-run", "-b", str(go)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    same((q.returncode, q.stderr), (0, ""), "--dry-run needs no privilege")
    p.end()


@test
def no_bpf():
    p = steps()
    for number, word in ((errno.ENOSYS, "kernel"), (errno.EPERM, "permitted|root"), (errno.EACCES, "permitted|root")):
        r = tophash("-p", p.pid, preexec_fn=deny_bpf(number))
        if r.code == 99:
            raise Skip("seccomp filters are not permitted")
        refused(r, 4, word)
    p.end()


@test
def few_descriptors():
    """With any limit on open files, the trace works, or one line names the limit and how to raise it."""
    p = steps()
    worked = 0
    for limit in (4, 5, 8, 14, 16, 24, 32, 40, 48, 55, 56, 64):
        r = tophash("-p", p.pid, "--duration", "100ms", "--format", "json",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        if r.code == 0:
            worked += 1
        else:
            refused(r, 1, "Too many open files", "ulimit -n", str(limit))
        clean(p.pid, target("steps"))
    check(worked >= 2, f"it works with {worked} limits")
    r = tophash("-p", p.pid, "--duration", "100ms", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 64)))
    same((r.code, r.err), (0, ""), "a soft limit is raised to the hard one")
    p.end()


@test
def many_processes():
    """-b opens one descriptor for each process. When they become few, the others have none, and each end is still reported, and no other.
    With the right to do so, the limit is raised."""
    exe = shutil.copy(target("steps"), tmp("steps-many"))
    programs = [Program(str(exe)) for _ in range(60)]
    for p in programs:
        p.line()
    without = ["setpriv", "--bounding-set=-sys_resource"]
    for limit, wrap in ((70, without), (130, without), (70, [])):
        r = tophash("-b", exe, "--duration", "500ms", "--format", "json", wrap=wrap,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        same((r.code, len(r.of("exit")), len(r.of("start")), r.err), (0, 0, 60, ""), f"limit {limit}")
    t = spawn([*without, options.tophash, "trace", "--format", "json", "-b", exe], stdout=subprocess.PIPE, text=True,
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)))
    lines = [t.stdout.readline() for _ in programs]
    same({json.loads(line)["event"] for line in lines}, {"start"}, "start records")
    held = len(os.listdir(f"/proc/{t.pid}/fd"))
    check(held <= 70, f"{held} descriptors")
    for i, p in enumerate(programs):
        p.ask("2")
        p.tell(f"exit {i % 50}")
    for p in programs:
        p.p.wait(LONG)
    exits = []
    for line in t.stdout:
        exits += [json.loads(line)] * ('"exit"' in line)
        if len(exits) == len(programs):
            t.send_signal(signal.SIGINT)
    t.wait(LONG)
    codes = {e["pid"]: e["code"] for e in exits}
    same(set(codes), {p.pid for p in programs}, "processes that have ended")
    for i, p in enumerate(programs):  # of a process without a descriptor, nobody may tell how it ended
        check(codes[p.pid] in (i % 50, None), f"process {p.pid}: code {codes[p.pid]}, should be {i % 50}")


def in_another_proc(mount, *command):
    """Runs a command with another mount of /proc."""
    q = subprocess.run(["unshare", "-m", "sh", "-c", mount + ' && exec "$@"', "sh", *map(str, command)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LONG)
    return Run(q.returncode, q.stdout, q.stderr)


@test
def no_proc():
    if options.sanitized:
        raise Skip("the leak sanitizer itself needs /proc")
    p = steps()
    for args in (["-p", p.pid], ["-b", target("steps")], ["--", target("steps")]):
        refused(in_another_proc("mount -t tmpfs none /proc", options.tophash, "trace", *args), 4, "/proc", "mount")
    p.end()


@test
def hidden_proc():
    """A process that /proc hides is not reported as absent."""
    p = steps()
    d = tmp("public")
    d.mkdir()
    os.chmod(tmp(), 0o755)
    exe = shutil.copy(options.tophash, d / "tophash")
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", exe]
    hide = "mount -t proc -o hidepid=2 proc /proc"
    for verb in (["trace", "-p", p.pid], ["trace", "--dry-run", "-p", p.pid], ["addr", "-p", p.pid, "0x401000"]):
        refused(in_another_proc(hide, *user, *verb), 4, "hidepid", "root")
    refused(in_another_proc(hide, *user, "trace", "-p", 4194304), 3, "no process 4194304")
    p.end()


@test
def stopped():
    """A stopped process is reported once; with -q it is not."""
    for how in ("-p", "-b"):
        p = steps()
        for quiet in ([], ["-q"]):
            os.kill(p.pid, signal.SIGSTOP)
            t = spawn([options.tophash, "trace", "--format", "json", *quiet, how, str(p.pid) if how == "-p" else target("steps")],
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            check('"start"' in t.stdout.readline(), "it begins")
            os.kill(p.pid, signal.SIGCONT)
            p.ask("3")
            t.send_signal(signal.SIGINT)
            out, err = t.communicate(timeout=LONG)
            same((t.returncode, identity(Run(0, out, ""))["removed"]), (0, 3), err)
            if quiet:
                same(err, "", "-q")
            else:
                check(re.fullmatch(rf"tophash: process {p.pid} is stopped: .*kill -CONT {p.pid}.*\n", err), err)
        p.end()


# What a trace keeps: scope/watch/session/confine.c.
KEPT = {"dac_read_search": 2, "kill": 5, "sys_ptrace": 19, "lease": 28, "perfmon": 38, "bpf": 39, "checkpoint_restore": 40}


def rights(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def is_confined(thread, mask):
    try:
        got = rights(thread.name)
    except OSError:
        return True  # it has ended
    more = [int(got[name], 16) & ~mask for name in ("CapPrm", "CapEff", "CapBnd", "CapInh")]
    return not any(more) and (got["NoNewPrivs"], got["Seccomp"]) == ("1", "2")


def children_of(pid):
    """Returns the children that still run. Threads and children may end meanwhile."""
    found = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            found.update(map(int, (thread / "children").read_text().split()))
        except OSError:
            pass
    return {child for child in found if state(child) not in ("Z", None)}


def state(pid):
    try:
        return rights(pid)["State"][0]
    except OSError:
        return None


def children_that(pid, holds):
    """Returns the children of which holds(child) is true. It may read files of a child that ends meanwhile."""
    found = set()
    for child in children_of(pid):
        try:
            if holds(child):
                found.add(child)
        except OSError:
            pass
    return found


def keepers_of(pid):
    return children_that(pid, lambda child: Path(f"/proc/{child}/comm").read_text() == "tophash-keeper\n")


@test
def rights_given_up():
    """When the probes stand, tophash keeps what re-attaching and reading need. What it started keeps the rights of the caller."""
    mask = sum(1 << number for number in KEPT.values())
    own = {name: rights("self")[name] for name in ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
    have = int(own["CapPrm"], 16)
    p = steps()
    for args in (["-p", p.pid], ["-b", target("steps")], ["--", target("steps")], ["--", "env", "A=1", target("steps")],
                 ["--follow=all", "--", "env", "A=1", target("steps")]):
        t = spawn([options.tophash, "trace", "--format", "json", "-v", *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE, text=True)
        while "probes placed" not in (line := t.stderr.readline()):
            check(line, "trace has ended")
        wait_until(lambda: rights(t.pid)["Seccomp"] == "2", f"{args}: no filter")
        got = rights(t.pid)
        same([int(got[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapInh")], [mask & have] * 3 + [0], f"{args}: capabilities")
        # A thread may have given up more.
        wait_until(lambda: all(is_confined(thread, mask & have) for thread in Path(f"/proc/{t.pid}/task").iterdir()), f"{args}: a thread has more")
        # The process that calibrates ends by itself. The other one may use the statistics, and nothing else.
        command = children_that(t.pid, lambda child: os.readlink(f"/proc/{child}/exe").endswith("/steps"))
        same(len(command), "--" in args, f"{args}: commands")
        wait_until(lambda: len(children_of(t.pid) - command - keepers_of(t.pid)) == 1, f"{args}: children {children_of(t.pid)}")
        keepers = keepers_of(t.pid)
        threads = [int(thread.name) for pid in keepers for thread in Path(f"/proc/{pid}/task").iterdir()]
        wait_until(lambda: all(int(rights(tid)[name], 16) == 0 for tid in threads for name in ("CapPrm", "CapEff", "CapBnd")),
                   f"{args}: a keeper of probes has capabilities")
        wait_until(lambda: {rights(tid)["Seccomp"] for tid in threads} <= {"2"}, f"{args}: a keeper of probes has no filter")
        (helper,) = children_of(t.pid) - command - keepers
        wait_until(lambda: rights(helper)["Seccomp"] == "2", f"{args}: the helper has no filter")
        got = rights(helper)
        same(({int(got[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}, got["Seccomp"]), ({1 << 21}, "2"), f"{args}: the helper")
        same([os.readlink(x).split(":")[0] for x in Path(f"/proc/{helper}/fd").iterdir()], ["socket"], f"{args}: what the helper has open")
        for pid in command:
            same({name: rights(pid)[name] for name in own}, own, f"{args}: the command")
        t.send_signal(signal.SIGINT)
        t.stdin.close()
        t.stdin = None
        _, err = t.communicate(timeout=LONG)
        same(t.returncode, 0, err)
        check(not Path(f"/proc/{helper}").exists(), "the helper is still there")
    p.end()


@test
def calls_refused():
    """Whatever runs in tophash during a trace gets an error from system calls that a trace does not make, and the trace goes on."""
    if not shutil.which("gdb"):
        raise Skip("needs gdb")
    p = steps()
    t = spawn([options.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check('"start"' in t.stdout.readline(), "trace does not begin")
    wait_until(lambda: rights(t.pid)["Seccomp"] == "2", "no filter")
    calls = [("execl", '"/bin/sh", "/bin/sh", 0'), ("mount", '"none", "/mnt", "tmpfs", 0, 0'), ("unshare", "0x20000"), ("setuid", "0"),
             ("chroot", '"/"'), ("chmod", '"/tmp", 01777'), ("swapoff", '"/nowhere"')]
    script = []
    for name, args in calls:
        script += ["-ex", f'printf "%s: %d, %d\\n", "{name}", (int){name}({args}), *(int *)__errno_location()']
    r = subprocess.run(["gdb", "-q", "-nx", "-batch", "-p", str(t.pid), *script], text=True, capture_output=True, timeout=LONG)
    same(re.findall(r"^(\w+): (-?\d+), (\d+)$", r.stdout, re.M), [(name, "-1", "1") for name, _ in calls], f"{r.stdout}\n{r.stderr}")
    p.ask("8")
    t.send_signal(signal.SIGINT)
    out, err = t.communicate(timeout=LONG)
    same((identity(Run(t.returncode, out, err))["removed"], t.returncode), (8, 0), err)
    p.end()


@test
def helper_dies():
    """The process that switches the statistics dies. Only the cost is not known then."""
    p = busy()
    t = spawn([options.tophash, "trace", "--summary", "--format", "json", "--duration", "2s", "-p", str(p.pid)], stdout=subprocess.PIPE,
              stderr=subprocess.PIPE, text=True)
    wait_until(lambda: rights(t.pid)["Seccomp"] == "2", "no filter")
    helpers = set()
    wait_until(lambda: helpers.update(children_that(t.pid, lambda child: int(rights(child)["CapEff"], 16) == 1 << 21)) or helpers, "no helper")
    for pid in helpers:
        os.kill(pid, signal.SIGKILL)
    out, err = t.communicate(timeout=LONG)
    end = json.loads(out.splitlines()[-1])
    same((t.returncode, end["event"], "overhead" in end), (0, "end", False), err)
    p.kill()
