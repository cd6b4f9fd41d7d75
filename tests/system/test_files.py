"""Tests of files that change while they are traced: overwritten in place, replaced, deleted, on an overlay file system.

The program that overwrites another one is mostly a sled: a program that consists of one instruction, which counts. A breakpoint anywhere
in it makes it crash or count wrong. It is the worst program that can come next, whatever the probes were."""

import ctypes
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import traceback
from pathlib import Path

from harness import (
    bpf_ids, check, end_started, Failed, go_build, identity, LONG, nothing_left, options, probed, Program, same, Skip, spawn, target, test, tmp, tophash,
    Tracer)


def sled(size):
    """Returns a program of `size` bytes that ends with status 0 if it has counted all of its additions."""
    base, begin = 0x400000, 0x80
    tail = 2 + 6 + 4 + 5 + 2
    n = (size - begin - 2 - tail) // 4
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + begin, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    code = b"\x31\xc0" + b"\x48\x83\xc0\x01" * n  # xor eax, eax; add rax, 1
    code += b"\x31\xff\x48\x3d" + struct.pack("<i", n) + b"\x40\x0f\x95\xc7"  # xor edi, edi; cmp rax, n; setne dil
    code += b"\xb8\x3c\0\0\0\x0f\x05"  # exit
    length = begin + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, length, length, 4096)
    return (header + segment).ljust(begin, b"\0") + code


def overwrite(path, data, patient=30):
    """Writes a file in place, as `cat >` does. Fails when the writer is held for as long as it takes until the kernel breaks a lease."""
    begun = time.monotonic()
    with open(path, "wb") as f:
        waited = time.monotonic() - begun
        f.write(data)
    check(waited < patient, f"the writer waited for {waited:.1f} s")
    return waited


def run_program(path, orders=""):
    """Runs a program to its end. Returns its status. A program that was just written may be busy for a moment: a fork of the writer, or
    the probes of tophash, still have it open."""
    end = time.monotonic() + LONG
    while True:
        try:
            return subprocess.run([path], input=orders, text=True, stdout=subprocess.DEVNULL, timeout=LONG).returncode
        except OSError as e:
            check(e.errno == 26 and time.monotonic() < end, f"{path}: {e}")  # ETXTBSY
            time.sleep(0.001)


def deletes_of(t, pid):
    return t.report.read_text().count(f'"pid":{pid},"tid"')


def watched(t, exe, removals):
    """Runs the program until its deletes are seen, and lets it delete more. Returns their number: all of them must be seen, too."""
    end = time.monotonic() + LONG
    p = Program(exe)
    p.line()
    while not deletes_of(t, p.pid):
        check(t.p.poll() is None, f"tophash ended with {t.p.returncode}: {t.errors.read_text()}")
        check(time.monotonic() < end, f"no delete is seen: {t.errors.read_text()}")
        p.ask("1")
        time.sleep(0.02)
    before = deletes_of(t, p.pid)
    same(p.ask(str(removals)).split()[0], "done", "program")
    p.tell("exit 0")
    same(p.p.wait(LONG), 0, "the program")
    while deletes_of(t, p.pid) < before + removals:
        check(time.monotonic() < end, f"{deletes_of(t, p.pid) - before} of {removals} deletes are seen")
        time.sleep(0.005)
    return before + removals


def others():
    """Returns real programs that may come after another one, each with its orders."""
    for go in ("1.19", "1.23", "1.25", "1.27"):
        try:
            yield Path(target("steps", go=go)).read_bytes(), "3\nexit 0\n"
        except Skip:
            pass


def stopped(t, exe, data):
    """Overwrites the file while tophash is stopped."""
    t.p.send_signal(signal.SIGSTOP)
    time.sleep(random.random() * 0.01)
    overwrite(exe, data)


def killed(t, exe, data):
    """Overwrites the file while tophash is killed."""
    killer = subprocess.Popen(["sh", "-c", f"sleep {random.random() * 0.01:.4f}; kill -9 {t.p.pid}"])
    time.sleep(random.random() * 0.01)
    overwrite(exe, data)
    killer.wait()


def plain(t, exe, data):
    overwrite(exe, data)


def rounds(folder, n, how):
    """Overwrites a traced file n times with another program, and runs that."""
    exe = str(Path(folder) / f"program-{how.__name__}")
    ours = Path(target("steps")).read_bytes()
    new = [(sled(len(ours)), "")] * 2 + list(others())
    Path(exe).write_bytes(ours)
    os.chmod(exe, 0o755)
    t, seen = Tracer("-b", exe), 0
    for i in range(n):
        seen += watched(t, exe, 3)
        data, orders = random.choice(new)
        how(t, exe, data)
        same(run_program(exe, orders), 0, f"round {i}: the status of the new program")
        if how is killed:
            t.p.wait(LONG)
        else:
            t.p.send_signal(signal.SIGCONT)
        overwrite(exe, ours)
        same(run_program(exe, "2\nexit 0\n"), 0, f"round {i}: the status of the old program")
        if how is killed:
            t = Tracer("-b", exe)
    seen += watched(t, exe, 4)
    r = t.end()
    e = r.end
    if how is not killed:
        check(seen <= e["removed"] <= seen + 2 * n, f"{e['removed']} removed, {seen} of them by processes that were waited for")
        check(e["gaps"] >= n, f"{e['gaps']} gaps in {n} rounds")
    os.unlink(exe)


def in_mount_namespace(f):
    """Calls a function in a child with a mount namespace of its own."""
    failed = tmp("failed")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(0x20000):
                raise Skip(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            f()
            status = 0
        except Skip as s:
            failed.write_text(str(s))
            status = 77
        except Failed as e:
            failed.write_text(str(e))
        except BaseException:
            failed.write_text(traceback.format_exc())
        finally:
            end_started()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 77:
        raise Skip(failed.read_text())
    check(status == 0, failed.read_text() if failed.exists() else f"status {status}")


def overlay():
    """Mounts an overlay file system. Returns the folders lower, upper and merged."""
    folders = [tmp(f"overlay-{x}") for x in ("lower", "upper", "work", "merged")]
    for x in folders:
        x.mkdir()
    r = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir={},upperdir={},workdir={}".format(*folders[:3]), folders[3]],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise Skip(f"no overlay file system: {r.stdout.strip()}")
    return folders[0], folders[1], folders[3]


def per_kind():
    return max(5 * options.rounds // 6, 1)  # 60 rounds in all; 1,000 with --rounds 200


@test
def overwritten():
    """The file is overwritten while it does not run: the new program never crashes, and the old one is traced again afterwards."""
    before = bpf_ids()
    rounds(tmp(), 2 * per_kind(), plain)
    nothing_left(before)


@test
def overwritten_on_tmpfs():
    folder = Path(f"/dev/shm/tophash-test-{os.getpid()}")
    folder.mkdir()
    try:
        rounds(folder, per_kind(), plain)
    finally:
        shutil.rmtree(folder)


@test
def overwritten_while_stopped():
    """tophash is stopped, and can do nothing. The writer does not wait for it."""
    rounds(tmp(), per_kind(), stopped)


@test
def overwritten_while_killed():
    before = bpf_ids()
    rounds(tmp(), per_kind(), killed)
    nothing_left(before)


@test
def overwritten_on_overlay():
    """No lease is good enough on an overlay file system, and no probe stands while nothing runs."""

    def body():
        merged = overlay()[2]
        rounds(merged, max(per_kind() // 2, 1), plain)
        rounds(merged, max(per_kind() // 4, 1), stopped)
        rounds(merged, max(per_kind() // 4, 1), killed)

    in_mount_namespace(body)


# --- a file that stays the same program -------------------------------------------------------------------------------------


def copy_of_steps(name):
    return str(shutil.copy(target("steps"), tmp(name)))


def gaps(r):
    """Checks the gap records, and returns the processes that they name."""
    found = r.of("gap")
    same(r.end["gaps"], len(found), "gaps")
    for g in found:
        same(g["why"], "upgrade", "why")
        check(int(g["from_ns"]) <= int(g["to_ns"]), f"{g}")
    same(r.code, 5 if found else 0, f"exit code ({r.err})")
    return [g["pid"] for g in found]


@test
def opened_for_writing():
    """Somebody opens the file for writing, and writes nothing or the same: the probes are placed again."""
    exe = copy_of_steps("opened")
    t = Tracer("-b", exe)
    seen = watched(t, exe, 3)
    with open(exe, "r+b"):
        pass
    seen += watched(t, exe, 3)
    os.utime(exe)
    with open(exe, "r+b") as f:
        f.write(b"\x7fELF")
    seen += watched(t, exe, 3)
    shutil.copy(target("steps"), exe)
    seen += watched(t, exe, 3)
    r = t.end()
    check(r.end["removed"] >= seen, f"{r.end['removed']} removed, at least {seen} were seen")
    check(len(gaps(r)) >= 3, f"gaps: {r.of('gap')}")
    check("overwritten" not in r.err, r.err)


@test
def open_from_the_beginning():
    """The file is open for writing when the trace begins. No process can run it before it is closed."""
    exe = copy_of_steps("open")
    with open(exe, "r+b"):
        t = Tracer("-b", exe)
        check("open for writing" in t.errors.read_text(), t.errors.read_text())
    watched(t, exe, 3)
    check(gaps(t.end()), "no gap")


@test
def nothing_happens():
    """A file that nobody writes has no gap, and all deletes of a process are seen from its first one on."""
    exe = copy_of_steps("quiet")
    t = Tracer("-b", exe)
    for _ in range(5):
        same(run_program(exe, "4\nexit 0\n"), 0, "program")
    t.wait_for('"exit"', 5)
    r = t.end()
    same((gaps(r), identity(r)["removed"], len(r.of("start"))), ([], 20, 5), "gaps, removed, start records")


@test
def overwritten_while_the_output_blocks():
    """tophash waits for the reader of its output. The writer of the file does not wait for tophash."""
    exe = str(shutil.copy(target("busy"), tmp("busy-blocked")))
    size = os.path.getsize(exe)
    ends = os.pipe()
    t = spawn([options.tophash, "trace", "--format", "json", "-b", exe], stdout=ends[1], stderr=subprocess.DEVNULL)
    os.close(ends[1])
    p = spawn([exe, "-seconds", "60"], stdout=subprocess.DEVNULL)
    os.read(ends[0], 1)
    end = time.monotonic() + LONG
    while "pipe" not in Path(f"/proc/{t.pid}/wchan").read_text() and "poll" not in Path(f"/proc/{t.pid}/wchan").read_text():
        check(time.monotonic() < end, "tophash does not block")
        time.sleep(0.01)
    time.sleep(0.3)
    check(probed(p.pid, exe), "the program has no probes")
    p.kill()
    p.wait()
    overwrite(exe, sled(size))
    same(run_program(exe), 0, "the status of the new program")
    os.close(ends[0])
    t.wait(LONG)


# --- other files by the same name, and other names of the same file ----------------------------------------------------------


def wait_for_message(t, text, n=1):
    end = time.monotonic() + LONG
    while t.errors.read_text().count(text) < n:
        check(time.monotonic() < end, f"not said: {t.errors.read_text()}")
        time.sleep(0.01)


# A deploy: each version deletes as often as its number says, for each line, and starts again as the file that has its name.
VERSION = """package main
import ("bufio"; "fmt"; "os"; "syscall")
func main() {
	m := map[%s]int{}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("version %d")
	for {
		line, err := in.ReadString('\\n')
		if err != nil { return }
		if line == "upgrade\\n" { fmt.Println(syscall.Exec(os.Args[0], os.Args, os.Environ())) }
		for i := 0; i < %d; i++ { m[%s] = i; delete(m, %s) }
		fmt.Println("done")
	}
}
"""


def version(n, go, kind, key):
    source = tmp(f"version{n}.go")
    source.write_text(VERSION % (kind, n, n, key, key))
    return go_build(source, f"version{n}", go=go)


@test
def replaced():
    """Another program gets the name, of another release. The old and the new processes are traced, and tophash says so."""
    first, second = version(3, options.go, "int", "i"), version(5, "1.23", "string", "fmt.Sprint(i)")
    exe = shutil.copy(first, tmp("service"))
    old = Program(exe)
    upgraded = Program(exe)
    t = Tracer("-b", exe)
    same([old.line(), upgraded.line()], ["version 3"] * 2, "the programs")
    same([old.ask("x"), upgraded.ask("x")], ["done"] * 2, "answers")
    shutil.copy(second, tmp("service.new"))
    os.rename(tmp("service.new"), exe)
    wait_for_message(t, "the processes of both are traced")
    new = Program(exe)
    same(new.line(), "version 5", "the new program")
    same([old.ask("x"), new.ask("x"), new.ask("x")], ["done"] * 3, "answers")
    same(upgraded.ask("upgrade"), "version 5", "the upgrade")
    same(upgraded.ask("x"), "done", "answer")
    shutil.copy(first, tmp("service.new"))
    os.rename(tmp("service.new"), exe)
    wait_for_message(t, "the processes of both are traced", 2)
    third = Program(exe)
    same([third.line(), third.ask("x")], ["version 3", "done"], "the third program")
    for p in (old, new, upgraded, third):
        p.end()
    t.wait_for('"exit"', 4)
    r = t.end()
    same((gaps(r), identity(r)["removed"], len(r.lines)), ([], 3 + 3 + 3 + 5 + 5 + 5 + 3, 2), f"gaps, removed, lines on stderr: {r.err}")
    seen = {p.pid: [e["key"] for e in r.events if e["pid"] == p.pid] for p in (old, new, upgraded, third)}
    strings = [str(i) for i in range(5)]
    same(seen, {old.pid: [0, 1, 2] * 2, new.pid: strings * 2, upgraded.pid: [0, 1, 2] + strings, third.pid: [0, 1, 2]}, "keys")
    starts = [(s["pid"], s["go"][:6]) for s in r.of("start")]
    check(starts.count((upgraded.pid, "go1.23")) == 1 and len(starts) == 5, f"start records: {starts}")


@test
def replaced_by_something_else():
    """What gets the name cannot be traced: the old processes are, and tophash says why the new ones are not."""
    exe = copy_of_steps("replaced")
    p = Program(exe)
    p.line()
    t = Tracer("-b", exe)
    shutil.copy("/bin/true", exe + ".new")
    os.rename(exe + ".new", exe)
    wait_for_message(t, "those of the new one are not: not a Go program")
    p.ask("3")
    p.tell("exit 2")
    t.wait_for('"exit"')
    r = t.end()
    same((gaps(r), identity(r)["removed"], len(r.lines)), ([], 3, 1), "gaps, removed, lines on stderr")


@test
def deleted():
    exe = copy_of_steps("deleted")
    p = Program(exe)
    p.line()
    t = Tracer("-b", exe)
    os.unlink(exe)
    end = time.monotonic() + LONG
    while "was deleted" not in t.errors.read_text():
        check(time.monotonic() < end, f"not said: {t.errors.read_text()}")
        time.sleep(0.01)
    p.ask("3")
    p.tell("exit 2")
    t.wait_for('"exit"')
    r = t.end()
    same((gaps(r), identity(r)["removed"], len(r.lines)), ([], 3, 1), "gaps, removed, lines on stderr")


@test
def overlay_by_either_path():
    """The file of a process on an overlay file system may be named by its path there, or by that in the lower or upper folder."""

    def one(named, runs, lease):
        p = Program(runs)
        p.line()
        t = Tracer("-b", named)
        t.wait_for('"event":"start"')
        p.ask("3")
        q = Program(runs)
        q.line()
        t.wait_for('"event":"start"', 2)
        q.ask("2")
        for x in (p, q):
            x.tell("exit 0")
            x.p.wait(LONG)
        t.wait_for('"exit"', 2)
        r = t.end()
        what = f"-b {named}, {runs} runs"
        check("waiting" not in r.err, f"{what}: {r.err}")
        same((r.end["removed"], sorted(x["pid"] for x in r.of("start"))), (5, sorted((p.pid, q.pid))), what)
        same(gaps(r), [] if lease else [q.pid], f"{what}: gaps")
        check(("no lease" in r.err) != lease, f"{what}: {r.err}")

    def body():
        lower, upper, merged = overlay()
        for folder, name in ((lower, "low"), (upper, "up")):
            shutil.copy(target("steps"), folder / name)
            one(merged / name, merged / name, False)
            one(folder / name, merged / name, True)
            one(merged / name, folder / name, False)

    in_mount_namespace(body)
