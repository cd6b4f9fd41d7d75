"""A small server of the Kubernetes API, and a node. It knows pods and no other objects, and speaks as much of the API as the real kubectl
needs to get, list, create, delete pods and to attach to them.

* Members that the API does not have are refused (tests/kube/schema.py).
* Each token is a user, and each user has a table of what he may do: {("get", "pods", "shop"), ...}.
* The node starts the program of a pod's container as a process of this machine. `Behaviour` says what goes wrong.
* Every request is in `requests`, as (user, method, path with query).
"""
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import schema
import streams
import tls
from streams import STDERR, STDIN, STDOUT


@dataclass
class Behaviour:
    """What goes wrong with pods that are created and connections that are made."""

    status: dict = None  # the status of a new pod, which never starts then
    start_after: float = 0.1  # seconds
    websocket: bool = True  # False: kubectl falls back to SPDY
    cut_after: int = None  # bytes of output after which a connection is reset
    freeze_after: int = None  # bytes of output after which a connection stays open, and nothing passes any more
    drop_bytes: int = 0  # of output that get lost on the way
    refuse: dict = field(default_factory=dict)  # (method, subresource or "") -> (code, reason, message)


class Denied(Exception):
    def __init__(self, code, reason, message, **details):
        super().__init__(message)
        self.status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
                       "details": details, "code": code}


class Pod:
    """A pod of the node, with the process of its container."""

    def __init__(self, server, manifest):
        self.server, self.manifest, self.process, self.session = server, manifest, None, None
        self.lock, self.ended = threading.Condition(), threading.Event()
        self.said = ""  # on standard error
        manifest["status"] = {"phase": "Pending"}
        if server.behaviour.status is None:
            threading.Thread(target=self.run, daemon=True).start()
        else:
            manifest["status"] = server.behaviour.status

    def state(self, phase, **state):
        spec = self.manifest["spec"]["containers"][0]
        self.manifest["status"] = {"phase": phase, "containerStatuses": [
            {"name": spec["name"], "image": spec["image"], "imageID": "", "ready": phase == "Running", "restartCount": 0, "state": state}]}

    def run(self):
        self.state("Pending", waiting={"reason": "ContainerCreating"})
        time.sleep(self.server.behaviour.start_after)
        command = self.server.program(self.manifest["spec"]["containers"][0]["args"])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.server.processes.append(self.process)
        self.state("Running", running={"startedAt": "2026-01-01T00:00:00Z"})
        threading.Timer(self.manifest["spec"]["activeDeadlineSeconds"], self.over).start() \
            if self.manifest["spec"]["activeDeadlineSeconds"] < 60 else None
        readers = [threading.Thread(target=self.pump, args=pair, daemon=True)
                   for pair in ((STDOUT, self.process.stdout), (STDERR, self.process.stderr))]
        for reader in readers:
            reader.start()
        code = self.process.wait()
        for reader in readers:
            reader.join()
        self.state("Failed" if code else "Succeeded", terminated={"exitCode": code & 255, "reason": "Error" if code else "Completed"})
        if getattr(self, "late", False):
            self.manifest["status"].update(phase="Failed", reason="DeadlineExceeded",
                                           message="Pod was active on the node longer than the specified deadline")
        self.ended.set()
        with self.lock:
            if self.session:
                self.session.end()

    def over(self):
        self.late = True
        self.stop(1)

    def stop(self, grace):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            threading.Timer(grace, self.process.kill).start()

    def pump(self, channel, file):
        """Passes output on. What comes while nobody is attached is lost."""
        while data := os.read(file.fileno(), 65536):
            if channel == STDERR:
                self.said += data.decode(errors="replace")
            with self.lock:
                if self.session:
                    self.session.output(channel, data)

    def attach(self, session):
        with self.lock:
            self.session = session
        session.serve(self)
        with self.lock:
            self.session = None
        if not session.frozen and self.manifest["spec"]["containers"][0].get("stdinOnce"):
            self.process.stdin.close()


class Session:
    """A connection to a container."""

    def __init__(self, stream, connection, behaviour):
        self.stream, self.connection, self.behaviour = stream, connection, behaviour
        self.passed, self.frozen, self.dead = 0, False, threading.Event()

    def output(self, channel, data):
        if self.frozen or self.dead.is_set():
            return
        if channel == STDOUT:
            self.passed += len(data)
            if self.behaviour.cut_after is not None and self.passed >= self.behaviour.cut_after:
                self.dead.set()
                streams.reset(self.connection)
                return
            if self.behaviour.freeze_after is not None and self.passed >= self.behaviour.freeze_after:
                self.frozen = True
                return
            data = data[self.behaviour.drop_bytes :]
        try:
            if isinstance(self.stream, streams.Spdy):
                self.stream.complete.wait(10)  # kubectl opens the streams one after the other
            self.stream.send(channel, data)
        except OSError:
            self.dead.set()

    def end(self):
        """Tells the client that the process has ended."""
        if not self.frozen and not self.dead.is_set():
            try:
                self.stream.finish()
            except OSError:
                pass

    def serve(self, pod):
        while (message := self.stream.receive()) is not None:
            channel, data = message
            if channel != STDIN or self.frozen:
                continue
            try:
                if data is None:
                    pod.process.stdin.close()
                else:
                    pod.process.stdin.write(data)
            except (OSError, ValueError):
                pass
        self.dead.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    PATHS = [
        (r"/version", "version"), (r"/api", "versions"), (r"/apis", "groups"), (r"/api/v1", "resources"),
        (r"/openapi/v3", "documents"), (r"/openapi/v3/api/v1", "document"),
        (r"/api/v1/namespaces/([^/]+)", "namespace"), (r"/api/v1/namespaces/([^/]+)/pods", "pods"), (r"/api/v1/namespaces/([^/]+)/pods/([^/]+)", "pod"),
        (r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/attach", "attach"),
    ]

    def log_message(self, *args):
        pass

    def answer(self, value, code=200):
        text = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def handle_any(self):
        api = self.server.api
        url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(url.query)
        self.user = api.users.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        body = self.body()
        api.requests.append((self.user, self.command, self.path))
        try:
            if not self.user:
                raise Denied(401, "Unauthorized", "Unauthorized")
            for pattern, name in self.PATHS:
                if match := re.fullmatch(pattern, url.path):
                    return getattr(self, name)(*match.groups(), *([body] if name in ("pods", "pod") else []))
            raise Denied(404, "NotFound", "the server could not find the requested resource")
        except Denied as why:
            self.answer(why.status, why.status["code"])

    do_GET = do_POST = do_DELETE = handle_any

    # --- what the API is ----------------------------------------------------------------------------------------------------

    def version(self):
        self.answer({"major": "1", "minor": "32", "gitVersion": "v1.32.0"})

    def versions(self):
        self.answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})

    def groups(self):
        self.answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})

    def resources(self):
        def resource(name, kind, verbs):
            return {"name": name, "singularName": "pod" if name == "pods" else "", "namespaced": True, "kind": kind, "verbs": verbs}
        self.answer({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {**resource("pods", "Pod", ["create", "delete", "get", "list"]), "shortNames": ["po"]},
            resource("pods/attach", "PodAttachOptions", ["create", "get"])]})

    def documents(self):
        self.answer({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=1"}}})

    def document(self):
        gvk = {"group": "", "kind": "Pod", "version": "v1"}
        operation = {"parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                     "x-kubernetes-group-version-kind": gvk, "responses": {}}
        self.answer({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.32.0"}, "paths": {
            "/api/v1/namespaces/{namespace}/pods": {"post": operation},
            "/api/v1/namespaces/{namespace}/pods/{name}": {"patch": operation}}})

    # --- pods ---------------------------------------------------------------------------------------------------------------

    def may(self, verb, resource, namespace, name=""):
        api = self.server.api
        if (verb, resource, namespace) not in api.rights.get(self.user, ()):
            raise Denied(403, "Forbidden", f'{resource.split("/")[0]} {json.dumps(name) + " " if name else ""}is forbidden: User '
                         f'"{self.user}" cannot {verb} resource "{resource}" in API group "" in the namespace "{namespace}"')
        if refusal := api.behaviour.refuse.get((self.command, "attach" if resource.endswith("attach") else "")):
            raise Denied(*refusal)

    def namespace(self, name):
        """kubectl asks for the namespace of an object that is not there."""
        self.may("get", "namespaces", name, name)
        self.answer({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def found(self, namespace, name):
        pod = self.server.api.pods.get((namespace, name))
        if not pod:
            raise Denied(404, "NotFound", f'pods "{name}" not found', kind="pods", name=name)
        return pod

    def pods(self, namespace, body):
        api = self.server.api
        if self.command == "GET":
            self.may("list", "pods", namespace)
            wanted = dict(part.split("=") for part in self.query.get("labelSelector", [""])[0].split(",") if part)
            items = [p.manifest for (ns, _), p in sorted(api.pods.items()) if ns == namespace and
                     all(p.manifest["metadata"].get("labels", {}).get(k) == v for k, v in wanted.items())]
            return self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})
        manifest = json.loads(body)
        name = manifest.get("metadata", {}).get("name", "")
        self.may("create", "pods", namespace)
        if namespace not in api.namespaces:
            raise Denied(404, "NotFound", f'namespaces "{namespace}" not found', kind="namespaces", name=namespace)
        if faults := list(schema.faults(manifest, "V1Pod")):
            raise Denied(400, "BadRequest", f'Pod in version "v1" cannot be handled as a Pod: strict decoding error: {", ".join(faults)}')
        manifest["metadata"].update(uid=f"uid-{len(api.requests)}", creationTimestamp="2026-01-01T00:00:00Z", namespace=namespace)
        api.validated.append(self.query.get("fieldValidation"))
        api.pods[namespace, name] = pod = Pod(api, manifest)
        api.created.append(pod)
        return self.answer(manifest, 201)

    def pod(self, namespace, name, body):
        api = self.server.api
        self.may(self.command.lower(), "pods", namespace, name)
        pod = self.found(namespace, name)
        if self.command == "DELETE":
            grace = json.loads(body or b"{}").get("gracePeriodSeconds", 30)
            pod.stop(grace)
            if isinstance(pod, Pod):
                del api.pods[namespace, name]
        self.answer(pod.manifest)

    def attach(self, namespace, name):
        api = self.server.api
        self.may("get" if self.command == "GET" else "create", "pods/attach", namespace, name)
        pod = self.found(namespace, name)
        if pod.manifest["status"]["phase"] != "Running":
            raise Denied(400, "BadRequest", f'container tophash is not running')
        websocket = self.headers.get("Upgrade", "").lower() == "websocket"
        if websocket and not api.behaviour.websocket:
            raise Denied(400, "BadRequest", "unable to upgrade: no WebSocket here")
        stream = streams.WebSocket(self) if websocket else streams.Spdy(self, api.dictionary)
        api.protocols.append(type(stream).__name__)
        self.close_connection = True
        pod.attach(Session(stream, self.connection, api.behaviour))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # connections are cut on purpose


class Api:
    def __init__(self, program, dictionary, certificates):
        """`program` makes the command of a container from its arguments. `certificates` is a folder (tls.py)."""
        self.program, self.dictionary = program, dictionary
        self.behaviour = Behaviour()
        self.users, self.rights, self.namespaces = {}, {}, {"tophash", "default"}
        self.pods, self.created, self.requests, self.processes, self.protocols, self.validated = {}, [], [], [], [], []
        self.http = Server(("127.0.0.1", 0), Handler)
        self.http.api = self
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.front = tls.Front(self.http.server_address[1], certificates)
        self.url, self.authority = self.front.url, self.front.authority

    def add(self, manifest):
        """Adds a pod that this node does not run: one that is there to be traced."""
        pod = type("Other", (), {"manifest": manifest, "stop": lambda self, grace: None})()
        self.pods[manifest["metadata"]["namespace"], manifest["metadata"]["name"]] = pod

    def close(self):
        self.front.close()
        self.http.shutdown()
        self.http.server_close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
