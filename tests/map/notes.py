"""The notes of probes in a file: reads them, compares them with readelf, and checks what holds for every file with probes. Lines and runs of
the checks of probes.py."""
import functools
import re
import shutil
import struct
import subprocess
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent.parent / "include"


class Machine:
    """How a nop looks, and the operands that the parsers of bcc, libbpf and gdb all read."""

    def __init__(self, name, nop, operand):
        self.name, self.nop, self.operand = name, bytes.fromhex(nop), re.compile(operand)


MACHINES = {
    62: Machine("x86_64", "90", r"\$-?\d+|%(r[a-ds]x|r[sd]i|r[bs]p|r[89]|r1[0-5])"),
    183: Machine("aarch64", "1f2003d5", r"-?\d+|x([12]?\d|30)"),
    22: Machine("s390x", "47000000", r"-?\d+|%r(\d|1[0-5])"),
}

counts = {"ok": 0, "FAIL": 0, "skip": 0}


def line(kind, text):
    counts[kind] += 1
    print(f"{kind:4} {text}", flush=True)


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(condition, *why):
    if not condition:
        raise Failed(" ".join(str(word) for word in why))


def check(name, function, *args):
    try:
        function(*args)
        line("ok", name)
    except Skipped as why:
        line("skip", f"{name}: {why}")
    except (Failed, struct.error, KeyError, ValueError) as why:
        line("FAIL", f"{name}: {type(why).__name__}: {why}")


def run(command, cwd=None, timeout=60):
    command = [str(word) for word in command]
    return subprocess.run(command, cwd=cwd, timeout=timeout, text=True, errors="replace", capture_output=True,
                          stdin=subprocess.DEVNULL)


def build(command, out, cwd):
    result = run([*command, "-I", INCLUDE, "-o", out], cwd)
    expect(result.returncode == 0, " ".join(map(str, command)), "\n", result.stderr)
    return out


@functools.lru_cache
def has(program):
    return shutil.which(program) is not None


# ---- ELF ----------------------------------------------------------------------------------------


class Note:
    def __init__(self, provider, name, args, pc, base, semaphore, code):
        self.provider, self.name, self.args = provider, name, args
        self.pc, self.base, self.semaphore = pc, base, semaphore
        self.code = code  # in an object: the number of the section that pc counts from

    def sizes(self):
        return [int(arg.split("@")[0]) for arg in self.args]


class Elf:
    """Sections and notes of a 64-bit file, of either byte order."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        expect(self.data[:5] == b"\x7fELF\x02", path, "is no 64-bit ELF file")
        self.order = "<" if self.data[5] == 1 else ">"
        self.type, machine = self.unpack("HH", 16)
        self.machine = MACHINES[machine]
        offset, size, number, names = self.unpack("Q", 0x28) + self.unpack("HHH", 0x3A)
        self.sections = [self.unpack("IIQQQQIIQQ", offset + i * size) for i in range(number)]
        self.names = [self.string(self.sections[names][4] + s[0]) for s in self.sections]

    def unpack(self, what, at):
        return struct.unpack_from(self.order + what, self.data, at)

    def string(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode()

    def contents(self, index):
        return self.data[self.sections[index][4]:][:self.sections[index][5]]

    def relocations(self, index):
        """Returns {offset in the section: (section, offset there)} for an object."""
        ret = {}
        for kind, _, _, offset, size, link, info in (s[1:8] for s in self.sections):
            if kind != 4 or info != index:
                continue
            for at in range(offset, offset + size, 24):
                where, what, addend = self.unpack("QQq", at)
                section, value = self.unpack("6xHQ", self.sections[link][4] + (what >> 32) * 24)
                ret[where] = (section, value + addend)
        return ret

    def notes(self):
        return [note for i, name in enumerate(self.names) if name == ".note.stapsdt" for note in self.notes_of(i)]

    def notes_of(self, index):
        data, at, relocations = self.contents(index), 0, self.relocations(index)
        while at < len(data):
            name_size, size, kind = struct.unpack_from(self.order + "III", data, at)
            expect((name_size, data[at + 12:at + 20], kind) == (8, b"stapsdt\0", 3), "not a probe's note at", at)
            desc = at + 20
            pc, base, semaphore = struct.unpack_from(self.order + "QQQ", data, desc)
            strings = data[desc + 24:desc + size].split(b"\0")
            expect(len(strings) == 4 and strings[3] == b"", "three strings, not", strings)
            provider, name, args = (s.decode() for s in strings[:3])
            section, pc = relocations.get(desc, (None, pc))
            yield Note(provider, name, args.split(), pc, base, semaphore, section)
            at = desc + (size + 3 & ~3)

    def code_at(self, note, size):
        """Returns the bytes of the program at the address of a note."""
        for i, (_, kind, flags, addr, offset, length, *_) in enumerate(self.sections):
            inside = i == note.code if self.type == 1 else addr <= note.pc < addr + length
            if kind == 1 and flags & 4 and inside:
                at = offset + note.pc - (0 if self.type == 1 else addr)
                return self.data[at:at + size]
        raise Failed(f"{note.name} is at {note.pc:#x}, where no code is")


def readelf_notes(path):
    """Returns [(provider, name, pc, [argument])] as readelf prints them."""
    result = run(["readelf", "-nW", path])
    expect("arning" not in result.stderr, "readelf:", result.stderr)
    found = re.findall(r"Provider: (\S+)\n\s*Name: (\S+)\n\s*Location: (\w+), .*\n\s*Arguments: (.*)", result.stdout)
    return [(provider, name, int(pc, 16), args.split()) for provider, name, pc, args in found]


def check_notes(path, names):
    """Checks properties of any file with probes. `names` is the number of sites of each name; None: any number."""
    elf = Elf(path)
    notes = elf.notes()
    ours = [(n.provider, n.name, n.pc, n.args) for n in notes]
    theirs = readelf_notes(path)
    if elf.type == 1:  # readelf does not relocate
        ours, theirs = ([(p, n, a) for p, n, _, a in some] for some in (ours, theirs))
    expect(ours == theirs, "readelf sees other notes:", ours, theirs)
    for note in notes:
        expect(note.provider == "tophash", "provider", note.provider)
        expect(note.semaphore == 0, "semaphore", note.semaphore)
        expect(elf.code_at(note, len(elf.machine.nop)) == elf.machine.nop, note.name, "is no nop")
        for arg in note.args:
            size, _, operand = arg.partition("@")
            expect(size in ("8", "-8") and elf.machine.operand.fullmatch(operand), note.name, "has an operand", arg)
    expect(len({n.pc for n in notes}) == len(notes) or elf.type == 1, "two notes for one place")
    for name, number in names.items():
        found = sum(n.name == name for n in notes)
        expect(found > 0 if number is None else found == number, f"{found} sites of {name}, not {number}")
    expect({n.name for n in notes} <= set(names), "unknown probes:", {n.name for n in notes} - set(names))
    if elf.type != 1:
        check_base(elf, notes)
    return elf


def check_base(elf, notes):
    """gdb sees no probes without it."""
    bases = [i for i, name in enumerate(elf.names) if name == ".stapsdt.base"]
    expect(len(bases) == 1, len(bases), "sections .stapsdt.base")
    _, kind, flags, addr, _, size, *_ = elf.sections[bases[0]]
    expect(kind == 1 and flags & 2 and size == 1, ".stapsdt.base: type, flags, size", kind, flags, size)
    expect({n.base for n in notes} == {addr}, "base", [hex(n.base) for n in notes], "is not at", hex(addr))
