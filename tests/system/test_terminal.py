"""What is written to a terminal: width, colours, no byte that acts on it."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading
import time

from harness import check, LONG, options, probed, Program, refused, same, spawn, target, test, tmp, tophash, zoo, zoo_program


def on_terminal(*args, width=80, env=None):
    """What it writes to a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, **(env or {})}
    if not env:
        environment.pop("NO_COLOR", None)
    p = spawn([options.tophash, "trace", *map(str, args)], stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment)
    os.close(slave)
    out = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    p.wait(LONG)
    os.close(master)
    return p.returncode, out.decode()


def shown(line):
    return re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", line).rstrip("\r")


def shown_all(out):
    return "\n".join(shown(x) for x in out.split("\n"))


@test
def terminal():
    exe = zoo()
    for width in (80, 100, 160):
        for extra in ([], ["--stack", "5"], ["--summary"], ["--summary=key"], ["--summary=map"], ["--summary=type"]):
            p = zoo_program()
            done = threading.Event()

            def drive():
                end = time.monotonic() + LONG
                while not probed(p.pid, exe) and time.monotonic() < end:
                    time.sleep(0.01)
                time.sleep(0.05)
                p.ask("round")
                p.tell("exit 0")
                done.set()

            thread = threading.Thread(target=drive)
            thread.start()
            code, out = on_terminal("-p", p.pid, *extra, width=width)
            thread.join()
            same(code, 0, "exit code")
            check("\x1b[" in out, f"{extra}: no colours on a terminal")
            wide = [shown(x) for x in out.split("\n") if len(shown(x)) > width]
            check(not wide, f"width {width} {extra}: {len(wide)} lines are wider: {wide[:2]}")
            p.p.wait(LONG)
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": "1"})
    same(code, 0, "exit code")
    check("\x1b" not in out, "colours in spite of NO_COLOR")
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": ""})
    check("\x1b" in out, "an empty NO_COLOR is none")


def one_round(run):
    """What run(pid) gives of one round of the zoo."""
    p, exe = zoo_program(), zoo()
    done = []

    def drive():
        end = time.monotonic() + LONG
        while not probed(p.pid, exe) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05)
        p.ask("round")
        p.tell("exit 0")
        done.append(True)

    thread = threading.Thread(target=drive)
    thread.start()
    result = run(p.pid)
    thread.join()
    p.p.wait(LONG)
    check(done, "the zoo did nothing")
    return result


@test
def nothing_is_cut():
    """In a file no key, type or site is cut, whatever COLUMNS says. On 80 columns --stack shows keys and types whole."""
    events = one_round(lambda pid: tophash("-p", pid, "--format", "json", env={**os.environ, "COLUMNS": "40"})).events
    check(len(events) > 20, "the zoo did little")
    texts = {}
    for extra in ([], ["--stack", "9"]):
        run = one_round(lambda pid: tophash("-p", pid, *extra, env={**os.environ, "COLUMNS": "40"}))
        texts["a file", *extra] = run.out
    code, out = one_round(lambda pid: on_terminal("-p", pid, "--stack", "9", "--key-bytes", "64", width=80))
    # Lines that were broken begin with spaces; a word that is wider than the line is broken where it ends.
    texts["80 columns"] = re.sub(r"\n +", "", shown_all(out)) + "\n" + re.sub(r"\n +", " ", shown_all(out))
    for where, text in texts.items():
        for e in events:
            if isinstance(e.get("key"), str) and e["event"] == "delete" and not e["map_type"].startswith("map[*"):
                check(e["key"] in text, f"{where}: the key {e['key']!r} is not there")
            check(e["map_type"] in text, f"{where}: the type {e['map_type']!r} is not there")
            frame = e["stack"][0]
            if where != "80 columns":
                check(f"{frame['func']} {os.path.basename(frame['file'])}:{frame['line']}" in text, f"{where}: the site {frame} is not there")
    check("probes ready" not in texts[("a file",)], "the header speaks of the tool")
    check(re.match(r"tophash \S+ · 20\d\d-\d\d-\d\d · ", texts[("a file",)]), "no date in the first line")


@test
def evil_name():
    """A program whose name acts on terminals: no byte of that gets through, whatever is printed."""
    exe = tmp("e\x1b[31mX\u009bY\nZ")
    shutil.copy(target("steps"), exe)
    text = tmp("t\x1b[31mX\u009bY\nZ")
    text.write_text("no program")

    def harmless(what, *outputs):
        for out in outputs:
            left = [c for c in re.sub(r"\x1b\[\d*m", "", out) if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")]
            check(not left and "\x1b[31m" not in out and "Y\n" not in out, f"{what}: {out!r}")
        check(any("X\\u009bY\\nZ" in out for out in outputs), f"{what}: its name is not there: {outputs}")

    p = Program(str(exe))
    p.line()
    for args in (["-p", p.pid], ["-b", exe], ["--", exe]):
        for format in ("text", "json"):
            r = tophash("--dry-run", "--format", format, *args)
            same(r.code, 0, r.err)
            harmless(f"--dry-run {args}", r.out.replace("\\u001b", "\\x1b"), r.err)
        if args[0] != "--":  # which would keep the terminal
            code, out = on_terminal("--duration", "300ms", *args, width=200)
            same(code, 0, out)
            harmless(f"{args}", out.replace("\r\n", "\n"))
    for args in (["-o", exe, "-b", exe], ["-b", text], ["--", text], ["-b", str(exe) + "x"], ["-p", "1", "--format", exe], [exe]):
        r = tophash(*args)
        refused(r, r.code)
        harmless(f"{args}", r.err)
    r = tophash("-o", tmp("o"), "--", exe)
    harmless("exit status", r.err)
    p.end()
