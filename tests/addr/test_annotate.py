"""Tests of addr --annotate: crash reports, logs, profiles, the kernel's messages."""

import json
import os
import re
import signal
import subprocess

from harness import check, crash, frames, go_addr2line, LONG, options, records, releases, run, same, symbols, test, tophash


def report(exe, how, level):
    """Returns the output of the program when it ends in this way."""
    env = dict(os.environ, GOTRACEBACK=level)
    if how != "wait":
        return run([exe, how], env=env, text=True, errors="replace").stderr
    p = subprocess.Popen([str(exe), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    p.stdout.readline()
    p.send_signal(signal.SIGQUIT)
    return p.communicate()[1]


NOTE = re.compile(r" \[(?:0x[0-9a-f]+|[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]")


def check_notes(text, noted, exe, version, what):
    """Compares each note with what the runtime printed in the same line."""
    pcs = {}
    for before, after in zip(text.splitlines(), noted.splitlines()):
        frame = re.fullmatch(r"\t(.+):(\d+) \+0x([0-9a-f]+)(?: fp=0x\w+ sp=0x\w+ pc=0x(\w+))?", before)
        if not frame:
            continue
        note = after[len(before):] if after.startswith(before) else None
        check(note is not None, f"{what}: {before!r} became {after!r}")
        check(note, f"{what}: no note in {before!r}")
        if frame[4]:
            last = note[2:-1].split(" < ")[-1]
            check(last.endswith(f" {frame[1]}:{frame[2]}"), f"{what}: {before!r} got {note!r}")
        else:
            pcs[int(note[2:-1], 16)] = f"{frame[1]}:{frame[2]}"
    return pcs


def check_offsets(version, exe, pcs):
    """Addresses that were computed from offsets: go tool addr2line must have the printed line there. If calls are inlined there, the
    printed line is that of the call, and our last frame must have it."""
    back = sorted(pc - 1 for pc in pcs)
    theirs = go_addr2line(version, exe, back) if back else {}
    ours, _ = records(exe, back, "--source", "gopclntab")
    for pc, where in pcs.items():
        got = frames(ours[pc - 1], "gopclntab")
        same(got[-1].place, where, f"{exe.name} {pc:#x}")
        same(got[0].place, theirs[pc - 1].place, f"{exe.name} {pc:#x}")


@test
def annotate():
    """Crash reports and goroutine dumps: the text is unchanged, and each note equals what the runtime printed beside it."""
    for version in releases():
        for variant in ("default", "pie", "trimpath", "stripped"):
            exe = crash(version, variant)
            offsets = {}
            for how, level in (("panic", "system"), ("nil", "all"), ("wait", "system"), ("wait", "all"), ("map", "all")):
                text = report(exe, how, level)
                what = f"go{version} {variant} {how} {level}"
                check("goroutine" in text, f"{what}: {text[:200]}")
                noted = tophash("--annotate", exe, text=text).stdout
                pcs = check_notes(text, noted, exe, version, what)
                frames_n = len(re.findall(r"^\t.+ \+0x", text, re.M))
                notes = noted.count(" [0x") + noted.count("pc=0x")
                check(frames_n > 3 and notes >= frames_n, f"{what}: {notes} notes of {frames_n} frames")
                if variant != "pie":  # where addresses are those of the run
                    offsets.update(pcs)
                if how == "nil":
                    signal_line = next(x for x in noted.splitlines() if "[signal" in x)
                    if variant != "pie" or level == "system":
                        check("main.(*store).drop" in signal_line and "< main.(*store).refresh" in signal_line, f"{what}: {signal_line}")
            check_offsets(version, exe, offsets)


LOGS = {  # how a log changes a line
    "journald": lambda line: f"Nov 29 20:18:01 web1 crash[4711]: {line}\n",
    "kubectl": lambda line: f"2026-11-29T20:18:01.123456789Z {line}\n",
    "docker": lambda line: json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-11-29T20:18:01Z"}) + "\n",
    "journald, json": lambda line: json.dumps({"_PID": "4711", "MESSAGE": line}) + "\n",
    "syslog": lambda line: "Nov 29 20:18:01 web1 crash[4711]: " + line.replace("\t", "#011") + "\n",
    "indent": lambda line: f"    {line}\n",
    "grep": lambda line: f"crash-1.log-12-{line}\n",
    "no-break spaces": lambda line: f"\u00a0\u00a0{line}\n",
    "one string": lambda line: json.dumps(line + "\n")[1:-1],
}


@test
def annotate_logs():
    """A crash report in a log has the same notes as alone, and no others."""
    exe = crash("1.26", "default")
    for how, level in (("panic", "all"), ("nil", "system"), ("wait", "all")):
        text = report(exe, how, level)
        plain = tophash("--annotate", exe, text=text).stdout
        check(plain.count(" +0x") > 3 and plain != text, f"{how}: {plain[:200]}")
        for name, decorate in LOGS.items():
            got = tophash("--annotate", exe, text="".join(map(decorate, text.splitlines()))).stdout
            same(got, "".join(map(decorate, plain.splitlines())), f"{how} {level}, {name}")


@test
def annotate_newest_first():
    """Logs may be shown with the newest line first (journalctl -r), or be cut at their beginning. The notes are the same."""
    exe = crash("1.26", "default")
    for how in ("panic", "wait"):
        text = report(exe, how, "all")
        plain = tophash("--annotate", exe, text=text).stdout
        for cut in range(1, text.count("\n") - 1):
            got = tophash("--annotate", exe, text="".join(text.splitlines(True)[cut:])).stdout.splitlines()
            pairs = list(zip(got, plain.splitlines()[cut:], text.splitlines()[cut:]))[1:]  # (the first line may be a place without a name)
            wrong = [p for p in pairs if p[0] not in (p[1], p[2])]
            check(not wrong and sum(p[0] != p[1] for p in pairs) <= 2, f"{how}, cut at {cut}: {wrong[:3]}")
        for prefix in ("Nov 29 20:18:01 web1 crash[4711]: ", ""):
            lines = [prefix + line + "\n" for line in reversed(text.splitlines())]
            got = tophash("--annotate", exe, text="".join(lines)).stdout
            # A line may have no note, if the names before and after it both fit. It never has another one.
            pairs = list(zip(got.splitlines(), (prefix + line for line in reversed(plain.splitlines())), lines))
            same(len(pairs), len(lines), "lines")
            wrong = [p for p in pairs if p[0] not in (p[1], p[2].rstrip("\n"))]
            missing = sum(p[0] != p[1] for p in pairs)
            check(not wrong and missing <= 2, f"{how}, {prefix!r}: {missing} without a note, {wrong[:3]}")


@test
def annotate_kernel():
    """The kernel's lines about signals."""
    exe = crash("1.26", "default")
    main = {name: addr for addr, _, name in symbols(exe)}["main.main"]
    for line in (
        f"[12.5] crash[4711]: segfault at 0 ip {main:016x} sp 000000c00005af10 error 4 in crash[401000+98000]",
        f"traps: crash[4711] trap invalid opcode ip:{main:x} sp:c00005af10 error:0 in crash[401000+98000]",
    ):
        got = tophash("-a", exe, text=line + "\n").stdout
        check(re.sub(r" \[main\.main [^]]*\]", "", got) == line + "\n" and "[main.main " in got, got)


@test
def annotate_leaves():
    """Text that is no address is unchanged. After each address there is a note."""
    exe = crash("1.26", "default")
    table = {name: addr for addr, _, name in symbols(exe)}
    main = table["main.main"]
    where = json.loads(tophash("--format", "json", "--source", "gopclntab", exe, hex(main)).stdout.splitlines()[0])
    note = f" [main.main {where['file']}:{where['line']}]"
    lines = {
        f"at {main:#x}.": f"at {main:#x}{note}.",
        f"({main:#x})": f"({main:#x}{note})",
        f"{main:x}": f"{main:x}{note}",
        f"  {main:016x}  ": f"  {main:016x}{note}  ",
        f"\t  {main:x} main.main+0x0 (/srv/{exe.name})": f"\t  {main:x}{note} main.main+0x0 (/srv/{exe.name})",
        f"{main:#x} {main:#x}": f"{main:#x}{note} {main:#x}{note}",
        f"main.main({main:#x}, 0x2)": None, f"\t/elsewhere/main.go:{where['line']} +0x0": f"\t/elsewhere/main.go:{where['line']} +0x0 [{main:#x}]",
        f"+{main:#x}": None, f"x{main:#x}": None, f"{main:#x}g": None, f"{main:x} words": None, "0x0 0x10 0xffffffffffffffff": None,
        "0xc000012000 0x12345678901234567": None, "": None, "caf\u00e9 \u00ff": None,
    }
    text = "".join(x + "\n" for x in lines)
    want = "".join((y if y is not None else x) + "\n" for x, y in lines.items())
    same(tophash("-a", exe, text=text).stdout.splitlines(), want.splitlines(), "notes")
    same(tophash("-a", exe, text=text[:-1]).stdout, want[:-1], "a text without a last newline")
    raw = bytes(range(256)) * 5000
    got = run([options.tophash, "addr", "-a", exe], input=raw).stdout
    same(got, raw, "bytes of every kind")
    long = "y" * 3_000_000 + f" {main:#x} " + "z" * 100
    same(tophash("-a", exe, text=long).stdout, long.replace(f"{main:#x}", f"{main:#x}{note}"), "a line of 3 MB")


@test
def annotate_perf():
    """perf script: offsets in the file (as perf prints now) and addresses, of this file only. All are return addresses except the innermost
    one."""
    for exe in (crash("1.26", "default"), crash("1.26", "pie")):
        table = {name: addr for addr, _, name in symbols(exe)}
        segment = re.search(r"LOAD +(0x\w+) (0x\w+) 0x\w+ +0x\w+ +0x\w+ R E", run(["readelf", "-lW", exe], text=True).stdout)
        bias = int(segment[2], 16) - int(segment[1], 16)
        refresh, main = table["main.(*store).refresh"], table["main.main"]

        def line(addr, symbol, path=exe):
            return f"\t{addr:16x} {symbol} ({path})\n"

        def noted(addr, symbol, step):
            lines = tophash("--format", "json", exe, hex(table[symbol.split("+")[0]] + int(symbol.split("+")[1], 16) - step), code=0).stdout
            record = json.loads(lines.splitlines()[0])
            note = " < ".join(f"{f.func} {f.place}" for f in frames(record, "gopclntab"))
            return f"\t{addr:16x} [{note}] {symbol} ({exe})\n"

        for shift in (bias, 0):  # an offset in the file; an address
            rows = [(refresh + 20 - shift, "main.(*store).refresh+0x14", 0), (main + 30 - shift, "main.main+0x1e", 1)]
            text = "crash 1 2.5: 1 cycles: \n" + line(0xFFFFFFFF81000C82, "asm_exc_page_fault+0x22", "[kernel.kallsyms]")
            want = text + "".join(noted(*row) for row in rows)
            text += "".join(line(addr, symbol) for addr, symbol, _ in rows)
            other = line(main - shift, "qsort+0x3", "/usr/lib/libc.so.6") + "\n"
            same(tophash("-a", exe, text=text + other).stdout, want + other, f"{exe.name} less {shift:#x}")


@test
def annotate_profile():
    """The text of a goroutine profile: the frames of each stack are those that the runtime prints below it."""
    for version in releases():
        for variant in ("default", "stripped"):
            exe = crash(version, variant)
            text = run([exe, "profile"], text=True).stdout
            noted = tophash("-a", exe, text=text).stdout
            stacks, shown = [], []
            for line in noted.splitlines():
                if " @ 0x" in line:
                    notes = re.findall(r"0x[0-9a-f]+ \[(.*?:\d+)\](?= 0x|$)", line)
                    stacks.append([frame.rsplit(" ", 1) for note in notes for frame in note.split(" < ")])
                    shown.append([])
                m = re.match(r"#\t0x[0-9a-f]+ \[.*\]\t(\S+)\+0x[0-9a-f]+\s+(\S+:\d+)$", line)
                if m:
                    shown[-1].append([m[1], m[2]])
            check(len(stacks) >= 2 and any(any(f[0] == "main.end" for f in s) for s in stacks), f"{noted}")
            for got, want in zip(stacks, shown):
                # The profile leaves out the runtime's frames at both ends, and shortens type arguments.
                got = [[re.sub(r"\[.*\]", "[...]", func), where] for func, where in got]
                want = [[re.sub(r"\[.*\]", "[...]", func), where] for func, where in want]
                check(want, f"{noted}")
                begin = got.index(want[0]) if want[0] in got else 0
                same(got[begin : begin + len(want)], want, f"go{version} {variant}")
                rest = got[:begin] + got[begin + len(want) :]
                check(all(func.startswith("runtime.") for func, _ in rest), f"go{version} {variant}: {rest} are not below it")


@test
def annotate_streams():
    """In a log that is being written, each line is printed at once."""
    exe = crash("1.26", "default")
    main = next(addr for addr, _, name in symbols(exe) if name == "main.main")
    p = subprocess.Popen([options.tophash, "addr", "-a", str(exe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    for i in range(3):
        p.stdin.write(f"{i} {main:#x}\n")
        p.stdin.flush()
        line = p.stdout.readline()
        check(line.startswith(f"{i} {main:#x} [main.main "), line)
    p.stdin.close()
    same(p.wait(LONG), 0, "exit code")
