"""Tests of doctor: each check is made to fail, and trace then does what doctor said."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess

from harness import (
    check, clean, deny, deny_bpf, identity, LONG, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp, tophash)
from test_files import overlay
from test_privilege import in_another_proc
from test_wrapper import state_of, wait_until

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
PROCESS_VM_READV = 310


class Checks:
    """The answer of doctor."""

    def __init__(self, code, out, err=""):
        same(err, "", "stderr of doctor")
        lines = [json.loads(line) for line in out.splitlines()]
        self.end = lines.pop()
        same((self.end["event"], self.end["checks"], self.end["code"]), ("end", len(lines), code), "end record")
        for state, member in (("fails", "failed"), ("limited", "limited")):
            same(self.end[member], sum(x["state"] == state for x in lines), state)
        self.code, self.lines = code, lines

    def row(self, name, subject="machine"):
        found = [x for x in self.lines if (x["check"], x["subject"]) == (name, subject)]
        same(len(found), 1, f"rows of {name} of {subject}")
        return found[0]["state"], found[0]["found"], found[0]["why"]

    def states(self, *states):
        return {x["check"] for x in self.lines if x["state"] in states}


def doctor(*args, wrap=(), env=None, **kwargs):
    r = subprocess.run([*map(str, wrap), kwargs.pop("tool", options.tophash), "doctor", "--format", "json", *map(str, args)], text=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG, env={**os.environ, **(env or {})}, **kwargs)
    return Checks(r.returncode, r.stdout, r.stderr)


def public():
    """Returns copies of tophash and of a program that everybody may read."""
    d = tmp("public")
    d.mkdir(exist_ok=True)
    os.chmod(tmp(), 0o755)
    return shutil.copy(options.tophash, d / "tophash"), shutil.copy(target("steps"), d / "steps")


def agrees(checks, name, run, subject="machine"):
    """Checks that trace ended as doctor said, with the same words."""
    state, _, why = checks.row(name, subject)
    same(state, "fails", f"state of {name}")
    same((run.code, run.err), (checks.code, f"tophash: {why}\n"), f"trace and {name}")


def works(p, said="", **kwargs):
    """Checks that a trace of the program is complete, with these messages."""
    t = spawn([*kwargs.pop("wrap", ()), options.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
              text=True, **kwargs)
    first = t.stdout.readline()
    check('"start"' in first, "trace does not begin")
    p.ask("7")
    t.send_signal(signal.SIGINT)
    out, err = t.communicate(timeout=LONG)
    run = Run(t.returncode, first + out, err)
    same((identity(run)["removed"], run.code, run.err), (7, 0, said), "what trace shows")
    return run


@test
def doctor_where_all_works():
    """Every check is there, no probe is placed in the process, and trace works."""
    p = steps()
    d = doctor("-p", p.pid, target("steps"))
    same((d.code, d.states("limited", "fails")), (0, set()), f"{d.lines}")
    same([x["check"] for x in d.lines if x["subject"] == "machine"][:9],
         ["proc", "descriptors", "kernel", "capabilities", "seccomp", "programs", "probes", "uprobe multi", "cost"], "checks")
    same(d.row("kernel")[1], os.uname().release, "kernel")
    process, file = f"process {p.pid}", f"file {target('steps')}"
    for subject in (process, file):
        check(re.fullmatch(r"go1\.\d+(\.\d+)?, (swiss|classic) maps", d.row("program", subject)[1]), f"{d.row('program', subject)}")
        same(d.row("debug information", subject), ("ok", "in the file", None), "debug information")
    clean(p.pid, target("steps"))
    works(p)
    p.end()
    text = subprocess.run([options.tophash, "doctor"], text=True, capture_output=True)
    same((text.returncode, text.stdout.splitlines()[-1], text.stderr), (0, "trace works here", ""), "as text")
    written = subprocess.run([options.tophash, "doctor", "-o", tmp("out")], text=True, capture_output=True)
    same((written.returncode, written.stdout, tmp("out").read_text()), (0, "", text.stdout), "-o")


@test
def doctor_without_rights():
    exe, go = public()
    d = doctor(go, wrap=NOBODY, tool=exe)
    same((d.code, d.states("fails")), (4, {"programs"}), f"{d.lines}")
    same(d.row("capabilities")[:2], ("limited", "missing: CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_SYS_ADMIN"), "capabilities")
    q = subprocess.run([*NOBODY, exe, "trace", "-b", go], text=True, capture_output=True, timeout=LONG)
    agrees(d, "programs", Run(q.returncode, q.stdout, q.stderr))
    p = steps()
    d = doctor("-p", p.pid, wrap=NOBODY, tool=exe)
    q = subprocess.run([*NOBODY, exe, "trace", "-p", str(p.pid)], text=True, capture_output=True, timeout=LONG)
    agrees(d, "program", Run(q.returncode, q.stdout, q.stderr), f"process {p.pid}")
    p.end()


@test
def doctor_with_two_capabilities():
    """CAP_BPF and CAP_PERFMON are enough for a file, and what is missing is said."""
    exe, go = public()
    os.chown(go, 65534, 65534)  # only the owner gets a lease on a file without CAP_LEASE
    only = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+bpf,+perfmon", "--ambient-caps=-all,+bpf,+perfmon"]
    d = doctor(go, wrap=only, tool=exe)
    same((d.code, d.states("fails")), (0, set()), f"{d.lines}")
    same(d.row("capabilities")[:2], ("limited", "missing: CAP_SYS_PTRACE CAP_SYS_ADMIN"), "capabilities")
    same(d.row("cost")[:2], ("limited", "unknown"), "cost")
    t = spawn([*only, exe, "trace", "--format", "json", "-v", "-b", go], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "probes placed" not in (line := t.stderr.readline()):
        check(line, "trace ended")
    program = subprocess.Popen([go], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=65534, group=65534)
    program.stdout.readline()
    program.stdin.write("5\n")
    program.stdin.flush()
    program.stdout.readline()
    t.send_signal(signal.SIGINT)
    out, err = t.communicate(timeout=LONG)
    program.stdin.close()
    program.wait(LONG)
    end = json.loads(out.splitlines()[-1])
    same((end["removed"], end.get("overhead"), t.returncode), (5, None, 0), err)


@test
def doctor_seccomp_filter():
    p = steps()
    for number in (errno.ENOSYS, errno.EPERM):
        d = doctor(preexec_fn=deny_bpf(number))
        same((d.code, d.row("seccomp")[1], d.states("fails")), (4, "filter", {"programs"}), f"{d.lines}")
        agrees(d, "programs", tophash("-p", p.pid, preexec_fn=deny_bpf(number)))
    p.end()
    # A filter of the traced program does not matter.
    p = steps_under_filter()
    d = doctor("-p", p.pid)
    same((d.code, d.row("seccomp", f"process {p.pid}")[1]), (0, "filter, does not matter"), f"{d.lines}")
    works(p)
    p.end()


def steps_under_filter():
    p = Program(target("steps"), preexec_fn=deny_bpf(errno.EPERM))
    check(p.line().startswith("ready"), "steps does not begin")
    return p


@test
def doctor_ptrace_scope():
    """With kernel.yama.ptrace_scope 3 nobody reads the memory of a process. A file and a filter stand for a kernel that has Yama."""
    p = steps()
    fake = 'mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama && echo 3 > /proc/sys/kernel/yama/ptrace_scope && exec "$@"'
    wrap = ["unshare", "-m", "sh", "-c", fake, "sh"]
    d = doctor("-p", p.pid, wrap=wrap, preexec_fn=deny(PROCESS_VM_READV, errno.EPERM))
    same((d.code, d.row("ptrace scope")[:2], d.row("memory", f"process {p.pid}")[:2]), (0, ("limited", "3"), ("limited", "not readable")),
         f"{d.lines}")
    works(p, wrap=wrap, preexec_fn=deny(PROCESS_VM_READV, errno.EPERM))
    p.end()


@test
def doctor_without_btf():
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise Skip("this kernel has no BTF anyway")
    p = steps()
    wrap = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]
    same(doctor().row("kernel BTF"), ("ok", "yes", None), "with BTF")
    d = doctor(wrap=wrap)
    same((d.code, d.row("kernel BTF")[:2]), (0, ("limited", "no")), f"{d.lines}")
    check("--uid does not work" in d.row("kernel BTF")[2], f"{d.lines}")
    works(p, wrap=wrap)
    refused(tophash("--uid", "0", wrap=wrap), 4, "this kernel does not tell the user of a process")
    p.end()


@test
def doctor_lockdown():
    """In the mode confidentiality no kernel program reads memory of the kernel. A file stands for a kernel in this mode."""
    p = steps()
    text = "none integrity [confidentiality]"
    wrap = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none /sys/kernel/security && echo "{text}" > /sys/kernel/security/lockdown && exec "$@"', "sh"]
    d = doctor(wrap=wrap)
    state, found, why = d.row("lockdown")
    same((d.code, state, found), (0, "limited", "confidentiality"), f"{d.lines}")
    check("children are not followed, and --uid and groups of cgroup v1 do not work" in why, why)
    cause = "the kernel lets no program read its memory (lockdown=confidentiality)"
    check(cause in why, why)
    run = works(p, wrap=wrap, said=f"tophash: children are not followed: cannot watch forks: {cause}\n")
    same([x["links"] for x in run.of("start")], ["process"], "the probes")
    refused(tophash("--uid", "0", wrap=wrap), 4, "user 0: the kernel lets no program read its memory")
    text = "none [integrity] confidentiality"
    wrap[4] = wrap[4].replace("none integrity [confidentiality]", text)
    d = doctor(wrap=wrap)
    same((d.row("lockdown"), d.code), (("ok", "integrity", None), 0), f"{d.lines}")
    works(p, wrap=wrap)
    p.end()


@test
def doctor_lease():
    """A lease on a file decides where the probes of -b are."""
    def row(path, **kwargs):
        d = doctor(path, **kwargs)
        same(d.code, 0, f"{d.lines}")
        return d.row("lease", f"file {path}")[:2]

    def links(path, wrap=(), tool=None):
        """Traces a process of the file with -b. Returns where the probes are."""
        p = Program(str(path), **({"user": 65534, "group": 65534} if wrap else {}))
        check(p.line().startswith("ready"), "steps does not begin")
        t = spawn([*wrap, tool or options.tophash, "trace", "--format", "json", "-b", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        start = json.loads(t.stdout.readline())
        p.ask("3")
        t.send_signal(signal.SIGINT)
        out, err = t.communicate(timeout=LONG)
        same((t.returncode, json.loads(out.splitlines()[-1])["removed"]), (0, 3), err)
        p.end()
        return start["links"]

    exe, go = public()
    same((row(go), links(go)), (("ok", "possible"), "file"), "a file of its own")
    merged = overlay()[2]
    try:
        shutil.copy(go, merged / "steps")
        same((row(merged / "steps"), links(merged / "steps")), (("limited", "not possible"), "process"), "on an overlay file system")
    finally:
        subprocess.run(["umount", "-l", merged], check=True)
    # Only the owner gets a lease on a file without CAP_LEASE.
    only = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+bpf,+perfmon", "--ambient-caps=-all,+bpf,+perfmon"]
    same((row(go, wrap=only, tool=exe), links(go, only, exe)), (("limited", "not possible"), "process"), "a file of another user")
    with open(go, "r+b"):
        same(row(go), ("limited", "the file is open for writing"), "an open file")
        t = spawn([options.tophash, "trace", "--format", "json", "--duration", "300ms", "-b", go], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = t.communicate(timeout=LONG)
        same([(g["pid"], g["why"]) for g in Run(t.returncode, out, err).of("gap")], [(0, "upgrade")], err)
    same(row(go), ("ok", "possible"), "a file that is closed again")


@test
def doctor_without_proc():
    if options.sanitized:
        raise Skip("the leak sanitizer itself needs /proc")
    p = steps()
    mount = "mount -t tmpfs none /proc"
    r = in_another_proc(mount, options.tophash, "doctor", "--format", "json", "-p", p.pid)
    d = Checks(r.code, r.out, r.err)
    agrees(d, "proc", in_another_proc(mount, options.tophash, "trace", "-p", p.pid))
    p.end()


@test
def doctor_hidden_processes():
    exe, _ = public()
    p = steps()
    hide = "mount -t proc -o hidepid=2 proc /proc"
    r = in_another_proc(hide, *NOBODY, exe, "doctor", "--format", "json", "-p", p.pid)
    d = Checks(r.code, r.out, r.err)
    same(d.row("proc")[:2], ("limited", "mounted"), "proc")
    agrees(d, "program", in_another_proc(hide, *NOBODY, exe, "trace", "-p", p.pid), f"process {p.pid}")
    same(doctor().row("proc"), ("ok", "mounted", None), "not hidden")
    p.end()


@test
def doctor_limits():
    """Too few descriptors stop trace. A low limit on locked memory does not."""
    p = steps()
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))  # noqa: E731
    d = doctor(preexec_fn=few)
    same((d.row("descriptors")[1], d.code), ("32", 1), f"{d.lines}")
    agrees(d, "descriptors", tophash("-p", p.pid, preexec_fn=few))
    low = {"wrap": ["setpriv", "--bounding-set=-ipc_lock"], "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))}
    d = doctor(**low)
    same((d.row("memlock"), d.code), (("ok", "0 bytes", None), 0), f"{d.lines}")
    works(p, **low)
    p.end()


@test
def doctor_older_kernel():
    """Without uprobe-multi links probes are placed one by one."""
    p = steps()
    env = {**os.environ, "TOPHASH_NO_MULTI": "1"}
    d = doctor(env=env)
    same((d.row("uprobe multi")[:2], d.code), (("limited", "no"), 0), f"{d.lines}")
    works(p, env=env)
    p.end()


@test
def doctor_targets():
    """Processes and files that trace refuses, and those that are unusual."""
    for args in (["-p", 4194304], ["-p", spawn(["sleep", "1000"]).pid], ["/bin/true"], ["/nowhere/at/all"], ["/etc/passwd"]):
        d = doctor(*args)
        subject = f"process {args[1]}" if args[0] == "-p" else f"file {args[0]}"
        agrees(d, "program", tophash(*(args if args[0] == "-p" else ["-b", *args])), subject)
        same(d.code, 3, f"{args}")
    stripped = target("kinds", "stripped")
    d = doctor(stripped)
    same((d.code, d.row("symbols", f"file {stripped}")[1], d.row("debug information", f"file {stripped}")[0]), (0, "stripped, not needed", "limited"),
         f"{d.lines}")
    p = steps()
    os.kill(p.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(p.pid) == "T", "it does not stop")
    d = doctor("-p", p.pid)
    os.kill(p.pid, signal.SIGCONT)
    same((d.code, d.row("debugger", f"process {p.pid}")[0]), (0, "limited"), f"{d.lines}")
    p.end()
    r = subprocess.run([options.tophash, "doctor", "a", "b"], text=True, capture_output=True)
    same((r.returncode, len(r.stderr.splitlines()), "only one FILE" in r.stderr), (2, 1, True), r.stderr)
    r = subprocess.run([options.tophash, "doctor", "-p", "no-such-name"], text=True, capture_output=True)
    same((r.returncode, r.stderr, "no process is named no-such-name" in r.stdout), (3, "", True), r.stdout)
