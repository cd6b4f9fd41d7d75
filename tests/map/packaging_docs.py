"""Checks of the examples, the manual and the README of the library."""

import os
import re
import shutil
import subprocess
import sys

from packaging_harness import (
    ALONE, api, at, check, CXX_ZERO, each, EXAMPLES, folder, GOLDEN, HEADERS, need, REPO, run, run_quiet, Skip, STRICT, VERSION, write)


# ---- examples -----------------------------------------------------------------------------------------------------------


def example_names():
    return sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".c", ".cc"))


def need_golden(name, command, **kwargs):
    stem = name.split(".")[0]
    given = GOLDEN / f"{stem}.txt"
    got = run(command, stdin=given.read_text() if given.exists() else None, **kwargs)
    want = (GOLDEN / f"{stem}.golden").read_text()
    need(got == want, f"{name}: {got!r} is not {want!r}")


WAYS = {
    "gcc -std=gnu11 -x c -O2": [],
    "clang -std=gnu17 -x c -O1": [],
    "g++ -std=gnu++17 -x c++ -O2": CXX_ZERO,
    "clang++ -std=c++20 -x c++ -O1": CXX_ZERO,
}


@check
def examples():
    """each one, C and C++, gcc and clang, prints what it should"""
    where = folder("examples")
    need(len(example_names()) >= 6, example_names())

    def build(job):
        number, (way, options), name = job
        out = where / f"{name}{number}"
        run_quiet([*way.split(), *STRICT, *options, f"-I{REPO}/include", EXAMPLES / name, "-x", "none",
                   at.build / "libtophash.a", "-o", out])
        need_golden(name, [out])

    jobs = [(number, way, name) for name in example_names() for number, way in enumerate(WAYS.items())
            if "++" in way[0] or name.endswith(".c")]
    each(build, jobs)
    return f"{len(example_names())} programs, {len(WAYS)} ways"


@check
def examples_sanitized():
    """nothing leaks, nothing is freed twice"""
    where = folder("sanitized")
    flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *ALONE]

    def build(source):
        run_quiet(["clang", *flags, "-c", source, "-o", where / f"{source.stem}.o"])
        return where / f"{source.stem}.o"

    objects = each(build, sorted((REPO / "map").glob("*.c")))

    def try_one(name):
        cc = ["clang", *flags] if name.endswith(".c") else ["clang++", *flags[:-len(ALONE)], "-std=c++17", f"-I{REPO}/include"]
        run_quiet([*cc, EXAMPLES / name, *objects, "-o", where / name])
        need_golden(name, [where / name])

    each(try_one, example_names())


@check
def example_python():
    """the generic API, from Python"""
    need_golden("python_ctypes", [sys.executable, EXAMPLES / "python_ctypes.py", at.build / "libtophash.so"])


# ---- what is written ----------------------------------------------------------------------------------------------------


def manual(name):
    return (REPO / "docs/man" / name).read_text()


def pages():
    return sorted((REPO / "docs/man").glob("*.3"))


@check
def manual_is_well_formed():
    """man --warnings, mandoc -Tlint"""
    need(len(pages()) == 3, pages())
    for page in pages():
        text = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL="C.UTF-8", MANROFFSEQ="", MANWIDTH="80"), check=True).stderr
        need(not text, text)
        need(f'"tophash {VERSION}"' in page.read_text(), f"{page.name}: not version {VERSION}")
    if not shutil.which("mandoc"):
        raise Skip("no mandoc")
    for page in pages():
        run_quiet(["mandoc", "-Tlint", page])


@check
def manual_is_complete():
    """an entry for each function of map.h's comment, and each that is exported"""
    comment = re.match(r"/\*.*?\*/", (HEADERS / "map.h").read_text(), re.S)[0]
    names = set(re.findall(r"(?<!struct )\bname_(\w+)", comment))
    need(len(names) >= 20, f"only {sorted(names)} found in map.h")
    heads = [line.replace('"', "") for line in manual("tophash_map.3").splitlines() if line.startswith(".BI ")]
    have = {match[1] for match in (re.search(r"\bname _(\w+)\(", head) for head in heads) if match}
    missing = sorted(names - have)
    need(not missing, f"tophash_map.3 has no entry for {missing}")
    macros = set(re.findall(r"^#define (TOPHASH_(?:MAP|SET)\w*[A-Z]|TOPHASH_MAP|TOPHASH_SET|TOPHASH_EACH)\(",
                            (HEADERS / "map.h").read_text(), re.M))
    text = re.sub(r'["\\]|\\f.', "", "".join(page.read_text() for page in pages()))
    missing = sorted(name for name in [*macros, *api()] if not re.search(rf"\b{name}\b", text))
    need(not missing, f"the manual does not name {missing}")
    return f"{len(names)} functions of a map, {len(api())} that are exported, {len(macros)} macros"


def run_snippet(where, number, text):
    cxx = "map.hpp" in text
    source, out = where / f"{number}.{'cc' if cxx else 'c'}", where / str(number)
    write(source, text)
    run_quiet(["c++" if cxx else "cc", "-std=c++17" if cxx else "-std=gnu11", *STRICT, f"-I{REPO}/include", source, at.build / "libtophash.a", "-o", out])
    return run([out, "a", "b", "a"])


@check
def manual_examples():
    """each program of the manual compiles, and prints what it should"""
    where = folder("manual")
    texts = [block.replace("\\e", "\\").replace("\\-", "-") for page in pages()
             for block in re.findall(r"^\.nf\n(#include.*?)^\.fi$", page.read_text(), re.M | re.S)]
    got = ["".join(sorted(run_snippet(where, i, text).splitlines(True))) for i, text in enumerate(texts)]
    need(got == ["1: ada is 37\n", "1: ada is 37\n", "a: 2\nb: 1\n", "3 gone, 4 left\n", "1\n"], got)


@check
def readme():
    """its programs compile, and print the output that the page shows"""
    text = (REPO / "map/README.md").read_text()
    programs = re.findall(r"```c(?:pp)?\n(.*?)```\n.*?[Ii]t prints `(.*?)`", text, re.S)
    need(len(programs) == len(re.findall(r"```c(?:pp)?\n", text)) == 4, f"{len(programs)} programs with what they print")
    where = folder("readme")
    for number, (program, prints) in enumerate(programs):
        got = run_snippet(where, number, program)
        need(got.strip() == prints, f"{got!r} is not {prints!r}")
