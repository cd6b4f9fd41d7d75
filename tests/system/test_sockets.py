"""Tests of --container and --pod where the files of a runtime do not tell the name: its socket is asked. The runtimes are small servers of the
test, which also answer what no runtime answers."""

import hashlib
import json
import os
import socket
import subprocess
import time

import fake_runtime
from fake_runtime import Server, http, row
from harness import HERE, Skip, Tracer, check, options, refused, remove_groups, same, spawn, test, tmp, tophash
from test_doctor import doctor
from test_groups import begun, ended, hierarchies, program

IMAGE = "localhost/shop:1"
POD = f"shop-{os.getpid()}"


def id_of(n):
    """Returns an id that no other run of the tests uses."""
    return hashlib.sha256(f"{os.getpid()} {n}".encode()).hexdigest()


class Contained:
    """Control groups such as runtimes make for containers, without any file of a runtime."""

    def __init__(self, parent="{}"):
        at = hierarchies().get("v2") or hierarchies().get("v1")
        if not at:
            raise Skip("no hierarchy of control groups is writable")
        self.top, self.parent, self.started = at / f"shops-{os.getpid()}-{time.monotonic_ns()}", parent, []
        self.top.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.started:
            p.kill()
            p.wait()
        remove_groups(self.top)

    def start(self, n, *command, before=()):
        """Starts a container with this number. Returns its id and its process. `before` are words of the shell that come before the exec."""
        group = self.top / self.parent.format(id_of(n))
        group.mkdir(parents=True)
        words = ["sh", "-c", f'echo $$ > "$0"; {" ".join(before)} exec "$@"', group / "cgroup.procs", *command]
        self.started.append(spawn(words))
        return id_of(n), self.started[-1]


def at_run(sockets):
    """Returns words that run a command where /run has these sockets alone: a path below /run = that of the socket."""
    words = ["mount -t tmpfs tmpfs /run"]
    for at, path in sockets.items():
        words += [f'mkdir -p "/run/{os.path.dirname(at)}"', f'touch "/run/{at}"', f'mount --bind "{path}" "/run/{at}"']
    return ["unshare", "-m", "sh", "-c", " && ".join([*words, 'exec "$@"']), "sh"]


def traced(*words, **kwargs):
    """Returns the ids of the containers whose processes a short trace begins with."""
    run = tophash(*words, "--duration", "100ms", "--format", "json", **kwargs)
    same((run.code, run.err), (0, ""), f"the run of {words}")
    return [r["container"] for r in run.of("start")]


def shop(*words):
    return [program("shop"), "wait", tmp("go"), *words]


@test
def socket_tells_the_name():
    """A container whose id is in its path, and whose name only the socket knows. It is traced, with what the socket tells in its start record."""
    with Contained("docker-{}.scope") as groups:
        (id, p), (other, q) = groups.start(1, *shop("delete", 20)), groups.start(2, *shop("delete", 1000))
        begun(p, q)
        path = tmp("docker.sock")
        refused(tophash("--container", "web", wrap=at_run({})), 3, "no running container web")
        with Server(path, http([row(id, "web"), row(other, "other")])) as server:
            tracer = Tracer("--container", "web", "--runtime-socket", path)
            tmp("go").touch()
            run = tracer.end(sig=None)
            same({r.split(b"\r\n")[0] for r in server.requests}, {b"GET /containers/json HTTP/1.0", b"PRI * HTTP/2.0"}, "the requests")
            ended(p, q)
        same(run.code, 0, run.err)
        start, = run.of("start")
        same([start[k] for k in ("pid", "runtime", "container", "container_name", "image")], [p.pid, "docker", id, "web", IMAGE], "the start record")
        same(len(run.events), 20, "deletes")
        same(run.end["hits"], 20, "hits")


@test
def socket_tells_the_container():
    """A container that its path does not tell, because somebody chose where its group is: by name, by id and by the beginning of it."""
    with Contained("parent/{}/init") as groups:
        (id, p), (_, q) = groups.start(1, *shop("delete", 5)), groups.start(2, *shop("delete", 1000))
        begun(p, q)
        path = tmp("podman.sock")
        with Server(path, http([row(id, "web")], server="Libpod/4.3.1 (linux)")):
            for word in ("web", id, id[:10]):
                run = tophash("--container", word, "--runtime-socket", path, "--duration", "300ms", "--format", "json")
                same((run.code, run.err), (0, ""), f"the run of {word}")
                start, = run.of("start")
                same(start["pid"], p.pid, f"the process of {word}")
                check(start["cgroup"].endswith(f"/parent/{id}/init"), start["cgroup"])
                same([start.get(k) for k in ("runtime", "container", "container_name", "image")], ["podman", id, "web", IMAGE], "the start record")
            sites = subprocess.run([options.tophash, "sites", "-c", "web", "--runtime-socket", path], text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
            check(sites.returncode == 0 and "grouped.go" in sites.stdout, sites.stdout)
            tracer = Tracer("--container", "web", "--runtime-socket", path)
            tmp("go").touch()
            same(len(tracer.end(sig=None).events), 5, "deletes")
        ended(p, q)


@test
def socket_tells_several():
    """Two containers of one name are listed; so are those of which one is known by its files alone."""
    with Contained("docker-{}.scope") as groups:
        ids = [groups.start(n, *shop())[0] for n in (1, 2)]
        with Server(tmp("a.sock"), http([row(id, "web") for id in ids])), Server(tmp("b.sock"), http([row(ids[1], "web")])):
            refused(tophash("--container", "web", "--runtime-socket", tmp("a.sock")), 3, "2 containers are web", ids[0][:12], ids[1][:12], "docker web")
            # Both are asked at once, and the same container is one, whoever tells it.
            both = {"docker.sock": tmp("a.sock"), "podman/podman.sock": tmp("b.sock")}
            refused(tophash("--container", "web", wrap=at_run(both)), 3, "2 containers are web")
            b = {"docker.sock": tmp("b.sock")}
            same(traced("--container", "web", wrap=at_run(b)), [ids[1]], "the container")


@test
def socket_tells_pods():
    """Pods of a Docker that Kubernetes uses have labels."""
    with Contained("kubepods/pod11111111-2222-3333-4444-555555555555/{}") as groups:
        (id, p), (pause, _) = groups.start(1, *shop("delete", 3)), groups.start(2, *shop())
        labels = {"io.kubernetes.pod.name": POD, "io.kubernetes.pod.namespace": "prod", "io.kubernetes.container.name": "api"}
        rows = [row(id, "k8s_api", labels=labels), row(pause, "k8s_POD", labels={**labels, "io.kubernetes.docker.type": "podsandbox"})]
        begun(p)
        with Server(tmp("docker.sock"), http(rows)):
            at = ("--runtime-socket", tmp("docker.sock"))
            refused(tophash("--pod", "test/" + POD, *at), 3, "no pod test/" + POD)
            refused(tophash("--pod", POD, "-c", "db", *at), 3, "no running container db", "api")
            tracer = Tracer("--pod", "prod/" + POD, "-c", "api", *at)
            tmp("go").touch()
            run = tracer.end(sig=None)
            same(len(run.events), 3, "deletes")
            start, = run.of("start")
            same([start[k] for k in ("pod", "namespace", "container_name")], [POD, "prod", "api"], "the start record")


class Cri:
    """A runtime that answers what it is told, by CRI."""

    def __init__(self, path, **spec):
        self.path = path
        tmp("spec").write_text(json.dumps(spec))
        self.p = spawn(["/usr/bin/python3", HERE / "cri.py", "serve", path, tmp("spec")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.p.stdout.readline() != "ready\n":
            raise Skip("CRI cannot be offered: " + {77: "no python3-grpcio"}.get(self.p.wait(), "the server does not begin"))
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.p.wait()
        self.path.unlink(missing_ok=True)


@test
def cri_tells_pods():
    """Pods and containers by CRI, in both of its versions; what holds the namespaces of a pod is not traced with -c."""
    with Contained("kubepods/pod11111111-2222-3333-4444-555555555555/crio-{}") as groups:
        (id, p), (pause, q), (other, r) = groups.start(1, *shop("delete", 3)), groups.start(2, *shop("delete", 5)), groups.start(3, *shop("delete", 7))
        begun(p, q, r)
        spec = {"name": "cri-o", "pods": [{"id": pause, "name": POD, "namespace": "prod"}],
                "containers": [{"id": id, "pod": pause, "name": "api", "image": IMAGE}, {"id": other, "pod": pause, "name": "cache", "image": IMAGE}]}
        for n, service in enumerate(("v1", "v1alpha2")):
            path = tmp(f"crio{n}.sock")
            with Cri(path, service=service, **spec):
                refused(tophash("--pod", "prod/" + POD, "-c", "db", "--runtime-socket", path), 3, "no running container db", "api", "cache")
                refused(tophash("--pod", "test/" + POD, "--runtime-socket", path), 3, "no pod test/" + POD)
                same(sorted(traced("--pod", POD, "--runtime-socket", path)), sorted([id, pause, other]), "the containers of the pod")
                same(traced("--container", "cache", wrap=at_run({"crio/crio.sock": path})), [other], "a container by its name")
                same(list(doctor(wrap=at_run({"crio/crio.sock": path})).row("cri-o")),
                     ["ok", "/run/crio, /run/crio/crio.sock: 3 running", None], "doctor")
        path = tmp("crio.sock")
        with Cri(path, **spec):
            tracer = Tracer("--pod", "prod/" + POD, "-c", "api", "--runtime-socket", path)
        tmp("go").touch()
        run = tracer.end(sig=None)
        same(len(run.events), 3, "deletes")
        start, = run.of("start")
        same([start[k] for k in ("pid", "runtime", "container", "container_name", "pod", "namespace", "image")],
             [p.pid, "cri-o", id, "api", POD, "prod", IMAGE], "the start record")
        ended(p, q, r)


@test
def cri_answers_rubbish():
    path = tmp("cri.sock")
    container = "0a40" + "61" * 64  # a message with an id
    for spec, why in ({"status": 2}, "gRPC status 2"), ({"status": 14}, "gRPC status 14"), ({"raw": {"ListContainers": "ff"}}, "no message of CRI"), \
            ({"raw": {"ListContainers": "0a7f00"}}, "no message of CRI"), ({"raw": {"ListPodSandbox": "0a" * 999}}, "no message of CRI"), \
            ({"raw": {"Version": "08" * 7}}, "no message of CRI"), ({"raw": {"ListContainers": ("0a42" + container) * 4097}}, "more than 4096"), \
            ({"raw": {"ListContainers": "0a00" * (9 << 20)}}, "too long|memory|no message|does not answer"):
        with Cri(path, **spec):
            refused(tophash("--container", "web", "--runtime-socket", path, timeout=40), 3, "no container runtime answers at", why)
    # Without CRI, with nothing, with an id that is none, with a container of no pod, and with fields that are not known.
    for spec in {"service": "v9"}, {}, {"raw": {"ListContainers": "0a00"}}, {"raw": {"ListContainers": "0a050a03616263"}}, \
            {"raw": {"ListContainers": "0a42" + container, "Version": ""}}, {"raw": {"ListContainers": "f2ff7f00"}}:
        with Cri(path, **spec):
            refused(tophash("--container", "web", "--runtime-socket", path), 3, "no running container web: tophash ps lists containers with Go programs$")
    settings, ping = bytes.fromhex("000000040000000000"), bytes.fromhex("00000806000000000000000000000000ff")
    goaway = bytes.fromhex("0000080700000000000000000000000000")

    def flood(frame):
        def answer(connection):
            connection.sendall(settings)
            while True:
                connection.sendall(frame * 1000)
        return answer

    for answer in (settings, settings + b"\xff" * 5000, settings + goaway, b"\x00" * 50000, b"HTTP/1.0 200 OK\r\n\r\n{}", flood(ping), flood(settings),
                   flood(bytes.fromhex("000000010500000001")), flood(bytes.fromhex("0000040300000000010000000b"))):
        with Server(path, answer):
            refused(tophash("--container", "web", "--runtime-socket", path, timeout=40), 3, "no container runtime answers at")


def list_of(n):
    return http([row(id_of(i), f"shop{i}") for i in range(n)])


@test
def socket_answers_rubbish():
    """Each answer that no runtime gives is refused in one line, or tells nothing."""
    refusals = {
        b"": "HTTP", b"HTTP/1.0 200 OK": "HTTP", b"HTTP/1.0 2x0 OK\r\n\r\n[]": "HTTP", b"\x00" * 5000: "HTTP", b"SSH-2.0-x\r\n\r\n": "HTTP",
        http([], status="500 Internal Server Error"): "status 500", http([], status="403 Forbidden"): "status 403",
        http(b""): "JSON", http(b"["): "JSON", http(b"{}"): "JSON", http(b"[" * 100000): "JSON", http(b"[]]"): "JSON", http(b"\xff\xfe"): "JSON",
        list_of(4097): "more than 4096", fake_runtime.endless: "longer than 16 MiB", fake_runtime.endless_head: "longer than 16 MiB",
        fake_runtime.silent: "does not answer", fake_runtime.drop_by_drop: "does not answer",
        lambda c: c.close(): "HTTP|breaks off|takes no request",
    }
    path = tmp("docker.sock")
    for answer, why in refusals.items():
        with Server(path, answer):
            refused(tophash("--container", "web", "--runtime-socket", path, timeout=30), 3, "no container runtime answers at", "docker.sock", why)
    nothing = ([], [7, None, [], "x", {}], [{"Id": "x", "Names": ["/web"]}], [{"Id": 7, "Names": ["/web"]}], [{"Id": "../../etc", "Names": ["/web"]}],
               [{"Id": id_of(1), "Names": {"a": "/web"}}], [{"Id": id_of(1), "Names": [["/web"]]}], [{"Id": id_of(1)[:63] + "X", "Names": ["/web"]}])
    for body in nothing:
        with Server(path, http(body)):
            refused(tophash("--container", "web", "--runtime-socket", path), 3, "no running container web")
    with Server(path, list_of(4096)):
        refused(tophash("--container", "web", "--runtime-socket", path), 3, "no running container web")
        refused(tophash("--container", "shop7", "--runtime-socket", path), 3, id_of(7)[:12] + r" \(docker shop7\) has no control group")
    with Server(path, http([row(id_of(1), "web"), row(id_of(2), "w\x1b[31m\n" * 100)])):
        run = tophash("--container", id_of(2), "--runtime-socket", path)
        refused(run, 3, "has no control group")
        check("\x1b" not in run.err, run.err)


@test
def socket_is_none():
    path = tmp("docker.sock")
    refused(tophash("--container", "web", "--runtime-socket", path), 3, "there is no such file")
    path.touch()
    refused(tophash("--container", "web", "--runtime-socket", path), 3, "it is no socket")
    path.unlink()
    with Server(path, b"") as server:
        os.rename(path, tmp("moved"))
        server.path = str(tmp("moved"))
        path.symlink_to(tmp("moved"))
        refused(tophash("--container", "web", "--runtime-socket", path), 3, "HTTP")
    refused(tophash("-p", 1, "--runtime-socket", path), 2, "--runtime-socket", "--container")
    # A daemon that is too busy to accept, and one that has ended.
    deaf = Server(tmp("deaf"), b"", backlog=0)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for s in waiting:
        s.setblocking(False)
        try:
            s.connect(str(tmp("deaf")))
        except BlockingIOError:
            pass
    refused(tophash("--container", "web", "--runtime-socket", tmp("deaf")), 3, "accepts no connection")
    deaf.socket.close()
    refused(tophash("--container", "web", "--runtime-socket", tmp("deaf")), 3, "nobody listens")


@test
def socket_that_nobody_named():
    """A runtime that does not answer keeps no other one from it; its reason is told only if nothing is found."""
    with Contained("docker-{}.scope") as groups:
        id, p = groups.start(1, *shop())
        begun(p)
        with Server(tmp("docker.sock"), http([row(id, "web")])), Server(tmp("podman.sock"), fake_runtime.silent) as podman:
            both = at_run({"docker.sock": tmp("docker.sock"), "podman/podman.sock": tmp("podman.sock")})
            same(traced("--container", "web", wrap=both), [id], "the container")
            refused(tophash("--container", "db", wrap=both), 3, "no running container db", "/run/podman/podman.sock: it does not answer")
            asked = podman.asked
            # A whole id that is in a path needs no name.
            same(traced("--container", id, wrap=both), [id], "the container by its id")
            same(podman.asked, asked, "times that podman was asked")
            checks = doctor(wrap=both)
            same(checks.row("docker")[:2], ("ok", ["/run/docker.sock: 1 running", "/var/lib/docker/containers, /run/docker.sock: 1 running"]
                                            [os.path.exists("/var/lib/docker/containers")]), "doctor of docker")
            state, found, why = checks.row("podman")
            same((state, found.endswith("/run/podman/podman.sock: no answer"), why), ("limited", True, "/run/podman/podman.sock: it does not answer"),
                 "doctor of podman")


@test
def socket_of_a_user():
    """The runtime of a user is believed about containers of that user alone, and its socket must be the user's."""
    user = 12345
    with Contained("docker-{}.scope") as groups:
        (roots, p), (users, q) = groups.start(1, *shop()), groups.start(2, "setpriv", f"--reuid={user}", "--clear-groups", "unshare", "-U", *shop())
        begun(p)
        end = time.monotonic() + 20
        while os.readlink(f"/proc/{q.pid}/ns/user") == os.readlink("/proc/self/ns/user"):
            check(time.monotonic() < end and q.poll() is None, "no user namespace")
            time.sleep(0.01)
        path = tmp("users.sock")
        with Server(path, http([row(roots, "db"), row(users, "web")], server="Libpod/4.3.1")):
            at = at_run({f"user/{user}/podman/podman.sock": path})
            refused(tophash("--container", "web", wrap=at), 3, "belongs to another user")
            os.chown(path, user, user)
            same(traced("--container", "web", wrap=at), [users], "the user's container")
            refused(tophash("--container", "db", wrap=at), 3, "no running container db")


@test
def socket_without_rights():
    """What parses the answer has no right, and ends with tophash."""
    with Server(tmp("docker.sock"), fake_runtime.silent) as server:
        p = spawn([options.tophash, "trace", "--container", "web", "--runtime-socket", tmp("docker.sock")], stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 20
        children, status = [], {}
        while status.get("Seccomp") != "2":
            check(time.monotonic() < end and p.poll() is None, f"no child asks: {status}")
            children = open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()
            try:
                text = open(f"/proc/{children[0]}/status").read() if children else ""
            except OSError:
                text = ""
            status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        same((status["Uid"].split()[0], status["CapPrm"], status["CapBnd"], status["NoNewPrivs"]), ("65534", "0" * 16, "0" * 16, "1"), "the child")
        fds = {os.readlink(f"/proc/{children[0]}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{children[0]}/fd")}
        same(fds, {"/dev/null", "socket"}, "what the child has open")
        while server.asked < 2:
            check(time.monotonic() < end and p.poll() is None, f"connections, one in each protocol: {server.asked}")
            time.sleep(0.01)
        p.kill()
        p.wait()
        while os.path.exists(f"/proc/{children[0]}"):
            check(time.monotonic() < end + 20, "the child stays")
            time.sleep(0.01)
        same(server.asked, 2, "connections, one in each protocol")
