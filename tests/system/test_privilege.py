"""Without root, without bpf(2), with few open files."""

import errno
import os
import resource
import shutil
import subprocess

from harness import check, clean, deny_bpf, LONG, options, refused, Run, same, Skip, steps, target, test, tmp, tophash


@test
def no_privilege():
    p = steps()
    d = tmp("public")
    d.mkdir()
    os.chmod(tmp(), 0o755)
    exe, go = shutil.copy(options.tophash, d / "tophash"), shutil.copy(target("steps"), d / "steps")
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    for args in (["-p", str(p.pid)], ["-b", str(go)], ["--", str(go)]):
        q = subprocess.run([*user, exe, "trace", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=LONG)
        refused(Run(q.returncode, q.stdout, q.stderr), 4, "root")
    q = subprocess.run([*user, exe, "trace", "--dry-run", "-b", str(go)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    same((q.returncode, q.stderr), (0, ""), "--dry-run needs no privilege")
    p.end()


@test
def no_bpf():
    p = steps()
    for number, word in ((errno.ENOSYS, "kernel"), (errno.EPERM, "permitted|root"), (errno.EACCES, "permitted|root")):
        r = tophash("-p", p.pid, preexec_fn=deny_bpf(number))
        if r.code == 99:
            raise Skip("seccomp filters are not permitted")
        refused(r, 4, word)
    p.end()


@test
def no_perf_events():
    """bpf(2) is there, but links are refused: an exit code and one line all the same."""
    p = steps()
    r = tophash("-p", p.pid, "--duration", "100ms", "--format", "json",
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14)))
    check(r.code in (0, 1, 4), f"few open files: {r.code} {r.err}")
    if r.code:
        same(len(r.lines), 1, f"lines: {r.err}")
    clean(p.pid, target("steps"))
    p.end()
