"""Tests of maps --every: a list each period, with what has changed since the list before."""

import fcntl
import json
import signal
import struct
import subprocess
import termios
import time

from harness import check, LONG, options, Program, same, spawn, test, tmp
from test_maps import maps
from test_maps_diff import changing, shown, TYPE


def every(pid, *args):
    return spawn([options.tophash, "maps", "-p", str(pid), "--every", "50ms", "--format", "json", "--type", "map[int]main.*", *args],
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_list(p):
    """Returns the records of the next list: its head, its maps, its end."""
    records = []
    while not records or records[-1]["event"] != "end":
        line = p.stdout.readline()
        check(line, "the output has ended")
        records.append(json.loads(line))
    same((records[0]["event"], {x["event"] for x in records[1:-1]} - {"map"}), ("list", set()), "records of a list")
    return records[0], records[1:-1], records[-1]


def wait_full(reader):
    """Waits until the pipe of a program that writes is full: its bytes do not become more while the program waits."""
    fd, before, still = reader.stdout.fileno(), -1, 0
    while still < 10:
        time.sleep(0.05)
        now = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
        still = still + 1 if now == before and now > 32768 else 0
        before = now


def changes(rows):
    return {TYPE[m["map_type"]]: (m["change"], m["len_before"], m["len"]) for m in rows if m["change"] != "same"}


@test
def maps_every_marks_what_changed():
    """The change is in one list or, if that is read in the middle of it, in two. Lists before and after it have none."""
    p, _ = changing(options.go)
    reader = every(p.pid)
    head, rows, _ = read_list(reader)
    same((head["pid"], [m for m in rows if "change" in m]), (p.pid, []), "the first list is compared with none")
    for _ in range(2):
        _, rows, end = read_list(reader)
        same((changes(rows), end["came"], end["went"]), ({}, 0, 0), "nothing has changed yet")
    p.tell("change")
    shown(p)
    seen, went = {}, 0
    for _ in range(100):
        _, rows, end = read_list(reader)
        now = changes(rows)
        for name, (word, before, after) in now.items():
            first = seen.get(name, (word, before, after))
            seen[name] = (first[0] if first[1] != before else word, first[1], after)
        went += end["went"]
        if not now and len(seen) >= 4 and went:
            break
    same({name: x[1:] for name, x in seen.items()}, {"grown": (100, 1000), "emptied": (1000, 100), "filled": (100, 400), "made": (0, 1)}, "elements")
    reader.send_signal(signal.SIGINT)
    rest = reader.stdout.read()
    same((reader.wait(LONG), rest.count('"event":"list"'), rest.count('"event":"end"')), (0, rest.count('"event":"end"'), rest.count('"event":"list"')), "SIGINT: lists are whole")
    p.end()


@test
def maps_every_ends():
    """By --count, by --duration, by SIGTERM, and when the process ends. The rights are given up once."""
    p, _ = changing(options.go)
    r = maps("-p", p.pid, "--every", "20ms", "--count", "3")
    heads = [line for line in r.stdout.splitlines() if "read in" in line]
    check(len(heads) == 3 and r.stderr == "" and r.stdout.count("CHANGE") == 2, f"--count 3: {r.stdout[:500]} {r.stderr}")
    r = maps("-p", p.pid, "--every", "1h", "--duration", "10ms")
    same(r.stdout.count("read in"), 1, "--duration")
    file = tmp("every")
    maps("-p", p.pid, "--every", "20ms", "--count", "2", "--format", "json", "-o", file)
    same(file.read_text().count('"event":"list"'), 2, "-o has each list")
    reader = every(p.pid, "--top", "1")
    read_list(reader)
    reader.send_signal(signal.SIGTERM)
    same((reader.communicate(timeout=LONG)[1], reader.returncode), ("", 0), "SIGTERM")
    reader = every(p.pid)
    read_list(reader)
    reader.stdout.close()
    same(reader.wait(LONG), 0, "its reader has gone away")
    reader = spawn([options.tophash, "maps", "-p", str(p.pid), "--every", "10ms", "--format", "json"], stdout=subprocess.PIPE)
    wait_full(reader)
    reader.send_signal(signal.SIGINT)
    same(reader.wait(LONG), 0, "SIGINT while its reader stands still")
    reader = every(p.pid)
    read_list(reader)
    p.end()
    same(reader.communicate(timeout=LONG)[1], f"tophash: process {p.pid} has ended\n", "the process ends")
    same(reader.returncode, 0, "exit code")


@test
def maps_every_refuses():
    p = Program("cat")
    for args, word in ((("--every", "1s", "--save", "x"), "--save"), (("--every", "1s", "--to", "pprof:x"), "--to"), (("--count", "1"), "--every"),
                       (("--duration", "1s"), "--every"), (("--every", "0"), "--every"),
                       (("--every", "1s", "--who-holds", "1"), "leave out --who-holds"), (("--max-stop", "1s"), "limit of --stop")):
        r = maps("-p", p.pid, *args, code=2)
        check(r.stderr.count("\n") == 1 and word in r.stderr, f"{args}: {r.stderr}")
    p.end()
