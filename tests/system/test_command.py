"""Tests of a command that tophash starts: its output, its end, commands that cannot be started or that execute something else."""

import json
import os
import resource
import re
import signal
import subprocess
import time
from pathlib import Path

from harness import (
    check, Failed, go_build, bpf_ids, LONG, nothing_left, options, probes_in, Program, refused, Run, same, spawn, target, test,
    tmp, tophash, Tracer)


@test
def command():
    r = tophash("--format", "json", "-o", tmp("c"), "--", target("busy"), "-ops", 1000)
    told = json.loads(r.out)  # the program's own output, and nothing else
    same((r.code, told["removed"]), (0, 1000), "busy")
    end = json.loads(tmp("c").read_text().splitlines()[-1])
    same((end["removed"], end["lost"]["ring_full"]), (1000, 0), "end")
    for code in (0, 3, 255):
        p = subprocess.run([options.tophash, "trace", "--format", "json", "-o", tmp("c"), "--", target("steps")], input=f"5\nexit {code}\n",
                           text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)
        records = [json.loads(x) for x in tmp("c").read_text().splitlines()]
        pid = records[0]["pid"]
        same(p.returncode, 0, "exit code")
        same([x["event"] for x in records], ["start"] + ["delete"] * 5 + ["exit", "end"], "records")
        same(Run(0, json.dumps(records[-2]), "").exits, [{"pid": pid, "code": code}], "exit record")
        check(re.fullmatch(rf"tophash: .*steps \(process {pid}\) exited with status {code}\n", p.stderr), p.stderr)
        same(p.stdout, f"ready {pid}\ndone 5 removed=5 missed=0 cleared=0 len=0\n", "the command's output")
    r = tophash("-q", "--format", "json", "--", "busy", "-ops", 7, env={"PATH": "/nonexistent::" + str(Path(target("busy")).parent)})
    same((r.code, r.err), (0, ""), "PATH")


@test
def command_killed():
    t = Tracer("--", target("busy"), "-seconds", 60, "-mode", "miss")
    t.wait_for('"start"')
    pid = json.loads(t.report.read_text().splitlines()[0])["pid"]
    for sig in (signal.SIGKILL,):
        os.kill(pid, sig)
        r = t.end(None)
        same(r.code, 0, r.err)
        same(r.exits, [{"pid": pid, "signal": 9, "signal_name": "SIGKILL"}], "exit record")
        check(re.search(r"was ended by signal (9|SIGKILL)", r.err), r.err)


@test
def command_refused():
    plain = tmp("plain")
    plain.write_text("x")
    noise = tmp("noise")
    noise.write_text("exit 3\n" * 20)
    noise.chmod(0o755)
    for args, word in ((["nosuch"], "not found in PATH"), (["./nosuch"], "No such file"), ([""], "not found"), ([tmp()], "not an executable"),
                       ([plain], "not an executable"), ([noise], "not an ELF")):
        try:
            refused(tophash("--", *args), 3, word)
        except Failed as f:
            raise Failed(f"{args}: {f}") from None


@test
def command_that_execs():
    """A Go program that executes another program ends as that program does."""
    source = tmp("execs.go")
    source.write_text("""package main
import ("os"; "os/exec"; "syscall")
func main() {
	m := map[int]int{1: 1, 2: 2, 3: 3}
	delete(m, len(os.Args))
	exec.Command("/bin/true").Run()
	delete(m, len(os.Args)-1)
	if len(os.Args) > 2 { syscall.Exec("/bin/sh", []string{"sh", "-c", "exit 7"}, nil) }
}
""")
    exe = go_build(source, "execs")
    r = tophash("-q", "--format", "json", "--site", "main.main", "--", exe, "x")
    same((r.code, len(r.events), r.of("exit")[0].get("code")), (0, 2, 0), "forks")
    r = tophash("-q", "--format", "json", "--site", "main.main", "--", exe, "x", "y")
    same((r.code, len(r.events), len(r.of("start")), [x.get("code") for x in r.of("exit")]), (0, 2, 1, [7]), "execs")


EXECS_OFTEN = """package main
import ("os"; "strconv"; "syscall"; "time")
func main() {
	n, _ := strconv.Atoi(os.Args[1])
	pause, _ := time.ParseDuration(os.Args[2])
	m := map[string]int{"x": 1}
	delete(m, "x")
	if n > 0 {
		time.Sleep(pause)
		syscall.Exec(os.Args[0], []string{os.Args[0], strconv.Itoa(n - 1), os.Args[2]}, os.Environ())
	}
}
"""


@test
def execs_often():
    """A program executes itself faster than probes can be attached again. Each removal is seen, or a gap is counted."""
    source = tmp("execs_often.go")
    source.write_text(EXECS_OFTEN)
    exe = go_build(source, "execs_often")
    for times, pause in ((20, "15ms"), (20, "1ms"), (5, "0s"), (3, "150ms"), (0, "0s")):
        for env in ({}, {"TOPHASH_NO_MULTI": "1"}):
            r = tophash("-q", "--format", "json", "--", exe, str(times), pause, env=dict(os.environ, **env))
            what = f"{times} times after {pause}, {env}: {r.err}"
            gaps = r.of("gap")
            check(len(r.events) == times + 1 or gaps, f"{what}: {len(r.events)} removals, no gap")
            same((r.code, r.end["gaps"]), (5 if gaps else 0, len(gaps)), what)
            check(len(r.of("start")) >= 1 + (len(gaps) == 0) * times, what)
            ends = [0] + [int(g["to_ns"]) for g in gaps]
            check(all(int(g["from_ns"]) < int(g["to_ns"]) and int(g["from_ns"]) >= before for g, before in zip(gaps, ends)), f"{gaps}")


def close_all():
    for fd in (0, 2):
        os.close(fd)


@test
def begins_in_any_state():
    """Whoever starts tophash may have ignored or blocked signals, closed standard files, and set limits and an environment of any kind. The
    trace is complete, and the command's exit status is known."""
    every = [s for s in signal.Signals if s not in (signal.SIGKILL, signal.SIGSTOP)]
    states = {
        "SIGCHLD is ignored": {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)},
        "all signals are ignored": {"preexec_fn": lambda: [signal.signal(s, signal.SIG_IGN) for s in every]},
        "all signals are blocked": {"preexec_fn": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, every)},
        "closed files": {"preexec_fn": close_all},
        "a umask": {"preexec_fn": lambda: os.umask(0o777)},
        "few files": {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))},
        "a soft limit of files": {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 1024))},
        "no lock of memory": {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))},
        "no environment": {"wrap": ["env", "-i"]},
        "a decimal comma": {"wrap": ["env", "LC_ALL=de_DE.UTF-8"]},
    }
    for state, how in states.items():
        tmp("events").unlink(missing_ok=True)
        r = tophash("--format", "json", "-o", tmp("events"), "--", target("busy"), "-ops", "7", **how)
        r.out = tmp("events").read_text()
        same((r.code, [x["code"] for x in r.exits], r.end["removed"], len(r.events)), (0, [0], 7, 7), f"{state}: {r.err!r}")
        for verb in ("sites", "addr"):
            q = spawn([*how.get("wrap", []), options.tophash, verb, target("busy"), *(["0x401000"] if verb == "addr" else [])],
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=how.get("preexec_fn"))
            out = q.communicate(timeout=LONG)[0]
            check(q.returncode == 0 and len(out) > 50, f"{state}: {verb} ends with {q.returncode}")


EXECS_AMID = """package main
import ("bufio"; "fmt"; "os"; "runtime"; "runtime/debug"; "strconv"; "syscall"; "unsafe")
func init() { runtime.LockOSThread() } // main keeps the main thread
var m = map[string]int{}

// Returns a string that nobody can read, and a descriptor that tells when somebody tries.
func stuck() (string, int) {
	page, _ := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	fd, _, _ := syscall.Syscall(323, syscall.O_CLOEXEC, 0, 0) // userfaultfd
	api := [3]uint64{0xaa}
	syscall.Syscall(syscall.SYS_IOCTL, fd, 0xc018aa3f, uintptr(unsafe.Pointer(&api)))
	area := [4]uint64{uint64(uintptr(unsafe.Pointer(&page[0]))), 4096, 1}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, 0xc020aa00, uintptr(unsafe.Pointer(&area)))
	if errno != 0 { panic(errno) }
	return unsafe.String(&page[0], 8), int(fd)
}

func main() {
	runtime.GOMAXPROCS(32) // a thread that cannot read keeps its processor
	debug.SetGCPercent(-1)
	var keys [64]chan string // enough goroutines, so that the next program has some at the same addresses
	answers := make(chan bool)
	for i := range keys {
		keys[i] = make(chan string)
		go func(i int) { for key := range keys[i] { delete(m, key); answers <- true } }(i)
	}
	for i := 0; i < 100; i++ { m[strconv.Itoa(i)] = i }
	in := bufio.NewReaderSize(os.Stdin, 16)
	fmt.Println("ready")
	for {
		line, err := in.ReadString('\\n')
		if err != nil { return }
		if line == "miss\\n" {
			for i := range keys { keys[i] <- "absent"; <-answers }
			fmt.Println("done")
			continue
		}
		for i := 0; i < 16; i++ {
			key, fd := stuck()
			keys[i * 4] <- key
			syscall.Read(fd, make([]byte, 64))
		}
		again := func() { syscall.Exec("/proc/self/exe", os.Args, os.Environ()) }
		if line == "main\\n" { again() }
		go again()
		select {}
	}
}
"""


@test
def executes_itself_amid_a_delete():
    """A process executes itself while deletes are under way. These deletes have no end, and all deletes of the new program are reported."""
    source = tmp("execs_amid.go")
    source.write_text(EXECS_AMID)
    exe = go_build(source, "execs_amid", go="1.23")  # (from 1.26 on, goroutines would not be at the same addresses again)
    for where in (["-p"], ["-b", exe]):
        for how in ("main", "other"):
            p = Program(exe)
            same(p.line(), "ready", "begins")
            t = Tracer("--misses", *where, *([] if where[1:] else [str(p.pid)]))
            probes = probes_in(p.pid, exe)
            for _ in range(3):
                same(p.ask("miss"), "done", "64 misses")
                same(p.ask(how), "ready", "begins anew")
                end = time.monotonic() + LONG
                while probes_in(p.pid, exe) < probes:  # they are placed once more
                    check(time.monotonic() < end, f"{where} {how}: no probes after it executed itself")
                    time.sleep(0.01)
            same(p.ask("miss"), "done", "64 misses")
            p.end()
            run = t.end()
            # A delete that had no end would have been taken for one of the new program.
            same({e["key"] for e in run.events}, {"absent"}, f"{where} {how}: keys")
            same((run.end["misses"], len(run.events)), (256, 256), f"{where} {how}: misses {run.err}")


EXECS_ITSELF = """package main
import ("bufio"; "fmt"; "os"; "runtime"; "runtime/debug"; "syscall")
func init() { runtime.LockOSThread() } // main keeps the main thread
func main() {
	debug.SetGCPercent(-1)
	in := bufio.NewReaderSize(os.Stdin, 16)
	fmt.Println("ready")
	for {
		line, err := in.ReadString('\\n')
		if err != nil { return }
		again := func() { syscall.Exec("/proc/self/exe", os.Args, os.Environ()) }
		switch line {
		case "delete\\n":
			m := map[string]int{"k": 1, "l": 2}
			delete(m, "k")
			fmt.Println("done")
		case "main\\n":
			again()
		case "other\\n":
			go again()
			select {}
		case "cat\\n":
			syscall.Exec("/bin/cat", []string{"cat"}, nil)
		}
	}
}
"""


@test
def executes_itself():
    """A process that executes itself stays traced: without a gap if its main thread does it, with a message if another thread does."""
    source = tmp("execs_itself.go")
    source.write_text(EXECS_ITSELF)
    exe = go_build(source, "execs_itself")
    for env in ({}, {"TOPHASH_NO_MULTI": "1"}):
        for how in ("main", "other"):
            before = bpf_ids()
            p = Program(exe)
            same(p.line(), "ready", "begins")
            t = spawn([options.tophash, "trace", "--format", "json", "-p", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                      text=True, env=dict(os.environ, **env))
            start = json.loads(t.stdout.readline())
            probes = probes_in(p.pid, exe)
            for _ in range(3):
                same(p.ask("delete"), "done", "a delete")
                same(p.ask(how), "ready", "begins anew")
                end = time.monotonic() + LONG
                while how == "other" and probes_in(p.pid, exe) < probes:  # they are placed once more
                    check(time.monotonic() < end, f"{how} {env}: no probes after it executed itself")
                    time.sleep(0.01)
            same(p.ask("delete"), "done", "a delete")
            p.end()
            out, err = t.communicate(timeout=LONG)
            run = Run(t.returncode, out, err)
            same((len(run.events), {e["gc"] for e in run.events}, run.end["hits"]), (4, {"off"}, 4), f"{how} {env}: {err}")
            # Whether there was a gap depends on what was faster: the new probes or the program's runtime.
            gaps = run.of("gap")
            check(len(gaps) <= (3 if how == "other" else 0), f"{how} {env}: {err}")
            same((run.code, run.end["gaps"]), (5 if gaps else 0, len(gaps)), f"{how} {env}: {err}")
            same((len(err.splitlines()), err.count("executed itself again")), (len(gaps), len(gaps)), f"{how} {env}: {err}")
            for gap in gaps:
                same((gap["pid"], gap["why"], int(gap["from_ns"]) < int(gap["to_ns"])), (p.pid, "exec", True), f"{gap}")
            # There is one start record for each program that it executes.
            same((len(run.of("start")), len(run.of("exit"))), (3, 1), "start records after the first, exit records")
            same({s["pid"] for s in run.of("start")}, {p.pid}, "pids of the start records")
            check(any(x["role"] == "begin" for x in start["probes"]), "no begin probe")
            nothing_left(before)
