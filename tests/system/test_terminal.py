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
            if "--stack" not in extra:  # a frame is not cut: it is what was asked for
                check(not wide, f"width {width} {extra}: {len(wide)} lines are wider: {wide[:2]}")
            p.p.wait(LONG)
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": "1"})
    same(code, 0, "exit code")
    check("\x1b" not in out, "colours in spite of NO_COLOR")
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": ""})
    check("\x1b" in out, "an empty NO_COLOR is none")


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
