#!/usr/bin/python3
"""Tests the files of deploy/kubernetes/ without a cluster.

    tests/kube/manifests.py [--build DIR] [WORD...]

built     kubectl kustomize builds the base and each overlay
schema    each object has only members that the API has, of the right types, and none is missing (tests/kube/schema.py)
refused   and that check finds an unknown member, a wrong type and a missing one
rights    the roles are what kubectl-tophash needs (tests/kube/test_runs.py runs with these alone), and nothing else
version   the image is that of VERSION
words     the program knows the options that it gets
names     bindings name roles that are there; the DaemonSet's selector finds its own pods

The interpreter is that of Debian, which has the package python3-kubernetes. A line a check, ok, FAIL or skip; the last line is "N passed,
M failed, K skipped".
"""
import argparse
import copy
import functools
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
import schema  # noqa: E402
import world  # noqa: E402
import suite  # noqa: E402  after world, which tells where it is
from suite import Failed, Skip  # noqa: E402

try:
    import yaml
except ImportError:
    yaml = None

FOLDER = ROOT / "deploy/kubernetes"
MODELS = {"v1": "V1", "apps/v1": "V1", "rbac.authorization.k8s.io/v1": "V1", "networking.k8s.io/v1": "V1"}
BUILD = None


@functools.cache
def built():
    """Returns {folder: objects} of each kustomization."""
    if why := schema.why_not():
        raise Skip(why)
    kubectl, why = world.find_kubectl(None)
    if not kubectl:
        raise Skip(why)
    found = {}
    for file in sorted(FOLDER.rglob("kustomization.yaml")):
        done = subprocess.run([kubectl, "kustomize", file.parent], text=True, capture_output=True, env={**os.environ, "HOME": "/nonexistent"})
        if done.returncode:
            raise Failed(f"{file.parent}: {done.stderr.strip()}")
        found[str(file.parent.relative_to(FOLDER))] = [o for o in yaml.safe_load_all(done.stdout) if o]
    return found


def objects():
    return [(folder, o) for folder, list_of in built().items() for o in list_of]


def of_kind(kind):
    return [o for _, o in objects() if o["kind"] == kind]


def faults(o):
    if o.get("apiVersion") not in MODELS:
        return [f"unknown apiVersion {o.get('apiVersion')}"]
    return list(schema.faults(o, MODELS[o["apiVersion"]] + o["kind"]))


def check_built():
    folders = set(built())
    if folders != {"base", "daemonset", "overlays/kubelet", "overlays/pods", "overlays/team"}:
        raise Failed(f"there are {folders}")
    return f"{len(folders)} folders, {len(objects())} objects"


def check_schema():
    wrong = [f"{folder}: {o['kind']} {o['metadata']['name']}: {fault}" for folder, o in objects() for fault in faults(o)]
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(objects())} objects"


def check_refused():
    (good,) = [o for folder, o in objects() if folder == "daemonset" and o["kind"] == "DaemonSet"]
    for change, text in ((lambda spec: spec.update(hostPid=True), 'unknown field "spec.template.spec.hostPid"'),
                         (lambda spec: spec.update(hostPID="yes"), "is not of type bool"),
                         (lambda spec: spec["containers"][0].pop("name"), "`name`"),
                         (lambda spec: spec.update(containers={}), "not a list"),
                         (lambda spec: spec["containers"][0]["securityContext"].update(privilege=True), "unknown field")):
        bad = copy.deepcopy(good)
        change(bad["spec"]["template"]["spec"])
        found = faults(bad)
        if len(found) != 1 or text not in found[0]:
            raise Failed(f"{text}: {found}")
    return "5 faults found"


def check_rights():
    def pairs(role, namespace):
        return {(verb, resource, namespace) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}

    for folder in ("base", "overlays/team"):
        (role,) = [o for o in built()[folder] if o["kind"] == "Role"]
        (cluster_role,) = [o for o in built()[folder] if o["kind"] == "ClusterRole"]
        rights = pairs(role, "tophash") | pairs(cluster_role, "prod")
        if rights != world.ALL:
            raise Failed(f"{folder}: {sorted(rights ^ world.ALL)}")
    return f"{len(world.ALL)} rights"


def check_version():
    version = (ROOT / "VERSION").read_text().strip()
    images = [o["spec"]["template"]["spec"]["containers"][0]["image"] for o in of_kind("DaemonSet")]
    if set(images) != {f"localhost/tophash:{version}"}:
        raise Failed(f"{images}, should be of {version}")
    return images[0]


def check_words():
    for o in of_kind("DaemonSet"):
        words = o["spec"]["template"]["spec"]["containers"][0]["args"]
        done = subprocess.run([BUILD / "tophash", *words, "--help"], text=True, capture_output=True)
        if done.returncode or "usage: tophash trace" not in done.stdout:
            raise Failed(f"{words}: {done.stderr.strip()}")
    return f"{len(of_kind('DaemonSet'))} DaemonSets"


def check_names():
    for folder, list_of in built().items():
        roles = {(o["kind"], o["metadata"]["name"]) for o in list_of if o["kind"] in ("Role", "ClusterRole")}
        for o in list_of:
            if o["kind"] == "RoleBinding" and (o["roleRef"]["kind"], o["roleRef"]["name"]) not in roles:
                raise Failed(f"{folder}: {o['metadata']['name']} binds a role that is not there")
            if o["kind"] == "DaemonSet" and o["spec"]["selector"]["matchLabels"].items() - o["spec"]["template"]["metadata"]["labels"].items():
                raise Failed(f"{folder}: the selector does not find the pods")
    return f"{len(of_kind('RoleBinding'))} bindings"


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    BUILD = args.build.resolve()
    checks = {check.__name__.removeprefix("check_"): check
              for check in (check_built, check_schema, check_refused, check_rights, check_version, check_words, check_names)}
    return suite.summary([suite.attempt(check, name=name) for name, check in checks.items()
                          if not args.words or any(word in name for word in args.words)])


if __name__ == "__main__":
    sys.exit(main())
