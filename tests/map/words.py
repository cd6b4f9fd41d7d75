#!/usr/bin/env python3
"""What the map's header says, and what it leaves unsaid.

    tests/map/words.py

refused: programs that cannot work. The first error says in words why.
quiet: tests/map/words/quiet.c, which uses every kind of map, with all warnings that gcc and clang have, as C and as C++. Those are left
out of which the program itself is the cause.
runs: programs that older versions refused, warned of, or got wrong.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORDS = HERE / "words"
C = (("gcc", "c11"), ("clang", "c11"))
CXX = (("g++", "c++17"), ("clang++", "c++17"))
OUTSIDE = r"stands_outside_of_functions|function-?definition is not allowed here|function definition is not allowed here"

# what it is, compilers, program, what the first error says
REFUSED = [
    ("in a function", C + CXX, "int main(void) { TOPHASH_MAP(m, int, int); return 0; }", OUTSIDE),
    ("in a class", CXX, "struct s { TOPHASH_MAP(m, int, int); };", "stands_outside_of_functions_classes_and_templates"),
    ("in a class template", CXX, "template <class T> struct s { TOPHASH_MAP(m, T, int); };",
     "stands_outside_of_functions_classes_and_templates"),
    ("a template", CXX, "template <class T> TOPHASH_MAP(m, int, T);", "template declaration of .typedef|typedef cannot be a template"),
    ("an array as key", C + CXX, "TOPHASH_MAP_BYTES(m, char[16], int);", "a key cannot be an array"),
    ("an array as value", C + CXX, "TOPHASH_MAP(m, int, char[8]);", "a value cannot be an array"),
    ("a set of arrays", C + CXX, "TOPHASH_SET_BYTES(m, int[2]);", "a key cannot be an array"),
    ("another type than declared", C + CXX, "TOPHASH_MAP_DECLARE(m, int, int); TOPHASH_MAP_DEFINE(m, long, int);",
     "not the type of key that was declared"),
    ("another value than declared", C + CXX, "TOPHASH_MAP_DECLARE(m, int, int); TOPHASH_MAP_DEFINE(m, int, long);",
     "not the type of value that was declared"),
    ("a value with a destructor", CXX, "struct own { ~own() {} int x; }; TOPHASH_MAP(m, int, own);", "must be trivially copyable"),
    ("a key with a constructor of copies", CXX, "struct own { own(const own &) {} int x; }; TOPHASH_SET_BYTES(m, own);",
     "must be trivially copyable"),
    ("padding that the compiler cannot clear", (("clang++", "c++17"),), "struct pad { double d; char c; }; TOPHASH_SET_BYTES(m, pad);",
     "has padding"),
]

# Of these the program is the cause, or the language that it is not written in.
GCC = """-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wdouble-promotion -Wfloat-equal -Wfloat-conversion -Wshadow -Wcast-qual
    -Wcast-align=strict -Wundef -Wredundant-decls -Wunused -Wunused-macros -Wswitch-default -Wswitch-enum -Wformat=2 -Wnull-dereference
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Walloca -Wvla -Winline -Wdisabled-optimization -Wstrict-overflow=2
    -Warray-bounds=2 -Wstack-protector -Wwrite-strings -Wpointer-arith -Wdate-time -Winvalid-pch""".split()
GCC_C = """-Wunsuffixed-float-constants -Wdiscarded-qualifiers -Wbad-function-cast -Wjump-misses-init -Wmissing-prototypes
    -Wmissing-declarations -Wnested-externs -Wold-style-definition -Wstrict-prototypes""".split()
GCC_CXX = """-Wold-style-cast -Wuseless-cast -Wzero-as-null-pointer-constant -Wextra-semi -Wnon-virtual-dtor -Woverloaded-virtual
    -Wclass-memaccess -Wctor-dtor-privacy -Wnoexcept -Wstrict-null-sentinel -Wsuggest-override -Wplacement-new=2 -Weffc++""".split()
# Functions of a map are marked as unused, so that a program need not use all.
CLANG = ["-Weverything", "-Wno-declaration-after-statement", "-Wno-padded", "-Wno-used-but-marked-unused"]
CLANG_CXX = ["-Wno-c++98-compat", "-Wno-c++98-compat-pedantic", "-Wno-zero-as-null-pointer-constant", "-Wno-old-style-cast"]
QUIET = [("gcc", "c11", GCC + GCC_C), ("gcc", "gnu17", [flag for flag in GCC + GCC_C if flag != "-Wpedantic"]),
         ("g++", "c++17", GCC + [flag for flag in GCC_CXX if "null" not in flag and "cast" not in flag]),
         ("clang", "c11", CLANG), ("clang++", "c++17", CLANG + CLANG_CXX)]
# Written in C++, without a cast and with nullptr.
QUIET_CXX = [("g++", "c++17", GCC + GCC_CXX), ("clang++", "c++17", CLANG + CLANG_CXX[:2])]

RUNS = [("entry.c", ("gcc", "c11")), ("entry.c", ("clang++", "c++17")), ("padding.c", ("gcc", "c11")), ("padding.c", ("g++", "c++17")), ("cxx.cc", ("g++", "c++17")), ("cxx.cc", ("clang++", "c++17"))]

counts = {"ok": 0, "FAIL": 0, "skip": 0}


def say(label, why, skip=False):
    kind = "skip" if skip else "FAIL" if why else "ok"
    counts[kind] += 1
    print(f"{kind:4} {label}{': ' + why[:1500] if why else ''}", flush=True)


def run(command, text=None):
    return subprocess.run([str(word) for word in command], input=text, text=True, errors="replace", capture_output=True, timeout=300)


def compiler(cc, std, *flags):
    return [cc, "-x", "c++" if cc.endswith("++") else "c", f"-std={std}", "-I", ROOT / "include", *flags]


def refused(cc, std, text, words):
    result = run([*compiler(cc, std, "-w", "-fsyntax-only"), "-"], "#include <tophash/map.h>\n" + text + "\n")
    first = re.search(r"^.*error: .*$", result.stderr, re.M)
    if not first:
        return "it compiles"
    return None if re.search(words, first[0]) else first[0]


def quiet(cc, std, flags, source, level):
    result = run([*compiler(cc, std, *flags, level, "-c"), WORDS / source, "-o", "/dev/null"])
    return result.stderr or None


def runs(top, source, cc, std):
    objects = sorted(top.glob("*.o"))
    if not objects:
        result = run(["sh", "-c", f"cd {top} && gcc -O1 -D_GNU_SOURCE -I {ROOT}/include -c {ROOT}/map/*.c"])
        objects = sorted(top.glob("*.o"))
    result = run([*compiler(cc, std, "-O2", "-Wall", "-Wextra", "-Werror"), WORDS / source, "-x", "none", *objects, "-o", top / "program"])
    if result.returncode:
        return result.stderr
    result = run([top / "program"])
    return None if result.returncode == 0 else f"exit code {result.returncode} {result.stderr}"


def main():
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    for what, compilers, text, words in REFUSED:
        for cc, std in compilers:
            say(f"refused {cc} {std}: {what}", *(("", True) if not shutil.which(cc) else (refused(cc, std, text, words),)))
    analysed = [("gcc", "c11", ["-Wall", "-Wextra", "-fanalyzer"])]
    for programs, source in ((QUIET, "quiet.c"), (QUIET_CXX, "cxx.cc"), (analysed, "loop.c")):
        for cc, std, flags in programs:
            # clang warns of the text alone
            for level in ("-O0",) if "clang" in cc else ("-O0", "-O2"):
                say(f"quiet {cc} {std} {level} {source}: {len(flags)} flags",
                    *(("", True) if not shutil.which(cc) else (quiet(cc, std, flags, source, level),)))
    with tempfile.TemporaryDirectory() as folder:
        for source, (cc, std) in RUNS:
            say(f"runs {cc} {std}: {source}", *(("", True) if not shutil.which(cc) else (runs(Path(folder), source, cc, std),)))
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
