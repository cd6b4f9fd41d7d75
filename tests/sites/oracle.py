"""Finds a binary's delete sites by other means: objdump, the compiler, the debug information.

Nothing in here knows how tophash finds them.
"""

import json
import os
import re
import struct
import subprocess
from pathlib import Path

ENTRIES = [
    "runtime.mapdelete", "runtime.mapdelete_fast32", "runtime.mapdelete_fast64", "runtime.mapdelete_faststr", "runtime.mapclear",
    "reflect.mapdelete", "reflect.mapdelete_faststr", "reflect.mapclear",
    "internal/runtime/maps.(*Map).Delete", "internal/runtime/maps.(*Map).Clear",
]
SYNC = ("sync.(*Map).", "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}]).")
ENTRIES += [kind + method for kind in SYNC for method in ("Delete", "LoadAndDelete", "CompareAndDelete", "Clear")]
OBJDUMP = {"amd64": "objdump", "arm64": "aarch64-linux-gnu-objdump"}
# jmp and jcc of x86-64, b and b.cond of arm64
CALL = re.compile(r"\s*([0-9a-f]+):\s+(?:(?:bnd|notrack|data16|addr32|rex\.W) )*(callq?|j[a-z]+|bl?|b\.[a-z]+)\s+(?:0x)?([0-9a-f]+)\b")
FUNCTION = re.compile(r"([0-9a-f]+) <(.*)>:$")


def run(command, **kwargs):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", **kwargs)
    if result.returncode:
        raise RuntimeError(f"{command[0]}: exit code {result.returncode}: {result.stderr.strip()[-300:]}")
    return result.stdout


def sites(tophash, binary, *options):
    """Returns the records of tophash: (sites, end)."""
    records = [json.loads(line) for line in run([tophash, "sites", "--format", "json", *options, binary]).splitlines()]
    return records[:-1], records[-1]


def functions(binary):
    """Returns {address: name}, and the addresses of the entries, from the ELF symbols."""
    table = {}
    for line in run(["nm", binary]).splitlines():
        match = re.match(r"([0-9a-f]+) [tT] (.*)", line)
        if match:
            table.setdefault(int(match[1], 16), match[2])
    # An arm64 linker reaches far functions by trampolines, named after them.
    return table, {address: name for address, name in ((a, re.sub(r"\+0-tramp\d+$", "", n)) for a, n in table.items()) if name in ENTRIES}


def table_functions(binary):
    """Does the same as functions() from the gopclntab of a binary without symbols (Go 1.18 to 1.25, whose header has the text's
    address)."""
    section = re.search(r"\.gopclntab\s+\S+\s+\w+\s+(\w+)\s+(\w+)", run(["readelf", "-SW", binary]))
    if not section:
        raise RuntimeError(f"{binary}: no .gopclntab")
    offset, size = int(section[1], 16), int(section[2], 16)
    table = Path(binary).read_bytes()[offset:offset + size]
    count, _, text, names, _, _, _, rows = struct.unpack_from("<8Q", table, 8)
    if struct.unpack_from("<I", table)[0] not in (0xfffffff0, 0xfffffff1) or not text:
        raise RuntimeError(f"{binary}: not a table that is known here")
    found = {}
    for row in range(count):
        entry, record = struct.unpack_from("<II", table, rows + 8 * row)
        name = names + struct.unpack_from("<i", table, rows + record + 4)[0]
        found[text + entry] = table[name:table.index(b"\0", name)].decode()
    return found, {address: name for address, name in found.items() if name in ENTRIES}


def disassembled(binary, entries, starts, arch="amd64"):
    """Returns {(address, entry)} for each call and jump to an entry that objdump shows, without the jumps of stack checks back to the
    beginning of their function. starts: the addresses where functions begin."""
    found = set()
    begin = 0
    process = subprocess.Popen([OBJDUMP[arch], "-d", "--no-show-raw-insn", str(binary)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        match = CALL.match(line)
        if not match:
            # A stripped file has no symbols, so objdump prints no function lines. Each address in `starts` begins a function.
            at = re.match(r"\s*([0-9a-f]+):\t", line)
            if at and int(at[1], 16) in starts:
                begin = int(at[1], 16)
            continue
        address, target = int(match[1], 16), int(match[3], 16)
        if address in starts:
            begin = address
        if target in entries and not (match[2][0] in "jb" and match[2] != "bl" and target == begin):
            found.add((address, entries[target]))
    if process.wait():
        raise RuntimeError(f"{OBJDUMP[arch]} failed on {binary}")
    return found


INSTRUCTION = re.compile(r"\t0x[0-9a-f]+ (\d+) \((.*):(\d+)\)\t(\S+)(?:\t(.*))?")
STEXT = re.compile(r"(\S.*) STEXT ")
TYPE = {"LEAQ": re.compile(r"type[:.](.*)\(SB\), (AX|BX)$"), "MOVD": re.compile(r"\$type[:.](.*)\(SB\), (R0|R1)$")}


def compiled(listing):
    """Returns {(function, offset): (entry, file, line, type or None)} from the output of `go build -gcflags=-S`. The type is the last value
    put into the register of the first argument, or None when that is no constant."""
    found = {}
    function, last = None, None
    for line in listing.splitlines():
        match = STEXT.match(line)
        if match:
            function, last = match[1], None
            continue
        match = INSTRUCTION.match(line)
        if not match:
            continue
        offset, file, number, op, rest = int(match[1]), match[2], int(match[3]), match[4], match[5] or ""
        kind = TYPE[op].match(rest) if op in TYPE else None
        if kind and kind[2] in ("AX", "R0"):
            last = kind[1]
        elif re.search(r", (AX|R0)$", rest) and not op.startswith("CMP"):
            last = None
        target = re.match(r"(.*)\(SB\)$", rest)
        if op in ("CALL", "JMP", "B", "BL") and target and target[1] in ENTRIES:
            found[function, offset] = (target[1], file, number, last)
        if op in ("CALL", "BL"):
            last = None
    return found


def inlined(binary, addresses):
    """Returns {address: [(function, file, line), ...]}, innermost first, from the debug information."""
    text = run(["llvm-symbolizer", "--inlines", "--output-style=JSON", f"--obj={binary}"], input="\n".join(map(hex, addresses)) + "\n")
    found = {}
    for line in text.splitlines():
        record = json.loads(line)
        frames = [(f["FunctionName"], f["FileName"], f["Line"]) for f in record["Symbol"]]
        # The methods of sync.Map are mostly inlined, and lead to the entry.
        while len(frames) > 1 and frames[0][0].startswith(SYNC):
            frames.pop(0)
        found[int(record["Address"], 16)] = frames
    return found
