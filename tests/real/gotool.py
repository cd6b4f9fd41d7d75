"""The Go toolchain's own commands: many short processes of the compiler; go itself."""

import os
import re
import time
from pathlib import Path

import witness
from harness import check, line, private_copy, ROOT, run, same, shorten, Skip, Trace, whole_life
from report import check_totals, exits

WRAPPER = """#!/bin/sh
# Runs a tool for go build, the compiler from a private copy, and notes its process and its exit code.
tool=${1##*/}
[ "$tool" != compile ] || { shift; set -- "%s" "$@"; }
"$@" &
pid=$!
wait $pid
code=$?
echo "$tool $pid $code" >>"%s"
exit $code
"""

PACKAGE = """// Package %(name)s has enough in it to keep a compiler busy.
package %(name)s
%(imports)s
type node[K comparable, V any] struct {
	key   K
	value V
	next  *node[K, V]
	seen  map[K]V
}

func (n *node[K, V]) forget(k K) (v V) {
	for at := n; at != nil; at = at.next {
		if got, ok := at.seen[k]; ok {
			v = got
			delete(at.seen, k)
		}
	}
	func() { clear := func(m map[K]V) { for k := range m { delete(m, k) } }; clear(n.seen) }()
	return v
}

func Use(names []string, numbers map[string]complex128) (sum complex128) {
	n := &node[string, int]{seen: map[string]int{}}
	m := &node[[2]int32, complex64]{seen: map[[2]int32]complex64{}}
	for i, name := range names {
		switch {
		case len(name) > 3 && name[0] == 'a':
			n.seen[name] = i
		case i%%3 == 0:
			defer func() { n.forget(name) }()
		default:
			m.seen[[2]int32{int32(i), 0}] = complex(float32(i), 0)
		}
		sum += numbers[name] * complex(float64(len(n.seen)), float64(real(m.forget([2]int32{1}))))
	}
	return sum
}
%(end)s"""


def toolchains():
    """Returns the newest Go with Swiss maps and the newest with classic ones, of those that exist here."""
    found = []
    for folder in (Path(os.environ.get("TOPHASH_CACHE") or ROOT / ".cache") / "go").glob("1.*"):
        version = tuple(int(n) for n in re.findall(r"\d+", folder.name))
        if (folder / "bin/go").exists() and (folder / "pkg/tool/linux_amd64/compile").exists():
            found.append((version, folder.resolve()))
    swiss = max((f for f in found if f[0] >= (1, 24)), default=None)
    classic = max((f for f in found if (1, 20) <= f[0] < (1, 24)), default=None)
    return [f for f in (swiss, classic) if f]


def write_module(folder, count):
    """Writes packages that import one another and nothing of the library, so that the compiler has no other work."""
    folder.mkdir()
    (folder / "go.mod").write_text("module real\n\ngo 1.20\n")
    for i in range(count):
        name = f"p{i}"
        (folder / name).mkdir()
        imports = f'\nimport "real/p{i - 1}"\n\nvar _ = p{i - 1}.Use\n' if i % 3 else ""
        (folder / name / "p.go").write_text(PACKAGE % {"name": name, "imports": imports, "end": ""})
    (folder / "bad").mkdir()
    (folder / "bad/p.go").write_text(PACKAGE % {"name": "bad", "imports": "", "end": "\nvar Wrong int = \"no number\"\n"})
    return [f"p{i}" for i in range(count)]


def compiler_checks(tophash, folder, version, root):
    name = "go" + ".".join(map(str, version))
    copy = private_copy(root / "pkg/tool/linux_amd64/compile", folder / "bin")
    plan = witness.Plan(tophash, str(copy))
    print(f"  {plan.headline}")
    log, wrapper = folder / "tools", folder / "wrapper"
    wrapper.write_text(WRAPPER % (copy, log))
    wrapper.chmod(0o755)
    packages = [f"./{name}" for name in write_module(folder / "module", 5)]
    env = dict(os.environ, GOROOT=str(root), GOCACHE=str(folder / "cache"), GOPATH=str(folder / "path"), GOFLAGS="",
               GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0", HOME=str(folder))
    with witness.Witness(plan) as counter:
        with Trace(tophash, folder, "-b", copy) as trace:
            build = [root / "bin/go", "build", "-toolexec", wrapper]
            good = run([*build, *packages], cwd=folder / "module", env=env)
            bad = run([*build, "./bad"], cwd=folder / "module", env=env)
            time.sleep(0.2)
            records = trace.stop()
        counted = counter.read()
    what = f"{name} compile -b"
    check(f"{what}: go build did what it does untraced", good.returncode == 0 and bad.returncode == 1 and
          "cannot use" in bad.stderr, good.stderr + bad.stderr)
    ran = sorted((int(pid), int(code)) for tool, pid, code in map(str.split, log.read_text().splitlines())
                 if tool == "compile")
    same(f"{what}: {len(ran)} processes, one start record each",
         sorted(r["pid"] for r in records if r["event"] == "start"), [pid for pid, _ in ran])
    ended = sorted((pid, code) for pid, code, _ in exits(records))
    same(f"{what}: one exit record each", [pid for pid, _ in ended], [pid for pid, _ in ran])
    told = [(pid, code) for pid, code in ended if code is not None]
    check(f"{what}: {len(told)} exit codes, {sorted(code for _, code in told)}", told and set(told) <= set(ran),
          shorten([told, ran]))
    if len(told) < len(ran):
        line("skip", f"{what}: exit codes of {len(ran) - len(told)} more: too short to be looked at, the record says null")
    order, late = set(), 0
    for record in records:
        if record["event"] == "start":
            order.add(record["pid"])
        elif record["event"] in ("delete", "clear", "exit"):
            late += record["pid"] not in order
            if record["event"] == "exit":
                order.discard(record["pid"])
    same(f"{what}: no record of a process before its start or after its exit", late, 0)
    check_totals(what, records, counted)

    what = f"{name} list"
    tool = private_copy(root / "bin/go", folder / "bin")
    plan = witness.Plan(tophash, str(tool))
    print(f"  {plan.headline}")
    os.environ.update({k: env[k] for k in ("GOROOT", "GOCACHE", "GOPATH", "GOFLAGS", "GOTOOLCHAIN", "GOWORK", "CGO_ENABLED")})
    with witness.Witness(plan) as counter:
        records, counted, _ = whole_life(tophash, counter, folder, [tool, "list", "-deps", "std"])
    same(f"{what}: one process, its exit status", [code for _, code, _ in exits(records)], [0])
    check_totals(what, records, counted)


def go_checks(tophash, folder):
    found = toolchains()
    if not found:
        raise Skip("no Go release in the cache (tools/go-toolchains)")
    for version, root in found:
        below = folder / root.name
        below.mkdir()
        compiler_checks(tophash, below, version, root)
