"""The Go program that the tests of this folder trace: tests/kube/deletes.go."""
import subprocess
import sys
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
    """The running program."""

    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.pid = self.p.pid
        self.p.stdout.readline()

    def delete(self, n):
        self.p.stdin.write(f"{n}\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline().strip()
        if line != f"deleted {n}":
            raise RuntimeError(f"the target says {line!r}")

    def end(self):
        self.p.kill()
        self.p.wait()
