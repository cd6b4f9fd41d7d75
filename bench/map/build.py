"""Builds one program for each table, type and hash. What cannot be had on this machine is skipped, with the reason."""

import os
import platform
import shutil
import subprocess
import threading
from pathlib import Path

from peers import MAP, OURS, REPO

X86 = platform.machine() == "x86_64"
FLAGS = ["-O3", "-DNDEBUG", *(["-march=x86-64-v3"] if X86 else [])]
RUST_FLAGS = ["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1", *(["-C", "target-cpu=x86-64-v3"] if X86 else [])]
CXX = {"gcc": "g++", "clang": "clang++"}


class Skip(Exception):
    """Why a table is not measured here, in one line."""


class Failed(Exception):
    """Something of ours does not compile."""


def run(*cmd, **options):
    r = subprocess.run([str(c) for c in cmd], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if r.returncode:
        raise Failed(f"{' '.join(map(str, cmd))}: exit code {r.returncode}\n{r.stdout.strip()}")
    return r.stdout


def version(*cmd):
    try:
        return run(*cmd).strip().splitlines()[0]
    except (OSError, Failed, IndexError):
        return None


class Builder:
    def __init__(self, cc, out):
        self.cc, self.cxx = cc, CXX[cc]
        self.out = Path(out).resolve() / cc
        self.out.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        # Everything depends on everything of ours: a build takes seconds.
        ours = [*MAP.glob("**/*"), *REPO.glob("map/*"), *REPO.glob("include/tophash/*")]
        self.newest = max(p.stat().st_mtime for p in ours if p.suffix in (".c", ".cc", ".h", ".rs", ".go", ".mod") or p.name == "build.py")

    def fresh(self, path):
        return path.exists() and path.stat().st_mtime > self.newest

    def program(self, peer, type_name, hash_name):
        """The path of a program, built when it must be."""
        exe = self.out / f"{peer.name}-{type_name}-{hash_name}"
        if self.fresh(exe):
            return exe
        if peer.goroot:
            return self.build_go(peer, type_name, exe)
        libs = self.libs(peer)
        self.probe(peer)
        with self.lock:  # what several share
            driver = self.build_driver(type_name)
            if peer.name == OURS:
                libs = [self.build_tophash(), *libs]
        if peer.name == "hashbrown":
            libs = [self.build_rust(type_name, hash_name), "-lpthread", "-ldl", "-lm", *libs]
        run(*self.compile_cxx(type_name), f"-DOUR_HASH={int(hash_name == 'ours')}", *self.cflags(peer),
            MAP / "peers" / f"{peer.name}.cc", driver, *libs, "-o", exe)  # fmt: skip
        return exe

    def compile_cxx(self, type_name):
        return [self.cxx, "-std=c++17", *FLAGS, "-Wall", "-Wextra", f"-DTYPE_{type_name}", f"-I{REPO / 'include'}"]

    def probe(self, peer):
        if not peer.header:
            return
        r = subprocess.run([self.cxx, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"], text=True, capture_output=True,
                           input=f"#if !__has_include(<{peer.header}>)\n#error\n#endif\n")  # fmt: skip
        if r.returncode:
            raise Skip(f"{peer.name}: no <{peer.header}>: Debian's {peer.package} has it")

    def cflags(self, peer):
        return version("pkg-config", "--cflags", *peer.pkg_config).split() if peer.pkg_config else []

    def libs(self, peer):
        if not peer.pkg_config:
            return []
        libs = version("pkg-config", "--libs", *peer.pkg_config)
        if libs is None:
            raise Skip(f"{peer.name}: pkg-config knows no {peer.pkg_config[0]}: Debian's {peer.package} has it")
        return libs.split()

    def build_driver(self, type_name):
        obj = self.out / f"driver-{type_name}.o"
        if not self.fresh(obj):
            run(*self.compile_cxx(type_name), "-c", MAP / "driver.cc", "-o", obj)
        return obj

    def build_tophash(self):
        """The library as it stands in map/, by the same compiler and flags as everything else."""
        lib = self.out / "libtophash.a"
        if self.fresh(lib):
            return lib
        objects = []
        for source in sorted(REPO.glob("map/*.c")):
            objects.append(self.out / f"map-{source.stem}.o")
            run(self.cc, "-std=gnu17", "-D_GNU_SOURCE", *FLAGS, "-fvisibility=hidden", f"-I{REPO / 'include'}",
                "-c", source, "-o", objects[-1])  # fmt: skip
        lib.unlink(missing_ok=True)
        run("ar", "rcs", lib, *objects)
        return lib

    def build_rust(self, type_name, hash_name):
        if not shutil.which("rustc"):
            raise Skip("hashbrown: no rustc: Debian's rustc has it")
        lib = self.out / f"libhashbrown-{type_name}-{hash_name}.a"
        ours = ["--cfg", "our_hash"] if hash_name == "ours" else []
        run("rustc", "--edition", "2021", *RUST_FLAGS, "-A", "unexpected_cfgs", "--cfg", f"type_{type_name}", *ours,
            MAP / "peers" / "hashbrown.rs", "-o", lib)  # fmt: skip
        return lib

    def build_go(self, peer, type_name, exe):
        env = dict(os.environ, GOAMD64="v3", GOTOOLCHAIN="local", GOFLAGS="", GOPROXY="off", CGO_ENABLED="0", GOROOT=peer.goroot)
        run(Path(peer.goroot) / "bin" / "go", "build", "-buildvcs=false", "-tags", f"type_{type_name}", "-o", exe, ".",
            cwd=MAP / "go", env=env)  # fmt: skip
        return exe
