#!/usr/bin/env python3
"""Runs tophash on other kernels than this machine's. Each runs in a virtual machine with the target programs, and every event is compared.

  tests/kernel/run.py                          every kernel
  tests/kernel/run.py --kernel 6.1             one of them
  tests/kernel/run.py --image bzImage          a kernel image of your own (with a serial console and BPF built in)
  tests/kernel/run.py --go 1.23 --case busy    the cases whose names contain a word, with the programs of one Go release
  tests/kernel/run.py --shape                  no machine: does the compiled code look as older verifiers want it? (shape.py)
  tests/kernel/run.py --list                   the cases

The kernels are Debian's (linux-image-cloud-amd64 of several suites), downloaded by apt as tools/debs.py does, unpacked into
$TOPHASH_CACHE/kernels (default: .cache/kernels in the repository) and started by qemu with an initramfs that holds build/tophash, its
libraries, busybox and the programs; nothing is installed and no privilege is needed. KVM is used if it works. The results of the cases are
sent through a serial port and are judged here. On kernels before 5.15 tophash must refuse to trace, in one line.

Prints one line for each case, and the differences below it. When the kernel refused a program, prints the end of the verifier's log. The
last line is "N passed, M failed, K skipped". Exit code: 0 all passed, 1 some failed, 77 nothing could be run.
"""

import argparse
import gzip
import io
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "matrix"), str(REPO / "tools")]
import build  # noqa: E402
import compare  # noqa: E402
import debs  # noqa: E402
import run as matrix  # noqa: E402
import shape  # noqa: E402
from run import Failed  # noqa: E402

KERNELS = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}  # the suite that has it
PACKAGE = "linux-image-cloud-amd64"
OLDEST = (5, 15)  # that tophash says it runs on
MULTI = (6, 11)  # from here on one link holds all probes of a role
TELLS = (6, 15)  # from here on the kernel tells everybody how a process ended
GO = ["1.23", "1.26"]  # classic and Swiss maps
PROGRAMS = ["kinds", "busy", "steps"]
MEMORY = 2048  # MiB
SHOWN = 12  # differences shown of one case
LOG = 30  # lines shown of a verifier's log or a console


# --- the kernels -------------------------------------------------------------------------------------------------------------------


def fetch(suite, folder):
    """Returns the kernel image of a suite, from the cache or from the archive."""
    image = folder / "vmlinuz"
    if image.exists():
        return image
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as tmp:
        try:
            apt = debs.open_apt(Path(tmp), [suite])
            package = apt.depends(PACKAGE, "linux-image-")
            if not package:
                raise Failed(f"no package {PACKAGE} in {suite} ({debs.last_line(apt.update_errors)})")
            (deb,) = apt.download([package])
            raw = Path(tmp) / "raw"
            apt.unpack(deb, raw)
        except debs.Problem as e:
            raise Failed(str(e)) from None
        found = list(raw.glob("boot/vmlinuz-*"))
        if len(found) != 1:
            raise Failed(f"{package} holds no kernel image")
        folder.mkdir(parents=True, exist_ok=True)
        os.rename(found[0], image)
    return image


def release_of(image):
    """Reads the release in the head of a bzImage (Documentation/arch/x86/boot.rst, kernel_version)."""
    with open(image, "rb") as f:
        head = f.read(1 << 16)
    if head[0x202:0x206] != b"HdrS":
        raise Failed(f"{image} is no bzImage")
    at = struct.unpack_from("<H", head, 0x20E)[0] + 0x200
    return head[at : head.index(b"\0", at)].decode().split()[0]


def version(release):
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", release).groups()))


# --- the initramfs -----------------------------------------------------------------------------------------------------------------


class Archive:
    """Writes a cpio archive that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst, newc)."""

    def __init__(self):
        self.out, self.seen = io.BytesIO(), set()

    def entry(self, name, mode, data=b"", device=(0, 0)):
        path = name.encode() + b"\0"
        fields = [len(self.seen) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0]
        self.out.write(b"070701" + b"".join(b"%08X" % f for f in fields) + path)
        self.out.write(b"\0" * (-self.out.tell() % 4) + data)
        self.out.write(b"\0" * (-self.out.tell() % 4))
        self.seen.add(name)

    def folder(self, name):
        if name and name not in self.seen:
            self.folder(os.path.dirname(name))
            self.entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        name = name.lstrip("/")
        if name not in self.seen:
            self.folder(os.path.dirname(name))
            self.entry(name, stat.S_IFREG | mode, data)

    def program(self, name, path):
        """Adds a program and the shared libraries that it needs, at their paths on this machine."""
        self.file(name, Path(path).read_bytes())
        r = subprocess.run(["ldd", str(path)], text=True, capture_output=True, env=dict(os.environ, LC_ALL="C"))
        if "not found" in r.stdout:
            raise Failed(f"{path} lacks a library: {r.stdout}")
        for library in re.findall(r"(/\S+) \(0x", r.stdout if r.returncode == 0 else ""):
            self.file(library, Path(library).read_bytes())

    def gzip(self):
        self.entry("TRAILER!!!", 0)
        return gzip.compress(self.out.getvalue(), 1)


def shim(folder):
    """Returns the library that keeps libbpf's messages, or None; without it only the messages are missing."""
    out = folder / "messages.so"
    cc = os.environ.get("CC") or shutil.which("cc") or "cc"
    try:
        r = subprocess.run([cc, "-shared", "-fPIC", "-D_GNU_SOURCE", "-O1", "-o", str(out), str(HERE / "messages.c")], capture_output=True)
    except OSError:
        return None
    return out if r.returncode == 0 else None


def initramfs(tophash, versions, cases, messages):
    archive = Archive()
    for name in ("bin", "proc", "sys", "dev", "tmp", "out"):
        archive.folder(name)
    archive.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.program("bin/busybox", shutil.which("busybox"))
    archive.program("bin/tophash", tophash)
    if messages:
        archive.program("lib/messages.so", messages)
    for v in versions:
        for program in PROGRAMS:
            archive.file(f"t/{v}/{program}", build.path_of(v, "default", program).read_bytes())
    archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", 0o644)
    archive.file("init", (HERE / "guest.sh").read_bytes())
    archive.file("list", "".join(f"{c.name}\n" for c in cases).encode())
    for c in cases:
        archive.file(f"cases/{c.name}", f"{c.script}\n".encode())
    return archive.gzip()


# --- the machine -------------------------------------------------------------------------------------------------------------------


# The ways to run a machine, the best first. One in which a machine does not start is dropped. Emulated CPUs take turns. In threads of their
# own (qemu 7.2) they sometimes executed the former contents of a uprobe's slot, and the traced program crashed: in 3 of 8 runs, and in none
# of 8 when they take turns.
EMULATED = "tcg,thread=single"
ACCELERATORS = ["kvm", EMULATED] if os.access("/dev/kvm", os.R_OK | os.W_OK) else [EMULATED]
UP = 30  # seconds until a machine with KVM names its first case; it takes 2


def comes_up(process, console):
    """Tells whether the console prints anything. In the virtual machines of some clouds KVM exists, but qemu dies or the kernel hangs."""
    limit = time.monotonic() + UP
    while time.monotonic() < limit and process.poll() is None:
        if console.exists() and console.stat().st_size:
            return True
        time.sleep(0.1)
    return False


def boot(image, initrd, folder, timeout):
    """Runs the machine until it powers off. Returns the folder with the results of the cases."""
    console, results, ramdisk = folder / "console", folder / "results", folder / "initrd"
    ramdisk.write_bytes(initrd)
    console.unlink(missing_ok=True)
    cmd = ["qemu-system-x86_64", "-accel", ACCELERATORS[0], "-cpu", "max", "-smp", "2", "-m", str(MEMORY)]
    cmd += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(image), "-initrd", str(ramdisk)]
    cmd += ["-append", "console=ttyS0 quiet panic=-1", "-serial", f"file:{console}", "-serial", f"file:{results}"]
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if len(ACCELERATORS) > 1 and not comes_up(p, console):
            matrix.stop(p)
            said = p.communicate()[0].strip().splitlines()
            print(f"by {ACCELERATORS.pop(0)} no machine comes up ({said[-1] if said else 'nothing on its console'}): emulated", flush=True)
            return boot(image, initrd, folder, timeout)
        said = p.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        said = f"not done after {timeout} s"
    finally:
        matrix.stop(p)
    out = folder / "out"
    try:
        with tarfile.open(results) as tar:
            tar.extractall(out, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(out)
    except (OSError, EOFError, tarfile.TarError) as e:
        lines = text(folder, "console").splitlines()
        raise Failed("\n".join([f"no results ({said.strip() or e}); its console:", *lines[-LOG:]])) from None
    return out


# --- the cases ---------------------------------------------------------------------------------------------------------------------


class Case:
    """A case. `script` runs in the guest, in its own folder (guest.sh has helpers). judge(folder) returns (differences, note)."""

    def __init__(self, name, script, judge):
        self.name, self.script, self.judge = name, script, judge


def text(folder, name):
    path = folder / name
    return path.read_text(errors="replace") if path.exists() else ""


def code(folder, name="code"):
    return int(text(folder, name) or -1)


def report(folder, name="report", want=0):
    """Returns the records, and checks that tophash ended as it should."""
    got, err = code(folder, f"{name}.code" if (folder / f"{name}.code").exists() else "code"), text(folder, f"{name}.err") or text(folder, "err")
    if got != want:
        raise Failed(f"tophash ended with {got}, should be {want}: {err.strip()[-500:]}")
    return compare.read_report(folder / name)


def events_of(records):
    return [r for r in records if r.get("event") in ("delete", "clear")]


def end_of(records):
    return next(r for r in records if r.get("event") == "end")


def differ(what, got, want):
    return [] if got == want else [f"{what} {got!r}, should be {want!r}"]


def kinds(name, v, misses, script, untold=False):
    """With `untold`, the exit code may be unknown."""

    def judge(folder):
        truth, records = json.loads(text(folder, "truth")), report(folder)
        for r in records:
            if untold and r["event"] == "exit" and r["code"] is None:
                r["code"] = 0
        diffs, foreign = compare.compare(records, truth, "default", misses)
        t = truth["totals"]
        note = f"{len(truth['cases'])} cases, {t['removed']} removed, {t['missed']} missed, {t['cleared']} cleared"
        return diffs, note + (f", {foreign} others" if foreign else "")

    return Case(f"{v}-kinds-{name}", script, judge)


def busy(v, what, ops=2000):
    def judge(folder):
        did = json.loads(text(folder, "out"))
        note = f"{did['removed']} removed, {did['missed']} missed, {did['cleared']} cleared"
        return matrix.totals(report(folder), 0, did["removed"], did["missed"], did["cleared"]), note

    return Case(f"{v}-busy-{what}", f"start --misses -- /t/{v}/busy -mode {what} -ops {ops}", judge)


def did_of(out):
    """Returns (removed, missed, cleared), which steps prints at its end."""
    return tuple(map(int, re.findall(r"removed=(\d+) missed=(\d+) cleared=(\d+)", out)[-1]))


def steps(v):
    def judge(folder):
        records, did = report(folder), did_of(text(folder, "out"))
        diffs = matrix.totals(records, code(folder, "program.code"), *did)
        if not any(e.get("key") == "user:42" and e.get("removed") for e in records):
            diffs.append("no event for user:42")
        return diffs, "removed {}, missed {}, cleared {}".format(*did)

    lines = r"5\nmiss 3\nkey user:42\ngo 4\nmiss 1\nclear\n2\n"
    script = f"begin /t/{v}/steps\nattach report --misses -p $program\ntell '{lines}'\nend\ndetach '' report"
    return Case(f"{v}-attach", script, judge)


def binary(v):
    """-b: a process that already runs, and one that starts later."""

    def judge(folder):
        records = report(folder)
        want = {}
        for name in ("out", "out2"):
            out = text(folder, name)
            want[int(re.match(r"ready (\d+)", out)[1])] = did_of(out)
        got = {}
        for pid in want:
            n = compare.Case.summed([e for e in events_of(records) if e["pid"] == pid])
            got[pid] = n[0], n[1], n[4]
        diffs = differ("(removed, missed, cleared) by process", got, want) + compare.end_record(records, events_of(records))
        diffs += differ("start records", sorted(r["pid"] for r in records if r["event"] == "start"), sorted(want))
        return diffs, "; ".join("removed {}, missed {}, cleared {}".format(*n) for n in want.values())

    script = f"""begin /t/{v}/steps
attach report --misses -b /t/{v}/steps
tell '5\\nmiss 2\\n'
printf '7\\nmiss 1\\nclear\\n' | /t/{v}/steps >out2
tell '3\\n'
end
usleep 300000
detach TERM report"""
    return Case(f"{v}-binary", script, judge)


def detached(v, signal):
    """Nothing stays behind in the program. It continues, and can be traced again."""
    killed = signal == "KILL"

    def judge(folder):
        first, then = text(folder, "attached").split(), text(folder, "detached").split()
        diffs = differ("bytes under the probes while attached", set(first), {"cc"})
        if "cc" in then or len(then) != len(first):
            diffs.append(f"bytes under the probes afterwards {then}")
        diffs += differ("exit code", code(folder, "report.code"), 137 if killed else 0)
        if not killed:
            diffs += matrix.totals(report(folder), 0, 5, 0, 0)
        diffs += matrix.totals(report(folder, "again"), code(folder, "program.code"), 4, 0, 0)
        return diffs, f"{len(first)} probes off, the program goes on"

    script = f"""begin /t/{v}/steps
addresses >addresses
attach report -p $program
bytes >attached
tell '5\\n'
wait_for 'done 5' out
detach {signal} report
usleep 500000
bytes >detached
tell '6\\n'
wait_for 'done 6' out
attach again -p $program
tell '4\\n'
end
detach '' again"""
    return Case(f"{v}-{'killed' if killed else 'detach'}", script, judge)


def filtered(v, name, script, hits, keys):
    """keys: the keys of the events, sorted."""

    def judge(folder):
        records = report(folder)
        got = sorted(e.get("key") for e in events_of(records))
        end = end_of(records)
        diffs = compare.end_record(records, events_of(records)) + differ("keys", got, sorted(keys))
        diffs += differ("(hits, filtered)", (end["hits"], end["filtered"]), (hits, hits - len(keys)))
        return diffs, f"{len(got)} of {hits}"

    return Case(f"{v}-{name}", script, judge)


def filters(v):
    def told(option, lines):
        return f"begin /t/{v}/steps\nattach report {option} -p $program\ntell '{lines}'\nend\ndetach '' report"

    long = "x" * 70
    yield filtered(v, "key-string", told("--key step:3", r"10\n"), 10, ["step:3"])
    yield filtered(v, "key-long", told(f"--key {long}", rf"3\nkey {long}\nkey {long[1:]}\nkey {long[1:]}y\n"), 6, [long[:64]])
    yield filtered(v, "key-prefix", told("--key-prefix step:1", r"20\n"), 20, ["step:1", *(f"step:{n}" for n in range(10, 20))])
    yield filtered(v, "key-int", f"start --key 7 -- /t/{v}/busy -mode int -ops 5000", 5000, [7] * 5)
    yield filtered(v, "type", f"start --type map[string]bool -- /t/{v}/busy -mode int -ops 500", 500, [])


def loads(v):
    """Loads the programs with other constants. The verifier then checks other paths."""
    options = [
        "--stack 1",
        "--stack 512 --key-bytes 256",
        "--misses --stack 512 --key-bytes 256",
        "--misses --key 7 --type map[int]int --stack 512 --key-bytes 256",
        "--misses --key-prefix " + "p" * 100,
        "--map 0xc000000000 --goid 1",
        "--site main.deleteInt --limit 1000000",
        "--summary=key --type map[*",
        "--summary",
        "--summary=type --stack 1 --misses --key 7 --type map[int]*",
        "--summary --map 0xc000000000 --goid 1 --key-prefix " + "p" * 100,
    ]

    def judge(folder):
        diffs = []
        for i, o in enumerate(options):
            try:
                end = end_of(report(folder, f"report{i}"))
                sums = end["delivered"] + end["filtered"] + sum(end["lost"].values())
                diffs += [f"{o}: {d}" for d in differ("(hits, removed)", (end["hits"], end["removed"]), (sums, 200))]
            except Failed as e:
                diffs.append(f"{o}: {e}")
        return diffs, f"{len(options)} ways"

    def script(i, o):
        return f"(tracer --format json -o report{i} {o} -- /t/{v}/busy -mode int -ops 200) >out{i} 2>report{i}.err\necho $? >report{i}.code"

    return Case(f"{v}-loads", "\n".join(script(i, o) for i, o in enumerate(options)), judge)


def lost(v):
    """A ring that is too small, and nobody who empties it."""

    def judge(folder):
        end = end_of(report(folder, want=5))
        n = sum(end["lost"].values())
        diffs = differ("hits", end["hits"], 3000) + differ("delivered + lost", end["delivered"] + n, 3000)
        return diffs + ([] if 0 < n < 3000 else [f"lost {n}"]), f"{end['delivered']} delivered, {n} lost"

    script = f"""begin /t/{v}/steps
attach report --buffer 64K -p $program
kill -STOP $tracer
tell '3000\\n'
wait_for 'done 3000' out
kill -CONT $tracer
end
detach '' report"""
    return Case(f"{v}-lost", script, judge)


def exits(v, refused):
    """Exit codes and one line of reason."""
    rows = [
        ("usage", 2, "tophash trace --limit many -p 1"),
        ("no-process", 3, "tophash trace -p 999999"),
        ("no-go", 3, "tophash trace -- /bin/busybox true"),
        ("no-privilege", 4, f'su -s /bin/sh nobody -c "tophash trace -- /t/{v}/busy -mode int -ops 5"'),
    ]
    if not refused:
        rows += [("status", 0, f"echo exit 7 | tophash trace --format json -- /t/{v}/steps")]

    def judge(folder):
        diffs = []
        for name, want, _ in rows:
            diffs += differ(f"{name}: exit code", code(folder, f"{name}.code"), want)
            lines = text(folder, f"{name}.err").splitlines()
            if want and len(lines) != 1 and name != "usage":
                diffs.append(f"{name}: stderr {lines}")
        if not refused and not re.search(r'^{"event":"exit",.*"code":7}$', text(folder, "status.out"), re.M):
            diffs.append("status: no exit record with code 7")
        return diffs, ", ".join(f"{name} {want}" for name, want, _ in rows)

    script = "\n".join(f"{command} >{name}.out 2>{name}.err\necho $? >{name}.code" for name, _, command in rows)
    return Case(f"{v}-exits", script, judge)


def dry(v):
    def judge(folder):
        out = text(folder, "out")
        diffs = differ("exit code", code(folder), 0) + differ("stderr", text(folder, "err"), "")
        found = re.findall(r"^(\w+) +0x[0-9a-f]+ +\S+\+\d+ ", out, re.M)
        diffs += [] if {"removal", "clear"} <= set(found) else [f"output {out!r}"]
        return diffs, f"{len(found)} probes"

    return Case(f"{v}-dry-run", f"tophash trace --dry-run -b /t/{v}/busy >out 2>err\necho $? >code", judge)


def refusals(v):
    """The kernel is too old: exit code 4, one line that names the version, and the program continues."""

    def judge(folder):
        diffs, line = [], ""
        for name in ("start", "attach", "binary"):
            lines = text(folder, f"{name}.err").splitlines()
            diffs += differ(f"{name}: exit code", code(folder, f"{name}.code"), 4)
            if len(lines) != 1 or "Linux {}.{} or later".format(*OLDEST) not in lines[0]:
                diffs.append(f"{name}: stderr {lines}")
            line = lines[0] if lines else ""
        diffs += differ("the program's (removed, missed, cleared)", did_of(text(folder, "out")), (5, 0, 0))
        return diffs + differ("its exit code", code(folder, "program.code"), 0), line

    script = f"""(tracer -- /t/{v}/busy -mode int -ops 5) >start.out 2>start.err
echo $? >start.code
begin /t/{v}/steps
for how in "attach -p $program" "binary -b /t/{v}/steps"; do
	(tracer ${{how#* }}) >${{how%% *}}.out 2>${{how%% *}}.err
	echo $? >${{how%% *}}.code
done
tell '5\\n'
end"""
    return Case(f"{v}-refused", script, judge)


def doctor(v, kernel):
    """What doctor says of this kernel is what trace then does."""
    want = 4 if kernel < OLDEST else 0

    def judge(folder):
        diffs = differ("exit code of doctor", code(folder, "doctor.code"), want) + differ("of trace", code(folder), want)
        rows = {r.get("check"): r for r in map(json.loads, text(folder, "doctor").splitlines())}
        diffs += differ("the kernel's state", rows["kernel"]["state"], "fails" if want else "ok")
        diffs += differ("uprobe multi", rows["uprobe multi"]["found"], "yes" if kernel >= MULTI else "no")
        diffs += differ("state of the programs", rows["programs"]["state"], "fails" if want else "ok")
        if not want:
            diffs += differ("state of a probe", rows["probes"]["state"], "ok")
        return diffs, rows["kernel"]["why"] or "ok"

    script = f"""tophash doctor --format json /t/{v}/busy >doctor 2>doctor.err
echo $? >doctor.code
start -- /t/{v}/busy -mode int -ops 5"""
    return Case(f"{v}-doctor", script, judge)


def cases_of(kernel, versions):
    """Returns the cases for a kernel of this version."""
    for v in versions:
        yield dry(v)
        if kernel < OLDEST:
            yield refusals(v)
            continue
        command = f"/t/{v}/kinds -truth truth"
        calm = f"{command} -only basic,special,ways,later"  # without stress, whose reports take long through a serial port
        yield kinds("misses", v, True, f"start --misses -- {command} -now")
        yield kinds("removals", v, False, f"start -- {command} -now")
        attached = f"begin {calm}\nattach report --misses -p $program\ntell '\\n'\nend\ndetach '' report"
        yield kinds("attach", v, True, attached, kernel < TELLS)
        for what in ("int", "string", "pointer", "miss", "clear"):
            yield busy(v, what)
        yield steps(v)
        yield binary(v)
        yield from filters(v)
        yield detached(v, "TERM")
        if kernel >= MULTI:
            yield kinds("old-way", v, True, f"export TOPHASH_NO_MULTI=1\nstart --misses -- {calm} -now")
    v = versions[-1]
    yield exits(v, kernel < OLDEST)
    yield doctor(v, kernel)
    if kernel >= OLDEST:
        yield detached(v, "KILL")
        yield loads(v)
        yield lost(v)


# --- all of it ---------------------------------------------------------------------------------------------------------------------


def object_shape(args, tally):
    """Returns the compiled kernel programs, from the build folder beside tophash."""
    path = Path(args.tophash).parent / "scope/watch/engine/trace.bpf.o"
    if not path.exists() or not shutil.which("llvm-objdump"):
        return tally.skip("shape of the kernel programs: no trace.bpf.o beside tophash, or no llvm-objdump")
    diffs, note = shape.check(path)
    if diffs:
        return tally.fail("shape of the kernel programs", diffs)
    return tally.ok(f"shape of the kernel programs: {note}")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, text):
        self.passed += 1
        print("ok   " + text, flush=True)

    def fail(self, text, details=()):
        self.failed += 1
        print("FAIL " + text, flush=True)
        for d in details:
            print("       " + d)

    def skip(self, text):
        self.skipped += 1
        print("skip " + text, flush=True)


def verifier_log(folder):
    """Returns why the kernel refused a program: the end of libbpf's messages in a case."""
    lines = text(folder, "messages").splitlines()
    return ["libbpf said:", *("  " + line for line in lines[-LOG:])] if lines else []


def judge(case, out, label, tally):
    folder = out / case.name
    try:
        diffs, note = case.judge(folder)
    except Failed as e:
        diffs, note = [str(e)], ""
    except (ValueError, OSError, KeyError, IndexError, TypeError, StopIteration) as e:
        diffs, note = [f"{type(e).__name__}: {e}"], ""
    if not diffs:
        return tally.ok(f"{label} {case.name}: {note}")
    diffs += ["the case: " + line for line in text(folder, "console").splitlines()[-3:]]
    more = [f"... and {len(diffs) - SHOWN} more"] if len(diffs) > SHOWN else []
    tally.fail(f"{label} {case.name}" + (f": {note}" if note else ""), diffs[:SHOWN] + more + verifier_log(folder))


def run_kernel(name, image, versions, args, messages, tally):
    release = release_of(image)
    cases = [c for c in cases_of(version(release), versions) if not args.case or any(w in c.name for w in args.case)]
    if not cases:
        return tally.skip(f"{name}: no such case on it")
    with tempfile.TemporaryDirectory(prefix="tophash-kernel-") as tmp:
        folder = Path(args.keep) / release if args.keep else Path(tmp)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            out = boot(image, initramfs(args.tophash, versions, cases, messages), folder, args.timeout)
        except Failed as e:
            return tally.fail(f"{name} ({release})", str(e).splitlines())
        print(f"{name}: Linux {text(out, 'release').strip()}, {time.monotonic() - began:.0f} s", flush=True)
        for case in cases:
            judge(case, out, name, tally)
        oops = re.findall(r".*(?:BUG:|WARNING:|Oops|general protection).*", text(out, "dmesg"))
        if oops:
            tally.fail(f"{name}: the kernel complains", oops[:SHOWN])


def why_not(args):
    """Returns why nothing can be run here, or None."""
    if not Path(args.tophash).is_file():
        return f"{args.tophash} is not there (make)"
    for tool, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static")):
        if not shutil.which(tool):
            return f"{tool} is not there (Debian package {package})"
    return None


def targets(versions, tally):
    """Returns the Go releases whose programs exist."""
    found = build.toolchains()
    for v in versions:
        if v not in found:
            tally.skip(f"Go {v}: not in the cache (tools/go-toolchains --fetch {v})")
            continue
        errors = [e for e in (build.build(v, "default", p)[2] for p in PROGRAMS) if e]
        if errors:
            tally.fail(f"Go {v}: the programs do not build", errors[0].splitlines())
        else:
            yield v


def kernels(args, tally):
    """(name, image)"""
    for image in args.image:
        yield os.path.basename(image), Path(image)
    for name in args.kernel or ([] if args.image else KERNELS):
        try:
            yield name, fetch(KERNELS[name], build.CACHE / "kernels" / name)
        except Failed as e:
            tally.skip(f"{name}: cannot be fetched: {e}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tophash", default=str(REPO / "build" / "tophash"), help="the tracer (build/tophash)")
    ap.add_argument("--kernel", type=build.names, default=[], metavar=",".join(KERNELS))
    ap.add_argument("--image", action="append", default=[], metavar="FILE", help="a bzImage, instead of the kernels above")
    ap.add_argument("--go", type=build.names, default=GO, metavar="1.NN,… (" + ",".join(GO) + ")")
    ap.add_argument("--case", type=build.names, default=[], metavar="WORD,…")
    ap.add_argument("--timeout", type=int, default=1200, metavar="SECONDS", help="for one virtual machine (1200)")
    ap.add_argument("--keep", metavar="FOLDER", help="leave console, reports and logs there")
    ap.add_argument("--shape", action="store_true", help="check the compiled kernel programs only, start no machine")
    ap.add_argument("--list", action="store_true", help="print the cases for each kernel, run nothing")
    args = ap.parse_args()
    for given, known in ((args.kernel, KERNELS), (args.go, build.VERSIONS)):
        for x in given:
            if x not in known:
                ap.error(f"{x}: not one of {' '.join(known)}")
    if args.list:
        for name in args.kernel or KERNELS:
            print(f"{name}: " + " ".join(c.name for c in cases_of(version(name), args.go)))
        return 0
    reason = None if args.shape else why_not(args)
    if reason:
        print(f"SKIP everything: {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # otherwise qemu would stay behind
    tally = Tally()
    object_shape(args, tally)
    versions = [] if args.shape else list(targets(args.go, tally))
    if versions:
        with tempfile.TemporaryDirectory(prefix="tophash-kernel-") as tmp:
            messages = shim(Path(tmp))
            for name, image in kernels(args, tally):
                try:
                    run_kernel(name, image, versions, args, messages, tally)
                except (Failed, OSError) as e:
                    tally.fail(f"{name}: {e}")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    if tally.failed:
        return 1
    return 0 if tally.passed else 77


if __name__ == "__main__":
    sys.exit(main())
