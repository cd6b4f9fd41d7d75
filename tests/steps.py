"""The steps of tests/run, in the order in which they are shown.

To add a step, write a function here with step() above it and a docstring of one line, which tests/run --help shows. Its commands end with
"N passed, M failed, K skipped" (job.summed), or are one check (job.passes). A list that takes minutes is sampled: job.args.long asks for
the whole list, job.args.seed draws the sample, and job.say prints what was drawn.
"""
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import threading
from typing import Callable, NamedTuple

import sample
from job import CPUS, ROOT

sys.path.insert(0, str(ROOT / "tests/matrix"))
sys.dont_write_bytecode = True
import build as matrix  # noqa: E402

CI = os.environ.get("CI") == "true"
STEPS = {}


class Step(NamedTuple):
    name: str
    function: Callable
    traces: bool  # in the lane of steps that trace, which run one after the other beside the rest
    when: str  # check, test, fuzz or long: the shortest run that has it


def step(name, traces=False, when="test"):
    def add(function):
        STEPS[name] = Step(name, function, traces, when)
        return function
    return add


class Go:
    """The Go releases of this run, and the target programs built with them. They are fetched and built when first needed."""

    def __init__(self, args):
        self.args, self.lock = args, threading.Lock()
        self.wanted = matrix.VERSIONS if args.long else sample.releases(args.seed, matrix.VERSIONS)
        if not args.long:
            os.environ["TOPHASH_TARGETS_SEED"] = str(args.seed)  # for the suites, which import tests/matrix/build.py
        self.fetched = self.built = None  # (exit code, output)

    def fetch(self, job):
        with self.lock:
            if self.fetched is None:
                self.fetched = job.run("tools/go-toolchains", "--fetch", *self.wanted, quiet=True)
        return self.fetched

    def found(self, job):
        self.fetch(job)
        there = matrix.toolchains()
        return [release for release in self.wanted if release in there]

    def build(self, job):
        found = self.found(job)
        with self.lock:
            if self.built is None:
                self.built = (0, "") if not found else \
                    job.run("tests/matrix/build.py", "--jobs", CPUS, "--go", ",".join(found), quiet=True)
        return self.built

    def option(self, job):
        """Returns the --go option of a suite, or None when no release is there. Builds the target programs."""
        found = self.found(job)
        self.build(job)
        if found:
            return ["--go", ",".join(found)]
        job.skip("no Go release is there (tools/go-toolchains --fetch)")
        return None


def setup(job, build, *options, env=None):
    if not (build / "build.ninja").exists():
        job.must("meson", "setup", build, *options, env=env)
    job.must("ninja", "-C", build, "--quiet")


def beside(build, name):
    return pathlib.Path(f"{build}-{name}")


def unit_programs(build, pattern="*"):
    """Returns the unit test programs whose names, with or without test_, match the pattern."""
    return [p for p in sorted((build / "tests/unit").glob("test_*")) if p.is_file() and os.access(p, os.X_OK) and
            (fnmatch.fnmatch(p.name, pattern) or fnmatch.fnmatch(p.name.removeprefix("test_"), pattern))]


@step("lint-includes", when="check")
def lint_includes(job):
    """the include rule"""
    job.passes("tools/check-includes")


@step("names", when="check")
def names(job):
    """the files and functions that comments and pages name"""
    job.passes("tools/check-names")


@step("manual", when="check")
def manual(job):
    """the man pages of the tool: there, as the program has its options, well-formed"""
    job.passes("tools/check-manual", job.args.build)


@step("format", when="check")
def check_format(job):
    """clang-format on the lines that differ from the branch's origin (lint: on all)"""
    job.passes("tools/check-format")


@step("unit", when="check")
def unit(job):
    """the unit tests, as built"""
    job.cmocka(unit_programs(job.args.build))


@step("lint")
def lint(job):
    """clang-tidy, mandoc, format of every file (clang-tidy takes a twelfth of the files, others each day; --long all)"""
    _, text = job.run("git", "ls-files", "scope/*.c", "map/*.c", quiet=True)
    every = [name for name in text.split() if "/bpf/" not in name]
    files = every if job.args.long else sample.some(job.args.seed, "lint", every, len(every) // 12)
    job.say(f"clang-tidy: {len(files)} of {len(every)} files")
    job.passes("tools/lint", job.args.build, *files)


@step("build")
def build_checked(job):
    """is the tool hardened, and the same from every folder?"""
    job.summed("tests/build/run.py", "--build", job.args.build)


@step("kube-files")
def kube_files(job):
    """the files for Kubernetes: built by kustomize, against the API's schema, with the rights that are needed"""
    job.summed("tests/kube/manifests.py", "--build", job.args.build)


@step("map-pack")
def map_pack(job):
    """the library as it is installed, and as one file; its examples and manual"""
    job.summed("tests/map/packaging.py", "--build", job.args.build)


@step("map-others")
def map_others(job):
    """the unit tests of other tables over the map, where PEERS names a folder that has them"""
    job.summed("tests/map/others.py", "--seed", job.args.seed)


@step("map-types")
def map_types(job):
    """what the map's typed API refuses, and takes without a warning; names; words"""
    job.summed("tests/map/types.py", "--jobs", CPUS, *(["--alone"] if job.args.long else ["--seed", job.args.seed]))
    job.summed("tests/map/names.py", *([] if job.args.long else ["--quick"]))
    job.summed("tests/map/words.py")


@step("map-cxx")
def map_cxx(job):
    """the map as classes of C++: against std::unordered_map, what it refuses, and without a warning"""
    job.summed("tests/map/cxx.py", "--seed", job.args.seed, "--rounds", 200000 if job.args.long else 20000)


@step("map-code")
def map_code(job):
    """the map's fast path: inline, and how many instructions"""
    job.summed("tests/map/objcode.py", "--jobs", CPUS)


@step("map-compilers", when="long")
def map_compilers(job):
    """the map by gcc 11 and 12, clang 14 to 19, for i686 and with musl, in each standard of C and C++"""
    job.summed("tests/map/compilers.py", "--fetch")


# These find the most bugs: other byte order, the sanitizers, vectors of another machine.
PORTS = ["native, sanitizers", "i686 SSE2", "arm64 NEON", "s390x"]


@step("map-ports")
def map_ports(job):
    """the map on other machines (emulated), with each way of searching, under sanitizers"""
    chosen = []
    if not job.args.long:
        _, text = job.run("tests/map/ports.py", "--list", quiet=True)
        rest = [port for port in text.splitlines() if port not in PORTS]
        chosen = PORTS + sample.some(job.args.seed, "ports", rest, 3)
        job.say(f"{len(chosen)} of {len(PORTS) + len(rest)} ports: {'; '.join(chosen)}")
    job.summed("tests/map/ports.py", "--jobs", CPUS, "--seed", job.args.seed, *chosen)


@step("map-threads")
def map_threads(job):
    """readers of the map under ThreadSanitizer, writers that meet"""
    job.summed("tests/map/threads.py")


@step("shape")
def shape(job):
    """do the compiled kernel programs look as older kernels' verifiers want them?"""
    job.summed("tests/kernel/run.py", "--shape", "--tophash", job.args.build / "tophash")


@step("sanitize")
def sanitize(job):
    """the unit tests under clang's address and undefined-behaviour sanitizers"""
    build = beside(job.args.build, "sanitize")
    setup(job, build, "-Dtests=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "--buildtype=debug",
          env=dict(os.environ, CC="clang"))
    job.cmocka(unit_programs(build), dict(os.environ, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"))


@step("map-probes")
def map_probes(job):
    """the probes of tophash/probe.h, and the map's own"""
    job.summed("tests/map/probes.py")
    job.summed("tests/map/probes.py", "--map", job.args.build / "tests/unit/test_map")


@step("map-gc")
def map_gc(job):
    """a map whose keys and values belong to Boehm's collector"""
    job.summed("tests/map/gc.py")


@step("completion")
def completion(job):
    """what do bash, zsh and fish complete, each on a terminal?"""
    job.summed("tests/completion/run.py", "--build", job.args.build)


@step("map-gdb")
def map_gdb(job):
    """does gdb show what is in the map?"""
    job.summed("tests/map/gdb.py", *([] if job.args.long else ["--quick"]))


@step("map-stress", when="long")
def map_stress(job):
    """the map against an array, half an hour"""
    job.summed("tests/map/stress.py", "--minutes", 30, "--jobs", CPUS)


@step("matrix-self")
def matrix_self(job):
    """does the matrix' comparison find faults?"""
    job.passes("tests/matrix/run.py", "--self-test")


def dwarf_seeds(job, corpus):
    """Builds small programs with debug information of each version, compressed and not."""
    corpus.mkdir(parents=True, exist_ok=True)
    for compiler in ("gcc", "clang"):
        for flags in (["-gdwarf-2"], ["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-4", "-gz"], ["-gdwarf-5", "-gz"]):
            name = corpus / "".join([compiler, *flags])
            if not name.exists():
                job.must(compiler, "-O2", *flags, "-o", name, "tests/addr/inline.c")


@step("fuzz", when="fuzz")
def fuzz(job):
    """libFuzzer on each parser, and on the map"""
    build = beside(job.args.build, "fuzz")
    setup(job, build, "-Dfuzz=true", "--buildtype=debugoptimized", env=dict(os.environ, CC="clang"))
    corpus = build / "corpus"
    job.must(build / "tests/fuzz/seeds", corpus)
    dwarf_seeds(job, corpus / "dwarf")
    seconds = job.args.fuzz_seconds or (600 if job.args.long else 20)
    running = []
    for program in sorted(p for p in (build / "tests/fuzz").glob("fuzz_*") if p.is_file()):
        command = [program, corpus / program.name.removeprefix("fuzz_"), "-verbosity=0", "-print_final_stats=1",
                   f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={build}/"]
        (corpus / program.name.removeprefix("fuzz_")).mkdir(exist_ok=True)
        running.append((program.name, job.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)))
    for name, process in running:
        text = process.stderr.read()
        code = job.wait(process)
        runs = re.search(r"number_of_executed_units: (\d+)", text)
        job.say(f"{'FAIL' if code else 'ok  '} {name}: {runs[1] if runs else '?'} runs in {seconds} s")
        job.check(code == 0, text[-4000:])


@step("toolchains", traces=True)
def toolchains(job):
    """the Go releases, unpacked into the cache"""
    code, text = job.go.fetch(job)
    job.say(text)
    found = job.go.found(job)
    job.totals.add(passed=len(found))
    # Debian's suites change, and a release that has left them is no fault of ours. One of each layout is needed in any case.
    for release in job.go.wanted:
        if release not in found:
            job.skip(f"Go {release}: neither in the cache nor in Debian's suites")
    if CI and {sample.is_swiss(release) for release in found} != {False, True}:
        job.check(False, "FAIL no Go release of one of the two layouts")


@step("truth", traces=True)
def truth(job):
    """the target programs, built by each Go: do they tell the truth?"""
    go = job.go.option(job)
    code, text = job.go.build(job)
    job.say(text)
    job.check(code in (0, 3))
    if go:
        job.summed("tests/matrix/run.py", "--check-truth", *go)


@step("image", traces=True)
def image(job):
    """the container image: static, complete, the same from every folder, and it traces"""
    job.go.found(job)
    job.summed("tests/kube/image.py", "--build", job.args.build)


@step("kube", traces=True)
def kube(job):
    """kubectl-tophash with the real kubectl, against an API server and a node of our own (root)"""
    job.go.found(job)
    job.summed("tests/kube/run.py", "--build", job.args.build, may_skip=True)
    for suite in ("bookworm", "trixie") if job.args.long else ():
        job.summed("tests/kube/run.py", "--build", job.args.build, "--suite", suite, may_skip=True)


@step("sites")
def sites(job):
    """what tophash sites says of them, against objdump, the compiler, debug information"""
    tophash = ["--tophash", job.args.build / "tophash"]
    if go := job.go.option(job):
        job.summed("tests/sites/run.py", *tophash, *go, *(["--all"] if job.args.long else []))
    job.summed("tests/sites/recipe.py", *tophash)


@step("matrix", traces=True)
def matrix_traced(job):
    """each of them traced, and every event compared (root)"""
    go = job.go.option(job) if job.needs_root() else None
    if not go:
        return
    # Attaching mostly waits for the kernel, not for a CPU.
    command = ["tests/matrix/run.py", "--tophash", job.args.build / "tophash", "--jobs", CPUS + 1, *go]
    if job.args.long:
        job.summed(*command, may_skip=True)
        return
    # Every program, release and variant, with every probe attached. The other two ways to start do not depend on the variant, except where
    # a profile moves the removals.
    job.summed(*command, "--mode", "misses", may_skip=True)
    (variant,) = sample.some(job.args.seed, "variants", ["default", "pie", "pgo"], 1)
    job.summed(*command, "--mode", "removals,attach", "--variant", f"{variant},pgo-deep", may_skip=True)


@step("system", traces=True)
def system(job):
    """the command line, targets, ends, bad input (root)"""
    if job.needs_root():
        job.go.build(job)
        more = ["--rounds", 200] if job.args.long else []
        # Most of these tests wait for the kernel, not for a CPU.
        more += ["--jobs", CPUS]
        job.summed("tests/system/run.py", "--tophash", job.args.build / "tophash", *more, may_skip=True)


@step("extend", traces=True)
def extend(job):
    """an engine, a layout, a sink, a report, a verb, added as the checklists say"""
    job.go.build(job)
    job.summed("tests/extend/run.py", may_skip=True)


@step("real", traces=True)
def real(job):
    """programs that nobody here wrote: etcd, caddy (root)"""
    if job.needs_root():
        job.go.fetch(job)
        job.summed("tests/real/run.py", "--tophash", job.args.build / "tophash", may_skip=True)


@step("addr")
def addr(job):
    """tophash addr beside llvm-symbolizer, addr2line, go tool addr2line, nm"""
    go = job.go.option(job)
    more = ["--all"] if job.args.long else go or []
    job.summed("tests/addr/run.py", "--tophash", job.args.build / "tophash", *more)


@step("kernel", traces=True, when="long")
def kernel(job):
    """other kernels, in virtual machines"""
    job.go.build(job)
    job.summed("tests/kernel/run.py", "--tophash", job.args.build / "tophash", may_skip=True)
