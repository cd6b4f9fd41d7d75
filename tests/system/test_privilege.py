"""Tests without root, without bpf(2), with few open files, without /proc, and of a target that is stopped."""

import errno
import os
import re
import resource
import shutil
import signal
import subprocess

from harness import check, clean, deny_bpf, identity, LONG, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp, tophash


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
    for limit in (4, 5, 8, 14, 16, 24, 32, 40, 47, 48, 64):
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
    """-b opens one descriptor for each process. With too few, an error says so, and no living process is reported as ended."""
    exe = shutil.copy(target("steps"), tmp("steps-many"))
    programs = [Program(str(exe)) for _ in range(60)]
    for p in programs:
        p.line()
    for limit, code in ((70, 1), (130, 0)):
        r = tophash("-b", exe, "--duration", "500ms", "--format", "json",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        same((r.code, len(r.of("exit"))), (code, 0), f"limit {limit}: {r.err}")
        if code:
            check(re.search(r"process \d+: no descriptor is left: raise the limit of open files, which is 70 \(ulimit -n\)", r.err), r.err)
        else:
            same((len(r.of("start")), r.err), (60, ""), "start records")
    for p in programs:
        p.end()


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
