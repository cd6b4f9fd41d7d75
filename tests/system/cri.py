#!/usr/bin/python3
"""CRI for tests, by Debian's python3-grpcio. The messages are written by hand: a field is (number, value), where a value is a number, a text,
or a list of fields.

    cri.py serve SOCKET SPEC        a runtime that answers what the file SPEC (JSON) says, until its standard input ends; prints "ready"
    cri.py run SOCKET SPEC          starts a pod with containers on a real runtime; prints {name: id} of them, with "" for the pod
    cri.py remove SOCKET ID         ends a pod

SPEC of serve: {"service": "v1", "name": "cri-o", "pods": [{"id", "name", "namespace"}], "containers": [{"id", "pod", "name", "image"}],
"status": a code of gRPC that all calls get, "raw": {method: text in hex}}. SPEC of run: {"name", "namespace", "uid", "parent" (of its control group), "image",
"containers": {name: [WORD]}}. Exit code: 77 if there is no grpc here.
"""
import json
import sys
from concurrent import futures
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "matrix"))
from pgo import varint  # noqa: E402

try:
    import grpc
except ImportError:
    print("no python3-grpcio", file=sys.stderr)
    sys.exit(77)


def message(*fields):
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        data = message(*value) if isinstance(value, list) else value.encode()
        out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def texts(data):
    """Returns {number: text} of the fields of a message that are texts or messages."""
    found, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte, at, n, shift = data[at], at + 1, n | (data[at] & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return n

    while at < len(data):
        key, n = number(), number()
        if key & 7 == 2:
            found[key >> 3] = data[at : at + n]
            at += n
    return found


# --- a runtime ---------------------------------------------------------------------------------------------------------------


class Runtime(grpc.GenericRpcHandler):
    def __init__(self, spec):
        self.spec = spec
        pods = [(1, [(1, p["id"]), (2, [(1, p["name"]), (2, "uid"), (3, p["namespace"]), (4, 1)]), (3, 0), (7, [(1, "a"), (2, "b")])])
                for p in spec.get("pods", ())]
        containers = [(1, [(1, c["id"]), (2, c["pod"]), (3, [(1, c["name"]), (2, 3)]), (4, [(1, c["image"])]), (5, "sha256:0"), (6, 1), (7, 99)])
                      for c in spec.get("containers", ())]
        self.answers = {"Version": message((1, "0.1.0"), (2, spec.get("name", "containerd")), (3, "1")), "ListPodSandbox": message(*pods),
                        "ListContainers": message(*containers)}
        self.answers.update({method: bytes.fromhex(text) for method, text in spec.get("raw", {}).items()})
        self.asked = {"ListPodSandbox": message((1, [(2, [])])), "ListContainers": message((1, [(2, [(1, 1)])]))}

    def service(self, call):
        service, method = call.method.strip("/").split("/")
        if service != f"runtime.{self.spec.get('service', 'v1')}.RuntimeService" or method not in self.answers:
            return None

        def answer(request, context):
            if self.spec.get("status"):
                context.abort(next(s for s in grpc.StatusCode if s.value[0] == self.spec["status"]), "no\nnever")
            if request != self.asked.get(method, b""):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "another state was asked for")
            return self.answers[method]

        return grpc.unary_unary_rpc_method_handler(answer)


def serve(path, spec):
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Runtime(spec)])
    if not server.add_insecure_port(f"unix:{path}"):
        sys.exit(f"cannot listen on {path}")
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(0)


# --- a client ----------------------------------------------------------------------------------------------------------------


def call(channel, method, *fields):
    return texts(channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")(message(*fields), timeout=60))


def run(path, spec):
    with grpc.insecure_channel(f"unix:{path}") as channel:
        # The pod uses the network of the node, so that no plugin for networks is needed.
        node = [(1, 2)]
        parent = f"{spec['parent']}/pod{spec['uid']}"
        config = [(1, [(1, spec["name"]), (2, spec["uid"]), (3, spec["namespace"])]), (8, [(1, parent), (2, [(1, node)])])]
        pod = call(channel, "RunPodSandbox", (1, config))[1].decode()
        ids = {"": pod}
        for name, words in spec["containers"].items():
            of = [(1, [(1, name)]), (2, [(1, spec["image"])]), *((3, word) for word in words), (15, [(2, [(3, node)])])]
            ids[name] = call(channel, "CreateContainer", (1, pod), (2, of), (3, config))[1].decode()
            call(channel, "StartContainer", (1, ids[name]))
        print(json.dumps(ids), flush=True)


def remove(path, pod):
    with grpc.insecure_channel(f"unix:{path}") as channel:
        call(channel, "StopPodSandbox", (1, pod))
        call(channel, "RemovePodSandbox", (1, pod))


if __name__ == "__main__":
    verb, path, spec = sys.argv[1:]
    if verb == "remove":
        remove(path, spec)
    else:
        with open(spec) as f:
            {"serve": serve, "run": run}[verb](path, json.load(f))
