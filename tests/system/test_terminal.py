"""Tests of output to a terminal: its width, its colours, and no byte that acts on the terminal."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
import time
from pathlib import Path

from harness import check, LONG, options, Program, refused, same, spawn, target, test, tmp, tophash, zoo, zoo_program


def on_terminal(*args, width=80, env=None, verb="trace", errors=None):
    """Returns what a verb writes to a terminal of this width, including messages if the verb is not trace. errors: a file for its messages."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    environment.update(env or {})
    verb = [verb] if verb else []
    p = spawn([options.tophash, *verb, *map(str, args)], stdin=slave, stdout=slave,
              stderr=errors or (subprocess.PIPE if verb == ["trace"] else slave), env=environment)
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


def one_round(run):
    """Returns the result of run(pid, errors) for one round of the zoo. run calls trace with -v, and lets it write its messages to errors."""
    p, done = zoo_program(), []
    with tempfile.NamedTemporaryFile(dir=tmp()) as errors:

        def drive():
            # The first probe is in the text well before the last one. A process that ends between them was not traced.
            end = time.monotonic() + LONG
            while b"probes placed" not in Path(errors.name).read_bytes() and time.monotonic() < end:
                time.sleep(0.005)
            p.ask("round")
            p.tell("exit 0")
            done.append(True)

        thread = threading.Thread(target=drive)
        thread.start()
        result = run(p.pid, errors)
        thread.join()
    p.p.wait(LONG)
    check(done, "the zoo did nothing")
    return result


def round_on_terminal(*args, **kwargs):
    return one_round(lambda pid, errors: on_terminal("-v", "-p", pid, *args, errors=errors, **kwargs))


def round_in_a_file(*args, **kwargs):
    return one_round(lambda pid, errors: tophash("-v", "-p", pid, *args, stderr=errors, **kwargs))


@test
def terminal():
    for width in (80, 100, 160):
        for extra in ([], ["--stack", "5"], ["--summary"], ["--summary=key"], ["--summary=map"], ["--summary=type"]):
            code, out = round_on_terminal(*extra, width=width)
            same(code, 0, "exit code")
            check("\x1b[" in out, f"{extra}: no colours on a terminal")
            wide = [shown(x) for x in out.split("\n") if len(shown(x)) > width]
            check(not wide, f"width {width} {extra}: {len(wide)} lines are wider: {wide[:2]}")
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": "1"})
    same(code, 0, "exit code")
    check("\x1b" not in out, "colours in spite of NO_COLOR")
    code, out = on_terminal("-q", "--", target("busy"), "-ops", 10, env={"NO_COLOR": ""})
    check("\x1b" in out, "an empty NO_COLOR is none")


@test
def nothing_is_cut():
    """In a file no key, type or site is cut, whatever COLUMNS says. With 80 columns --stack shows keys and types in full."""
    events = round_in_a_file("--format", "json", env={"COLUMNS": "40"}).events
    check(len(events) > 20, "the zoo did little")
    texts = {}
    for extra in ([], ["--stack", "9"]):
        run = round_in_a_file(*extra, env={"COLUMNS": "40"})
        texts["a file", *extra] = run.out
    code, out = round_on_terminal("--stack", "9", "--key-bytes", "64", width=80)
    # Wrapped lines begin with spaces. A word that is wider than the line is broken at the end of the line.
    texts["80 columns"] = re.sub(r"\n +", "", shown_all(out)) + "\n" + re.sub(r"\n +", " ", shown_all(out))
    for where, text in texts.items():
        for e in events:
            if isinstance(e.get("key"), str) and e["event"] == "delete" and not e["map_type"].startswith("map[*"):
                check(e["key"] in text, f"{where}: the key {e['key']!r} is not there")
            check(e["map_type"] in text, f"{where}: the type {e['map_type']!r} is not there")
            frame = e["stack"][0]
            if where != "80 columns":
                check(f"{frame['func']} {os.path.basename(frame['file'])}:{frame['line']}" in text, f"{where}: the site {frame} is not there")
    # The program writes to the same pipe, perhaps before.
    out = tophash("--", target("busy"), "-ops", 10).out
    heads = [line for line in out.splitlines() if line.startswith("tophash ")]
    check(len(heads) == 1 and re.match(r"tophash \S+ · 20\d\d-\d\d-\d\d · ", heads[0]), f"no date in the head: {out}")
    check("probes ready" not in heads[0], "the head speaks of the tool")


@test
def columns_and_wide():
    """COLUMNS sets the width of a terminal, and --wide removes the limit."""
    for columns in ("60", "90", "200"):
        code, out = round_on_terminal(width=120, env={"COLUMNS": columns})
        same(code, 0, "exit code")
        longest = max(len(shown(x)) for x in out.split("\n"))
        check(int(columns) - 40 < longest <= int(columns), f"COLUMNS={columns}: a line has {longest} columns")
    events = round_in_a_file("--format", "json").events
    code, out = round_on_terminal("--wide", width=80)
    for e in events:
        check(e["map_type"] in shown_all(out), f"--wide: the type {e['map_type']!r} is not there")
    exe = zoo()
    for args in ([], ["--by", "type"]):
        code, wide = on_terminal(*args, "--wide", exe, verb="sites", width=80)
        piped = subprocess.run([options.tophash, "sites", *args, str(exe)], capture_output=True, text=True, timeout=LONG).stdout
        same(shown_all(wide.replace("\r\n", "\n")), piped, f"sites --wide {args}")


def on_error_terminal(*args, env=None, width=100):
    """Returns what trace writes to a terminal that is its standard error. Standard output is a pipe."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    p = spawn([options.tophash, "trace", *map(str, args)], stdin=slave, stdout=subprocess.PIPE, stderr=slave,
              env={**os.environ, "TERM": "xterm", **(env or {})})
    os.close(slave)
    reader = threading.Thread(target=lambda: p.stdout.read())
    reader.start()
    out = b""
    try:
        while data := os.read(master, 65536):
            out += data
    except OSError:
        pass
    reader.join()
    p.wait(LONG)
    os.close(master)
    return p.returncode, out.decode()


@test
def status_line():
    """--summary shows how it gets on: on a terminal, at most twice a second, and nothing of it stays."""
    busy = ("--", target("busy"), "-seconds", "3")
    line = r"\r\x1b\[K(\d+) s: (\d+) hits \((\d+)/s\), 0 filtered, (\d+) lost(?:, takes [\d.]+% of a CPU)?\r"
    code, out = on_error_terminal("--summary", *busy)
    check(code in (0, 5), f"exit code {code}")
    drawn = re.findall(line, out)
    check(drawn, out)
    check(3 <= len(drawn) <= 2 * (int(drawn[-1][0]) + 1), f"{len(drawn)} status lines in {drawn[-1][0]} seconds: {out!r}")
    hits = [int(x[1]) for x in drawn]
    check(hits == sorted(hits) and hits[-1] > 1000, f"{drawn}")
    check(all(int(x[2]) > 0 for x, before in zip(drawn[1:], hits) if int(x[1]) > before + 1000), f"hits in a second: {drawn}")
    rest = re.sub(line, "", out)
    check(re.fullmatch(r"\r\x1b\[Ktophash: \S+busy \(process \d+\) exited with status 0\r\n(\r\x1b\[K)?", rest), f"what stays: {rest!r}")
    for args, env in ((["--summary", "-q"], {}), ([], {}), (["--summary"], {"TERM": "dumb"})):
        code, out = on_error_terminal(*args, "--duration", "1", *busy, env=env)
        check(" hits (" not in out and "\x1b" not in out, f"{args} {env}: {out!r}")
    for width in (40, 50, 60):  # no half of a number is shown
        code, out = on_error_terminal("--summary", "--duration", "2", *busy, width=width)
        drawn = re.findall(r"\r\x1b\[K(\d[^\r]*)\r", out)
        whole = r"\d+ s: \d+ hits \(\d+/s\)(, \d+ filtered(, \d+ lost(, takes [\d.]+% of a CPU)?)?)?"
        check(drawn and all(len(x) < width and re.fullmatch(whole, x) for x in drawn), f"{width} columns: {drawn}")
    # A run whose events go to a file shows nothing else on the terminal.
    for args in (["--format", "json"], []):
        code, out = on_error_terminal(*args, "-o", tmp("events"), "--site", "main.nobody", *busy)
        check(len(re.findall(line.replace("0 filtered", r"\d+ filtered"), out)) >= 3, f"-o {args}: no status line: {out!r}")
    code, out = on_error_terminal("-q", "-o", tmp("events"), "--site", "main.nobody", "--duration", "1", *busy)
    check("\x1b" not in out, f"-o -q: {out!r}")
    r = tophash("--summary", "--duration", "1", *busy)
    check(" hits (" not in r.err and "\x1b" not in r.err, f"not a terminal: {r.err!r}")


@test
def dry_run_fits():
    """The probes of --dry-run are a table that is cut to the width of a terminal. Elsewhere, and with --wide, nothing is cut."""
    exe = target("steps")
    args = ("--dry-run", "--misses", "--key", "x", "-b", exe)
    whole = tophash(*args).out
    for width in (40, 60, 80, 120):
        code, out = on_terminal(*args, width=width)
        lines = shown_all(out).split("\n")
        same(code, 0, "exit code")
        check(max(map(len, lines)) <= width, f"{width} columns: {max(map(len, lines))}")
        same([line.split()[:2] for line in lines if re.search(" 0x", line) and "GC" not in line],
             [line.split()[:2] for line in whole.splitlines() if re.search(" 0x", line) and "GC" not in line], "probes")
    code, out = on_terminal(*args, "--wide", width=60)
    same(shown_all(out.replace("\r\n", "\n")), whole, "--wide")


@test
def alone_on_a_terminal():
    """Without a verb it shows what it can do, on one screen; not on a terminal, the usage."""
    code, out = on_terminal(verb=None)
    text = shown_all(out.replace("\r\n", "\n"))
    same(code, 2, "exit code")
    check(len(text.splitlines()) <= 24 and max(map(len, text.splitlines())) < 80, f"more than a screen:\n{text}")
    for verb in ("trace", "sites", "addr", "help"):
        check(re.search(rf"\?  +tophash {verb}\n", text), f"no question for {verb}:\n{text}")
    r = subprocess.run([options.tophash], capture_output=True, text=True, timeout=LONG)
    same((r.returncode, r.stdout), (2, ""), "not on a terminal")
    check(r.stderr.startswith("usage: tophash VERB"), r.stderr)


@test
def help_opens_the_manual():
    """help VERB shows the man page, and the text of --help with every option where there is no page or no man."""
    tree = tmp("manual/man1")
    tree.mkdir(parents=True)
    for page in (Path(__file__).resolve().parents[2] / "docs/man").glob("*.1"):
        shutil.copy(page, tree)
    call = lambda *args, **env: subprocess.run([options.tophash, *args], capture_output=True, text=True, timeout=LONG,
                                               stdin=subprocess.DEVNULL, env={**os.environ, "MANPATH": str(tree.parent), **env})
    for verb in ("trace", "sites", "addr", "help"):
        text = call(verb, "--help-all" if verb == "trace" else "--help").stdout
        if shutil.which("man"):
            page = call("help", verb)
            same((page.returncode, page.stderr), (0, ""), f"help {verb}")
            check("EXIT STATUS" in page.stdout and f"tophash-{verb}" in page.stdout, f"help {verb}: {page.stdout[:300]}")
        same(call("help", verb, MANPATH="/nonexistent").stdout, text, f"help {verb} without a page")
        same(call("help", verb, PATH="/nonexistent").stdout, text, f"help {verb} without man")
    same(call("help").stdout, call("--help").stdout, "help")
    for args, answer in ((["hlep"], 'no verb "hlep": did you mean help?'), (["help", "tarce"], 'no verb "tarce": did you mean trace?'),
                         (["nonsense"], 'no verb "nonsense": try tophash --help'), (["--verbos"], "unknown option --verbos: "),
                         (["4711"], "did you mean tophash trace -p 4711?")):
        r = call(*args)
        same((r.returncode, r.stdout), (2, ""), f"{args}")
        check(r.stderr.startswith("tophash: " + answer) or answer in r.stderr, f"{args}: {r.stderr}")


@test
def evil_name():
    """The name of a program has bytes that act on terminals. None of them gets through, whatever is printed."""
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
        if args[0] != "--":  # a command would keep the terminal
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
