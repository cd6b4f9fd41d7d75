"""Tests of maps --watch: each step of a map's growth, compared with what the program has seen in the map's own memory."""

import collections
import fcntl
import json
import os
import pty
import select
import shlex
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from harness import HERE, check, Failed, go_build, LONG, options, Program, REPO, same, spawn, test, tmp
from releases import releases
from test_maps import maps

import sample

FAST = ("1.23", "1.26")  # the two layouts
STEP = re.compile(r"^\d\d:\d\d:\d\d\.\d{6}  .*", re.MULTILINE)  # a line of a step


def migrating(go, *args):
    """Starts the program. Returns it, and the address of its map."""
    p = Program(go_build(HERE / "migrating.go", "migrating", *args, go=go), *(["swiss"] if sample.is_swiss(go) else []))
    return p, json.loads(p.line())["map"]


class Watch:
    """A `maps --watch --format json`. It takes one order after the other, and tells what was seen of each."""

    def __init__(self, p, addr, *args):
        self.program = p
        self.p = spawn([options.tophash, "maps", "-p", p.pid, "--watch", addr, "--format", "json", *args],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.read = b""
        self.head = self.record()
        same((self.head["event"], self.head["map"], self.head["pid"]), ("watch", addr, p.pid), "the first record")
        self.n = 0

    def record(self):
        while b"\n" not in self.read:
            check(select.select([self.p.stdout], [], [], LONG)[0], "a step is missing")
            some = os.read(self.p.stdout.fileno(), 65536)
            check(some, f"the output has ended: {self.p.poll()}")
            self.read += some
        line, self.read = self.read.split(b"\n", 1)
        return json.loads(line)

    def order(self, text):
        """Gives an order. Returns the steps that the program tells, and as many records."""
        truth = json.loads(self.program.ask(text))
        records = [self.record() for _ in truth["steps"]]
        for record in records:
            self.n += 1
            same((record["event"], record["n"], "unread" in record), ("step", self.n, False), f"{record}")
        return truth["steps"], records

    def end(self, code=0):
        self.p.send_signal(signal.SIGINT)
        out, err = self.p.communicate(timeout=LONG)
        err = err.decode()
        same((self.p.returncode, json.loads(self.read + out)), (code, {"event": "end", "steps": self.n, "lost": 0}), f"the end: {err}")
        return err


def classic(record):
    """Returns what the program tells of such a step."""
    step = {"step": record["step"]}
    if step["step"] == "grow":
        step.update({k: record[k] for k in ("buckets_before", "buckets", "same_size")})
    elif step["step"] == "evacuate":
        same(record["to_same"] + record["to_upper"], record["moved"], f"elements of an old bucket: {record}")
        step.update({k: record[k] for k in ("bucket", "moved", "chain")})
    elif step["step"] == "overflow":
        step.update({k: record[k] for k in ("bucket", "chain")})
    else:
        step["len_before"] = record["len_before"]
    return step


def swiss(record):
    step = {"step": record["step"]}
    after = record.get("after", [])
    if step["step"] == "clear":
        step["len_before"] = record["len_before"]
    elif step["step"] == "prune":
        step.update(before=record["before"], tombstones=after[0]["tombstones"])
    elif step["step"] == "split":
        step.update(before=record["before"], tables=len(after), used=sum(x["used"] for x in after),
                    directory_before=record["directory_before"], directory=record["directory"])
    elif "before" in record:
        step.update(before=record["before"], capacity=after[0]["capacity"], used=after[0]["used"])
    else:
        step.update(first=True, capacity=after[0]["capacity"])
    return step


def bag(steps):
    return collections.Counter(json.dumps(step, sort_keys=True) for step in steps)


def compare(watch, go, text):
    truth, records = watch.order(text)
    form = swiss if sample.is_swiss(go) else classic
    found = bag(form(record) for record in records)
    expected = bag(truth)
    same((found - expected, expected - found), (collections.Counter(), collections.Counter()), f"{go}: {text}")
    return records


def check_evacuation(records, old=0, evacuated=0):
    """Checks that each growth is told from its first old bucket to its last."""
    for record in records:
        if record["step"] == "grow":
            old, evacuated = record["old_buckets"], 0
            same((record["evacuated"], record["done"]), (0, False), f"{record}")
        elif record["step"] == "evacuate":
            evacuated += 1
            same((record["evacuated"], record["old_buckets"], record["done"]), (evacuated, old, evacuated == old), f"{record}")


def kinds_of(records):
    return {record["step"] for record in records}


@test
def watch_tells_each_step_of_classic_maps():
    """Growth to twice as many buckets, to as many, each old bucket, chains, clear."""
    for go in releases():
        if sample.is_swiss(go):
            continue
        p, addr = migrating(go)
        watch = Watch(p, addr)
        records = compare(watch, go, "put 0 90")
        check_evacuation(records)
        same(kinds_of(records) - {"overflow"}, {"grow", "evacuate"}, f"{go}: steps")
        same([x["buckets"] for x in records if x["step"] == "grow"], [2, 4, 8, 16], f"{go}: buckets")
        compare(watch, go, "clear")
        # Each bucket gets an overflow bucket at some time, and none goes. The map has few elements all the time.
        compare(watch, go, "put 1000 1005")
        piled = compare(watch, go, "pile 10000")
        check_evacuation([x for x in piled if x["step"] != "overflow"])
        same([x["same_size"] for x in piled if x["step"] == "grow"], [True], f"{go}: growth to as many buckets")
        check(len([x for x in piled if x["step"] == "overflow"]) >= 16, f"{go}: chains")
        check("steps of" in watch.end(), "totals")
        p.end()


@test
def watch_tells_each_step_of_swiss_maps():
    """The first table, larger ones, splits, the directory, tombstones that are removed or copied, clear."""
    for go in releases():
        if not sample.is_swiss(go):
            continue
        p, addr = migrating(go)
        watch = Watch(p, addr)
        records = compare(watch, go, "put 0 895")
        same([x["after"][0]["capacity"] for x in records], [16, 32, 64, 128, 256, 512, 1024], f"{go}: tables")
        compare(watch, go, "bury")
        records = compare(watch, go, "put 1000 1100")
        if go != "1.24":
            check("prune" in kinds_of(records), f"{go}: {kinds_of(records)}")
        records = compare(watch, go, "put 3000 9000")
        splits = [x for x in records if x["step"] == "split"]
        check(len(splits) >= 4 and any(x["directory"] == 2 * x["directory_before"] for x in splits), f"{go}: {len(splits)} splits")
        check(any(x["directory"] == x["directory_before"] for x in splits), f"{go}: splits without a larger directory")
        same(compare(watch, go, "clear")[0]["len"], 0, f"{go}: clear")
        watch.end()
        p.end()


def chosen():
    """Returns the releases to test where the layout alone matters: one of each, or all in the long tier."""
    there = releases()
    return there if options.rounds >= 200 else [go for go in there if go in FAST]


@test
def watch_draws_the_map_after_each_step():
    """Steps that come one by one have a drawing each, which is that of --map. On a terminal it is replaced."""
    for go in chosen():
        p, addr = migrating(go)
        file = tmp(f"watch-{go}")
        watch = spawn([options.tophash, "maps", "-p", p.pid, "--watch", addr, "-o", file], stderr=subprocess.PIPE)
        seen = ""

        def drawn(after):
            """Waits until the drawing after a step is there, and returns it."""
            end = time.monotonic() + LONG
            while time.monotonic() < end:
                text = file.read_text(errors="replace") if file.exists() else ""
                parts = text.split("\n\n")
                if text.endswith("\n\n") and parts[-2].startswith(f"after step {after}: "):
                    return parts[-2].split("\n", 1)[1], text
                time.sleep(0.02)
            raise Failed(f"{go}: no drawing after step {after}: {text[-500:]}")

        while not (file.exists() and "1 elements\n" in file.read_text(errors="replace")):
            time.sleep(0.02)
        total, key = 0, 0
        while total < 8:
            answer = json.loads(p.ask(f"put {key} {key + 1}"))
            key += 1
            if answer["steps"]:
                total += len(answer["steps"])
                drawing, seen = drawn(total)
                same(drawing.strip(), maps("-p", p.pid, "--map", addr).stdout.split("\n\n")[1].strip(), f"{go}: the drawing after step {total}")
        same(len(STEP.findall(seen)), total, f"{go}: lines")
        watch.send_signal(signal.SIGTERM)
        err = watch.communicate(timeout=LONG)[1].decode()
        same((watch.returncode, err), (0, f"tophash: {total} steps of {addr}, 0 missed\n"), f"{go}: SIGTERM")
        p.end()


@test
def watch_ends():
    """By --limit, by --duration, by the end of the process and of the map, and when its reader goes away."""
    for go in chosen():
        p, addr = migrating(go)
        watch = spawn([options.tophash, "maps", "-p", p.pid, "--watch", addr, "--format", "json", "--limit", "2"], stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True)
        watch.stdout.readline()
        p.ask("put 0 100")
        out, err = watch.communicate(timeout=LONG)
        records = [json.loads(line) for line in out.splitlines()]
        same(([x["event"] for x in records], records[-1]["steps"], watch.returncode), (["step", "step", "end"], 2, 0), f"{go}: --limit: {err}")
        r = maps("-p", p.pid, "--watch", addr, "--duration", "10ms", "-q")
        check(r.stderr == "" and "Buckets" in r.stdout or "Groups" in r.stdout, f"{go}: --duration: {r.stdout} {r.stderr}")
        watch = Watch(p, addr)
        watch.p.stdout.close()
        p.ask("put 100 1000")
        same(watch.p.wait(LONG), 0, f"{go}: its reader has gone away")
        p.end()
        p, addr = migrating(go)
        watch = Watch(p, addr)
        p.ask("other")
        out, err = watch.p.communicate(timeout=LONG)
        same((watch.p.returncode, out.decode().count('"step"'), f"{addr} is the address of another map now" in err.decode()), (0, 0, True),
             f"{go}: the map is gone: {out} {err}")
        p.end()
        p, addr = migrating(go)
        watch = Watch(p, addr)
        p.end()
        err = watch.p.communicate(timeout=LONG)[1].decode()
        same((watch.p.returncode, f"process {p.pid} has ended" in err), (0, True), f"{go}: the process ends: {err}")


def screen(out):
    """Returns the lines that stand on a terminal without an end after these bytes: the cursor goes up, and the rest is removed."""
    lines = [""]
    for text, up, clear in re.findall(r"([^\x1b]+)|\x1b\[(\d+)A|\x1b\[(J)|\x1b\[[0-9;]*m", out.decode(errors="replace").replace("\r\n", "\n")):
        if up:
            check(lines[-1] == "" and int(up) < len(lines), f"{up} lines up: {out[-500:]}")
            at = len(lines) - 1 - int(up)
        elif clear:
            del lines[at:]
            lines.append("")
        else:
            first, *rest = text.split("\n")
            lines[-1] += first
            lines += rest
    return "\n".join(lines)


@test
def watch_redraws_in_place():
    """On a terminal one drawing stands below the lines of all steps, until the next step, and at the end above the totals."""
    for go in chosen():
        p, addr = migrating(go)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 80, 0, 0))
        watch = spawn([options.tophash, "maps", "-p", p.pid, "--watch", addr], stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        out = b""

        def until(word):
            nonlocal out
            while not (word in screen(out) and out.endswith(b"\n\r\n")):
                check(select.select([master], [], [], LONG)[0], f"{go}: no {word}: {screen(out)}")
                out += os.read(master, 65536)
            return screen(out)

        until("1 elements\n")
        total = 0
        for key in range(60):
            answer = json.loads(p.ask(f"put {key} {key + 1}"))
            total += len(answer["steps"])
            if answer["steps"]:
                shown = until(f"after step {total}: ")
                same((len(STEP.findall(shown)), shown.count("\nafter step "), len(re.findall("Buckets|buckets\n|Groups", shown))), (total, 1, 1),
                     f"{go}: step {total}: steps, drawings: {shown}")
        check(total >= 3, f"{go}: {total} steps")
        before = screen(out)
        watch.send_signal(signal.SIGINT)
        while True:
            try:
                out += os.read(master, 65536)
            except OSError:  # all have closed it
                break
        same((screen(out), watch.wait(LONG)), (before + f"tophash: {total} steps of {addr}, 0 missed\n", 0), f"{go}: the end")
        os.close(master)
        p.end()


def waits_for_its_reader(watch):
    """Tells whether it waits in poll(2) for its reader or a signal, with a pipe of one page that is not empty."""
    n = struct.unpack("i", fcntl.ioctl(watch.stdout.fileno(), termios.FIONREAD, b"\0" * 4))[0]
    call = Path(f"/proc/{watch.pid}/syscall").read_text().split()
    return n > 0 and call[0] == "7" and call[2:4] == ["0x2", "0xffffffff"]


@test
def watch_counts_the_steps_that_its_reader_does_not_take():
    """Its reader stands still, and a signal comes: each step that happened is written, or counted as missed."""
    for go in chosen():
        for form in ("json", "text"):
            p, addr = migrating(go)
            watch = spawn([options.tophash, "maps", "-p", p.pid, "--watch", addr, "--format", form], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            fcntl.fcntl(watch.stdout.fileno(), fcntl.F_SETPIPE_SZ, 4096)
            seen = b""
            while not (b'"watch"' if form == "json" else b" elements") in seen:
                seen += os.read(watch.stdout.fileno(), 65536)
            orders = ("put 0 20000", "clear") if sample.is_swiss(go) else ("put 0 1500", "clear")
            happened = sum(len(json.loads(p.ask(order))["steps"]) for order in orders)
            end = time.monotonic() + LONG
            while not waits_for_its_reader(watch):
                check(time.monotonic() < end, f"{go}: it does not wait: {watch.poll()}")
                time.sleep(0.01)
            watch.send_signal(signal.SIGINT)
            same(watch.wait(LONG), 5, f"{go}: its reader stands still")
            out, err = (x.decode() for x in watch.communicate())
            check(out.endswith("\n"), f"{go}: a torn line: {out[-200:]}")
            if form == "json":
                written = [json.loads(line)["n"] for line in out.splitlines()]
                same(written, list(range(1, len(written) + 1)), f"{go}: steps")
            else:
                written = STEP.findall(out)
            missed = happened - len(written)
            same((len(written) > 0, missed > 0), (True, True), f"{go}: of {happened} steps")
            same(err, f"tophash: {missed} steps were missed at the end: the reader of the output did not take them\n"
                      f"tophash: {len(written)} steps of {addr}, {missed} missed\n", f"{go}: {happened} steps happened")
            p.end()


def told(text):
    """Returns what is the same each time in a list or in the output of --watch: columns, growths, how many old buckets have moved, which drawings."""
    steps = [re.sub(r"old bucket.*(evacuated)|; overflow.*", r"\1", line[17:]).split() for line in STEP.findall(text)]
    steps = [[x for i, x in enumerate(step) if i != 1] for step in steps if step[0] != "overflow"]  # the length differs while old buckets move
    heads = re.findall(r"^(?:BYTES|TIME) .*$", text, re.MULTILINE)
    drawings = re.findall(r"^(?:Old buckets.*|Buckets|Groups)$", text, re.MULTILINE)
    return [x.split() for x in heads], steps, [x for x, before in zip(drawings, [None, *drawings]) if x != before], re.findall(r", \d+ missed", text)


def replay(go, page, ready):
    """Runs the commands of a section, and gives the orders of its text. Compares what is printed. ready: after how many steps the next order comes."""
    p, addr = migrating(go)
    orders = re.findall(r"`(put \d+ \d+)`", page)
    p.ask(orders.pop(0))
    for command, printed in re.findall(r"```\n\$ tophash (.*)\n([^`]*)```", page):
        words = [x.replace("4711", str(p.pid)) for x in shlex.split(re.sub("0x[0-9a-f]+", addr, command))]
        run = spawn([options.tophash, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seen = ""

        def wait(steps, end=time.monotonic() + LONG):
            nonlocal seen
            while not (len(told(seen)[1]) >= steps and seen.endswith("\n\n")):
                check(time.monotonic() < end and select.select([run.stdout], [], [], LONG)[0], f"{go}: no step {steps}: {seen}")
                seen += os.read(run.stdout.fileno(), 65536).decode(errors="replace")

        if "--watch" in words:
            for steps, order in zip(ready, [*orders, None]):
                wait(steps)
                if order:
                    p.ask(order)
            run.send_signal(signal.SIGINT)
        seen += run.communicate(timeout=LONG)[0].decode()
        same((told(seen), run.returncode), (told(printed), 0), f"{go}: {command}: {seen}")
    p.end()


@test
def watch_recipe():
    """The page "Watch a map migrate" shows the steps and drawings that its commands show."""
    page = (REPO / "docs/recipes/watch-a-map-migrate.md").read_text()
    classic_part, swiss_part = page.split("\n## ")[1:3]
    replay("1.23", classic_part, (0, 3, 9))
    replay("1.26", swiss_part, (0, 1, 3))


@test
def watch_refuses():
    p = Program("cat")
    for args, word in ((("--core", "x"), "in a core nothing moves"), (("--stop",), "must run"), (("--every", "1s"), "leave out --every"),
                       (("--map", "1"), "leave out --map"), (("--diff",), "leave out --diff"), (("--save", "x"), "leave out --save"),
                       (("--to", "pprof:x"), "leave out --to"), (("--type", "x"), "leave out --type"), (("--top", "1"), "leave out --top"),
                       (("--holders",), "leave out --holders"), (("--who-holds", "1"), "leave out --who-holds"), (("--by", "type"), "leave out --by"),
                       (("--sort", "len"), "leave out --sort"), (("--count", "1"), "add --every"), (("--entries", "1"), "--map"), (("--key", "x"), "--map")):
        r = maps("-p", p.pid, "--watch", "4096", *args, code=2)
        check(r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
    check("--watch" in maps("-p", p.pid, "--limit", "1", code=2).stderr, "--limit alone")
    p.end()
    for go in chosen():
        p, addr = migrating(go)
        r = maps("-p", p.pid, "--watch", hex(int(addr, 16) + 16), code=3)
        same((r.stdout, r.stderr.count("\n"), "not the header of a live map" in r.stderr), ("", 1, True), f"{go}: no map: {r.stderr}")
        p.end()
