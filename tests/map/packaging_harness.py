"""What the tests of the library's packages share: checks, commands, folders."""

import concurrent.futures
import os
import re
import shlex
import subprocess
from pathlib import Path
import types

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
at = types.SimpleNamespace(build=None, tmp=None)  # the build folder, and one for what the checks make


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
    ret = at.tmp / name
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
