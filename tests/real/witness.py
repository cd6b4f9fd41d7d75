"""Counts a program's deletes a second time, with no probe and no code of tophash.

Bare counters of the kernel (perf_event_open, a uprobe each, one a CPU): no BPF, no ring buffer, no records. They are

  calls     after the stack check of each function that a delete calls. In Swiss maps mapdelete* may go on to (*Map).Delete, or
            have it inlined: the calls between the two are counted and taken off
  in flight of these, those that did not return: a process that is killed can die within a delete
  removed   on the instructions that decrement a map's count, found by disassembling with objdump
  clears    as calls, for the functions that clear

The functions are found by their names in the binary's pclntab. The start of the text follows from one function that `tophash trace
--dry-run` names.

A counter counts a file, in every process: only ever use a private copy of a program.
"""

import concurrent.futures
import ctypes
import os
import re
import shutil
import struct
import subprocess

PROBE = re.compile(r"^(?P<role>\w+)\s+0x(?P<address>[0-9a-f]+)\s+(?P<func>\S+)\+(?P<offset>\d+)\s")
# How compilers write count--, where count is a map's first word: as one instruction, or as load, subtract and store.
DECREMENT = re.compile(
    r"\bdecq +\(%\w+\)$"
    r"|mov +\((?P<map>%\w+)\),(?P<old>%\w+);(?:[^;]*;){0,3}?"
    r"(?:lea +-0x1\((?P=old)\),(?P<new>%\w+)|dec +(?P=old));(?:[^;]*;){0,3}?"
    r"mov +(?:(?P=old)|(?P=new)),\((?P=map)\)$")
CALL = re.compile(r"\bcall +(?:0x)?([0-9a-f]+)")
JUMP = re.compile(r"\bj(?:mp|be|b|a|ae) +(?:0x)?([0-9a-f]+)")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t(.*?)\s*(?:[#<].*)?$")
PERF_EVENT_OPEN = 298
FD_CLOEXEC = 8
PCLNTAB = [bytes([low, 0xff, 0xff, 0xff, 0, 0, 1, 8]) for low in (0xf1, 0xf0)]  # Go 1.20, Go 1.18
SWISS = "internal/runtime/maps."
OUTER = {"calls": ["runtime.mapdelete", "runtime.mapdelete_fast32", "runtime.mapdelete_fast64", "runtime.mapdelete_faststr"],
         "clears": ["runtime.mapclear"]}
INNER = {"calls": f"{SWISS}(*Map).Delete", "clears": f"{SWISS}(*Map).Clear"}
REMOVERS = [*OUTER["calls"], INNER["calls"], f"{SWISS}(*Map).deleteSmall", f"{SWISS}(*table).Delete"]


class Unavailable(Exception):
    pass


class Plan:
    """The places of a program's counters."""

    def __init__(self, tophash, path):
        got = subprocess.run([tophash, "trace", "--dry-run", "--misses", "-b", path], text=True,
                             capture_output=True, check=False)
        if got.returncode:
            raise Unavailable(f"no dry run of {path}: {got.stderr.strip()}")
        self.path = path
        self.headline = got.stdout.splitlines()[0]
        probe = next((m for m in map(PROBE.match, got.stdout.splitlines()) if m and m["role"] == "entry"), None)
        if not probe:
            raise Unavailable(f"the dry run of {path} names no entry: {got.stdout[:200]}")
        offsets = function_offsets(path, [*REMOVERS, *OUTER["clears"], INNER["clears"]])
        if probe["func"] not in offsets:
            raise Unavailable(f"{path}: {probe['func']} is not in its pclntab")
        text = int(probe["address"], 16) - int(probe["offset"]) - offsets[probe["func"]][0]
        code = {name: disassemble(path, text + first, text + last) for name, (first, last) in offsets.items()}

        self.points = {"returns": [], "removed": [], "calls between": [], "clears between": []}
        for kind, outer in OUTER.items():
            inner = INNER[kind]
            self.points[kind] = [after_stack_check(code[name]) for name in (*outer, inner) if name in code]
            if inner in code:
                self.points[f"{kind} between"] = [
                    at for name in outer for at, text in code.get(name, [])
                    if (call := CALL.search(text)) and int(call[1], 16) == code[inner][0][0]]
        for name in (*OUTER["calls"], INNER["calls"]):
            self.points["returns"] += [at for at, text in code.get(name, []) if re.match(r"(?:repz )?ret", text)]
        for instructions in map(code.get, REMOVERS):
            for i, (at, _) in enumerate(instructions or []):
                if DECREMENT.search(";".join(text for _, text in instructions[max(0, i - 8):i + 1])):
                    self.points["removed"].append(at)
        if not self.points["removed"]:
            raise Unavailable(f"{path}: no instruction found that decrements a count")


def function_offsets(path, names):
    """Returns where functions begin and end, from the start of Go's text."""
    with open(path, "rb") as f:
        data = f.read()
    for magic in PCLNTAB:
        at = data.find(magic)
        while at >= 0:
            count, _, _, name_table, _, _, _, table = struct.unpack_from("<8Q", data, at + 8)
            if 0 < count < 1 << 22 and table < len(data) - at and name_table < len(data) - at:
                found = {}
                wanted = {name.encode(): name for name in names}
                entries = struct.unpack_from(f"<{2 * count + 1}I", data, at + table)
                for i in range(count):
                    name_at = struct.unpack_from("<i", data, at + table + entries[2 * i + 1] + 4)[0] + at + name_table
                    name = wanted.get(data[name_at:name_at + 64].partition(b"\0")[0])
                    if name:
                        found[name] = (entries[2 * i], entries[2 * i + 2])
                return found
            at = data.find(magic, at + 1)
    raise Unavailable(f"{path}: no pclntab found")


def disassemble(path, start, end):
    if not shutil.which("objdump"):
        raise Unavailable("objdump is not installed")
    text = subprocess.run(["objdump", "-d", f"--start-address={start:#x}", f"--stop-address={end:#x}", path],
                          text=True, capture_output=True, check=True).stdout
    return [(int(found[1], 16), found[2]) for found in filter(None, map(INSTRUCTION.match, text.splitlines()))]


def after_stack_check(code):
    """Returns the first instruction after the jump to morestack, which each call executes exactly once."""
    start = code[0][0]
    back = [at for at, text in code if (jump := JUMP.match(text)) and int(jump[1], 16) == start]
    for i, (at, text) in enumerate(code[:8]):
        if back and text.startswith("jb") and at < int(JUMP.match(text)[1], 16) <= back[-1]:
            return code[i + 1][0]
    return start


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
    """The counters, which count from __enter__ to __exit__."""

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
        # Each close waits until the kernel is sure that no thread is in the probe, so all are closed at the same time.
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(os.close, [fd for fds in self.files.values() for fd in fds]))
        self.files = {}

    def read(self):
        count = {name: sum(struct.unpack("<Q", os.read(fd, 8))[0] for fd in fds)
                 for name, fds in self.files.items()}
        return {"calls": count["calls"] - count["calls between"], "in flight": count["calls"] - count["returns"],
                "removed": count["removed"], "clears": count["clears"] - count["clears between"]}
