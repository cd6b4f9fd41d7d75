"""Checks of the library as it is built, and as it is installed."""

import filecmp
import os
import re
import shutil

from packaging_harness import (
    ALONE, api, at, check, each, EXAMPLES, folder, GOLDEN, HEADERS, internal_names, is_ours, need, need_same, REPO, run, run_quiet, Skip, STRICT,
    symbols, VERSION, write)


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
    shown = {name for _, name in symbols(at.build / "libtophash.so", "-D", "--defined-only")} - {version}
    need_same("nm -D libtophash.so", shown, {f"{name}@@{version}" for name in listed})
    return f"{len(listed)} functions"


@check
def shared_library():
    """soname, links, and nothing needed but libc"""
    text = run(["readelf", "-dW", at.build / "libtophash.so"])
    need("Library soname: [libtophash.so.0]" in text, text)
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
    need(libraries and all(re.match(r"libc\.so|ld-linux|ld64", name) for name in libraries), f"needs {libraries}")
    need("TEXTREL" not in text and "RPATH" not in text and "RUNPATH" not in text, text)
    need(os.readlink(at.build / "libtophash.so.0") == f"libtophash.so.{VERSION}", "libtophash.so.0")
    need((at.build / "libtophash.so").resolve().name == f"libtophash.so.{VERSION}", "libtophash.so")
    return ", ".join(libraries)


@check
def static_library():
    """a program may use names that the library also uses"""
    with open(at.build / "libtophash.a", "rb") as file:
        need(file.read(8) == b"!<arch>\n", "a thin archive: it is nothing without the build folder")
    names = {name for kind, name in symbols(at.build / "libtophash.a", "-g", "--defined-only") if kind.isupper()}
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
    run_quiet(["cc", *STRICT, f"-I{REPO}/include", write(where / "own.c", main), at.build / "libtophash.a", "-o", where / "own"])
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
    words = [f"BUILD={at.build}", f"DESTDIR={dest}", "PREFIX=/opt/pack", "LIBDIR=/opt/pack/lib64"]
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
    run(["meson", "install", "-C", at.build, "--destdir", dest, "--no-rebuild", "--quiet"])
    options = run(["meson", "configure", at.build])
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
    env = {"PKG_CONFIG_LIBDIR": str(at.tmp / "nothing"), "PKG_CONFIG_PATH": "", "CC": "clang"}
    make("install-lib", f"DESTDIR={dest}", cwd=where, env=env)
    need((where / "build/libtophash.a").exists() and (where / "build/libtophash.so").exists(), "not built")
    need_same("installed", tree(dest), {"usr/local/" + name for name in installed("lib", tool=False)})


def compile_installed(prefix, *options):
    env = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    flags = run(["pkg-config", "--cflags", "--libs", *(["--static"] if "-static" in options else []), "tophash"], env=env)
    out = at.tmp / f"installed{len(options)}"
    run_quiet(["cc", *STRICT, EXAMPLES / "word_count.c", *flags.split(), *options, "-o", out])
    return out


@check
def pkg_config():
    """an example against the installed tree, shared and static"""
    prefix = folder("prefix")
    make("install", f"BUILD={at.build}", f"PREFIX={prefix}")
    text, want = (GOLDEN / "word_count.txt").read_text(), (GOLDEN / "word_count.golden").read_text()
    env = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    need(run(["pkg-config", "--modversion", "tophash"], env=env).strip() == VERSION, "--modversion")
    out = compile_installed(prefix)
    need("libtophash.so.0" in run(["readelf", "-d", out]), "not linked to the shared library")
    need(run([out], stdin=text, env={"LD_LIBRARY_PATH": f"{prefix}/lib"}) == want, "shared: another output")
    out = compile_installed(prefix, "-static")
    need("NEEDED" not in run(["readelf", "-d", out]), "not static")
    need(run([out], stdin=text) == want, "static: another output")
    make("uninstall", f"BUILD={at.build}", f"PREFIX={prefix}")
    need(not tree(prefix), f"left: {sorted(tree(prefix))}")


def need_word_count(out, **kwargs):
    need(run([out], stdin=(GOLDEN / "word_count.txt").read_text(), **kwargs) == (GOLDEN / "word_count.golden").read_text(), "another output")


@check
def cmake_package():
    """find_package(tophash): both libraries, and a version that is too new"""
    if not shutil.which("cmake"):
        raise Skip("no cmake")
    prefix, where = folder("cmake-prefix"), folder("cmake")
    make("install-lib", f"BUILD={at.build}", f"PREFIX={prefix}")
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
    make("uninstall", f"BUILD={at.build}", f"PREFIX={prefix}")
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
