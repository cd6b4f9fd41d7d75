"""Tests of the output: formats, summaries, files that must not be touched, disks that are full."""

import errno
import itertools
import json
import os
import re
import resource
import subprocess
import time
from pathlib import Path

from harness import (
    check, clean, deny_bpf, go_build, LONG, options, Program, refused, Run, same, Skip, spawn, steps, target, test, tmp,
    tophash, Tracer, zoo_program)


@test
def formats_and_files():
    p = steps()
    out = tmp("file.out")
    out.write_text("old\n" * 1000)
    t = spawn([options.tophash, "trace", "-p", str(p.pid), "--limit", "3", "--format", "json", "-o", str(out)],
              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b'"start"' not in out.read_bytes():
        time.sleep(0.01)
    p.ask("3")
    o, e = t.communicate(timeout=LONG)
    same((t.returncode, o, e), (0, b"", b""), "exit code, stdout, stderr")
    same([r["event"] for r in map(json.loads, out.read_text().splitlines())], ["start"] + ["delete"] * 3 + ["end"], "records")
    for want in (r"\n3 hits = 3 delivered \+ 0 filtered \+ 0 lost", r"main\.remove main\.go:42"):
        t = Tracer("-p", p.pid, format="text")
        p.ask("3")
        r = t.end()
        same(r.code, 0, r.err)
        check(re.search(want, r.out), f"no {want} in {r.out[-500:]}")
        check("\x1b" not in r.out, "colours in a file")
    p.end()


@test
def summaries():
    p = zoo_program()
    for by, want in (("site", "main.dropUser"), ("map", p.info["users"]), ("type", r"map\[string\]int"), ("key", "user:1"), (None, "main.dropUser")):
        t = Tracer("-p", p.pid, f"--summary={by}" if by else "--summary", format="text")
        p.ask("round")
        r = t.end()
        same(r.code, 0, r.err)
        check(re.search(want, r.out), f"--summary={by}: no {want} in {r.out}")
        check(" g1 " not in r.out, "events beside the summary")
        check(re.search(r"^42 hits = 42 delivered \+ 0 filtered \+ 0 lost", r.out, re.M), r.out[-300:])
        t = Tracer("-p", p.pid, f"--summary={by}" if by else "--summary")
        p.ask("round")
        r = t.end()
        same(r.code, 0, r.err)
        check(not r.events, "events beside the summary (json)")
        same((r.end["hits"], r.end["delivered"]), (42, 42), "end")
        check(len(r.records) > 2, "no rows in JSON's summary")
    p.end()


@test
def summary_of_cut_keys():
    """Only the beginning of a long key is kept. Keys of different lengths have different rows, and each says that it is cut."""
    source = tmp("long.go")
    source.write_text("""package main
import "strings"
type pair struct { Host, Path string }
func main() {
	s, p := map[string]int{}, map[pair]int{}
	for _, n := range []int{100, 101, 100, 64, 101, 100, 300} {
		k := strings.Repeat("k", n)
		s[k] = 1
		delete(s, k)
		p[pair{"h", k}] = 1
		delete(p, pair{"h", k})
	}
}
""")
    exe = go_build(source, "long")
    r = tophash("-q", "--format", "json", "--summary=key", "--type", "map[*", "--site", "main.main", "--misses", "--", exe)
    same((r.code, r.err), (0, ""), "exit code")
    for plain in (True, False):
        rows = [x for x in r.of("summary") if (x["map_type"] == "map[string]int") == plain]
        key = "k" * 64 if plain else {"Host": "h", "Path": "k" * 64}
        same([(x["key"], x.get("key_cut"), x["elements"]) for x in rows if x.get("key_cut")], [(key, True, n) for n in (3, 2, 1)], "cut keys")
        same([(x["key"], x["elements"]) for x in rows if not x.get("key_cut")], [(key, 1)], "the whole key")
    same(r.end["misses"], 0, "misses are counted, and there are none")
    r = tophash("-q", "--summary=key", "--type", "map[string]int", "--site", "main.main", "--", exe)
    same([int(n) for n in re.findall(r'^ +(\d+) .*"k+"…', r.out, re.M)], [3, 2, 1], r.out)


@test
def output_fails():
    p = steps()
    for format in ("json", "text"):
        for args, stdout in ((["-o", "/dev/full"], None), ([], "/dev/full")):
            with open(stdout or "/dev/null", "w") as out:
                q = subprocess.run([options.tophash, "trace", "--format", format, "-p", str(p.pid), "--duration", "5", *args], stdout=out,
                                   stderr=subprocess.PIPE, text=True, timeout=LONG)
            same(q.returncode, 1, f"/dev/full: {q.stderr!r}")
            check(re.fullmatch(r"tophash: .*No space left on device\ntophash: 0 hits = 0 delivered \+ 0 filtered \+ 0 lost\n", q.stderr), q.stderr)
    refused(tophash("-p", p.pid, "-o", "/nonexistent/x"), 1, "/nonexistent/x")
    refused(tophash("-p", p.pid, "-o", tmp()), 1, "directory")
    clean(p.pid, target("steps"))
    q = subprocess.run([options.tophash, "trace", "-p", str(p.pid), "--duration", "1"], stderr=subprocess.PIPE, close_fds=True,
                       preexec_fn=lambda: os.close(1), timeout=LONG)
    check(q.returncode == 1 and q.stderr.count(b"\n") == 2, f"closed stdout: {q.returncode} {q.stderr}")
    p.end()
    for args in (["--help"], ["--version"], ["trace", "--help"]):
        with open("/dev/full", "w") as out:
            q = subprocess.run([options.tophash, *args], stdout=out, stderr=subprocess.PIPE, text=True, timeout=LONG)
        refused(Run(q.returncode, "", q.stderr), 1, "No space left")


@test
def output_fails_later():
    """The disk becomes full after a while. The totals are still printed, and how the command ended."""
    size = 16384
    for args in ([], ["--format", "json"]):
        q = subprocess.run([options.tophash, "trace", *args, "-o", tmp("limited"), "--", target("busy"), "-ops", "20000"], timeout=LONG,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        same(q.returncode, 1, q.stderr)
        lines = q.stderr.splitlines()
        check(re.search("cannot write the output: File too large", lines[0]), q.stderr)
        m = re.search(r"tophash: (\d+) hits = (\d+) delivered \+ (\d+) filtered \+ (\d+) lost", lines[-1])
        check(m, q.stderr)
        same(int(m[1]), sum(int(x) for x in m.groups()[1:]), "identity")
        check(len(lines) == 2 or len(lines) == 3 and "exited with status 0" in lines[1], q.stderr)
        text = tmp("limited").read_text()
        check(text.endswith("\n") and size - 2000 < len(text.encode()) <= size, f"{len(text)} characters, {text[-80:]!r}")
        written = sum('"event":"delete"' in x for x in text.splitlines()) if args else len(re.findall(r" (?:\d+→\d+) .*main\.go:", text))
        same(int(m[2]), written, "delivered against the lines in the file")
        same(int(m[4]) > 0, True, "what could not be written is lost")


@test
def reports_fail_later():
    """The other verbs, too, end with a message where a file becomes too large, and the file with a whole line."""
    exe = target("steps")
    addresses = "".join(f"{a:#x}\n" for a in range(0x401000, 0x421000, 0x40))
    for args, stdin in ((["sites", exe], ""), (["sites", "--format", "json", exe], ""), (["addr", "--format", "json", exe], addresses)):
        for size in (60, 4000):
            with open(tmp("report"), "wb") as out:
                q = subprocess.run([options.tophash, *args], timeout=LONG, input=stdin, stdout=out, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
            text = tmp("report").read_text()
            if q.returncode == 0:
                same((q.stderr, size), ("", 4000), f"{args}")
                continue
            refused(Run(q.returncode, "", q.stderr), 1, "File too large")
            check(not text or text.endswith("\n"), f"{args} {size}: {text[-80:]!r}")
            check(size - 2000 < len(text) <= size, f"{args}: {len(text)} bytes of {size}")


@test
def summary_fails_later():
    """With --summary the table delivers the events. If it cannot be written, nothing was delivered."""
    for format, by in itertools.product(("text", "json"), ("key", "site")):
        for size in (100, 800, 2500, 1 << 20):
            q = subprocess.run([options.tophash, "trace", "--format", format, f"--summary={by}", "-o", tmp("table"), "--", target("busy"), "-ops", "2000"],
                               timeout=LONG, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
            text, what = tmp("table").read_text(), f"{format} {by} {size}: {q.stderr!r}"
            check(not text or text.endswith("\n"), f"{what} {text[-80:]!r}")
            if q.returncode == 0:
                check("2000 delivered" in text or '"delivered":2000' in text, what)
                continue
            same(q.returncode, 1, what)
            check("gone" not in q.stderr and "anew" not in q.stderr, what)
            m = re.fullmatch(r"tophash: (\d+) hits = 0 delivered \+ 0 filtered \+ (\d+) lost", q.stderr.splitlines()[-1])
            check(m and m[1] == m[2], what)


@test
def output_is_the_program():
    """An -o that names the traced program, by whatever path, is refused, and nothing is written."""
    good = Path(target("steps")).read_bytes()
    exe = tmp("program")
    exe.write_bytes(good)
    exe.chmod(0o755)
    tmp("soft").symlink_to(exe)
    tmp("hard").hardlink_to(exe)
    p = Program(str(exe))
    p.line()
    for out in ("program", "soft", "hard"):
        for args in (["-p", p.pid], ["-b", exe], ["--", exe], ["--dry-run", "-b", exe]):
            refused(tophash("-o", tmp(out), *args), 2, "-o .*: that is the program itself")
    p.end()
    check(exe.read_bytes() == good, "the program has changed")


@test
def output_is_kept():
    """The file of -o keeps its content until something is traced. No file is created when nothing is."""
    p = steps()
    old, new = tmp("old"), tmp("new")
    old.write_text("precious\n")
    no_bpf = {"preexec_fn": deny_bpf(errno.EPERM)}
    for args, code, more in ((["-p", 4194304], 3, {}), (["-b", "/bin/true"], 3, {}), (["--", "nosuch"], 3, {}), (["-p", p.pid], 4, no_bpf)):
        for out in (old, new):
            r = tophash("-o", out, *args, **more)
            if r.code == 99:
                raise Skip("seccomp filters are not permitted")
            refused(r, code)
        same(old.read_text(), "precious\n", f"{args}")
        check(not new.exists(), f"{args}: an empty file")
    same(tophash("-q", "-o", old, "--format", "json", "--duration", "50ms", "-p", p.pid).code, 0, "exit code")
    same([json.loads(x)["event"] for x in old.read_text().splitlines()], ["start", "end"], "records")
    r = tophash("-q", "-o", "/dev/stdout", "--format", "json", "--duration", "50ms", "-p", p.pid)
    same([x["event"] for x in r.records], ["start", "end"], "/dev/stdout")
    os.mkfifo(tmp("pipe"))
    t = spawn([options.tophash, "trace", "-q", "-o", tmp("pipe"), "--format", "json", "--duration", "50ms", "-p", str(p.pid)])
    same([json.loads(x)["event"] for x in tmp("pipe").read_text().splitlines()], ["start", "end"], "a pipe with a name")
    same(t.wait(LONG), 0, "exit code")
    p.end()


@test
def closed_descriptors():
    """tophash runs without stdin, stdout and stderr. Nothing but records gets into the output."""
    def close():
        for fd in (0, 1, 2):
            os.close(fd)

    out = tmp("records")
    p = steps()
    for args in (["-p", str(p.pid)], ["--", target("busy"), "-ops", "10"], ["-b", target("steps")]):
        q = subprocess.run([options.tophash, "trace", "-v", "--duration", "1", "--format", "json", "-o", out, *args], preexec_fn=close, timeout=LONG)
        same(q.returncode, 0, "exit code")
        r = Run(0, out.read_text(), "")
        same((r.records[-1]["event"], len(r.events)), ("end", 10 if "--" in args else 0), "records")
    p.end()
