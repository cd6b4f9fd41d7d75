"""The Go program that the tests of this folder trace: tests/kube/deletes.go."""
import secrets
import subprocess
import sys
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "matrix"))
import build as matrix  # noqa: E402

GO = ["1.26", "1.24", "1.23"]  # the first that is in the cache


def build(folder):
    """Returns the path of the program, or None when no Go release is there."""
    there = matrix.toolchains()
    for go in GO:
        if go in there:
            subprocess.run([matrix.CACHE / "go" / go / "bin/go", "build", "-o", folder / "deletes", HERE / "deletes.go"], check=True,
                           env=dict(matrix.go_env(go), GO111MODULE="off", GOFLAGS=""))
            return folder / "deletes"
    return None


class Target:
    """The running program, in a control group as kubelet makes one for a container. The tests are the kubelet: `names` is a folder with
    the link that tells the names of pod and container."""

    def __init__(self, program, names=None, pod="shop-1", namespace="prod", container="shop"):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.pid, self.groups = self.p.pid, []
        self.p.stdout.readline()
        if names:
            self.enter(secrets.token_hex(32), str(uuid.uuid4()))
            (names / f"{pod}_{namespace}_{container}-{self.groups[-1].name}.log").touch()

    def enter(self, id, uid):
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        at = Path(next(m[4] for m in mounts if m[m.index("-") + 1] == "cgroup2"))
        for name in ("kubepods", "burstable", f"pod{uid}", id):
            at = at / name
            at.mkdir(exist_ok=True)
            self.groups.append(at)
        (at / "cgroup.procs").write_text(str(self.pid))

    def delete(self, n):
        self.p.stdin.write(f"{n}\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline().strip()
        if line != f"deleted {n}":
            raise RuntimeError(f"the target says {line!r}")

    def end(self):
        self.p.kill()
        self.p.wait()
        for group in reversed(self.groups):
            try:
                group.rmdir()
            except OSError:  # another run is there, or this was done
                pass
