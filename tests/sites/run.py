#!/usr/bin/env python3
"""Tests whether tophash finds all sites and no others, and whether all that it prints about each is true.

    tests/sites/run.py                some of everything
    tests/sites/run.py --all          every program, release and variant of the matrix, and arm64 with each
    tests/sites/run.py --go 1.26

For each Go release in the cache:
  objdump   the calls of the entries in target programs (default, stripped, pie, trimpath, cgo, noopt, pgo) equal ours, exactly
  compiler  the zoo (zoo/: every kind of site), built with -gcflags=-S: function, offset, entry, file:line, map type of each, line by line
  debug     the inline chain of each site in a stripped binary equals the one in the debug information of its unstripped twin
  arm64     the same three on arm64
  command   options, errors, filters, tables, --asm (its instructions against objdump, its probes against trace --dry-run)
  modules   the zoo as a plugin and as a c-shared library has the sites and types of the program
  types     each map type is named where it is a constant; the instances of generic code are those that the zoo has

Prints a line for each, and "N passed, M failed, K skipped".
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "matrix"))

import build as matrix  # noqa: E402
import command  # noqa: E402
import oracle  # noqa: E402

# For releases of which not everything is tested: one variant each, so that every variant is tested.
SOME = {"1.19": ["pie"], "1.21": ["stripped"], "1.22": ["trimpath"], "1.23": ["pgo-deep", "default", "trimpath", "cgo"], "1.24": ["cgo"],
        "1.25": ["default", "stripped"], "1.26": ["noopt", "pgo", "pie"], "1.27": ["noopt", "pgo-deep", "pie"]}
MODULES = {"1.23": ["plugin"], "1.26": ["c-shared"]}  # the forms that are built beside the program
COMMAND = ["1.23", "1.26"]  # the command line: with classic and with Swiss maps


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def say(self, ok, what, detail=""):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if ok else 'FAIL'} {what}{': ' + detail if detail else ''}", flush=True)

    def skip(self, what, why):
        self.skipped += 1
        print(f"skip {what}: {why}", flush=True)


def difference(ours, theirs):
    """Returns "", or what only one side has."""
    extra, missing = sorted(ours - theirs), sorted(theirs - ours)
    parts = [f"{len(x)} {what}, the first {x[0]}" for x, what in ((missing, "missing"), (extra, "invented")) if x]
    return "; ".join(parts)


def calls_of(records):
    return {(int(r["pc"], 16), r["entry"]) for r in records}


# ---- programs of ours ----

def build_zoo(version, arch, flags, out, cgo=False):
    """Builds the zoo. Returns the compiler's output."""
    out.parent.mkdir(parents=True, exist_ok=True)
    env = dict(matrix.go_env(version, cgo), GOARCH=arch, GOOS="linux")
    go = matrix.CACHE / "go" / version / "bin" / "go"
    command = [str(go), "build", "-p", "2", "-buildvcs=false", *flags, "-o", str(out), "."]
    result = subprocess.run(command, cwd=HERE / "zoo", env=env, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"go {version} cannot build the zoo for {arch}: {result.stderr[-500:]}")
    return result.stdout + result.stderr


# ---- what is compared ----

def check_objdump(tally, tophash, name, binary, twin, arch="amd64"):
    """twin: the same program with symbols. If it is None, the function table is read."""
    starts, entries = oracle.functions(twin) if twin else oracle.table_functions(binary)
    records, end = oracle.sites(tophash, binary)
    theirs = oracle.disassembled(binary, entries, set(starts), arch)
    detail = difference(calls_of(records), theirs)
    if not detail and (end["sites"], end["shown"]) != (len(records), len(records)):
        detail = f"the end record counts {end['sites']} sites, {len(records)} are there"
    tally.say(not detail, f"objdump {name}", detail or f"{len(theirs)} sites")


def symbol(name, version):
    """Returns the name in the function table for a name that the compiler prints. Up to 1.20 it has no type arguments there."""
    name = name.replace("%2e", ".")
    return re.sub(r"\[.*\]", "[...]", name) if minor(version) < 21 else name


def minor(version):
    return int(version.split(".")[1])


def check_compiler(tally, tophash, name, binary, listing, version):
    starts, _ = oracle.functions(binary)
    addresses = {function: address for address, function in starts.items()}
    records, _ = oracle.sites(tophash, binary)
    ours = {int(r["pc"], 16): r for r in records}
    faults, seen = [], set()
    for (function, offset), (entry, file, line, kind) in oracle.compiled(listing).items():
        if function not in addresses:
            continue  # the linker dropped it
        pc = addresses[function] + offset
        seen.add(pc)
        r = ours.get(pc)
        if not r:
            faults.append(f"{function}+{offset}: a call of {entry} that we do not have")
            continue
        holder = (r["inline"] or [r])[-1]["func"]
        if entry.startswith(oracle.SYNC):  # it has no type, and the compiler's line is in the inlined method
            if (r["entry"], r["map_type"], holder) != (entry, "sync.Map", symbol(function, version)):
                faults.append(f"{function}+{offset}: {r['entry']}, {r['map_type']} in {holder}, the compiler says {entry}")
            continue
        said = (r["entry"], os.path.basename(r["file"]), r["line"], r["map_type"], holder)
        # In generic code the compiler has no constant here, and neither does tophash.
        truth = (entry, os.path.basename(file), line, kind, symbol(function, version))
        if said != truth:
            faults.append(f"{function}+{offset}: {said}, the compiler says {truth}")
    mine = {pc for pc, r in ours.items() if r["package"] == "main"}
    for pc in mine - seen:
        faults.append(f"{hex(pc)}: the compiler knows of no call there")
    if not seen:
        faults.append("the compiler listed nothing")
    tally.say(not faults, f"compiler {name}", faults[0] + f" ({len(faults)} faults)" if faults else f"{len(seen)} sites")


def plain(function):
    return re.sub(r"\[.*\]", "[...]", function)


def check_debug(tally, tophash, name, stripped, twin, version):
    """Debug information has the type arguments of generic functions in all releases; the function table has them since 1.21."""
    records, end = oracle.sites(tophash, stripped)
    chains = oracle.inlined(twin, [int(r["pc"], 16) for r in records])
    same = plain if minor(version) < 21 else lambda function: function
    faults, deep = [], 0
    for r in records:
        ours = [(same(f["func"]), f["file"], f["line"]) for f in [r, *r["inline"]]]
        theirs = [(same(f), file, line) for f, file, line in chains[int(r["pc"], 16)]]
        deep += len(ours) > 1
        if ours != theirs:
            faults.append(f"{r['pc']}: {ours}, debug information says {theirs}")
    if not end["stripped"]:
        faults.append("the binary is not stripped")
    if not deep:
        faults.append("not one site is inlined")
    tally.say(not faults, f"debug {name}", faults[0] + f" ({len(faults)} faults)" if faults else f"{len(records)} chains, {deep} of them inlined")


def check_far(tally, tophash, name, binary, far):
    """far: linked as if each function were out of reach of a call. The sites are the same, except for their addresses."""
    starts, entries = oracle.functions(far)
    (near, _), (records, _) = oracle.sites(tophash, binary), oracle.sites(tophash, far)
    theirs = oracle.disassembled(far, entries, set(starts), "arm64")
    # The jumps in trampolines themselves go by register.
    detail = difference(calls_of(records), theirs)
    strip = lambda rs: sorted(json.dumps({k: v for k, v in r.items() if k != "pc"}) for r in rs)  # noqa: E731
    if not detail and strip(near) != strip(records):
        detail = "other sites, types or reasons than without trampolines"
    if not detail and "-tramp" not in " ".join(starts.values()):
        detail = "there are no trampolines"
    tally.say(not detail, f"far {name}", detail or f"{len(theirs)} sites by trampolines")


def check_module(tally, tophash, name, binary, module):
    """module: the same program as a plugin or a library. Its types and functions are bound by symbols."""

    def said(path):
        # A plugin's package has the path of its module, zoo, where a program's is main.
        return {(os.path.basename(r["file"]), r["line"], r["entry"], (r["map_type"] or "").replace("zoo.", "main."), r["deferred"],
                 tuple(sorted(x.replace("zoo.", "main.") for x in r.get("instances", []))))
                for r in oracle.sites(tophash, path)[0] if Path(r["file"]).parent.name == "zoo"}

    theirs = said(binary)
    detail = difference(said(module), theirs)
    tally.say(bool(theirs) and not detail, f"modules {name}", detail or f"{len(theirs)} sites")


# The types with which the zoo's generic functions are called: {function without type arguments: {line's text: types}}. A body serves all
# types of a shape, so several bodies share a name. The sets of instances over all of them are compared.
INSTANCES = {
    ("main.dropLater.func1", "delete(m, k)"): [{"map[int16]int"}],
    ("main.dropNested.func1.1", "delete(m, k)"): [{"map[uint8]bool"}],
    ("main.dropOne", "delete(m, k)"): [
        {"map[int]string"}, {"map[int]main.session"}, {"map[string]*main.session"}, {"map[uint32]bool"}, {"map[main.wide]main.big"},
        {"map[string]main.big"}, {"map[uint16]main.wide"}],
    ("main.dropTwo", "delete(m, k)"): [{"map[uint32]bool"}, {"map[main.wide]main.big"}],
    ("main.(*cache).evict", "delete(c.items, k)"): [
        {"map[string]int"}, {"map[int64]*main.session"}, {"map[string]main.big"}, {"map[main.pair]string"}],
    ("main.(*cache).evict", "delete(c.byLen, 1)"): [
        {"map[int]int"}, {"map[int]*main.session"}, {"map[int]main.big"}, {"map[int]string"}],
}


def bare(function):
    return re.sub(r"\[.*\]", "", function)


def check_types(tally, tophash, name, binary, version):
    """From 1.21 on generic code gets its types from dictionaries. Before, they are constants of shapes."""
    records, _ = oracle.sites(tophash, binary)
    sources = {name: (HERE / "zoo" / name).read_text().splitlines() for name in ("main.go", "go121.go")}
    faults, met = [], {}
    for r in records:
        if r.get("wrapper") or r["entry"].startswith("reflect."):
            if r["map_type"] or not r["map_type_why"]:
                faults.append(f"{r['pc']}: {r['entry']} has a type, or no reason for none")
        elif not r["map_type"] and not r.get("instances"):
            faults.append(f"{r['pc']} {r['func']}:{r['line']}: neither a type nor instances ({r['map_type_why']})")
        elif r.get("instances") and os.path.basename(r["file"]) in sources:
            text = sources[os.path.basename(r["file"])][r["line"] - 1]
            for (function, statement), _ in INSTANCES.items():
                if bare(r["func"]) == function and statement in text:
                    met.setdefault((function, statement), []).append(set(r["instances"]))
        text = sources.get(os.path.basename(r["file"]), [])[r["line"] - 1:r["line"]]
        if r["package"] == "main" and text:
            truth = ("defer " in text[0], "defer func" in text[0])
            if (r["deferred"], r.get("literal", False)) != truth:
                faults.append(f"{r['pc']} {r['func']}: deferred, by a literal: {r['deferred']}, {r.get('literal', False)}: {text[0].strip()}")
    if minor(version) >= 21:
        for key, truth in INSTANCES.items():
            if sorted(map(sorted, met.get(key, []))) != sorted(map(sorted, truth)):
                faults.append(f"{key[0]}: {met.get(key)}, not {truth}")
    tally.say(not faults, f"types {name}", faults[0] + f" ({len(faults)} faults)" if faults else "")


# ---- all of it ----

def check_zoo(tally, tophash, version, arch, work):
    out = work / version / arch
    listing = build_zoo(version, arch, ["-gcflags=-S"], out / "zoo")
    build_zoo(version, arch, ["-ldflags=-s -w"], out / "zoo-stripped")
    build_zoo(version, arch, ["-gcflags=-N -l"], out / "zoo-noopt")
    name = f"{version} {arch} zoo"
    check_compiler(tally, tophash, name, out / "zoo", listing, version)
    check_debug(tally, tophash, name, out / "zoo-stripped", out / "zoo", version)
    check_types(tally, tophash, name, out / "zoo-stripped", version)
    check_types(tally, tophash, name + " noopt", out / "zoo-noopt", version)
    for form in MODULES.get(version, []) if arch == "amd64" else []:
        build_zoo(version, arch, [f"-buildmode={form}"], out / f"zoo-{form}", cgo=True)
        check_module(tally, tophash, f"{name} {form}", out / "zoo", out / f"zoo-{form}")
    if arch == "amd64" and version in COMMAND:
        command.check(tally, tophash, name, out / "zoo")
    if arch == "arm64":
        check_objdump(tally, tophash, name, out / "zoo-stripped", out / "zoo", arch)
        build_zoo(version, arch, ["-ldflags=-debugtramp=2"], out / "zoo-far")
        check_far(tally, tophash, name, out / "zoo", out / "zoo-far")


def some(version):
    """Returns the variants to test of a release. A run may have built only some of them (tests/matrix/build.py, draw())."""
    return [v for v in SOME[version] if version in matrix.RELEASES.get(v, matrix.VERSIONS)] or ["default"]


def check_matrix(tally, tophash, version, variants):
    for variant in variants:
        for program in ("kinds", "cgo"):
            path = matrix.path_of(version, variant, program)
            if program == "cgo" and variant != "cgo" or variant not in matrix.PROGRAMS[program][2] or \
                    version not in matrix.RELEASES.get(variant, matrix.VERSIONS):
                continue
            name = f"{version} {variant} {program}"
            if not path.exists():
                tally.skip(f"objdump {name}", "not built (tests/matrix/build.py)")
                continue
            twin = matrix.path_of(version, "default", program) if variant == "stripped" else path
            check_objdump(tally, tophash, name, path, twin)
            if variant == "stripped":
                check_debug(tally, tophash, name, path, twin, version)


def check_real(tally, tophash, programs):
    """Tests programs of other authors, if they are installed."""
    for program in programs:
        path = shutil.which(program)
        if not path:
            tally.skip(f"objdump {program}", "not installed")
            continue
        symbols = b"runtime.mapdelete" in subprocess.run(["nm", path], capture_output=True).stdout
        check_objdump(tally, tophash, program, path, path if symbols else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tophash", type=Path, default=REPO / "build/tophash")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--go", metavar="1.NN,…", type=matrix.names, default=[])
    args = parser.parse_args()
    tally = Tally()
    roots = matrix.toolchains()
    work = matrix.CACHE / "sites"
    versions = args.go or matrix.VERSIONS
    for version in versions:
        if version not in roots:
            tally.skip(version, "no such Go in the cache (tools/go-toolchains)")
            continue
        check_zoo(tally, args.tophash, version, "amd64", work)
        if args.all or version == versions[-1]:
            check_zoo(tally, args.tophash, version, "arm64", work)
        check_matrix(tally, args.tophash, version, list(matrix.VARIANTS) if args.all else some(version))
    check_real(tally, args.tophash, ["etcd", "caddy", "docker"] if args.all else ["etcd"])
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
