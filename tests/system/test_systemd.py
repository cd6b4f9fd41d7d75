"""Tests of systemd-run, with a service manager of its own in namespaces. It runs nothing but what the test starts, and can change no setting of
the machine."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness import HERE, LONG, Run, Skip, check, go_build, identity, options, same, spawn, test, tmp
from test_groups import Group

# systemd-tmpfiles would empty /tmp at a boot, and that is the machine's.
BOOT = """
mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mount -t tmpfs tmpfs /sys/fs/cgroup &&
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p /run/systemd/system &&
mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && mount --bind /etc /etc && mount -o remount,bind,ro /etc || exit 9
{ [ ! -e /usr/bin/systemd-tmpfiles ] || mount --bind /bin/false /usr/bin/systemd-tmpfiles; } || exit 9
printf "[Unit]\\nDefaultDependencies=no\\n" > /run/systemd/system/alone.target
exec env container=test "$0" --system --unit=alone.target --log-target=console --show-status=0
"""


def child_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Manager:
    """A service manager, as the first process of a pid namespace, in a control group of the test."""

    def __init__(self):
        exe = next((x for x in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if os.path.exists(x)), None)
        if not exe or not shutil.which("systemd-run") or not shutil.which("nsenter"):
            raise Skip("systemd, systemd-run and nsenter are not all there")
        self.group = Group("v2")
        self.log = tmp("manager.log")
        with open(self.log, "w") as log:
            self.p = spawn(["sh", "-c", f'echo $$ > {self.group.dir}/cgroup.procs && exec unshare --pid --fork --kill-child --mount --cgroup --uts '
                            f'--ipc --net sh -c "$0" {exe}', BOOT], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + LONG
        while self.state() not in ("running", "degraded"):
            if self.p.poll() is not None or time.monotonic() > end:
                raise Skip(f"systemd does not begin in namespaces: {self.log.read_text()[-300:]}")
            time.sleep(0.05)

    def state(self):
        inside = child_of(self.p.pid) if self.p.poll() is None else []
        return self.run("systemctl", "is-system-running").stdout.strip() if inside and Path(f"/proc/{inside[0]}/comm").read_text() == "systemd\n" else ""

    def words(self, *command):
        return ["nsenter", "-t", child_of(self.p.pid)[0], "-a", *map(str, command)]

    def run(self, *command):
        return subprocess.run(self.words(*command), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONG)

    def trace(self, *args):
        r = self.run(options.tophash, "trace", "--format", "json", *args)
        return Run(r.returncode, r.stdout, r.stderr)

    def end(self):
        for pid in child_of(self.p.pid) if self.p.poll() is None else []:
            os.kill(int(pid), signal.SIGKILL)
        self.p.kill()
        self.p.wait()
        end = time.monotonic() + LONG
        while self.group.dir.exists():
            for folder, _, _ in os.walk(self.group.dir, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    check(time.monotonic() < end, "the control group of systemd does not go away")
            time.sleep(0.01)


@test
def systemd_run():
    """A program in a scope is followed. That of a service is not ours: it is refused, and can be traced by its control group."""
    program = go_build(HERE / "grouped.go", "grouped")
    manager = Manager()
    try:
        scope = ["systemd-run", "--quiet", "--scope", "--unit=one"]
        for words in (scope, ["sh", "-c", '"$@"; true', "sh", *scope]):
            run = manager.trace("--", *words, program, "delete", 30, "start", "delete", 12, "end")
            same((run.code, identity(run)["removed"], run.end["gaps"]), (0, 42, 0), run.err)
            same(run.of("start")[0]["cgroup"], "/system.slice/one.scope", "control group")
        service = ["systemd-run", "--quiet", "--unit=two", "-p", "DefaultDependencies=no"]
        told = tmp("told")
        refused = manager.trace("--", *service, program, "tell", told)
        check(refused.code == 3 and "--cgroup /system.slice/NAME.service" in refused.err and refused.out == "", refused.err)
        check(not told.exists(), "the service was started")
        run = manager.trace("--", "sh", "-c", '"$@"', "sh", *service, program, "tell", told)
        check(run.code == 3 and "lets the service manager start the program (see --cgroup)" in run.err, run.err)
        go = tmp("go")
        same(manager.run("systemd-run", "--quiet", "--unit=three", "-p", "DefaultDependencies=no", program, "wait", go, "delete", "25").stderr, "", "three")
        t = spawn(manager.words(options.tophash, "trace", "--format", "json", "--limit", 25, "--cgroup", "/system.slice/three.service"),
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        same(json.loads(t.stdout.readline())["cgroup"], "/system.slice/three.service", "the start record")
        go.touch()
        out, err = t.communicate(timeout=LONG)
        same((t.returncode, len([x for x in out.splitlines() if '"event":"delete"' in x])), (0, 25), err)
    finally:
        manager.end()
