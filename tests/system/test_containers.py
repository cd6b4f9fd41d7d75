"""Tests of --container and --pod with real containers: podman and runc, with an image that has one static Go program. Where they are not
installed, they are unpacked from the packages of this Debian."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import HERE, LONG, REPO, Skip, Tracer, check, go_build, options, refused, remove_groups, same, spawn, test, tmp, tophash
from test_groups import begun, ended, hierarchies, program

sys.path.insert(0, str(REPO / "tools"))
import debs  # noqa: E402

PACKAGES = ("podman", "runc", "conmon", "golang-github-containers-common", "golang-github-containers-image", "libgpgme11", "libsubid4", "libassuan0")
IMAGE = "localhost/tophash/shop:1"


@functools.cache
def unpacked(*packages):
    """Unpacks packages into the cache. Returns the folder."""
    at = debs.cache_dir() / ("containers" if packages == PACKAGES else "-".join(packages))
    if not (at / "done").exists():
        shutil.rmtree(at, ignore_errors=True)
        (at / "debs").mkdir(parents=True)
        r = subprocess.run(["apt-get", "download", "-q", *packages], cwd=at / "debs", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise Skip(f"no {packages[0]}, and its packages cannot be had: {r.stdout.strip()[-120:]}")
        for deb in (at / "debs").iterdir():
            subprocess.run(["dpkg", "-x", deb, at], check=True)
        shutil.rmtree(at / "debs")
        (at / "done").touch()
    return at


class Podman:
    """podman with a storage of its own, in the folder of the test."""

    def __init__(self):
        self.env = dict(os.environ)
        self.run_dir = tempfile.mkdtemp(prefix="thp")  # podman takes no path of more than 50 characters
        runc = shutil.which("runc")
        if not shutil.which("podman") or not runc:
            at = unpacked(*PACKAGES)
            runc = next(str(at / d / "runc") for d in ("usr/sbin", "usr/bin") if (at / d / "runc").exists())
            self.env["PATH"] = f"{at}/usr/bin:{at}/usr/sbin:{self.env['PATH']}"
            self.env["LD_LIBRARY_PATH"] = f"{at}/usr/lib/x86_64-linux-gnu"
            conf = tmp("containers.conf")
            conf.write_text(f'[engine]\nconmon_path=["{at}/usr/bin/conmon"]\n[engine.runtimes]\nrunc=["{runc}"]\n')
            self.env["CONTAINERS_CONF"] = str(conf)
            policy = tmp("policy.json")
            policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        self.words = ["podman", "--root", tmp("root"), "--runroot", self.run_dir, "--tmpdir", tmp("podman"), "--storage-driver", "vfs",
                      "--cgroup-manager=cgroupfs", "--runtime", runc, "--events-backend", "none"]
        self.names = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run([*map(str, self.words), "rm", "-f", "-t", "0", name], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def __call__(self, *words, cwd=None):
        r = subprocess.run([*map(str, self.words), *map(str, words)], env=self.env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=100)
        if r.returncode:
            raise Skip(f"podman cannot {words[0]} here: {r.stderr.strip()[-200:]}")
        return r.stdout.strip()

    def image(self):
        folder = tmp("image")
        folder.mkdir()
        shutil.copy(go_build(HERE / "grouped.go", "grouped", CGO_ENABLED="0"), folder / "shop")
        (folder / "Containerfile").write_text("FROM scratch\nCOPY shop /shop\n")
        self("build", "-q", "--isolation", "chroot", "-t", IMAGE, ".", cwd=folder)

    def run(self, name, *command):
        """Starts a container. Returns its id and the pid of its first process."""
        self.names.append(name)
        id = self("run", "-d", "--name", name, "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", IMAGE, *command)
        return id.splitlines()[-1], int(self("inspect", "-f", "{{.State.Pid}}", name))


def touch(pid, name):
    Path(f"/proc/{pid}/root/{name}").touch()


@test
def container_by_name_and_id():
    """Two containers of one image; the one that is named is traced, with what is started in it later. The run ends with it."""
    with Podman() as podman:
        podman.image()
        name = f"shop{os.getpid()}"
        id, pid = podman.run(name, "/shop", "wait", "/go", "delete", 20, "wait", "/end", "delete", 3)
        _, other = podman.run(name + "b", "/shop", "wait", "/go", "delete", 1000)
        for word in (name, id, id[:16]):
            refused(tophash("--container", word, "-p", pid), 2, "only one of")
        tracer = Tracer("--container", name)
        touch(pid, "go")
        touch(other, "go")
        tracer.wait_for('"event":"delete"', 20)
        podman("exec", name, "/shop", "delete", 7)
        touch(pid, "end")
        run = tracer.end(sig=None)
        starts = run.of("start")
        same([e["pid"] for e in run.events if e["pid"] == pid], [pid] * 23, "deletes of the first process")
        same(len(run.events), 30, "deletes")
        first = next(r for r in starts if r["pid"] == pid)
        same([first["exe"], first["runtime"], first["container"], first["container_name"], first["image"]], ["/shop", "podman", id, name, IMAGE],
             "the start record")
        end = run.end
        same(end["hits"], end["delivered"] + end["filtered"], "hits")
        # The runtime is a Go program, too. It joins the group before it executes the command.
        gaps = run.of("gap")
        same(len(gaps), end["gaps"], "gaps")
        check(len(gaps) <= 1 and all(g["pid"] not in (pid, other) for g in gaps), gaps)
        same(run.code, 5 if gaps else 0, "exit code")


@test
def container_by_beginning():
    """The beginning of an id, one that several have, and a container that has ended."""
    with Podman() as podman:
        podman.image()
        base = f"shop{os.getpid()}"
        ids = dict(podman.run(f"{base}-{i}", "/shop", "wait", "/go") for i in range(2))
        for id in ids:
            run = tophash("--container", id[:20], "--duration", "1s", "--format", "json")
            same([r["pid"] for r in run.of("start")], [ids[id]], "processes")
        seen = next((d for d in "0123456789abcdef" if sum(id.startswith(d) for id in ids) == 2), None)
        if seen:
            refused(tophash("--container", seen), 3, "2 containers are", "podman", base)
        id, pid = ids.popitem()
        touch(pid, "go")
        end = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists():
            check(time.monotonic() < end, "the container does not end")
            time.sleep(0.02)
        refused(tophash("--container", id), 3, "no running container", "tophash ps")


@test
def container_by_the_socket_of_podman():
    """podman offers the API of Docker. Where its files are hidden, it tells the name."""
    with Podman() as podman:
        podman.image()
        name, socket = f"shop{os.getpid()}", Path(podman.run_dir) / "api.sock"
        id, pid = podman.run(name, "/shop", "wait", "/go", "delete", 20)
        _, other = podman.run(name + "b", "/shop", "wait", "/go", "delete", 1000)
        hidden = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs {tmp("root")} && exec "$@"', "sh"]
        refused(tophash("--container", name, wrap=hidden), 3, "no running container")
        service = spawn([*podman.words, "system", "service", "-t", "0", f"unix://{socket}"], env=podman.env, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not socket.exists():
            if service.poll() is not None or time.monotonic() > end:
                raise Skip("podman offers no service here")
            time.sleep(0.05)
        run = tophash("--container", name, "--runtime-socket", socket, "--duration", "300ms", "--format", "json", wrap=hidden)
        start = run.of("start")[0]
        same([start.get(k) for k in ("pid", "runtime", "container", "container_name", "image")], [pid, "podman", id, name, IMAGE], "the start record")
        tracer = Tracer("--container", name, "--runtime-socket", socket)
        touch(pid, "go")
        touch(other, "go")
        run = tracer.end(sig=None)
        same((run.code, run.end["hits"], [e["pid"] for e in run.events]), (0, 20, [pid] * 20), "the run")
        service.terminate()
        service.wait()


@test
def no_container():
    refused(tophash("--container", "no-such-container"), 3, "no running container no-such-container", "tophash ps")
    refused(tophash("--container", ""), 3, "no running container")
    refused(tophash("--container", "../../etc"), 3, "no running container")
    refused(tophash("--pod", "prod/no-such-pod"), 3, "no pod prod/no-such-pod", "NAMESPACE")
    refused(tophash("--pod", "x", "-c", "y"), 3, "no pod x")
    refused(tophash("--pod", "/"), 3, "no pod /")
    refused(tophash("--container", "x", "--map", "0xc000"), 2, "--container")
    refused(tophash("--pod", "x", "--cgroup", "/"), 2, "only one of")
    refused(tophash("--pod", "x", "--dry-run"), 2, "--dry-run")


# --- pods: the control groups of Kubernetes, and the files of containerd, both made by the test ---------------------------------


class Pods:
    """Control groups of pods, and a folder with what containerd's CRI writes into /run/containerd. tophash sees it in a mount namespace."""

    UID = "11111111-2222-3333-4444-{:012x}"

    def __init__(self):
        at = hierarchies().get("v2") or hierarchies().get("v1")
        if not at:
            raise Skip("no hierarchy of control groups is writable")
        self.top = at / f"kubepods-test-{os.getpid()}"
        self.top.mkdir()
        self.state = tmp("containerd")
        self.n = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for procs in self.top.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                os.kill(int(pid), 9)
        remove_groups(self.top)

    def start(self, uid, namespace, pod, part, *command):
        """Starts a container of a pod. Returns its id and its process."""
        self.n += 1
        id = f"{self.n:064x}"
        group = self.top / ("pod" + self.UID.format(uid)) / id
        group.mkdir(parents=True)
        bundle = self.state / "io.containerd.runtime.v2.task" / "k8s.io" / id
        bundle.mkdir(parents=True)
        notes = {"container-type": "container", "sandbox-name": pod, "sandbox-namespace": namespace, "container-name": part, "image-name": IMAGE}
        (bundle / "config.json").write_text(json.dumps({"annotations": {f"io.kubernetes.cri.{k}": v for k, v in notes.items()}}))
        return id, spawn(["sh", "-c", 'echo $$ > "$0"; exec "$@"', group / "cgroup.procs", *command])

    def wrap(self):
        return ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run && mkdir /run/containerd && mount --bind "$0" /run/containerd && exec "$@"',
                str(self.state)]


@test
def pods_by_name():
    """Two pods of one name in two namespaces, one of them with two containers; what is asked for is traced, and ambiguous names are listed."""
    with Pods() as pods:
        a = program("shop")
        containers = {}
        for uid, namespace, part in ((1, "prod", "api"), (1, "prod", "cache"), (2, "test", "api")):
            containers[namespace, part] = pods.start(uid, namespace, "shop-7d4b", part, a, "wait", tmp("go"), "delete", 5)
        begun(*(p for _, p in containers.values()))
        pids = {key: p.pid for key, (_, p) in containers.items()}

        def traced(*words):
            run = tophash(*words, "--duration", "500ms", "--format", "json", wrap=pods.wrap())
            check(run.code == 0, run.err)
            return run, sorted(r["pid"] for r in run.of("start"))

        prod = sorted(pid for (namespace, _), pid in pids.items() if namespace == "prod")
        same(traced("--pod", "prod/shop-7d4b")[1], prod, "the pod's processes")
        run, got = traced("--pod", "prod/shop-7d4b", "-c", "cache")
        same(got, [pids["prod", "cache"]], "the container's process")
        start = run.of("start")[0]
        want = {"runtime": "containerd", "container": containers["prod", "cache"][0], "container_name": "cache", "pod": "shop-7d4b",
                "namespace": "prod", "image": IMAGE, "cgroup": f"/{pods.top.name}/pod{Pods.UID.format(1)}/{containers['prod', 'cache'][0]}"}
        same({k: start.get(k) for k in want}, want, "the start record")
        same(traced("--container", "cache")[1], [pids["prod", "cache"]], "the container by its name")
        refused(tophash("--pod", "shop-7d4b", wrap=pods.wrap()), 3, "3 containers are of pods with this name", "prod/shop-7d4b", "test/shop-7d4b")
        refused(tophash("--container", "api", wrap=pods.wrap()), 3, "2 containers are api", "prod", "test")
        refused(tophash("--pod", "prod/shop-7d4b", "-c", "db", wrap=pods.wrap()), 3, "has no running container db", "api", "cache")
        refused(tophash("--pod", "dev/shop-7d4b", wrap=pods.wrap()), 3, "no pod dev/shop-7d4b")
        ps = subprocess.run([*pods.wrap(), options.tophash, "ps", "--format", "json", "shop"], stdout=subprocess.PIPE, text=True, check=True)
        rows = {r["pid"]: r for r in map(json.loads, ps.stdout.splitlines()) if r["event"] == "process"}
        same({pid: (rows[pid]["namespace"], rows[pid]["pod_name"], rows[pid]["container_name"]) for pid in pids.values()},
             {pid: (namespace, "shop-7d4b", part) for (namespace, part), pid in pids.items()}, "ps")
        tables = {}
        for by in ("container", "pod"):
            errors = open(tmp(f"errors-{by}"), "w+b")
            tables[by] = spawn([*pods.wrap(), options.tophash, "trace", "-v", "--cgroup", pods.top, f"--summary={by}", "--format", "json"],
                               stdout=subprocess.PIPE, stderr=errors, text=True)
            end = time.monotonic() + LONG
            while "probes placed" not in tmp(f"errors-{by}").read_text():
                check(time.monotonic() < end, "tophash does not get ready")
                time.sleep(0.01)
        tmp("go").touch()
        ended(*(p for _, p in containers.values()))
        want = {"container": {"prod/shop-7d4b/api": 5, "prod/shop-7d4b/cache": 5, "test/shop-7d4b/api": 5},
                "pod": {"prod/shop-7d4b": 10, "test/shop-7d4b": 5}}
        for by, p in tables.items():
            p.send_signal(signal.SIGINT)
            rows = [json.loads(line) for line in p.communicate(timeout=LONG)[0].splitlines()]
            same({r[by]: r["elements"] for r in rows if r["event"] == "summary"}, want[by], f"the table by {by}")


@test
def pod_without_files():
    """Files that are no JSON, or are cut, tell nothing: the container has only its id."""
    with Pods() as pods:
        id, p = pods.start(1, "prod", "shop", "api", program("shop"), "wait", tmp("go"), "delete", 5)
        begun(p)
        config = pods.state / "io.containerd.runtime.v2.task" / "k8s.io" / id / "config.json"
        for text in ("", "{", "[" * 100000, '{"annotations":{"io.kubernetes.cri.sandbox-name":7}}'):
            config.write_text(text)
            refused(tophash("--pod", "prod/shop", wrap=pods.wrap()), 3, "no pod prod/shop")
        run = tophash("--container", id, "--duration", "300ms", "--format", "json", wrap=pods.wrap())
        start = run.of("start")[0]
        same((start["container"], start["pod"], start.get("container_name")), (id, Pods.UID.format(1), None), "the start record")
        config.unlink()
        os.mkfifo(config)
        refused(tophash("--pod", "prod/shop", timeout=20, wrap=pods.wrap()), 3, "no pod prod/shop")
        tmp("go").touch()
        ended(p)
