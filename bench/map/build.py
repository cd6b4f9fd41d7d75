"""Builds one program for each table, type and hash. Skips, with the reason, what cannot be built on this machine."""

import filecmp
import os
import platform
import shutil
import subprocess
import threading
from pathlib import Path

from peers import MAP, REPO, cache_dir

X86 = platform.machine() == "x86_64"
FLAGS = ["-O3", "-DNDEBUG", *(["-march=x86-64-v3"] if X86 else [])]
RUST_FLAGS = ["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1", *(["-C", "target-cpu=x86-64-v3"] if X86 else [])]
CXX = {"gcc": "g++", "clang": "clang++"}


class Skip(Exception):
    """A table that is not measured on this machine, and the reason in one line."""


class Failed(Exception):
    """A program of this repository that does not compile."""


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


def first_error(text):
    return next((line for line in text.splitlines() if "error" in line or "undefined" in line), text.splitlines()[-1])


def newest_of(paths):
    return max((p.stat().st_mtime for p in paths if p.is_file()), default=0)


def library_files(checkout):
    return [*checkout.glob("map/*.[ch]"), *checkout.glob("include/tophash/*.h")]


class Builder:
    def __init__(self, cc, out, folder=None):
        """Builds the programs. `folder` has the headers that the user provides (PEERS)."""
        self.cc, self.cxx, self.folder = cc, CXX[cc], folder and Path(folder).resolve()
        self.out = Path(out).resolve() / cc
        self.out.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        # Every program depends on all files of this folder, because a build takes only seconds. The program of the map also depends on the
        # library.
        ours = [p for p in MAP.glob("**/*") if p.suffix in (".c", ".cc", ".h", ".rs", ".go", ".mod")]
        self.newest = newest_of([*ours, MAP / "build.py"])

    def fresh(self, path, *others):
        return path.exists() and path.stat().st_mtime > max(self.newest, newest_of(others))

    def program(self, peer, type_name, hash_name):
        """Returns the path of a program, and builds it if necessary."""
        exe = self.out / f"{peer.name}-{type_name}-{hash_name}"
        if peer.goroot:
            return exe if self.fresh(exe) else self.build_go(peer, type_name, exe)
        with self.lock:  # shared by several programs
            staged = self.stage(peer)
            sources = library_files(Path(peer.checkout or REPO)) if peer.is_ours else staged
            if self.fresh(exe, *sources):
                return exe
            driver = self.build_driver(type_name)
            libs = self.libs(peer, staged)
        self.probe(peer)
        if peer.name == "hashbrown":
            libs = [self.build_rust(type_name, hash_name), "-lpthread", "-ldl", "-lm", *libs]
        try:
            run(*self.compile_cxx(type_name), f"-DOUR_HASH={int(hash_name == 'ours')}", *self.cflags(peer),
                peer.adapter, driver, *libs, "-o", exe)  # fmt: skip
        except Failed as error:
            if peer.files or peer.cache:  # of a version that was never tried
                raise Skip(f"{peer.name}: does not compile: {first_error(str(error))}") from None
            raise
        return exe

    def compile_cxx(self, type_name):
        return [self.cxx, "-std=c++17", *FLAGS, "-Wall", "-Wextra", f"-DTYPE_{type_name}"]

    # ---- where a peer's files are ----

    def stage(self, peer):
        """Copies the user's headers, and our replacements for the headers that they include. Returns the copies."""
        if not peer.files:
            return []
        if not self.folder:
            raise Skip(f"{peer.name}: Debian has none: PEERS=DIR names a folder with {' and '.join(peer.files)}")
        into = self.out / f"files-{peer.name}"
        into.mkdir(exist_ok=True)
        beside = next((p.parent for p in sorted(self.folder.rglob(peer.files[0]))
                       if all((p.parent / name).is_file() for name in peer.files)), None)  # fmt: skip
        if not beside:
            raise Skip(f"{peer.name}: no {' and '.join(peer.files)} below {self.folder}")
        for name in peer.files:
            if not (into / name).exists() or not filecmp.cmp(beside / name, into / name, shallow=False):
                shutil.copyfile(beside / name, into / name)
        return [into / name for name in peer.files]

    def includes(self, peer):
        if peer.cache:
            return [f"-isystem{cache_dir(peer) / 'usr/include'}"]
        if peer.files:
            return [f"-isystem{self.out / f'files-{peer.name}'}", f"-I{MAP / 'peers' / peer.name}"]
        return [f"-I{Path(peer.checkout or REPO) / 'include'}"]

    def probe(self, peer):
        if not peer.header:
            return
        r = subprocess.run([self.cxx, "-std=c++17", "-fsyntax-only", *self.includes(peer), "-x", "c++", "-"], text=True, capture_output=True,
                           input=f"#if !__has_include(<{peer.header}>)\n#error\n#endif\n")  # fmt: skip
        if r.returncode and peer.cache:
            raise Skip(f"{peer.name}: not fetched: tools/map-peers --fetch {peer.cache} says why")
        if r.returncode:
            raise Skip(f"{peer.name}: no <{peer.header}>: Debian's {peer.package} has it")

    def pkg_config(self, peer, *options):
        env = dict(os.environ)
        if peer.cache:
            root = cache_dir(peer)
            folders = [*root.glob("usr/lib/*/pkgconfig"), root / "usr/share/pkgconfig"]
            env.update(PKG_CONFIG_LIBDIR=":".join(map(str, folders)), PKG_CONFIG_SYSROOT_DIR=str(root))
        r = subprocess.run(["pkg-config", *options, *peer.pkg_config], text=True, capture_output=True, env=env)
        if not r.returncode:
            return r.stdout.split()
        if peer.cache:
            raise Skip(f"{peer.name}: not fetched: tools/map-peers --fetch {peer.cache} says why")
        raise Skip(f"{peer.name}: pkg-config knows no {peer.pkg_config[0]}: Debian's {peer.package} has it")

    def cflags(self, peer):
        return [*self.includes(peer), *(self.pkg_config(peer, "--cflags") if peer.pkg_config and not peer.cache else [])]

    def libs(self, peer, staged):
        if peer.is_ours:
            return [self.build_tophash(Path(peer.checkout or REPO))]
        if staged:
            return [self.build_c(peer, p) for p in staged if p.suffix == ".c"]
        if not peer.pkg_config:
            return []
        if not peer.cache:
            return self.pkg_config(peer, "--libs")
        # The archives of a package that is not installed. The shared libraries are in separate packages.
        names = [word[2:] for word in self.pkg_config(peer, "--libs", "--static") if word.startswith("-l")]
        archives = [p for name in dict.fromkeys(names) for p in cache_dir(peer).glob(f"usr/lib/*/lib{name}.a")]
        return ["-Wl,--start-group", *archives, "-Wl,--end-group", "-pthread"]

    # ---- what is compiled ----

    def build_c(self, peer, source):
        obj = source.with_suffix(".o")
        if not self.fresh(obj, source):
            run(self.cc, "-std=gnu17", "-D_GNU_SOURCE", *FLAGS, "-w", *self.includes(peer), "-c", source, "-o", obj)
        return obj

    def build_driver(self, type_name):
        obj = self.out / f"driver-{type_name}.o"
        if not self.fresh(obj):
            run(*self.compile_cxx(type_name), "-c", MAP / "driver.cc", "-o", obj)
        return obj

    def build_tophash(self, checkout):
        """Builds the library from map/, with the same compiler and flags as everything else."""
        into = self.out if checkout == REPO else self.out / "base"
        into.mkdir(exist_ok=True)
        lib = into / "libtophash.a"
        if self.fresh(lib, *library_files(checkout)):
            return lib
        objects = []
        for source in sorted(checkout.glob("map/*.c")):
            objects.append(into / f"map-{source.stem}.o")
            run(self.cc, "-std=gnu17", "-D_GNU_SOURCE", *FLAGS, "-fvisibility=hidden", f"-I{checkout / 'include'}",
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
