"""Debian's caddy: requests that lose headers, configurations that lose servers."""

import http.client
import json
import os
import shutil
import socket

import witness
from harness import check, Failed, free_ports, idle_window, private_copy, Process, same, shorten, Skip, until
from report import check_site, check_totals, removals

CONNECTIONS, REQUESTS = 4, 5  # connections, requests on each


class Caddy:
    def __init__(self, folder, binary=None):
        self.folder = folder
        self.binary = private_copy(binary or shutil.which("caddy"), folder / "bin")
        self.admin, *self.ports = free_ports(4)
        self.env = dict(os.environ, HOME=str(folder), XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder))
        self.calls = 0
        self.file = folder / "caddy.json"
        self.file.write_text(json.dumps(self.config()))

    def config(self):
        """Three servers; the first drops headers."""
        names = ["a", "b", "c"]
        servers = {
            name: {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True},
                   "routes": [{"handle": [{"handler": "static_response", "body": name}]}]}
            for name, port in zip(names, self.ports)}
        servers["a"]["routes"][0]["handle"].insert(0, {
            "handler": "headers",
            "request": {"delete": ["X-Drop-*", "x-one"]},
            "response": {"set": {"X-Out": ["1"]}, "delete": ["X-Out"]}})
        return {"admin": {"listen": f"127.0.0.1:{self.admin}", "config": {"persist": False}},
                "apps": {"http": {"servers": servers}}}

    def server(self):
        return Process([self.binary, "run", "--config", self.file], self.folder, "caddy", self.env)

    def call(self, method, path, body=None):
        """Uses the admin interface, with a connection for each request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        try:
            connection.request(method, path, body, {"Connection": "close", "Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise Failed(f"caddy: {method} {path}: {response.status} {text}")
        self.calls += 1
        return text

    def is_up(self):
        return all(map(self.answers, [self.admin, *self.ports]))

    def answers(self, port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            return False


def caddy_work(caddy):
    caddy.calls = 0
    for _ in range(CONNECTIONS):
        connection = http.client.HTTPConnection("127.0.0.1", caddy.ports[0], timeout=10)
        for _ in range(REQUESTS):
            connection.request("GET", "/", headers={"x-drop-a": "1", "X-Drop-B": "2", "X-Keep": "3", "X-ONE": "4"})
            response = connection.getresponse()
            if response.read() != b"a" or response.getheader("X-Out"):
                raise Failed("caddy: not the answer that was configured")
        connection.close()
    caddy.call("DELETE", "/config/apps/http/servers/b")  # a and c go on
    caddy.call("POST", "/load", json.dumps(caddy.config()))  # all three again


def caddy_checks(tophash, folder):
    if not shutil.which("caddy"):
        raise Skip("caddy is not installed")
    caddy = Caddy(folder)
    plan = witness.Plan(tophash, str(caddy.binary))
    print(f"  {plan.headline}")
    with witness.Witness(plan) as counter, caddy.server() as server:
        until("caddy", lambda: caddy.is_up() or server.popen.poll() is not None, 20)
        records, counted, _ = idle_window(tophash, counter, server.popen.pid, folder, lambda _: caddy_work(caddy))
    what, requests = "caddy requests", CONNECTIONS * REQUESTS
    headers = "headers/headers.go"
    check_site(what, records, "headers.HeaderOps.ApplyTo", f"{headers}:234", ["X-Drop-A", "X-Drop-B"] * requests)
    found = check_site(what, records, "textproto.MIMEHeader.Del", "net/textproto/header.go:55", ["X-One", "X-Out"] * requests)
    inlined = [[(f["func"].rpartition("/")[2], f.get("inlined", False)) for f in r["stack"][:3]] for r in found]
    check(f"{what}: both functions inlined there are told, and whose body it is", all(
        stack == [("textproto.MIMEHeader.Del", True), ("http.Header.Del", True), ("headers.HeaderOps.ApplyTo", False)]
        for stack in inlined), shorten(inlined[:1]))
    check_site(what, records, "headers.HeaderOps.ApplyToRequest", f"{headers}:317", ["Host"] * requests)
    check_site(what, records, "http.(*conn).readRequest", "net/http/server.go:1027", ["Host"] * (requests + caddy.calls))
    # A connection leaves when it is closed, or when its server shuts down while it is idle: at one of two sites.
    same(f"{what}: {CONNECTIONS + caddy.calls} connections",
         sum(r["map_type"] == "map[*http.conn]struct {}" for r in removals(records)), CONNECTIONS + caddy.calls)
    what = "caddy configuration"
    check_site(what, records, "v2.unsyncedConfigAccess", "admin.go:1162", ["b"])
    # Handlers loaded: headers, a, c after the first change; headers, a, b, c after the second.
    check_site(what, records, "v2.getModuleNameInline", "modules.go:277", ["handler"] * 7)
    # Listeners closed: three servers and the administration's, then two and that.
    check_site(what, records, "http.(*Server).trackListener", "net/http/server.go:3168", 7)
    check_totals("caddy", records, counted)
