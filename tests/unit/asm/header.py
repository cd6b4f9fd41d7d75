#!/usr/bin/env python3
"""Makes a C header with machine code, from an assembly source, or from the instructions that a test in C names.

    header.py [--include HEADER]... TARGET SOURCE.s OUTPUT      each function's bytes as an array of its name
    header.py TARGET SOURCE.c OUTPUT                            each ASM("instruction") as a row of instructions[]

TARGET is clang's name of the machine: x86_64, or aarch64, for which the arrays have words. A function begins at a label and ends at the next
label. A call of a function that the source does not define has the distance 0. Three macros (go.inc) describe a function f further, and
become arrays for goprog.h:

    sp DELTA                from here on the stack pointer is DELTA below its value at entry     f_sp
    inlined NAME, PARENT    the following code is the inlined function NAME, called at f + PARENT      f_inlined
    own                     the following code is the function's own again
"""
import argparse
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

FLAGS = {"aarch64": ["-march=armv8.1-a"]}  # with the atomic instructions, which Go uses
SHT_SYMTAB = 2
STT_SECTION, STT_FILE = 3, 4


ASM = re.compile(r'\bASM\("([^"]*)"\)')


def assemble(target, source):
    """Returns the bytes of .text and [(offset, name)] of its symbols."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.o"
        command = ["clang", f"--target={target}-linux-gnu", *FLAGS.get(target, []), "-c", "-I", str(pathlib.Path(source).parent)]
        subprocess.run([*command, source, "-o", str(out)], check=True)
        data = out.read_bytes()
    shoff, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * size) for i in range(count)]

    def string(table, at):
        start = heads[table][4] + at
        return data[start : data.index(b"\0", start)].decode()

    text = next(i for i, h in enumerate(heads) if string(names, h[0]) == ".text")
    table = next(h for h in heads if h[1] == SHT_SYMTAB)
    symbols = []
    for at in range(table[4], table[4] + table[5], 24):
        name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, at)
        if section == text and info & 15 not in (STT_SECTION, STT_FILE) and not string(table[6], name).startswith("$"):
            symbols.append((value, string(table[6], name)))
    return data[heads[text][4] : heads[text][4] + heads[text][5]], symbols


def functions(text, symbols):
    """Yields name, bytes, [(offset, mark)] of each function."""
    starts = sorted((at, name) for at, name in symbols if "=" not in name)
    marks = sorted((at, name) for at, name in symbols if "=" in name)
    for i, (start, name) in enumerate(starts):
        end = starts[i + 1][0] if i + 1 < len(starts) else len(text)
        yield name, text[start:end], [(at - start, mark) for at, mark in marks if start <= at < end]


def until(size, marks, first):
    """Yields (end, value): each value holds up to an offset. In marks, (offset, value), each value holds from its offset on."""
    held = first
    for at, value in marks:
        yield at, held
        held = value
    yield size, held


def array(kind, name, rows):
    return f"static const {kind} {name}[] = {{\n" + "".join(f"\t{row},\n" for row in rows) + "};\n"


def code_array(target, name, code):
    """Returns the array of a function: bytes, or words where all instructions are words."""
    size = 4 if target == "aarch64" else 1
    units = [int.from_bytes(code[at : at + size], "little") for at in range(0, len(code), size)]
    lines = [", ".join(f"0x{unit:0{2 * size}x}" for unit in units[at : at + 12 // size]) for at in range(0, len(units), 12 // size)]
    return array(f"uint{8 * size}_t", name, lines)


def head(source, includes):
    text = f"/* Made of {pathlib.Path(source).name} by header.py. */\n#pragma once\n\n#include <stdint.h>\n"
    return text + "".join(f'#include "{name}"\n' for name in includes)


def header(target, source, includes, found):
    out = [head(source, includes)]
    for name, code, marks in found:
        out.append("\n" + code_array(target, name, code))
        deltas = [(at, m[1]) for at, mark in marks if (m := re.match(r"sp=([^,]+),", mark))]
        if deltas:
            rows = [f"{{0x{at:x}, {delta}}}" for at, delta in until(len(code), deltas, "0")]
            out.append(array("struct goprog_sp", f"{name}_sp", [*rows, "{0}"]))
        inlined = [(at, f"{m[1]}, {m[2]}") for at, mark in marks if (m := re.match(r"inlined=([^,]+),([^,]+),", mark))]
        if inlined:
            rows = [f"{{0x{at:x}, {of}}}" for at, of in until(len(code), inlined, "NULL, 0")]
            out.append(array("struct goprog_inline", f"{name}_inlined", [*rows, "{0}"]))
    return "".join(out)


def instructions(target, source):
    """Returns the header with the text of each ASM(""), and its bytes. (asm_insn.h)"""
    texts = list(dict.fromkeys(ASM.findall(pathlib.Path(source).read_text())))
    with tempfile.NamedTemporaryFile("w", suffix=".s") as file:
        file.write("".join(f"i{n}: {text}\n" for n, text in enumerate(texts)))
        file.flush()
        found = {name: code for name, code, _ in functions(*assemble(target, file.name))}
    rows = []
    for n, text in enumerate(texts):
        code = ", ".join(f"0x{byte:02x}" for byte in found[f"i{n}"])
        rows.append(f'{{"{text}", {len(found[f"i{n}"])}, {{{code}}}}}')
    return head(source, ["asm_insn.h"]) + "\n" + array("struct instruction", "instructions", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("target")
    parser.add_argument("source")
    parser.add_argument("output")
    args = parser.parse_args()
    if args.source.endswith(".c"):
        text = instructions(args.target, args.source)
    else:
        text = header(args.target, args.source, args.include, functions(*assemble(args.target, args.source)))
    pathlib.Path(args.output).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
