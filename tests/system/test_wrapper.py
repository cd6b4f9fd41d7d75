"""Tests of commands that are no Go programs themselves: they are followed until one begins."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from harness import (
    check, deny_bpf, go_build, LONG, nothing_left, bpf_ids, options, refused, Run, same, Skip, spawn, target, test, tmp, tophash, Tracer)
from releases import ends


def wait_until(condition, what):
    end = time.monotonic() + LONG
    while not (value := condition()):
        check(time.monotonic() < end, what)
        time.sleep(0.005)
    return value


def seven():
    return [target("busy"), "-ops", "7"]


def text(words):
    return " ".join(map(str, words))


def script(body):
    path = tmp("script")
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def traced(*command, removed=7, codes=(0,)):
    """Traces a command, and checks that all deletes of its Go program were seen. Returns the run."""
    tmp("events").unlink(missing_ok=True)
    r = tophash("--format", "json", "-o", tmp("events"), "--", *command)
    told = r.out
    check(tmp("events").exists(), f"{command}: {r.err}")
    r = Run(r.code, tmp("events").read_text(), r.err)
    same((r.code, r.end["removed"], len(r.events)), (0, removed, removed), f"{command}: {r.err}")
    same([x["code"] for x in r.exits], list(codes), f"{command}: exit records")
    same([x["exe"] for x in r.of("start")], [target("busy")] * len(codes), f"{command}: programs")
    check(f'"removed":{removed}' in told.replace(" ", ""), f"{command}: the program says {told!r}")
    return r


@test
def wrappers():
    """The process that tophash started executes the Go program, perhaps by way of others."""
    for words in (["env", "A=1"], ["nice"], ["setpriv", "--reuid", "65534", "--clear-groups"], ["taskset", "-c", "0"], ["setsid"],
                  ["env", "nice", "-n", "1", "sh", "-c", 'exec "$@"', "sh"], ["unshare", "-n"], ["stdbuf", "-oL"], ["chrt", "-o", "0"]):
        r = traced(*words, *seven())
        pid = r.of("start")[0]["pid"]
        same(r.lines, [f"tophash: {target('busy')} (process {pid}) exited with status 0"], f"{words}: messages")
    r = traced(script("exec " + text(seven())))
    same(len(r.lines), 1, r.err)
    tmp("script").write_text(f"#!{target('busy')} -ops=7\n")  # an interpreter that is Go
    traced(tmp("script"))


@test
def wrappers_of_other_users():
    """sudo and runuser start the program as a child with another user."""
    for words in (["sudo", "-n", "-u", "nobody"], ["sudo", "-n", "-u", "nobody", "env", "A=1", "nice"], ["runuser", "-u", "nobody", "--"]):
        traced(*words, *seven())


@test
def wrappers_that_wait():
    """The Go program is a child. The run ends when both have ended."""
    r = traced("timeout", "50", *seven())
    check(r.lines[0].startswith(f"tophash: {target('busy')} (process ") and r.lines[0].endswith(" exited with status 0"), r.err)
    check(r.lines[1].startswith("tophash: timeout (process ") and r.lines[1].endswith(" exited with status 0"), r.err)
    r = traced("sh", "-c", text(seven()) + "; sleep 0.3; exit 5")
    check(r.lines[1].startswith("tophash: sh (process ") and r.lines[1].endswith(" exited with status 5"), r.err)
    check(r.end["seconds"] > 0.3, f"it has ended after {r.end['seconds']} s, before the shell")
    traced("sh", "-c", "true; /bin/echo x | cat >&2; ls / >&2; (" + text(seven()) + ")")
    traced("sh", "-c", text(seven()) + " & wait $!; exit $?")
    traced("python3", "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)", *seven())


@test
def wrappers_that_leave():
    """The Go program outlives the command, which may have ended before the probes stand."""
    for body in ("setsid -f {}", "{} & exit 3", "({} &)", "{} & kill -9 $$"):
        traced("sh", "-c", body.format(text(seven())))


@test
def wrapper_that_forks_on():
    """The wrapper goes on to start programs while the probes are being placed."""
    more = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i + 1)); done"
    for body in ("{} & {}; wait", "({}) & ({}); wait", "{1} & {1} & {0}; wait"):
        traced("sh", "-c", body.format(text(seven()), more))


@test
def wrapper_without_program():
    refused(tophash("--", "true"), 3, "/true exited with status 0, and no Go program had begun")
    refused(tophash("--", "sh", "-c", "exit 9"), 3, "/sh exited with status 9, and no Go program")
    refused(tophash("--", "sh", "-c", "kill -9 $$"), 3, "/sh was ended by signal 9, and no Go program")
    refused(tophash("--", script("exit 3")), 3, "script exited with status 3, and no Go program")
    r = tophash("--", "env", "/nonexistent/program")
    same((r.code, len(r.lines)), (3, 2), r.err)
    check("No such file" in r.lines[0] and "/env exited with status 127, and no Go program" in r.lines[1], r.err)
    tmp("script").write_text("#!/nonexistent/interpreter\n")
    refused(tophash("--", tmp("script")), 3, "cannot start .*script: No such file")


@test
def wrapper_refused():
    """What cannot be followed is told before it is started, and so is a missing privilege."""
    began = tmp("began")
    touch = ["sh", "-c", f"touch {began}; " + text(seven())]
    for args, code, word, how in (
            (["--dry-run", "--", *touch], 3, "--dry-run starts nothing", {}),
            (["--", *touch], 4, "not permitted", {"preexec_fn": deny_bpf(1)}),
            (["--", "strace", *touch], 3, "strace traces programs itself", {}),
            (["--", "gdb", "-batch", "-ex", "run", *touch], 3, "gdb traces programs itself", {}),
            (["--", "systemd-run", *touch], 3, "use systemd-run --scope", {}),
            (["--", "systemd-run", "--user", "--unit=x", *touch], 3, "use systemd-run --scope", {})):
        refused(tophash(*args, **how), code, word)
        check(not began.exists(), f"{args}: it was started")


# Runs a program under ptrace, as a debugger does.
DEBUGGER = """package main
import ("fmt"; "os"; "os/exec"; "runtime"; "syscall")
func main() {
	runtime.LockOSThread()
	c := exec.Command(os.Args[1], os.Args[2:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := c.Start(); err != nil { fmt.Println(err); os.Exit(9) }
	var ws syscall.WaitStatus
	for {
		if pid, err := syscall.Wait4(c.Process.Pid, &ws, 0, nil); pid < 0 || ws.Exited() {
			fmt.Fprintln(os.Stderr, "status", ws.ExitStatus(), err)
			os.Exit(ws.ExitStatus())
		}
		signal := int(ws.StopSignal())
		if ws.StopSignal() == syscall.SIGTRAP { signal = 0 }
		syscall.PtraceCont(c.Process.Pid, signal)
	}
}
"""


def left_alone(*command):
    """Traces a command with a tracer in it, beside a Go program of seven deletes. Checks that the tracer is a gap, and returns the run."""
    tmp("events").unlink(missing_ok=True)
    r = tophash("--format", "json", "-o", tmp("events"), "--", *command)
    check(tmp("events").exists(), f"{command}: {r.err}")
    r = Run(r.code, tmp("events").read_text(), r.err)
    (gap,) = r.of("gap")
    same((r.code, r.end["hits"], r.end["gaps"], gap["why"]), (5, 7, 1, "tracer"), f"{command}: {r.err}")
    check(f"(process {gap['pid']}) traces programs itself: neither it nor what it starts is traced" in r.err, r.err)
    return r


@test
def tracers_in_the_tree():
    """A program that traces others is left alone, and works. What it starts is not traced, which a message and a gap tell."""
    r = tophash("--", "sh", "-c", f"strace -f -o {tmp('calls')} {text(seven())} >{tmp('out')}")
    same((r.code, r.out), (3, ""), r.err)
    check("strace (process " in r.lines[0] and "traces programs itself: neither it nor what it starts is traced" in r.lines[0], r.err)
    same(json.loads(tmp("out").read_text())["removed"], 7, "the program's own count")
    check("+++ exited with 0 +++" in tmp("calls").read_text(), "strace has not seen its end")
    r = left_alone("sh", "-c", f"strace -o {tmp('calls')} /bin/true; {text(seven())}")
    check("strace (process " in r.lines[0], r.err)
    # It begins while the probes of the program are being placed.
    left_alone("sh", "-c", f"{text(seven())} & strace -o {tmp('calls')} /bin/true; s=$?; wait; exit $s")
    check("+++ exited with 0 +++" in tmp("calls").read_text(), "strace has not seen its end")


@test
def debuggers_in_go():
    """A Go program that calls ptrace() is such a program, too."""
    source = tmp("debugger.go")
    source.write_text(DEBUGGER)
    for go in dict.fromkeys((options.go, ends()[0])):
        debugger = go_build(source, "debugger", go=go)
        r = left_alone("sh", "-c", f"{debugger} {text(seven())} >{tmp('out')}; {text(seven())}")
        check("status 0" in r.err and json.loads(tmp("out").read_text())["removed"] == 7, f"the program under the debugger: {r.err}")


@test
def setuid_wrapper():
    """A set-user-ID program in the tree keeps its privilege."""
    source = tmp("whoami.go")
    source.write_text("""package main
import ("os"; "strconv")
func main() {
	m := map[string]int{"x": 1}
	delete(m, "x")
	os.WriteFile(os.Args[1], []byte(strconv.Itoa(os.Getuid())+" "+strconv.Itoa(os.Geteuid())), 0644)
}
""")
    exe = go_build(source, "whoami")
    wrapper = tmp("env-of-root")
    wrapper.write_bytes(Path("/usr/bin/env").read_bytes())
    wrapper.chmod(0o4755)
    if "nosuid" in subprocess.run(["findmnt", "-no", "OPTIONS", "-T", str(wrapper)], stdout=subprocess.PIPE, text=True).stdout:
        raise Skip("the folder of the tests is mounted with nosuid")
    for before in ([], ["nice"]):
        r = tophash("-q", "--format", "json", "--", *before, "setpriv", "--reuid", "65534", "--clear-groups", wrapper, exe, tmp("who"))
        same((r.code, len(r.events), tmp("who").read_text()), (0, 1, "65534 0"), f"{before}: {r.err}")


@test
def wrapper_inherits_nothing():
    """The command has no descriptor of tophash, and the signals that were ignored before tophash, and no more."""
    ours = dict(line.split() for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Sig") and "/" not in line)
    ignored = int(ours["SigIgn:"], 16) & ~(1 << signal.SIGPIPE - 1) & ~(1 << signal.SIGXFSZ - 1)  # Python ignores these two itself
    r = traced("sh", "-c", f"ls /proc/self/fd >{tmp('fds')}; grep Sig /proc/self/status >{tmp('signals')}; exec " + text(seven()))
    same(sorted(tmp("fds").read_text().split()), ["0", "1", "2", "3"], f"descriptors of ls, with the folder that it lists: {r.err}")
    masks = dict(line.split() for line in tmp("signals").read_text().splitlines() if "/" not in line)
    same((int(masks["SigBlk:"], 16), int(masks["SigIgn:"], 16)), (0, ignored), "signals")


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def started(path):
    return wait_until(lambda: path.exists() and path.read_text().strip(), "the command does not begin").strip()


@test
def wrapper_stops():
    """A wrapper that is stopped stays stopped while it is followed, and when tophash is killed. SIGCONT resumes it."""
    for killed in (False, True):
        for f in ("pid", "out"):
            tmp(f).unlink(missing_ok=True)
        t = Tracer("--", "sh", "-c", f"echo $$ >{tmp('pid')}; kill -STOP $$; {text(seven())} >{tmp('out')}", ready=False)
        pid = int(started(tmp("pid")))
        wait_until(lambda: state_of(pid) in "Tt", "it does not stop")
        if killed:
            t.p.kill()
            t.p.wait()
        time.sleep(0.05)
        check(state_of(pid) in "Tt" and not tmp("out").exists(), f"killed {killed}: it runs before SIGCONT")
        os.kill(pid, signal.SIGCONT)
        same(json.loads(started(tmp("out")))["removed"], 7, "the program's own count")
        if not killed:
            same(t.end(None).end["removed"], 7, "removed")


# Starts a command as a child, and counts signals that the kernel never merges, until SIGUSR1 comes after the end of the child.
COUNTS = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile sig_atomic_t got, over;
static void on_signal(int n) { n == SIGUSR1 ? over++ : got++; }
static void tell(const char *path, int a, int b)
{
	char part[4096];
	snprintf(part, sizeof(part), "%s.part", path);
	FILE *f = fopen(part, "w");
	fprintf(f, "%d %d\n", a, b);
	fclose(f);
	rename(part, path);
}
int main(int argc, char **argv)
{
	sigset_t set, old;
	int status = -1;
	signal(SIGRTMIN, on_signal);
	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	tell(argv[1], getpid(), 0);
	pid_t child = fork();
	if (!child) { sigprocmask(SIG_SETMASK, &old, NULL); execvp(argv[3], argv + 3); _exit(127); }
	while (waitpid(child, &status, 0) != child);
	while (!over) sigsuspend(&old);
	tell(argv[2], got, status);
}
"""


@test
def wrapper_of_a_killed_tophash():
    """tophash is killed at any instant: while it follows a wrapper, while the Go program waits, while it is traced. All that it had started
    runs on, is not left stopped, and gets every signal."""
    before = bpf_ids()
    subprocess.run(["cc", "-O1", "-o", tmp("counts"), "-x", "c", "-"], input=COUNTS, text=True, check=True)
    chance = random.Random(int.from_bytes(os.urandom(4), "little"))
    command = ["env", "A=1", "sh", "-c", f"/bin/true; sleep 0.02; /bin/true; nice {text(seven())} & wait $!; exit $(($? + 3))"]
    for round_ in range(options.rounds * 5):
        for f in ("pid", "done", "out"):
            tmp(f).unlink(missing_ok=True)
        with open(tmp("out"), "w") as out:
            t = spawn([options.tophash, "trace", "-q", "-o", "/dev/null", "--", tmp("counts"), tmp("pid"), tmp("done"), *command], stdout=out,
                      stderr=subprocess.DEVNULL)
        pid, sent, delay = int(started(tmp("pid")).split()[0]), 0, chance.uniform(0, 0.35)
        end = time.monotonic() + delay
        while time.monotonic() < end:
            os.kill(pid, signal.SIGRTMIN)
            sent += 1
            time.sleep(chance.choice((0, 0.0002, 0.001)))
        for i in range(100):  # it is killed while it passes signals on
            os.kill(pid, signal.SIGRTMIN)
            sent += 1
            if i == 50:
                t.kill()
        t.wait()
        os.kill(pid, signal.SIGUSR1)
        what = f"round {round_}, killed after {delay:.4f} s"
        same(started(tmp("done")), f"{sent} {3 << 8}", f"{what}: signals, wait status")
        same(json.loads(tmp("out").read_text())["removed"], 7, f"{what}: the program's own count")
    nothing_left(before)


@test
def wrapper_of_an_ended_tophash():
    """A signal ends tophash while no Go program has begun. The command runs on."""
    for sig in (signal.SIGINT, signal.SIGTERM):
        for f in ("pid", "out", "go"):
            tmp(f).unlink(missing_ok=True)
        wait = f"until [ -e {tmp('go')} ]; do sleep 0.02; done"
        t = Tracer("--", "sh", "-c", f"echo $$ >{tmp('pid')}; {wait}; {text(seven())} >{tmp('out')}", ready=False)
        started(tmp("pid"))
        t.p.send_signal(sig)
        same(t.p.wait(LONG), -sig, "tophash's end")
        tmp("go").touch()
        same(json.loads(started(tmp("out")))["removed"], 7, "the program's own count")
