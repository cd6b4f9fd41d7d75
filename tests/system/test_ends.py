"""Tests of how a trace ends: by signals, a closed pipe, the end of its target. Nothing stays behind, even after many traces."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import (
    bpf_ids, brief, busy, check, clean, clean_soon, identity, LONG, nothing_left, options, probed, Run, same, shim, Skip, spawn, steps, target, test,
    tmp, tophash, Tracer)


@test
def signals():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        p = steps()
        before = bpf_ids()
        t = Tracer("-p", p.pid)
        check(probed(p.pid, target("steps")), "no probe while it traces")
        p.ask("5")
        r = t.end(sig)
        same((r.code, r.err), (0, ""), f"{sig.name}")
        same(identity(r)["removed"], 5, sig.name)
        same(len(r.of("exit")), 0, "exit records of a process that goes on")
        clean(p.pid, target("steps"))
        nothing_left(before)
        p.ask("5")
        same(p.end(), "", "steps")


@test
def ignored_signals():
    """In a script, a shell starts background jobs with SIGINT ignored. SIGINT and SIGTERM must still end a trace. A SIGHUP that nohup
    ignores stays ignored."""
    p = steps()
    for ignored, sent, ends in ((signal.SIGHUP, 3, signal.SIGINT), (signal.SIGINT, 0, signal.SIGINT), (signal.SIGTERM, 0, signal.SIGTERM)):
        t = spawn([options.tophash, "trace", "-v", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN))
        check("placed" in t.stderr.readline(), "it does not begin")
        for _ in range(sent):
            t.send_signal(ignored)
            time.sleep(0.05)
        p.ask("4")
        same(t.poll(), None, f"{ignored.name} is ignored")
        t.send_signal(ends)
        out, err = t.communicate(timeout=LONG)
        same((t.returncode, err, identity(Run(0, out, ""))["removed"]), (0, "", 4), ends.name)
    p.end()


@test
def ignored_signals_elsewhere():
    """They end a verb that follows a log as well, whether they were ignored or blocked."""
    for number in (signal.SIGINT, signal.SIGTERM):
        for prepare in (lambda n: signal.signal(n, signal.SIG_IGN), lambda n: signal.pthread_sigmask(signal.SIG_BLOCK, [n])):
            p = spawn([options.tophash, "addr", "--annotate", target("steps")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                      preexec_fn=lambda n=number, prepare=prepare: prepare(n))
            p.stdin.write("a line\n")
            p.stdin.flush()
            same(p.stdout.readline(), "a line\n", "the text")
            p.send_signal(number)
            same(p.wait(LONG), -number, f"ended by {number.name}")


@test
def interrupt_in_the_background():
    """`tophash trace ... &` in a script, then `kill -INT $!`."""
    p = steps()
    script = f"""{options.tophash} trace -v --format json -p {p.pid} & child=$!
        while ! grep -q placed err; do sleep 0.02; done; kill -INT $child; wait $child; echo $? >code"""
    q = subprocess.run(["sh", "-c", script], cwd=tmp(), stdout=subprocess.PIPE, stderr=open(tmp("err"), "w"), text=True, timeout=LONG)
    same(tmp("code").read_text(), "0\n", "exit code")
    same(identity(Run(0, q.stdout, ""))["hits"], 0, "hits")
    p.end()


@test
def closed_pipe():
    for format in ("json", "text"):
        p = busy()
        before = bpf_ids()
        # Until the pipe is closed, nothing is taken out of the buffer.
        t = spawn([options.tophash, "trace", "--format", format, "--buffer", "64M", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        t.stdout.readline()
        t.stdout.close()
        err = t.stderr.read().decode()
        same(t.wait(LONG), 0, f"exit code ({err})")
        m = re.fullmatch(r"tophash: .*?(\d+) hits = (\d+) delivered \+ (\d+) filtered \+ 0 lost\n", err)
        check(m, f"stderr: {err!r}")
        same(int(m[1]), int(m[2]) + int(m[3]), "identity")
        clean(p.pid, target("busy"))
        nothing_left(before)
        p.kill()
        p.wait()
    p = steps()  # also when nothing happens that could be written
    t = spawn([options.tophash, "trace", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t.stdout.readline()
    t.stdout.close()
    same(t.wait(LONG), 0, "exit code")
    same(t.stderr.read().count(b"\n"), 1, "lines on stderr")
    p.end()


@test
def closed_socket():
    """A socket whose reader has gone away ends the trace, even if no event is written."""
    p = steps()
    reader, writer = socket.socketpair()
    t = spawn([options.tophash, "trace", "-p", str(p.pid)], stdout=writer, stderr=subprocess.PIPE)
    writer.close()
    check(reader.recv(4096), "no start record")
    reader.close()
    same(t.wait(LONG), 0, "exit code")
    same(t.stderr.read().count(b"\n"), 1, "lines on stderr")
    p.end()


@test
def target_killed():
    p = busy()
    t = Tracer("-p", p.pid)
    t.wait_for('"delete"')
    p.kill()
    p.wait()
    r = t.end(None)
    e = identity(r)
    check(r.code in (0, 5) and e["hits"] > 0, f"exit code {r.code}")
    same(r.exits, [{"pid": p.pid, "signal": 9, "signal_name": "SIGKILL"}], "exit record")
    same([x["event"] for x in r.records[-2:]], ["exit", "end"], "the last records")


@test
def target_ends_during_attach():
    """A target may end at any moment of attaching. tophash then does not hang or crash, and prints at most one line."""
    codes = set()
    for i in range(25):
        p = busy()
        t = spawn([options.tophash, "trace", "--format", "json", "--buffer", "64M", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(i * 0.003)
        p.kill()
        if i % 2:
            p.wait()
        out, err = t.communicate(timeout=LONG)
        p.wait()
        codes.add(t.returncode)
        check(t.returncode in (0, 3), f"exit code {t.returncode}: {err}")
        if t.returncode:
            same(err.count(b"\n"), 1, f"lines on stderr: {err}")
        else:
            identity(Run(0, out.decode(), ""))


@test
def many_rounds():
    exe = target("busy")
    p = spawn([exe, "-seconds", "600", "-gate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    fds = len(os.listdir(f"/proc/{p.pid}/fd"))
    p.stdin.write("\n")
    p.stdin.flush()
    before = bpf_ids()
    hits = 0
    for i in range(max(50, options.rounds)):
        t = subprocess.run([options.tophash, "trace", "-p", str(p.pid), "--format", "json", "--limit", str(1 + i % 7)], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=LONG)
        same((t.returncode, t.stderr), (0, ""), f"round {i}: {t.stdout[-400:]}")
        r = Run(0, t.stdout, "")
        same(identity(r)["delivered"], 1 + i % 7, f"round {i}")
        hits += r.end["hits"]
        same(p.poll(), None, f"round {i}: the target")
        if i % 25 == 24:
            clean(p.pid, exe)
    clean(p.pid, exe)
    nothing_left(before)
    check(len(os.listdir(f"/proc/{p.pid}/fd")) <= fds + 4, "the target has more open files")
    p.kill()
    p.wait()


@test
def rounds_that_add_up():
    """A program prints how many elements it has removed. Traces of it, one after the other, add up to that number."""
    p = steps()
    before, total = bpf_ids(), 0
    for i in range(20):
        t = Tracer("-p", p.pid)
        said = p.ask(str(i + 1))
        r = t.end()
        total += identity(r)["removed"]
        same(int(re.search(r"removed=(\d+)", said)[1]), total, f"round {i}")
    clean(p.pid, target("steps"))
    nothing_left(before)
    p.end()


@test
def tracer_killed():
    p = steps()
    before = bpf_ids()
    t = Tracer("-p", p.pid)
    p.ask("3")
    t.p.kill()
    t.p.wait()
    nothing_left(before)
    clean_soon(p.pid, target("steps"))
    p.ask("3")
    same(p.end(), "", "steps")
    # A command goes on when its tracer is killed.
    q = Tracer("--", target("busy"), "-seconds", 30, "-mode", "miss")
    q.wait_for('"start"')
    pid = json.loads(q.report.read_text().splitlines()[0])["pid"]
    q.p.kill()
    q.p.wait()
    clean_soon(pid, target("busy"))
    os.kill(pid, signal.SIGKILL)


@test
def killed_at_any_moment():
    """Nothing stays in the kernel or in the target, at whatever moment the tracer is killed."""
    p = steps()
    before = bpf_ids()
    for i in range(30):
        t = spawn([options.tophash, "trace", "-q", *[["--summary"], ["--misses"], []][i % 3], "-p", str(p.pid)], stdout=subprocess.DEVNULL,
                  stderr=subprocess.DEVNULL)
        time.sleep(i * 0.005)
        t.kill()
        t.wait()
    nothing_left(before)
    clean_soon(p.pid, target("steps"))
    p.ask("3")
    same(p.end(), "", "steps")


@test
def detaches_before_it_waits():
    """At the end the probes come off before tophash waits for the process that calibrates."""
    preload = shim("waits.so", WAITS)
    p = steps()
    r = tophash("-q", "--duration", "1ms", "-p", str(p.pid), env={"LD_PRELOAD": str(preload)})
    same(r.code, 0, r.err)
    check(not r.err.replace("waits with 0 keepers\n", ""), r.err)  # (meanwhile it may have ended by itself)


# Tells at each wait for the process that calibrates how many keepers of probes there are. That process closes descriptors before it
# begins, and never comes to an end here.
WAITS = r"""
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Tells whether a process is a keeper, and whether it still has probes: when it has ended, it has none. */
static int keeper(int pid, int *ended)
{
	char text[256];

	read_stat(pid, text);
	*ended = strstr(text, ") Z") != NULL;
	return strstr(text, "(tophash-keeper)") != NULL;
}

static int keeps(int pid)
{
	int ended;

	return keeper(pid, &ended) && !ended;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	pid_t (*real)(pid_t, int *, int) = (pid_t (*)(pid_t, int *, int))dlsym(RTLD_NEXT, "waitpid");
	char path[64];
	int child, n = 0, ended;
	FILE *f;

	if (options & WNOHANG || keeper(pid, &ended))
		return real(pid, status, options);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &child) == 1)
		n += keeps(child);
	if (f)
		fclose(f);
	dprintf(2, "waits with %d keepers\n", n);
	return real(pid, status, options);
}

int close_range(unsigned first, unsigned last, int flags)
{
	/* The process that switches the statistics on closes all but its standard input. */
	if (first == 1 || keeps(getpid()))
		return (int)syscall(SYS_close_range, first, last, flags);
	return pause();
}
"""


@test
def two_tracers():
    p = steps()
    a, b = Tracer("-p", p.pid), Tracer("-p", p.pid, "--misses")
    c = Tracer("-b", target("steps"))
    p.ask("50")
    ra = a.end()
    p.ask("7")
    rb, rc = b.end(), c.end()
    same([identity(x)["removed"] for x in (ra, rb, rc)], [50, 57, 57], "removed")
    same([brief(x) for x in ra.events], [brief(x) for x in rb.events][:50], "events")
    clean(p.pid, target("steps"))
    p.end()


def held_by(pid):
    """Returns the files that a process has open, or none if it has ended, or holds probes."""
    try:
        held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        return [] if Path(f"/proc/{pid}/comm").read_text() == "tophash-keeper\n" else held
    except OSError:
        return []


def measuring(t):
    """Yields the files that the process that measures a hit for this trace has open, each time that it is seen."""
    exe = os.path.realpath(options.tophash)
    while t.poll() is None:
        for pid in range(t.pid + 1, t.pid + 20):
            try:
                if os.readlink(f"/proc/{pid}/exe") != exe or f"\nPPid:\t{t.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
                    continue  # other tests run tophash at the same time
            except OSError:
                continue  # there is no such process, or it has ended
            # A process that holds probes has another name only after its first moment, and all files of tophash until then. Therefore
            # each is looked at twice.
            for look in range(2):
                held = held_by(pid)
                if held.count("/dev/null") < 3 or "anon_inode:bpf_link" not in held:
                    break
                time.sleep(0.005 * (1 - look))
            else:
                yield held


@test
def calibration_holds_nothing():
    """The process that measures a hit keeps none of the run's pipes and tables open."""
    for _ in range(8):
        seen = False
        # A child that has only begun has the pipe of tophash.
        for held in measuring(spawn([options.tophash, "trace", "-q", "-b", target("steps"), "--duration", "300ms"], stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)):
            seen = True
            check("anon_inode:bpf-map" not in held, f"it holds {held}")
        if seen:
            return
    raise Skip("the process was never seen")
