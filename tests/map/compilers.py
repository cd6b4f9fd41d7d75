#!/usr/bin/env python3
"""Compiles programs that use every kind of map with each compiler and language standard that the map promises, and runs them.

    tests/map/compilers.py [--fetch] [COMPILER...]

Compilers are those of the machine, and those in $TOPHASH_CACHE/compilers (default: .cache in the repository). --fetch puts those that are missing
there: packages of the machine's Debian suite are downloaded and unpacked, and nothing is installed. A compiler that is in neither place is
skipped, and the line tells why.

In C: words/quiet.c and types/right.c, with -Wall -Wextra -Werror, from C11 to C23. In C++: words/cxx.cc and cxx/promises.cc, from C++17
to C++23. At -O0 and -O2; also for i686, and with musl.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import debs  # noqa: E402

GCC = ["cpp-{v}", "gcc-{v}", "g++-{v}", "gcc-{v}-base", "libgcc-{v}-dev", "libstdc++-{v}-dev"]
CLANG = ["clang-{v}", "libclang-cpp{v}", "libllvm{v}", "libclang-common-{v}-dev"]
PACKAGES = {**{f"gcc-{v}": [p.format(v=v) for p in GCC] for v in (11, 12)},
            **{f"clang-{v}": [p.format(v=v) for p in CLANG] for v in (14, 15, 16, 19)}, "musl": ["musl", "musl-dev"]}
C = ["c11", "c17", "gnu17", "c2x"]
CXX = ["c++17", "c++20", "c++2b"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-DTOPHASH_SHOW_WARNINGS"]
LEVELS = ["-O0", "-O2"]

counts = {"ok": 0, "FAIL": 0, "skip": 0}


def say(kind, text):
    counts[kind] += 1
    print(f"{kind:4} {text}", flush=True)


def cache():
    return debs.cache_dir() / "compilers"


def fetch(names):
    """Unpacks the packages of these compilers into the cache. Prints why one cannot be had."""
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)  # apt downloads as a separate user
        apt = debs.open_apt(Path(tmp) / "apt", [debs.OWN_SUITE])
        for name in names:
            folder, new = cache() / name, Path(tmp) / name
            try:
                for deb in apt.download(PACKAGES[name]):
                    apt.unpack(deb, new)
            except debs.Problem as why:
                print(f"{name}: {why}")
                continue
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(new, folder)


def compiler(name):
    """Returns (the C compiler, the C++ compiler, environment) of a name like gcc-11, or None."""
    c, cxx = name, name.replace("gcc", "g++").replace("clang", "clang++")
    if shutil.which(c) and shutil.which(cxx):
        return c, cxx, {}
    folder = cache() / name / "usr"
    if (folder / "bin" / c).exists() and name.startswith("gcc"):
        return str(folder / "bin" / c), str(folder / "bin" / cxx), {}
    inner = folder / "lib" / f"llvm-{name.partition('-')[2]}"
    if (inner / "bin/clang").exists():
        libraries = f"{folder}/lib/x86_64-linux-gnu:{inner}/lib"
        return str(inner / "bin/clang"), str(inner / "bin/clang++"), {"LD_LIBRARY_PATH": libraries}
    return None


def run(command, env, cwd=None):
    """Returns None, or what went wrong."""
    done = subprocess.run([str(word) for word in command], env=dict(os.environ, LC_ALL="C", **env), text=True, errors="replace",
                          cwd=cwd, capture_output=True, timeout=600)
    if done.returncode == 0 and not done.stderr:
        return None
    return f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-3000:]}"


def library(top, cc, env, *flags):
    """Compiles map/ with this compiler as well. Returns what went wrong, and the objects."""
    folder = top / str(len(list(top.iterdir())))
    folder.mkdir()
    why = run([cc, "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", *flags, "-I", ROOT / "include", "-c",
               *sorted((ROOT / "map").glob("*.c"))], env, folder)
    return why, sorted(folder.glob("*.o"))


def build_and_run(top, cc, env, sources, flags, objects):
    out = top / "program"
    why = run([cc, *flags, "-I", ROOT / "include", "-I", HERE / "types", *sources, *objects, "-o", out], env)
    return why or run([out], {})


def try_compiler(top, name):
    found = compiler(name)
    if not found:
        say("skip", f"{name}: neither on this machine nor in the cache (tests/map/compilers.py --fetch {name})")
        return
    cc, cxx, env = found
    why, objects = library(top, cc, env)
    say("FAIL" if why else "ok", f"{name} map/: {why or 'gnu17'}")
    if why:
        return
    for std in C:
        for level in LEVELS if std in ("c11", "gnu17") else LEVELS[:1]:
            flags = [f"-std={std}", level, *WARNINGS]
            why = build_and_run(top, cc, env, [HERE / "types/right.c"], [*flags, "-D_GNU_SOURCE"], objects) or \
                run([cc, *flags, "-I", ROOT / "include", "-c", HERE / "words/quiet.c", "-o", top / "quiet.o"], env)
            say("FAIL" if why else "ok", f"{name} {std} {level}{': ' + why if why else ''}")
    for std in CXX:
        for level in LEVELS if std == "c++17" else LEVELS[1:]:
            flags = [f"-std={std}", level, *WARNINGS]
            why = build_and_run(top, cxx, env, [HERE / "words/cxx.cc"], flags, objects) or \
                build_and_run(top, cxx, env, [HERE / "cxx/promises.cc", HERE / "cxx/count.cc"], flags, objects)
            say("FAIL" if why else "ok", f"{name} {std} {level}{': ' + why if why else ''}")


def try_i686(top):
    cc, cxx = "i686-linux-gnu-gcc", "i686-linux-gnu-g++"
    if not shutil.which(cc):
        say("skip", f"i686: no {cc}")
        return
    why, objects = library(top, cc, {})
    why = why or build_and_run(top, cc, {}, [HERE / "types/right.c"], ["-std=gnu17", "-O2", "-static", "-D_GNU_SOURCE"], objects)
    say("FAIL" if why else "ok", f"i686 gnu17 -O2{': ' + why if why else ''}")
    if not shutil.which(cxx):
        say("skip", f"i686: no {cxx}")
        return
    why = build_and_run(top, cxx, {}, [HERE / "cxx/promises.cc", HERE / "cxx/count.cc"], ["-std=c++17", "-O2", "-static"], objects)
    say("FAIL" if why else "ok", f"i686 c++17 -O2{': ' + why if why else ''}")


def try_musl(top):
    folder = cache() / "musl/usr"
    headers, libraries = folder / "include/x86_64-linux-musl", folder / "lib/x86_64-linux-musl"
    if not headers.is_dir():
        say("skip", "musl: not in the cache (tests/map/compilers.py --fetch musl)")
        return
    flags = ["-nostdinc", "-isystem", headers, "-isystem",
             subprocess.run(["gcc", "-print-file-name=include"], text=True, capture_output=True, check=True).stdout.strip(),
             "-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include"]
    why, objects = library(top, "gcc", {}, *flags, "-fno-stack-protector")
    links = ["-static", "-nostdlib", "-no-pie", libraries / "crt1.o", libraries / "crti.o"]
    ends = [libraries / "libc.a", "-lgcc", "-lgcc_eh", libraries / "libc.a", libraries / "crtn.o"]
    why = why or build_and_run(top, "gcc", {}, [*links, HERE / "types/right.c"],
                               ["-std=gnu17", "-O2", "-D_GNU_SOURCE", "-fno-pie", "-fno-stack-protector", *flags], [*objects, *ends])
    say("FAIL" if why else "ok", f"musl gnu17 -O2{': ' + why if why else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fetch", action="store_true", help="fetch the compilers that are missing")
    parser.add_argument("names", nargs="*", metavar="COMPILER", help=f"of {', '.join([*PACKAGES, 'i686'])} (default: all)")
    args = parser.parse_args()
    names = args.names or [*PACKAGES, "i686"]
    if set(names) - {*PACKAGES, "i686"}:
        parser.error(f"unknown: {', '.join(set(names) - {*PACKAGES, 'i686'})}")
    if args.fetch:
        missing = [name for name in names if name in PACKAGES and not (cache() / name).exists() and not compiler(name)]
        fetch(missing) if missing else None
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if name == "i686":
                try_i686(Path(folder))
            elif name == "musl":
                try_musl(Path(folder))
            else:
                try_compiler(Path(folder), name)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
