"""Shared by run.py and the check.py of each addition."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path.insert(0, str(REPO / "tests/matrix"))
import build  # noqa: E402

GO = "1.26"


class Failed(Exception):
    """An addition that is wrong, and why."""


class Skip(Exception):
    """An addition that cannot be tried here, and why."""


def run(command, **kwargs):
    """Runs a command and returns its output. If the command fails, fails with that output."""
    p = subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=1800, **kwargs)
    if p.returncode:
        said = (p.stderr or p.stdout).strip()
        raise Failed(f"{' '.join(map(str, command))[:200]}: {said[max(said.find('FAILED:'), len(said) - 1500, 0):]}")
    return p.stdout


def check(condition, text):
    if not condition:
        raise Failed(text)


def same(got, want, what):
    check(got == want, f"{what}: {got!r}, should be {want!r}")


def target(name):
    """Returns the path of a target program (tests/targets)."""
    path = build.path_of(GO, "default", name)
    if not path.exists():
        raise Skip(f"{name} is not built (tests/matrix/build.py)")
    return str(path)


def go_build(source, to):
    """Builds one Go file."""
    tool = build.CACHE / "go" / GO / "bin" / "go"
    if not tool.exists():
        raise Skip(f"no Go {GO} in the cache (tools/go-toolchains)")
    run([tool, "build", "-o", to, source], env=dict(build.go_env(GO), GO111MODULE="off", GOFLAGS=""), cwd=Path(to).parent)
    return str(to)


def need_root():
    if os.geteuid() != 0:
        raise Skip("tracing needs root")
