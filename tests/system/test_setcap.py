"""Tests of a tophash that has capabilities and is called by a user who has none (setcap, set-user-ID): the user reaches what is the
user's, and nothing else."""

import ctypes
import errno
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import threading
import time
from pathlib import Path

from harness import check, go_build, identity, LONG, options, Program, refused, REPO, Run, same, Skip, spawn, steps, target, test, tmp
from test_doctor import Checks, NOBODY
from test_groups import begun, program

CAPS = {"dac_override": 1, "dac_read_search": 2, "setuid": 7, "sys_ptrace": 19, "sys_admin": 21, "perfmon": 38, "bpf": 39}
RECIPE = ["bpf", "perfmon"]
RIGHTS = """package main

import "os"

func main() {
	m := map[string]int{"a": 1}
	delete(m, "a")
	status, _ := os.ReadFile("/proc/self/status")
	os.Stdout.Write(status)
}
"""


def with_caps(name, caps, mode=0o755):
    """Returns a copy of tophash with these file capabilities (struct vfs_cap_data, revision 2)."""
    d = tmp("bin")
    d.mkdir(exist_ok=True)
    os.chmod(tmp(), 0o755)
    exe = shutil.copy(options.tophash, d / name)
    bits = sum(1 << CAPS[c] for c in caps)
    if caps:
        try:
            os.setxattr(exe, "security.capability", struct.pack("<5I", 0x02000001, bits & 0xFFFFFFFF, 0, bits >> 32, 0))
        except OSError as e:
            raise Skip(f"no file capabilities on {d}: {e}") from None
    os.chmod(exe, mode)
    return exe


def every_way():
    """The recipe, what somebody may do instead, and a set-user-ID program."""
    yield "recipe", with_caps("recipe", RECIPE)
    yield "all capabilities", with_caps("all", CAPS)
    yield "set-user-ID", with_caps("suid", [], 0o4755)


def as_nobody(exe, *args, **kwargs):
    q = subprocess.run([*NOBODY, exe, *map(str, args)], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG,
                       **kwargs)
    return Run(q.returncode, q.stdout, q.stderr)


@test
def setcap_own_programs():
    """A process and a command of the caller are traced as by root. The command gets no capability."""
    exe, go = with_caps("recipe", RECIPE), shutil.copy(target("steps"), tmp("steps"))
    os.chmod(go, 0o755)
    p = Program(go, user=65534, group=65534, extra_groups=[])
    check(p.line().startswith("ready"), "steps does not begin")
    t = spawn([*NOBODY, exe, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check('"start"' in t.stdout.readline(), "trace does not begin")
    p.ask("9")
    t.send_signal(signal.SIGINT)
    out, err = t.communicate(timeout=LONG)
    same((t.returncode, identity(Run(t.returncode, out, err))["removed"]), (0, 9), err)
    p.end()
    q = subprocess.run([*NOBODY, exe, "trace", "--format", "json", "--", go], text=True, input="4\n", capture_output=True, timeout=LONG)
    lines = q.stdout.splitlines()
    same((q.returncode, '"removed":4,' in lines[-1]), (0, True), q.stderr)
    d = Checks(*(lambda r: (r.code, r.out, r.err))(as_nobody(exe, "doctor", "--format", "json")))
    same((d.code, d.row("capabilities")[1]), (0, "missing: CAP_SYS_PTRACE CAP_SYS_ADMIN"), f"{d.lines}")


@test
def setcap_command_without_rights():
    """What -- starts has no capability, and cannot get one."""
    source = tmp("rights.go")
    source.write_text(RIGHTS)
    program = go_build(source, "rights")
    os.chmod(program, 0o755)
    for name, exe in every_way():
        r = as_nobody(exe, "trace", "--format", "json", "-o", "/dev/null", "--", program)
        status = dict(re.findall(r"^(\w+):\s*(.*)$", r.out, re.M))
        same({k: status[k] for k in ("CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")},
             {"CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16, "CapAmb": "0" * 16, "NoNewPrivs": "1"}, f"{name}: {r.err}")
        same(status["Uid"].split(), ["65534"] * 4, name)


@test
def setcap_processes_of_others():
    p = steps()
    for name, exe in every_way():
        for verb in (["trace", "-p", p.pid], ["addr", "-p", p.pid, "0x401000"], ["trace", "--dry-run", "-p", p.pid]):
            refused(as_nobody(exe, *verb), 4, "not allowed to look at process")
        refused(as_nobody(exe, "trace", "-b", target("steps")), 4, "processes of other users", "root")
        listed = as_nobody(exe, "ps", "--format", "json", p.pid)
        same((listed.code, listed.records[0]["event"], listed.records[-1]["hidden"]), (0, "end", 1), f"{name}: ps")
    p.end()


@test
def setcap_files_of_others():
    """Files that the caller cannot read are not read, by no verb, and those that the caller cannot write are not written."""
    secret = tmp("secret")
    secret.write_text("the first line of a secret\n" * 99)
    program = shutil.copy(target("steps"), tmp("private"))
    inside = tmp("closed")
    inside.mkdir()
    shutil.copy(target("steps"), inside / "steps")
    for path, mode in ((secret, 0o600), (program, 0o700), (inside, 0o700)):
        os.chmod(path, mode)
    source = tmp("named.go")
    source.write_text(f"package main\n\nfunc main() {{\n\tm := map[string]int{{}}\n//line {secret}:7\n\tdelete(m, \"x\")\n}}\n")
    named = go_build(source, "named")
    for path in (tmp(), named):
        os.chmod(path, 0o755)
    for name, exe in every_way():
        for path in (program, inside / "steps"):
            for verb in (["addr", path, "0x401000"], ["sites", path], ["doctor", path], ["trace", "--dry-run", "-b", path]):
                r = as_nobody(exe, *verb)
                check(r.code == 4 and "Permission denied" in r.err + r.out, f"{name}: {verb}: {r.code} {r.err}")
        r = as_nobody(exe, "sites", "--asm", "main.main", named)
        check(r.code == 0 and "mapdelete" in r.out, f"{name}: {r.err}")
        check("secret\n" not in r.out.replace(str(secret), "") and "first line" not in r.out, f"{name}: sites --asm shows a secret")
        before = secret.read_bytes()
        for verb in (["sites", named], ["addr", named, "0x401000"], ["doctor"], ["ps"]):
            r = as_nobody(exe, *verb, "-o", secret)
            check(r.code == 1 and "cannot write" in r.err, f"{name}: {verb} -o: {r.code} {r.err}")
        same(secret.read_bytes(), before, "the file of root")
        r = as_nobody(exe, "sites", named, "-o", inside / "new")
        check(r.code == 1 and not (inside / "new").exists(), f"{name}: a file in a folder of root")



CLONE3 = 435


def spawn_as(pid, uid, *command):
    """Starts a command as a process with this pid, which must be free. Returns false if somebody else has it. Its standard input is a pipe,
    whose other end is returned, and its standard output another one."""
    set_tid = (ctypes.c_int * 1)(pid)
    args = struct.pack("<11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(set_tid), 1, 0)
    orders, answers = os.pipe(), os.pipe()
    made = ctypes.CDLL(None, use_errno=True).syscall(CLONE3, args, len(args))
    if made == 0:
        try:
            os.dup2(orders[0], 0)
            os.dup2(answers[1], 1)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.execv(command[0], command)
        finally:
            os._exit(1)
    os.close(orders[0])
    os.close(answers[1])
    if made < 0:
        number = ctypes.get_errno()
        os.close(orders[1])
        os.close(answers[0])
        check(number == errno.EEXIST, f"clone3: {os.strerror(number)}")
        return None
    same(made, pid, "the pid")
    return open(orders[1], "w"), open(answers[0])


def waits_for_reader(p):
    end = time.monotonic() + LONG
    while not re.search("fifo_open|wait_for_partner", Path(f"/proc/{p.pid}/wchan").read_text()):
        check(time.monotonic() < end and p.poll() is None, f"does not wait for a reader: {Path(f'/proc/{p.pid}/wchan').read_text()}")
        time.sleep(0.005)


@test
def setcap_pid_of_another():
    """A process ends before its probes are placed, and a process of the same file of another user gets its pid. Nothing of that is shown."""
    exe, go = with_caps("recipe", RECIPE), shutil.copy(target("steps"), tmp("steps"))
    os.chmod(go, 0o755)
    out = tmp("out")
    os.mkfifo(out)
    os.chmod(out, 0o666)
    os.chmod(tmp(), 0o755)
    for tool, words in ((exe, []), (exe, ["--follow", "none"]), (options.tophash, []), (options.tophash, ["--max-overhead", "50%"])):
        for _ in range(50):
            p = Program(go, user=65534, group=65534, extra_groups=[])
            check(p.line().startswith("ready"), "steps does not begin")
            wrap = NOBODY if tool == exe else []
            t = spawn([*wrap, tool, "trace", "--format", "json", "-o", out, *words, "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            # It has opened the process, and waits for a reader of its output before it places probes.
            waits_for_reader(t)
            p.end()
            other = spawn_as(p.pid, 0, go)
            if other:
                break
            t.kill()
            t.wait()
        orders, answers = other
        check(answers.readline().startswith("ready"), "the second process does not begin")
        with open(out) as reader:
            for _ in range(20):
                orders.write("5\n")
                orders.flush()
                answers.readline()
            orders.close()
            os.waitpid(p.pid, 0)
            t.wait(LONG)
            shown = reader.read()
        same((t.returncode, shown), (3, ""), f"{words}")
        same(t.stderr.read(), f"tophash: process {p.pid} ended while probes were placed\n", "the message")
        answers.close()


def traced(tool, wrap, words, p):
    """Traces a process to its end. Returns the run, and lets the process go on after its first line."""
    t = spawn([*wrap, tool, "trace", "--format", "json", *words, "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = t.stdout.readline()
    check('"start"' in first, f"trace does not begin: {first}")
    tmp("go").touch()
    p.wait(LONG)
    out, err = t.communicate(timeout=LONG)
    tmp("go").unlink()
    return Run(t.returncode, first + out, err)


@test
def setcap_process_that_gains_rights():
    """A process of the caller executes a set-user-ID or set-group-ID program, and then the traced file again. What it removes as another user
    or with another group is not shown. Root sees it."""
    exe, a = with_caps("recipe", RECIPE), program("a")
    if "nosuid" in subprocess.run(["findmnt", "-no", "OPTIONS", "-T", tmp()], stdout=subprocess.PIPE, text=True).stdout:
        raise Skip("the folder of the tests is mounted with nosuid")
    user, group = shutil.copy(a, tmp("as-user")), shutil.copy(a, tmp("as-group"))
    os.chmod(tmp(), 0o755)
    os.chmod(user, 0o4755)
    os.chmod(group, 0o2755)
    for way in ([user, "user", "0"], [group]):
        for words in ([], ["--follow", "none"]):
            for tool, wrap in ((exe, NOBODY), (options.tophash, [])):
                p = spawn([a, "wait", tmp("go"), "delete", "3", "exec", *way, "exec", a, "wait", tmp("again"), "delete", "50"], user=65534, group=65534,
                          extra_groups=[])
                begun(p)
                again = threading.Timer(0.5, tmp("again").touch)  # time for the probes of the second run
                again.start()
                run = traced(tool, wrap, words, p)
                again.join()
                tmp("again").unlink()
                n = len(run.events)
                check(n == 3 if wrap else n == 53 or (3 <= n < 53 and run.end["gaps"]), f"{way} {words} by {tool}: {n} deletes, {run.err}")
                same({e["pid"] for e in run.events}, {p.pid}, "process")


@test
def systemd_unit():
    """The unit is well-formed, and its capabilities are enough to trace a file's processes of any user."""
    path = REPO / "deploy/systemd/tophash@.service"
    text = path.read_text()
    caps = re.search(r"^AmbientCapabilities=(.*)$", text, re.M)[1].split()
    same(re.search(r"^CapabilityBoundingSet=(.*)$", text, re.M)[1].split(), caps, "the bounding set")
    if shutil.which("systemd-analyze"):
        d = tmp("unit")
        d.mkdir()
        # verify looks for the program that is started, and for the manual.
        (d / path.name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M).replace("/usr/local/bin/tophash", options.tophash))
        r = subprocess.run(["systemd-analyze", "verify", d / path.name], text=True, capture_output=True, timeout=LONG)
        same((r.returncode, r.stderr), (0, ""), "systemd-analyze verify")
    few = ",".join("+" + c.removeprefix("CAP_").lower() for c in caps)
    exe, go = with_caps("plain", []), shutil.copy(target("steps"), tmp("steps"))
    os.chmod(go, 0o755)
    p = Program(go)  # of root
    check(p.line().startswith("ready"), "steps does not begin")
    start = re.search(r"^ExecStart=/usr/local/bin/tophash (.*)$", text, re.M)[1]
    logs = tmp("logs")
    logs.mkdir()
    os.chown(logs, 65534, 65534)
    args = [go if word == "%f" else logs / "events" if word.startswith("%L") else word for word in start.split()]
    t = spawn([*NOBODY[:-1], f"--inh-caps=-all,{few}", f"--ambient-caps=-all,{few}", f"--bounding-set=-all,{few}", "--no-new-privs", exe, *args, "-v"],
              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "probes placed" not in (line := t.stderr.readline()):
        check(line, "trace has ended")
    p.ask("6")
    t.send_signal(signal.SIGINT)
    _, err = t.communicate(timeout=LONG)
    end = (logs / "events").read_text().splitlines()[-1]
    same(stat.S_IMODE((logs / "events").stat().st_mode), 0o600, "mode of the events")
    check('"removed":6,' in end and t.returncode == 0, f"{end} {err}")
    p.end()
