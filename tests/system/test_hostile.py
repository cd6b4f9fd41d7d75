"""Tests of bad input: damaged files and processes, some made to be slow or to break the reader."""

import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from harness import (
    bpf_ids, check, Failed, go_build, HERE, LONG, nothing_left, options, Program, refused, Run, same, Skip, spawn, target, test, tmp, tophash)


def cpu_seconds():
    """Returns the time of a CPU that the children have taken which have ended: however busy the machine is, it is the same."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def quick(path, seconds=2, memory=1 << 30):
    """Runs --dry-run on a bad file. It may work, or be refused in one line. It must be quick, and must not crash."""
    def limits():
        if not options.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    before = cpu_seconds()
    r = tophash("--dry-run", "-b", path, preexec_fn=limits)
    took = cpu_seconds() - before
    check(r.code in (0, 3), f"exit code {r.code}: {r.err[-1500:]}")
    check(took < seconds or options.sanitized, f"it took {took:.1f} s of a CPU")
    if r.code:
        refused(r, 3)
    return r


def noise(n, seed):
    return random.Random(seed).randbytes(n)


@test
def bad_files():
    c = tmp("c-program")
    cases = {
        "empty": (b"", "empty"), "text": (b"hello\n" * 100, "not an ELF"), "short": (b"\x7fELF", "ELF"), "magic": (b"\x7fELF" + b"\0" * 60, "."),
        "noise": (b"\x7fELF" + noise(100000, 1), "."), "zeros": (b"\0" * 4096, "not an ELF"),
    }
    for name, (data, word) in cases.items():
        path = tmp(f"bad-{name}")
        path.write_bytes(data)
        refused(quick(path), 3, word)
    refused(quick("/bin/true"), 3, "not a Go program")
    if shutil.which("cc"):
        subprocess.run(["cc", "-o", c, "-x", "c", "-"], input=b"int main(){return 0;}", check=True)
        refused(quick(c), 3, "not a Go program")
    good = Path(target("steps")).read_bytes()
    elf32 = bytearray(good)
    elf32[4] = 1
    tmp("bad-32").write_bytes(elf32)
    refused(quick(tmp("bad-32")), 3, "32|class|bit")
    mips = bytearray(good)
    mips[18:20] = b"\x08\0"
    tmp("bad-mips").write_bytes(mips)
    refused(quick(tmp("bad-mips")), 3, "a program for mips")
    tmp("gone").write_bytes(good)
    tmp("gone").chmod(0)
    check(quick(tmp("gone")).code == 0, "root reads what has mode 0")


@test
def other_architectures():
    hello = tmp("hello.go")
    hello.write_text("package main\nfunc main() { m := map[string]int{\"a\": 1}; delete(m, \"a\") }\n")
    for arch, word in (("arm64", "arm64|aarch64"), ("386", "32|class|bit")):
        exe = go_build(hello, f"hello-{arch}", go=options.go, GOARCH=arch)
        refused(quick(exe), 3, word)


@test
def old_go():
    """The magic number of the function table tells the release. Tables of Go 1.2 and 1.16 are refused."""
    good = Path(target("steps")).read_bytes()
    magics = [struct.pack("<I", m) for m in (0xFFFFFFF0, 0xFFFFFFF1)]
    at = next((i for m in magics for i in [m_at(good, m)] if i is not None), None)
    check(at is not None, "no function table in the program")
    for magic in (0xFFFFFFFB, 0xFFFFFFFA):
        bad = bytearray(good)
        bad[at : at + 4] = struct.pack("<I", magic)
        tmp("old").write_bytes(bad)
        refused(quick(tmp("old")), 3, "1\\.18|1\\.19|old")


def m_at(data, magic):
    """Returns the offset of the header of a function table (magic, 0, 0, 1, 8), or None."""
    i = data.find(magic + b"\0\0\x01\x08")
    return None if i < 0 else i


@test
def bad_truncated():
    good = Path(target("steps", "stripped")).read_bytes()
    rng = random.Random(2)
    path = tmp("cut")
    lengths = [0, 1, 15, 16, 63, 64, 65, 119, 120, 500, 4095, 4096, 4097, len(good) - 1] + [rng.randrange(len(good)) for _ in range(60)]
    for n in lengths:
        path.write_bytes(good[:n])
        try:
            quick(path)
        except Failed as f:
            raise Failed(f"{n} bytes of {len(good)}: {f}") from None


def sections(data):
    shoff, = struct.unpack_from("<Q", data, 40)
    entsize, n, strndx = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQ", data, shoff + i * entsize) for i in range(n)]
    names = heads[strndx][4]
    out = {}
    for h in heads:
        end = data.index(b"\0", names + h[0])
        out[data[names + h[0] : end].decode()] = (h[4], h[5])
    return out


@test
def bad_bytes():
    """Critical bytes are changed: file header, function table, module data, types. No process is needed, because --dry-run reads all of
    them."""
    trouble = []
    for go in dict.fromkeys([options.go, "1.23", "1.27"]):
        try:
            good = Path(target("steps", "stripped", go)).read_bytes()
        except Skip:
            continue
        s = sections(good)
        areas = {"head": (0, 64 + 56 * 10), "all": (0, len(good))}
        for name in (".gopclntab", ".noptrdata", ".data", ".typelink", ".rodata", ".go.module", ".text"):
            if name in s:
                areas[name] = s[name]
        table = s.get(".gopclntab", (0, 4096))[0]
        areas["table head"] = (table, 72)
        path = tmp("bytes")
        for area, (start, size) in areas.items():
            for seed in range(options.rounds):
                rng = random.Random(f"{go} {area} {seed}")
                bad = bytearray(good)
                for _ in range(rng.choice((1, 1, 4, 64, 1000)) if size > 1000 else rng.choice((1, 2, 8))):
                    at = start + rng.randrange(max(size - 8, 1))
                    width = rng.choice((1, 4, 8))
                    value = rng.choice((0, 0xFF, None))
                    bad[at : at + width] = rng.randbytes(width) if value is None else bytes([value]) * width
                bad = bad[: len(good)]
                path.write_bytes(bad)
                try:
                    quick(path)
                except Failed as f:
                    kept = Path.cwd() / f"tophash-bad-{go}-{area.strip('.').replace(' ', '-')}-{seed}"
                    if options.keep:
                        kept.write_bytes(bad)
                    trouble.append(f"Go {go}, {area}, seed {seed}: {f}")
    check(not trouble, f"{len(trouble)} of them: " + "\n    ".join(trouble[:5]))


@test
def bad_process():
    """A program whose types are damaged is traced. It may be refused, but tophash does not crash or hang."""
    good = Path(target("busy", "stripped")).read_bytes()
    s = sections(good)
    start, size = s.get(".typelink", s[".rodata"])
    for seed in range(8):
        rng = random.Random(seed)
        bad = bytearray(good)
        for _ in range(20):
            at = start + rng.randrange(size - 8)
            bad[at : at + 4] = rng.randbytes(4)
        path = tmp(f"badp{seed}")
        path.write_bytes(bad)
        path.chmod(0o755)
        r = tophash("-q", "--format", "json", "-o", tmp("bp"), "--type", "map[*", "--key", "1", "--", path, "-ops", "100", timeout=20)
        check(r.code in (0, 3, 5), f"seed {seed}: {r.code} {r.err}")
        path.unlink()


def with_types(good, make, n):
    """Returns the program with other type data: n copies of the result of make(address of the data). It runs as before."""
    s = sections(good)
    phoff, = struct.unpack_from("<Q", good, 32)
    phnum, = struct.unpack_from("<H", good, 56)
    heads = {h: struct.unpack_from("<IIQQQQQQ", good, h) for h in range(phoff, phoff + 56 * phnum, 56)}
    spare = next(h for h, f in heads.items() if f[0] == 0x6474E551)  # PT_GNU_STACK, the last one
    start, size = s[".rodata"]
    types = next(f[3] + start - f[2] for f in heads.values() if f[0] == 1 and f[2] <= start < f[2] + f[5])
    at, module = s.get(".go.module", s[".noptrdata"])
    words = struct.unpack_from(f"<{module // 8}Q", good, at)
    i = next(i for i, w in enumerate(words) if w == types and types < words[i + 1] <= types + size + 4096)
    base = 0x40000000
    data = b"\0" * 8 + b"\1\1t" + b"\0" * 5 + make(base) * n
    bad = bytearray(good) + b"\0" * (-len(good) % 4096)
    struct.pack_into("<IIQQQQQQ", bad, spare, 1, 4, len(bad), base, base, len(data), len(data), 4096)
    struct.pack_into("<QQ", bad, at + 8 * i, base, base + len(data))
    return bad + data


def descriptor(base, size, pointers, kind, *more):
    return struct.pack("<QQIBBBBQQiiQQQ", size, pointers, 0, 4, 8, 8, kind, base, base, 8, 0, *more)


def huge_arrays(base):
    """Returns the types [1<<40]*T and *T."""
    at = base + 16 + 72
    return descriptor(base, 8, 8, 17, at, 0, 1 << 40) + descriptor(base, 8, 8, 22, at, 0, 0)


def small_structs(base):
    return descriptor(base, 8, 0, 25, 0, 0, 0)


@test
def many_types():
    """A program has more types than are read, or types that claim to be endless. It is traced at once, with a message if some types are
    left out."""
    exe = tmp("types")
    for make, n, cut in ((huge_arrays, 120000, False), (small_structs, 600000, True)):
        exe.write_bytes(with_types(Path(target("steps")).read_bytes(), make, n))
        exe.chmod(0o755)
        for quiet in ([], ["-q"]):
            p = subprocess.run([options.tophash, "trace", *quiet, "--format", "json", "-o", tmp("o"), "--", exe], input="3\nexit 0\n", text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG if options.sanitized else 20)
            same(p.returncode, 0, p.stderr)
            same(p.stderr.count("too many types"), int(cut and not quiet), f"{make.__name__}: {p.stderr!r}")
            r = Run(0, tmp("o").read_text(), "")
            same([e["key"] for e in r.events], ["step:0", "step:1", "step:2"], "keys")
    exe.unlink()


def cpu_of(pid):
    """Returns the time of a CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def signal_while_attaching():
    """The search through a hostile file takes long. A signal still ends tophash at once, and the command with it."""
    exe = tmp("types")
    exe.write_bytes(with_types(Path(target("steps")).read_bytes(), small_structs, 2000000))
    exe.chmod(0o755)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = bpf_ids()
        others = cpu_seconds()
        t = spawn([options.tophash, "trace", "-v", "--", exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        children = Path(f"/proc/{t.pid}/task/{t.pid}/children")
        end = time.monotonic() + LONG
        while not (child := children.read_text().strip()):
            check(time.monotonic() < end, "no child")
            time.sleep(0.002)
        time.sleep(0.1)
        used = cpu_of(t.pid)
        t.send_signal(sig)
        code = t.wait(LONG)
        took = cpu_seconds() - others - used
        t.stdin.close()
        err = t.stderr.read()
        same((code, err), (-sig, b""), f"{sig.name} after {took:.2f} s of a CPU")
        check(took < 1 or options.sanitized, f"{sig.name} took {took:.1f} s of a CPU")
        while Path(f"/proc/{child}").exists():
            check(time.monotonic() < end, f"the command stays behind: {child}")
            time.sleep(0.01)
        nothing_left(before)
    exe.unlink()


@test
def big_noise():
    path = tmp("big")
    for name, head in (("noise", noise(1 << 20, 3)), ("elf and noise", Path(target("steps")).read_bytes()[:4096] + noise(1 << 20, 4))):
        with open(path, "wb") as f:
            f.write(head)
            f.truncate(4 << 30)
        same(quick(path, seconds=3, memory=6 << 30).code, 3, f"{name}: exit code")
    path.unlink()


def stopped(pid):
    """Waits until each thread of a process has stopped."""
    end = time.monotonic() + LONG
    while {x.read_text().rsplit(")", 1)[1].split()[0] for x in Path(f"/proc/{pid}/task").glob("*/stat")} != {"T"}:
        check(time.monotonic() < end, f"process {pid} does not stop")
        time.sleep(0.01)


@test
def types_that_are_never_served():
    """The types of a map and of a key are on pages of a userfaultfd that nobody serves. All other events are shown, and what is not known is told."""
    p = Program(go_build(HERE / "unserved", "unserved"), "types")
    line = p.line()
    if line != "ready":
        p.end()
        raise Skip(line)
    trace = spawn([options.tophash, "trace", "-p", p.pid, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    same(json.loads(trace.stdout.readline())["event"], "start", "the first record")
    trace.send_signal(signal.SIGSTOP)  # the types are there until they were deleted from
    stopped(trace.pid)
    line = p.ask("")
    trace.send_signal(signal.SIGCONT)
    if line != "unserved":  # the kernel takes no such region
        p.end()
        raise Skip(line)
    same(p.ask("500"), "done", "the program")
    trace.send_signal(signal.SIGINT)
    out, err = trace.communicate(timeout=LONG)
    same((trace.returncode, err.count("does not serve its memory at 0x")), (0, 1), f"notices: {err}")
    events = [json.loads(x) for x in out.splitlines()]
    deletes = [x for x in events if x["event"] == "delete"]
    same([x["key"] for x in deletes if x["map_type"] == "map[string]int"], [str(i) for i in range(500)], "keys of the other map")
    rest = [x for x in deletes if x["map_type"] != "map[string]int"]
    same([(x["map_type"], x["key_error"]) for x in rest],
         [("map[interface {}]int", "the interface's type could not be read"), ("", "the key's type could not be read")], "what is not known")
    end = [x for x in events if x["event"] == "end"][0]
    same((end["hits"], end["delivered"], end["removed"]), (502, 502, 502), f"{end}")
    p.end()
