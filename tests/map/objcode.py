#!/usr/bin/env python3
"""Tests whether the fast path is inline, and counts its instructions.

    tests/map/objcode.py [--measure] [--jobs N]

tests/map/code/fast.c has a function for each typed call; gcc and clang compile it at -O2 and -O3. calls: by objdump, each function refers
only to its slow path (and for strings to the functions that hash and compare them). steps: tests/map/code/step.c executes them one
instruction at a time on a map of one bucket: those on numbers, and on keys with a hash of the user, call nothing, and take no more
instructions than the table below says. --measure prints such a table. lto: with -flto the slow path is still a symbol of its own that is called.
light: without optimisation, and optimised for size, a call is a call of the library: 150 calls and 30 loops are at most as many bytes as
the table LIGHT says, and 1,500 calls on maps of 20 types compile with 1 GB of memory. As C and as C++.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CODE = HERE / "code"
BASE = ["-I", str(ROOT / "include"), "-I", str(CODE), "-D_GNU_SOURCE", "-w"]

# Maximum numbers of instructions: those of the larger of gcc 12 and clang 14, plus 3.
MOST = {
    "u64_get hit": 50, "u64_get miss": 43, "u64_find hit": 51, "u64_put replace": 59,
    "u64_delete hit": 66, "u64_delete miss": 48, "u64_put new": 84,
    "u32_get hit": 55, "u32_get miss": 44, "u32_find hit": 55, "u32_put replace": 64,
    "u32_delete hit": 69, "u32_delete miss": 50, "u32_put new": 89,
    "ptr_get hit": 50, "ptr_get miss": 43, "ptr_find hit": 51, "ptr_put replace": 59,
    "ptr_delete hit": 66, "ptr_delete miss": 48, "ptr_put new": 84,
    "f64_get hit": 74, "f64_get miss": 59, "f64_find hit": 74, "f64_put replace": 82,
    "f64_delete hit": 89, "f64_delete miss": 65, "f64_put new": 101,
    "cstr_get hit": 73, "cstr_get miss": 57, "cstr_find hit": 74, "cstr_put replace": 82,
    "cstr_delete hit": 87, "cstr_delete miss": 58, "cstr_put new": 99,
    "own_get hit": 54, "own_get miss": 47, "own_find hit": 57, "own_put replace": 73,
    "own_delete hit": 75, "own_delete miss": 55, "own_put new": 100,
    "mixed_get hit": 51, "mixed_get miss": 42, "mixed_find hit": 52, "mixed_put replace": 69,
    "mixed_delete hit": 71, "mixed_delete miss": 51, "mixed_put new": 95,
}
STRINGS = {"strlen", "strcmp", "tophash_hash_bytes"}
SLOW = {"get": {"tophash_get_slow"}, "find": {"tophash_get_slow"}, "put": {"tophash_put_slow"},
        "delete": {"tophash_delete_slow", "tophash_deleted"}}

# Bytes of code, at most. Verstable, a table with a function for each operation, takes 25 kB at -O0.
LIGHT = {"-O0": 25_000, "-Os": 25_000, "-Oz": 25_000}
SLOW_NAMES = ("tophash_find_at", "tophash_put_at", "tophash_delete_at", "tophash_cursor_next", "tophash_iter_slow")

counts = {"ok": 0, "FAIL": 0, "skip": 0}


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(condition, *why):
    if not condition:
        raise Failed(" ".join(str(word) for word in why))


def check(name, function, *args):
    """Returns (ok, skip or FAIL; what to print)."""
    try:
        kind, text = "ok", function(*args) or ""
    except Skipped as why:
        kind, text = "skip", why
    except (Failed, OSError, subprocess.SubprocessError) as why:
        kind, text = "FAIL", why
    return kind, f"{kind:4} {name}: {text}".rstrip(": ")


def run(command):
    env = dict(os.environ, LC_ALL="C")
    return subprocess.run([str(word) for word in command], text=True, errors="replace", capture_output=True, env=env, timeout=300)


def output(command):
    result = run(command)
    expect(result.returncode == 0, " ".join(map(str, command)), "\n", result.stdout[-1000:], result.stderr[-3000:])
    return result.stdout


def absent(why):
    raise Skipped(why)


def compile_all(top, cc, level):
    """The functions' object, and the program that steps through them."""
    folder = top / f"{cc}{level}"
    folder.mkdir()
    output([cc, level, *BASE, "-c", CODE / "fast.c", "-o", folder / "fast.o"])
    output([cc, "-O1", *BASE, CODE / "step.c", folder / "fast.o", *sorted((ROOT / "map").glob("*.c")), "-o", folder / "step"])
    return folder


def references(path):
    """Returns {function: names that its code refers to, by objdump}. A call without a name is None."""
    ret, function = {}, None
    for line in output(["objdump", "-dr", "--no-show-raw-insn", path]).splitlines():
        if found := re.match(r"^[0-9a-f]+ <(\w+)>:$", line):
            function = ret.setdefault(found[1], set())
        elif found := re.search(r"R_X86_64_(PLT32|PC32|GOTPCREL\w*)\s+([.\w]+)", line):
            if found[1] == "PLT32" or "call" in line:
                function.add(found[2])
        elif re.search(r"\scall\s+\*", line):
            function.add(None)
    return ret


def calls(folder):
    seen = {name: names for name, names in references(folder / "fast.o").items() if name.endswith("_code")}
    expect(len(seen) == 28, "functions:", sorted(seen))
    for name, names in seen.items():
        kind, what, _ = name.split("_")
        allowed = SLOW[what] | (STRINGS if kind == "cstr" else set())
        expect(names <= allowed and names & SLOW[what], name, "refers to", sorted(map(str, names)))
    return f"{len(seen)} functions"


def measure(folder):
    """Returns {"u64_get hit": (instructions in the function, in functions that it called)} of the shortest call."""
    sizes = []
    for line in output(["nm", "-S", folder / "step"]).splitlines():
        if found := re.match(r"^\w+ (\w+) T (\w+)_code$", line):
            sizes.append(f"{found[2]}={int(found[1], 16)}")
    result = run([folder / "step", *sizes])
    if result.returncode == 77 or "lost the child" in result.stderr and not result.stdout:
        raise Skipped("ptrace is not permitted here")
    expect(result.returncode == 0, "step:", result.returncode, result.stderr[-500:])
    ret = {}
    for line in result.stdout.splitlines():
        name, what, inside, outside = line.split()
        key = f"{name} {what}"
        ret[key] = min(ret.get(key, (1 << 30, 0)), (int(inside), int(outside)))
    expect(set(ret) == set(MOST) or not MOST, "calls:", sorted(set(ret) ^ set(MOST)))
    return ret


def steps(folder):
    ret = measure(folder)
    over = [f"{call} takes {ret[call][0]}, not {most}" for call, most in MOST.items() if ret[call][0] > most]
    expect(not over, "; ".join(over))
    called = [call for call, (_, outside) in ret.items() if outside and not call.startswith("cstr")]
    expect(not called, "these call something:", called)
    shown = [f"{call} {ret[call][0]}" for call in ("u64_get hit", "u64_get miss", "u64_delete hit", "u64_put new")]
    return ", ".join(shown)


def with_lto(top, cc, flags):
    path = top / re.sub(r"\W+", "_", f"lto {cc} {flags}")
    if "-fuse-ld=lld" in flags and not shutil.which("ld.lld"):
        raise Skipped("no lld")
    output([cc, *BASE, *flags, *sorted((ROOT / "map").glob("*.c")), CODE / "fast.c", CODE / "step.c", "-o", path])
    symbols = re.findall(r" (\w) (tophash_(?:get|put|delete)_slow[.\w]*)$", output(["nm", path]), re.M)
    code = output(["objdump", "-d", "--no-show-raw-insn", path])
    for name in ("tophash_get_slow", "tophash_put_slow", "tophash_delete_slow"):
        expect(("T", name) in symbols, "no global", name, "in", symbols)
        expect(re.search(rf"\s(call|jmp)\s+[0-9a-f]+ <{name}>", code), name, "is never called")
    copies = [name for _, name in symbols if re.search(r"\.(constprop|isra|part)", name)]
    expect(not copies, "copies:", copies)


def shared(top, cc, flags):
    """Tests that a shared library exports them."""
    path = top / f"{cc}.so"
    output([cc, *BASE, *flags, "-fPIC", "-shared", "-fvisibility=hidden", *sorted((ROOT / "map").glob("*.c")), "-o", path])
    names = output(["nm", "-D", "--defined-only", path])
    for name in ("tophash_get_slow", "tophash_put_slow", "tophash_delete_slow"):
        expect(re.search(rf" T {name}$", names, re.M), name, "is not exported")


def light_program(maps, functions):
    """Returns a program with this number of types of maps, and this number of functions for each. A function has five calls."""
    text = "#include <tophash/map.h>\n"
    for m in range(maps):
        key = ("uint64_t", "int", "const char *", "double")[m % 4]
        text += f"TOPHASH_MAP(m{m}, {key}, uint64_t);\n"
        for i in range(functions):
            text += (f"uint64_t f{m}_{i}(struct m{m} *m, {key} a, {key} b) {{ m{m}_put(m, a, {i}); m{m}_put(m, b, {i}); uint64_t r ="
                     f" m{m}_get(m, a); m{m}_delete(m, b); uint64_t *p = m{m}_find(m, b); return r + (p ? *p : 0); }}\n")
    return text


def light(top, cc, level):
    """Returns the bytes of code of 30 functions of five calls, and 30 loops."""
    source, out = top / "light.c", top / re.sub(r"\W+", "_", f"light {cc} {level}.o")
    loops = "".join(f"uint64_t g{i}(struct m0 *m) {{ uint64_t s = 0; TOPHASH_EACH(m0, it, m) s += it.val * {i}; return s; }}\n"
                    for i in range(30))
    source.write_text(light_program(1, 30) + loops)
    language = ["-x", "c++", "-std=c++17"] if cc.endswith("++") else []
    output([cc, level, *language, *BASE, "-c", source, "-o", out])
    size = int(output(["size", out]).splitlines()[1].split()[0])
    expect(size <= LIGHT[level], size, "bytes, not", LIGHT[level])
    names = {word.split()[-1] for word in output(["nm", "-u", out]).splitlines()}
    called = {name for name in names if name.startswith("tophash_")}
    expect(called <= set(SLOW_NAMES) and "tophash_put_at" in called, "calls", sorted(called))
    return f"{size} bytes"


def light_memory(top, cc):
    source = top / "many.c"
    source.write_text(light_program(20, 15))
    language = ["-x", "c++", "-std=c++17"] if cc.endswith("++") else []
    command = [cc, "-O0", *language, *BASE, "-c", source, "-o", top / "many.o"]
    output(["prlimit", f"--as={1 << 30}", *command])
    return "1,500 calls on 20 types"


def unoptimised(top, cc):
    folder = top / f"light{cc}"
    folder.mkdir()
    levels = ["-O0", "-Os"] + (["-Oz"] if "clang" in cc else [])
    return [check(f"{cc} {level}: light", light, folder, cc, level) for level in levels] + \
        [check(f"{cc} -O0: memory", light_memory, folder, cc)]


def print_table(top):
    largest = {}
    for cc in ("gcc", "clang"):
        for level in ("-O2", "-O3"):
            for call, (inside, _) in measure(compile_all(top, cc, level)).items():
                largest[call] = max(largest.get(call, 0), inside)
    for kind in ("u64", "u32", "ptr", "f64", "cstr", "own", "mixed"):
        entries = [f'"{call}": {most + 3}' for call, most in largest.items() if call.startswith(kind + "_")]
        for part in (entries[:4], entries[4:]):
            print("    " + ", ".join(part) + ",")


def fast_path(top, cc, level):
    built = compile_all(top, cc, level)
    return [check(f"{cc} {level}: calls", calls, built), check(f"{cc} {level}: steps", steps, built)]


def optimised(top, cc, level, lld):
    return [check(f"{cc} {level}: -flto", with_lto, top, cc, [level, "-flto", *lld])]


def exported(top, cc, lld):
    return [check(f"{cc}: shared library", shared, top, cc, ["-O2", "-flto", *lld])]


def unable(cc):
    return [check(cc, absent, "the table is x86-64's" if shutil.which(cc) else "is not there")]


def groups(top):
    """Yields (function, arguments): each returns the results of some checks, and they run beside each other."""
    for cc in ("gcc", "clang"):
        if platform.machine() != "x86_64" or not shutil.which(cc):
            yield unable, cc
            continue
        lld = ["-fuse-ld=lld"] if cc == "clang" else []
        for level in ("-O2", "-O3"):
            yield fast_path, top, cc, level
        for level in ("-O2", "-O3"):
            yield optimised, top, cc, level, lld
        yield exported, top, cc, lld
    for cc in ("gcc", "clang", "g++", "clang++"):
        if shutil.which(cc):
            yield unoptimised, top, cc


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        if args.measure:
            MOST.clear()
            print_table(top)
            return 0
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for group in pool.map(lambda work: work[0](*work[1:]), groups(top)):
                for kind, line in group:
                    counts[kind] += 1
                    print(line, flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
