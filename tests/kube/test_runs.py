"""Runs of the plugin: what arrives, how they end, and what is left when a connection is lost."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from world import LONG, check, keys, same, test, the_end, until

# --- a run ------------------------------------------------------------------------------------------------------------------


def traced(world, n=200):
    p, said = world.trace("--limit", n)
    world.target.delete(n)
    code, out, err = world.finish(p, said)
    same(code, 0, f"exit code ({err})")
    same(keys(out), [f"user:{i}" for i in range(n)], "keys")
    same(the_end(out)["event"], "end", "last record")
    world.all_gone()
    return out, err


@test
def trace_by_websocket(world):
    traced(world)
    world.needs_kubectl(31, "before 1.31 kubectl speaks no WebSocket")
    same(world.api.protocols, ["WebSocket"], "protocols")


@test
def trace_by_spdy(world):
    world.api.behaviour.websocket = False
    traced(world)
    same(world.api.protocols, ["Spdy"], "protocols")


@test
def pod_is_as_documented(world):
    traced(world, 1)
    (pod,) = world.api.created
    spec = pod.manifest["spec"]
    same([spec[name] for name in ("nodeName", "hostPID", "restartPolicy", "activeDeadlineSeconds", "automountServiceAccountToken")],
         ["node-1", True, "Never", 12 * 3600, False], "the pod")
    (container,) = spec["containers"]
    same([container[name] for name in ("stdin", "stdinOnce", "securityContext")],
         [True, True, {"privileged": True, "readOnlyRootFilesystem": True}], "the container")
    same({m["mountPath"]: m["readOnly"] for m in container["volumeMounts"]}, {"/sys": True, "/run": True, "/var/log/containers": True}, "mounts")
    same(world.api.validated, [["Strict"]], "the validation that kubectl asked for")


@test
def options_arrive_unchanged(world):
    words = ["--key", 'a "b" \\ c', "--summary", "--site=main.*", "-q", "--duration", "1s", "--max-overhead", "2%,stop"]
    world.run("trace", "shop-1", *words)
    same(world.words[7:], ['--key=a "b" \\ c', "--summary=site", "--site=main.*", "--quiet", "--duration=1s", "--max-overhead=2%,stop"],
         "the options on the node")


@test
def flags_of_kubectl(world):
    config = (world.folder / "config").read_text()
    (world.folder / "config").write_text("{}")
    (world.folder / "other").write_text(config.replace('"namespace": "prod"', '"namespace": "elsewhere"'))
    code, out, err = world.run("trace", "shop-1", "-n", "prod", "--kubeconfig", world.folder / "other", "--context=test", "--duration", "1s",
                               "--format=json")
    same(code, 0, f"exit code ({err})")
    same(the_end(out)["event"], "end", "last record")
    world.all_gone()


@test
def summary_as_text(world):
    p = world.start("trace", "shop-1", "--summary", "-v")
    said = ""
    while "probes placed" not in said:
        said += p.stderr.readline()
    world.target.delete(77)
    p.send_signal(signal.SIGINT)
    code, out, err = world.finish(p, said)
    same(code, 0, f"exit code ({err})")
    check(re.search(r"\b77\b.*main.drop", out), f"table: {out}")
    world.all_gone()


@test
def exit_code_is_that_of_the_node(world):
    world.trace_target().end()
    code, out, err = world.run("trace", "shop-1")
    same(code, 3, f"exit code ({err})")
    check("tophash: no pod prod/shop-1" in err, err)
    world.all_gone()


# --- the end of a run -------------------------------------------------------------------------------------------------------


@test
def interrupt_brings_the_totals(world):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        p, said = world.trace()
        world.target.delete(30)
        p.send_signal(number)
        code, out, err = world.finish(p, said)
        same(code, 0, f"exit code after {number.name} ({err})")
        same(len(keys(out)), 30, "events")
        same(the_end(out)["removed"], 30, "removed")
        world.all_gone()


@test
def interrupt_twice_ends_at_once(world):
    world.api.behaviour.freeze_after = 3000
    p, said = world.trace()
    world.target.delete(30)
    p.send_signal(signal.SIGINT)
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    begun = time.monotonic()
    code, out, err = world.finish(p, said)
    same(code, 5, f"exit code ({err})")
    check("ended at once" in err and time.monotonic() - begun < 20, f"messages: {err}")
    world.all_gone()


@test
def interrupt_while_the_pod_starts(world):
    world.api.behaviour.status = {"phase": "Pending"}
    p = world.start("trace", "shop-1")
    until(lambda: world.ours(), "the pod")
    p.send_signal(signal.SIGINT)
    code, out, err = world.finish(p)
    same(code, 0, f"exit code ({err})")
    check("interrupted before anything was traced" in err, f"messages: {err}")
    world.all_gone()


@test
def terminal_interrupt_reaches_only_the_plugin(world):
    """Ctrl-C goes to the whole foreground process group. kubectl attach must not be in it."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(world.folder)
        os.execve(world.folder / "bin/kubectl", ["kubectl", "tophash", "trace", "shop-1", "-v"], world.env())
    said = ""
    end = time.monotonic() + LONG
    while "probes placed" not in said:
        check(time.monotonic() < end, f"no probes: {said}")
        if select.select([fd], [], [], 1)[0]:
            said += os.read(fd, 4096).decode(errors="replace")
    world.target.delete(12)
    os.write(fd, b"\x03")
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        said += data.decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    same(code, 0, f"exit code ({said})")
    check("waiting for the totals" in said and re.search(r"\b12\b.*main.drop", said), f"terminal: {said}")
    world.all_gone()


@test
def reader_that_goes_away(world):
    read, write = os.pipe()
    p = world.start("trace", "shop-1", "-v", "--format", "json", stdout=write)
    os.close(write)
    said = ""
    while "probes placed" not in said:
        said += p.stderr.readline()
    os.close(read)
    world.target.delete(5)
    code, _, err = world.finish(p, said)
    same(code, 0, f"exit code ({err})")
    world.all_gone()


@test
def deadline_of_the_cluster(world):
    p, said = world.trace("--deadline", "10s")
    world.target.delete(3)
    code, out, err = world.finish(p, said)
    same((code, len(keys(out))), (0, 3), f"exit code and events ({err})")  # the node asks tophash to end, and it sends its totals
    world.all_gone()


# --- connections that are lost ----------------------------------------------------------------------------------------------


def lost(world, **behaviour):
    for name, value in behaviour.items():
        setattr(world.api.behaviour, name, value)
    p, said = world.trace()
    world.target.delete(200)
    code, out, err = world.finish(p, said)
    same(code, 1, f"exit code ({err})")
    check("the connection to the pod was lost" in err, f"messages: {err}")
    world.all_gone()


@test
def cut_in_the_middle(world):
    lost(world, cut_after=20000)


@test
def cut_in_the_middle_of_spdy(world):
    lost(world, cut_after=20000, websocket=False)


@test
def freeze_in_the_middle(world):
    lost(world, freeze_after=20000)


@test
def node_ends_by_itself(world):
    """Nothing reaches the node any more, not even the end of the connection, and the plugin cannot remove the pod."""
    world.api.behaviour.freeze_after = 3000
    world.api.behaviour.refuse["DELETE", ""] = (500, "InternalError", "no")
    p, said = world.trace()
    p.kill()
    p.wait()
    (pod,) = world.api.created
    check(pod.ended.wait(30), "the pod does not end by itself")
    same(pod.manifest["status"]["phase"], "Succeeded", f"phase ({pod.said})")


@test
def killed_plugin(world):
    p, said = world.trace()
    p.kill()
    p.wait()
    (pod,) = world.api.created
    check(pod.ended.wait(30), "the pod does not end by itself")
    name = pod.manifest["metadata"]["name"]
    world.user("root")
    same(world.run("clean"), (0, f"{name}\n", ""), "clean")
    world.all_gone()


@test
def attach_that_fails(world):
    world.api.behaviour.refuse["GET", "attach"] = world.api.behaviour.refuse["POST", "attach"] = (500, "InternalError", "no route to host")
    code, out, err = world.run("trace", "shop-1")
    same(code, 1, f"exit code ({err})")
    check("no route to host" in err, f"messages: {err}")
    world.all_gone()


@test
def output_that_is_lost(world):
    world.api.behaviour.drop_bytes = 1
    p, said = world.trace("--limit", 10)
    world.target.delete(10)
    code, out, err = world.finish(p, said)
    same(code, 5, f"exit code ({err})")
    check("a part of the output was lost on the way" in err, f"messages: {err}")
    world.all_gone()


@test
def messages_are_few(world):
    _, err = traced(world)
    lines = [re.sub(r"[0-9a-f]{12}|\d+\.\d+ m?s|0\.\d\.\d|\d+(?= probes)", "N", line) for line in err.splitlines()]
    same(lines, ["kubectl tophash: starting on node node-1, for container shop of pod prod/shop-1",
                 "kubectl tophash: pod tophash-N in namespace tophash, image localhost/tophash:N",
                 "tophash: N probes placed in N"], "messages")


@test
def sites_of_a_pod(world):
    here = subprocess.run([world.options.build / "tophash", "sites", "--format", "json", world.program], text=True, capture_output=True).stdout
    code, out, err = world.run("sites", "pod/shop-1", "--format", "json")
    same(code, 0, f"exit code ({err})")
    sites = [[json.loads(line) for line in text.splitlines() if '"event":"site"' in line] for text in (here, out)]
    check(len(sites[0]) > 1, f"sites here: {here}")
    same(sites[1], sites[0], "sites")
    world.all_gone()
