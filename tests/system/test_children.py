"""Tests of --follow and --until: children that execute the file of the traced program."""

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from harness import (
    bpf_ids, check, go_build, LONG, nothing_left, options, probed, Program, Run, same, Skip, spawn, target, test, tmp, tophash, Tracer)
from test_binary import start_as
from test_files import overlay

# Starts itself again, each time in the way that the next letter says, and deletes in each generation. Each process writes how many it
# deleted, with its pid, into a file.
TREE = """package main
import ("fmt"; "os"; "os/exec"; "strconv"; "strings"; "syscall"; "time")
func child(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil { panic(err) }
	return c
}
func main() {
	ways, folder, n := os.Args[1], os.Args[2], 0
	m := map[int]int{}
	pass := func() { m[n] = n; delete(m, n); n++ }
	for i := 0; i < 20; i++ { pass() }
	rest := []string{strings.TrimLeft(ways, "x"), folder}
	if len(ways) > 0 { rest[0] = ways[1:] }
	note := func() {
		// A program that executes itself keeps its pid: its counts are added.
		f, _ := os.OpenFile(folder + "/" + strconv.Itoa(os.Getpid()), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0644)
		fmt.Fprintln(f, n)
		f.Close()
	}
	var way byte
	if len(ways) > 0 { way = ways[0] }
	switch way {
	case 'w': // a child that is waited for
		c := child("/proc/self/exe", rest...)
		pass()
		c.Wait()
		pass()
		note()
	case 'd': // a daemon: the parent ends at once
		c := exec.Command(os.Args[0], rest...)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.Stderr = os.Stderr
		note()
		if err := c.Start(); err != nil { panic(err) }
	case 's': // by way of a shell that ends at once
		note()
		child("sh", "-c", `setsid "$0" "$@" &`, os.Args[0], rest[0], rest[1]).Wait()
	case 'x': // executes itself
		note()
		syscall.Exec("/proc/self/exe", append([]string{os.Args[0]}, rest...), os.Environ())
	case 't': // executes itself, in another thread
		note()
		go syscall.Exec("/proc/self/exe", append([]string{os.Args[0]}, rest...), os.Environ())
		select {}
	case 'p': // three workers
		var all []*exec.Cmd
		for i := 0; i < 3; i++ { all = append(all, child(os.Args[0], rest...)) }
		for _, c := range all { c.Wait() }
		pass()
		note()
	case 'c': // by way of a copy of this file, which is another one
		note()
		child(folder + "/../copy", rest...).Wait()
	case 'z': // sleeps
		note()
		time.Sleep(300 * time.Millisecond)
		pass()
		note()
	case 'r': // runs as long as its standard input is open
		note()
		os.Stdin.Read(make([]byte, 1))
	case 'g': // waits until it is told to go on, and keeps no file of its parents open
		note()
		os.Stderr.Close()
		for {
			if _, err := os.Stat(folder + ".go"); err == nil { break }
			time.Sleep(time.Millisecond)
		}
		pass()
		note()
	default:
		note()
	}
}
"""


def tree():
    source = tmp("tree.go")
    source.write_text(TREE)
    return go_build(source, "tree")


FOLDERS = []


def fresh():
    """Returns a new folder. A process of an earlier tree may still write into the former one."""
    FOLDERS.append(tmp(f"truth{len(FOLDERS)}"))
    FOLDERS[-1].mkdir()
    return FOLDERS[-1]


def truth(folder):
    """Returns how many each process deleted, by pid. A file has one line for each program that the process executed."""
    return {int(f.name): sum(map(int, f.read_text().split())) for f in folder.iterdir()}


def expect(run, folder, what):
    """Compares what was seen of each process with what it says. Each has one exit record, and start records."""
    seen, told = {}, truth(folder)
    for e in run.events:
        seen[e["pid"]] = seen.get(e["pid"], 0) + 1
    same(seen, told, f"{what}: deletes by process ({run.err})")
    same((run.code, run.end["gaps"], sum(run.end["lost"].values())), (0, 0, 0), f"{what}: {run.err}")
    same(sorted(x["pid"] for x in run.exits), sorted(told), f"{what}: exit records")
    same({x["pid"] for x in run.of("start")}, set(told), f"{what}: start records")


WAYS = ["", "w", "d", "s", "x", "t", "p", "wd", "dw", "ws", "sx", "xw", "tp", "pw", "dxd", "wwww", "xxxxx", "ttt", "sds", "pxw"]


@test
def children_of_a_command():
    """Every process of the tree that executes the file is traced from its first instruction, however it came to be."""
    exe = tree()
    for ways in WAYS:
        for before in ([], ["sh", "-c", '"$@"; true', "sh"]):
            folder = fresh()
            r = tophash("-q", "--format", "json", "--site", "main.main*", "--", *before, exe, ways, folder, stdin=subprocess.DEVNULL)
            expect(r, folder, f"{before} {ways!r}")


@test
def more_children_than_there_is_room():
    """Processes for which the set of the tree has no room are gaps."""
    exe, folder = tree(), fresh()
    os.mkfifo(f"{folder}.gate")
    # None ends before the last one begins: the kernel takes one that has ended out of the set some time later.
    body = """"$0" r "$1" <"$1.gate" & exec 3>"$1.gate"
until [ -e "$1"/[0-9]* ]; do :; done
for i in 1 2 3 4 5 6 7 8; do sleep 100 3>&- & p="$p $!"; done
"$0" "" "$1"; kill $p; exec 3>&-; wait"""
    r = tophash("-q", "--format", "json", "--site", "main.main*", "--", "sh", "-c", body, exe, folder, env={"TOPHASH_TREE_MAX": "4"})
    told, seen = truth(folder), {e["pid"] for e in r.events}
    check(len(told) == 2 and len(seen) == 1 and seen < set(told), f"{told}: {seen}")
    same(len(r.events), told[seen.pop()], "deletes")
    same((r.code, r.end["gaps"]), (5, 7), r.err)


@test
def children_in_a_pid_namespace():
    """tophash is in a namespace of its own, where processes have other ids."""
    inner = ["unshare", "-pf", "--mount-proc"]
    if subprocess.run([*inner, "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -p is not permitted")
    exe = tree()
    for ways in ("", "w", "d", "s", "x", "t", "p", "dw", "sxd"):
        for before in ([], ["sh", "-c", '"$@"; true', "sh"]):
            folder = fresh()
            r = tophash("-q", "--format", "json", "--site", "main.main*", "--", *before, exe, ways, folder, wrap=inner)
            expect(r, folder, f"{before} {ways!r}")


@test
def one_link_for_each_probe():
    """The same with perf events, which older kernels need."""
    exe = tree()
    for ways in ("w", "d", "x", "t", "pxw"):
        folder = fresh()
        r = tophash("-q", "--format", "json", "--site", "main.main*", "--", exe, ways, folder, env={"TOPHASH_NO_MULTI": "1"})
        expect(r, folder, ways)


@test
def children_of_a_wrapper():
    """A wrapper starts the program several times, also while the probes are being placed."""
    exe = tree()
    for body in ('"$0" p {} & "$0" w {} & wait', '"$0" "" {}; "$0" d {}; "$0" x {}', '("$0" z {} &) ; "$0" t {}'):
        folder = fresh()
        r = tophash("-q", "--format", "json", "--site", "main.main*", "--", "sh", "-c", body.replace("{}", str(folder)), exe)
        told = truth(folder)
        seen = {}
        for e in r.events:
            seen[e["pid"]] = seen.get(e["pid"], 0) + 1
        same(set(seen), set(told), f"{body}: processes ({r.err})")
        # The shell's pid executes nothing. The sleeper writes its count twice.
        same({p: n for p, n in seen.items()}, {p: (21 if n == 41 else n) for p, n in told.items()}, f"{body}: deletes by process")
        same((r.code, r.end["gaps"]), (0, 0), r.err)


@test
def children_of_a_process():
    """-p follows children that come, and those that are there already."""
    source = tmp("waits.go")
    source.write_text("""package main
import ("bufio"; "fmt"; "os"; "os/exec")
func main() {
	in := bufio.NewReader(os.Stdin)
	m := map[int]int{1: 1, 2: 2, 3: 3, 4: 4}
	var to []interface{ Write([]byte) (int, error) }
	fmt.Println(os.Getpid())
	shell := exec.Command("sh", "-c", "read x; exec 3<&0; /proc/$PPID/exe <&3 3<&-; exit 0") // later starts this program
	toShell, _ := shell.StdinPipe()
	shell.Stdout = os.Stdout
	if len(os.Args) > 1 { shell.Start() }
	for n := 1; ; n++ {
		line, err := in.ReadString('\\n')
		if err != nil { return }
		if line == "shell\\n" { toShell.Write([]byte("\\n")); to = append(to, toShell); continue }
		if line == "fork\\n" {
			c := exec.Command("/proc/self/exe")
			w, _ := c.StdinPipe()
			c.Stdout = os.Stdout
			c.Start()
			to = append(to, w)
			continue // the child says its pid
		}
		delete(m, n)
		for _, w := range to { w.Write([]byte(line)) }
		fmt.Println("done")
	}
}
""")
    exe = go_build(source, "waits")
    p = Program(exe, "with a shell")
    pids = [p.pid]
    same(p.line(), str(p.pid), "begins")
    pids.append(int(p.ask("fork")))  # before the trace
    t = Tracer("-p", p.pid)
    pids.append(int(p.ask("fork")))  # in the trace
    pids.append(int(p.ask("shell")))  # in the trace, by a shell that was there before
    p.ask("delete")
    same(p.end(), "done\n" * 3, "the children's answers")
    r = t.end(None)
    same(sorted((e["pid"], e["key"]) for e in r.events), sorted((pid, n) for pid, n in zip(pids, (4, 1, 1, 1))), f"events: {r.err}")
    same(sorted(x["pid"] for x in r.exits), sorted(pids), "exit records")
    same((r.code, r.err), (0, ""), "messages")


@test
def a_stranger_is_left_alone():
    """A process of the same file that is not of the tree: no hit of it counts. -p puts no breakpoint into it, and says what it cannot do."""
    exe = target("busy")
    stranger = spawn([exe, "-seconds", "60"], stdout=subprocess.DEVNULL)
    p = spawn([exe, "-seconds", "60", "-mode", "miss"], stdout=subprocess.DEVNULL)
    time.sleep(0.2)
    t = Tracer("-p", p.pid)
    check(probed(p.pid, exe) and not probed(stranger.pid, exe), "a breakpoint in the other process")
    r = t.end()
    same((r.end["hits"], len(r.lines)), (0, 1), r.err)
    check("other processes execute " in r.err, r.err)
    same([s["links"] for s in r.of("start")], ["process"], "where the probes are")
    t = Tracer("-p", p.pid, "--follow", "none")
    check(not probed(stranger.pid, exe), "--follow=none: a breakpoint in the other process")
    same(t.end().err, "", "--follow=none: messages")
    t = Tracer("-p", p.pid, "--follow", "exact")
    check(probed(stranger.pid, exe), "--follow=exact: no breakpoint in the other process")
    r = t.end()
    same((r.err, r.end["hits"], [s["links"] for s in r.of("start")]), ("", 0, ["file"]), "--follow=exact: messages, hits, where the probes are")
    r = tophash("-q", "--format", "json", "-o", tmp("events"), "--", exe, "-ops", "7")
    same(Run(0, tmp("events").read_text(), "").end["hits"], 7, "a command's hits beside the other's")


@test
def a_stranger_that_comes_later():
    """-p takes the breakpoints out of a process of the same file that is not of the tree, and goes on with its own. --follow=exact does not."""
    exe = target("steps")
    p = Program(exe)
    p.line()
    t = Tracer("-p", p.pid)
    p.ask("3")
    stranger = Program(exe)
    stranger.line()
    end = time.monotonic() + LONG
    while "another process has executed" not in t.errors.read_text() or probed(stranger.pid, exe):
        check(time.monotonic() < end, f"breakpoints stay in the other process: {t.errors.read_text()}")
        time.sleep(0.01)
    check(probed(p.pid, exe), "no breakpoint in the traced process")
    stranger.ask("5")
    p.ask("4")
    p.end()
    r = t.end(None)
    same((r.code, r.end["removed"], len(r.lines), r.of("gap")), (0, 7, 1, []), f"exit code, removed, messages, gaps: {r.err}")
    p = Program(exe)
    p.line()
    t = Tracer("-p", p.pid, "--follow=exact")
    second = Program(exe)
    second.line()
    check(probed(second.pid, exe), "--follow=exact: no breakpoint in the other process")
    second.ask("5")
    p.ask("4")
    p.end()
    r = t.end(None)
    same((r.code, r.end["removed"], r.err), (0, 4, ""), "--follow=exact")


# Begins with the first line of its standard input, and deletes in several goroutines until the second. Every second key is absent. It
# then tells how many calls it made.
STEADY = """package main
import ("fmt"; "sync"; "sync/atomic")
func main() {
	var over atomic.Bool
	var calls atomic.Int64
	var group sync.WaitGroup
	fmt.Println("ready")
	fmt.Scanln()
	for g := 0; g < 3; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			m, n := map[int]int{}, int64(0)
			for ; !over.Load(); n += 2 { m[1] = 1; delete(m, 1); delete(m, 2) }
			calls.Add(n)
		}()
	}
	fmt.Println("begun")
	fmt.Scanln()
	over.Store(true)
	group.Wait()
	fmt.Println(calls.Load())
}
"""


@test
def a_stranger_of_a_busy_process():
    """The probes move from all processes of the file to the traced one while it deletes. Each call is counted once."""
    source = tmp("steady.go")
    source.write_text(STEADY)
    exe = go_build(source, "steady")
    for more in ("--summary",), ("--misses", "--key", "3"):
        p = Program(exe)
        same(p.line(), "ready", "the program")
        t = Tracer("-p", p.pid, *more)
        same(p.ask(""), "begun", "the program")
        stranger = Program(exe)
        same(stranger.line(), "ready", "the other program")
        end = time.monotonic() + LONG
        while "another process has executed" not in t.errors.read_text() or probed(stranger.pid, exe):
            check(time.monotonic() < end, f"breakpoints stay in the other process: {t.errors.read_text()}")
            time.sleep(0.01)
        calls = int(p.ask(""))
        stranger.ask("")
        stranger.ask("")
        p.end()
        stranger.end()
        r = t.end(None)
        hits = calls if "--misses" in more else calls // 2
        same((r.end["hits"], r.of("gap"), r.code), (hits, [], 0), f"{more}: hits, gaps, exit code: {r.err}")


@test
def a_pid_that_comes_again():
    """The first process ends, its child goes on, and a stranger of the same file gets the pid. None of its deletes counts."""
    source = tmp("again.go")
    source.write_text("""package main
import ("os"; "os/exec"; "time")
func main() {
	m, n := map[int]int{}, 5
	if len(os.Args) > 1 { n = 2 }
	if len(os.Args) == 2 {
		if err := exec.Command(os.Args[0], os.Args[1], "child").Start(); err != nil { panic(err) }
	} else if len(os.Args) == 3 {
		for { if _, err := os.Stat(os.Args[1]); err == nil { break }; time.Sleep(time.Millisecond) }
	}
	for i := 0; i < n; i++ { m[i] = i; delete(m, i) }
}
""")
    exe = go_build(source, "again")
    tmp("over").unlink(missing_ok=True)
    t = Tracer("--site", "main.main", "--", exe, tmp("over"))
    t.wait_for('"exit"')
    pid = next(e["pid"] for e in Run(0, t.report.read_text(), "").of("exit"))
    with open("/dev/null") as null:
        stranger = start_as(pid, exe, null.fileno())
    same(os.waitpid(stranger, 0)[1], 0, "the stranger's status")
    tmp("over").touch()
    r = t.end(None)
    same((r.code, len(r.events), sum(e["pid"] == pid for e in r.events), len(r.of("exit"))), (0, 4, 2, 2), f"deletes, and those under the pid: {r.err}")


@test
def exact_beside_others():
    """A program that executes itself 20 times, beside another process of its file: all 21 removals with --follow=exact."""
    source = tmp("again.go")
    source.write_text("""package main
import ("fmt"; "os"; "strconv"; "syscall"; "time")
func main() {
	n, _ := strconv.Atoi(os.Args[1])
	if n == 20 { fmt.Println("ready"); fmt.Scanln() }
	m := map[string]int{"x": 1}
	delete(m, "x")
	if n == 0 { return }
	time.Sleep(5 * time.Millisecond)
	syscall.Exec("/proc/self/exe", []string{os.Args[0], strconv.Itoa(n - 1)}, os.Environ())
}
""")
    exe = go_build(source, "again")
    stranger = Program(exe, "20")
    for args, traced in (("-p",), True), (("-b",), True), (("--",), True):
        if args == ("--",):
            r = tophash("-q", "--format", "json", "-o", tmp("events"), "--", exe, "19")
            r = Run(r.code, tmp("events").read_text(), r.err)
            same((r.code, len(r.events), r.end["gaps"]), (0, 20, 0), f"--: {r.err}")
            continue
        p = Program(exe, "20")
        same(p.line(), "ready", "begins")
        t = Tracer(*(["-p", p.pid, "--follow=exact"] if args == ("-p",) else ["-b", exe]))
        p.tell("")
        if args == ("-b",):
            p.p.wait(LONG)
            t.wait_for('"exit"')
        r = t.end(None if args == ("-p",) else signal.SIGINT)
        same((r.code, len(r.events), r.end["gaps"]), (0, 21, 0), f"{args}: {r.err}")
    stranger.p.kill()


@test
def children_on_an_overlay():
    """No lease can be had on the file, and each child gets probes of its own. What it deleted before is a gap."""
    merged = overlay()[2]
    exe = str(merged / "tree")
    try:
        (merged / "tree").write_bytes(Path(tree()).read_bytes())
        (merged / "tree").chmod(0o755)
        for ways in ("w", "pz", "xw", "sz"):
            folder = fresh()
            r = tophash("--format", "json", "-o", tmp("events"), "--site", "main.main*", "--", exe, ways, folder)
            r.out = tmp("events").read_text()
            told, seen, gaps = truth(folder), Counter(e["pid"] for e in r.events), {g["pid"] for g in r.of("gap")}
            if "z" in ways:  # the sleeper writes its count twice
                told = {pid: 21 if n == 41 else n for pid, n in told.items()}
            wrong = {p: (seen[p], told[p]) for p in told if seen[p] != told[p] and not (p in gaps and seen[p] < told[p])}
            same((wrong, set(seen) - set(told)), ({}, set()), f"{ways}: seen and deleted ({r.err})")
            same((r.code, {g["why"] for g in r.of("gap")} <= {"child", "exec"}), (5 if gaps else 0, True), f"{ways}: {r.err}")
            check("no lease can be had" in r.err and {s["links"] for s in r.of("start")} == {"process"}, f"{ways}: {r.err}")
    finally:
        subprocess.run(["umount", merged], check=True)


@test
def children_are_not_followed():
    exe = tree()
    for ways, own in (("w", 22), ("d", 20), ("p", 21)):
        folder = fresh()
        r = tophash("-q", "--format", "json", "--site", "main.main*", "--follow=none", "--", exe, ways, folder)
        same((r.code, len(r.events), len(r.of("exit"))), (0, own, 1), f"{ways}: {r.err}")


@test
def another_file_is_not_followed():
    """A child that executes another file does not belong to the trace, and does not keep it running."""
    exe = tree()
    tmp("copy").write_bytes(Path(exe).read_bytes())
    tmp("copy").chmod(0o755)
    folder = fresh()
    r = tophash("-q", "--format", "json", "--site", "main.main*", "--", exe, "c", folder)
    same((len(r.events), len(truth(folder)), r.code), (20, 2, 0), r.err)
    source = tmp("leaves.go")
    source.write_text("""package main
import ("os"; "os/exec"; "strconv")
func main() {
	m := map[int]int{1: 1}
	delete(m, 1)
	c := exec.Command("sleep", "100")
	c.Start()
	os.WriteFile(os.Args[1], []byte(strconv.Itoa(c.Process.Pid)), 0644)
}
""")
    leaves = go_build(source, "leaves")
    begun = time.monotonic()
    r = tophash("-q", "--format", "json", "--", leaves, tmp("pid"))
    os.kill(int(tmp("pid").read_text()), signal.SIGKILL)
    same((r.code, len(r.of("exit"))), (0, 1), r.err)
    check(time.monotonic() - begun < 50, "the trace lasts as long as the sleep")


@test
def until_the_command_ends():
    exe = tree()
    for args, ways, n in ((["--until=command"], "dg", 1), (["--until=last"], "dz", 2)):
        folder = fresh()
        r = tophash("-q", "--format", "json", "--site", "main.main*", *args, "--", exe, ways, folder)
        Path(f"{folder}.go").touch()
        same((r.code, len(r.of("exit"))), (0, n), f"{args}: {r.err}")
        end = time.monotonic() + LONG
        while len(truth(folder)) < 2 or max(truth(folder).values()) < 41:
            check(time.monotonic() < end, "the daemon does not end")
            time.sleep(0.01)


@test
def a_killed_tophash_with_children():
    """The tree runs on, and nothing stays in the kernel."""
    exe = tree()
    before = bpf_ids()
    for ways in ("wz", "pz", "dz"):
        for delay in (0, 0.05, 0.1, 0.2, 0.35):
            folder = fresh()
            for f in ("began", "over"):
                tmp(f).unlink(missing_ok=True)
            script = f'touch {tmp("began")}; "$@"; touch {tmp("over")}'
            t = spawn([options.tophash, "trace", "-q", "-o", "/dev/null", "--", "sh", "-c", script, "sh", exe, ways, folder],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not tmp("began").exists():
                check(t.poll() is None, "tophash has ended")
                time.sleep(0.001)
            time.sleep(delay)
            t.kill()
            t.wait()
            end = time.monotonic() + LONG
            while not tmp("over").exists() or not truth(folder) or max(truth(folder).values()) < 41:
                check(time.monotonic() < end, f"{ways}, killed after {delay} s: the tree does not end")
                time.sleep(0.01)
    nothing_left(before)
