"""Tests of maps --save and --diff: what came, went, grew and was emptied, exactly, in a program that tells what it did."""

import json
import os
import re
import shlex
import subprocess

from harness import HERE, REPO, check, Failed, go_build, LONG, options, Program, same, spawn, test, tmp
from releases import releases
from test_maps import maps

import sample

NAMES = ("grown", "emptied", "filled", "dropped", "made", "moved", "same")
TYPE = {f"map[int]main.{name}": name for name in NAMES}


def shown(p):
    """Returns the addresses of its maps, by the last word of their types."""
    words = p.line().split()
    return {TYPE[kind]: addr for kind, addr in zip(words[::2], words[1::2])}


def changing(go, *args):
    p = Program(go_build(HERE / "changing_maps.go", "changing_maps", "-ldflags=-s -w", go=go), *args)
    return p, shown(p)


def save(pid, name):
    file = tmp(name)
    r = maps("-p", pid, "--save", file)
    same(r.stdout, "", "--save prints no list")
    same(os.stat(file).st_mode & 0o777, 0o600, "mode of the file")
    return file


def diff(*args, code=0):
    lines = [json.loads(line) for line in maps("--diff", "--format", "json", *args, code=code).stdout.splitlines()]
    by = {event: [x for x in lines if x["event"] == event] for event in ("point", "change", "end")}
    same((len(by["end"]), lines[-1]["event"], sum(map(len, by.values()))), (1, "end", len(lines)), "records")
    return by["point"], by["change"], by["end"][0]


MINE = ("--type", "map[int]main.*")


@test
def maps_diff_tells_what_changed():
    """Each release: of seven maps, six change in six ways. Each row is right, there is no other one, and sums add up."""
    for go in releases():
        swiss = sample.is_swiss(go)
        p, before = changing(go, *([] if swiss else ["classic"]))
        a = save(p.pid, f"a-{go}")
        p.tell("change")
        after = shown(p)
        b = save(p.pid, f"b-{go}")
        points, changes, end = diff(a, b, *MINE)
        want = {"grown": ("grew", 100, 1000), "emptied": ("emptied", 1000, 100), "filled": ("filled", 100, 400), "dropped": ("went", 1000, 0),
                "made": ("came", 0, 1)}
        if not swiss:  # an overflow bucket of its own goes with the old bucket
            moved = next((x for x in changes if TYPE[x["map_type"]] == "moved"), None)
            check(moved, f"{go}: no elements were moved: {changes}")
            want["moved"] = ("moved" if moved["bytes"] == moved["bytes_before"] else "shrank",) + (moved["len"],) * 2
            check(moved["old_buckets_before"] == moved["old_buckets"] == 32 and 1 <= moved["evacuated"] - moved["evacuated_before"] <= 2, f"{go}: {moved}")
        same({TYPE[x["map_type"]]: (x["change"], x["len_before"], x["len"]) for x in changes}, want, f"{go}: changes")
        same({TYPE[x["map_type"]]: x["map"] for x in changes}, {name: after.get(name, before.get(name)) for name in want}, f"{go}: addresses")
        rows = {x["change"]: x for x in changes}
        check(rows["emptied"]["waste_before"] < rows["emptied"]["waste"], f"{go}: waste of the map that was emptied: {rows['emptied']}")
        sizes = [max(abs(x["bytes"] - x["bytes_before"]), abs(x["waste"] - x["waste_before"])) for x in changes]
        same(sizes, sorted(sizes, reverse=True), f"{go}: order")
        same((end["same_process"], sum(end[k] for k in ("came", "went", "grew", "shrank", "emptied", "filled", "moved"))), (True, len(changes)), f"{go}: end")
        saved = [[json.loads(line) for line in open(file)] for file in (a, b)]
        same([(x["file"], x["maps"], x["bytes"], x["heap_bytes"]) for x in points],
             [(str(f), r[-1]["maps"], r[-1]["bytes"], r[-1]["heap_bytes"]) for f, r in zip((a, b), saved)], f"{go}: sums")
        by = diff(a, b, "--by", "package", *MINE)[1]
        mine = [sum(x.get("package") == "main" for x in records) for records in saved]
        same([(x["package"], x["maps_before"], x["maps"]) for x in by], [("main", *mine)], f"{go}: --by package")
        same(diff(a, b, "--top", "1", *MINE)[1], changes[:1], f"{go}: --top")
        same(diff(b, b)[1], [], f"{go}: nothing differs")
        text = maps("--diff", a, b, *MINE)
        check([line.split()[0] for line in text.stdout.split("\n\n")[1].splitlines()] == ["CHANGE"] + [x["change"] for x in changes], text.stdout)
        check("maps: 1 came, 1 went, 1 grew" in text.stderr, text.stderr)
        p.end()


@test
def maps_diff_of_other_processes():
    """Addresses of two processes have nothing to do with each other: types are compared, and that is said. Three lists have three rows of sums."""
    (p, _), (q, _) = changing(options.go), changing(options.go)
    files = [save(p.pid, "one"), save(p.pid, "two"), save(q.pid, "three")]
    points, changes, end = diff(*files, *MINE)
    same(([x["pid"] for x in points], changes, end["same_process"]), ([p.pid, p.pid, q.pid], [], False), "three lists")
    q.tell("change")
    shown(q)
    files[2] = save(q.pid, "three")
    changes = diff(*files, *MINE)[1]
    same({TYPE[x["map_type"]]: x["change"] for x in changes},
         {"grown": "grew", "emptied": "emptied", "filled": "filled", "dropped": "went", "made": "came"}, "by type")
    same({x["by"] for x in changes}, {"type"}, "by")
    r = maps("--diff", *files)
    check(f"process {p.pid}" in r.stderr and f"process {q.pid}" in r.stderr and "compared by type" in r.stderr, r.stderr)
    same(len(r.stdout.split("\n\n")[0].splitlines()), 4, "rows of sums")
    p.end()
    q.end()


@test
def maps_diff_reads_pipes():
    """A list that comes through a pipe, later than it is asked for, is read as one of a file."""
    p, _ = changing(options.go)
    files = [tmp("pipe-a"), tmp("pipe-b")]
    for file in files:
        maps("-q", "-p", p.pid, "--save", file)
    p.end()
    script = f"exec {options.tophash} maps --format json --diff <(sleep 0.2; cat {files[0]}) <(sleep 0.4; cat {files[1]})"
    r = subprocess.run(["bash", "-c", script], text=True, capture_output=True, timeout=LONG)
    same((r.returncode, r.stderr), (0, "tophash: maps: nothing differs\n"), "pipes")
    strip = [[{k: v for k, v in json.loads(line).items() if k != "file"} for line in text.splitlines()]
             for text in (r.stdout, maps("--format", "json", "--diff", *files).stdout)]
    same(strip[0], strip[1], "what is told of pipes")


@test
def maps_diff_refuses():
    """Files that are no lists, and options that contradict each other: one line, and nothing is printed."""
    p, _ = changing(options.go)
    good = save(p.pid, "good")
    lines = good.read_text().splitlines(keepends=True)
    cases = {
        "empty": ("", "empty"),
        "cut": ("".join(lines[:5]), "not written whole"),
        "torn": ("".join(lines)[:-3], "not written whole"),
        "lacks": ("".join(lines[:3] + lines[4:]), "no whole list"),
        "other": (lines[0].replace('"schema":1', '"schema":99') + "".join(lines[1:]), "schema 99"),
        "head": ("".join(lines[1:]), 'no "list"'),
        "noise": ("\x00\xff" * 1000, "line"),
        "long": (lines[0] + '{"event":"map","map_type":"' + "x" * 200000, "too long"),
        "number": (lines[0] + lines[1].replace('"len":', '"len":-') + "".join(lines[2:]), "line 2"),
    }
    for name, (text, word) in cases.items():
        bad = tmp(f"bad-{name}")
        bad.write_bytes(text.encode("latin-1"))
        for order in ((good, bad), (bad, good)):
            r = maps("--diff", *order, code=3)
            check(r.stdout == "" and r.stderr.count("\n") == 1 and word in r.stderr and str(bad) in r.stderr, f"{name}: {r.stderr}")
    for args, code, word in (((good,), 2, "two"), ((good, tmp("none")), 3, "none"), ((good, good, "-p", p.pid), 2, "-p"), ((good, good, "--save", tmp("x")), 2, "--save"),
                             ((good, good, "--stop"), 2, "leave out --stop"), ((good, good, "--max-stop", "1s"), 2, "leave out --max-stop")):
        r = maps("--diff", *args, code=code)
        check(r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
    for args in (("--top", "3"), ("--by", "type"), ("-o", tmp("y"))):
        check("--save" in maps("-p", p.pid, "--save", tmp("x"), *args, code=2).stderr, f"--save {args}")
    same(tmp("x").exists(), False, "a file of a command that is refused")
    full = subprocess.run([options.tophash, "maps", "-p", str(p.pid), "--save", "/dev/full"], text=True, capture_output=True, timeout=LONG)
    check(full.returncode == 1 and full.stderr.count("\n") == 1 and "/dev/full" in full.stderr, f"a full disk: {full.returncode} {full.stderr}")
    p.end()


@test
def maps_leave_no_file_that_is_not_whole():
    """--save and --to remove the file that they have made if they fail or are killed, and keep one that was there."""
    p, _ = changing(options.go)
    file, old = tmp("new"), tmp("old")
    for option, name in (("--save", "{}"), ("--to", "pprof:{}")):
        def run(path, pid, code, limit=None, **kwargs):
            command = [options.tophash, "maps", "-q", "-p", pid, option, name.format(path)]
            command = ["prlimit", f"--fsize={limit}", *command] if limit else command
            r = subprocess.run([str(x) for x in command], text=True, capture_output=True, timeout=LONG, **kwargs)
            same((r.returncode, r.stdout, r.stderr.count("\n")), (code, "", code > 0), f"{option} {path}: {r.stderr}")

        old.write_text("old")
        run(file, os.getpid(), 3)  # no Go program
        run(old, os.getpid(), 3)
        same((file.exists(), old.read_text()), (False, "old"), f"{option}: no Go program")
        run(file, p.pid, 1, limit=100)
        same(file.exists(), False, f"{option}: a full disk")
        folder = tmp(f"folder{option}")  # root may write there only by a right that is given up
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, 12345)
        run(folder / "x", p.pid, 1, limit=100)
        same(list(folder.iterdir()), [], f"{option}: a folder of another user")
        for _ in range(100):  # it may have been too fast to be killed before it is done
            held = spawn([options.tophash, "maps", "-p", p.pid, option, name.format(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while not file.exists() and held.poll() is None:  # its child has made the file, and it may not know that yet
                pass
            held.kill()
            held.communicate(timeout=LONG)  # its child, which removes the file, has ended, too
            if not file.exists():
                break
            check(file.stat().st_size > 100, f"{option}: an empty file after SIGKILL")
            file.unlink()
        else:
            raise Failed(f"{option}: it was never killed before it was done")
        run(file, p.pid, 0)
        run(old, p.pid, 0)
        check(file.stat().st_size > 100 and old.stat().st_size > 100, f"{option}: whole files")
        file.unlink()
    p.end()


@test
def maps_recipe_is_true():
    """The commands of the page run, in their order, and print tables with the columns and changes that it shows."""
    page = (REPO / "docs/recipes/my-memory-does-not-come-back.md").read_text()
    p, _ = changing(options.go)
    folder = tmp("recipe")
    folder.mkdir()
    blocks = re.findall(r"\$ (tophash maps [^\n]*)\n([^$`]*)", page)
    same(len(blocks), 5, "commands")
    blocks.insert(0, blocks.pop(2))  # the list before the change
    for i, (command, printed) in enumerate(blocks):
        r = subprocess.run([options.tophash, *shlex.split(command.replace("shop", str(p.pid)))[1:]], text=True, capture_output=True, timeout=LONG, cwd=folder)
        same(r.returncode, 0, f"{command}: {r.stderr}")
        words = [[line.split()[:1] for line in text.splitlines() if re.match("BYTES|MAPS|FILE|[A-Za-z]", line)] for text in (r.stdout, printed)]
        same(words[0], words[1], command)
        if not i:
            p.tell("change")
            shown(p)
    p.end()
