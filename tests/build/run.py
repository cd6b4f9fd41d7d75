#!/usr/bin/env python3
"""Tests whether the built files are hardened as Debian's packages are, and equal from every folder.

    tests/build/run.py [--build DIR] [WORD...]

hardened      the tool and the shared library: position-independent, GOT read-only after start, no executable stack, stack protector,
              fortified calls, branch targets marked
reproducible  two copies of the tree in folders of different names are built, without ccache, one with its build folder elsewhere: the tool
              and both libraries are equal
installs      make installs no package: of the targets that only build, none calls a package manager, whatever dpkg says; what is missing is
              named
benches       a bench that needs a Go release fetches it

With words: only the checks whose names contain one. A line a check, ok, FAIL or skip; the last line is "N passed, M failed,
K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))
import suite  # noqa: E402
from suite import Failed, Skip  # noqa: E402

MADE = ["tophash", "kubectl-tophash", "libtophash.a", "libtophash.so.0"]
BUILD = None


def run(command, **kwargs):
    done = subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def missing_in(path):
    """Returns the names of the protections that a file lacks."""
    header, segments, dynamic = (run(["readelf", "-W", flag, path]) for flag in ("-h", "-l", "-d"))
    symbols = run(["readelf", "-W", "--dyn-syms", path])
    code = run(["objdump", "-d", "--no-show-raw-insn", path])
    stack = re.search(r"GNU_STACK.* (RWE?) ", segments)
    yield from (name for name, there in {
        "position-independent": "DYN" in header,
        "relro": "GNU_RELRO" in segments,
        "bind now": "BIND_NOW" in dynamic or re.search(r"\bNOW\b", dynamic),
        "stack without execution": stack and stack[1] == "RW",
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified calls": re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols),
        "marked branch targets": re.search(r"\s(endbr64|paciasp|bti)\b", code),
    }.items() if not there)


def need_x86_64():
    if platform.machine() != "x86_64":
        raise Skip("the flags are those of x86-64")


def hardened():
    need_x86_64()
    names = ["tophash", "kubectl-tophash", "libtophash.so.0"]
    for name in names:
        lacks = list(missing_in(BUILD / name))
        if lacks:
            raise Failed(f"{name} lacks: {', '.join(lacks)}")
    return ", ".join(names)


def hardened_sees():
    """The check above must find a program without any protection."""
    need_x86_64()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        (Path(folder) / "plain.c").write_text('#include <stdio.h>\nint main(void) { printf("%d\\n", 1); return 0; }\n')
        run(["gcc", "-O2", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-z", "execstack", "-Wl,-z,norelro,-z,lazy",
             f"{plain}.c", "-o", plain])
        lacks = list(missing_in(plain))
        # The start files that every program is linked with may mark their branches.
        if set(lacks) | {"marked branch targets"} != {"position-independent", "relro", "bind now", "stack without execution",
                                                      "stack protector", "fortified calls", "marked branch targets"}:
            raise Failed(f"only these are missed: {lacks}")
    return f"{len(lacks)} missed in a plain program"


def files():
    """The files of the tree, as they are now."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        raise Skip("not a git repository: what belongs to the tree is not known")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


# These must not be called. Each writes its name to $CALLED.
MANAGERS = ["apt", "apt-get", "aptitude", "dpkg", "sudo", "pip", "pip3"]


def without_packages(folder):
    """Returns an environment in which no package is installed by dpkg's word, and a call of a package manager leaves a trace."""
    fakes = folder / "fakes"
    fakes.mkdir(exist_ok=True)
    for name, text in [("dpkg-query", "exit 1"), *((name, f'echo "{name} $*" >>"$CALLED"; exit 1') for name in MANAGERS)]:
        (fakes / name).write_text(f"#!/bin/sh\n{text}\n")
        (fakes / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "BUILD", "PREFIX", "MESON_FLAGS")}
    return dict(env, CALLED=str(folder / "called"), PATH=f"{fakes}:{os.environ['PATH']}", CCACHE_DISABLE="1")


def copy(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def nobody_called(folder):
    called = folder / "called"
    if called.exists():
        raise Failed(f"called: {called.read_text()}")


def built_by_make(top, names):
    folder = top / "one"
    copy(folder, names)
    run(["make", "--no-print-directory", "-j1"], cwd=folder, env=without_packages(top))
    nobody_called(top)
    return [(folder / "build" / name).read_bytes() for name in MADE]


def built_elsewhere(top, names):
    folder, build = top / "another folder/deeper", top / "out"
    copy(folder, names)
    env = dict(os.environ, CCACHE_DISABLE="1", TZ="Asia/Tokyo", LC_ALL="C")
    run(["meson", "setup", build, "--buildtype=release"], cwd=folder, env=env)
    run(["ninja", "-C", build, "--quiet", "-j", "1"], cwd=folder, env=env)
    return [(build / name).read_bytes() for name in MADE]


def reproducible():
    names = files()
    with tempfile.TemporaryDirectory(prefix="tophash-build-") as folder:
        top = Path(folder)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            one, other = [job.result() for job in (pool.submit(built_by_make, top, names), pool.submit(built_elsewhere, top, names))]
        different = [name for name, a, b in zip(MADE, one, other) if a != b]
        if different:
            raise Failed(f"different: {', '.join(different)}")
        inside = [name for name, data in zip(MADE, one) if top.name.encode() in data]
        if inside:
            raise Failed(f"the folder's name is in {', '.join(inside)}")
    return ", ".join(MADE)


def fails(command, **kwargs):
    """Runs a command that must fail. Returns what it prints."""
    done = subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **kwargs)
    if not done.returncode:
        raise Failed(f"{' '.join(map(str, command))} did not fail")
    return done.stdout


BUILDERS = ["all", "lib", "amalgamation", "install", "install-lib", "uninstall", "fmt", "hooks", "clean", "help"]


def installs_nothing():
    with tempfile.TemporaryDirectory(prefix="tophash-build-") as folder:
        top = Path(folder)
        copy(top / "tree", files())
        env = without_packages(top)
        make = ["make", "--no-print-directory", "-C", top / "tree"]
        planned = run([*make, "-n", *BUILDERS], env=env)
        calls = [line for line in planned.splitlines() if "tools/deps" in line and "tools/deps --check" not in line]
        if calls:
            raise Failed(f"installs: {calls}")
        for words in (["lib"], ["install-lib", f"DESTDIR={top}/dest"], ["amalgamation"], ["lib", f"BUILD={top}/deep/er"]):
            run([*make, *words], env=env)
        for words in ([], [f"BUILD={top}/fresh"]):  # after make lib, and at first
            text = fails([*make, *words], env=dict(env, PKG_CONFIG_LIBDIR="/nonexistent"))
            if "Dependency" not in text or "apt-get install" not in text or "libcapstone-dev" not in text or len(text.splitlines()) > 4:
                raise Failed(f"what is missing is not named in a few lines:\n{text}")
        nobody_called(top)
    return f"{len(BUILDERS)} targets"


def benches_fetch():
    """With an empty cache and an archive that is not there, each bench must ask for the releases it needs, and say why it has none."""
    with tempfile.TemporaryDirectory(prefix="tophash-build-") as folder:
        env = dict(os.environ, TOPHASH_CACHE=f"{folder}/cache", TOPHASH_MIRROR=f"file://{folder}/nowhere", PATH="/usr/bin:/bin:/usr/sbin:/sbin")
        if shutil.which("docker", path=env["PATH"]):
            raise Skip("with the docker client, bench/addr needs no Go release")
        if os.geteuid():
            raise Skip("bench/trace needs root")
        for bench in ("bench/trace", "bench/addr"):
            text = fails([ROOT / bench, "--quick", "--tophash", BUILD / "tophash"], env=env, cwd=ROOT)
            if "go-toolchains: 1." not in text or "Traceback" in text:
                raise Failed(f"{bench}:\n{text}")
    return "trace, addr"


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    BUILD = args.build.resolve()
    checks = {check.__name__.replace("_", " "): check for check in (hardened, hardened_sees, reproducible, installs_nothing, benches_fetch)}
    return suite.summary([suite.attempt(check, name=name) for name, check in checks.items()
                          if not args.words or any(word in name for word in args.words)])


if __name__ == "__main__":
    sys.exit(main())
