"""Kernels and virtual machines: fetches a kernel, packs an initramfs, boots it, and brings back the results. run.py tells where the
other modules are."""

import gzip
import io
import os
import re
import shutil
import stat
import struct
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

import build
import debs
import run as matrix
from run import Failed

HERE = Path(__file__).resolve().parent
PACKAGE = "linux-image-cloud-amd64"
PROGRAMS = ["kinds", "busy", "steps", "moving"]
MEMORY = 2048  # MiB
LOG = 30  # lines shown of a verifier's log or a console


def text(folder, name):
    """Returns what is in a file of a machine's or a case's folder, or an empty text."""
    path = folder / name
    return path.read_text(errors="replace") if path.exists() else ""


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


def initramfs(tophash, versions, cases, messages, limit):
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
    archive.file("limit", f"{limit}\n".encode())
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


# A machine on a busy one may stand still for many seconds. Its watchdogs would then blame the kernel. A kernel that hangs makes a case hang.
CALM = "nosoftlockup rcupdate.rcu_cpu_stall_suppress=1 workqueue.watchdog_thresh=0"


def received(results, out):
    """Unpacks the folders that the guest has sent (guest.sh, send). Returns their names. What was cut off is left out."""
    data, at, names = results.read_bytes() if results.exists() else b"", 0, []
    while head := re.match(rb"([\w.-]+) (\d+)\n", data[at : at + 100]):
        at += head.end()
        size = int(head[2])
        if len(data) - at < size:
            break
        with tarfile.open(fileobj=io.BytesIO(data[at : at + size])) as tar:
            tar.extractall(out, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(out)
        names.append(head[1].decode())
        at += size
    return names


def boot(image, initrd, folder, timeout):
    """Runs the machine until it powers off, or the time is over. Returns (the names of the folders in folder/out that it has sent, how it
    ended)."""
    console, results, ramdisk = folder / "console", folder / "results", folder / "initrd"
    ramdisk.write_bytes(initrd)
    console.unlink(missing_ok=True)
    results.unlink(missing_ok=True)
    shutil.rmtree(folder / "out", ignore_errors=True)
    cmd = ["qemu-system-x86_64", "-accel", ACCELERATORS[0], "-cpu", "max", "-smp", "2", "-m", str(MEMORY)]
    cmd += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(image), "-initrd", str(ramdisk)]
    cmd += ["-append", f"console=ttyS0 quiet panic=-1 printk.devkmsg=on {CALM}", "-serial", f"file:{console}", "-serial", f"file:{results}"]
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if len(ACCELERATORS) > 1 and not comes_up(p, console):
            matrix.stop(p)
            said = p.communicate()[0].strip().splitlines()
            print(f"by {ACCELERATORS.pop(0)} no machine comes up ({said[-1] if said else 'nothing on its console'}): emulated", flush=True)
            return boot(image, initrd, folder, timeout)
        said = p.communicate(timeout=timeout)[0].strip() or "the machine has ended"
    except subprocess.TimeoutExpired:
        said = f"not done after {timeout} s (--timeout)"
    finally:
        matrix.stop(p)
    try:
        return received(results, folder / "out"), said
    except (OSError, EOFError, tarfile.TarError) as e:
        raise Failed(f"the results cannot be unpacked: {e}") from None
