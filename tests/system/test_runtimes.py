"""Tests of --container and --pod with real runtimes: dockerd, and containerd by its CRI. Each has its roots in the folder of the test, and a mount
namespace with a /run of its own, from which tophash sees the files of its state. From outside only its socket can tell names.

containerd (26 MB) is unpacked from the package of this Debian where it is not installed. dockerd (36 MB more) is tried only where it is
installed."""

import functools
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from harness import HERE, REPO, Skip, Tracer, go_build, options, refused, same, spawn, test, tmp, tophash
from test_containers import touch, unpacked
from test_doctor import doctor

IMAGE = "localhost/tophash/shop:1"
GROUP = f"/tophash-{os.getpid()}"  # the parent of control groups
PAUSE = "int pause(void); int main(void) { for (;;) pause(); }"


@functools.cache
def image_tool():
    """Returns tools/image as a module."""
    loader = importlib.machinery.SourceFileLoader("image_tool", str(REPO / "tools/image"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("image_tool", loader))
    loader.exec_module(module)
    return module


def image():
    """Makes the archive of an image: the program that deletes, and as its entry point one that does nothing, for pods."""
    tmp("pause.c").write_text(PAUSE)
    subprocess.run(["cc", "-static", "-O2", "-o", tmp("pause"), tmp("pause.c")], check=True)
    files = [("shop", Path(go_build(HERE / "grouped.go", "grouped-static", CGO_ENABLED="0")).read_bytes(), 0o755),
             ("tophash", tmp("pause").read_bytes(), 0o755)]
    image_tool().write_archive(image_tool().image(files, "amd64", IMAGE), tmp("image.tar"))
    return tmp("image.tar")


class Containerd:
    """containerd in a mount namespace of its own, where /run is empty."""

    SOCKET = "/run/containerd/containerd.sock"
    STATES = ("/run/containerd/runc", "/run/containerd/io.containerd.runtime.v2.task")

    def __init__(self):
        self.bin, self.env, self.pods = "", dict(os.environ), []
        if not shutil.which("containerd") or not shutil.which("runc"):
            at = unpacked("containerd", "runc")
            self.bin = f"{at}/usr/bin/"
            self.env["PATH"] = f"{at}/usr/bin:{at}/usr/sbin:{self.env['PATH']}"
        tmp("containerd.toml").write_text(f"""version = 2
root = "{tmp("containerd")}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
""")
        self.p = self.start("containerd", "unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", self.bin + "containerd", "-c",
                            tmp("containerd.toml"))

    def start(self, name, *command):
        with open(tmp(f"{name}.log"), "wb") as log:
            return spawn(command, stdout=log, stderr=log, env=self.env)

    def wait(self, p, name, socket):
        end = time.monotonic() + 60
        while not self.at(socket).exists():
            if p.poll() is not None or time.monotonic() > end:
                raise Skip(f"{name} does not run here: {tmp(f'{name}.log').read_text()[-300:]}")
            time.sleep(0.05)

    def __enter__(self):
        self.wait(self.p, "containerd", self.SOCKET)
        return self

    def __exit__(self, *_):
        for pod in self.pods:
            self.cri("remove", pod, must=False)
        self.p.terminate()
        self.p.wait()
        for folder in Path("/sys/fs/cgroup").glob(f"**{GROUP}"):
            for below in [*folder.glob("*/*/"), *folder.glob("*/"), folder]:
                try:
                    below.rmdir()
                except OSError:
                    pass  # a process of it is not over yet

    def at(self, path):
        """Returns a path in the namespace, as seen from outside."""
        return Path(f"/proc/{self.p.pid}/root{path}")

    def inside(self, *hidden):
        """Returns words that run a command in the namespace, without these folders."""
        words = [f"mount -t tmpfs tmpfs {path}" for path in hidden]
        return ["nsenter", "-m", "-t", str(self.p.pid), "unshare", "-m", "sh", "-c", " && ".join([*words, 'exec "$@"']), "sh"]

    def run(self, *command):
        r = subprocess.run([*self.inside(), *map(str, command)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200)
        if r.returncode:
            raise Skip(f"{command[0]} cannot do this here: {r.stdout.strip()[-300:]}")
        return r.stdout

    def cri(self, verb, spec, must=True):
        r = subprocess.run(["/usr/bin/python3", HERE / "cri.py", verb, self.at(self.SOCKET), spec], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=200)
        if r.returncode and must:
            raise Skip(f"no pod can be started here: {r.stderr.strip()[-400:]}")
        return r.stdout

    def pod(self, name, namespace, uid, containers):
        """Starts a pod. Returns the ids of its containers by their names, and its own by ""."""
        spec = {"name": name, "namespace": namespace, "uid": f"11111111-2222-3333-4444-{uid:012x}", "parent": GROUP, "image": IMAGE,
                "containers": containers}
        tmp("pod").write_text(json.dumps(spec))
        ids = json.loads(self.cri("run", tmp("pod")))
        self.pods.append(ids[""])
        return ids


def processes():
    """Returns the pid of the first process of each container, by its id."""
    r = subprocess.run([options.tophash, "ps", "--format", "json"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    return {x["container"]: x["pid"] for x in rows if x["event"] == "process" and x["container"] and x["exe"] == "/shop"}


def facts(run, *names):
    start, = run.of("start")
    return [start.get(name) for name in names]


@test
def pods_of_containerd():
    """Pods that containerd runs by CRI: found by its files, where they are seen, and otherwise by its socket. Each delete is there."""
    with Containerd() as containerd:
        containerd.run(containerd.bin + "ctr", "-n", "k8s.io", "images", "import", "--snapshotter", "native", image())
        name, uid = f"shop-{os.getpid()}", os.getpid() << 8
        command = ["/shop", "wait", "/go", "delete"]
        prod = containerd.pod(name, "prod", uid, {"api": [*command, "20", "wait", "/end"], "db": [*command, "30", "wait", "/end"]})
        dev = containerd.pod(name, "dev", uid + 1, {"api": [*command, "1000"]})
        pids = processes()
        socket = ("--runtime-socket", containerd.at(containerd.SOCKET))
        ways = {"socket": ([], socket), "files": (containerd.inside(), ()), "the known socket": (containerd.inside(*containerd.STATES), ())}
        refused(tophash("--pod", f"prod/{name}"), 3, f"no pod prod/{name}")
        for way, (wrap, more) in ways.items():
            refused(tophash("--pod", name, *more, wrap=wrap), 3, "containers are of pods with this name", "prod/", "dev/")
            refused(tophash("--pod", f"prod/{name}", "-c", "cache", *more, wrap=wrap), 3, "no running container cache", "api", "db")
            refused(tophash("--pod", f"test/{name}", *more, wrap=wrap), 3, f"no pod test/{name}")
            run = tophash("--pod", f"prod/{name}", "-c", "api", "--duration", "300ms", "--format", "json", *more, wrap=wrap)
            same(run.code, 0, run.err)
            same(facts(run, "pid", "runtime", "container", "container_name", "pod", "namespace", "image"),
                 [pids[prod["api"]], "containerd", prod["api"], "api", name, "prod", IMAGE], f"the start record by {way}")
        row = doctor(wrap=containerd.inside()).row("containerd")
        same((row[0], row[1]), ("ok", "/run/containerd, /run/containerd/containerd.sock: 5 running"), "doctor")
        tracer = Tracer("--pod", f"prod/{name}", *socket)
        for id in (prod["api"], prod["db"], dev["api"]):
            touch(pids[id], "go")
        tracer.wait_for('"event":"delete"', 50)
        run = tracer.end()
        same({id: sum(e["pid"] == pids[id] for e in run.events) for id in (prod["api"], prod["db"], dev["api"])},
             {prod["api"]: 20, prod["db"]: 30, dev["api"]: 0}, "deletes")
        same((run.code, run.end["hits"]), (0, 50), "exit code and hits")


@test
def container_of_ctr():
    """Containers with ids that somebody chose, which no control group tells: by the state of runc."""
    with Containerd() as containerd:
        ctr = (containerd.bin + "ctr",)
        containerd.run(*ctr, "images", "import", "--snapshotter", "native", image())
        name, pids = f"shop{os.getpid()}", {}
        for title, n in (name, 20), (name + "-b", 1000):
            containerd.run(*ctr, "run", "-d", "--null-io", "--snapshotter", "native", "--cgroup", f"{GROUP}/{title}", IMAGE, title, "/shop", "wait", "/go",
                           "delete", n)
            pids[title] = int(containerd.run(*ctr, "task", "ls").split(title + " ")[1].split()[0])
        # Another namespace of containerd has its own ids.
        other = (*ctr, "-n", "other")
        containerd.run(*other, "images", "import", "--snapshotter", "native", tmp("image.tar"))
        containerd.run(*other, "run", "-d", "--null-io", "--snapshotter", "native", "--cgroup", f"{GROUP}/other/{name}-b", IMAGE, f"{name}-b", "/shop", "wait",
                       "/end")
        try:
            refused(tophash("--container", f"{name}-b", wrap=containerd.inside()), 3, f"2 containers are {name}-b", "containerd")
            refused(tophash("--container", name), 3, f"no running container {name}")
            refused(tophash("--container", name[:-1], wrap=containerd.inside()), 3, "no running container")
            report = tmp("report")
            p = spawn([*containerd.inside(), options.tophash, "trace", "-v", "--container", name, "--format", "json", "-o", report], stderr=subprocess.PIPE,
                      text=True)
            while "probes placed" not in (line := p.stderr.readline()):
                same(bool(line), True, "tophash is ready")
            for pid in pids.values():
                touch(pid, "go")
            p.stderr.read()
            same(p.wait(), 0, "exit code")
            records = [json.loads(line) for line in report.read_text().splitlines()]
            same([r["pid"] for r in records if r["event"] == "delete"], [pids[name]] * 20, "deletes")
            same(records[-1]["hits"], 20, "hits")
        finally:
            subprocess.run([*containerd.inside(), *other, "task", "rm", "-f", f"{name}-b"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for title in pids:
                subprocess.run([*containerd.inside(), *ctr, "task", "rm", "-f", title], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Docker:
    """dockerd in the namespace of a containerd, which has to see what it mounts."""

    def __init__(self, containerd):
        self.containerd, self.names = containerd, []
        # Inside, /run is that of the namespace.
        self.p = containerd.start("dockerd", "nsenter", "-m", "-t", str(containerd.p.pid), "dockerd", "--containerd", containerd.SOCKET, "-H",
                                  "unix:///run/docker.sock", "--data-root", tmp("docker"), "--exec-root", "/run/docker", "-p", "/run/docker.pid",
                                  "--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
                                  "--userland-proxy=false")

    def __enter__(self):
        self.containerd.wait(self.p, "dockerd", "/run/docker.sock")
        return self

    def __exit__(self, *_):
        subprocess.run([*self.containerd.inside(), "docker", "-H", "unix:///run/docker.sock", "rm", "-f", *self.names], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.p.terminate()
        self.p.wait()

    def __call__(self, *words):
        return self.containerd.run("docker", "-H", "unix:///run/docker.sock", *words)

    def run(self, name, deletes, *more):
        """Starts a container. Returns its id, and the pid of its process."""
        self.names.append(name)
        id = self("run", "-d", "--network", "none", "--ulimit", "nofile=1024:1024", "--entrypoint", "/shop", "--name", name, *more, IMAGE, "wait", "/go",
                  "delete", deletes).split()[-1]
        return id, int(self("inspect", "-f", "{{.State.Pid}}", id))


@test
def container_of_docker():
    """Containers of dockerd: found by its files, where they are seen, and otherwise by its socket. Each delete is there."""
    if not shutil.which("dockerd"):
        raise Skip("dockerd is not installed (docker.io, 36 MB)")
    with Containerd() as containerd, Docker(containerd) as docker:
        docker("load", "-i", image())
        name = f"shop{os.getpid()}"
        id, pid = docker.run(name, 20)
        # The group of this one is where nobody looks for containers.
        moved, moved_pid = docker.run(name + "-moved", 30, "--cgroup-parent", GROUP)
        _, other = docker.run(name + "-other", 1000)
        socket = ("--runtime-socket", containerd.at("/run/docker.sock"))
        refused(tophash("--container", name), 3, "no running container")
        hidden = ("/run/containerd", "/run/docker", tmp("docker"))
        for way, (wrap, more) in {"socket": ([], socket), "files": (containerd.inside(), ()), "the known socket": (containerd.inside(*hidden), ())}.items():
            run = tophash("--container", name, "--duration", "300ms", "--format", "json", *more, wrap=wrap)
            same(run.code, 0, f"{way}: {run.err}")
            same(facts(run, "pid", "runtime", "container", "container_name", "image"), [pid, "docker", id, name, IMAGE], f"the start record by {way}")
        row = doctor(wrap=containerd.inside()).row("docker")
        same((row[0], row[1].endswith("/run/docker.sock: 3 running")), ("ok", True), f"doctor: {row}")
        tracers = {name: Tracer("--container", name, *socket), name + "-moved": Tracer("--container", name + "-moved", *socket)}
        for p in (pid, moved_pid, other):
            touch(p, "go")
        for title, i, p, n in ((name, id, pid, 20), (name + "-moved", moved, moved_pid, 30)):
            run = tracers[title].end(sig=None)
            same((run.code, run.end["hits"], [e["pid"] for e in run.events]), (0, n, [p] * n), f"the run of {title}")
            same(facts(run, "container", "container_name", "image"), [i, title, IMAGE], "the start record")
