"""Pods that do not start, pods that cannot be traced, missing rights, command lines; and tophash tether alone."""
import json
import os
import re
import signal
import subprocess

from world import LONG, NEEDED, a_pod, check, refused, same, test

# --- pods that do not start -------------------------------------------------------------------------------------------------


@test
def never_scheduled(world):
    world.api.behaviour.status = {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient memory."}]}
    refused(world, ["trace", "shop-1", "--start-timeout", "1s"], 1, "did not start in 1 s", "Unschedulable", "3 Insufficient memory")
    world.all_gone()


@test
def node_that_is_silent(world):
    world.api.behaviour.status = {"phase": "Pending"}
    refused(world, ["trace", "shop-1", "--start-timeout", "1s"], 1, "did not start in 1 s", "node-1")
    world.all_gone()


@test
def image_that_cannot_be_pulled(world):
    for reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
        world.api.behaviour.status = {"phase": "Pending", "containerStatuses": [
            {"name": "tophash", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": {"waiting": {
                "reason": reason, "message": 'rpc error: code = NotFound\ndesc = failed to pull "x:1"'}}}]}
        refused(world, ["trace", "shop-1", "--image", "x:1"], 1, f"does not start: {reason}: rpc error", "failed to pull")
        world.all_gone()


@test
def node_that_refuses(world):
    world.api.behaviour.status = {"phase": "Failed", "reason": "NodeAffinity", "message": "Predicate NodeAffinity failed"}
    refused(world, ["trace", "shop-1"], 1, "has ended: NodeAffinity: Predicate NodeAffinity failed")
    world.all_gone()


# --- the pod that is to be traced -------------------------------------------------------------------------------------------


@test
def absent_pod(world):
    refused(world, ["trace", "pod/other"], 3, 'pods "other" not found')
    world.user("root")
    world.api.add(a_pod("shop-2"))
    refused(world, ["trace", "shop"], 3, "no pod has the name shop", "shop-1, shop-2")
    same(world.api.created, [], "pods that were made")


@test
def several_containers(world):
    world.api.add(a_pod(containers=("shop", "proxy")))
    refused(world, ["trace", "shop-1"], 2, "several containers", "-c", "shop, proxy")
    refused(world, ["trace", "shop-1", "-c", "db"], 3, "no container db", "shop, proxy")
    same(world.run("trace", "shop-1", "-c", "shop", "--duration=1s")[0], 0, "exit code with -c")
    world.api.add(a_pod(containers=("proxy", "shop"), metadata={"annotations": {"kubectl.kubernetes.io/default-container": "shop"}}))
    same(world.run("trace", "shop-1", "--duration=1s")[0], 0, "exit code with the annotation")
    world.all_gone()


@test
def pods_that_do_not_run(world):
    world.api.add(a_pod(states={"shop": {"waiting": {"reason": "CrashLoopBackOff"}}}))
    refused(world, ["trace", "shop-1"], 3, "container shop of pod shop-1 does not run: CrashLoopBackOff")
    world.api.add(a_pod(status={"phase": "Succeeded", "containerStatuses": []}))
    refused(world, ["trace", "shop-1"], 3, "does not run: Succeeded")
    world.api.add(a_pod(spec={"nodeName": ""}, status={"phase": "Pending"}))
    refused(world, ["trace", "shop-1"], 3, "on no node yet")
    world.api.add(a_pod(spec={"os": {"name": "windows"}}))
    refused(world, ["trace", "shop-1"], 3, "Windows")
    same(world.api.created, [], "pods that were made")


@test
def replies_that_make_no_sense(world):
    for manifest, text in (({"kind": "Pod"}, "without a proper name"), ({"kind": "Secret", "apiVersion": "v1"}, "not of kind Pod"),
                           (a_pod(spec={"nodeName": "a\nb"}), "no proper name"), (a_pod(spec={"nodeName": 7}), "on no node"),
                           (a_pod(containers=()), "has no containers"), (a_pod(containers=("\x1b[2J",)), "no name of a container")):
        world.api.pods["prod", "shop-1"].manifest = {"apiVersion": "v1", **manifest}
        line = refused(world, ["trace", "shop-1"], 1 if "name" in text and "container" not in text or "kind" in text else 3, text)
        check("\x1b" not in line, f"{line!r}")
    same(world.api.created, [], "pods that were made")


# --- rights -----------------------------------------------------------------------------------------------------------------


@test
def missing_rights(world):
    for right, code, text in ((("get", "pods", "prod"), 4, 'cannot get resource "pods"'),
                              (("create", "pods", "tophash"), 4, 'cannot create resource "pods"'),
                              (("get", "pods", "tophash"), 4, 'cannot get resource "pods"')):
        world.api.rights["dev"] = NEEDED - {right}
        refused(world, ["trace", "shop-1"], code, "(Forbidden)", text)
        world.all_gone()
    world.api.rights["dev"] = NEEDED - {("get", "pods/attach", "tophash"), ("create", "pods/attach", "tophash")}
    code, out, err = world.run("trace", "shop-1")
    check(code == 4 and 'resource "pods/attach"' in err and "was lost" not in err, f"without pods/attach: {code} {err}")
    world.all_gone()


@test
def missing_right_to_remove(world):
    world.api.rights["dev"] = NEEDED - {("delete", "pods", "tophash")}
    code, out, err = world.run("trace", "shop-1", "--duration=1s")
    check(code == 0 and "was not removed" in err and "kubectl tophash clean" in err, f"{code} {err}")
    (pod,) = world.api.created
    check(pod.ended.wait(30), "the pod does not end by itself")


@test
def no_such_user(world):
    world.api.users = {"secret-of-dev": None}
    refused(world, ["trace", "shop-1"], 4, "logged in")


@test
def unknown_fields_are_refused(world):
    """The server of these tests is strict: a field that the API does not have is an error."""
    bad = a_pod("x", namespace="tophash")
    bad["spec"]["restartpolicy"] = "Never"
    (world.folder / "bad.json").write_text(json.dumps(bad))
    done = subprocess.run([world.folder / "bin/kubectl", "create", "--raw", "/api/v1/namespaces/tophash/pods", "-f", "bad.json"], cwd=world.folder, env=world.env(), text=True,
                          capture_output=True)
    check(done.returncode and 'unknown field "spec.restartpolicy"' in done.stderr, f"{done}")


@test
def namespace_that_is_not_there(world):
    world.api.namespaces = set()
    refused(world, ["trace", "shop-1"], 3, "no namespace tophash", "kubectl apply -k")


@test
def clean(world):
    world.user("root")
    same(world.run("clean"), (0, "", ""), "with nothing to clean")
    p, said = world.trace()
    (pod,) = world.api.created
    name = pod.manifest["metadata"]["name"]
    world.api.add(a_pod("stranger", namespace="tophash", status={"phase": "Succeeded"}))
    code, out, err = world.run("clean")
    check(code == 0 and not out and "1 pod that may be in use" in err and "--all" in err, f"{code} {out} {err}")
    same(world.run("clean", "--all")[:2], (0, f"{name}\n"), "clean --all")
    same([p.manifest["metadata"]["name"] for p in world.ours()], ["stranger"], "pods that are left")
    world.finish(p)
    world.api.rights["root"] = set()
    refused(world, ["clean"], 4, "(Forbidden)")


# --- the command line -------------------------------------------------------------------------------------------------------


@test
def words_that_are_refused(world):
    for words, texts in ((["trace"], ["no pod"]), (["trace", "a", "b"], ["unexpected"]), (["trace", "deployment/a"], ["is no pod"]),
                         (["trace", "A"], ["no name of a pod"]), (["trace", "-p", "1", "a"], ["--pid", "this machine"]),
                         (["trace", "a", "-b", "f"], ["--binary"]), (["trace", "a", "-o", "f"], ["--output", "> FILE"]),
                         (["trace", "a", "--", "ls"], ["--"]), (["trace", "a", "--user", "x"], ["--user"]), (["trace", "a", "--dry-run"], ["--dry-run"]),
                         (["trace", "a", "--map", "0xc0"], ["--map"]), (["trace", "a", "--follow=none"], ["--follow"]),
                         (["trace", "a", "--pod", "b"], ["--pod", "this machine"]), (["trace", "a", "--cgroup", "b"], ["--cgroup"]),
                         (["trace", "a", "--kee", "x"], ["did you mean"]), (["trace", "a", "--duration", "1y"], ["--duration"]),
                         (["trace", "a", "--duration", "2d"], ["--deadline"]), (["trace", "a", "--image="], ["--image"]),
                         (["trace", "a", "-n", "B"], ["--namespace"]),
                         (["sites"], ["no pod"]), (["sites", "a", "-o", "f"], ["--output"]), (["sites", "a", "--asm=f", "--by=type"], ["--asm"]),
                         (["trase", "a"], ["did you mean trace"]), (["clean", "x"], ["clean takes no pod"]), ([], ["no verb"])):
        refused(world, words, 2, *texts)
    same(world.api.requests, [], "requests")


@test
def completion(world):
    world.needs_kubectl(26, "before 1.26 kubectl completes no words of plugins")

    def offered(*words):
        done = subprocess.run([world.folder / "bin/kubectl", "__complete", "tophash", *words], env=world.env(), text=True, capture_output=True)
        return [line.split("\t")[0] for line in done.stdout.splitlines() if not line.startswith(":")]

    world.user("root")
    same(offered("tr"), ["trace"], "verbs")
    same(offered("trace", "--forma"), ["--format"], "options")
    same(offered("trace", "--format", ""), ["text", "json"], "values")
    same(offered("trace", "-n", "prod", "pod/sh"), ["pod/shop-1"], "pods")
    check("--output" not in offered("trace", "--"), "an option that is refused is offered")


@test
def kubectl_that_is_not_there(world):
    env = {**world.env(), "KUBECTL": "/nowhere/kubectl"}
    done = subprocess.run([world.folder / "bin/kubectl-tophash", "trace", "a"], env=env, text=True, capture_output=True)
    check(done.returncode == 1 and "/nowhere/kubectl: not found" in done.stderr, f"{done}")


# --- tophash tether, alone --------------------------------------------------------------------------------------------------


def tether(world, *words, **kwargs):
    return subprocess.Popen([world.options.build / "tophash", "tether", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, bufsize=0, **kwargs)


@test
def tether_waits_for_go(world):
    p = tether(world, "--patience", "1s", "--", "ps")
    out, err = p.communicate(timeout=LONG)
    check(p.returncode == 1 and not out and b"nobody was at the other end" in err, f"{p.returncode} {out} {err}")


@test
def tether_ends_with_its_input(world):
    p = tether(world, "--", "trace", "-v", "-p", str(world.trace_target().pid))
    p.stdin.write(b"g")
    said = b""
    while b"probes placed" not in said:
        said += p.stderr.read(1)
    p.stdin.close()
    p.stdin = None
    out, err = p.communicate(timeout=LONG)
    check(p.returncode == 0 and re.search(rb"tophash tether: end, code 0, (\d+) bytes\n$", err)[1] == str(len(out)).encode(), f"{err}")


@test
def tether_kills_what_hangs(world):
    p = tether(world, "--patience", "60s", "--", "trace", "-v", "-p", str(world.trace_target().pid))
    p.stdin.write(b"g")
    said = b""
    while b"probes placed" not in said:
        said += p.stderr.read(1)
    child = int(subprocess.run(["pgrep", "-P", str(p.pid)], text=True, capture_output=True).stdout.split()[0])
    os.kill(child, signal.SIGSTOP)
    p.stdin.write(b"s")
    out, err = p.communicate(timeout=LONG)
    check(p.returncode == 1 and b"did not end after an interrupt: killed" in err and b"end, code 1," in err, f"{p.returncode} {err}")
    world.target.delete(10)  # and no probe is left in the program


@test
def tether_refuses(world):
    for words in ([], ["--", "help"], ["--", "tether", "--", "ps"], ["--", "sh"], ["--patience", "1ms", "--", "ps"]):
        p = tether(world, *words)
        out, err = p.communicate(timeout=LONG)
        check(p.returncode == 2 and len(err.splitlines()) == 1 and not out, f"{words}: {p.returncode} {err}")


@test
def sites_of_containers(world):
    for words, code, text in ((["--pod", "prod/none"], 3, "no pod prod/none"), (["--container", "none"], 3, "no running container none"),
                              (["--pod", "a", "file"], 2, "--pod already names the program"), ([], 2, "no binary is given")):
        done = subprocess.run([world.options.build / "tophash", "sites", *words], text=True, capture_output=True)
        check(done.returncode == code and text in done.stderr and len(done.stderr.splitlines()) == 1, f"{words}: {done}")
