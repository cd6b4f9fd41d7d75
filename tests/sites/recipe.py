#!/usr/bin/env python3
"""Tests whether the recipe docs/recipes/how-a-build-deletes.md shows what the commands print.

    tests/sites/recipe.py             what the default and the stripped build print
    tests/sites/recipe.py --all       and what the builds without inlining and optimisation print (a minute to build)
    tests/sites/recipe.py --update    writes the page anew

Each block of the page begins with a command, and its output follows. The page names the Go release that it was made with. With another
release the addresses differ, and nothing is compared.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "matrix"))

import build as matrix  # noqa: E402

PAGE = REPO / "docs/recipes/how-a-build-deletes.md"
RELEASE = "1.26"
BLOCK = re.compile(r"```\n\$ (tophash [^\n]*)\n(.*?)```\n", re.S)
BUILD = re.compile(r"^    go (build .* -o (\S+) .*)$", re.M)


def go(*words):
    path = matrix.CACHE / "go" / RELEASE
    result = subprocess.run([str(path / "bin/go"), *words], env=matrix.go_env(RELEASE), cwd=path / "src", capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"go {' '.join(words)}: {result.stderr[-500:]}")
    return result.stdout


def build(command, folder):
    """Runs a line of the page: `go build …` with the output in the folder."""
    words = shlex.split(command)
    at = words.index("-o") + 1
    words[at] = str(folder / words[at])
    go("build", "-p", "2", "-buildvcs=false", *words[1:])


def output(command, tophash, folder):
    words = [str(tophash.resolve()), *shlex.split(command)[1:]]
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{command}: {result.stderr.strip()}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tophash", type=Path, default=REPO / "build/tophash")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    page = PAGE.read_text()
    if RELEASE not in matrix.toolchains():
        print(f"skip the recipe: no Go {RELEASE} in the cache\n0 passed, 0 failed, 1 skipped")
        return 0
    version = go("env", "GOVERSION").strip()
    named = re.search(r"go1\.[0-9.]+[0-9]", page)[0]
    if version != named and not args.update:
        print(f"skip the recipe: it was made with {named}, here is {version}\n0 passed, 0 failed, 1 skipped")
        return 0
    folder = matrix.CACHE / "sites" / "recipe"
    folder.mkdir(parents=True, exist_ok=True)
    everything = args.all or args.update
    builds = {name: command for command, name in BUILD.findall(page)}
    made = [name for name in builds if everything or name in ("cover", "cover.stripped")]
    for name in made:
        build(builds[name], folder)
    if args.update:
        page = page.replace(named, version)
        PAGE.write_text(BLOCK.sub(lambda m: f"```\n$ {m[1]}\n{output(m[1], args.tophash, folder)}```\n", page))
        return 0
    passed = failed = 0
    for command, shown in BLOCK.findall(page):
        if any(word in builds and word not in made for word in command.split()):
            continue
        ok = output(command, args.tophash, folder) == shown
        passed, failed = passed + ok, failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {command}{'' if ok else ' prints something else (recipe.py --update)'}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
