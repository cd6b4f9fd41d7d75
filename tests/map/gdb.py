#!/usr/bin/env python3
"""Tests whether gdb shows what is in the maps, with debug information and with the note alone.

    tests/map/gdb.py            all checks
    tests/map/gdb.py --quick    two of the four builds, one other machine
    tests/map/gdb.py --page     writes the session of tools/demo-map into docs/recipes/map-in-gdb.md

The programs in tests/map/gdb/ print what they put into their maps, and stop. gdb must then print exactly that. They are built by gcc and
clang, with -O0 and -O2, and are tested with debug information and fully stripped. Other programs damage their maps: gdb must say what is
wrong in one line, without delay.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gdb_harness import (
    Builder, BUILDS, check, counts, entries_of, expect, FLAGS, GDB, gdb, HERE, MACHINES, MANUAL, must, PAGE, plain, QUICK_BUILDS, QUICK_MACHINES,
    read_truth, ROOT, run, Skipped, stopped, STRUCTS, TOOL)


def printed(builder, cc, opt, name, env=None):
    """Tests print with every map of a program."""
    truths, parts = stopped(builder, builder.program(name, cc, opt), ("print NAME",), env)
    for truth, text in zip(truths, parts):
        struct_name, summary, entries = entries_of(text, truth.is_set())
        expect(struct_name == STRUCTS.get(truth.name, "numbers" if name == "states" else truth.name), truth.name, text[:300])
        expect(summary == truth.summary(), truth.name, "is", summary, "not", truth.summary())
        expect(entries == truth.shown(), truth.name, "differs:", set(entries) ^ set(truth.shown()))


def listed(builder, cc, opt, name, env=None):
    """Tests tophash-map --entries with every map of a stripped program, by address."""
    program = builder.stripped(builder.program(name, cc, opt))
    truths, parts = stopped(builder, program, ("tophash-map @NAME@ --entries --limit 100000",), env)
    for truth, text in zip(truths, parts):
        head, *lines = text.split("\n")[:-1]
        expect(head == f"a map at {truth.addr}: {truth.summary()}", truth.name, head)
        entries = sorted(plain(line[2:]) for line in lines)
        expect(entries == truth.shown_raw(), truth.name, "differs:", set(entries) ^ set(truth.shown_raw()))


def drawn(builder, cc, opt, stripped):
    """Tests tophash-map and --buckets with maps in each state: chains and tags are the real ones."""
    program = builder.program("states", cc, opt)
    program = builder.stripped(program) if stripped else program
    truths, parts = stopped(builder, program, ("tophash-map @NAME@", "tophash-map @NAME@ --buckets --limit 100000",
                                               "tophash-map @NAME@ --buckets --limit 2"), MANUAL)
    row = re.compile(r"^ +(\d+|#\d+) (?:old  |new  |     | )? ?((?:[0-9a-f]{2}|\.\.|--)(?: (?:[0-9a-f]{2}|\.\.|--))*)(?:  [0-9a-f]{2})?$", re.M)
    for i, truth in enumerate(truths):
        state, buckets, cut = parts[3 * i:3 * i + 3]
        rows = row.findall(buckets)
        tags = sum(1 for _, tags in rows for tag in tags.split() if tag not in ("..", "--"))
        chained = sum(1 for number, _ in rows if number[0] == "#")
        expect((tags, chained) == (truth.len, truth.overflow), truth.name, "has", tags, "tags,", chained, "overflow buckets")
        expect(("  memory      small: one block of " in state) == (truth.buckets == 1), truth.name, state)
        if truth.buckets > 1:
            expect(f"  {truth.overflow} buckets in use" in state, truth.name, state)
            expect(re.search(rf"longest chain {truth.longest} buckets? with its home\n", state), truth.name, state)
        homes = sorted(int(number) for number, _ in rows if number[0] != "#")
        expect(homes == truth.homes(), truth.name, "has the buckets", homes)
        expect(("half-way through one" in state and "  rest 0, whose home" in buckets) == truth.half_way(), truth.name, state, buckets)
        if truth.buckets > 2:
            expect(sum(1 for number, _ in row.findall(cut.split("  rest")[0]) if number[0] != "#") == 2 and
                   re.search(r"  cut: 2 of \d+ buckets; --from \d+ goes on", cut), truth.name, cut)


# ---- keys ----------------------------------------------------------------------------------------

FOUND = [("i8", "-1", None), ("i8", "67", "2"), ("u16", "65535", "-3"), ("i64", "-9223372036854775807", "4"),
         ("u64", "18446744073709551613", "11"), ("flag", "true", "2"), ("f64", "0.1", "0.033333333333333333"),
         ("f64", "0", "-0"), ("f64", "0.2", None), ("f64", "inf", "inf"), ("chars", '"in place"', "120 'x'"),
         ("words", "w2999", "{x = 2999, y = -2999}"), ("words", "w299", "{x = 299, y = -299}"), ("words", "w3000", None),
         ("words", '"with \\"quotes\\""', "{x = 1, y = 1}"),
         ("strs", "aabb", "4"), ("strs", "aabbx", None), ("strs", '""', "0"), ("ids", "-200", ""), ("ids", "200", None),
         ("points", "0500000019000000", '"here"'), ("points", "05000000ffffffff", None), ("tags", "t39", ""),
         ("pointers", '"(void *)(5UL << 40)"', "5"), ("colors", "BLUE", "2"), ("none", "1", None)]


def found_by_key(builder, cc, opt):
    _, parts = stopped(builder, builder.program("kinds", cc, opt), [f"tophash-map {name} --entry {key}" for name, key, _ in FOUND])
    for (name, key, value), text in zip(FOUND, parts):
        if value is None:
            expect("  no entry " in text, name, key, text)
        else:
            place = r"\n    in bucket \d+(, overflow bucket #\d+ of its chain)?, slot \d+, tag [0-9a-f]{2} at 0x[0-9a-f]+\n$"
            expect((value == "" or f"] = {value}\n" in text) and re.search(place, text) and text.count("\n    in ") == 1, name, key, text)


def found_by_nan(builder, cc, opt):
    """Tests a map with every NaN."""
    _, (text,) = stopped(builder, builder.program("kinds", cc, opt), ["tophash-map f64 --entry nan"])
    expect(text.count("[nan(") == 2 and text.count("    in bucket") == 2, text)


# ---- other programs ------------------------------------------------------------------------------


def cxx_program(builder, cxx, opt, name):
    out = builder.folder / f"{name}-{cxx}{opt}"
    library = builder.library("gcc" if cxx == "g++" else "clang", "-O0")
    must([cxx, "-g", "-std=c++17", "-D_GNU_SOURCE", f"-I{ROOT}/include", opt, HERE / f"{name}.cc", library, "-o", out])
    return out


def in_classes(builder, cxx, opt):
    """The classes of map.hpp show keys and values wherever they are. gdb without pretty printers for std::string is enough."""
    out = cxx_program(builder, cxx, opt, "classes")
    want = {
        "plain": "map: 1 element, 1 bucket = {[7] = 2.5}", "boxed_val": 'map: 1 element, 1 bucket = {["seven"] = {n = 7}}',
        "boxed_key": "map: 1 element, 1 bucket = {[{n = 8}] = 9}", "own_hash": 'map: 1 element, 1 bucket = {["x"] = 1}',
        "borrowed": 'map: 1 element, 1 bucket = {["none"] = 0x0}', "points": "set: 1 element, 1 bucket = {{x = 1, y = -2}}",
        "words": 'set: 1 element, 1 bucket = {"word"}', "empty": "map: 0 elements, 0 buckets",
    }  # fmt: skip
    commands = ["run /dev/null", *(f"print {name}" for name in want), "tophash-map boxed_key --entries", "tophash-map &words"]
    if opt == "-O0":
        commands += ["frame function seen", "print by_reference"]
    parts = gdb(out, commands)
    for i, (name, text) in enumerate(want.items(), 1):
        expect(parts[i].rstrip() == f"${i} = tophash_{text}", name, "is shown as", parts[i])
    expect("tophash_map" in parts[len(want) + 1] and "[{n = 8}] = 9" in parts[len(want) + 1], parts[len(want) + 1])
    expect("tophash_set" in parts[len(want) + 2] and "(str)" in parts[len(want) + 2], parts[len(want) + 2])
    if opt == "-O0":
        expect("{[7] = 2.5}" in parts[-1], parts[-1])


def in_cxx(builder, cxx, opt):
    out = cxx_program(builder, cxx, opt, "cxx")
    commands = ["run /dev/null", "print ages", "print ids", "tophash-map &ids --entry 1099511627776"]
    if opt == "-O0":
        commands += ["frame function seen", "print by_reference", "tophash-map by_reference --entries"]
    parts = gdb(out, commands)
    expect(re.match(r'\$1 = app::ages: 2 elements, 1 bucket = \{\["\w+"\] = \d+, \["\w+"\] = \d+\}', parts[1]), parts[1])
    expect("app::ids: 1 element, 1 bucket = {1099511627776}" in parts[2], parts[2])
    expect("    in bucket 0" in parts[3], parts[3])
    if opt == "-O0":
        expect("app::ages: 2 elements, 1 bucket = {" in parts[5], parts[5])
        expect('  ["ada"] = 36\n' in parts[6], parts[6])


def same_name(builder, cc, opt):
    """Two structs have one name. Each is shown correctly."""
    program = builder.program("same_name", cc, opt, HERE / "same_name_there.c")
    parts = gdb(program, ["run /dev/null", "print here", "print there"])
    expect("ages: 1 element, 1 bucket = {[-5] = 6}" in parts[1] and 'ages: 1 element, 1 bucket = {["ada"] = 36}' in parts[2], parts)


def without_memory(builder, cc, opt):
    """NULL, no process yet, things that are no map, wrong options."""
    program = builder.program("kinds", cc, opt)
    answers = {
        "print i8": r"\$1 = i8: 0 elements, 0 buckets\n",
        "tophash-map i8 --buckets --entries --entry 5": r"i8 at 0x[0-9a-f]+: 0 elements, 0 buckets\n  no entry 5 .*\n",
        "tophash-map (struct i8 *)0 --entries": r"NULL: an empty map\n",
        "tophash-map 0": r"NULL: an empty map\n",
        "tophash-map 8": r"error: tophash-map: no memory at 0x8",
        "tophash-map -1": r"error: tophash-map: no memory at 0xffffffffffffffff",
        "tophash-map nobody": r'error: tophash-map: No symbol "nobody" in current context\.',
        "tophash-map 1.5": r"error: tophash-map: double is no map, .*",
        "tophash-map": r"error: tophash-map: .*map.*; see help tophash-map",
        "tophash-map i8 --limit x": r"error: tophash-map: .*--limit.*; see help tophash-map",
        "tophash-map i8 --what": r"error: tophash-map: .*--what; see help tophash-map",
        "help tophash-map": r"Show how a map of libtophash stands\.\n.*",
    }
    for (command, answer), text in zip(answers.items(), gdb(program, list(answers))):
        expect(re.fullmatch(answer, text, re.S), command, "printed", text)
    other = builder.folder / "other"
    (builder.folder / "other.c").write_text("int main(void) { return 0; }\n")
    must([cc, "-g", builder.folder / "other.c", "-o", other])
    text, = gdb(other, ["tophash-map 4096"])
    expect(text == "error: tophash-map: no libtophash in this program: none of its files has a note .note.tophash", text)


def in_qemu(builder, qemu, program, commands):
    """Runs a program of another machine until it stops, then commands, through qemu."""
    path, socket = builder.folder / "truth.txt", builder.folder / "socket"
    socket.unlink(missing_ok=True)
    with subprocess.Popen([qemu, "-g", socket, program, path], env={**os.environ, **MANUAL}, stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            while not socket.exists() and process.poll() is None:
                time.sleep(0.05)
            return gdb(program, [f"target remote {socket}", "continue", *commands], name="gdb-multiarch")[2:]
        finally:
            process.kill()


def on_machine(builder, machine, order):
    """Tests maps of other machines: 32-bit ones, and big-endian ones. i686 runs here, others in qemu."""
    prefix, qemu = f"{machine}-linux-gnu-", None if machine == "i686" else f"qemu-{machine}"
    missing = [tool for tool in (f"{prefix}gcc", qemu, qemu and "gdb-multiarch") if tool and not shutil.which(tool)]
    if missing:
        raise Skipped(f"no {', '.join(missing)}")
    program, path = builder.program("states", f"{prefix}gcc", "-O1", "-static"), builder.folder / "truth.txt"
    try:
        run([*([qemu] if qemu else []), program, path], MANUAL)
    except OSError as why:
        raise Skipped(f"its programs do not run here: {why}") from None
    truths, stripped = read_truth(path), builder.stripped(program, f"{prefix}strip")
    for which, commands in ((program, [f"print {truth.name}" for truth in truths]),
                            (stripped, [f"tophash-map {truth.addr} --entries --limit 100000" for truth in truths])):
        parts = in_qemu(builder, qemu, which, commands) if qemu else gdb(which, [f"run {path}", *commands], MANUAL)[1:]
        for truth, text in zip(truths, parts):
            if which == program:
                expect(entries_of(text, False)[1:] == (truth.summary(), truth.shown()), truth.name, "differs")
            else:
                expect(sorted(line[2:] for line in text.split("\n")[1:-1]) == truth.shown_raw(order), truth.name, "differs, stripped")


def in_core_file(builder, cc, opt):
    program, core = builder.program("states", cc, opt), builder.folder / "core"
    truths, _ = stopped(builder, program, [f"generate-core-file {core}"], MANUAL)
    if not core.exists():
        raise Skipped("gdb wrote no core file")
    parts = gdb(program, [f"print {truth.name}" for truth in truths], options=["-core", core])
    for truth, text in zip(truths, parts):
        _, summary, entries = entries_of(text, False)
        expect(summary == truth.summary() and entries == truth.shown(), truth.name, "differs")


# ---- damage --------------------------------------------------------------------------------------


def looked_at(builder, cc, rounds):
    """Returns [(damage, command, text, failed, seconds)] of broken.c."""
    program = builder.program("broken", cc, "-O0")
    result = run(["gdb", *GDB, "-ex", f"source {TOOL}", "-ex", f"set args {rounds}", "-x", HERE / "damaged.py", program], timeout=300)
    expect("Python Exception" not in result.stderr and "Traceback" not in result.stderr, "Python failed:", result.stderr)
    looks = [json.loads(line) for line in result.stdout.split("\n") if line.startswith("{")]
    for look in looks:
        expect("Error occurred in Python" not in look["text"] and look["seconds"] < 15, look)
        if look["failed"]:
            expect(re.fullmatch(r"tophash-map: [^\n]+", look["text"]), "not one line:", look)
    return looks


def damaged(builder, cc):
    looks = looked_at(builder, cc, "")
    damages = {look["damage"] for look in looks}
    expect(len(damages) > 30 and len(looks) == 10 * len(damages), len(damages), len(looks))
    for damage in damages:
        of = {look["command"]: look for look in looks if look["damage"] == damage}
        which = "w" if damage == "word" else "m"
        if damage == "bits_believed":  # 2^31 buckets cannot be told from a large map; only the time is checked
            continue
        expect(re.search(r"broken|<error", of[f"print {which}"]["text"]), of[f"print {which}"])
        expect(of[f"tophash-map (long)&{which} --entries" + (" --limit 500" if which == "m" else "")]["failed"], damage, of)


def scattered(builder, cc, rounds):
    """Flips bits of maps. What is shown does not matter, but it must be shown, or reported as broken, without delay."""
    looks = looked_at(builder, cc, rounds)
    expect(len(looks) == 10 * rounds, len(looks))


# ---- the note ------------------------------------------------------------------------------------


def notes_of(path):
    """Returns the descriptions in the tophash notes of a program."""
    data = Path(path).read_bytes()
    order = "<" if data[5] == 1 else ">"
    offset, = struct.unpack_from(order + "Q", data, 0x20)
    size, number = struct.unpack_from(order + "HH", data, 0x36)
    ret = []
    for i in range(number):
        kind, _, at, _, _, length, _, align = struct.unpack_from(order + "IIQQQQQQ", data, offset + i * size)
        end = at + length
        while kind == 4 and at + 12 <= end:
            name, desc, type_ = struct.unpack_from(order + "III", data, at)
            start = at + 12 + (name + align - 1) // align * align
            if data[at + 12:at + 12 + name] == b"tophash\0" and type_ == 1:
                ret.append(data[start:start + desc])
            at = start + (desc + align - 1) // align * align
    return ret


def entries_of_note(raw):
    magic, version, size, number = struct.unpack_from("=IIII", raw)
    expect((magic, version, size) == (0x746F7068, 4, 28) and 16 + size * number == len(raw), "no such note:", raw[:16])
    ret = {}
    for at in range(16, len(raw), size):
        name, value, length = struct.unpack_from("=20sII", raw, at)
        expect(name.endswith(b"\0"), name, "has no end")
        expect(name.rstrip(b"\0").decode() not in ret, name, "stands there twice")
        ret[name.rstrip(b"\0").decode()] = value, length
    return ret


def note_is_true(builder, cc):
    """Compares the note with debug information and with the constants of the headers."""
    flags = ["-O0", "-fno-eliminate-unused-debug-types", *([] if cc == "gcc" else ["-fstandalone-debug"])]
    library, out = builder.library(cc, *flags), builder.folder / f"note-{cc}"
    must([cc, *FLAGS, *flags, HERE / "states.c", library, "-o", out])
    note = entries_of_note(notes_of(out)[0])
    true = {name: tuple(entry) for name, entry in json.loads(must(["gdb", *GDB, "-x", HERE / "dwarf.py", out])).items()}
    for name, entry in true.items():
        if not name.startswith("stats.") or name in note:
            expect(note.get(name) == entry, name, "is", entry, "the note says", note.get(name))
    names = {"slots": "TOPHASH_SLOTS", "word_size": "TOPHASH_WORD_SIZE", "filter": "TOPHASH_OVERFLOW", "overflow_slots": "OVERFLOW_SLOTS",
             "no_slot": "TOPHASH_NO_SLOT", "slot_max": "TOPHASH_SLOT_MAX", "bits_max": "BUCKET_BITS_MAX"}
    prints = "".join(f'printf("%d\\n", (int)({macro}));' for macro in names.values())
    source = builder.folder / "constants.c"
    source.write_text(f'#include <stdio.h>\n#include "layout.h"\nint main(void) {{ {prints} }}\n')
    must([cc, *FLAGS, source, library, "-o", source.with_suffix("")])
    for name, value in zip(names, must([source.with_suffix("")]).split()):
        expect(note[name] == (int(value), 0), name, "is", value, "the note says", note[name])
    expect(note["pointer"] == (struct.calcsize("P"), 0), note["pointer"])
    rest = set(note) - set(true) - set(names) - {"pointer"}
    expect(not rest, "of the note nothing else knows", rest)
    page = (ROOT / "docs/map-note.md").read_text()
    for group in {name.split(".")[0] for name in note}:
        expect(f"`{group}`" in page or f"`{group}.*`" in page, "docs/map-note.md says nothing of", group)


def note_survives(builder, cc, linker, more):
    """The note exists once in a program from which the linker drops everything unused."""
    if not shutil.which(f"ld.{linker}"):
        raise Skipped(f"no ld.{linker}")
    flags = ["-O0", "-ffunction-sections", "-fdata-sections"]
    # gold refuses the notes of the probes when it drops sections: include/tophash/probe.h.
    flags += ["-DTOPHASH_NO_PROBES"] if linker == "gold" else []
    out = builder.folder / f"kept-{cc}-{linker}{more}"
    must([cc, *FLAGS, *flags, HERE / "same_name.c", HERE / "same_name_there.c", builder.library(cc, *flags), f"-fuse-ld={linker}",
          "-Wl,--gc-sections", "-s", *([more] if more else []), "-o", out])
    notes = notes_of(out)
    expect(len(notes) == 1, len(notes), "notes")
    entries_of_note(notes[0])
    shown = must(["readelf", "-nW", out])
    expect(re.search(r"^  tophash\s+0x[0-9a-f]+\s", shown, re.M), "readelf shows", shown)


def in_shared_library(builder, cc):
    """The note is in the library and not in the program. gdb finds it there."""
    library = builder.folder / f"libtophash-{cc}.so"
    must([cc, *FLAGS, "-O0", "-fPIC", "-fvisibility=hidden", "-shared", *sorted(ROOT.glob("map/*.c")), "-o", library])
    program = builder.folder / f"shared-{cc}"
    must([cc, *FLAGS, "-O0", HERE / "kinds.c", library, "-o", program])
    expect(len(notes_of(library)) == 1 and not notes_of(program), "the note is not where the library is")
    must(["strip", library])
    truths, parts = stopped(builder, program, ("print NAME",))
    for truth, text in zip(truths, parts):
        expect(entries_of(text, truth.is_set())[2] == truth.shown(), truth.name, "differs")


def in_amalgamation(builder, cc):
    """The note of the amalgamation equals that of the library."""
    must(["tools/amalgamate", builder.folder])
    out = builder.folder / f"amalgamated-{cc}"
    must([cc, "-g", "-O1", "-D_GNU_SOURCE", "-x", "c", builder.folder / "tophash.c", "-shared", "-fPIC", "-o", out])
    expect(notes_of(out) == notes_of(builder.program("kinds", cc, "-O0")), "another note")


# ---- the recipe ----------------------------------------------------------------------------------


def calls_nothing(builder):
    """The check's own check: gdb refuses to call a function, and the tool needs none to look for a string or a pointer."""
    refused, found = gdb(builder.program("kinds", "gcc", "-O0"), ["run /dev/null", "print tophash_check(&i8, 0)", 'tophash-map words --entry w2'])[1:]
    expect("Cannot call functions in the program" in refused, refused)
    expect("] = {x = 2, y = -2}" in found, found)


def session(builder):
    result = run(["tools/demo-map", builder.folder / "demo"])
    expect(result.returncode == 0 and not result.stderr, result.stdout, result.stderr)
    return result.stdout


def page_parts():
    """Returns the page before the session, the session, and the page after it."""
    found = re.fullmatch(r"(.*\n```session\n)(.*?)(```\n.*)", PAGE.read_text(), re.S)
    expect(found, "docs/recipes/map-in-gdb.md has no session")
    return found.groups()


def recipe_is_stable(builder):
    first = session(builder)
    expect(first == session(builder), "not the same twice")
    for wanted in ("tophash_delete_slow (", "growing from 4 to 8 buckets", "user:45 logged out"):
        expect(wanted in first, "no", wanted, "in", first)
    expect("0x" not in first and "error" not in first.lower(), first)


def recipe_is_page(builder):
    versions = run(["gdb", "--version"]).stdout.split("\n")[0], run(["gcc", "-dumpversion"]).stdout.strip()
    if not re.search(r" 13\.", versions[0]) or versions[1] != "12":
        raise Skipped(f"the page was written by gdb 13 and gcc 12, here are {versions}")
    expect(session(builder) == page_parts()[1], "tools/demo-map prints something else than the page: tests/map/gdb.py --page")


def write_page(builder):
    before, _, behind = page_parts()
    PAGE.write_text(before + session(builder) + behind)


# --------------------------------------------------------------------------------------------------


def checks(builder, builds, machines):
    for cc, opt in builds:
        name = f"{cc} {opt}"
        check(f"kinds of keys, printed: {name}", printed, builder, cc, opt, "kinds")
        check(f"kinds of keys, stripped: {name}", listed, builder, cc, opt, "kinds")
        check(f"states of maps, printed: {name}", printed, builder, cc, opt, "states", MANUAL)
        check(f"states of maps, stripped: {name}", listed, builder, cc, opt, "states", MANUAL)
        check(f"buckets drawn: {name}", drawn, builder, cc, opt, opt == "-O2")
        check(f"found by key: {name}", found_by_key, builder, cc, opt)
        check(f"two structs of one name: {name}", same_name, builder, cc, opt)
        check(f"C++: {name}", in_cxx, builder, {"gcc": "g++", "clang": "clang++"}[cc], opt)
        check(f"C++ classes: {name}", in_classes, builder, {"gcc": "g++", "clang": "clang++"}[cc], opt)
    for cc in ("gcc", "clang"):
        check(f"the note is true: {cc}", note_is_true, builder, cc)
        check(f"a shared library: {cc}", in_shared_library, builder, cc)
        check(f"the map as one file: {cc}", in_amalgamation, builder, cc)
        for linker in ("bfd", "gold", "lld"):
            check(f"the note survives: {cc} {linker}", note_survives, builder, cc, linker, "-static" if linker == "bfd" else "")
    check("found by NaN", found_by_nan, builder, "gcc", "-O0")
    check("nothing there, or no map", without_memory, builder, "gcc", "-O0")
    check("damaged maps", damaged, builder, "gcc")
    check("maps with bits turned over", scattered, builder, "gcc", 200)
    for machine, order in machines:
        check(f"another machine: {machine}", on_machine, builder, machine, order)
    check("no function is called", calls_nothing, builder)
    check("a core file", in_core_file, builder, "gcc", "-O0")
    check("the recipe is stable", recipe_is_stable, builder)
    check("the recipe is what the page shows", recipe_is_page, builder)


def main():
    missing = [tool for tool in ("gdb", "gcc", "clang", "strip", "readelf") if not shutil.which(tool)]
    with tempfile.TemporaryDirectory() as folder:
        if missing:
            counts["skip"] += 1
            print(f"skip gdb and the map: no {', '.join(missing)}")
        elif "--page" in sys.argv[1:]:
            write_page(Builder(folder))
        else:
            quick = "--quick" in sys.argv[1:]
            checks(Builder(folder), QUICK_BUILDS if quick else BUILDS, QUICK_MACHINES if quick else MACHINES)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
