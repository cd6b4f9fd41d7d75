#!/usr/bin/env python3
"""Tests whether the probes of tophash/probe.h are where they should be, and whether tracers read the program's values from them.

    tests/map/probes.py                     the header, with the small programs in tests/map/probes/
    tests/map/probes.py --map FILE...       tests that these files together have the map's probes

Compiled by gcc and clang, as C and C++, for this machine at -O0, -O2, -O3 and -flto, for arm64 and s390x to objects. The notes are
read twice, by readelf and by the parser here; the values are read by gdb, and by bpftrace where that can run (root).

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import functools
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

from notes import build, check, check_notes, counts, Elf, expect, Failed, has, INCLUDE, line, MACHINES, run, Skipped

HERE = Path(__file__).resolve().parent / "probes"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
M64 = (1 << 64) - 1

# What each probe of the program shows, hit after hit; a function gets the tracer's output.
HITS = {
    "small": [(0xF0 - 0x100, 0xF0, 0x8001 - 0x10000, 1)],
    "large": [(0x80000002 - (1 << 32), 0x80000003, 4 - (1 << 63))],
    "constants": [(-5, 5, 0xFEDCBA9876543210, 7)],
    "four": [(M64, 2, 3, 4)],
    "twice": [(M64 ^ 4, (M64 ^ 4) + 1), (0x77, 0x78)],
    "globals": [(0x123, None)],
    "local": [(None,)],
    "unrolled": [(0x500,), (0x501,), (0x502,), (0x503,)],
    "once": [(1,)],
    "elsewhere": [(6,)],
}
HITS_CXX = {"grouped": [(0x42,), (0x43,)]}
# These have an argument that is an address, with the words at that address.
POINTEES = {"globals": (1, [0x123]), "local": (0, [0x11223344, 0x11223345])}
# Types smaller than int are left out: C++ promotes them before their sign is determined, C does not.
SIGNS = {
    "large": [-8, 8, -8],
    "four": [8, 8, 8, 8],
    "twice": [8, 8],
    "globals": [8, 8],
    "local": [8],
    "elsewhere": [-8],
}
# The map's own probes, and the number of arguments of each.
MAP = {"put": 3, "put_slow": 4, "delete_fast": 3, "delete_slow": 4, "grow": 3, "evacuate": 3, "shrink": 3, "clear": 2}


# ---- this machine -------------------------------------------------------------------------------

SOURCES = [HERE / "program.c", HERE / "elsewhere.c"]
LANGUAGES = {"c11": ["-x", "c", "-std=c11"], "c17": ["-x", "c", "-std=c17"], "c++17": ["-x", "c++", "-std=c++17"]}
DRIVERS = {("gcc", False): "gcc", ("gcc", True): "g++", ("clang", False): "clang", ("clang", True): "clang++"}


def is_cxx(language):
    return language.startswith("c++")


def compiler(cc, language):
    return [DRIVERS[cc, is_cxx(language)], *STRICT, *LANGUAGES[language]]


def hits_of(language):
    return {**HITS, **(HITS_CXX if is_cxx(language) else {})}


def sites(language, dropped=False):
    """Returns how many sites of each name a program has, if that does not depend on the compiler."""
    ret = dict.fromkeys(hits_of(language))
    ret.update({"small": 1, "constants": 1, "four": 1, "local": 1, "once": 1, "elsewhere": 1})
    return ret if dropped else {**ret, "not_called": 1}


def compare_hits(language, seen):
    """seen: {name: [(argument as 64 bits)]}; an expected None stands for any address."""
    for name, hits in hits_of(language).items():
        wanted = [tuple(None if a is None else a & M64 for a in hit) for hit in hits]
        found = seen.get(name, [])
        same = len(found) == len(wanted) and all(
            len(f) == len(w) and all(b is None or a == b for a, b in zip(f, w)) for f, w in zip(found, wanted))
        expect(same, f"{name}: saw {found}, not {wanted}")


def check_signs(elf):
    for note in elf.notes():
        if note.name in SIGNS:
            expect(note.sizes() == SIGNS[note.name], note.name, "has sizes", note.sizes())


def check_arguments(language, path):
    for note in Elf(path).notes():
        hits = hits_of(language).get(note.name)
        expect(hits is None or len(note.args) == len(hits[0]), note.name, "has", len(note.args), "arguments")


def check_runs(path):
    result = run([path])
    expect((result.returncode, result.stdout) == (0, "1 7\n"), "the program said", result.stdout, result.stderr)


def gdb_script(language):
    lines = ["set pagination off", "set confirm off", "set breakpoint pending off"]
    for number, (name, hits) in enumerate(hits_of(language).items(), 1):
        arity = len(hits[0])
        lines += [f"break -probe-stap tophash:{name}", f"commands {number}", "silent"]
        shown = ", ".join(f"$_probe_arg{i}" for i in range(arity))
        lines.append(f'printf "HIT {name} %d{" %lx" * arity}\\n", $_probe_argc, {shown}')
        if name in POINTEES:
            arg, words = POINTEES[name]
            shown = ", ".join(f"*((unsigned long long *) $_probe_arg{arg} + {i})" for i in range(len(words)))
            lines.append(f'printf "AT {name}{" %llx" * len(words)}\\n", {shown}')
        lines += ["continue", "end"]
    return lines + ["info probes stap tophash", "run"]


def by_gdb(language, path):
    if not has("gdb"):
        raise Skipped("no gdb")
    script = Path(str(path) + ".gdb")
    script.write_text("\n".join(gdb_script(language)) + "\n")
    result = run(["gdb", "-nx", "-batch", "-iex", "set may-call-functions off", "-x", script, path])
    if "ptrace" in result.stderr and "not permitted" in result.stderr:
        raise Skipped("gdb may not trace here")
    seen, pointees = {}, {}
    for kind, name, words in re.findall(r"^(HIT|AT) (\w+)((?: \w+)*)$", result.stdout, re.M):
        values = [int(word, 16) for word in words.split()]
        if kind == "HIT":
            expect(values[0] == len(values) - 1, name, "has, for gdb,", values[0], "arguments")
            seen.setdefault(name, []).append(tuple(values[1:]))
        else:
            pointees[name] = values
    expect(seen, "gdb saw nothing:", result.stdout[-2000:], result.stderr[-2000:])
    compare_hits(language, seen)
    for name, (_, words) in POINTEES.items():
        expect(pointees[name] == words, f"at {name}'s address lies {pointees[name]}, not {words}")


@functools.lru_cache
def no_bpftrace():
    if not has("bpftrace"):
        return "no bpftrace"
    if os.geteuid() != 0:
        return "not root"
    result = run(["bpftrace", "-e", "BEGIN { exit(); }"])
    return "bpftrace cannot run here: " + result.stderr.strip()[-200:] if result.returncode else None


def by_bpftrace(language, path):
    if why := no_bpftrace():
        raise Skipped(why)
    actions = []
    for name, hits in hits_of(language).items():
        arity = len(hits[0])
        shown = ", ".join(f"arg{i}" for i in range(arity))
        actions.append(f'usdt:{path}:tophash:{name} {{ printf("HIT {name}{" %lx" * arity}\\n", {shown}); }}')
    result = run(["bpftrace", "-c", path, "-e", "\n".join(actions)])
    seen = {}
    for name, words in re.findall(r"^HIT (\w+)((?: \w+)*)$", result.stdout, re.M):
        seen.setdefault(name, []).append(tuple(int(word, 16) for word in words.split()))
    expect(seen, "bpftrace saw nothing:", result.stdout[-2000:], result.stderr[-2000:])
    compare_hits(language, seen)


def check_native(top, cc, language, flags, tracers):
    label = f"{cc} {language} {' '.join(flags)}"
    path = top / re.sub(r"\W+", "_", label)
    try:
        build([*compiler(cc, language), *flags, *SOURCES], path, top)
    except Failed as why:
        line("FAIL", f"{label}: {why}")
        return
    check(f"{label}: notes", lambda: check_signs(check_notes(path, sites(language, dropped="-flto" in flags))))
    check(f"{label}: arguments", check_arguments, language, path)
    check(f"{label}: runs", check_runs, path)
    for tracer in tracers:
        check(f"{label}: values, {tracer.__name__.replace('_', ' ')}", tracer, language, path)


def native(top, cc):
    for language in ("c11", "c17", "c++17"):
        for flags in (["-O0"], ["-O2"], ["-O3"], ["-O2", "-flto"]):
            if language == "c17" and flags != ["-O2"]:
                continue
            tracers = [by_gdb] if language == "c17" else [by_gdb, by_bpftrace]
            check_native(top, cc, language, flags, tracers)
    check_native(top, cc, "c11", ["-O2", "-no-pie", "-fno-pie"], [by_gdb, by_bpftrace])
    check_native(top, cc, "c++17", ["-O2", "-g", "-fsanitize=undefined"], [by_gdb])
    check(f"{cc}: shared object", shared_object, top, cc)
    check(f"{cc}: partial linking", partial, top, cc)


def shared_object(top, cc):
    path = build([*compiler(cc, "c11"), "-O2", "-fPIC", "-shared", HERE / "elsewhere.c"], top / f"{cc}.so", top)
    check_notes(path, {"elsewhere": 1})


def partial(top, cc):
    """ld -r, and a program of that."""
    objects = [build([*compiler(cc, "c++17"), "-O2", "-c", s], top / f"{cc}_{s.stem}.o", top) for s in SOURCES]
    whole = top / f"{cc}_whole.o"
    result = run(["ld", "-r", *objects, "-o", whole])
    expect(result.returncode == 0, result.stderr)
    path = build([DRIVERS[cc, True], whole], top / f"{cc}_partial", top)
    check_notes(path, {**sites("c++17"), "grouped": 1})
    check_runs(path)


# ---- linkers ------------------------------------------------------------------------------------


def linked(top, cc, language, linker, flags, names):
    if not has({"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld"}[linker]):
        raise Skipped(f"no {linker}")
    path = top / re.sub(r"\W+", "_", f"link {cc} {language} {linker} {' '.join(flags)}")
    command = [*compiler(cc, language), "-O2", f"-fuse-ld={linker}", *flags, *SOURCES]
    build(command, path, top)
    check_notes(path, names)
    check_runs(path)
    by_gdb(language, path)


def with_linker(top, cc, linker):
    for language in ("c11", "c++17"):
        once = {"grouped": 1} if is_cxx(language) else {}
        whole, gone = {**sites(language), **once}, {**sites(language, dropped=True), **once}
        label = f"{cc} {language} {linker}"
        check(f"{label}: all", linked, top, cc, language, linker, ["-ffunction-sections"], whole)
        kept = ["-Wl,--gc-sections", "-Wl,--undefined=not_called"]
        check(f"{label}: --gc-sections, nothing goes", linked, top, cc, language, linker, ["-ffunction-sections", *kept], whole)
        check(f"{label}: --gc-sections", drops, top, cc, language, linker, gone)
        if cc == "gcc" and linker == "lld":
            line("skip", f"{label}: -flto: lld does not read gcc's")
        else:
            flags = ["-flto", "-ffunction-sections", "-Wl,--gc-sections"]
            check(f"{label}: -flto --gc-sections", linked, top, cc, language, linker, flags, sites(language, dropped=True))


def drops(top, cc, language, linker, names):
    """A function that nobody calls is dropped with its note. No note refers to a place that does not exist."""
    flags = ["-ffunction-sections", "-Wl,--gc-sections"]
    if linker == "gold":
        raise Skipped("gold refuses every note of a function that it drops")
    linked(top, cc, language, linker, flags, names)


# ---- the header alone ---------------------------------------------------------------------------


def off(top, cc, language):
    """A probe that is disabled leaves nothing, and no argument is evaluated."""
    path = build([*compiler(cc, language), "-O2", "-DTOPHASH_NO_PROBES", *SOURCES], top / "off", top)
    expect(not [n for n in Elf(path).names if "stapsdt" in n], "there are probes")
    result = run([path])
    expect(result.stdout == "0 7\n", "the program said", result.stdout)


def unknown(top, cc, language):
    """A machine that the header does not know, made from this one."""
    flags = ["-O2", "-U__LP64__"]
    path = build([*compiler(cc, language), *flags, *SOURCES], top / "unknown", top)
    expect(not [n for n in Elf(path).names if "stapsdt" in n], "there are probes")
    check_none_32(top, cc, language)


def check_none_32(top, cc, language):
    if platform.machine() != "x86_64":
        return
    path = build([*compiler(cc, language), "-m32", "-ffreestanding", "-O2", "-c", HERE / "only.c"], top / "only32.o", top)
    expect(b"stapsdt" not in path.read_bytes(), "there are probes with -m32")


def instructions(objdump, path):
    """Returns {function: [instruction without operands]}, without padding but with the probe's nop."""
    result = run([objdump, "-dw", "--no-show-raw-insn", path])
    expect(result.returncode == 0, result.stderr)
    functions, current = {}, None
    for text in result.stdout.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\w+)>:", text):
            current = functions.setdefault(start[1], [])
        elif (code := re.match(r"\s+[0-9a-f]+:\s+(\S+)(.*)", text)) and current is not None:
            fills = code[1] in ("data16", "cs", "nopw", "nopl", "nopr") or re.match(r"\s*%ax,%ax", code[2])
            current += [] if fills else [code[1]]
    return functions


def one_nop(top, label, command, objdump):
    """A probe whose arguments are in registers adds one nop to its function, and nothing else."""
    shown, hidden = (instructions(objdump, build([*command, "-fno-pic", *flags, "-c", HERE / "only.c"], top / "only.o", top))
                     for flags in ([], ["-DTOPHASH_NO_PROBES"]))
    for name in ("only", "only_before", "only_numbers"):
        # Some machines pad a function after its last instruction with nops of one instruction.
        with_, without = list(shown[name]), list(hidden[name])
        for code in (with_, without):
            while code[-1] == "nop":
                code.pop()
        expect(with_.count("nop") == 1 and "nop" not in without, f"{label}: {name}: not one nop:", with_)
        # They may differ: with the probe, another register may be copied.
        expect(len(with_) <= len(without) + 1, f"{label}: {name}: {with_}, without: {without}")


def in_extern_c(top, cc):
    """Included by a program that wraps all headers in extern "C"."""
    source = top / "extern.cc"
    source.write_text('extern "C" {\n#include "tophash/probe.h"\n}\nint main() { TOPHASH_PROBE1(x, 1L); }\n')
    path = build([*compiler(cc, "c++17"), source], top / "extern", top)
    check_notes(path, {"x": 1})


def named_like_macros(top, cc):
    """curses.h has a macro clear()."""
    source = top / "macro.c"
    source.write_text('#define clear() other()\n#define put other\n#include "tophash/probe.h"\n'
                      "int main(void) { TOPHASH_PROBE1(put, 1); TOPHASH_PROBE2(clear, 1, 2); return 0; }\n")
    path = build([*compiler(cc, "c11"), source], top / "macro", top)
    check_notes(path, {"put": 1, "clear": 1})


def header(top, cc):
    for language in LANGUAGES:
        check(f"{cc} {language}: TOPHASH_NO_PROBES", off, top, cc, language)
        check(f"{cc} {language}: unknown machine", unknown, top, cc, language)
        for level in ("-O2", "-O3"):
            label = f"{cc} {language} {level}"
            check(f"{label}: one nop", one_nop, top, label, [*compiler(cc, language), level], "objdump")
    check(f"{cc}: in extern C", in_extern_c, top, cc)
    check(f"{cc}: names that are macros", named_like_macros, top, cc)
    check(f"{cc}: keys that the map owns", owned_keys, top, cc)


def owned_keys(top, cc):
    """Keys that a drop hook may free are shown while they still exist."""
    if not has("gdb"):
        raise Skipped("no gdb")
    root = INCLUDE.parent
    path = build([cc, "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", HERE / "owned.c", *sorted(root.glob("map/*.c"))], top / "owned", top)
    script = Path(str(path) + ".gdb")
    lines = ["set pagination off", "set confirm off"]
    for name in ("put_slow", "delete_slow"):
        lines += [f"break -probe-stap tophash:{name}", "commands", "silent",
                  f'printf "HIT {name} %s %d\\n", (char *) $_probe_arg1, $_probe_arg3', "continue", "end"]
    script.write_text("\n".join([*lines, "run"]) + "\n")
    result = run(["gdb", "-nx", "-batch", "-iex", "set may-call-functions off", "-x", script, path])
    if "ptrace" in result.stderr and "not permitted" in result.stderr:
        raise Skipped("gdb may not trace here")
    hits = re.findall(r"^HIT (\w+) (\S+) (\d+)$", result.stdout, re.M)
    want = [("put_slow", "ada", "1"), ("put_slow", "ada", "1"), ("put_slow", "alan", "2"),
            ("delete_slow", "alan", "1"), ("delete_slow", "ada", "0")]
    expect(hits == want, "the probes showed", hits, "not", want, result.stderr[-500:])


# ---- other machines -----------------------------------------------------------------------------


def cross_object(top, command, machine):
    path = build([*command, "-c", HERE / "only.c"], top / "cross.o", top)
    elf = check_notes(path, {"only": 1, "only_before": 1, "only_numbers": 1})
    expect(elf.machine.name == machine, "an object for", elf.machine.name)
    numbers = next(note for note in elf.notes() if note.name == "only_numbers")
    values = [int(arg.split("@")[1].lstrip("$")) & M64 for arg in numbers.args]
    expect(values == [1, M64, M64, 1 << 63], "numbers", numbers.args)


def cross_program(top, command, machine):
    path = build([*command, *SOURCES], top / f"program_{machine}", top)
    check_signs(check_notes(path, sites("c11")))


def cross(top, machine):
    gcc, objdump = f"{machine}-linux-gnu-gcc", f"{machine}-linux-gnu-objdump"
    compilers = {"gcc": [gcc], "clang": ["clang", f"--target={machine}-linux-gnu"]}
    for cc, command in compilers.items():
        if not has(command[0]):
            line("skip", f"{machine} {cc}: no {command[0]}")
            continue
        for level in ("-O2", "-O3"):
            full = [*command, *STRICT, "-std=c11", "-ffreestanding", level]
            label = f"{machine} {cc} {level}"
            check(f"{label}: notes", cross_object, top, full, machine)
            if has(objdump):
                check(f"{label}: one nop", one_nop, top, label, full, objdump)
            else:
                line("skip", f"{label}: one nop: no {objdump}")
    if has(gcc):
        for flags in (["-O0"], ["-O2"], ["-O2", "-flto"]):
            names = [gcc, *STRICT, "-std=c11", *flags, "-Wl,--undefined=not_called"]
            check(f"{machine} gcc {' '.join(flags)}: program", cross_program, top, names, machine)


# ---- the map ------------------------------------------------------------------------------------


def map_files(files):
    found = {}
    for file in files:
        names = {name: None for name in {note.name for note in Elf(file).notes()}}
        expect(set(names) <= set(MAP), file, "has unknown probes", set(names) - set(MAP))
        for note in check_notes(file, names).notes():
            found.setdefault(note.name, set()).add(len(note.args))
    expect(found == {name: {number} for name, number in MAP.items()}, "probes and their numbers of arguments:", found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--map", nargs="+", type=Path, metavar="FILE", help="programs, shared libraries or objects with the map")
    args = parser.parse_args()
    if args.map:
        check("the map's probes", map_files, args.map)
    else:
        with tempfile.TemporaryDirectory(prefix="probes.") as folder:
            everything(Path(folder))
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return counts["FAIL"] != 0


def everything(top):
    if platform.machine() not in {machine.name for machine in MACHINES.values()}:
        line("skip", f"no probes on {platform.machine()}")
        return
    for cc in ("gcc", "clang"):
        if not has(cc) or not has(DRIVERS[cc, True]):
            line("skip", f"no {cc}")
            continue
        header(top, cc)
        native(top, cc)
        for linker in ("bfd", "gold", "lld"):
            with_linker(top, cc, linker)
    for machine in ("aarch64", "s390x"):
        if machine != platform.machine():
            cross(top, machine)


if __name__ == "__main__":
    sys.exit(main())
