#!/usr/bin/env python3
"""Tests tophash/map.hpp, the map as classes of C++.

    tests/map/cxx.py [--seed N] [--rounds N]

differ: tophash_map and tophash_set against std::unordered_map, with allocations and constructors that fail; by gcc and clang, with and without
optimisation, under sanitizers, and while TOPHASH_DEBUG checks the map and stops its moves.
promises: what the header promises, one function a promise.
quiet: a program that uses all of it, with all warnings of words.py, in C++17, 20 and 23, and the header's own text with common ones.
refused: programs that cannot work. The first error says in words why.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CXX = HERE / "cxx"
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import words  # noqa: E402
from words import run, say  # noqa: E402

SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
BUILDS = [("g++", ["-O0", *SANITIZE]), ("clang++", ["-O2", *SANITIZE]), ("g++", ["-O2"]), ("clang++", ["-O1", "-DTOPHASH_LIGHT=1"]),
          ("g++", ["-O3", "-DTOPHASH_LIGHT=0", "-std=c++20"])]
DEBUG = ["", "check=2", "evacuate=manual", "evacuate=eager,check=1"]
STANDARDS = ["c++17", "c++20", "c++2b"]
OWN = ["-DTOPHASH_SHOW_WARNINGS", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Wnon-virtual-dtor", "-Wextra-semi"]
KEY = "struct key { int x; bool operator==(const key &) const { return true; } };\n"

# what it is, compilers, program, what the first error says
BOTH = ("g++", "clang++")
REFUSED = [
    ("a key without a hash", BOTH, KEY + "int f(tophash_map<key, int> &m) { return m[key{}]; }", "this key wants a hash"),
    ("a key without an equality", BOTH, "struct key { int x; }; struct h { int operator()(const key &) const { return 1; } };\n"
     "int f(tophash_map<key, int, h> &m) { return m[key{}]; }", "this key wants an equality"),
    ("a hash of std::string", BOTH, "int f(tophash_map<std::string, int, std::hash<std::string>> &m) { return m[\"\"]; }",
     "takes std::string_view"),
    ("a hash with a state", BOTH, KEY + "struct h { int n; h(int x) : n(x) {} int operator()(const key &) const { return n; } };\n"
     "int f(tophash_map<key, int, h> &m) { return m[key{}]; }", "a hash of tophash_map has no state"),
    ("padding that the compiler cannot clear", ("clang++",), "struct pad { double d; char c; };\n"
     "int f(tophash_map<pad, int, tophash_bytes> &m) { return m[pad{}]; }", "has padding"),
    ("a loop by hand", BOTH, "int f(tophash_map<int, int> &m) { int n = 0; for (auto it = m.begin(); it != m.end(); ++it) n++; return n; }",
     r"a loop over a tophash_map is: for \(auto \[key, val\] : map\)"),
    ("a copy", BOTH, "tophash_map<int, int> f(const tophash_map<int, int> &m) { return m; }", "deleted|no matching constructor"),
    ("a const key", BOTH, "tophash_map<const int, int> m;", "the type of an object, without const"),
    ("an array as key", BOTH, "tophash_map<char[8], int> m;", "the type of an object, without const"),
    ("a pointer for a number", BOTH, "int f(tophash_map<int, int> &m) { return m[\"\"]; }", "invalid conversion|no viable overloaded operator"),
    ("a pointer for a bool", BOTH, "int f(tophash_map<bool, int> &m) { return m[\"\"]; }", "cannot convert|no match|no viable overloaded operator"),
]
LANGUAGES = [("g++", "c++", "c++14", r"needs C\+\+17"), ("clang++", "c++", "c++14", r"needs C\+\+17"), ("gcc", "c", "c11", "include tophash/map.h")]


def compiler(cc, std, *flags):
    return [cc, f"-std={std}", "-I", ROOT / "include", *flags]


def library(top):
    """Builds the library once for all programs."""
    result = run(["sh", "-c", f"cd {top} && gcc -O1 -D_GNU_SOURCE -I {ROOT}/include -c {ROOT}/map/*.c && ar rcs libtophash.a *.o"])
    if result.returncode:
        sys.exit(result.stderr)
    return top / "libtophash.a"


def program(top, name, cc, flags):
    out = top / f"{name}{len(list(top.iterdir()))}"
    std = [] if any("-std" in flag for flag in flags) else ["-std=c++17"]
    result = run([cc, *std, *flags, "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", CXX / f"{name}.cc", CXX / "count.cc",
                  top / "libtophash.a", "-o", out])
    return out, result.stderr if result.returncode else None


def runs(command, env=None):
    before = dict(os.environ)
    os.environ.update(env or {})
    try:
        result = run(command)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return None if result.returncode == 0 else f"exit code {result.returncode} {result.stdout[-200:]} {result.stderr[-1500:]}"


def behaviour(top, seed, rounds):
    library(top)
    for cc, flags in BUILDS:
        label = f"{cc} {' '.join(flag for flag in flags if flag not in SANITIZE)}{' sanitizers' if SANITIZE[1] in flags else ''}"
        if not shutil.which(cc):
            say(f"{label}: no {cc}", "", True)
            continue
        for name, args in (("promises", []), ("differ", [seed, rounds])):
            out, why = program(top, name, cc, flags)
            say(f"{name} {label}", why or runs([out, *args]))
        for options in DEBUG[1:] if SANITIZE[1] in flags and not why else ():
            say(f"differ {label} TOPHASH_DEBUG={options}", runs([out, seed, rounds // 10], {"TOPHASH_DEBUG": options}))


def quiet(cc, std):
    flags = words.GCC + words.GCC_CXX if cc == "g++" else words.CLANG + words.CLANG_CXX
    mine = ["-Wno-float-equal", "-Wno-aggregate-return"] if cc == "g++" else \
        ["-Wno-float-equal", "-Wno-global-constructors", "-Wno-exit-time-destructors", "-Wno-missing-prototypes", "-Wno-weak-vtables"]
    result = run([*compiler(cc, std, *flags, *mine), "-O2", "-c", CXX / "uses.cc", "-o", os.devnull])
    if result.stderr:
        return result.stderr
    result = run([*compiler(cc, std, *OWN), "-O2", "-c", CXX / "uses.cc", "-o", os.devnull])
    return result.stderr or None


def refused(cc, std, text, want):
    result = run([*compiler(cc, std, "-w", "-O1", "-c", "-x", "c" if cc == "gcc" else "c++"), "-", "-o", os.devnull],
                 "#include <tophash/map.hpp>\n" + text + "\n")
    first = re.search(r"^.*error: .*$", result.stderr, re.M)
    if not first:
        return "it compiles"
    return None if re.search(want, first[0]) else first[0]


def alone(cc, std, flags, text):
    result = run([*compiler(cc, std, *flags, "-c", "-x", "c++"), "-", "-o", os.devnull], text)
    return result.stderr or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20000, help="operations on each kind of map")
    args = parser.parse_args()
    for cc in BOTH:
        if not shutil.which(cc):
            say(f"refused, quiet {cc}: no {cc}", "", True)
            continue
        for std in STANDARDS:
            say(f"quiet {cc} {std}", quiet(cc, std))
            for header in ("map.hpp", "store.hpp"):
                say(f"twice {cc} {std} {header}", alone(cc, std, OWN, f"#include <tophash/{header}>\n" * 2 + "int n;\n"))
        for what in ("-fno-exceptions", "-fno-rtti"):
            say(f"{cc} {what}", alone(cc, "c++17", [*OWN, "-Werror", what], f'#include "{CXX}/uses.cc"\n'))
    for what, compilers, text, want in REFUSED:
        for cc in compilers:
            say(f"refused {cc}: {what}", *(("", True) if not shutil.which(cc) else (refused(cc, "c++17", text, want),)))
    for cc, language, std, want in LANGUAGES:
        say(f"refused {cc}: {std}", *(("", True) if not shutil.which(cc) else (refused(cc, std, "", want),)))
    with tempfile.TemporaryDirectory() as folder:
        behaviour(Path(folder), args.seed, args.rounds)
    counts = words.counts
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
