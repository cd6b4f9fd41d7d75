#!/usr/bin/env python3
"""Compares `tophash addr` with other readers of the same files. Every answer must equal theirs, or the difference must be of a proven
class.

  tests/addr/run.py                       a selection: some Go releases, some addresses
  tests/addr/run.py --all                 every release and variant in the cache, more addresses
  tests/addr/run.py --list                the names
  tests/addr/run.py dwarf annotate        the tests whose names contain one of these words
  tests/addr/run.py --tophash PATH        another build, such as one with sanitizers

Oracles: llvm-symbolizer and addr2line (debug information), go tool addr2line and the Go runtime itself (gopclntab), nm (symbols), objdump
(instructions). Needs the target programs (tests/matrix/build.py). It builds its own programs into the cache. Each test prints ok, FAIL with
the reason, or skip with the reason; the last line is "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""

import argparse
import bisect
import ctypes
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "matrix"))
import build  # noqa: E402

REPO = build.REPO
TESTS = []
A = None
TMP = None
SOME = ["1.19", "1.23", "1.26"]  # classic maps and DWARF 4, twice; Swiss maps and DWARF 5
LONG = 120  # seconds: nothing here takes that long unless it hangs

Frame = namedtuple("Frame", "func place")


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def test(f):
    TESTS.append(f)
    return f


def check(condition, text):
    if not condition:
        raise Failed(text)


def same(got, want, what):
    if got != want:
        raise Failed(f"{what}: {got!r}, should be {want!r}")


def run(command, **kwargs):
    kwargs.setdefault("timeout", LONG)
    return subprocess.run([str(c) for c in command], capture_output=True, **kwargs)


def tophash(*args, text=None, code=0):
    r = run([A.tophash, "addr", *args], input=text if text is not None else "", text=True)
    if r.returncode != code:
        raise Failed(f"tophash addr {' '.join(map(str, args))}: exit code {r.returncode}, should be {code}: {r.stderr.strip()}")
    return r


def records(exe, pcs, *args):
    """{pc: record} and the end record."""
    r = tophash("--format", "json", *args, exe, text="".join(f"{pc:#x}\n" for pc in pcs))
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    same(lines[-1]["event"], "end", "the last line")
    same([int(x["addr"], 16) for x in lines[:-1]], list(pcs), "the addresses, in their order")
    same(lines[-1]["addresses"], len(pcs), "addresses of the end record")
    return {int(x["addr"], 16): x for x in lines[:-1]}, lines[-1]


def place(frame):
    return f"{frame['file']}:{frame['line']}" if frame["file"] and frame["line"] else ""


def frames(record, source):
    return [Frame(bare(f["func"] or ""), place(f)) for f in record[source]["frames"]] if record.get(source) else None


# --- programs ----------------------------------------------------------------------------------------------------------------------


def releases():
    found = build.toolchains()
    wanted = A.go or (build.VERSIONS if A.all else SOME)
    missing = [v for v in wanted if v not in found]
    if missing and (os.environ.get("CI") == "true" or len(missing) == len(wanted)):
        raise (Failed if os.environ.get("CI") == "true" else Skip)(f"no Go {', '.join(missing)} in the cache (tools/go-toolchains --fetch)")
    return [v for v in wanted if v in found]


def targets(variants):
    """Returns [(release, variant, path)] of the program kinds in the cache."""
    found, missing = [], []
    for version in releases():
        for variant in variants:
            if version not in build.RELEASES.get(variant, build.VERSIONS):
                continue
            path = build.path_of(version, variant, "kinds")
            (found if path.exists() else missing).append((version, variant, path))
    if missing and (os.environ.get("CI") == "true" or not found):
        what = f"not built: {', '.join(f'go{version} {variant}' for version, variant, _ in missing)} (tests/matrix/build.py)"
        raise (Failed if os.environ.get("CI") == "true" else Skip)(what)
    return found


def crash(version, variant, arch="amd64", more=()):
    if version not in build.toolchains():
        raise Skip(f"no Go {version} in the cache (tools/go-toolchains --fetch)")
    args, _ = build.VARIANTS[variant]
    args = [*args, *more]
    out = build.CACHE / "addr" / "-".join(["crash", version, variant, arch, *(x.strip("-").replace("=", "-") for x in more)])
    source = HERE / "crash" / "main.go"
    if out.exists() and out.stat().st_mtime > source.stat().st_mtime:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    go = build.CACHE / "go" / version / "bin" / "go"
    env = dict(build.go_env(version), GOARCH=arch)
    r = run([go, "build", "-p", "2", "-buildvcs=false", *args, "-o", out, "."], cwd=HERE / "crash", env=env, text=True)
    check(r.returncode == 0, f"go {version} build of crash: {r.stderr.strip()[-300:]}")
    return out


def text_range(exe):
    out = run(["readelf", "-SW", exe], text=True).stdout
    found = re.search(r"\] \.text\s+PROGBITS\s+([0-9a-f]+)\s+\S+\s+([0-9a-f]+)", out)
    return int(found[1], 16), int(found[1], 16) + int(found[2], 16)


def symbols(exe):
    """Returns nm's functions, sorted: (addr, size, name, type)."""
    out = run(["nm", "-nS", exe], text=True).stdout
    rows = []
    for line in out.splitlines():
        words = line.split(None, 3)
        if len(words) == 4 and words[2] in "tTwW" and len(words[1]) == 16:
            rows.append((int(words[0], 16), int(words[1], 16), words[3]))
    return sorted(rows)


def sample(exe, n):
    """Returns all function entries (or n of them) and n random addresses."""
    rng = random.Random(f"{exe.name} {n}")
    low, high = text_range(exe)
    entries = [addr for addr, _, _ in symbols(exe) if low <= addr < high]
    entries = rng.sample(entries, n) if len(entries) > n else entries
    return sorted(set(entries) | {rng.randrange(low, high) for _ in range(n)})


# --- oracles -----------------------------------------------------------------------------------------------------------------------


def tidy(path):
    """Removes the "./" that some readers put before a file without a folder."""
    while path.startswith("./"):
        path = path[2:]
    return path


def bare(func):
    """Returns the name in the debug information, for a reader that took the name from the symbol table."""
    return re.sub(r"\.(abi0|abiinternal|cold)$", "", func.replace("\u00b7", "."))


def llvm_frames(exe, pcs):
    tool = shutil.which("llvm-symbolizer") or shutil.which("llvm-symbolizer-14")
    if not tool:
        raise Skip("llvm-symbolizer is not installed")
    r = run([tool, "--no-demangle", "--inlining=true", "--output-style=LLVM", "-e", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True)
    blocks = r.stdout.rstrip("\n").split("\n\n")
    same(len(blocks), len(pcs), "answers of llvm-symbolizer")
    result = {}
    for pc, block in zip(pcs, blocks):
        lines = [x for x in block.splitlines() if x]
        got = []
        for func, where in zip(lines[::2], lines[1::2]):
            file, line, _ = where.rsplit(":", 2)
            got.append(Frame("" if func == "??" else bare(func), f"{tidy(file)}:{line}" if file != "??" and line != "0" else ""))
        result[pc] = got
    return result


def addr2line_frames(exe, pcs):
    r = run(["addr2line", "-a", "-i", "-f", "-e", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True)
    result, current = {}, None
    lines = r.stdout.splitlines()
    at = 0
    while at < len(lines):
        if re.fullmatch(r"0x[0-9a-f]{16}", lines[at]):
            current = result.setdefault(int(lines[at], 16), [])
            at += 1
            continue
        func, where = lines[at], re.sub(r" \(discriminator \d+\)$", "", lines[at + 1])
        file, line = where.rsplit(":", 1)
        current.append(Frame("" if func == "??" else bare(func), f"{tidy(file)}:{line}" if file != "??" and line not in "?0" else ""))
        at += 2
    return result


def go_addr2line(version, exe, pcs):
    go = build.CACHE / "go" / version / "bin" / "go"
    r = run([go, "tool", "addr2line", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True, env=build.go_env(version))
    lines = r.stdout.splitlines()
    same(len(lines), 2 * len(pcs), "lines of go tool addr2line")
    return {pc: Frame(lines[2 * i], lines[2 * i + 1]) for i, pc in enumerate(pcs)}


def objdump(exe):
    machine = exe.read_bytes()[18:20]
    return "aarch64-linux-gnu-objdump" if machine == b"\xb7\0" else "objdump"


def instruction_bytes(exe, pcs):
    """Returns {pc: mnemonic} for the instructions that hold each pc."""
    low, high = text_range(exe)
    result = {}
    for pc in pcs:
        syms = symbols(exe)
        at = bisect.bisect_right(syms, (pc, 1 << 62, "")) - 1
        start = syms[at][0]
        out = run([objdump(exe), "-d", "--no-show-raw-insn", f"--start-address={start:#x}", f"--stop-address={pc + 16:#x}", exe], text=True).stdout
        found = [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s+([0-9a-f]+):\s+(\S+)", out, re.M)]
        at = bisect.bisect_right(found, (pc, "~")) - 1
        result[pc] = found[at][1]
    return result


# --- gopclntab, debug information, symbols -----------------------------------------------------------------------------------------


def func_same(table, symbol):
    """Returns the class of the difference between a name of gopclntab and one of the symbol table."""
    plain = re.sub(r"\.abi(0|internal)$", "", symbol)
    if table.replace("\u00b7", ".") == plain:
        return True
    # Up to Go 1.20 the linker writes "[...]" for type arguments into the table.
    m = re.fullmatch(r"(.*?)\[\.\.\.\](.*)", table, re.S)
    return bool(m and plain.startswith(m[1] + "[") and plain.endswith("]" + m[2]))


# The differences between gopclntab and debug information of one program, each with its proof.
def classify(version, exe, pc, table, debug, llvm):
    minor = int(version.split(".")[1])
    physical = table[-1]
    if len(debug) == len(table) and not debug[0].place and all(func_same(x.func, y.func) for x, y in zip(table, debug)):
        return "the first instruction of a function, for which Go writes no row into the line table"
    if re.search(r"(^|\.)init(\.\d+)?$", physical.func) and physical.place in ("<autogenerated>:1", ""):
        return "a package initialiser: the table knows no lines of what was inlined into it"
    if minor <= 19 and physical.place == "<autogenerated>:1" and len(debug) < len(table):
        return "Go 1.19 leaves calls inlined into wrappers out of the debug information"
    if minor <= 19 and len(debug) == len(table) and "cgo" in str(exe) and [x.func for x in table] == [x.func for x in debug]:
        return "Go 1.19 and cgo: lines of calls are those of the rewritten file"
    if table and debug and [x.func for x in table] == [x.func for x in debug]:
        mnemonic = instruction_bytes(exe, [pc])[pc]
        if mnemonic.startswith(("nop", "xchg", "data16", "cs", "int3")):
            return "a no-operation that aligns what follows: of the line before, or of the next"
    return None


def compare_frames(version, exe, pcs, debug_of, stripped=None):
    """Compares gopclntab of `stripped` (or exe) with debug information of exe, as read by tophash and by debug_of."""
    ours, end = records(exe, pcs, "--source", "all")
    table = ours if not stripped else records(stripped, pcs, "--source", "gopclntab")[0]
    theirs = debug_of(exe, pcs)
    classes = Counter()
    for pc in pcs:
        got, debug = frames(table[pc], "gopclntab"), frames(ours[pc], "dwarf")
        if debug is None:
            check(got is None, f"{exe.name} {pc:#x}: gopclntab has {got}, the debug information nothing: {ours[pc]['dwarf_error']}")
            continue
        # Our debug information must equal that of another reader without exception (but addr2line sometimes gives the innermost call the
        # name of the symbol).
        if theirs[pc] and debug_of is addr2line_frames and theirs[pc][0].func == theirs[pc][-1].func:
            theirs[pc][0] = Frame(debug[0].func, theirs[pc][0].place)
        if theirs[pc] and debug == [Frame("", debug[0].place)]:  # from old assembly: its name is that of the symbol
            theirs[pc] = [Frame("", x.place) for x in theirs[pc]]
        same(debug, theirs[pc], f"{exe.name} {pc:#x}: debug information")
        if got is None:
            check("not Go code" in table[pc]["gopclntab_error"], f"{exe.name} {pc:#x}: {table[pc]}")
            classes["C code"] += 1
            continue
        if len(got) == len(debug) and all(a.place == b.place and func_same(a.func, b.func) for a, b in zip(got, debug)):
            classes["equal"] += 1
            continue
        why = classify(version, exe, pc, got, debug, theirs[pc])
        check(why, f"{exe.name} {pc:#x}: gopclntab {got}, debug information {debug}")
        classes[why] += 1
    check(classes["equal"] > 0.95 * (sum(classes.values()) - classes["C code"]), f"{exe.name}: too many differ: {classes}")
    return classes


def tell(what, classes):
    rest = "; ".join(f"{n} {what}" for what, n in classes.most_common() if what != "equal")
    print(f"      {what}: {classes['equal']} equal{'; ' if rest else ''}{rest}")


@test
def debug_information():
    """Compares gopclntab's frames with debug information as llvm-symbolizer (and tophash) reads it."""
    for version, variant, exe in targets(["default", "pie", "trimpath", "cgo", "noopt"]):
        tell(f"go{version} {variant}", compare_frames(version, exe, sample(exe, 6000 if A.all else 400), llvm_frames))


@test
def addr2line():
    """Does the same with addr2line -i -f, which reads Go's debug information up to version 4."""
    for version, variant, exe in targets(["default"]):
        if int(version.split(".")[1]) < 25:
            tell(f"go{version} {variant}", compare_frames(version, exe, sample(exe, 6000 if A.all else 500), addr2line_frames))


@test
def stripped():
    """Compares gopclntab of the stripped program with debug information of its unstripped twin."""
    for version, _, exe in targets(["default"]):
        twin = build.path_of(version, "stripped", "kinds")
        if not twin.exists():
            raise Skip(f"{twin} is not built (tests/matrix/build.py)")
        same(text_range(twin), text_range(exe), "the text of the twins")
        tell(f"go{version}", compare_frames(version, exe, sample(exe, 6000 if A.all else 500), llvm_frames, stripped=twin))
        got, end = records(twin, sample(exe, 10))
        for record in got.values():
            check(record["symbols"] is None and "stripped" in record["symbols_error"], f"{record}")
        check("stripped" in end["symbols_error"], f"{end}")


@test
def go_tool_addr2line():
    """Compares gopclntab's innermost line and physical function with go tool addr2line."""
    for version, variant, exe in targets(["default", "stripped", "trimpath"]):
        pcs = sample(build.path_of(version, "default", "kinds") if variant == "stripped" else exe, 3000 if A.all else 1000)
        ours, _ = records(exe, pcs, "--source", "gopclntab")
        theirs = go_addr2line(version, exe, pcs)
        n = 0
        for pc in pcs:
            got = frames(ours[pc], "gopclntab")
            if got is None:
                # In padding, it continues with the function before and the line of its end, or gives none.
                check("padding" in ours[pc]["gopclntab_error"] or theirs[pc].func == "?", f"{exe} {pc:#x}: {ours[pc]}, {theirs[pc]}")
                continue
            same(Frame(got[-1].func, got[0].place), Frame(bare(theirs[pc].func), theirs[pc].place), f"go{version} {variant} {pc:#x}")
            n += 1
        check(n > 0.9 * len(pcs), f"{exe}: only {n} of {len(pcs)} in functions")


def symbol_of(table, pc):
    """Returns the names in the symbol table for pc: those of the last function that holds it."""
    at = bisect.bisect_right(table, (pc, 1 << 62, "")) - 1
    names = set()
    while at >= 0 and len(names) < 64:
        addr, size, name = table[at]
        if names and addr != start:
            break
        if pc - addr < size:
            names.add(name)
            start = addr
        elif not names and pc - addr > 1 << 20:
            break
        at -= 1
    return names


@test
def nm():
    """Compares symbols with nm -S: the last one that holds the address, and none between functions."""
    programs = [exe for _, _, exe in targets(["default", "pie", "cgo"])]
    for exe in [*programs, crash("1.26", "default", "arm64")]:
        table = symbols(exe)
        pcs = sample(exe, 20000 if A.all else 3000)
        ours, _ = records(exe, pcs, "--source", "symbols")
        found = 0
        for pc in pcs:
            names, got = symbol_of(table, pc), ours[pc]["symbols"]
            if got and got["size"] == 0:
                continue  # a label: nm gives it no size, so it is not in this table
            same(bool(got), bool(names), f"{exe.name} {pc:#x}: {got}, nm has {names}")
            if got:
                found += 1
                check(got["name"] in names, f"{exe.name} {pc:#x}: {got}, nm has {names}")
        check(found > 0.9 * len(pcs), f"{exe.name}: {found} of {len(pcs)}")


@test
def arm64():
    """On arm64, compares gopclntab with debug information and go tool addr2line."""
    for version in releases() if A.all else ["1.26"]:
        exe = crash(version, "default", "arm64")
        pcs = [pc & ~3 for pc in sample(exe, 2000)]
        pcs = sorted(set(pcs))
        tell(f"go{version}", compare_frames(version, exe, pcs, llvm_frames))
        ours, _ = records(exe, pcs, "--source", "gopclntab")
        theirs = go_addr2line(version, exe, pcs)
        for pc in pcs:
            if ours[pc]["gopclntab"]:
                got = frames(ours[pc], "gopclntab")
                same(Frame(got[-1].func, got[0].place), Frame(bare(theirs[pc].func), theirs[pc].place), f"go{version} {pc:#x}")


@test
def compression():
    """The same debug information gives the same answers uncompressed, compressed by Go's linker (SHF_COMPRESSED), and compressed in the old
    way (.zdebug)."""
    for version in ("1.23", "1.26"):
        packed = crash(version, "default")
        plain = crash(version, "default", more=["-ldflags=-compressdwarf=false"])
        old = TMP / f"old-{version}"
        r = run(["objcopy", "--compress-debug-sections=zlib-gnu", plain, old], text=True)
        same((r.returncode, r.stderr), (0, ""), "objcopy")
        names = {exe: run(["readelf", "-SW", exe], text=True).stdout for exe in (packed, plain, old)}
        check(re.search(r"\.debug_info.* C ", names[packed]) and not re.search(r"\.debug_info.* C ", names[plain]), "who is compressed")
        check(".zdebug_info" in names[old], "no .zdebug_info")
        same(text_range(packed), text_range(plain), "text of the two builds")
        pcs = sample(packed, 1500)
        want = {pc: frames(r, "dwarf") for pc, r in records(plain, pcs, "--source", "dwarf")[0].items()}
        tell(f"go{version}", compare_frames(version, plain, pcs, llvm_frames))
        for exe in (packed, old):
            same({pc: frames(r, "dwarf") for pc, r in records(exe, pcs, "--source", "dwarf")[0].items()}, want, exe.name)


@test
def hundred_thousand():
    """100,000 addresses on standard input have the same answers as each alone, in order, and none is lost."""
    version, _, exe = targets(["default"])[0]
    low, high = text_range(exe)
    rng = random.Random(1)
    pcs = [rng.randrange(low, high) for _ in range(100000)]
    r = tophash("--format", "json", "--source", "all", exe, text="".join(f"{pc:x}\n" for pc in pcs))
    lines = r.stdout.splitlines()
    same(len(lines), 100001, "lines")
    same([json.loads(x)["addr"] for x in lines[:-1]], [f"{pc:#x}" for pc in pcs], "addresses")
    some = rng.sample(range(100000), 50)
    alone = tophash("--format", "json", "--source", "all", exe, *[f"{pcs[i]:#x}" for i in some]).stdout.splitlines()
    same(alone[:-1], [lines[i] for i in some], "answers alone and among many")


# --- C -----------------------------------------------------------------------------------------------------------------------------


def instructions(exe, functions):
    """Returns addresses of instructions in these functions, and in their cold parts."""
    inside = [(addr, addr + size) for addr, size, name in symbols(exe) if name.split(".")[0] in functions]
    out = run(["objdump", "-d", "--no-show-raw-insn", exe], text=True).stdout
    found = [int(m[1], 16) for m in re.finditer(r"^\s+([0-9a-f]+):", out, re.M)]
    return [pc for pc in found if any(low <= pc < high for low, high in inside)]


def compile_c(name, *flags, compiler="gcc", source="inline.c"):
    out = TMP / name
    r = run([compiler, *flags, "-o", out, HERE / source], text=True)
    if r.returncode:
        raise Failed(f"{compiler} {' '.join(flags)}: {r.stderr}")
    return out


@test
def c_programs():
    """Compares each DWARF version, compression and compiler with addr2line -i -f, at every instruction."""
    for compiler in ("gcc", "clang"):
        for version in "2345":
            for gz in ("none", "zlib", "zlib-gnu"):
                if compiler == "clang" and gz == "zlib-gnu":
                    continue  # clang 14 no longer writes it
                exe = compile_c(f"{compiler}-{version}-{gz}", "-O2", "-gdwarf-" + version, "-gz=" + gz, compiler=compiler)
                # addr2line does not find .zdebug_rnglists, so it reads the uncompressed twin
                twin = compile_c(f"{compiler}-{version}", "-O2", "-gdwarf-" + version, compiler=compiler)
                pcs = instructions(exe, {"main", "outer", "hidden"})
                check(len(pcs) > 20, f"{exe.name}: {len(pcs)} instructions")
                ours, _ = records(exe, pcs, "--source", "dwarf,symbols")
                theirs = addr2line_frames(twin, pcs)
                if version == "5" and compiler == "clang":
                    theirs = llvm_frames(exe, pcs)
                for pc in pcs:
                    same(frames(ours[pc], "dwarf"), theirs[pc], f"{exe.name} {pc:#x}")
                    check("differ" not in ours[pc], f"{exe.name} {pc:#x}: {ours[pc]}")
                depth = max(len(frames(ours[pc], "dwarf")) for pc in pcs)
                same(depth, 3, f"{exe.name}: deepest inlining")


@test
def mixed():
    """A program of Go 1.26 and C, with units of DWARF 5 and 4, compressed by two linkers."""
    exe = build.path_of("1.26", "cgo", "cgo")
    if not exe.exists():
        raise Skip(f"{exe} is not built")
    pcs = [pc for addr, size, name in symbols(exe) if name in ("call_back", "main.main", "x_cgo_init", "goDelete") for pc in range(addr, addr + size, 3)]
    ours, _ = records(exe, pcs)
    theirs = llvm_frames(exe, pcs)
    sources = Counter()
    for pc in pcs:
        record = ours[pc]
        sources[record["source"]] += 1
        if record["source"] == "dwarf":  # by default it is asked if gopclntab has no answer
            check("not Go code" in record["gopclntab_error"], f"{record}")
            same(frames(record, "dwarf"), theirs[pc], f"{pc:#x}")
        else:
            same(record["source"], "gopclntab", f"{pc:#x}")
            check("dwarf" not in record, f"{record}")
    check(sources["dwarf"] > 20 and sources["gopclntab"] > 100, f"{sources}")


@test
def separate_files():
    """Debug information in a separate file is found by .gnu_debuglink and by build id, and never over the network."""
    whole = compile_c("whole", "-O2", "-g", "-Wl,--build-id")
    pcs = instructions(whole, {"outer"})
    want = addr2line_frames(whole, pcs)
    debug, stripped = TMP / "other.debug", TMP / "stripped"
    run(["objcopy", "--only-keep-debug", "--compress-debug-sections", whole, debug])
    run(["strip", "-o", stripped, whole])
    linked = TMP / "linked"
    run(["objcopy", f"--add-gnu-debuglink={debug}", stripped, linked], cwd=TMP)
    ours, end = records(linked, pcs)
    for pc in pcs:
        same(frames(ours[pc], "dwarf"), want[pc], f"{pc:#x} by debuglink")
    check(end["dwarf_file"].endswith("other.debug"), f"{end}")

    asked = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)

    def serve():
        while not asked or asked[-1] != "end":
            try:
                server.accept()[0].close()
                asked.append("connection")
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    env = dict(os.environ, DEBUGINFOD_URLS=f"http://127.0.0.1:{server.getsockname()[1]}/")
    r = run([A.tophash, "addr", "--source", "dwarf", stripped, hex(pcs[0])], text=True, env=env)
    asked.append("end")
    thread.join()
    server.close()
    same(asked, ["end"], "connections to a debuginfod")
    check("stripped: no .debug_info, and no separate debug file here" in r.stdout, r.stdout)


def quickly(what, *args):
    """Runs `tophash addr`, which must be quick and use little memory. Returns its output."""
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    r = run([A.tophash, "addr", *args], text=True, timeout=50)
    took, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check(took < 10, f"{what}: {took:.1f} s")
    check(peak < 300_000 or peak == before, f"{what}: {peak} KB")
    return r.stdout


@test
def separate_traps():
    """If the named debug file is a FIFO, a device, or a file of holes, tophash says so and does not wait."""
    whole = compile_c("trap", "-O2", "-g", "-Wl,--build-id")
    pc = hex(next(iter(instructions(whole, {"outer"}))))
    debug, linked = TMP / "trap.debug", TMP / "trap.linked"
    run(["objcopy", "--only-keep-debug", whole, debug])
    run(["strip", "-o", linked, whole])
    run(["objcopy", f"--add-gnu-debuglink={debug}", linked], cwd=TMP)
    check("trap.debug" in quickly("debuglink", "-v", "--source", "dwarf", linked, pc), "the debuglink works")

    def trap(path, make):
        path.unlink(missing_ok=True)
        make(path)

    traps = {
        "fifo": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "folder": lambda path: path.mkdir(),
    }
    for name, make in traps.items():
        trap(debug, make)
        out = quickly(f"debuglink: {name}", "-v", "--source", "all", linked, pc)
        check("trap.debug is not a regular file" in out and "symbols" in out, f"debuglink: {name}: {out}")
        debug.rmdir() if debug.is_dir() and not debug.is_symlink() else debug.unlink()

    split = compile_c("trap_split", "-O2", "-g", "-gsplit-dwarf")
    pc = hex(next(iter(instructions(split, {"outer"}))))
    dwo = [path for path in TMP.glob("*trap_split*.dwo")]
    check(dwo, "no .dwo was made")
    want = quickly("dwo", "-v", "--source", "all", split, pc)
    for name, make in list(traps.items())[:2]:
        for path in dwo:
            trap(path, make)
        same(quickly(f"dwo: {name}", "-v", "--source", "all", split, pc), want, f"dwo: {name}: no .dwo is ever opened")


@test
def separate_mismatch():
    """A separate file with another build id or another checksum, or that is no ELF file, is not used. The next place is tried."""
    whole, other = (compile_c(f"match{i}", f"-O{2 - i}", "-g", "-Wl,--build-id") for i in range(2))
    pc = hex(next(iter(instructions(whole, {"outer"}))))
    (TMP / ".debug").mkdir(exist_ok=True)
    near, far, linked = TMP / "match.debug", TMP / ".debug/match.debug", TMP / "match.linked"
    for remove_id in (False, True):
        near.unlink(missing_ok=True)
        far.unlink(missing_ok=True)
        run(["objcopy", "--only-keep-debug", whole, near])
        run(["strip", *(["-R", ".note.gnu.build-id"] if remove_id else []), "-o", linked, whole])
        run(["objcopy", f"--add-gnu-debuglink={near}", linked], cwd=TMP)

        def file_of():
            return records(linked, [int(pc, 16)])[1].get("dwarf_file")

        same(file_of(), str(near), f"without build id: {remove_id}")
        near.rename(far)
        same(file_of(), str(far), "in .debug")
        run(["objcopy", "--only-keep-debug", other, near])
        same(file_of(), str(far), "a file of another program comes first")
        near.write_text("root:*:19000:0:99999:7:::\n")
        same(file_of(), str(far), "a file that is no ELF file comes first")
        far.unlink()
        same(file_of(), None, "no other file")


@test
def shared_debug_file():
    """Names that dwz moved to a file that several separate ones share are found."""
    if not shutil.which("dwz"):
        raise Skip("needs dwz")
    programs = [compile_c(f"dwz{i}", f"-O{2 - i}", "-g", "-Wl,--build-id") for i in range(2)]
    want = addr2line_frames(programs[0], pcs := instructions(programs[0], {"outer"}))
    debugs = [TMP / f"dwz{i}.debug" for i in range(2)]
    for program, debug in zip(programs, debugs):
        run(["objcopy", "--only-keep-debug", program, debug])
        run(["strip", "-o", TMP / f"{program.name}.linked", program])
        run(["objcopy", f"--add-gnu-debuglink={debug}", TMP / f"{program.name}.linked"], cwd=TMP)
    r = run(["dwz", "-m", "dwz.shared", "-M", "dwz.shared", *[d.name for d in debugs]], cwd=TMP, text=True)
    same(r.returncode, 0, r.stderr)
    ours, _ = records(TMP / f"{programs[0].name}.linked", pcs)
    for pc in pcs:
        same(frames(ours[pc], "dwarf"), want[pc], f"{pc:#x}")


@test
def sparse_sections():
    """Sections of gigabytes that are holes of the file are not read, and the other sources answer."""
    exe = crash("1.26", "default")
    main = {name: addr for addr, _, name in symbols(exe)}["main.main"]
    data = exe.read_bytes()
    hole, names = 6 << 30, b"\0.symtab\0.strtab\0.shstrtab\0"

    def header(name, kind, offset, size, link=0, entry=0):
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, link, 0, 1, entry)

    for what in ("symbols", "strings"):
        sparse = TMP / f"sparse-{what}"
        with open(sparse, "wb") as f:
            start = (len(data) + 4095) & ~4095
            f.write(data)
            f.seek(start)
            f.write(names)
            f.seek(start + 4096 + hole)
            f.write(header(0, 0, 0, 0) + header(1, 2, start + 4096, hole, 2, 24))
            f.write(header(9, 3, start, len(names)) if what == "symbols" else header(9, 3, start + 4096, hole))
            f.write(header(17, 3, start, len(names)))
            f.seek(0x28)
            f.write(struct.pack("<Q", start + 4096 + hole))
            f.seek(0x3A)
            f.write(struct.pack("<HHH", 64, 4, 3))
        out = quickly(what, "--source", "all", sparse, hex(main))
        check("main.main" in out, f"{what}: {out}")


# --- processes ---------------------------------------------------------------------------------------------------------------------


def start(exe, *args):
    p = subprocess.Popen([str(exe), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in p.stdout:
        if line == "ready\n":
            return p, lines
        lines.append(line.rstrip("\n"))
    raise Failed(f"{exe}: ended early: {p.stderr.read()}")


@test
def running():
    """-p, also with a PIE and a stripped program, compared with the runtime's own account of its stack."""
    for version in releases():
        for variant in ("default", "pie", "stripped"):
            p, lines = start(crash(version, variant), "pcs")
            try:
                pcs = [x.split()[1] for x in lines if x.startswith("pc ")]
                want = [tuple(x.split()[1:]) for x in lines if x.startswith("frame ")]
                r = tophash("--return", "--format", "json", "-p", p.pid, *pcs)
                got = [f for line in r.stdout.splitlines()[:-1] for f in frames(json.loads(line), "gopclntab")]
            finally:
                p.communicate()
            check(len(got) >= len(want) > 4, f"{got}, {want}")
            # runtime.CallersFrames shortens type arguments.
            got = [(re.sub(r"\[.*\]", "[...]", x.func), x.place) for x in got]
            same(got, want, f"go{version} {variant}")


@test
def libraries():
    """-p of a C program: functions of libc and of the vdso, compared with nm; and memory without a file."""
    libc = ctypes.CDLL(None)
    names = ["getpid", "qsort", "strtoull"]
    addrs = [ctypes.cast(getattr(libc, name), ctypes.c_void_p).value for name in names]
    r = tophash("--format", "json", "-p", os.getpid(), *[f"{a + 1:#x}" for a in addrs])
    for name, line in zip(names, r.stdout.splitlines()):
        record = json.loads(line)
        check("libc" in record["module"], f"{record}")
        path = record["module"]
        table = run(["nm", "-D", path], text=True).stdout
        here = {m[2].split("@")[0] for m in re.finditer(r"^([0-9a-f]{16}) \w (\S+)$", table, re.M) if int(m[1], 16) == int(record["pc"], 16) - 1}
        check(name in here and record["symbols"]["name"] in here, f"{record}, nm has {here}")
        same(int(record["symbols"]["entry"], 16), int(record["pc"], 16) - 1, name)
    maps = Path("/proc/self/maps").read_text()
    low, high = (int(x, 16) for x in re.search(r"^(\w+)-(\w+) .*\[vdso\]$", maps, re.M).groups())
    with open("/proc/self/mem", "rb") as f:
        f.seek(low)
        (TMP / "vdso").write_bytes(f.read(high - low))
    table = run(["nm", "-D", TMP / "vdso"], text=True).stdout
    offset = int(re.search(r"^([0-9a-f]{16}) . __vdso_clock_gettime", table, re.M)[1], 16)
    stack = int(re.search(r"^(\w+)-\w+ .*\[stack\]$", maps, re.M)[1], 16)
    r = tophash("--format", "json", "-p", os.getpid(), hex(low + offset + 2), hex(stack), "ffffffff81000000", "10")
    vdso, on_stack, kernel, nowhere = [json.loads(x) for x in r.stdout.splitlines()[:-1]]
    check("clock_gettime" in vdso["func"] and vdso["module"] == "[vdso]" and vdso["offset"] == 2, f"{vdso}")
    check(on_stack["module"] is None and "stack" in on_stack["module_error"], f"{on_stack}")
    check("kernel" in kernel["module_error"] and "not mapped" in nowhere["module_error"], f"{kernel} {nowhere}")


# --- annotate ----------------------------------------------------------------------------------------------------------------------


def report(exe, how, level):
    """Returns the output of the program when it ends in this way."""
    env = dict(os.environ, GOTRACEBACK=level)
    if how != "wait":
        return run([exe, how], env=env, text=True, errors="replace").stderr
    p = subprocess.Popen([str(exe), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    p.stdout.readline()
    p.send_signal(signal.SIGQUIT)
    return p.communicate()[1]


NOTE = re.compile(r" \[(?:0x[0-9a-f]+|[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]")


def check_notes(text, noted, exe, version, what):
    """Compares each note with what the runtime printed in the same line."""
    pcs = {}
    for before, after in zip(text.splitlines(), noted.splitlines()):
        frame = re.fullmatch(r"\t(.+):(\d+) \+0x([0-9a-f]+)(?: fp=0x\w+ sp=0x\w+ pc=0x(\w+))?", before)
        if not frame:
            continue
        note = after[len(before):] if after.startswith(before) else None
        check(note is not None, f"{what}: {before!r} became {after!r}")
        check(note, f"{what}: no note in {before!r}")
        if frame[4]:
            last = note[2:-1].split(" < ")[-1]
            check(last.endswith(f" {frame[1]}:{frame[2]}"), f"{what}: {before!r} got {note!r}")
        else:
            pcs[int(note[2:-1], 16)] = f"{frame[1]}:{frame[2]}"
    return pcs


def check_offsets(version, exe, pcs):
    """Addresses that were computed from offsets: go tool addr2line must have the printed line there. If calls are inlined there, the
    printed line is that of the call, and our last frame must have it."""
    back = sorted(pc - 1 for pc in pcs)
    theirs = go_addr2line(version, exe, back) if back else {}
    ours, _ = records(exe, back, "--source", "gopclntab")
    for pc, where in pcs.items():
        got = frames(ours[pc - 1], "gopclntab")
        same(got[-1].place, where, f"{exe.name} {pc:#x}")
        same(got[0].place, theirs[pc - 1].place, f"{exe.name} {pc:#x}")


@test
def annotate():
    """Crash reports and goroutine dumps: the text is unchanged, and each note equals what the runtime printed beside it."""
    for version in releases():
        for variant in ("default", "pie", "trimpath", "stripped"):
            exe = crash(version, variant)
            offsets = {}
            for how, level in (("panic", "system"), ("nil", "all"), ("wait", "system"), ("wait", "all"), ("map", "all")):
                text = report(exe, how, level)
                what = f"go{version} {variant} {how} {level}"
                check("goroutine" in text, f"{what}: {text[:200]}")
                noted = tophash("--annotate", exe, text=text).stdout
                pcs = check_notes(text, noted, exe, version, what)
                frames_n = len(re.findall(r"^\t.+ \+0x", text, re.M))
                notes = noted.count(" [0x") + noted.count("pc=0x")
                check(frames_n > 3 and notes >= frames_n, f"{what}: {notes} notes of {frames_n} frames")
                if variant != "pie":  # where addresses are those of the run
                    offsets.update(pcs)
                if how == "nil":
                    signal_line = next(x for x in noted.splitlines() if "[signal" in x)
                    if variant != "pie" or level == "system":
                        check("main.(*store).drop" in signal_line and "< main.(*store).refresh" in signal_line, f"{what}: {signal_line}")
            check_offsets(version, exe, offsets)


LOGS = {  # how a log changes a line
    "journald": lambda line: f"Nov 29 20:18:01 web1 crash[4711]: {line}\n",
    "kubectl": lambda line: f"2026-11-29T20:18:01.123456789Z {line}\n",
    "docker": lambda line: json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-11-29T20:18:01Z"}) + "\n",
    "journald, json": lambda line: json.dumps({"_PID": "4711", "MESSAGE": line}) + "\n",
    "syslog": lambda line: "Nov 29 20:18:01 web1 crash[4711]: " + line.replace("\t", "#011") + "\n",
    "indent": lambda line: f"    {line}\n",
    "grep": lambda line: f"crash-1.log-12-{line}\n",
    "no-break spaces": lambda line: f"\u00a0\u00a0{line}\n",
    "one string": lambda line: json.dumps(line + "\n")[1:-1],
}


@test
def annotate_logs():
    """A crash report in a log has the same notes as alone, and no others."""
    exe = crash("1.26", "default")
    for how, level in (("panic", "all"), ("nil", "system"), ("wait", "all")):
        text = report(exe, how, level)
        plain = tophash("--annotate", exe, text=text).stdout
        check(plain.count(" +0x") > 3 and plain != text, f"{how}: {plain[:200]}")
        for name, decorate in LOGS.items():
            got = tophash("--annotate", exe, text="".join(map(decorate, text.splitlines()))).stdout
            same(got, "".join(map(decorate, plain.splitlines())), f"{how} {level}, {name}")


@test
def annotate_newest_first():
    """Logs may be shown with the newest line first (journalctl -r), or be cut at their beginning. The notes are the same."""
    exe = crash("1.26", "default")
    for how in ("panic", "wait"):
        text = report(exe, how, "all")
        plain = tophash("--annotate", exe, text=text).stdout
        for cut in range(1, text.count("\n") - 1):
            got = tophash("--annotate", exe, text="".join(text.splitlines(True)[cut:])).stdout.splitlines()
            pairs = list(zip(got, plain.splitlines()[cut:], text.splitlines()[cut:]))[1:]  # (the first line may be a place without a name)
            wrong = [p for p in pairs if p[0] not in (p[1], p[2])]
            check(not wrong and sum(p[0] != p[1] for p in pairs) <= 2, f"{how}, cut at {cut}: {wrong[:3]}")
        for prefix in ("Nov 29 20:18:01 web1 crash[4711]: ", ""):
            lines = [prefix + line + "\n" for line in reversed(text.splitlines())]
            got = tophash("--annotate", exe, text="".join(lines)).stdout
            # A line may have no note, if the names before and after it both fit. It never has another one.
            pairs = list(zip(got.splitlines(), (prefix + line for line in reversed(plain.splitlines())), lines))
            same(len(pairs), len(lines), "lines")
            wrong = [p for p in pairs if p[0] not in (p[1], p[2].rstrip("\n"))]
            missing = sum(p[0] != p[1] for p in pairs)
            check(not wrong and missing <= 2, f"{how}, {prefix!r}: {missing} without a note, {wrong[:3]}")


@test
def annotate_kernel():
    """The kernel's lines about signals."""
    exe = crash("1.26", "default")
    main = {name: addr for addr, _, name in symbols(exe)}["main.main"]
    for line in (
        f"[12.5] crash[4711]: segfault at 0 ip {main:016x} sp 000000c00005af10 error 4 in crash[401000+98000]",
        f"traps: crash[4711] trap invalid opcode ip:{main:x} sp:c00005af10 error:0 in crash[401000+98000]",
    ):
        got = tophash("-a", exe, text=line + "\n").stdout
        check(re.sub(r" \[main\.main [^]]*\]", "", got) == line + "\n" and "[main.main " in got, got)


@test
def annotate_leaves():
    """Text that is no address is unchanged. After each address there is a note."""
    exe = crash("1.26", "default")
    table = {name: addr for addr, _, name in symbols(exe)}
    main = table["main.main"]
    where = json.loads(tophash("--format", "json", "--source", "gopclntab", exe, hex(main)).stdout.splitlines()[0])
    note = f" [main.main {where['file']}:{where['line']}]"
    lines = {
        f"at {main:#x}.": f"at {main:#x}{note}.",
        f"({main:#x})": f"({main:#x}{note})",
        f"{main:x}": f"{main:x}{note}",
        f"  {main:016x}  ": f"  {main:016x}{note}  ",
        f"\t  {main:x} main.main+0x0 (/srv/{exe.name})": f"\t  {main:x}{note} main.main+0x0 (/srv/{exe.name})",
        f"{main:#x} {main:#x}": f"{main:#x}{note} {main:#x}{note}",
        f"main.main({main:#x}, 0x2)": None, f"\t/elsewhere/main.go:{where['line']} +0x0": f"\t/elsewhere/main.go:{where['line']} +0x0 [{main:#x}]",
        f"+{main:#x}": None, f"x{main:#x}": None, f"{main:#x}g": None, f"{main:x} words": None, "0x0 0x10 0xffffffffffffffff": None,
        "0xc000012000 0x12345678901234567": None, "": None, "caf\u00e9 \u00ff": None,
    }
    text = "".join(x + "\n" for x in lines)
    want = "".join((y if y is not None else x) + "\n" for x, y in lines.items())
    same(tophash("-a", exe, text=text).stdout.splitlines(), want.splitlines(), "notes")
    same(tophash("-a", exe, text=text[:-1]).stdout, want[:-1], "a text without a last newline")
    raw = bytes(range(256)) * 5000
    got = run([A.tophash, "addr", "-a", exe], input=raw).stdout
    same(got, raw, "bytes of every kind")
    long = "y" * 3_000_000 + f" {main:#x} " + "z" * 100
    same(tophash("-a", exe, text=long).stdout, long.replace(f"{main:#x}", f"{main:#x}{note}"), "a line of 3 MB")


@test
def annotate_perf():
    """perf script: offsets in the file (as perf prints now) and addresses, of this file only. All are return addresses except the innermost
    one."""
    for exe in (crash("1.26", "default"), crash("1.26", "pie")):
        table = {name: addr for addr, _, name in symbols(exe)}
        segment = re.search(r"LOAD +(0x\w+) (0x\w+) 0x\w+ +0x\w+ +0x\w+ R E", run(["readelf", "-lW", exe], text=True).stdout)
        bias = int(segment[2], 16) - int(segment[1], 16)
        refresh, main = table["main.(*store).refresh"], table["main.main"]

        def line(addr, symbol, path=exe):
            return f"\t{addr:16x} {symbol} ({path})\n"

        def noted(addr, symbol, step):
            lines = tophash("--format", "json", exe, hex(table[symbol.split("+")[0]] + int(symbol.split("+")[1], 16) - step), code=0).stdout
            record = json.loads(lines.splitlines()[0])
            note = " < ".join(f"{f.func} {f.place}" for f in frames(record, "gopclntab"))
            return f"\t{addr:16x} [{note}] {symbol} ({exe})\n"

        for shift in (bias, 0):  # an offset in the file; an address
            rows = [(refresh + 20 - shift, "main.(*store).refresh+0x14", 0), (main + 30 - shift, "main.main+0x1e", 1)]
            text = "crash 1 2.5: 1 cycles: \n" + line(0xFFFFFFFF81000C82, "asm_exc_page_fault+0x22", "[kernel.kallsyms]")
            want = text + "".join(noted(*row) for row in rows)
            text += "".join(line(addr, symbol) for addr, symbol, _ in rows)
            other = line(main - shift, "qsort+0x3", "/usr/lib/libc.so.6") + "\n"
            same(tophash("-a", exe, text=text + other).stdout, want + other, f"{exe.name} less {shift:#x}")


@test
def annotate_profile():
    """The text of a goroutine profile: the frames of each stack are those that the runtime prints below it."""
    for version in releases():
        for variant in ("default", "stripped"):
            exe = crash(version, variant)
            text = run([exe, "profile"], text=True).stdout
            noted = tophash("-a", exe, text=text).stdout
            stacks, shown = [], []
            for line in noted.splitlines():
                if " @ 0x" in line:
                    notes = re.findall(r"0x[0-9a-f]+ \[(.*?:\d+)\](?= 0x|$)", line)
                    stacks.append([frame.rsplit(" ", 1) for note in notes for frame in note.split(" < ")])
                    shown.append([])
                m = re.match(r"#\t0x[0-9a-f]+ \[.*\]\t(\S+)\+0x[0-9a-f]+\s+(\S+:\d+)$", line)
                if m:
                    shown[-1].append([m[1], m[2]])
            check(len(stacks) >= 2 and any(any(f[0] == "main.end" for f in s) for s in stacks), f"{noted}")
            for got, want in zip(stacks, shown):
                # The profile leaves out the runtime's frames at both ends, and shortens type arguments.
                got = [[re.sub(r"\[.*\]", "[...]", func), where] for func, where in got]
                want = [[re.sub(r"\[.*\]", "[...]", func), where] for func, where in want]
                check(want, f"{noted}")
                begin = got.index(want[0]) if want[0] in got else 0
                same(got[begin : begin + len(want)], want, f"go{version} {variant}")
                rest = got[:begin] + got[begin + len(want) :]
                check(all(func.startswith("runtime.") for func, _ in rest), f"go{version} {variant}: {rest} are not below it")


@test
def annotate_streams():
    """In a log that is being written, each line is printed at once."""
    exe = crash("1.26", "default")
    main = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    p = subprocess.Popen([A.tophash, "addr", "-a", str(exe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    for i in range(3):
        p.stdin.write(f"{i} {main:#x}\n")
        p.stdin.flush()
        line = p.stdout.readline()
        check(line.startswith(f"{i} {main:#x} [main.main "), line)
    p.stdin.close()
    same(p.wait(LONG), 0, "exit code")


# --- what goes wrong ---------------------------------------------------------------------------------------------------------------


@test
def reader_dies():
    """The process that reads debug information is killed. That source is lost, with a reason, and the others answer."""
    version, _, exe = targets(["default"])[0]
    low, _ = text_range(exe)
    entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    p = subprocess.Popen([A.tophash, "addr", "--format", "json", "--source", "all", str(exe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write(f"{entry:#x}\n")
    p.stdin.flush()
    first = json.loads(p.stdout.readline())
    check(first["dwarf"], f"{first}")
    child = int(Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()[0])
    held = sorted(os.readlink(x).split(":")[0] for x in Path(f"/proc/{child}/fd").iterdir() if int(x.name) > 2)
    same(held, sorted(["socket", str(exe.resolve())]), "what the reader has open")
    os.kill(child, signal.SIGKILL)
    p.stdin.write(f"{entry:#x}\n")
    p.stdin.flush()
    second = json.loads(p.stdout.readline())
    p.stdin.close()
    end = json.loads(p.stdout.readline())
    same(p.wait(LONG), 0, "exit code")
    check(second["dwarf"] is None and "its reader was killed" in second["dwarf_error"], f"{second}")
    same(second["gopclntab"], first["gopclntab"], "the other sources")
    check("its reader was killed" in end["dwarf_error"], f"{end}")


class Reader:
    """A running `tophash addr` whose reader of debug information has answered once."""

    def __init__(self, *before, tool=None):
        version, _, exe = targets(["default"])[0]
        self.entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
        exe = shutil.copy(exe, TMP / "read") if before else exe
        self.p = subprocess.Popen([*before, tool or A.tophash, "addr", "--format", "json", "--source", "all", str(exe)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.ask()
        check(self.first["dwarf"], f"{self.first}")
        self.child = int(Path(f"/proc/{self.p.pid}/task/{self.p.pid}/children").read_text().split()[0])

    def ask(self):
        self.p.stdin.write(f"{self.entry:#x}\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def status(self):
        lines = Path(f"/proc/{self.child}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def lives(self):
        try:
            return self.status()["State"][0] != "Z"
        except OSError:
            return False

    def end(self):
        same(self.ask(), self.first, "it still answers")
        self.p.stdin.close()
        same(self.p.wait(LONG), 0, "exit code")


NO_RIGHTS = {"CapInh": ["0" * 16], "CapPrm": ["0" * 16], "CapEff": ["0" * 16], "CapAmb": ["0" * 16], "NoNewPrivs": ["1"], "Seccomp": ["2"]}


@test
def reader_rights():
    """The process that reads debug information is nobody and has no rights, and dies with its parent. For a user who is not root it keeps
    the user."""
    if os.geteuid():
        raise Skip("needs root")
    reader = Reader()
    status = reader.status()
    want = NO_RIGHTS | {"Uid": ["65534"] * 4, "Gid": ["65534"] * 4, "Groups": [], "CapBnd": ["0" * 16]}
    same({name: status[name] for name in want}, want, "as root")
    reader.end()
    os.chmod(TMP, 0o755)
    reader = Reader("setpriv", "--reuid=1234", "--regid=1235", "--clear-groups", tool=shutil.copy(A.tophash, TMP / "tophash"))
    status = reader.status()
    want = NO_RIGHTS | {"Uid": ["1234"] * 4, "Gid": ["1235"] * 4}
    same({name: status[name] for name in want}, want, "as another user")
    reader.end()
    for before in ([], ["setpriv", "--reuid=1234", "--regid=1235", "--clear-groups"]):
        reader = Reader(*before, tool=TMP / "tophash" if before else None)
        reader.p.kill()
        reader.p.wait(LONG)
        ends = time.monotonic() + LONG
        while reader.lives() and time.monotonic() < ends:
            time.sleep(0.01)
        check(not reader.lives(), "the reader outlives its parent")


@test
def reader_calls():
    """Whatever runs in the process that reads debug information gets an error from each system call that reading does not need."""
    if os.geteuid() or not shutil.which("gdb"):
        raise Skip("needs root and gdb")
    reader = Reader()
    calls = [("open", '"/etc/passwd", 0'), ("openat", '-100, "/tmp/new", 0x41, 0600'), ("socket", "2, 1, 0"), ("fork", ""),
             ("kill", f"{reader.p.pid}, 9"), ("ptrace", f"16, {reader.p.pid}, 0, 0"), ("execl", '"/bin/sh", "/bin/sh", 0'),
             ("unlink", '"/tmp/new"'), ("setuid", "0"), ("prctl", "4, 1, 0, 0, 0"), ("chroot", '"/"'), ("syscall", "321, 0, 0, 0"),
             ("mprotect", "(long)$sp & ~4095, 4096, 7")]
    if b"__asan_init" in Path(A.tophash).read_bytes():
        calls = [call for call in calls if not call[0].startswith("open")]
    script = []
    for name, args in calls:
        script += ["-ex", f"printf \"%s: %d, %d\\n\", \"{name}\", (int){name}({args}), *(int *)__errno_location()"]
    r = run(["gdb", "-q", "-nx", "-batch", "-p", reader.child, "-ex", "set confirm off", *script], text=True)
    got = re.findall(r"^(\w+): (-?\d+), (\d+)$", r.stdout, re.M)
    same(got, [(name, "-1", "1") for name, _ in calls], f"{r.stdout}\n{r.stderr}")
    reader.end()


@test
def damaged():
    """Damaged debug information gives a reason or an answer, and never a failure. gopclntab answers as before."""
    version, _, exe = targets(["default"])[0]
    data = exe.read_bytes()
    entry = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    want = json.loads(tophash("--format", "json", exe, hex(entry)).stdout.splitlines()[0])["gopclntab"]
    sections = run(["readelf", "-SW", exe], text=True).stdout
    rng = random.Random(7)
    reasons = Counter()
    for m in re.finditer(r"\] (\.z?debug_\w+)\s+\w+\s+\w+\s+(\w+)\s+(\w+)", sections):
        start, size = int(m[2], 16), int(m[3], 16)
        for kind in ("flip", "zero", "header") * (10 if A.all else 1):
            bad = bytearray(data)
            if kind == "header":
                bad[start:start + 24] = rng.randbytes(24)
            elif kind == "zero":
                bad[start + size // 2:start + size] = bytes(size - size // 2)
            else:
                for _ in range(8):
                    bad[start + rng.randrange(size)] = rng.randrange(256)
            path = TMP / "damaged"
            path.unlink(missing_ok=True)
            path.write_bytes(bad)
            record = json.loads(tophash("--format", "json", "--source", "all", path, hex(entry)).stdout.splitlines()[0])
            same(record["gopclntab"], want, f"{m[1]} {kind}: gopclntab")
            check(record["symbols"]["name"] == "main.main", f"{record}")
            reasons[record.get("dwarf_error", "answered")] += 1
    check(len(reasons) > 1, f"nothing was noticed: {reasons}")
    for reason in reasons:
        check(reason == "answered" or re.match(r"corrupt|.* is too large, or corrupt|its reader|no unit|a unit|stripped", reason), reason)


@test
def usage():
    """Wrong usage, wrong files: one line, the exit code."""
    exe = crash("1.26", "default")
    for args, code, text in [
        ([], 2, "no program is given: give BINARY or -p PID"),
        ([exe, "zz"], 2, "zz: not an address; write it in hexadecimal"),
        ([exe, "0x"], 2, "0x: not an address"),
        ([exe, "-1"], 2, "unknown option -1"),
        ([exe, "12345678901234567"], 2, "not an address"),
        (["--source", "elf", exe], 2, "--source elf: not one of gopclntab, symbols, dwarf, all"),
        (["--source", "", exe], 2, "--source names no source"),
        (["--format", "xml", exe], 2, "--format xml: not one of text, json"),
        (["--annotate", exe, "1"], 2, "--annotate reads its text from standard input"),
        (["--annotate", "--format", "json", exe], 2, "--annotate prints a text: leave out --format json"),
        (["--bias", "x", exe], 2, "--bias x: not an address"),
        (["--bias", "1", "-p", "1"], 2, "--bias is only for a BINARY"),
        (["--return=maybe", exe], 2, "--return=maybe: not one of auto, yes, no"),
        (["-p", "x"], 2, "-p x: not a process id"),
        (["-p", "1", "-p", "2"], 2, "--pid can be given only once"),
        (["-z", exe], 2, "unknown option -z"),
        (["/nowhere/at/all", "1"], 3, "cannot open /nowhere/at/all"),
        (["/etc/passwd", "1"], 3, "not an ELF file"),
        (["/", "1"], 3, "not a regular file"),
        (["-p", "4194303", "1"], 3, "no process 4194303"),
        (["-o", exe, exe, "1"], 2, "that is the program itself"),
        (["-o", "/nowhere/at/all", exe, "1"], 1, "cannot write /nowhere/at/all"),
        (["-o", "/dev/full", exe, "401000"], 1, "cannot write the output"),
    ]:
        r = tophash(*args, code=code)
        check(text in r.stderr and r.stderr.count("\n") == 1, f"{args}: {r.stderr!r}, should have {text!r}")
    same(tophash("--help").stdout.split("\n")[0], "usage: tophash addr [OPTION]... BINARY [PC]...", "--help")
    out = TMP / "out.json"
    tophash("-o", out, "--format", "json", exe, "401000")
    same([json.loads(x)["event"] for x in out.read_text().splitlines()], ["addr", "end"], "-o")
    same(tophash("-q", exe, "10").stdout, "0x10  outside of the file\n", "-q")


def main():
    global A, TMP
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tophash", default=str(REPO / "build/tophash"))
    ap.add_argument("--all", action="store_true")
    ap.add_argument("--go", type=build.names, default=[], metavar="1.NN,…", help="these releases, instead of the selection")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("words", nargs="*")
    A = ap.parse_args()
    A.tophash = str(Path(A.tophash).resolve())
    chosen = [f for f in TESTS if not A.words or any(w in f.__name__ for w in A.words)]
    if A.list:
        for f in chosen:
            print(f"{f.__name__:20}  {f.__doc__.splitlines()[0]}")
        return 0
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="tophash-addr-") as folder:
        TMP = Path(folder)
        for f in chosen:
            begun = time.monotonic()
            try:
                f()
                passed += 1
                print(f"ok   {f.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
            except Skip as e:
                skipped += 1
                print(f"skip {f.__name__}: {e}", flush=True)
            except Failed as e:
                failed += 1
                print(f"FAIL {f.__name__}: {str(e)[:2000]}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL {f.__name__}: {traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
