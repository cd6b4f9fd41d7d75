"""What the tests of gdb and the map share: how programs are built, what they say of their maps, and gdb."""

import concurrent.futures
import functools
import os
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "gdb"
ROOT = HERE.parent.parent.parent
TOOL = ROOT / "tools/gdb/tophash_gdb.py"
PAGE = ROOT / "docs/recipes/map-in-gdb.md"
BUILDS = [(cc, opt) for cc in ("gcc", "clang") for opt in ("-O0", "-O2")]
MACHINES = [("i686", "little"), ("aarch64", "little"), ("s390x", "big")]
# Each compiler and each level once. The other two pairs differ little from these.
QUICK_BUILDS = [("gcc", "-O0"), ("clang", "-O2")]
QUICK_MACHINES = [("s390x", "big")]
MANUAL = {"TOPHASH_DEBUG": "evacuate=manual,seed=1"}
# gdb may not call functions of the program anywhere here. With some processors it cannot (docs/recipes/map-in-gdb.md).
GDB = ["-nx", "-batch", "-iex", "set auto-load off", "-iex", "set startup-with-shell off", "-iex", "set may-call-functions off"]
# How keys of a stripped program are read; all others are read as integers.
KINDS = {"f32": "float", "f64": "float", "chars": "string", "words": "string", "strs": "string", "tags": "string",
         "points": "bytes", "named": "bytes", "places": "bytes", "chain": "bytes", "grow_rest": "bytes",
         "shrink_rest": "bytes", "u128": "bytes"}
STRUCTS = {"emptied": "none", "heavy": "heavy", "chain": "crowd", "grow_rest": "crowd", "shrink_rest": "crowd"}

counts = {"ok": 0, "FAIL": 0, "skip": 0}


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(condition, *why):
    if not condition:
        raise Failed(" ".join(str(word) for word in why)[:2000])


def check(name, function, *args):
    try:
        function(*args)
        kind, why = "ok", ""
    except Skipped as reason:
        kind, why = "skip", f": {reason}"
    except (Failed, KeyError, ValueError, IndexError, OSError, struct.error, subprocess.TimeoutExpired) as reason:
        kind, why = "FAIL", f": {type(reason).__name__}: {reason}"
    counts[kind] += 1
    print(f"{kind:4} {name}{why}", flush=True)


def run(command, env=None, timeout=120):
    return subprocess.run([str(word) for word in command], cwd=ROOT, timeout=timeout, text=True, errors="replace",
                          capture_output=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **(env or {})})


def must(command):
    result = run(command)
    expect(result.returncode == 0, " ".join(map(str, command)), "\n", result.stdout, result.stderr)
    return result.stdout


# ---- building ------------------------------------------------------------------------------------

FLAGS = ["-g", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/include", f"-I{ROOT}/map"]


class Builder:
    def __init__(self, folder):
        self.folder = Path(folder)

    @functools.lru_cache(maxsize=None)
    def library(self, cc, *flags):
        """libtophash.a, built so."""
        folder = self.folder / f"lib-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda source: must([cc, *FLAGS, *flags, "-c", source, "-o", folder / f"{source.stem}.o"]),
                          sorted(ROOT.glob("map/*.c"))))
        archive = folder / "libtophash.a"
        must(["ar", "rcs", archive, *sorted(folder.glob("*.o"))])
        return archive

    @functools.lru_cache(maxsize=None)
    def program(self, name, cc, opt, *more):
        out = self.folder / f"{name}-{cc}{opt}"
        must([cc, *FLAGS, opt, HERE / f"{name}.c", *more, self.library(cc, opt), "-o", out])
        return out

    def stripped(self, program, strip="strip"):
        out = program.with_name(program.name + "-stripped")
        must([strip, "-o", out, program])
        return out


# ---- what the programs say -----------------------------------------------------------------------


class Truth:
    """A map as the program that made it describes it."""

    def __init__(self, fields):
        self.name, self.addr = fields[0], fields[1]
        self.len, self.buckets, self.old, self.evacuated, self.overflow, self.longest = map(int, fields[2:])
        self.entries = []  # (key, value, key in hex, value in hex)

    def summary(self):
        elements = f"{self.len} element{'' if self.len == 1 else 's'}"
        buckets = f"{self.buckets} bucket{'' if self.buckets == 1 else 's'}"
        if not self.old:
            return f"{elements}, {buckets}"
        verb = "growing" if self.buckets > self.old else "shrinking"
        return f"{elements}, {verb} from {self.old} to {buckets}, {self.evacuated} of {self.old} done"

    def is_set(self):
        return self.name in ("ids", "tags", "places")

    def half_way(self):
        """Tells whether the home at the cursor has been moved and its chain has not."""
        return self.name.endswith("_rest")

    def homes(self):
        """Returns the buckets that are in use."""
        if self.buckets > self.old:
            done = self.evacuated + self.half_way()
            return [i for i in range(self.buckets) if not self.old or i < self.old - done or i >= 2 * (self.old - done)]
        done = self.evacuated // 2 + self.half_way()
        return [i for i in range(self.old) if i < done or i >= 2 * done]

    def shown(self):
        return sorted(plain(key if self.is_set() else f"[{key}] = {val}") for key, val, _, _ in self.entries)

    def shown_raw(self, order=sys.byteorder):
        """Returns the entries as they look without debug information."""
        return sorted(self.raw_key(key, hex_, order) if self.is_set() else
                      f"[{self.raw_key(key, hex_, order)}] = {raw_text(bytes.fromhex(val), order)}"
                      for key, _, hex_, val in self.entries)

    def raw_key(self, key, hex_, order):
        kind = KINDS.get(self.name, "int")
        return plain(key) if kind in ("float", "string") else raw_text(bytes.fromhex(hex_), order)


def plain(text):
    """Removes the parts in which NaNs differ."""
    return re.sub(r"-?nan(\(0x[0-9a-f]+\))?", "nan", text)


def raw_text(raw, order):
    if len(raw) not in (1, 2, 4, 8):
        return "{" + " ".join(f"{byte:02x}" for byte in raw[:32]) + ("..." if len(raw) > 32 else "") + "}"
    number, sign = int.from_bytes(raw, order), 1 << 8 * len(raw) - 1
    return f"{number}" if number < sign else f"{number} ({number - 2 * sign})"


def read_truth(path):
    ret = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t")
        if fields[0] == "@":
            ret.append(Truth(fields[1:]))
        elif len(fields) == 4:
            ret[-1].entries.append(fields)
    expect(ret and all(len(truth.entries) == truth.len for truth in ret), "a program that contradicts itself")
    return ret


# ---- gdb -----------------------------------------------------------------------------------------


# Runs a command and returns its output with errors. @NAME@ is the address of that map, as the program prints it.
HELPER = """python
import re
def attempt(command, truth):
    def address(name):
        return re.search(rf"^@\\t{name[1]}\\t(\\w+)", open(truth).read(), re.M)[1]
    try:
        return gdb.execute(re.sub(r"@(\\w+)@", address, command), to_string=True)
    except gdb.error as why:
        return f"error: {why}"
"""


def gdb(program, commands, env=None, options=(), truth="", name="gdb"):
    """Runs gdb. Returns the output of each command."""
    words = [name, *GDB, *options,
             "-ex", f"source {TOOL}", "-ex", "set width 0", "-ex", "set print elements 0", "-ex", "set print repeats 0"]
    for command in commands:
        words += ["-ex", "echo \\n@@@\\n", "-ex", f"python print(attempt({command!r}, {str(truth)!r}), end='')"]
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as file:
        file.write(HELPER)
        file.flush()
        words[words.index("-ex"):words.index("-ex")] = ["-x", file.name]
        result = run([*words, program], env)
    expect("Python Exception" not in result.stderr and "Traceback" not in result.stderr, "Python failed:", result.stderr)
    parts = result.stdout.split("\n@@@\n")[1:]
    expect(len(parts) == len(commands), len(parts), "answers to", len(commands), "commands:", result.stderr)
    expect(not any("Error occurred in Python" in part for part in parts), "Python failed:", parts)
    return parts


def stopped(builder, program, commands, env=None):
    """Runs the program until it stops, then commands: a list, or templates for each of its maps. Returns what the program and gdb
    printed."""
    path = builder.folder / "truth.txt"
    run([program, path], env)
    names = [truth.name for truth in read_truth(path)]
    if isinstance(commands, tuple):
        commands = [command.replace("NAME", name) for name in names for command in commands]
    ran, *parts = gdb(program, [f"run {path}", *commands], env, truth=path)
    expect("SIGTRAP" in ran, "the program did not stop:", ran)
    return read_truth(path), parts


def entries_of(text, is_set):
    """Returns the summary and the entries of a map that gdb has printed."""
    found = re.fullmatch(r"\$\d+ = (\S+): (.*?)(?: = \{(.*)\})?\n", text, re.S)
    expect(found, "not a map:", text)
    name, summary, inside = found.groups()
    if not inside:
        return name, summary, []
    parts = re.split(r", (?![^{]*\})", inside) if is_set else re.split(r", (?=\[)", inside)
    return name, summary, sorted(plain(part) for part in parts)
