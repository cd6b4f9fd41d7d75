#!/usr/bin/env python3
"""Tests the map as C programmers get it: built alone, installed, and as one file, with examples and a manual that are true.

    tests/map/packaging.py [--build DIR] [--list] [WORD...]

With words: only the checks whose names contain one. A line a check, ok, FAIL or skip; the last line is "N passed, M failed,
K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import filecmp
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
EXAMPLES = REPO / "examples/map"
GOLDEN = Path(__file__).resolve().parent / "examples"
HEADERS = REPO / "include/tophash"
VERSION = (REPO / "VERSION").read_text().strip()
STRICT = ["-Wall", "-Wextra", "-Werror"]
# In C++ {0} is an initializer with members left out; examples are C first.
CXX_ZERO = ["-Wno-missing-field-initializers", "-Wno-missing-braces"]
ALONE = ["-std=gnu17", "-D_GNU_SOURCE", "-Iinclude"]
CHECKS = []
BUILD = TMP = None


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def check(function):
    CHECKS.append(function)
    return function


def need(condition, text):
    if not condition:
        raise Failed(text)


def need_same(what, got, want):
    got, want = set(got), set(want)
    need(got == want, f"{what}: missing {sorted(want - got)}, too many {sorted(got - want)}")


def run(command, cwd=REPO, env=None, stdin=None, code=0):
    """Returns the output of a command, both streams. Its exit code must be the given one (None: any but 0)."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=dict(os.environ, **(env or {})), input=stdin or "",
                          text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    if done.returncode != code if code is not None else done.returncode == 0:
        raise Failed(f"{shlex.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def run_quiet(command, **kwargs):
    text = run(command, **kwargs)
    need(not text, f"{shlex.join(map(str, command))}:\n{text}")


def each(function, items):
    """Calls the function for all items, on all processors. Raises the first failure."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def folder(name):
    ret = TMP / name
    ret.mkdir(parents=True)
    return ret


def write(path, text):
    path.write_text(text)
    return path


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def api():
    """Returns the functions that the headers export."""
    text = "".join(without_comments(path.read_text()) for path in HEADERS.glob("*.h"))
    return re.findall(r"^TOPHASH_API\b[^;{]*?\b(tophash_\w+)\(", text, re.M)


def symbols(path, *options):
    """Returns (type, name) of each defined symbol."""
    for line in run(["nm", *options, path]).splitlines():
        words = line.split()
        if len(words) >= 3:
            yield words[-2], words[-1]


def is_ours(name):
    """Tells whether a name is _.stapsdt.base, which belongs to the format of probes, and is weak and the same in every program."""
    return name.startswith("tophash_") or name == "_.stapsdt.base"


def internal_names():
    return re.findall(r"^#define (\w+)\s+tophash_i_\1$", (REPO / "map/names.h").read_text(), re.M)


# ---- the library as built -----------------------------------------------------------------------------------------------


@check
def exports():
    """version script, headers and the shared library agree"""
    script = (REPO / "map/libtophash.map").read_text()
    need(re.match(r"TOPHASH_[\d.]+ \{", script) and re.search(r"local:\s*\*;\s*\};\s*$", script), "not hidden by default")
    listed = re.findall(r"^\s(tophash_\w+);$", script, re.M)
    need(listed == sorted(listed), "map/libtophash.map: names are not sorted")
    need(len(api()) > 20, f"only {len(api())} functions found in the headers")
    need_same("map/libtophash.map, against the headers", listed, api())
    version = re.match(r"\w+[\d.]*", script)[0]
    shown = {name for _, name in symbols(BUILD / "libtophash.so", "-D", "--defined-only")} - {version}
    need_same("nm -D libtophash.so", shown, {f"{name}@@{version}" for name in listed})
    return f"{len(listed)} functions"


@check
def shared_library():
    """soname, links, and nothing needed but libc"""
    text = run(["readelf", "-dW", BUILD / "libtophash.so"])
    need("Library soname: [libtophash.so.0]" in text, text)
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    need(libraries and all(re.match(r"libc\.so|ld-linux|ld64", name) for name in libraries), f"needs {libraries}")
    need("TEXTREL" not in text and "RPATH" not in text and "RUNPATH" not in text, text)
    need(os.readlink(BUILD / "libtophash.so.0") == f"libtophash.so.{VERSION}", "libtophash.so.0")
    need((BUILD / "libtophash.so").resolve().name == f"libtophash.so.{VERSION}", "libtophash.so")
    return ", ".join(libraries)


@check
def static_library():
    """a program may use names that the library also uses"""
    with open(BUILD / "libtophash.a", "rb") as file:
        need(file.read(8) == b"!<arch>\n", "a thin archive: it is nothing without the build folder")
    names = {name for kind, name in symbols(BUILD / "libtophash.a", "-g", "--defined-only") if kind.isupper()}
    need(len(names) > 20, "no symbols")
    alien = sorted(name for name in names if not is_ours(name))
    need(not alien, f"not in map/names.h: {alien}")
    own = internal_names()
    stale = sorted(set(own) - {name.removeprefix("tophash_i_") for name in names})
    need(not stale, f"in map/names.h, but not in the library: {stale}")
    where = folder("static")
    main = "\n".join(f"int {name} = 1;" for name in own) + (
        "\n#include <tophash/map.h>\nTOPHASH_MAP(ages, int, int);\nint main(void)\n{\n\tstruct ages m = {0};\n"
        "\tint ret = ages_put(&m, 1, 2) != 1 || debug != 1;\n\tages_fini(&m);\n\treturn ret;\n}\n")
    run_quiet(["cc", *STRICT, f"-I{REPO}/include", write(where / "own.c", main), BUILD / "libtophash.a", "-o", where / "own"])
    run_quiet([where / "own"])
    return f"{len(own)} names"


@check
def alone():
    """map/ and include/ in an empty folder, by the plain command"""
    where = folder("alone")
    shutil.copytree(REPO / "map", where / "map")
    shutil.copytree(REPO / "include", where / "include")
    shutil.copy(EXAMPLES / "set.c", where)
    sources = sorted(path.relative_to(where) for path in (where / "map").glob("*.c"))

    def build(cc):
        out = where / cc
        run_quiet([cc, *ALONE, "-O1", "-Wall", "-Wextra", *sources, "set.c", "-o", out], cwd=where)
        need(run([out]) == (GOLDEN / "set.golden").read_text(), f"{cc}: another output")

    each(build, ["cc", "gcc", "clang"])
    return f"{len(sources)} sources"


# ---- installed ----------------------------------------------------------------------------------------------------------


def tree(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def installed(libdir, tool=True):
    """Returns the paths of the installed files, below the prefix."""
    ret = {f"include/tophash/{path.name}" for kind in ("*.h", "*.hpp") for path in HEADERS.glob(kind)}
    ret |= {f"share/man/man3/{path.name}" for path in (REPO / "docs/man").glob("*.3")}
    ret |= {"share/tophash/tophash_gdb.py"}
    ret |= {f"{libdir}/{name}" for name in ("libtophash.a", "libtophash.so", "libtophash.so.0", f"libtophash.so.{VERSION}",
                                            "pkgconfig/tophash.pc", "cmake/tophash/tophash-config.cmake",
                                            "cmake/tophash/tophash-config-version.cmake")}
    if tool:
        ret |= {f"bin/{name}" for name in ("tophash", "kubectl-tophash", "kubectl_complete-tophash")}
        ret |= {f"share/man/man1/{path.name}" for path in (REPO / "docs/man").glob("*.1")}
        # Where bash, zsh and fish look for what completes a command line.
        ret |= {"share/bash-completion/completions/tophash", "share/zsh/site-functions/_tophash",
                "share/fish/vendor_completions.d/tophash.fish"}
    return ret


def make(target, *words, cwd=REPO, **kwargs):
    return run(["make", "--no-print-directory", target, *words], cwd=cwd, **kwargs)


@check
def install():
    """make install and uninstall: DESTDIR, PREFIX, LIBDIR"""
    dest = folder("install")
    words = [f"BUILD={BUILD}", f"DESTDIR={dest}", "PREFIX=/opt/pack", "LIBDIR=/opt/pack/lib64"]
    make("install", *words)
    need_same("installed", tree(dest), {"opt/pack/" + name for name in installed("lib64")})
    prefix = dest / "opt/pack"
    need(os.access(prefix / "bin/tophash", os.X_OK), "the tool is not executable")
    need(run([prefix / "bin/tophash", "--version"]).split()[-1] == VERSION, "the tool's version")
    need(os.readlink(prefix / "lib64/libtophash.so") == "libtophash.so.0", "libtophash.so")
    need(filecmp.cmp(HEADERS / "map.h", prefix / "include/tophash/map.h", shallow=False), "map.h")
    pc = (prefix / "lib64/pkgconfig/tophash.pc").read_text()
    need(str(dest) not in pc and "@" not in pc, pc)
    need(f"Version: {VERSION}\n" in pc and "libdir=${prefix}/lib64\n" in pc and "Libs.private:" in pc, pc)
    make("uninstall", *words)
    need(not tree(dest) and not (prefix / "include/tophash").exists(), f"left: {sorted(tree(dest))}")
    return f"{len(installed('lib64'))} files"


@check
def meson_install():
    """meson install installs the same files as make install"""
    dest = folder("meson-install")
    run(["meson", "install", "-C", BUILD, "--destdir", dest, "--no-rebuild", "--quiet"])
    options = run(["meson", "configure", BUILD])
    prefix, libdir = (re.search(rf"^\s*{name}\s+(\S+)", options, re.M)[1] for name in ("prefix", "libdir"))
    need_same("installed", tree(dest), {prefix.strip("/") + "/" + name for name in installed(libdir)})


@check
def lib_alone():
    """make lib, install-lib: without the tool's sources and packages"""
    where, dest = folder("lib-alone"), folder("lib-dest")
    for name in ("Makefile", "meson.build", "meson_options.txt", "VERSION", "LICENSE"):
        shutil.copy(REPO / name, where)
    for name in ("map", "include", "tools", "docs/man"):
        shutil.copytree(REPO / name, where / name)
    env = {"PKG_CONFIG_LIBDIR": str(TMP / "nothing"), "PKG_CONFIG_PATH": "", "CC": "clang"}
    make("install-lib", f"DESTDIR={dest}", cwd=where, env=env)
    need((where / "build/libtophash.a").exists() and (where / "build/libtophash.so").exists(), "not built")
    need_same("installed", tree(dest), {"usr/local/" + name for name in installed("lib", tool=False)})


def compile_installed(prefix, *options):
    env = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    flags = run(["pkg-config", "--cflags", "--libs", *(["--static"] if "-static" in options else []), "tophash"], env=env)
    out = TMP / f"installed{len(options)}"
    run_quiet(["cc", *STRICT, EXAMPLES / "word_count.c", *flags.split(), *options, "-o", out])
    return out


@check
def pkg_config():
    """an example against the installed tree, shared and static"""
    prefix = folder("prefix")
    make("install", f"BUILD={BUILD}", f"PREFIX={prefix}")
    text, want = (GOLDEN / "word_count.txt").read_text(), (GOLDEN / "word_count.golden").read_text()
    env = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    need(run(["pkg-config", "--modversion", "tophash"], env=env).strip() == VERSION, "--modversion")
    out = compile_installed(prefix)
    need("libtophash.so.0" in run(["readelf", "-d", out]), "not linked to the shared library")
    need(run([out], stdin=text, env={"LD_LIBRARY_PATH": f"{prefix}/lib"}) == want, "shared: another output")
    out = compile_installed(prefix, "-static")
    need("NEEDED" not in run(["readelf", "-d", out]), "not static")
    need(run([out], stdin=text) == want, "static: another output")
    make("uninstall", f"BUILD={BUILD}", f"PREFIX={prefix}")
    need(not tree(prefix), f"left: {sorted(tree(prefix))}")


def need_word_count(out, **kwargs):
    need(run([out], stdin=(GOLDEN / "word_count.txt").read_text(), **kwargs) == (GOLDEN / "word_count.golden").read_text(), "another output")


@check
def cmake_package():
    """find_package(tophash): both libraries, and a version that is too new"""
    if not shutil.which("cmake"):
        raise Skip("no cmake")
    prefix, where = folder("cmake-prefix"), folder("cmake")
    make("install-lib", f"BUILD={BUILD}", f"PREFIX={prefix}")
    write(where / "CMakeLists.txt", f"""cmake_minimum_required(VERSION 3.13)
project(words C)
find_package(tophash {VERSION} REQUIRED)
add_executable(shared {EXAMPLES}/word_count.c)
target_link_libraries(shared tophash::tophash)
add_executable(static {EXAMPLES}/word_count.c)
target_link_libraries(static tophash::static)
find_package(tophash 99 QUIET CONFIG)
message("TOO_NEW=${{tophash_FOUND}}")
""")
    text = run(["cmake", "-S", where, "-B", where / "b", f"-DCMAKE_PREFIX_PATH={prefix}"])
    need("TOO_NEW=0" in text, text)
    run(["cmake", "--build", where / "b"])
    need("libtophash.so.0" in run(["readelf", "-d", where / "b/shared"]), "not linked to the shared library")
    need("libtophash" not in run(["readelf", "-d", where / "b/static"]), "not linked to the static library")
    need_word_count(where / "b/shared")
    need_word_count(where / "b/static")
    make("uninstall", f"BUILD={BUILD}", f"PREFIX={prefix}")
    need(not tree(prefix), f"left: {sorted(tree(prefix))}")


@check
def meson_subproject():
    """dependency('tophash') of a project that has this repository as a subproject: the library alone"""
    where = folder("subproject")
    (where / "subprojects").mkdir()
    (where / "subprojects/tophash").symlink_to(REPO)
    shutil.copyfile(EXAMPLES / "word_count.c", where / "words.c")
    write(where / "meson.build", "project('words', 'c')\nexecutable('words', 'words.c', dependencies: dependency('tophash', fallback: 'tophash'))\n")
    run(["meson", "setup", where / "b", where])
    run(["ninja", "-C", where / "b"])
    need_word_count(where / "b/words")
    need(not list((where / "b").rglob("tophash.p")), "the tool is built as well")


# ---- one file -----------------------------------------------------------------------------------------------------------


def amalgamation():
    where = TMP / "amalgamation"
    if not where.exists():
        run_quiet([REPO / "tools/amalgamate", where])
    return where


@check
def amalgamation_is_the_same_each_time():
    """and make amalgamation makes it, too"""
    one, other = amalgamation(), TMP / "amalgamation2"
    run_quiet([REPO / "tools/amalgamate", other], env={"PYTHONHASHSEED": "7"}, cwd="/")
    names = sorted(tree(one))
    need(names == ["tophash.c", "tophash.h"], names)
    need(filecmp.cmpfiles(one, other, names, shallow=False)[0] == names, "another one")
    make("amalgamation", f"BUILD={TMP}/amalgamation3")
    need(filecmp.cmpfiles(one, TMP / "amalgamation3/amalgamation", names, shallow=False)[0] == names, "make's is another one")
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
                   BUILD / "libtophash.a", "-o", out])
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
    need_golden("python_ctypes", [sys.executable, EXAMPLES / "python_ctypes.py", BUILD / "libtophash.so"])


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
    run_quiet(["c++" if cxx else "cc", "-std=c++17" if cxx else "-std=gnu11", *STRICT, f"-I{REPO}/include", source, BUILD / "libtophash.a", "-o", out])
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


# ---- all of it ----------------------------------------------------------------------------------------------------------


def run_check(function, counts):
    name = function.__name__.replace("_", " ")
    try:
        more = function()
        kind, text = "ok", more or ""
    except Skip as skip:
        kind, text = "skip", str(skip)
    except Exception as error:
        kind, text = "FAIL", str(error) if isinstance(error, Failed) else repr(error)
    counts[kind] += 1
    print(f"{kind:4} {name}: {function.__doc__}{' (' + text + ')' if text and kind != 'FAIL' else ''}", flush=True)
    if kind == "FAIL":
        print(text, flush=True)


def main():
    global BUILD, TMP
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=REPO / "build")
    parser.add_argument("--list", action="store_true", help="print the names of the checks, run nothing")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    if args.list:
        print("\n".join(function.__name__ for function in CHECKS))
        return 0
    BUILD = args.build.resolve()
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory() as tmp:
        TMP = Path(tmp)
        for function in CHECKS:
            if not args.words or any(word in function.__name__ for word in args.words):
                run_check(function, counts)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
