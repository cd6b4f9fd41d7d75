"""Tests of what the chosen processes have started before the trace, and of processes that are hard to look at."""

import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

from harness import check, go_build, Program, refused, same, shim, target, test, tmp, tophash, Tracer
from test_all import programs, untraceable
from test_files import in_mount_namespace, overlay
from test_hosts import compiled, library
from test_wrapper import wait_until

# Ends process ENDS just before its children are looked for, and goes on when its children have other parents.
ENDS = r"""
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int runs(int pid)
{
	char text[256];

	read_stat(pid, text);
	return text[0] && !strstr(text, ") Z") && !strstr(text, ") X");
}

DIR *opendir(const char *path)
{
	DIR *(*real)(const char *) = (DIR *(*)(const char *))dlsym(RTLD_NEXT, "opendir");
	const char *pid = getenv("ENDS");
	char want[64];

	snprintf(want, sizeof(want), "/proc/%s/task", pid);
	if (!strcmp(path, want) && runs(atoi(pid))) {
		kill(atoi(pid), SIGKILL);
		while (runs(atoi(pid)))
			usleep(1000);
	}
	return real(path);
}
"""
# The root starts a shell, which starts the program. If it is a reaper (PR_SET_CHILD_SUBREAPER), it gets the orphans.
ROOT = """import ctypes, subprocess, sys, time
if sys.argv[1] == "reaper": ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.Popen(["sh", "-c", 'exec 3<&0; "$0" <&3 & echo $$ $!; wait', sys.argv[2]])
time.sleep(1000)
"""


def lines_of(p, n):
    """Returns the next lines of a program, which may come together."""
    return [p.p.stdout.readline().strip() for _ in range(n)]


@test
def a_parent_that_ends_while_it_is_looked_at():
    """Its children have another parent when they are looked for. They are found with that one, if it is of the tree. Otherwise the parent is a
    gap."""
    preload = shim("ends.so", ENDS)
    for role in ("reaper", "plain"):
        p = Program(sys.executable, "-c", ROOT, role, target("steps"))
        lines = sorted(lines_of(p, 2))
        parent, child = map(int, lines[0].split())
        check(lines[1].startswith("ready"), f"{lines}")
        t = Tracer("--follow=all", "-p", p.pid, env={"LD_PRELOAD": str(preload), "ENDS": str(parent)})
        check("removed=5 " in p.ask("5"), "the program")
        os.kill(child, signal.SIGTERM)
        p.p.kill()
        r = t.end(None)
        seen, gaps = Counter(e["pid"] for e in r.events), [(g["pid"], g["why"]) for g in r.of("gap")]
        if role == "plain":
            same((gaps, "ended while its children were looked for" in r.err), ([(parent, "child")], True), r.err)
        else:  # a gap, if an orphan of another family was just found elsewhere
            check(set(gaps) <= {(parent, "child")}, f"{gaps}: {r.err}")
        same((dict(seen), r.code), ({child: 5} if role == "reaper" else {}, 5 if gaps else 0), f"{role}: {r.err}")


@test
def a_parent_of_one_file():
    """The same without --follow=all: the root, the parent and the orphan execute one file. The root is no reaper, so the parent is a gap."""
    preload = shim("ends.so", ENDS)
    source = tmp("forks.go")
    source.write_text("""package main
import ("bufio"; "fmt"; "os"; "os/exec"; "time")
func main() {
	if os.Args[1] != "0" {
		c := exec.Command(os.Args[0], string(rune(os.Args[1][0] - 1)))
		c.Stdin, c.Stdout = os.Stdin, os.Stdout
		c.Start()
		fmt.Println(os.Args[1], os.Getpid())
		time.Sleep(time.Hour)
	}
	fmt.Println(0, os.Getpid())
	m := map[int]int{1: 1, 2: 2}
	bufio.NewScanner(os.Stdin).Scan()
	delete(m, 1)
	fmt.Println("done")
}
""")
    p = Program(go_build(source, "forks"), "2")
    pids = dict(line.split() for line in lines_of(p, 3))
    t = Tracer("-p", p.pid, env={"LD_PRELOAD": str(preload), "ENDS": pids["1"]})
    same(p.ask("go"), "done", "the orphan")
    p.p.kill()
    r = t.end(None)
    same(([(g["pid"], g["why"]) for g in r.of("gap")], r.code), ([(int(pids["1"]), "child")], 5), r.err)


# A reaper above the root, which is not of the tree. With "ignore" nobody keeps what is left of a process that has ended.
ABOVE = """import ctypes, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
if sys.argv[1] == "ignore": signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", sys.argv[2], "plain", sys.argv[3]]).pid, flush=True)
time.sleep(1000)
"""


@test
def a_parent_below_strangers():
    """The orphan gets a parent above the second root, or above a root that has ended itself and left nothing."""
    preload = shim("ends.so", ENDS)
    for how in ("keep", "ignore"):
        other, p = Program("cat"), Program(sys.executable, "-c", ABOVE, how, ROOT, target("steps"))
        told = lines_of(p, 3)
        (root,), (parent, child) = ([int(x) for x in line.split()] for line in sorted((x for x in told if not x.startswith("ready")), key=len))
        ends = parent if how == "keep" else root
        t = Tracer("--follow=all", "-p", other.p.pid, "-p", root, ready=False, env={"LD_PRELOAD": str(preload), "ENDS": str(ends)})
        t.wait_for_message("ended while its children were looked for")
        r = t.end()
        same(([(g["pid"], g["why"]) for g in r.of("gap")], r.code), ([(ends, "child")], 5), f"{how}: {r.err}")
        for pid in (root, parent, child):
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
        p.p.kill()
        other.p.kill()


@test
def known_programs_are_no_gap():
    """A Go program executes programs that are known as not Go, one after the other. They go on before they can be looked at, and are no gaps."""
    a, _, _ = programs()
    idles, becomes = tmp("idles"), go_build(write("becomes.go", BECOMES), "becomes")
    shutil.copy("/bin/sh", idles)
    shell = Program("sh")
    shell.tell(f"{a} {tmp('told')} 0 {tmp('gate')} &")
    wait_until(tmp("told").exists, "the first program does not begin")
    t = Tracer("--site", "main.*", "--follow=all", "-p", shell.pid)
    # Records are looked at in order: when the second program is there, what has started it was looked at.
    shell.tell(f"{idles} -c '{a} {tmp('told')} 0 {tmp('open')}; :'; echo over")
    t.wait_for('"event":"start"', 2)
    tmp("open").touch()
    same(shell.line(), "over", "the program that is not Go")
    shell.tell(f"LINGERS=1 {becomes} {idles} -c 'echo $$'")  # its file gets its probes
    t.wait_for('"event":"start"', 3)
    first = int(shell.ask("go"))
    chain = f"{becomes} {idles} -c 'exec {idles} -c \"exec {idles} -c :\"'"
    same(shell.ask(f"for i in $(seq 60); do {chain}; done; echo done"), "done", "the chains")
    tmp("gate").touch()
    shell.end()
    r = t.end(None)
    seen, gaps = Counter(e["pid"] for e in r.events), {g["pid"] for g in r.of("gap")}
    seen.pop(first, 0)
    same((gaps - {first}, Counter(seen.values())), (set(), {3: 60}), f"gaps, deletes of the chains: {r.err}")


# Deletes three times, and executes what its arguments say.
BECOMES = """package main
import ("os"; "syscall")
func main() {
	m := map[int]int{1: 1, 2: 2, 3: 3}
	for i := 1; i <= 3; i++ { delete(m, i) }
	if os.Getenv("LINGERS") != "" { os.Stdin.Read(make([]byte, 3)) }
	panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}
"""


def write(name, text):
    tmp(name).write_text(text)
    return tmp(name)


# Its first thread ends, and another one goes on.
THREAD = """#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int runs(void)
{
	char text[256] = "";
	FILE *f = fopen("/proc/self/stat", "r");
	if (f && !fgets(text, sizeof(text), f)) text[0] = 0;
	if (f) fclose(f);
	return !strstr(text, ") Z");
}
static void *serve(void *path)
{
	char line[4096];
	void (*work)(int64_t) = path ? (void (*)(int64_t))dlsym(dlopen(path, RTLD_NOW), "Work") : NULL;
	while (runs()) ;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (work) work(30);
		else if (system(line)) puts("failed");
		puts("done");
		fflush(stdout);
	}
	exit(0);
}
int main(int argc, char **argv)
{
	pthread_t thread;
	pthread_create(&thread, NULL, serve, argv[1]);
	pthread_exit(NULL);
}
"""


@test
def a_supervisor_without_its_first_thread():
    """/proc/PID shows nothing of a process whose first thread has ended. Another one shows what it executes, and what it starts is traced."""
    a, _, _ = programs()
    p = Program(compiled("serves", THREAD, "-lpthread"))
    same(p.line(), "ready", "the supervisor")
    same(Path(f"/proc/{p.pid}/maps").read_text(), "", "its mappings")
    t = Tracer("--site", "main.*", "--follow=all", "-p", p.pid)
    for n in (4, 5):
        same(p.ask(f"{a} {tmp('told')} {n}"), "done", "the supervisor")
    p.end()
    r = t.end(None)
    told = {int(x): int(n) for x, n in map(str.split, tmp("told").read_text().splitlines())}
    seen, gaps = Counter(e["pid"] for e in r.events), {g["pid"] for g in r.of("gap")}
    check(all(pid in gaps or seen[pid] == n for pid, n in told.items()) and len(told) == 2, f"{seen}, {gaps}, should be {told}: {r.err}")
    same((r.code, r.end["gaps"]), (5 if gaps else 0, len(gaps)), r.err)


@test
def a_host_without_its_first_thread():
    """The kernel places no probe in such a process alone. -p is refused, and -b traces a Go library in it."""
    so = library()
    p = Program(compiled("serves", THREAD, "-lpthread", "-ldl"), so)
    same(p.line(), "ready", "the host")
    refused(tophash("-p", p.pid), 3, "first thread of process .* has ended.*-b")
    t = Tracer("-b", so)
    for _ in range(2):
        same(p.ask("work"), "done", "the host")
    p.end()
    r = t.end()
    same((r.code, len(r.events), [e["pid"] for e in r.exits]), (0, 60, [p.pid]), r.err)


@test
def a_host_without_its_first_thread_on_an_overlay():
    """No lease can be had there, so -b must place probes in each process alone. The process is a gap as long as it runs, and told about."""
    def inner():
        so = overlay()[2] / "hosted.so"
        shutil.copy(library(), so)
        host = compiled("serves", THREAD, "-lpthread", "-ldl")
        first, second = Program(host, so), Program(host, so)
        same([p.line() for p in (first, second)], ["ready"] * 2, "the hosts")
        t = Tracer("-b", so)
        t.wait_for_message(f"process {first.pid}: what it removes is not seen: its first thread has ended")
        same([p.ask("work") for p in (first, second)], ["done"] * 2, "the hosts")
        first.end()
        r = t.end()
        second.end()
        check("waiting" not in r.err, f"it waits for a process that runs: {r.err}")
        gaps = sorted((g["pid"], g["why"]) for g in r.of("gap"))
        same((r.code, len(r.events), gaps), (5, 0, sorted((p.pid, "module") for p in (first, second))), r.err)

    in_mount_namespace(inner)


@test
def untraceable_programs_of_a_tree():
    """-p --follow=all: a Go program that cannot be traced is named once, and each of its processes is a gap. The others are traced."""
    _, b, _ = programs()
    odd, truth = untraceable(), tmp("truth")
    shell = Program("sh")
    t = Tracer("--site", "main.*", "--follow=all", "-p", shell.pid)
    shell.tell(f"{odd} {truth} 0 {tmp('gate')}; {odd} {truth} 0; {b} {truth} 2; {b} {truth} 3; echo done")
    t.wait_for_message("not traced")
    tmp("gate").touch()
    same(shell.line(), "done", "the shell")
    shell.end()
    r = t.end(None)
    told = [tuple(map(int, x.split())) for x in truth.read_text().splitlines()]
    seen, gaps = Counter(e["pid"] for e in r.events), {g["pid"] for g in r.of("gap")}
    for pid, n in told:
        check(pid in gaps if not n else pid in gaps or seen[pid] == n, f"process {pid}, {n} deletes: {seen} {gaps}: {r.err}")
    same((len(told), r.code, r.err.count("not traced")), (4, 5, 1), r.err)
