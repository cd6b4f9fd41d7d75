#!/usr/bin/env python3
"""Tests whether the "To add ..." checklists are true by following each. An engine, a sink, a layout, a report and a verb are added to a
copy of the tree. The copy is built, and the addition is run. An addition that touches a file that its checklist does not name fails.

  tests/extend/run.py               all
  tests/extend/run.py sink verb     some of them
  tests/extend/run.py --folder DIR  keeps the copy there, with the last addition in it, for the next time

An addition is a folder here. It has new files below files/, at their places in the tree, and `changes`, which describes the changes of
existing files:

    --- scope/show/sink/sink.h      the file
    @ X(json)                       the one line that has this text; then some of:
    ~ X(json)                       in that line, this text
    ~ X(json) X(csv)                  becomes this
    +extern int new;                this line is added after it
    <extern int new;                this line is added before it
    -extern int old;                the line after it is this one, and is removed

`checklist` has a line for each checklist that is followed: its header, its first words, and the values of its <name>s. The function
run_it(copy) in check.py runs the addition. finish(copy) may do work after the build. Prints a line each, and "N passed, M failed, K
skipped"; exit code 0 when nothing failed.
"""
import argparse
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path.insert(0, str(HERE))
from tools import Failed, Skip, run  # noqa: E402


# --- what a checklist names --------------------------------------------------------------------------------------------------------

# scope/show/sink/sink.h, docs/man/tophash-<verb>.1, meson.build, <name>.c, README.md
FILE = re.compile(r"(?<![\w/<>.-])(?:[\w.<>-]+/)*(?:[\w.<>-]|\{[\w,]+\})*(?:\.(?:c|h|py|md|build|golden|1)|\.\[ch\])(?![\w-])")


def checklist(header, begin):
    """Returns the numbered steps that follow the first words of a checklist."""
    lines = (REPO / header).read_text().splitlines()
    at = next((i for i, line in enumerate(lines) if begin in line), None)
    if at is None:
        raise Failed(f'{header} has no "{begin}"')
    steps = []
    for line in lines[at + 1 :]:
        text = re.sub(r"^[ \t/]*\*?[ \t]?", "", line)
        if "*/" in line or not text.strip() or steps and not re.match(r"\s*\d\.|\s{3,}", text):
            break
        steps.append(text)
    if not steps:
        raise Failed(f'{header}: no steps behind "{begin}"')
    return re.split(r"\n(?=\s*\d\.)", "\n".join(steps))


def forms(word):
    """Returns the names that a name with [ch] or {text,json} stands for."""
    several = re.search(r"\[ch\]|\{([\w,]+)\}", word)
    if not several:
        return [word]
    return [word.replace(several[0], one) for one in (several[1].split(",") if several[1] else "ch")]


def named(header, begin, names):
    """Returns the files that a checklist names, with these values for the words in <>. A name without a folder is a file beside the header,
    or beside a file that the same step names. "below" is the header itself."""
    files = set()
    for step in checklist(header, begin):
        if re.search(r"\bbelow\b", step):
            files.add(header)
        folders = {str(Path(header).parent)}
        for word in FILE.findall(re.sub(r"<([a-z]+)>", lambda m: names.get(m[1], m[0]), step)):
            for form in forms(word):
                if "/" in form or (REPO / form).exists() and Path(form).suffix == ".md":
                    files.add(form)
                    folders.add(str(Path(form).parent))
                else:
                    files |= {f"{folder}/{form}" for folder in folders}
    return files


# --- a copy of the tree ------------------------------------------------------------------------------------------------------------


class Copy:
    """A copy of the tree as git knows it, with its uncommitted changes, in its own folder, and its build."""

    def __init__(self, folder):
        self.root = Path(folder) / "tree"
        self.build = self.root / "build"
        self.tophash = self.build / "tophash"
        names = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPO).split("\0")
        self.before = {name: (REPO / name).read_bytes() for name in names if name and (REPO / name).is_file()}
        self.undo()
        # The compiler's cache, if there is one, is to know the files by their names in the tree.
        self.env = dict(os.environ, CCACHE_BASEDIR=str(self.root), CCACHE_NOHASHDIR="1", PYTHONDONTWRITEBYTECODE="1")
        if not (self.build / "build.ninja").exists():
            run(["meson", "setup", self.build, "--buildtype=release", "-Dtests=true", "-Dwerror=true"], cwd=self.root, env=self.env)

    def files(self):
        """Returns the files of the tree, without the build."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if name != "build"]
            for name in names:
                path = Path(folder) / name
                found[str(path.relative_to(self.root))] = path.read_bytes()
        return found

    def make(self, *targets):
        run(["ninja", "-C", self.build, "--quiet", *targets], cwd=self.root, env=self.env)

    def run(self, command, **kwargs):
        """Runs a command in the tree."""
        return run(command, cwd=self.root, env=dict(self.env, **kwargs.pop("env", {})), **kwargs)

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def changed(self):
        now = self.files()
        return {name for name in now.keys() | self.before.keys() if now.get(name) != self.before.get(name)}

    def undo(self):
        for name in self.changed():
            if name in self.before:
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_bytes(self.before[name])
                shutil.copymode(REPO / name, self.root / name)
            else:
                (self.root / name).unlink()


def apply(copy, changes):
    """Applies a file `changes`."""
    name, lines, at, old = None, [], None, None

    def done():
        if name:
            copy.write(name, "\n".join(lines) + "\n")

    for line in changes.read_text().splitlines():
        op, rest = line[:1], line[1:]
        if line.startswith("--- "):
            done()
            name, at = line[4:].strip(), None
            lines = (copy.root / name).read_text().splitlines()
        elif line.startswith("@ "):
            found = [i for i, x in enumerate(lines) if line[2:] in x]
            if len(found) != 1:
                raise Failed(f'{name}: {len(found)} lines have "{line[2:]}", not one')
            at = found[0]
        elif op == "+":
            at += 1
            lines.insert(at, rest)
        elif op == "<":
            lines.insert(at, rest)
            at += 1
        elif op == "-":
            if lines[at + 1] != rest:
                raise Failed(f'{name}: "{lines[at + 1]}" is not "{rest}"')
            del lines[at + 1]
        elif line.startswith("~ ") and old is None:
            old = line[2:]
        elif line.startswith("~ "):
            if old not in lines[at]:
                raise Failed(f'{name}: "{lines[at].strip()}" has no "{old}"')
            lines[at] = lines[at].replace(old, line[2:])
            old = None
        elif line.strip() and not line.startswith("#"):
            raise Failed(f"{changes}: what is this: {line}")
    done()


def check_touched(copy, folder):
    """Fails when a file was touched that the checklists of the addition do not name."""
    allowed, texts = set(), []
    for line in (folder / "checklist").read_text().splitlines():
        header, begin, *names = line.split(": ")
        allowed |= named(header, begin, dict(word.split("=") for word in names[0].split()))
        texts.append(f'"{begin}" in {header}')
    touched = copy.changed() - allowed
    if touched:
        raise Failed(f'{" and ".join(texts)}: {", ".join(sorted(touched))} is not named there')


def check_stray(copy, folder):
    """Tests the check itself: a file of another room is found, whatever the checklist says."""
    copy.write("scope/base/buf.h", "")
    try:
        check_touched(copy, folder)
    except Failed:
        return
    finally:
        copy.undo()
    raise Failed("an emptied scope/base/buf.h is not found")


def add(copy, folder):
    """Makes an addition, checks that it follows its checklists, and runs it."""
    files = folder / "files"
    for source in sorted(files.rglob("*")):
        if source.is_file():
            copy.write(str(source.relative_to(files)), source.read_text())
    if (folder / "changes").exists():
        apply(copy, folder / "changes")
    module = importlib.util.spec_from_file_location(f"check_{folder.name}", folder / "check.py")
    check = importlib.util.module_from_spec(module)
    module.loader.exec_module(check)
    copy.make("tophash")
    if hasattr(check, "finish"):
        check.finish(copy)
    check_touched(copy, folder)
    check.run_it(copy)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder")
    args = parser.parse_args()
    folders = [path.parent for path in sorted(HERE.glob("*/checklist")) if not args.names or path.parent.name in args.names]
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    folder = args.folder or tempfile.mkdtemp(prefix="tophash-extend-")
    try:
        copy = Copy(folder)
        for addition in folders:
            copy.undo()  # left by the addition before
            result, text = "ok", ""
            try:
                check_stray(copy, addition)
                add(copy, addition)
            except Skip as why:
                result, text = "skip", f": {why}"
            except Failed as why:
                result, text = "FAIL", f": {why}"
            except Exception:
                result, text = "FAIL", f":\n{traceback.format_exc()}"
            count[result] += 1
            print(f"{result:4} {addition.name}{text}", flush=True)
    finally:
        if not args.folder:
            shutil.rmtree(folder)
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
