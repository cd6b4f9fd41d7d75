"""Checks of the library as one file."""

import filecmp
import re

from packaging_harness import (
    api, at, check, CXX_ZERO, each, EXAMPLES, GOLDEN, internal_names, is_ours, need, need_same, REPO, run, run_quiet, STRICT, symbols,
    without_comments, write)
from packaging_built import make, tree


def amalgamation():
    where = at.tmp / "amalgamation"
    if not where.exists():
        run_quiet([REPO / "tools/amalgamate", where])
    return where


@check
def amalgamation_is_the_same_each_time():
    """and make amalgamation makes it, too"""
    one, other = amalgamation(), at.tmp / "amalgamation2"
    run_quiet([REPO / "tools/amalgamate", other], env={"PYTHONHASHSEED": "7"}, cwd="/")
    names = sorted(tree(one))
    need(names == ["tophash.c", "tophash.h"], names)
    need(filecmp.cmpfiles(one, other, names, shallow=False)[0] == names, "another one")
    make("amalgamation", f"BUILD={at.tmp}/amalgamation3")
    need(filecmp.cmpfiles(one, at.tmp / "amalgamation3/amalgamation", names, shallow=False)[0] == names, "make's is another one")
    left = re.findall(r'#\s*include\s*".*', without_comments((one / "tophash.h").read_text()))
    need(not left, left)
    return f"{(one / 'tophash.h').stat().st_size // 1024} KiB"


@check
def amalgamation_header():
    """C11 to C2x, C++17 and 20, gcc and clang, without a warning"""
    where = amalgamation()
    main = '#include "tophash.h"\n#include "tophash.h"\nTOPHASH_MAP(ages, const char *, int);\nint main() { return 0; }\n'
    write(where / "header.c", main)
    kinds = [(cc, "c", std) for cc in ("gcc", "clang") for std in ("c11", "gnu17", "c2x")]
    kinds += [(cc, "c++", std) for cc in ("g++", "clang++") for std in ("c++17", "gnu++20")]

    def build(kind):
        cc, language, std = kind
        run_quiet([cc, "-x", language, f"-std={std}", *STRICT, "-O1", "-c", "header.c", "-o", f"header-{cc}-{std}.o"],
                  cwd=where)

    each(build, kinds)
    return f"{len(kinds)} ways"


@check
def amalgamation_implementation():
    """C11 and gnu17, gcc and clang, without a warning; every function has a name of ours"""
    where = amalgamation()

    def build(kind):
        cc, std = kind
        out = where / f"impl-{cc}-{std}.o"
        run_quiet([cc, f"-std={std}", *STRICT, "-O2", "-c", "tophash.c", "-o", out], cwd=where)
        functions = [name for kind, name in symbols(out, "--defined-only") if kind in "tT"]
        alien = [name for name in functions if not is_ours(name)]
        need(len(functions) > len(api()) and not alien, f"{cc}: {alien}")
        need_same("external", [n for k, n in symbols(out, "-g", "--defined-only") if k == "T"], api())

    each(build, [(cc, std) for cc in ("gcc", "clang") for std in ("c11", "gnu17")])


def amalgamated(name):
    return (EXAMPLES / name).read_text().replace("#include <tophash/map.h>\n", '#include "tophash.h"\n')


@check
def amalgamation_in_a_program():
    """in one file with names of its own; in C++ with the C file beside it"""
    where = amalgamation()
    text, want = (GOLDEN / "word_count.txt").read_text(), (GOLDEN / "word_count.golden").read_text()
    tags = sorted(set(re.findall(r"^struct (\w+) \{", "".join(p.read_text() for p in (REPO / "map").glob("*.[ch]")), re.M)))
    own = "".join(f"struct {tag} {{\n\tint own;\n}};\n" for tag in tags if not tag.startswith("tophash_"))
    own += "".join(f"int {name} = 1;\n" for name in internal_names())
    main = '#define TOPHASH_IMPLEMENTATION\n#include "tophash.h"\n' + own + amalgamated("word_count.c")
    write(where / "one.c", main)
    run_quiet(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "one.c", "-o", "one"], cwd=where)
    need(run([where / "one"], stdin=text) == want, "one file: another output")
    write(where / "two.cc", amalgamated("word_count.c"))
    run_quiet(["gcc", "-c", "-O1", "tophash.c", "-o", "two.o"], cwd=where)
    run_quiet(["g++", "-std=c++17", *STRICT, *CXX_ZERO, "two.cc", "two.o", "-o", "two"], cwd=where)
    need(run([where / "two"], stdin=text) == want, "C++: another output")


@check
def amalgamation_says_what_is_wrong():
    """included too late, or compiled as C++; hidden where TOPHASH_API is nothing"""
    where = amalgamation()
    late = write(where / "late.c", '#include <stdlib.h>\n#define TOPHASH_IMPLEMENTATION\n#include "tophash.h"\n')
    text = run(["gcc", "-std=c11", "-fsyntax-only", late], code=None)
    need("include tophash.h before all other headers" in text, text)
    run_quiet(["gcc", "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", late])
    text = run(["g++", "-x", "c++", "-fsyntax-only", where / "tophash.c"], code=None)
    need("the implementation of tophash is C" in text, text)
    hidden = where / "hidden.so"
    run_quiet(["gcc", "-shared", "-fPIC", "-fvisibility=hidden", "-DTOPHASH_API=", where / "tophash.c", "-o", hidden])
    shown = [name for _, name in symbols(hidden, "-D", "--defined-only")]
    need(not shown, f"exported: {shown}")
