"""Tests of --follow=all: every Go program that a command starts, of whatever file and release."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness import (
    bpf_ids, build, check, go_build, LONG, nothing_left, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp, tophash, Tracer)
from releases import ends
from test_hosts import library, PYTHON
from test_wrapper import COUNTS, seven, started, text, wait_until

# Deletes as often as its second argument says, and notes its pid and that number in the file that the first one names. With a third one, it ends
# when this file is there.
COUNTS_ITSELF = """package main
import ("fmt"; "os"; "strconv"; "time")
func main() {
	n, _ := strconv.Atoi(os.Args[2])
	m := map[%s]int{}
	for i := 0; i < n; i++ { m[%s] = i; delete(m, %s) }
	f, _ := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0644)
	fmt.Fprintln(f, os.Getpid(), n)
	f.Close()
	for len(os.Args) > 3 {
		if _, err := os.Stat(os.Args[3]); err == nil { return }
		time.Sleep(time.Millisecond)
	}
}
"""
KINDS = {"int": "i", "string": "strconv.Itoa(i)", "[2]string": '[2]string{"a", strconv.Itoa(i)}'}


def commands_of(pid):
    """Returns the command names of the children of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children]


def programs():
    """Returns different programs, of different releases."""
    made = []
    for go, (kind, key) in zip(ends(), KINDS.items()):
        source = tmp(f"counts{go}.go")
        source.write_text(COUNTS_ITSELF % (kind, key, key))
        made.append(go_build(source, "counts", go=go))
    return made


def traced(*command, args=("--site", "main.*"), code=0):
    """Traces a command with --follow=all. Returns the run, and how many deletes each process noted in the file `truth`."""
    tmp("truth").unlink(missing_ok=True)
    tmp("events").unlink(missing_ok=True)
    r = tophash("-q", "--format", "json", "--follow=all", *args, "-o", tmp("events"), "--", *command)
    check(tmp("events").exists(), f"{command}: {r.code} {r.err}")
    r.out = tmp("events").read_text()
    told = Counter()
    for line in tmp("truth").read_text().splitlines() if tmp("truth").exists() else []:
        pid, n = map(int, line.split())
        told[pid] += n
    same(r.code, code, f"{command}: {r.err} {r.of('gap')} {r.end}")
    if not code:
        same((r.end["gaps"], sum(r.end["lost"].values())), (0, 0), r.err)
    return r, told


def expect(r, told, what):
    same(Counter(e["pid"] for e in r.events), told, f"{what}: deletes of each process ({r.err})")
    check(set(told) <= {s["pid"] for s in r.of("start")}, f"{what}: start records")
    same(sorted(e["pid"] for e in r.exits), sorted({s["pid"] for s in r.of("start")}), f"{what}: exit records")


@test
def a_script_of_different_programs():
    """One after the other, side by side, and again: each is traced from its first instruction."""
    a, b, c = programs()
    truth = tmp("truth")
    for body in (f"{a} {truth} 7; {b} {truth} 8; {c} {truth} 9",
                 f"{a} {truth} 7 & {b} {truth} 8 & {c} {truth} 9 & wait",
                 f"for i in 1 2 3 4 5; do {a} {truth} $i & {b} {truth} $i; {c} {truth} $i; done; wait",
                 f"(setsid {b} {truth} 3 &); nice {a} {truth} 4; exec {c} {truth} 5",
                 f"/bin/true; x=$({c} {truth} 6); env A=1 sh -c '{b} {truth} 2 | {a} {truth} 1'"):
        r, told = traced("sh", "-c", body)
        expect(r, told, body)
        exes = {s["exe"] for s in r.of("start")}
        check(exes <= {a, b, c} and len(exes) >= 2, f"{body}: programs {exes}")
        for s in r.of("start"):
            check(s["go"].startswith("go" + ends()[(a, b, c).index(s["exe"])]), f"release of {s['exe']}: {s['go']}")


@test
def programs_that_execute_others():
    """A process executes one Go program after the other. It has a start record for each, and one exit record."""
    a, b, _ = programs()
    source = tmp("becomes.go")
    source.write_text("""package main
import ("fmt"; "os"; "runtime"; "syscall")
func main() {
	m := map[int]int{1: 1, 2: 2, 3: 3}
	for i := 1; i <= 3; i++ { delete(m, i) }
	f, _ := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0644)
	fmt.Fprintln(f, os.Getpid(), 3)
	f.Close()
	if os.Args[2] == "thread" { go func() { runtime.LockOSThread(); panic(syscall.Exec(os.Args[3], os.Args[3:], os.Environ())) }(); select {} }
	panic(syscall.Exec(os.Args[3], os.Args[3:], os.Environ()))
}
""")
    becomes, truth = go_build(source, "becomes"), tmp("truth")
    for way in ("exec", "thread"):
        command = [becomes, truth, way, becomes, truth, way, a, truth, "5"]
        r, told = traced(*command)
        expect(r, told, way)
        same([Path(s["exe"]).name for s in r.of("start")], [Path(x).name for x in (becomes, becomes, a)], f"{way}: start records")
        r, told = traced("sh", "-c", f"{text(command)}; {becomes} {truth} {way} /bin/sh -c '{b} {truth} 6'")
        expect(r, told, f"{way}, by way of a shell")


@test
def go_test():
    """go test builds programs, starts them, and deletes them."""
    go = build.CACHE / "go" / options.go / "bin" / "go"
    folder = tmp("tested")
    for name in "ab":
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "x_test.go").write_text(f"""package {name}
import ("os"; "fmt"; "testing")
func Test(t *testing.T) {{
	m := map[string]int{{}}
	for i := 0; i < 50; i++ {{ k := fmt.Sprint(i); m[k] = 1; delete(m, k) }}
	f, _ := os.OpenFile("{tmp('truth')}", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0644)
	fmt.Fprintln(f, os.Getpid(), 50)
	f.Close()
}}
""")
    (folder / "go.mod").write_text("module tested\ngo 1.19\n")
    os.environ.update(build.go_env(options.go), GOFLAGS="")
    # With an empty cache it compiles the standard library: nearly two million removals in ten seconds, which may fill the ring.
    subprocess.run([go, "-C", folder, "test", "-run=^$", "./..."], check=True, stdout=subprocess.DEVNULL)
    r, told = traced(str(go), "-C", folder, "test", "-count=1", "./...", args=("--site", "tested/*"))
    same(sorted(told.values()), [50, 50], f"the tests' own counts ({r.err})")
    same(Counter(e["pid"] for e in r.events), told, "deletes of each process")
    check({"go", "a.test", "b.test"} <= {Path(s["exe"]).name for s in r.of("start")}, "programs")


@test
def make_and_libraries():
    """make starts programs, and a Python with a Go library."""
    a, b, _ = programs()
    truth = tmp("truth")
    tmp("host.py").write_text(PYTHON)
    first, second = library("first.so"), library("second.so")
    tmp("Makefile").write_text(f"all: x y z\nx:\n\t{a} {truth} 4\ny:\n\t{b} {truth} 5\nz:\n\t{sys.executable} {tmp('host.py')} {first} {second}\n")
    r, told = traced("make", "-s", "-j3", "-C", str(tmp()), "-f", "Makefile")
    rest = [e for e in r.events if e["pid"] not in told]
    r.out = "\n".join(x for x in r.out.splitlines() if json.loads(x).get("pid") in told or '"end"' in x)
    expect(r, told, "make")
    same((len(told), len(rest), len({e["pid"] for e in rest})), (2, 94, 1), "processes, and deletes of the two libraries")


# Makes threads all the time: the thread of a goroutine that is locked to it ends with it.
RESTLESS = """package main
import "C"
import ("runtime"; "time")
func init() {
	for i := 0; i < 2; i++ { go func() { for { go runtime.LockOSThread(); time.Sleep(500 * time.Microsecond) } }() }
}
//export Begin
func Begin() {}
func main() {}
"""


@test
def a_library_beside_new_threads():
    """A thread that the first Go library makes is held, because a second one is just being loaded. The second one's own thread waits, too."""
    tmp("host.py").write_text("import ctypes, sys\nctypes.CDLL(sys.argv[1]).Begin()\nfor path in sys.argv[2:]: ctypes.CDLL(path).Work(30)\n")
    restless, first = library("restless.so", what=RESTLESS), library("first.so")
    copies = [tmp(f"copy{i}.so") for i in range(6)]
    for copy in copies:
        copy.write_bytes(Path(first).read_bytes())
    r, _ = traced(sys.executable, tmp("host.py"), restless, *copies)
    same((len(r.events), len(r.of("start")), len(r.exits)), (47 * len(copies), 1, 1), f"deletes of {len(copies)} libraries, start and exit records")


@test
def a_library_first():
    """The first Go code of a command is that of a library. Go programs and other hosts follow."""
    a, truth = programs()[0], tmp("truth")
    tmp("host.py").write_text(PYTHON)
    lib = library("first.so")
    host = f"{sys.executable} {tmp('host.py')} {lib}"
    for command in (host, f"{host}; {a} {truth} 5; {host}"):
        r, told = traced("sh", "-c", command)
        same(sorted(Counter(e["pid"] for e in r.events).values()), sorted([47] * command.count("host.py") + [5] * len(told)), command)
        same((r.of("start")[0]["exe"], len(r.of("start"))), (str(Path(sys.executable).resolve()), command.count("host.py") + len(told)), "start records")


@test
def a_host_executes_a_program():
    """The thread of a Go library is held, and meanwhile its process executes a Go program. The program is traced from its first instruction."""
    a, b, _ = programs()
    lib, truth = library("first.so"), tmp("truth")
    tmp("host.py").write_text("import ctypes, os, sys\nctypes.CDLL(sys.argv[1])\nos.execv(sys.argv[2], sys.argv[2:])\n")
    host = f"{sys.executable} {tmp('host.py')} {lib} {b} {truth}"
    for command in (f"{a} {truth} 3; {host} 5", f"{host} 5; {host} 6", "; ".join([f"{host} 7"] * 5)):
        r, told = traced("sh", "-c", command)
        got = Counter(e["pid"] for e in r.events if e["stack"][0]["func"] != "main.drop")
        same(got, told, f"{command}: deletes of each program ({r.err})")


@test
def tracers_are_left_alone():
    """A tracer in the tree works, and what it starts is a gap, also if its program is traced elsewhere."""
    if subprocess.run(["strace", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("strace cannot trace here")
    a, b, _ = programs()
    truth, calls = tmp("truth"), tmp("calls")
    r, told = traced("sh", "-c", f"{a} {truth} 7; strace -f -o {calls} {a} {truth} 1000; strace -f -o {calls} {b} {truth} 1000; {b} {truth} 9", code=5)
    same(sorted(Counter(e["pid"] for e in r.events).values()), [7, 9], f"deletes of those that are not under strace: {r.err}")
    same(([g["why"] for g in r.of("gap")], len(told)), (["tracer"] * 2, 4), "gaps")
    check("+++ exited with 0 +++" in calls.read_text(), "strace has not seen its end")


def untraceable():
    """Returns a Go program in which no place for a probe is found. It works with 0 deletes."""
    a, odd = programs()[0], tmp("odd")
    go = ends()[0]
    nm = subprocess.run([build.CACHE / "go" / go / "bin" / "go", "tool", "nm", a], env=build.go_env(go), stdout=subprocess.PIPE, text=True)
    (addr,) = [int(x.split()[0], 16) for x in nm.stdout.splitlines() if x.endswith(" runtime.mapdelete_fast64")]
    data = bytearray(Path(a).read_bytes())
    data[addr - 0x400000 : addr - 0x400000 + 64] = b"\xcc" * 64
    odd.write_bytes(data)
    odd.chmod(0o755)
    return odd


@test
def what_cannot_be_traced():
    """A Go program in which no place for a probe is found is named once, each of its processes is a gap, and the others are traced."""
    a, b, _ = programs()
    odd, truth = untraceable(), tmp("truth")
    r, told = traced("sh", "-c", f"{a} {truth} 3; {odd} {truth} 0; {odd} {truth} 0; {b} {truth} 2", code=5)
    same(sorted(Counter(e["pid"] for e in r.events).values()), [2, 3], f"deletes: {r.err}")
    same(([g["why"] for g in r.of("gap")], sorted(told.values())), (["child"] * 2, [0, 0, 2, 3]), "gaps")
    same(len(r.lines), 1, f"messages: {r.err}")
    check("odd" in r.err and "is not traced" in r.err, r.err)


@test
def a_tree_goes_on():
    """The run lasts until the last Go program has ended, or with --until=command until the command has."""
    source = tmp("late.go")
    source.write_text((COUNTS_ITSELF % ("int", "i", "i")).replace("	m :=", """	for len(os.Args) > 4 {
		if _, err := os.Stat(os.Args[4]); (err == nil) == (os.Args[3] == "when") { break }
		time.Sleep(time.Millisecond)
	}
	os.Args = os.Args[:3]
	m :="""))
    late = go_build(source, "late")
    r, told = traced("sh", "-c", f"{late} {tmp('truth')} 5 unless /proc/$$ & exit 3")
    expect(r, told, "a child that lasts longer")
    r, _ = traced("sh", "-c", f"{late} {tmp('truth')} 5 when {tmp('go')} >/dev/null 2>&1 & {text(seven())} >&2; exit 3", args=("--until=command",))
    tmp("go").touch()
    same(len(r.events), 7, "deletes until the command has ended")


def kill_rounds(rounds):
    """tophash is killed at any instant. All that it had started runs on, is not left stopped, and gets every signal."""
    a, b, c = programs()
    before = bpf_ids()
    subprocess.run(["cc", "-O1", "-o", tmp("counts"), "-x", "c", "-"], input=COUNTS, text=True, check=True)
    chance = random.Random(int.from_bytes(os.urandom(4), "little"))
    truth = tmp("truth")
    script = f"{a} {truth} 3; {b} {truth} 4 & {c} {truth} 5; sleep 0.01; nice {a} {truth} 6 & wait; env A=1 {c} {truth} 7; exit 3"
    for i in range(rounds):
        for f in ("pid", "done", "truth"):
            tmp(f).unlink(missing_ok=True)
        t = spawn([options.tophash, "trace", "-q", "--follow=all", "-o", "/dev/null", "--", tmp("counts"), tmp("pid"), tmp("done"), "sh", "-c", script],
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid, sent, delay = int(started(tmp("pid")).split()[0]), 0, chance.uniform(0, 0.4)
        end = time.monotonic() + delay
        while time.monotonic() < end:
            os.kill(pid, signal.SIGRTMIN)
            sent += 1
            time.sleep(chance.choice((0.0002, 0.001)))
        t.kill()
        t.wait()
        for _ in range(20):
            os.kill(pid, signal.SIGRTMIN)
            sent += 1
        os.kill(pid, signal.SIGUSR1)
        what = f"round {i}, killed after {delay:.4f} s"
        same(started(tmp("done")), f"{sent} {3 << 8}", f"{what}: signals, wait status")
        same(sorted(int(x.split()[1]) for x in truth.read_text().splitlines()), [3, 4, 5, 6, 7], f"{what}: the programs' own counts")
    nothing_left(before)


@test
def a_tree_of_a_killed_tophash():
    kill_rounds(50 if options.rounds <= 12 else 1000)


@test
def a_stopped_reader():
    """tophash cannot go on, because nobody reads its output. A program that waits for its probes goes on after three seconds."""
    a, b, _ = programs()
    many = [target("busy"), "-ops", "20000"]
    p = spawn([options.tophash, "trace", "--format", "json", "--follow=all", "--", "sh", "-c",
               f"{text(many)} >/dev/null; {a} {tmp('truth')} 3 ; touch {tmp('over')}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for f in ("truth", "over"):
        tmp(f).unlink(missing_ok=True)
    end = time.monotonic() + LONG
    while not tmp("over").exists():
        check(time.monotonic() < end, "the command waits for the reader of tophash")
        time.sleep(0.01)
    out, _ = p.communicate(timeout=LONG)
    r = Run(p.returncode, out.decode(), "")
    same((r.code, [g["why"] for g in r.of("gap")]), (5, ["child"]), "exit code and gaps")
    same(sum(1 for e in r.events if e["stack"][0]["func"] == "main.deleteInt"), 20000, "deletes before")


@test
def a_shell_as_root():
    """-p --follow=all of a shell: the Go programs that it starts later, whatever it runs besides them."""
    made = programs()
    a, b, _ = made
    shell = spawn(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def runs(line, meanwhile=lambda: None):
        shell.stdin.write(f"{line}\necho done\n")
        shell.stdin.flush()
        meanwhile()
        same(shell.stdout.readline(), "done\n", line)

    t = Tracer("--site", "main.*", "--follow=all", "-p", shell.pid)
    runs("/bin/true; (exec sleep 0.01)")
    for i, program in enumerate(made):

        def meanwhile():
            t.wait_for('"event":"start"', i + 1)
            tmp(f"gate{i}").touch()

        runs(f"{program} {tmp('told')} 5 {tmp(f'gate{i}')}", meanwhile)
    # The probes stand in all processes of these files by now.
    runs(f"{a} {tmp('told')} 7; {b} {tmp('told')} 8; sh -c '({b} {tmp('told')} 9; {a} {tmp('told')} 6) & wait'")
    shell.stdin.close()
    same(shell.wait(LONG), 0, "the shell's status")
    r = t.end(None)  # it ends with the tree
    told = [line.split() for line in tmp("told").read_text().splitlines()]
    seen, gaps = Counter(str(e["pid"]) for e in r.events), {str(g["pid"]) for g in r.of("gap")}
    same(sorted(n for _, n in told), ["5", "5", "5", "6", "7", "8", "9"], "what the programs did")
    same([str(seen[pid]) for pid, _ in told[3:]], [n for _, n in told[3:]], f"deletes: {r.err}")
    check(all(str(seen[pid]) == n or pid in gaps for pid, n in told[:3]), f"deletes of the first processes: {seen} {told} {gaps}")
    check(not gaps & {pid for pid, _ in told[3:]}, f"gaps of the others: {gaps}")
    same((r.end["gaps"], sum(r.end["lost"].values()), r.code), (len(r.of("gap")), 0, 5 if gaps else 0), r.err)


@test
def roots_of_several_kinds():
    """-p of a shell and of a Go program, with --follow=all: both trees. A process that is no root of them is not shown."""
    a, b, _ = programs()
    exe = target("steps")
    p, stranger, shell = steps(), steps(), spawn(["sh"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    t = Tracer("--site", "main.*", "--follow=all", "-p", f"{shell.pid},{p.pid}")
    p.ask("6"), stranger.ask("9")
    shell.stdin.write(f"{exe} </dev/null; {a} {tmp('told')} 11\n")
    shell.stdin.close()
    same(shell.wait(LONG), 0, "the shell's status")
    p.end()
    r = t.end(None)
    stranger.end()
    (pid, n), = (line.split() for line in tmp("told").read_text().splitlines())
    seen, gaps = Counter(e["pid"] for e in r.events), {g["pid"] for g in r.of("gap")}
    same((seen[p.pid], seen[stranger.pid]), (6, 0), f"deletes: {r.err}")
    check(int(pid) in gaps or seen[int(pid)] == int(n), f"{seen}, not {n}: {r.err}")
    same((r.end["gaps"], r.code), (len(gaps), 5 if gaps else 0), r.err)


@test
def the_own_shell_as_root():
    """tophash is a process of the tree itself. The run ends when the shell and the others have ended."""
    a, _, _ = programs()
    script = f'{options.tophash} trace -v --format json -o {tmp("events")} --follow=all -p $$ 2>{tmp("errors")} & ' \
        f'until grep -q placed {tmp("errors")}; do sleep 0.01; done; {a} {tmp("told")} 5 {tmp("gate")}; exit 3'
    shell = spawn(["sh", "-c", script])
    wait_until(lambda: tmp("events").exists() and '"event":"start"' in tmp("events").read_text(), "no start record")
    tmp("gate").touch()
    same(shell.wait(LONG), 3, "the shell's status")
    wait_until(lambda: '"event":"end"' in tmp("events").read_text(), "the run does not end")


@test
def a_pipe_of_the_own_shell():
    """The reader of the output waits for tophash, and so do programs through which it was started. The run does not wait for them."""
    a, _, _ = programs()
    for i, wrapper in enumerate(("", "env A=1", "sh -c '\"$@\"; true' sh")):
        script = f"{wrapper} {options.tophash} trace -v --format json --follow=all -p $$ 2>{tmp(f'errors{i}')} | cat >{tmp(f'events{i}')} & " \
            f"until grep -q placed {tmp(f'errors{i}')}; do sleep 0.01; done; {a} {tmp(f'told{i}')} 5; exit 3"
        shell = spawn(["sh", "-c", script])
        same(shell.wait(LONG), 3, f"{wrapper}: the shell's status")
        wait_until(lambda: '"event":"end"' in tmp(f"events{i}").read_text(), f"{wrapper}: the run does not end")


@test
def a_script_of_the_same_name():
    """A script that had the name of a Go program does not hide that one was missed."""
    _, b, _ = programs()
    for folder in ("script", "program"):
        tmp(folder).mkdir()
    script, program = tmp("script") / "server", tmp("program") / "server"
    script.write_text("#!/bin/sh\nread line <" + str(tmp("wait")) + "\n")
    script.chmod(0o755)
    os.mkfifo(tmp("wait"))
    shutil.copy(b, program)
    shell = Program("sh")
    t = Tracer("--site", "main.*", "--follow=all", "-p", shell.pid)
    shell.tell(f"{script}; echo done")
    wait_until(lambda: any(n.endswith("server") for n in commands_of(shell.pid)), "the script does not run")
    time.sleep(0.2)  # tophash looks at it meanwhile; if not, this shows nothing
    tmp("wait").write_text("go\n")
    same(shell.line(), "done", "the script")
    t.p.send_signal(signal.SIGSTOP)
    same(shell.ask(f"{program} {tmp('told')} 50; echo done"), "done", "the program")
    t.p.send_signal(signal.SIGCONT)
    shell.end()
    r = t.end(None)
    pid = int(tmp("told").read_text().split()[0])
    check(len(r.events) == 50 or pid in {g["pid"] for g in r.of("gap")}, f"{len(r.events)} of 50 deletes, gaps {r.of('gap')}: {r.err}")


@test
def a_tree_without_room():
    """Each process that runs already and finds no room in the tree is a gap."""
    a, _, _ = programs()
    shell = Program("sh")
    shell.tell(f"for i in 1 2 3; do {a} {tmp('told')} 1 {tmp('gate')} & done; wait; echo done")
    wait_until(lambda: tmp("told").exists() and len(tmp("told").read_text().splitlines()) == 3, "they do not run")
    t = Tracer("--follow=all", "-p", shell.pid, env={"TOPHASH_TREE_MAX": "2"})
    tmp("gate").touch()
    same(shell.line(), "done", "the programs")
    shell.end()
    r = t.end(None)
    same((r.end["gaps"], r.code), (2, 5), r.err)


@test
def bad_roots():
    p = spawn(["true"])
    p.wait()
    refused(tophash("--follow=all", "-p", p.pid), 3, "no process|has ended")
    refused(tophash("--follow=all", "-p", 2), 3, "kernel thread")
