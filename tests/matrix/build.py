#!/usr/bin/env python3
"""Builds the target programs with every Go toolchain, in every way in which Go programs are built.

  tests/matrix/build.py                         everything
  tests/matrix/build.py --go 1.19,1.27 --variant default,pie --program kinds

The results are <cache>/targets/<go>/<variant>/<program>, cache being $TOPHASH_CACHE or .cache in the repository. A program that is up to
date is not built again. Prints a line for each program that was built, or could not be built. Exit code: 0, 1 when something did not build,
3 when a toolchain is missing.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pgo

REPO = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(REPO / "tests"))
import sample  # noqa: E402
CACHE = Path(os.environ.get("TOPHASH_CACHE") or REPO / ".cache").resolve()
VERSIONS = ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"]


def profile_path(kind):
    return CACHE / "pgo" / (kind + ".pgo")


# name: (arguments of go build, cgo)
VARIANTS = {
    "default": ([], False),
    "stripped": (["-ldflags=-s -w"], False),
    "pie": (["-buildmode=pie"], False),
    "trimpath": (["-trimpath"], False),
    "cgo": (["-tags=withcgo", "-ldflags=-linkmode=external"], True),
    "noopt": (["-gcflags=all=-N -l"], False),
    "race": (["-race"], True),
    "pgo": (["-pgo=" + str(profile_path("measured"))], False),
    "pgo-deep": (["-pgo=" + str(profile_path("deep"))], False),
    "nosync": ([], False),
}
# A sync.Map of two maps, as before Go 1.24. Only these two releases have this experiment.
EXPERIMENTS = {"nosync": "nosynchashtriemap"}
PROFILED = {"pgo": "measured", "pgo-deep": "deep"}
# These build the whole library once more (pgo and race half a CPU minute a release, pgo-deep one), so only with some releases. In race
# builds the fast entries call the race detector first from 1.24 on. Only a deep profile
# changes anything in classic maps, 1.23.
RELEASES = {"noopt": VERSIONS[-2:], "race": ["1.24"], "pgo": [VERSIONS[-2]], "pgo-deep": ["1.23", VERSIONS[-1]], "nosync": ["1.24", "1.25"]}



def draw(seed):
    """Takes a sample of RELEASES: each of these variants is built with one release of each layout, others each day."""
    classic, swiss = ([r for r in sample.ALWAYS if sample.is_swiss(r) == wanted] for wanted in (False, True))
    for variant in ("pie", "trimpath", "cgo"):
        RELEASES[variant] = sample.some(seed, variant, classic, 1) + sample.some(seed, variant, swiss, 1)
    RELEASES["noopt"] = sample.some(seed, "noopt", RELEASES["noopt"], 1)


# `make test` sets it. All suites of a run take the same sample.
if os.environ.get("TOPHASH_TARGETS_SEED"):
    draw(os.environ["TOPHASH_TARGETS_SEED"])

# name: (folder of the module, package, the variants in which it is built)
PROGRAMS = {
    "kinds": ("tests/targets", "./kinds", [v for v in VARIANTS if v not in EXPERIMENTS]),
    "syncmap": ("tests/targets", "./syncmap", [v for v in VARIANTS if v != "pgo"]),
    "cgo": ("tests/targets", "./cgo", ["cgo"]),
    "busy": ("tests/targets", "./busy", ["default", "stripped", *PROFILED]),
    "steps": ("tests/targets", "./steps", ["default", "stripped"]),
    "moving": ("tests/targets", "./moving", ["default"]),
    "sessions": ("examples/sessions", ".", ["stripped"]),
}


def toolchains():
    """Returns {version: GOROOT} of the toolchains in the cache."""
    roots = {v: CACHE / "go" / v for v in VERSIONS}
    return {v: p for v, p in roots.items() if (p / "bin" / "go").is_file()}


def fetched(version):
    """Returns the GOROOT of a release, which is fetched if it is not in the cache. Raises RuntimeError if that fails."""
    if version not in toolchains():
        r = subprocess.run([REPO / "tools/go-toolchains", "--fetch", version], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if r.returncode:
            raise RuntimeError(r.stderr.strip())
    return CACHE / "go" / version


def go_env(version, cgo=False):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO"))}
    env.update(
        GOROOT=str(CACHE / "go" / version),
        GOCACHE=str(CACHE / "gocache" / version),
        GOPATH=str(CACHE / "gopath"),
        GOENV="off",
        GOFLAGS="-mod=mod",
        GOPROXY="off",
        GOTOOLCHAIN="local",
        GOWORK="off",
        CGO_ENABLED="1" if cgo else "0",
    )
    return env


def sources(folder):
    return sorted(p for p in (REPO / folder).rglob("*") if p.suffix in (".go", ".mod", ".c", ".h"))


def stamp(*parts, files):
    h = hashlib.sha256(repr(parts).encode())
    for p in files:
        h.update(str(p.relative_to(REPO)).encode() + p.read_bytes())
    return h.hexdigest()


def combinations(versions=None, variants=None, programs=None):
    """Returns (version, variant, program) of all programs, whether their toolchain is found or not."""
    for version in versions or VERSIONS:
        for program, (_, _, built) in PROGRAMS.items():
            for variant in built:
                if version not in RELEASES.get(variant, VERSIONS):
                    continue
                if (not variants or variant in variants) and (not programs or program in programs):
                    yield version, variant, program


def path_of(version, variant, program):
    return CACHE / "targets" / version / variant / program


def write_profile(kind):
    """Writes the profile unless it exists. Returns its bytes."""
    path, data = profile_path(kind), pgo.profile(kind)
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        new.write_bytes(data)
        new.replace(path)
    return data


def not_inlined(version, kind, out):
    """Returns why a program built with a profile proves nothing, or None."""
    go = CACHE / "go" / version / "bin" / "go"
    cmd = [str(go), "tool", "objdump", "-s", pgo.FUNCTIONS, str(out)]
    r = subprocess.run(cmd, env=go_env(version), capture_output=True, text=True)
    if r.returncode:
        return f"objdump: {r.stderr.strip()[-300:]}"
    return pgo.complaint(kind, int(version.split(".")[1]), r.stdout)


def build(version, variant, program):
    """Returns (path, was it built, the compiler's output when it failed)."""
    folder, package, _ = PROGRAMS[program]
    args, cgo = VARIANTS[variant]
    out = path_of(version, variant, program)
    out.parent.mkdir(parents=True, exist_ok=True)
    go = CACHE / "go" / version / "bin" / "go"
    profile = write_profile(PROFILED[variant]) if variant in PROFILED else b""
    key = stamp(version, (CACHE / "go" / version / "VERSION").read_text(), args, cgo, package, profile, files=sources(folder))
    stamp_file = out.with_name(out.name + ".stamp")
    if out.exists() and stamp_file.exists() and stamp_file.read_text() == key:
        return out, False, None
    stamp_file.unlink(missing_ok=True)
    cmd = [str(go), "build", "-p", "2", "-buildvcs=false", *args, "-o", str(out), package]
    env = go_env(version, cgo) | ({"GOEXPERIMENT": EXPERIMENTS[variant]} if variant in EXPERIMENTS else {})
    r = subprocess.run(cmd, cwd=REPO / folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if r.returncode:
        return out, False, r.stdout.strip()
    if variant in PROFILED and program != "syncmap":  # its events tell
        error = not_inlined(version, PROFILED[variant], out)
        if error:
            return out, False, error
    stamp_file.write_text(key)
    return out, True, None


def build_nogo():
    """Returns the programs that are not Go: {name: path}. The C one is None when there is no C compiler."""
    out = CACHE / "targets" / "nogo"
    out.mkdir(parents=True, exist_ok=True)
    source = REPO / "tests/targets/nogo/nogo.c"
    exe = out / "nogo"
    cc = os.environ.get("CC") or shutil.which("cc")
    if cc and (not exe.exists() or exe.stat().st_mtime < source.stat().st_mtime):
        subprocess.run([cc, "-O1", "-o", str(exe), str(source)], check=True)
    return {"nogo": exe if exe.exists() else None, "nogo.sh": REPO / "tests/targets/nogo/nogo.sh"}


def names(text):
    return [x for x in text.split(",") if x]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--go", type=names, default=[], metavar="1.NN,…")
    ap.add_argument("--variant", type=names, default=[], metavar=",".join(VARIANTS))
    ap.add_argument("--program", type=names, default=[], metavar=",".join(PROGRAMS))
    ap.add_argument("--jobs", type=int, default=1)
    args = ap.parse_args()
    for given, known in ((args.go, VERSIONS), (args.variant, VARIANTS), (args.program, PROGRAMS)):
        for x in given:
            if x not in known:
                ap.error(f"{x}: not one of {' '.join(known)}")

    found = toolchains()
    missing = [v for v in args.go or VERSIONS if v not in found]
    todo = [c for c in combinations(args.go, args.variant, args.program) if c[0] in found]
    built = failed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for combo, (path, new, error) in zip(todo, pool.map(lambda c: build(*c), todo)):
            if error:
                failed += 1
                print(f"FAILED {' '.join(combo)}\n{error}", flush=True)
            elif new:
                built += 1
                print(f"built  {' '.join(combo)}", flush=True)
    build_nogo()
    for v in missing:
        print(f"MISSING go {v}: not in the cache (tools/go-toolchains --fetch {v})")
    print(f"{built} built, {len(todo) - built - failed} up to date, {failed} failed, {len(missing)} toolchains missing")
    return 1 if failed else 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
