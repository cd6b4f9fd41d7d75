"""The tools of the tests of kubectl-tophash: a cluster with one pod, a user with his kubectl, and checks."""
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(HERE), str(ROOT / "tests/lib")]
import apiserver  # noqa: E402
import debs  # noqa: E402
import target  # noqa: E402
from suite import check, Failed, same, Skip, test, TESTS  # noqa: E402, F401

LONG = 60  # seconds: nothing takes this long unless it hangs
PATIENCE = 3  # seconds that the two ends wait for each other, which is 30 s otherwise
KUBECTL_SUITE = "trixie"
KUBECTL_PACKAGES = {"bookworm": "kubernetes-client", "trixie": "kubectl"}  # 1.20 and 1.32
ALL = {("get", "pods", "prod"), ("list", "pods", "prod"), ("create", "pods", "tophash"), ("get", "pods", "tophash"),
       ("list", "pods", "tophash"), ("delete", "pods", "tophash"), ("create", "pods/attach", "tophash"), ("get", "pods/attach", "tophash")}
NEEDED = ALL - {("list", "pods", "prod"), ("list", "pods", "tophash")}


def until(condition, what, seconds=LONG):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not in {seconds} s: {what}")
        time.sleep(0.02)


def find_kubectl(wanted, suite=None):
    """Returns the path of kubectl, and the reason if there is none. `suite`: that of a Debian suite, from the cache."""
    if not suite and (found := wanted or shutil.which("kubectl")):
        return Path(found).resolve(), None
    suite = suite or KUBECTL_SUITE
    folder = debs.cache_dir() / f"kubectl-{suite}"
    if not (folder / "usr/bin/kubectl").exists():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kubectl-") as top:
                os.chmod(top, 0o755)
                apt = debs.open_apt(Path(top) / "apt", [suite])
                (deb,) = apt.download([KUBECTL_PACKAGES[suite]])
                apt.unpack(deb, Path(top) / "files")
                os.rename(Path(top) / "files", folder)
        except debs.Problem as why:
            return None, f"kubectl of Debian {suite} cannot be had: {why}"
    return folder / "usr/bin/kubectl", None


# --- the world --------------------------------------------------------------------------------------------------------------


def a_pod(name="shop-1", containers=("shop",), namespace="prod", **more):
    """Returns a pod that is there to be traced."""
    states = more.pop("states", {})
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, **more.pop("metadata", {})},
        "spec": {"nodeName": "node-1", "containers": [{"name": c, "image": "shop"} for c in containers], **more.pop("spec", {})},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": c, "image": "shop", "imageID": "", "ready": True, "restartCount": 0,
             "state": states.get(c, {"running": {"startedAt": "2026-01-01T00:00:00Z"}})} for c in containers], **more.pop("status", {})},
    }


class World:
    """The API server with a pod, whose program is a process here, and a user's kubectl."""

    def __init__(self, options, folder, program, dictionary):
        self.options, self.folder, self.program = options, folder, program
        self.target = None
        self.api = apiserver.Api(self.command, dictionary, folder.parent)
        self.api.users = {"secret-of-dev": "dev", "secret-of-root": "root"}
        self.api.rights = {"dev": set(NEEDED), "root": set(ALL)}
        self.api.add(a_pod())
        (folder / "bin").mkdir()
        (folder / "log/containers").mkdir(parents=True)
        os.symlink(options.kubectl, folder / "bin/kubectl")
        for name in ("kubectl-tophash", "kubectl_complete-tophash"):
            os.symlink(options.build / name, folder / "bin" / name)
        self.started, self.words = [], []
        self.user("dev")

    def user(self, name):
        token = next(token for token, user in self.api.users.items() if user == name)
        (self.folder / "config").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": self.api.url, "certificate-authority-data": self.api.authority}}], "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name, "namespace": "prod"}}]}))

    def command(self, args):
        """Returns the command that the node runs for the arguments of a container. /var/log/containers is that of this node. Only the patience
        is changed."""
        self.words = list(args)
        self.trace_target()
        same(args[:2], ["tether", "--"], "the first words on the node")
        script = 'mount --bind "$0" /var/log && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self.folder / "log"), self.options.build / "tophash", "tether",
                "--patience", f"{PATIENCE}s", *args[1:]]

    def trace_target(self):
        if not self.target:
            self.target = target.Target(self.program, self.folder / "log/containers")
        return self.target

    def env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("KUBE", "TOPHASH"))}
        env.update(PATH=f"{self.folder}/bin:{os.environ['PATH']}", HOME=str(self.folder), KUBECONFIG=str(self.folder / "config"),
                   KUBECTL=str(self.folder / "bin/kubectl"), TOPHASH_PATIENCE=str(PATIENCE))
        return env

    def start(self, *words, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        p = subprocess.Popen(["kubectl", "tophash", *map(str, words)], executable=self.folder / "bin/kubectl", env=self.env(), text=True,
                             errors="replace", stdin=subprocess.DEVNULL, cwd=self.folder, **kwargs)
        self.started.append(p)
        return p

    def run(self, *words):
        """Runs the plugin to its end. Returns (exit code, output, messages)."""
        return self.finish(self.start(*words))

    def finish(self, p, said=""):
        try:
            out, err = p.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failed(f"hangs: {out[-300:]} {err[-600:]}") from None
        return p.returncode, out, said + (err or "")

    def trace(self, *words):
        """Starts a trace, and returns it and its messages when the probes stand."""
        p = self.start("trace", "pod/shop-1", "-v", "--format", "json", *words)
        said = ""
        while "probes placed" not in said:
            check(select.select([p.stderr], [], [], LONG)[0], f"no probes: {said}")
            line = p.stderr.readline()
            if not line:
                raise Failed(f"no probes: {said} {p.communicate()}")
            said += line
        return p, said

    def needs_kubectl(self, minor, why):
        """Skips the test if kubectl is older than 1.`minor`."""
        text = subprocess.run([self.folder / "bin/kubectl", "version", "--client"], env=self.env(), text=True, capture_output=True).stdout
        if int(re.search(r"v1\.(\d+)|Minor:\"(\d+)", text)[0].split("1.")[-1].split('"')[-1]) < minor:
            raise Skip(why)

    def ours(self):
        """Our pods that are in the cluster."""
        return [pod for (namespace, _), pod in self.api.pods.items() if namespace == "tophash"]

    def all_gone(self):
        """Checks that no pod of ours is left, and that no process of one runs."""
        same([p.manifest["metadata"]["name"] for p in self.ours()], [], "pods that are left")
        until(lambda: all(p.poll() is not None for p in self.api.processes), "the end of tophash on the node", 20)

    def close(self):
        for p in self.started:
            if p.poll() is None:
                p.kill()
                p.wait()
        self.api.close()
        if self.target:
            self.target.end()


def keys(out):
    return [json.loads(line)["key"] for line in out.splitlines() if line.startswith('{"event":"delete"')]


def the_end(out):
    return json.loads(out.splitlines()[-1])


def refused(world, words, code, *texts):
    """Checks that the plugin ends with this code and one line that has these texts. Returns the line."""
    got, out, err = world.run(*words)
    lines = [line for line in err.splitlines() if "starting on node" not in line]
    check(got == code and len(lines) == 1 and not out and all(text in lines[0] for text in texts),
          f"{' '.join(words)}: code {got}, should be {code} with {texts}: {err!r} {out!r}")
    return lines[0]
