#!/usr/bin/env python3
"""Tests whether the typed API refuses what it promises to refuse, and accepts all else without a warning.

    tests/map/types.py [--alone] [--jobs N] [--seed N]

wrong: a program with right and wrong lines for each kind of key and value, each line in a function of its own: a pointer for a
number, a number for a pointer, a struct for either. The right lines compile without an error, and alone without any; each wrong line has
an error, by gcc (not in its strict modes) and clang as C11 and C17, by g++ and clang++ as C++17. --alone compiles each wrong line once more in a program
with nothing else (minutes).
right: the programs in tests/map/types/ compile without a warning, at -O0, -O2 and -O3, and run. --seed N: some of these ways.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
import sample  # noqa: E402

TYPES = HERE / "types"
INCLUDES = ["-I", str(ROOT / "include"), "-I", str(TYPES)]
STRICT = ["-DTOPHASH_SHOW_WARNINGS", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wcast-qual", "-Wcast-align", "-Wundef", "-Werror"]
STRICT_C = ["-Wstrict-prototypes", "-Wold-style-definition"]
PLAIN = ["-Wpedantic", "-DTOPHASH_PLAIN_ARGS"]

# The variables that a line may use.
HAVE = """#include "have.h"
struct have {
	int n; long l; double d; enum colour colour;
	void *p; char *chars; const char *text; int *ints; const struct point *points;
	struct point point; struct padded padded; struct words words; struct tophash_str str;
};
"""

# for each kind of argument: right expressions and wrong ones
NUMBER = (["h->n", "h->l", "h->d", "'c'", "1"], ["h->p", "h->text", "h->ints", '"text"', "&h->n", "h->words"])
ENUM = (["h->colour", "GREEN"], NUMBER[1])
REAL = (["h->d", "1.5f", "h->n"], NUMBER[1])
ADDRESS = (["h->p", "h->chars", "h->ints", "NULL"], ["h->n", "h->l", "h->d", "h->colour", "1", "'c'", "h->point", "h->str"])
POINTS = (["h->points", "NULL"], ADDRESS[1])
CHARS = (["h->chars"], ADDRESS[1])
TEXT = (["h->text", "h->chars", '"text"'], ADDRESS[1])
STR = (["h->str"], ["h->n", "h->p", "h->text", '"text"', "h->point", "0"])
POINT = (["h->point"], ["h->n", "h->p", "&h->point", "h->padded", "0"])
PADDED = (["h->padded"], ["h->n", "h->p", "&h->padded", "h->point", "0"])
WORDS = (["h->words"], ["h->n", "h->p", "&h->words", "h->point", "0"])

KEYS = {
    "k_i8": NUMBER, "k_u8": NUMBER, "k_i16": NUMBER, "k_u16": NUMBER, "k_i32": NUMBER, "k_u32": NUMBER, "k_i64": NUMBER,
    "k_u64": NUMBER, "k_i128": NUMBER, "k_char": NUMBER, "k_llong": NUMBER, "k_bool": NUMBER, "k_enum": ENUM, "k_float": REAL,
    "k_double": REAL, "k_voidp": ADDRESS, "k_pointp": POINTS, "k_chars": CHARS, "k_cstr": TEXT, "k_str": STR, "k_bytes": POINT,
    "k_with": PADDED, "k_mixed": PADDED,
}
SETS = {"s_i32": NUMBER, "s_bool": NUMBER, "s_double": REAL, "s_voidp": ADDRESS, "s_cstr": TEXT, "s_str": STR, "s_bytes": POINT,
        "s_with": PADDED, "s_mixed": PADDED}
VALUES = {"v_u8": NUMBER, "v_i64": NUMBER, "v_bool": NUMBER, "v_enum": ENUM, "v_double": REAL, "v_voidp": ADDRESS, "v_cstr": TEXT,
          "v_words": WORDS}

# Keys that no macro accepts as they are, with the text of the static assertion.
WANTS = "this key wants TOPHASH_MAP_BYTES or TOPHASH_MAP_WITH"
NO_KEYS = ["struct point", "struct padded", "long double", "struct words"]

LANGUAGES = [("gcc", "gnu11"), ("gcc", "gnu17"), ("clang", "c11"), ("clang", "c17"), ("g++", "c++17"), ("clang++", "c++17")]

counts = {"ok": 0, "FAIL": 0, "skip": 0}


class Failed(Exception):
    pass


def expect(condition, *why):
    if not condition:
        raise Failed(" ".join(str(word) for word in why))


def say(kind, text):
    counts[kind] += 1
    print(f"{kind:4} {text}", flush=True)


def is_cxx(cc):
    return cc.endswith("++")


def compiler(cc, std, *flags):
    return [cc, "-x", "c++" if is_cxx(cc) else "c", f"-std={std}", *flags, *INCLUDES, "-D_GNU_SOURCE"]


def run(command, text=None):
    env = dict(os.environ, LC_ALL="C")
    return subprocess.run([str(word) for word in command], input=text, text=True, errors="replace", capture_output=True, env=env,
                          timeout=300)


def build(command):
    result = run(command)
    expect(result.returncode == 0, " ".join(map(str, command)), "\n", result.stderr[-3000:])
    expect(not result.stderr, " ".join(map(str, command)), "\n", result.stderr[-3000:])


# ---- wrong programs -----------------------------------------------------------------------------


def key_calls(name, arg):
    m = f"(struct {name} *)h->p"
    if name.startswith("s_"):
        return [f"{name}_{call}({m}, {arg})" for call in ("add", "has", "delete")]
    return [f"{name}_{call}({m}, {arg})" for call in ("get", "find", "slot", "delete")] + [f"{name}_put({m}, {arg}, 1)"]


def value_calls(name, arg):
    return [f"{name}_put((struct {name} *)h->p, 1, {arg})"]


def lines_of(name, cxx):
    """Returns [(line, whether it is right)] for one map or set."""
    kinds = VALUES if name.startswith("v_") else {**KEYS, **SETS}
    right, wrong = kinds[name]
    calls = value_calls if name.startswith("v_") else key_calls
    if cxx and kinds[name] is ENUM:  # C++'s own rule
        wrong = wrong + ["1", "h->d"]
    if kinds[name] in (NUMBER, ENUM, REAL):
        wrong = wrong + ["nullptr" if cxx else "(void *)0"]
    return [(call, True) for arg in right for call in calls(name, arg)] + \
           [(call, False) for arg in wrong for call in calls(name, arg)]


@functools.lru_cache
def definition(name):
    """The line of kinds.h that makes the map."""
    return re.search(rf"^TOPHASH_\w+\({name}, .*$", (TYPES / "kinds.h").read_text(), re.M)[0]


def program(pairs):
    """Writes a function for each (name, line), with that line on its own line. The definitions of the maps come first."""
    names = list(dict.fromkeys(name for name, _ in pairs))
    text = HAVE + "".join(definition(name) + "\n" for name in names)
    first = text.count("\n") + 2
    for number, (_, line) in enumerate(pairs):
        text += f"void f{number}(struct have *h); void f{number}(struct have *h) {{\n(void){line};\n}}\n"
    return text, first


def errors_of(cc, pairs):
    """Returns {number of a pair of program(): its errors}. None stands for errors elsewhere."""
    text, first = program(pairs)
    limit = "-ferror-limit=0" if "clang" in cc[0] else "-fmax-errors=0"
    result = run([*cc, "-fsyntax-only", "-w", limit, "-"], text)
    errors = {}
    for where, what in re.findall(r"^<stdin>:(\d+):\d+: (?:fatal )?error: (.*)$", result.stderr, re.M):
        number, rest = divmod(int(where) - first, 3)
        errors.setdefault(number if rest == 0 and number >= 0 else None, []).append(what)
    elsewhere = [line for line in result.stderr.splitlines() if " error: " in line and not line.startswith("<stdin>")]
    if elsewhere:
        errors.setdefault(None, []).extend(elsewhere)
    expect((result.returncode != 0) == bool(errors), "exit code", result.returncode, result.stderr[-500:])
    return errors


def refuses_all(cc, std):
    """Compiles all maps in one program, once with only the right lines, once with all. Returns [(name, None or what is wrong, wrong
    lines)]."""
    lines = [(name, line, good) for name in (*KEYS, *SETS, *VALUES) for line, good in lines_of(name, is_cxx(cc))]
    right = [(name, line) for name, line, good in lines if good]
    errors = errors_of(compiler(cc, std), right)
    expect(None not in errors, "right lines alone, an error elsewhere:", errors.get(None))
    faults = {right[number][0]: f"right lines alone: {right[number][1]}: {what}" for number, what in errors.items()}
    errors = errors_of(compiler(cc, std), [(name, line) for name, line, _ in lines])
    expect(None not in errors, "an error elsewhere:", errors.get(None))
    for number, (name, line, good) in enumerate(lines):
        if good != (number not in errors):
            faults.setdefault(name, f"{line} {errors[number] if good else 'compiles'}")
    return [(name, faults.get(name), sum(not good for other, _, good in lines if other == name)) for name in (*KEYS, *SETS, *VALUES)]


def refuses(cc, std):
    """A result for each map."""
    if not shutil.which(cc):
        return [("skip", f"wrong {cc} {std}: no {cc}")]
    try:
        found = refuses_all(cc, std)
    except (Failed, OSError, subprocess.SubprocessError) as why:
        return [("FAIL", f"wrong {cc} {std}: {why}")]
    return [("FAIL" if fault else "ok", f"wrong {cc} {std} {name}: {fault or number}") for name, fault, number in found]


def refuses_alone(cc, std, name):
    wrong = [line for line, good in lines_of(name, is_cxx(cc)) if not good]
    for line in wrong:
        errors = errors_of(compiler(cc, std), [(name, line)])
        expect(set(errors) == {0}, line, errors)
    return len(wrong)


def refuses_kind(cc, std, key):
    """Keys that need another macro: the static assertion says so."""
    for macro in (f"TOPHASH_MAP(m, {key}, int);", f"TOPHASH_SET(m, {key});"):
        result = run([*compiler(cc, std), "-fsyntax-only", "-"], f'#include "have.h"\n{macro}\n')
        expect(result.returncode != 0 and WANTS in result.stderr, macro, result.stderr[-500:])
    return 2


# ---- right programs -----------------------------------------------------------------------------

# gcc's warnings depend on the level. C++ goes through the same passes, and clang's warnings depend on the text alone.
ALL_LEVELS = ("-O0", "-O2", "-O3")
LEVELS = ("-O0", "-O2")
# Later standards generate the same code, so only their parsing is tested.
PARSE = ("-fsyntax-only",)
RIGHT = [("gcc", "c11", STRICT_C, ALL_LEVELS), ("gcc", "c11", STRICT_C + PLAIN, ("-O2",)), ("gcc", "c17", STRICT_C, PARSE),
         ("gcc", "gnu17", STRICT_C, PARSE), ("clang", "c11", STRICT_C + PLAIN[:1], LEVELS),
         ("clang", "c17", STRICT_C + PLAIN[:1], PARSE), ("clang", "gnu17", STRICT_C + PLAIN[:1], PARSE),
         ("g++", "c++17", PLAIN[:1], LEVELS), ("g++", "c++20", PLAIN[:1], PARSE),
         ("clang++", "c++17", PLAIN[:1], LEVELS), ("clang++", "c++20", PLAIN[:1], PARSE)]


def runs(path):
    result = run([path])
    expect(result.returncode == 0, path, "exit code", result.returncode, result.stdout, result.stderr)
    return 1


def parses(command, source):
    build([*command, source])
    return 1


def right_program(top, cc, std, flags, level):
    if (level,) == PARSE:
        return parses(compiler(cc, std, level, *STRICT, *flags), TYPES / "right.c")
    out = top / re.sub(r"\W+", "_", f"right {cc} {std} {flags} {level}")
    build([*compiler(cc, std, level, *STRICT, *flags), TYPES / "right.c", "-x", "none", top / "libtophash.a", "-o", out])
    return runs(out)


def conversions(top, cc, std, flags, level):
    """Removes the warnings that such arguments deserve."""
    out = top / re.sub(r"\W+", "_", f"conversions {cc} {std} {flags} {level}")
    plain = [flag for flag in flags if flag.startswith("-D")]
    if (level,) == PARSE:
        return parses(compiler(cc, std, level, "-w", *plain), TYPES / "conversions.c")
    build([*compiler(cc, std, level, "-w", *plain), TYPES / "conversions.c", "-x", "none", top / "libtophash.a", "-o", out])
    return runs(out)


def header_alone(cc, std, header):
    for text in (f"#include <tophash/{header}>\n", f"#include <tophash/{header}>\n" * 2):
        flags = [*STRICT, "-Wpedantic", *([] if is_cxx(cc) else STRICT_C)]
        result = run([*compiler(cc, std, *flags), "-fsyntax-only", "-"], text + "int some_declaration;\n")
        expect(result.returncode == 0 and not result.stderr, result.stderr[-2000:])
    return 2


def header_in_extern_c(cc, std):
    text = 'extern "C" {\n#include <tophash/map.h>\nTOPHASH_MAP(ages, const char *, int);\n}\n'
    result = run([*compiler(cc, std, *STRICT, "-Wpedantic"), "-fsyntax-only", "-"], text)
    expect(result.returncode == 0 and not result.stderr, result.stderr[-2000:])
    return 1


UNITS = (("gcc", "c11", STRICT_C), ("gcc", "gnu17", STRICT_C + PLAIN), ("clang", "c17", STRICT_C), ("g++", "c++17", []),
         ("clang++", "c++20", []))


UNITS_BUILT = threading.Lock()


def unit(top, source, number):
    """Returns the object of a unit by one of the compilers. It is built when first needed."""
    cc, std, flags = UNITS[number]
    out = top / f"{source}{number}.o"
    with UNITS_BUILT:
        if not out.exists():
            build([*compiler(cc, std, "-O2", *STRICT, *flags), "-c", TYPES / f"{source}.c", "-o", out])
    return out


def two_units(top, first):
    """Two sources use a map of static functions, and a map that both declare and one defines."""
    for second in range(len(UNITS)):
        if shutil.which(UNITS[second][0]):
            out = top / f"units{first}{second}"
            build(["c++", unit(top, "unit_one", first), unit(top, "unit_two", second), top / "libtophash.a", "-o", out])
            runs(out)
    return len(UNITS)


def library(top):
    objects = []
    for source in sorted((ROOT / "map").glob("*.c")):
        objects.append(top / f"{source.stem}.o")
        build([*compiler("gcc", "gnu17", "-O2"), "-c", source, "-o", objects[-1]])
    build(["ar", "rcs", top / "libtophash.a", *objects])


# ---- all ----------------------------------------------------------------------------------------


def right_builds(seed):
    """Returns (compiler, standard, flags, level) of the right programs. With a seed: gcc -O2, three more that are built, and all that are
    only parsed."""
    every = [(cc, std, flags, level) for cc, std, flags, levels in RIGHT for level in levels]
    if seed is None:
        return every
    built = [way for way in every if (way[3],) != PARSE]
    chosen = [built[1], *sample.some(seed, "types", [way for way in built if way is not built[1]], 3)]
    print("built:", "; ".join(f"{cc} {std} {level}" for cc, std, _, level in chosen), f"of {len(built)} ways", flush=True)
    return [way for way in every if way in chosen or (way[3],) == PARSE]


def checks(top, alone, seed=None):
    """Returns (label, compilers it needs, function, arguments), the longest first, so that the last processor is not late."""
    for cc, std, flags, level in right_builds(seed):
        label = " ".join((cc, std, *(flag for flag in flags if "-D" in flag), level))
        yield f"right {label}", [cc], right_program, (top, cc, std, flags, level)
        if level in ("-O2", *PARSE):
            yield f"conversions {label}", [cc], conversions, (top, cc, std, flags, level)
    for cc, std in LANGUAGES:
        for name in (*KEYS, *SETS, *VALUES) if alone else ():
            yield f"wrong, alone {cc} {std} {name}", [cc], refuses_alone, (cc, std, name)
        for key in NO_KEYS:
            yield f"wrong {cc} {std} key {key}", [cc], refuses_kind, (cc, std, key)
    for cc, std in LANGUAGES:
        for header in sorted(path.name for path in (ROOT / "include/tophash").glob("*.h")):
            yield f"header {cc} {std} {header}", [cc], header_alone, (cc, std, header)
    for cc, std in (("g++", "c++17"), ("clang++", "c++17")):
        yield f"in extern C {cc} {std}", [cc], header_in_extern_c, (cc, std)
    for number, (cc, std, _) in enumerate(UNITS):
        yield f"two units {cc} {std}, and each other", [cc], two_units, (top, number)


def one(label, compilers, function, arguments):
    for cc in compilers:
        if not shutil.which(cc):
            return [("skip", f"{label}: no {cc}")]
    try:
        return [("ok", f"{label}: {function(*arguments)}")]
    except (Failed, OSError, subprocess.SubprocessError) as why:
        return [("FAIL", f"{label}: {why}")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, help="a sample of the right programs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        library(top)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            waiting = [pool.submit(one, *check) for check in checks(top, args.alone, args.seed)]
            waiting += [pool.submit(refuses, cc, std) for cc, std in LANGUAGES]
            for future in waiting:
                for result in future.result():
                    say(*result)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
