"""Tests of C programs, of programs with Go and C, and of debug information in separate files."""

import os
import re
import resource
import shutil
import socket
import struct
import threading
import time
from collections import Counter

from harness import (
    addr2line_frames, build, check, crash, Failed, frames, HERE, llvm_frames, options, records, run, same, Skip, symbols, test, tmp,
)


def instructions(exe, functions):
    """Returns addresses of instructions in these functions, and in their cold parts."""
    inside = [(addr, addr + size) for addr, size, name in symbols(exe) if name.split(".")[0] in functions]
    out = run(["objdump", "-d", "--no-show-raw-insn", exe], text=True).stdout
    found = [int(m[1], 16) for m in re.finditer(r"^\s+([0-9a-f]+):", out, re.M)]
    return [pc for pc in found if any(low <= pc < high for low, high in inside)]


def compile_c(name, *flags, compiler="gcc", source="inline.c"):
    out = tmp(name)
    r = run([compiler, *flags, "-o", out, HERE / source], text=True)
    if r.returncode:
        raise Failed(f"{compiler} {' '.join(flags)}: {r.stderr}")
    return out


@test
def c_programs():
    """Compares each DWARF version, compression and compiler with addr2line -i -f, at every instruction."""
    for compiler in ("gcc", "clang"):
        for version in "2345":
            for gz in ("none", "zlib", "zlib-gnu"):
                if compiler == "clang" and gz == "zlib-gnu":
                    continue  # clang 14 no longer writes it
                exe = compile_c(f"{compiler}-{version}-{gz}", "-O2", "-gdwarf-" + version, "-gz=" + gz, compiler=compiler)
                # addr2line does not find .zdebug_rnglists, so it reads the uncompressed twin
                twin = compile_c(f"{compiler}-{version}", "-O2", "-gdwarf-" + version, compiler=compiler)
                pcs = instructions(exe, {"main", "outer", "hidden"})
                check(len(pcs) > 20, f"{exe.name}: {len(pcs)} instructions")
                ours, _ = records(exe, pcs, "--source", "dwarf,symbols")
                theirs = addr2line_frames(twin, pcs)
                if version == "5" and compiler == "clang":
                    theirs = llvm_frames(exe, pcs)
                for pc in pcs:
                    same(frames(ours[pc], "dwarf"), theirs[pc], f"{exe.name} {pc:#x}")
                    check("differ" not in ours[pc], f"{exe.name} {pc:#x}: {ours[pc]}")
                depth = max(len(frames(ours[pc], "dwarf")) for pc in pcs)
                same(depth, 3, f"{exe.name}: deepest inlining")


@test
def mixed():
    """A program of Go 1.26 and C, with units of DWARF 5 and 4, compressed by two linkers."""
    exe = build.path_of("1.26", "cgo", "cgo")
    if not exe.exists():
        raise Skip(f"{exe} is not built")
    pcs = [pc for addr, size, name in symbols(exe) if name in ("call_back", "main.main", "x_cgo_init", "goDelete") for pc in range(addr, addr + size, 3)]
    ours, _ = records(exe, pcs)
    theirs = llvm_frames(exe, pcs)
    sources = Counter()
    for pc in pcs:
        record = ours[pc]
        sources[record["source"]] += 1
        if record["source"] == "dwarf":  # by default it is asked if gopclntab has no answer
            check("not Go code" in record["gopclntab_error"], f"{record}")
            same(frames(record, "dwarf"), theirs[pc], f"{pc:#x}")
        else:
            same(record["source"], "gopclntab", f"{pc:#x}")
            check("dwarf" not in record, f"{record}")
    check(sources["dwarf"] > 20 and sources["gopclntab"] > 100, f"{sources}")


@test
def separate_files():
    """Debug information in a separate file is found by .gnu_debuglink and by build id, and never over the network."""
    whole = compile_c("whole", "-O2", "-g", "-Wl,--build-id")
    pcs = instructions(whole, {"outer"})
    want = addr2line_frames(whole, pcs)
    debug, stripped = tmp("other.debug"), tmp("stripped")
    run(["objcopy", "--only-keep-debug", "--compress-debug-sections", whole, debug])
    run(["strip", "-o", stripped, whole])
    linked = tmp("linked")
    run(["objcopy", f"--add-gnu-debuglink={debug}", stripped, linked], cwd=tmp())
    ours, end = records(linked, pcs)
    for pc in pcs:
        same(frames(ours[pc], "dwarf"), want[pc], f"{pc:#x} by debuglink")
    check(end["dwarf_file"].endswith("other.debug"), f"{end}")

    asked = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)

    def serve():
        while not asked or asked[-1] != "end":
            try:
                server.accept()[0].close()
                asked.append("connection")
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    env = dict(os.environ, DEBUGINFOD_URLS=f"http://127.0.0.1:{server.getsockname()[1]}/")
    r = run([options.tophash, "addr", "--source", "dwarf", stripped, hex(pcs[0])], text=True, env=env)
    asked.append("end")
    thread.join()
    server.close()
    same(asked, ["end"], "connections to a debuginfod")
    check("stripped: no .debug_info, and no separate debug file here" in r.stdout, r.stdout)


def quickly(what, *args):
    """Runs `tophash addr`, which must be quick and use little memory. Returns its output."""
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    r = run([options.tophash, "addr", *args], text=True, timeout=50)
    took, peak = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check(took < 10, f"{what}: {took:.1f} s")
    check(peak < 300_000 or peak == before, f"{what}: {peak} KB")
    return r.stdout


@test
def separate_traps():
    """If the named debug file is a FIFO, a device, or a file of holes, tophash says so and does not wait."""
    whole = compile_c("trap", "-O2", "-g", "-Wl,--build-id")
    pc = hex(next(iter(instructions(whole, {"outer"}))))
    debug, linked = tmp("trap.debug"), tmp("trap.linked")
    run(["objcopy", "--only-keep-debug", whole, debug])
    run(["strip", "-o", linked, whole])
    run(["objcopy", f"--add-gnu-debuglink={debug}", linked], cwd=tmp())
    check("trap.debug" in quickly("debuglink", "-v", "--source", "dwarf", linked, pc), "the debuglink works")

    def trap(path, make):
        path.unlink(missing_ok=True)
        make(path)

    traps = {
        "fifo": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "folder": lambda path: path.mkdir(),
    }
    for name, make in traps.items():
        trap(debug, make)
        out = quickly(f"debuglink: {name}", "-v", "--source", "all", linked, pc)
        check("trap.debug is not a regular file" in out and "symbols" in out, f"debuglink: {name}: {out}")
        debug.rmdir() if debug.is_dir() and not debug.is_symlink() else debug.unlink()

    split = compile_c("trap_split", "-O2", "-g", "-gsplit-dwarf")
    pc = hex(next(iter(instructions(split, {"outer"}))))
    dwo = [path for path in tmp().glob("*trap_split*.dwo")]
    check(dwo, "no .dwo was made")
    want = quickly("dwo", "-v", "--source", "all", split, pc)
    for name, make in list(traps.items())[:2]:
        for path in dwo:
            trap(path, make)
        same(quickly(f"dwo: {name}", "-v", "--source", "all", split, pc), want, f"dwo: {name}: no .dwo is ever opened")


@test
def separate_mismatch():
    """A separate file with another build id or another checksum, or that is no ELF file, is not used. The next place is tried."""
    whole, other = (compile_c(f"match{i}", f"-O{2 - i}", "-g", "-Wl,--build-id") for i in range(2))
    pc = hex(next(iter(instructions(whole, {"outer"}))))
    (tmp(".debug")).mkdir(exist_ok=True)
    near, far, linked = tmp("match.debug"), tmp(".debug/match.debug"), tmp("match.linked")
    for remove_id in (False, True):
        near.unlink(missing_ok=True)
        far.unlink(missing_ok=True)
        run(["objcopy", "--only-keep-debug", whole, near])
        run(["strip", *(["-R", ".note.gnu.build-id"] if remove_id else []), "-o", linked, whole])
        run(["objcopy", f"--add-gnu-debuglink={near}", linked], cwd=tmp())

        def file_of():
            return records(linked, [int(pc, 16)])[1].get("dwarf_file")

        same(file_of(), str(near), f"without build id: {remove_id}")
        near.rename(far)
        same(file_of(), str(far), "in .debug")
        run(["objcopy", "--only-keep-debug", other, near])
        same(file_of(), str(far), "a file of another program comes first")
        near.write_text("root:*:19000:0:99999:7:::\n")
        same(file_of(), str(far), "a file that is no ELF file comes first")
        far.unlink()
        same(file_of(), None, "no other file")


@test
def shared_debug_file():
    """dwz moves names to a file that several separate debug files share. They are found there."""
    if not shutil.which("dwz"):
        raise Skip("needs dwz")
    programs = [compile_c(f"dwz{i}", f"-O{2 - i}", "-g", "-Wl,--build-id") for i in range(2)]
    want = addr2line_frames(programs[0], pcs := instructions(programs[0], {"outer"}))
    debugs = [tmp(f"dwz{i}.debug") for i in range(2)]
    for program, debug in zip(programs, debugs):
        run(["objcopy", "--only-keep-debug", program, debug])
        run(["strip", "-o", tmp(f"{program.name}.linked"), program])
        run(["objcopy", f"--add-gnu-debuglink={debug}", tmp(f"{program.name}.linked")], cwd=tmp())
    r = run(["dwz", "-m", "dwz.shared", "-M", "dwz.shared", *[d.name for d in debugs]], cwd=tmp(), text=True)
    same(r.returncode, 0, r.stderr)
    ours, _ = records(tmp(f"{programs[0].name}.linked"), pcs)
    for pc in pcs:
        same(frames(ours[pc], "dwarf"), want[pc], f"{pc:#x}")


@test
def sparse_sections():
    """Sections of gigabytes that are holes of the file are not read, and the other sources answer."""
    exe = crash("1.26", "default")
    main = {name: addr for addr, _, name in symbols(exe)}["main.main"]
    data = exe.read_bytes()
    hole, names = 6 << 30, b"\0.symtab\0.strtab\0.shstrtab\0"

    def header(name, kind, offset, size, link=0, entry=0):
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, link, 0, 1, entry)

    for what in ("symbols", "strings"):
        sparse = tmp(f"sparse-{what}")
        with open(sparse, "wb") as f:
            start = (len(data) + 4095) & ~4095
            f.write(data)
            f.seek(start)
            f.write(names)
            f.seek(start + 4096 + hole)
            f.write(header(0, 0, 0, 0) + header(1, 2, start + 4096, hole, 2, 24))
            f.write(header(9, 3, start, len(names)) if what == "symbols" else header(9, 3, start + 4096, hole))
            f.write(header(17, 3, start, len(names)))
            f.seek(0x28)
            f.write(struct.pack("<Q", start + 4096 + hole))
            f.seek(0x3A)
            f.write(struct.pack("<HHH", 64, 4, 3))
        out = quickly(what, "--source", "all", sparse, hex(main))
        check("main.main" in out, f"{what}: {out}")
