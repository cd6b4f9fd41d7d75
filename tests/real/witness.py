"""A second count of a program's deletes, that shares nothing with what is tested but the addresses of functions.

Bare counters of the kernel (perf_event_open, a uprobe each, one a CPU): no BPF, no ring buffer, no records. They stand

  calls     after the stack check of each function that a delete calls. A delete of a Swiss map that comes through
            mapdelete_fast* goes on to (*Map).Delete: the calls between the two are counted and taken off
  in flight of these, those that did not return: a process that is killed can die within a delete
  removed   on the instruction that decrements the map's count, found by disassembling with objdump. That is not where the
            tracer's probes stand
  clears    after the stack check of the function that clears

A counter counts a file, in every process: only ever use a private copy of a program.
"""

import ctypes
import os
import re
import shutil
import struct
import subprocess

PROBE = re.compile(r"^(\w+)\s+(\S+)\+(\d+) \(0x([0-9a-f]+)\): (.*)$")
# How compilers write count--, the count being a map's first word: in one, or as load, subtract and store.
DECREMENT = re.compile(
    r"\bdecq +\(%\w+\)$"
    r"|mov +\((?P<map>%\w+)\),(?P<old>%\w+);(?:[^;]*;){0,3}?"
    r"(?:lea +-0x1\((?P=old)\),(?P<new>%\w+)|dec +(?P=old));(?:[^;]*;){0,3}?"
    r"mov +(?:(?P=old)|(?P=new)),\((?P=map)\)$")
CALL = re.compile(r"\bcall +(?:0x)?([0-9a-f]+)")
JUMP = re.compile(r"\bjmp +(?:0x)?([0-9a-f]+)")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t(.*?)\s*(?:[#<].*)?$")
PERF_EVENT_OPEN = 298
FD_CLOEXEC = 8
DELETE = "(*Map).Delete"
LONGEST = 8192  # bytes of a function


class Unavailable(Exception):
    pass


class Plan:
    """Where a program's counters go."""

    def __init__(self, tophash, path):
        got = subprocess.run([tophash, "trace", "--dry-run", "--misses", "-b", path], text=True,
                             capture_output=True, check=False)
        if got.returncode:
            raise Unavailable(f"no dry run of {path}: {got.stderr.strip()}")
        self.path = path
        self.headline = got.stdout.splitlines()[0]
        self.points = {"calls": [], "between": [], "returns": [], "removed": [], "clears": []}
        functions = {}
        for found in filter(None, map(PROBE.match, got.stdout.splitlines())):
            role, name, offset, address = found[1], found[2], int(found[3]), int(found[4], 16)
            if role == "entry":
                self.points["calls"].append(address)
            elif role == "exit":
                self.points["returns"].append(address)
            elif role == "clear":
                self.points["clears"].append(address)
            if role in ("entry", "removal"):
                functions[name] = address - offset
        if not self.points["calls"]:
            raise Unavailable(f"the dry run of {path} names no entry: {got.stdout[:200]}")
        delete = [a for n, a in functions.items() if n.endswith(DELETE)]
        self.decrements = {}  # by function
        for name, start in functions.items():
            code = disassemble(path, start)
            self.decrements[name] = [
                a for i, (a, _) in enumerate(code)
                if DECREMENT.search(";".join(text for _, text in code[max(0, i - 8):i + 1]))]
            self.points["removed"] += self.decrements[name]
            if name.startswith("runtime."):
                self.points["between"] += [
                    a for a, text in code if (c := CALL.search(text)) and int(c[1], 16) in delete]
        if not self.points["removed"]:
            raise Unavailable(f"{path}: no instruction found that decrements a count")


def disassemble(path, start):
    """A Go function's instructions. It ends with what calls morestack and jumps back to the start."""
    if not shutil.which("objdump"):
        raise Unavailable("objdump is not installed")
    text = subprocess.run(
        ["objdump", "-d", f"--start-address={start:#x}", f"--stop-address={start + LONGEST:#x}", path],
        text=True, capture_output=True, check=True).stdout
    code = []
    for found in filter(None, map(INSTRUCTION.match, text.splitlines())):
        code.append((int(found[1], 16), found[2]))
        jump = JUMP.search(found[2])
        if jump and int(jump[1], 16) == start:
            return code
    raise Unavailable(f"{path}: the end of the function at {start:#x} was not found")


def file_offset(path, address):
    with open(path, "rb") as f:
        header = f.read(64)
        at, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        f.seek(at)
        table = f.read(size * count)
    for i in range(count):
        kind, _, offset, virtual, _, in_file = struct.unpack_from("<IIQQQQ", table, i * size)
        if kind == 1 and virtual <= address < virtual + in_file:
            return address - virtual + offset
    raise Unavailable(f"{path}: {address:#x} is in no segment")


def cpus():
    with open("/sys/devices/system/cpu/online", encoding="ascii") as f:
        for part in f.read().strip().split(","):
            first, _, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)


class Witness:
    """The counters themselves: from __enter__ to __exit__."""

    def __init__(self, plan):
        self.plan = plan
        self.files = {}

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        path = ctypes.create_string_buffer(os.fsencode(self.plan.path))
        try:
            with open("/sys/bus/event_source/devices/uprobe/type", encoding="ascii") as f:
                kind = int(f.read())
            for name, addresses in self.plan.points.items():
                self.files[name] = []
                for address in addresses:
                    # struct perf_event_attr: type, size, config, …, config1 (path), config2 (offset)
                    attr = bytearray(128)
                    struct.pack_into("<IIQ", attr, 0, kind, len(attr), 0)
                    struct.pack_into("<QQ", attr, 56, ctypes.addressof(path),
                                     file_offset(self.plan.path, address))
                    raw = (ctypes.c_char * len(attr)).from_buffer(attr)
                    for cpu in cpus():
                        fd = libc.syscall(ctypes.c_long(PERF_EVENT_OPEN), ctypes.byref(raw),
                                          ctypes.c_long(-1), ctypes.c_long(cpu), ctypes.c_long(-1),
                                          ctypes.c_ulong(FD_CLOEXEC))
                        if fd < 0:
                            raise OSError(ctypes.get_errno(), "perf_event_open")
                        self.files[name].append(fd)
        except OSError as error:
            self.__exit__()
            raise Unavailable(f"the kernel's counters: {error}") from None
        return self

    def __exit__(self, *_):
        for fds in self.files.values():
            for fd in fds:
                os.close(fd)
        self.files = {}

    def read(self):
        count = {name: sum(struct.unpack("<Q", os.read(fd, 8))[0] for fd in fds)
                 for name, fds in self.files.items()}
        return {"calls": count["calls"] - count["between"],
                "in flight": count["calls"] - count["returns"], "removed": count["removed"], "clears": count["clears"]}
