#!/usr/bin/env python3
"""Tests the completions in bash, zsh and fish. Each shell runs on a terminal, and keys are typed into it.

    tests/completion/run.py [--build DIR] [--shell NAME] [-v]

A program named tophash that prints its arguments takes the place of the real one. The completed line is executed, and the printed arguments
are compared. Prints a line for each shell, and "N passed, M failed, K skipped".
"""
import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/matrix"))
import build as matrix  # noqa: E402

PROMPT = "READY> "
LONG = 20  # seconds: machines may be busy

# The completions ask tophash for the processes: this goes to the real one.
STAND_IN = """#!/bin/sh
[ "$*" != 'help --pids' ] || exec REAL help --pids
printf 'GOT:'
for word; do printf '<%s>' "$word"; done
printf ':END\\n'
"""

# The text before the Tab, and the arguments that the program gets.
COMPLETED = [
    ("tra", ["trace"]),
    ("sit", ["sites"]),
    ("--ver", ["--version"]),
    ("help si", ["help", "sites"]),
    ("trace --dry", ["trace", "--dry-run"]),
    ("trace --mis", ["trace", "--misses"]),
    ("maps --wat", ["maps", "--watch"]),
    ("trace --format js", ["trace", "--format", "json"]),
    ("trace --format=js", ["trace", "--format=json"]),
    ("trace -p 1 --format te", ["trace", "-p", "1", "--format", "text"]),
    ("trace --summary=ma", ["trace", "--summary=map"]),
    ("trace --summary --mis", ["trace", "--summary", "--misses"]),
    ("trace --engine up", ["trace", "--engine", "uprobe"]),
    ("trace -o onl", ["trace", "-o", "only.json"]),
    ("trace --output onl", ["trace", "--output", "only.json"]),
    ("trace --output=onl", ["trace", "--output=only.json"]),
    ("trace -b onl", ["trace", "-b", "only.json"]),
    ("trace -o with", ["trace", "-o", "with space"]),
    ("trace -o fol", ["trace", "-o", "folder"]),
    ("trace -q -- hello-fr", ["trace", "-q", "--", "hello-from-here"]),
    ("trace -- hello-from-here onl", ["trace", "--", "hello-from-here", "only.json"]),
    ("sites onl", ["sites", "only.json"]),
    ("sites only.json wit", ["sites", "only.json", "with space"]),
    ("sites --by pack", ["sites", "--by", "package"]),
    ("sites --format=j", ["sites", "--format=json"]),
    ("addr onl", ["addr", "only.json"]),
    ("addr --source dw", ["addr", "--source", "dwarf"]),
    ("addr --source symbols,dw", ["addr", "--source", "symbols,dwarf"]),
    ("addr --return=au", ["addr", "--return=auto"]),
    ("addr --anno", ["addr", "--annotate"]),
    ("trace --uid nobod", ["trace", "--uid", "nobody"]),
    ("trace --uid root,nobod", ["trace", "--uid", "root,nobody"]),
    ("ps --uid nobod", ["ps", "--uid", "nobody"]),
    ("trace --user nobod", ["trace", "--user", "nobody"]),
]

# The same with the name of a Go program that runs.
NAMED = [
    ("trace -p qq-na", ["trace", "-p", "qq-named"]),
    ("trace --pid=qq-na", ["trace", "--pid=qq-named"]),
    ("trace -p 1,qq-na", ["trace", "-p", "1,qq-named"]),
    ("trace -p 1 -p qq-na", ["trace", "-p", "1", "-p", "qq-named"]),
    ("addr -p qq-na", ["addr", "-p", "qq-named"]),
    ("doctor -p qq-na", ["doctor", "-p", "qq-named"]),
    ("ps qq-na", ["ps", "qq-named"]),
]


class Failed(Exception):
    pass


class Shell:
    """A shell on its own terminal."""

    def __init__(self, command, env, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        self.text = ""
        self.ended = None

    def read(self, seconds):
        """Returns the output within a time, or "" if there is none."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return ""
        try:
            return os.read(self.fd, 65536).decode(errors="replace")
        except OSError:
            self.ended = os.waitpid(self.pid, 0)[1]
            raise Failed(f"the shell has ended, wait status {self.ended:#x}: {self.text[-300:]!r}") from None

    def wait_for(self, pattern, what):
        end = time.monotonic() + LONG
        while not re.search(pattern, self.text, re.S):
            if time.monotonic() > end:
                raise Failed(f"{what}: no {pattern!r} in {self.text[-600:]!r}")
            self.text += self.read(0.2)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def fresh(self):
        """Begins an empty line. The terminal forgets the text typed before Ctrl-C. A shell that does not react to Ctrl-C (fish, on an empty
        line) reacts to Return."""
        end = time.monotonic() + LONG
        keys = "\x03\r"
        self.text = ""
        while PROMPT not in self.text:
            if time.monotonic() > end:
                raise Failed(f"no fresh line: {self.text[-300:]!r}")
            self.type(keys[0])
            keys = keys[::-1]
            pause = time.monotonic() + 1
            while PROMPT not in self.text and time.monotonic() < pause:
                self.text += self.read(0.1)
        while self.read(0.05):
            pass
        self.text = ""

    def completed(self, line):
        """Returns the arguments that arrive when a line is completed and executed."""
        self.fresh()
        self.type(f"tophash {line}\t")
        time.sleep(0.05)
        self.type("\r")
        self.wait_for(r"GOT:.*:END.*" + PROMPT, f"{line!r}")
        words = re.findall(r"<([^>]*)>", re.search(r"GOT:(.*?):END", self.text, re.S)[1])
        return [word.rstrip("/") for word in words]  # zsh takes the slash of a folder away again

    def offers(self, line, words, never=()):
        """Tells whether all these words are on the screen after the line and two Tabs, and none of the words that must never be offered."""
        self.fresh()
        self.type(f"tophash {line}\t")
        time.sleep(0.2)
        self.type("\t")
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            self.text += self.read(0.2)
            shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", " ", re.sub(r"\x1b(\[[0-9;]*m|\(B)", "", self.text))
            missing = [w for w in words if not re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", shown)]
            if not missing:
                wrong = [w for w in never if re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", shown)]
                if wrong:
                    raise Failed(f"{line!r}: offered: {', '.join(wrong)}; {shown[-800:]!r}")
                return
            if re.search(r"--More--|do you wish to see|y or n", shown):
                self.type(" " if "--More--" in shown else "y")
                self.text = self.text.replace("--More--", "").replace("do you wish to see", "").replace("y or n", "")
        raise Failed(f"{line!r}: not offered: {', '.join(missing)}; {shown[-800:]!r}")

    def close(self):
        os.close(self.fd)
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def start_bash(dest, env, folder):
    script = dest / "share/bash-completion/completions/tophash"
    rc = folder.parent / "bashrc"
    rc.write_text(f"PS1='{PROMPT}'\nbind 'set bell-style none'\nbind 'set page-completions off'\n"
                  f"bind 'set enable-bracketed-paste off'\nbind 'set completion-query-items 0'\n. '{script}'\n")
    return Shell(["bash", "--noprofile", "--rcfile", str(rc), "-i"], env, folder)


def start_zsh(dest, env, folder):
    home = folder.parent / "zsh"
    home.mkdir(exist_ok=True)
    (home / ".zshrc").write_text(f"PS1='{PROMPT}'\nfpath=('{dest}/share/zsh/site-functions' $fpath)\nsetopt no_beep no_list_beep\n"
                                 f"unsetopt prompt_sp prompt_cr\nautoload -Uz compinit\ncompinit -u -d '{home}/dump'\nLISTMAX=0\n"
                                 "zstyle ':completion:*' verbose yes\n")
    return Shell(["zsh", "-i"], {**env, "ZDOTDIR": str(home)}, folder)


def start_fish(dest, env, folder):
    begin = (f"function fish_prompt; printf '{PROMPT}'; end; set -g fish_autosuggestion_enabled 0; set -g fish_greeting; "
             "function fish_title; end")
    env = {**env, "XDG_DATA_DIRS": f"{dest}/share:/usr/local/share:/usr/share", "XDG_CONFIG_HOME": str(folder.parent / "fish"),
           "XDG_DATA_HOME": str(folder.parent / "fishdata")}
    return Shell(["fish", "-i", "-C", begin], env, folder)


SHELLS = {"bash": start_bash, "zsh": start_zsh, "fish": start_fish}


def help_of(tophash, *words):
    return subprocess.run([tophash, *words], check=True, capture_output=True, text=True).stdout


def options_of(tophash, verb):
    """Returns the long options that --help names. Those of a line "More: --follow, --until" are rare, but they are offered too."""
    text = help_of(tophash, verb, "--help")
    return re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", re.sub(r"(More:|,)\s+", "\n ", text), re.M)


def verbs_of(tophash):
    return re.findall(r"^  ([a-z]+) +\S", help_of(tophash, "--help").split("Verbs:")[1].split("Other:")[0], re.M)


def offered(tophash, go, other):
    """Returns the text before two Tabs, the words that must be offered, and the words that must not be. `go` and `other` are the ids of
    processes with and without Go code."""
    verbs = verbs_of(tophash)
    yield "", verbs
    yield "help ", verbs
    for verb in verbs:
        options = options_of(tophash, verb)
        if len(options) > 1:
            yield f"{verb} --", options
    yield "trace --s", ["--site", "--summary", "--stack"]
    yield "trace --format ", ["text", "json"]
    yield "trace --summary=", ["site", "map", "type", "key"]
    yield "sites --by ", ["function", "type", "variant", "package"]
    yield "addr --source ", ["gopclntab", "symbols", "dwarf", "all"]
    if go:
        begin = os.path.commonprefix([go, other])
        for option in "trace -p", "trace --pid", "addr -p":
            yield f"{option} {begin}", [go], [other]


def run_shell(name, tophash, dest, env, folder, pids, verbose):
    shell = SHELLS[name](dest, env, folder)
    passed, failed = 0, []
    try:
        shell.wait_for(PROMPT, "the first prompt")
        completed = COMPLETED + (NAMED if pids[0] else [])
        cases = [(line, lambda line=line, args=args: check(shell.completed(line), args, line)) for line, args in completed]
        cases += [(line, lambda args=(line, *rest): shell.offers(*args)) for line, *rest in offered(tophash, *pids)]
        for line, case in cases:
            try:
                case()
                passed += 1
                if verbose:
                    print(f"    ok   {name}: {line!r}", flush=True)
            except Failed as f:
                failed.append(line)
                print(f"    FAIL {name}: {f}", flush=True)
    except Failed as f:
        failed.append("")
        print(f"    FAIL {name}: {f}", flush=True)
    finally:
        shell.close()
    return passed, len(failed)


def check(got, want, line):
    if got != want:
        raise Failed(f"{line!r}: {got} arrives, not {want}")


def prepare(temp, build):
    """The installed completions, and a folder with files to complete."""
    dest, folder, programs = temp / "dest", temp / "here", temp / "bin"
    subprocess.run([ROOT / "tools/install", "install", build, "/usr"], check=True, env={**os.environ, "DESTDIR": str(dest)})
    for path in (folder / "folder", programs):
        path.mkdir(parents=True)
    for name in ("only.json", "with space"):
        (folder / name).write_text("")
    for name in ("tophash", "hello-from-here"):
        (programs / name).write_text(STAND_IN.replace("REAL", str(build / "tophash")))
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(temp), "TERM": "xterm", "LANG": "C.UTF-8"}
    return dest / "usr", folder, env


def start_processes(temp):
    """Starts a Go program, named qq-named, and a program that is not Go. Returns the processes and their ids. The id is "" if there is no
    Go program."""
    programs = sorted(matrix.CACHE.glob("targets/*/default/steps"))
    started = []
    for program in programs[-1:]:
        shutil.copy(program, temp / "qq-named")
        started.append(subprocess.Popen([temp / "qq-named"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))
    started.append(subprocess.Popen(["sleep", "600"]))
    return started, [str(started[0].pid) if programs else "", str(started[-1].pid)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--shell", action="append")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    build = pathlib.Path(args.build).resolve()
    totals, skipped = [0, 0], 0
    with tempfile.TemporaryDirectory() as temp:
        started, pids = start_processes(pathlib.Path(temp))
        try:
            if not pids[0]:
                print("  skip processes: no target program is built (tests/matrix/build.py)", flush=True)
                skipped += 1
            dest, folder, env = prepare(pathlib.Path(temp), build)
            for name in args.shell or SHELLS:
                if not shutil.which(name):
                    print(f"  skip {name}: not installed", flush=True)
                    skipped += 1
                    continue
                counts = run_shell(name, build / "tophash", dest, env, folder, pids, args.v)
                print(f"  {'FAIL' if counts[1] else 'ok  '} {name}: {counts[0]} of {sum(counts)}", flush=True)
                totals = [a + b for a, b in zip(totals, counts)]
        finally:
            for process in started:
                process.kill()
                process.wait()
    print(f"{totals[0]} passed, {totals[1]} failed, {skipped} skipped")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
