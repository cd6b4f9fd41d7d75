"""Common functions of the tests: programs, oracles, and what tophash addr answers."""

import bisect
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "matrix")]
import build  # noqa: E402
from suite import check, Failed, options, same, Skip, test, tmp  # noqa: E402, F401

REPO = build.REPO
SOME = ["1.19", "1.23", "1.26"]  # classic maps and DWARF 4, twice; Swiss maps and DWARF 5
LONG = 120  # seconds: nothing here takes that long unless it hangs

Frame = namedtuple("Frame", "func place")


def run(command, **kwargs):
    kwargs.setdefault("timeout", LONG)
    return subprocess.run([str(c) for c in command], capture_output=True, **kwargs)


def tophash(*args, text=None, code=0):
    r = run([options.tophash, "addr", *args], input=text if text is not None else "", text=True)
    if r.returncode != code:
        raise Failed(f"tophash addr {' '.join(map(str, args))}: exit code {r.returncode}, should be {code}: {r.stderr.strip()}")
    return r


def records(exe, pcs, *args):
    """{pc: record} and the end record."""
    r = tophash("--format", "json", *args, exe, text="".join(f"{pc:#x}\n" for pc in pcs))
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    same(lines[-1]["event"], "end", "the last line")
    same([int(x["addr"], 16) for x in lines[:-1]], list(pcs), "the addresses, in their order")
    same(lines[-1]["addresses"], len(pcs), "addresses of the end record")
    return {int(x["addr"], 16): x for x in lines[:-1]}, lines[-1]


def place(frame):
    return f"{frame['file']}:{frame['line']}" if frame["file"] and frame["line"] else ""


def frames(record, source):
    return [Frame(bare(f["func"] or ""), place(f)) for f in record[source]["frames"]] if record.get(source) else None


# --- programs ----------------------------------------------------------------------------------------------------------------------


def releases():
    found = build.toolchains()
    wanted = options.go or (build.VERSIONS if options.all else SOME)
    missing = [v for v in wanted if v not in found]
    if missing and (os.environ.get("CI") == "true" or len(missing) == len(wanted)):
        raise (Failed if os.environ.get("CI") == "true" else Skip)(f"no Go {', '.join(missing)} in the cache (tools/go-toolchains --fetch)")
    return [v for v in wanted if v in found]


def targets(variants):
    """Returns [(release, variant, path)] of the program kinds in the cache."""
    found, missing = [], []
    for version in releases():
        for variant in variants:
            if version not in build.RELEASES.get(variant, build.VERSIONS):
                continue
            path = build.path_of(version, variant, "kinds")
            (found if path.exists() else missing).append((version, variant, path))
    if missing and (os.environ.get("CI") == "true" or not found):
        what = f"not built: {', '.join(f'go{version} {variant}' for version, variant, _ in missing)} (tests/matrix/build.py)"
        raise (Failed if os.environ.get("CI") == "true" else Skip)(what)
    return found


def crash(version, variant, arch="amd64", more=()):
    if version not in build.toolchains():
        raise Skip(f"no Go {version} in the cache (tools/go-toolchains --fetch)")
    args, _ = build.VARIANTS[variant]
    args = [*args, *more]
    out = build.CACHE / "addr" / "-".join(["crash", version, variant, arch, *(x.strip("-").replace("=", "-") for x in more)])
    source = HERE / "crash" / "main.go"
    if out.exists() and out.stat().st_mtime > source.stat().st_mtime:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    go = build.CACHE / "go" / version / "bin" / "go"
    env = dict(build.go_env(version), GOARCH=arch)
    r = run([go, "build", "-p", "2", "-buildvcs=false", *args, "-o", out, "."], cwd=HERE / "crash", env=env, text=True, timeout=None)  # the library, too
    check(r.returncode == 0, f"go {version} build of crash: {r.stderr.strip()[-300:]}")
    return out


def text_range(exe):
    out = run(["readelf", "-SW", exe], text=True).stdout
    found = re.search(r"\] \.text\s+PROGBITS\s+([0-9a-f]+)\s+\S+\s+([0-9a-f]+)", out)
    return int(found[1], 16), int(found[1], 16) + int(found[2], 16)


def symbols(exe):
    """Returns nm's functions, sorted: (addr, size, name, type)."""
    out = run(["nm", "-nS", exe], text=True).stdout
    rows = []
    for line in out.splitlines():
        words = line.split(None, 3)
        if len(words) == 4 and words[2] in "tTwW" and len(words[1]) == 16:
            rows.append((int(words[0], 16), int(words[1], 16), words[3]))
    return sorted(rows)


def sample(exe, n):
    """Returns all function entries (or n of them) and n random addresses."""
    rng = random.Random(f"{exe.name} {n}")
    low, high = text_range(exe)
    entries = [addr for addr, _, _ in symbols(exe) if low <= addr < high]
    entries = rng.sample(entries, n) if len(entries) > n else entries
    return sorted(set(entries) | {rng.randrange(low, high) for _ in range(n)})


# --- oracles -----------------------------------------------------------------------------------------------------------------------


def tidy(path):
    """Removes the "./" that some readers put before a file without a folder."""
    while path.startswith("./"):
        path = path[2:]
    return path


def bare(func):
    """Returns the name in the debug information, for a reader that took the name from the symbol table."""
    return re.sub(r"\.(abi0|abiinternal|cold)$", "", func.replace("\u00b7", "."))


def llvm_frames(exe, pcs):
    tool = shutil.which("llvm-symbolizer") or shutil.which("llvm-symbolizer-14")
    if not tool:
        raise Skip("llvm-symbolizer is not installed")
    r = run([tool, "--no-demangle", "--inlining=true", "--output-style=LLVM", "-e", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True)
    blocks = r.stdout.rstrip("\n").split("\n\n")
    same(len(blocks), len(pcs), "answers of llvm-symbolizer")
    result = {}
    for pc, block in zip(pcs, blocks):
        lines = [x for x in block.splitlines() if x]
        got = []
        for func, where in zip(lines[::2], lines[1::2]):
            file, line, _ = where.rsplit(":", 2)
            got.append(Frame("" if func == "??" else bare(func), f"{tidy(file)}:{line}" if file != "??" and line != "0" else ""))
        result[pc] = got
    return result


def addr2line_frames(exe, pcs):
    r = run(["addr2line", "-a", "-i", "-f", "-e", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True)
    result, current = {}, None
    lines = r.stdout.splitlines()
    at = 0
    while at < len(lines):
        if re.fullmatch(r"0x[0-9a-f]{16}", lines[at]):
            current = result.setdefault(int(lines[at], 16), [])
            at += 1
            continue
        func, where = lines[at], re.sub(r" \(discriminator \d+\)$", "", lines[at + 1])
        file, line = where.rsplit(":", 1)
        current.append(Frame("" if func == "??" else bare(func), f"{tidy(file)}:{line}" if file != "??" and line not in "?0" else ""))
        at += 2
    return result


def go_addr2line(version, exe, pcs):
    go = build.CACHE / "go" / version / "bin" / "go"
    r = run([go, "tool", "addr2line", exe], input="".join(f"{pc:#x}\n" for pc in pcs), text=True, env=build.go_env(version))
    lines = r.stdout.splitlines()
    same(len(lines), 2 * len(pcs), "lines of go tool addr2line")
    return {pc: Frame(lines[2 * i], lines[2 * i + 1]) for i, pc in enumerate(pcs)}


def objdump(exe):
    machine = exe.read_bytes()[18:20]
    return "aarch64-linux-gnu-objdump" if machine == b"\xb7\0" else "objdump"


def instruction_bytes(exe, pcs):
    """Returns {pc: mnemonic} for the instructions that hold each pc."""
    low, high = text_range(exe)
    result = {}
    for pc in pcs:
        syms = symbols(exe)
        at = bisect.bisect_right(syms, (pc, 1 << 62, "")) - 1
        start = syms[at][0]
        out = run([objdump(exe), "-d", "--no-show-raw-insn", f"--start-address={start:#x}", f"--stop-address={pc + 16:#x}", exe], text=True).stdout
        found = [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s+([0-9a-f]+):\s+(\S+)", out, re.M)]
        at = bisect.bisect_right(found, (pc, "~")) - 1
        result[pc] = found[at][1]
    return result
