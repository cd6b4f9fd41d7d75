"""Tests of options: limits, messages, --dry-run, and usage errors."""

import re
import subprocess
import time
from pathlib import Path

from harness import (
    bpf_ids, check, clean, Failed, identity, nothing_left, options, refused, same, spawn, steps, target, test, tmp, tophash)


@test
def limit_and_duration():
    for text, low in (("1", 1.0), ("500ms", 0.5), ("0.5s", 0.5), ("0.01m", 0.6)):
        p = steps()
        begun = time.monotonic()
        r = tophash("-p", p.pid, "--duration", text, "--format", "json")
        took = time.monotonic() - begun
        same(r.code, 0, r.err)
        check(low <= took, f"--duration {text} took {took:.2f} s")
        same(identity(r)["hits"], 0, "hits")
        p.end()
    r = tophash("--limit", 1, "--format", "json", "-o", tmp("l"), "--", target("busy"), "-ops", 100000)
    r.out = tmp("l").read_text()
    e = identity(r)
    same(e["delivered"], 1, "delivered")
    same(len(r.events), 1, "events")


@test
def dry_run():
    p = steps()
    before = bpf_ids()
    for args in (["-p", p.pid], ["-b", target("steps")], ["--", target("steps")], ["--misses", "-p", p.pid]):
        r = tophash("--dry-run", *args)
        same((r.code, r.err), (0, ""), f"{args}")
        lines = r.out.splitlines()
        check(re.search(r"go1\.\d+.*, (Swiss|classic) maps.*, \d+ probes", lines[0]), lines[0])
        n = int(re.search(r"(\d+) probes", lines[0])[1])
        same(sum(bool(re.match(r"(removal|clear|start|begin|entry|exit|panic|gc) +0x[0-9a-f]+ +\S+\+\d+ +\S", x)) for x in lines), n, "probes")
        r = tophash("--dry-run", "--format", "json", *args)
        same((r.code, r.err, len(r.records)), (0, "", 1), f"{args} json")
        same(len(r.records[0]["probes"]), n, "probes in JSON")
        clean(p.pid, target("steps"))
    for kind, start in (("text", "/"), ("json", "{")):
        out = tmp(f"dry.{kind}")
        r = tophash("--dry-run", "--format", kind, "-o", out, "-p", p.pid)
        same((r.code, r.out, r.err), (0, "", ""), "--dry-run -o")
        check(out.read_text().startswith(start), f"--dry-run -o: {out.read_text()[:80]}")
        with open("/dev/full", "w") as full:
            q = subprocess.run([options.tophash, "trace", "--dry-run", "--format", kind, "-p", str(p.pid)], stdout=full, stderr=subprocess.PIPE)
        same((q.returncode, q.stderr.count(b"\n")), (1, 1), f"--dry-run into /dev/full: {q.stderr!r}")
    r = tophash("--dry-run", "--", "steps", env={"PATH": str(Path(target("steps")).parent)})
    same((r.code, r.err), (0, ""), "--dry-run with PATH")
    r = tophash("--dry-run", "--follow=all", "-p", p.pid)
    same((r.code, r.err), (0, ""), "--dry-run --follow=all of a Go program")
    other = spawn(["sleep", "1000"])
    for pids in (other.pid, f"{p.pid},{other.pid}"):
        refused(tophash("--dry-run", "--follow=all", "-p", pids), 3, f"process {other.pid} has no Go code, and --dry-run does not look")
    nothing_left(before)
    p.end()


@test
def quiet_and_verbose():
    for args, err in ((["-q"], r"\A\Z"), ([], r"\A.*\(process \d+\) exited with status 0\n\Z"),
                      (["-v"], r"\A.*probes placed in [\d.]+ ms\n.*exited with status 0\n\Z")):
        r = tophash(*args, "-o", tmp("q"), "--", target("busy"), "-ops", 10)
        same(r.code, 0, r.err)
        check(re.match(err, r.err), f"{args}: {r.err!r}")


USAGE = [
    (["--nosuch"], "--nosuch"), (["-x"], "-x"), (["-qx"], "-x"), (["-p"], "-p needs"), (["--key"], "--key needs"), (["-p", "0"], "-p 0"),
    (["-p", "-5"], "-p -5"), (["-p", "99999999999"], "99999999999"), ([], "nothing to trace"), (["--"], "no command"),
    (["-p", "1", "-b", "x"], "only one"), (["-p", "1", "--", "x"], "only one"), (["-p", "1", "steps"], "steps"), (["steps"], "steps"),
    (["-p", "1", "--goid", "1", "--goid", "2"], "--goid can be given only once"),
    (["-p", "1", "--format", "json", "--format", "text"], "--format can be given only once"),
    (["-p", "1", "--key", "a", "--key", "b"], "--key can be given only once"), (["-p", "1", "-q", "-v"], "contradict"),
    (["-p", "1", "--key", "a", "--key-prefix", "b"], "only one"),
    (["-p", "1", "--key", "{a"], "JSON"), (["-p", "1", "--key", "x" * 300], "256"), (["-p", "1", "--type", ""], "empty"),
    (["-p", "1", "--type", "a\\"], "backslash"), (["-p", "1", "--site", "a\\"], "backslash"), (["-p", "1", "--type", "a", "--type", "b"], "once"),
    (["-p", "1", "--map", "zz"], "--map zz"), (["-p", "1", "--map", "0"], "--map 0"), (["-b", "x", "--map", "0x1"], "-b"),
    (["-p", "1", "--goid", "-1"], "--goid -1"), (["-p", "1", "--limit", "0"], "--limit 0"), (["-p", "1", "--limit", " -1"], "--limit"),
    (["-p", "1", "--duration", "1x"], "1x"), (["-p", "1", "--duration", "-1"], "-1"), (["-p", "1", "--duration", "nan"], "nan"),
    (["-p", "1", "--duration", "0"], "0"), (["-p", "1", "--duration", "inf"], "inf"), (["-p", "1", "--format", "xml"], "xml"),
    (["-p", "1", "--summary=foo"], "foo"), (["-p", "1", "--stack", "0"], "--stack 0"), (["-p", "1", "--stack", "513"], "512"),
    (["-p", "1", "--key-bytes", "257"], "256"), (["-p", "1", "--buffer", "1"], "64K"), (["-p", "1", "--buffer", "2G"], "1G"),
    (["-p", "1", "--buffer", "-64K"], "-64K"), (["-p", "1", "--buffer", "64QB"], "64QB"),
]


@test
def usage():
    for args, word in USAGE:
        try:
            refused(tophash(*args), 2, re.escape(word))
        except Failed as f:
            raise Failed(f"{args}: {f}") from None
    r = tophash("--help")
    same((r.code, r.err), (0, ""), "--help")
    check(len(r.out.splitlines()) <= 60, "--help is longer than a large screen: make an option rare")
    every = tophash("--help-all")
    same((every.code, every.err), (0, ""), "--help-all")
    names = set(re.findall(r"--[a-z-]+[a-z]", every.out))
    check(len(names) > 20 and names == set(re.findall(r"--[a-z-]+[a-z]", r.out)), "--help and --help-all name different options")
    check("\n  More: " in r.out and "More:" not in every.out, "--help-all only names an option")
