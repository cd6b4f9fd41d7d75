#!/usr/bin/env python3
"""Traces real programs of other authors while they work. Checks the report against what their sources say must happen, and against a second
count.

    tests/real/run.py --tophash build/tophash            (root)
    tests/real/run.py --tophash build/tophash etcd go

    etcd     Debian's etcd on ports of its own, driven by etcdctl: leases, watchers, members, a restart
    caddy    Debian's caddy on ports of its own: requests that lose headers, configurations that lose servers
    docker   the Docker client, from its first instruction
    go       the Go toolchain's own commands: many short processes of the compiler; go itself

Every program is traced as a private copy, so that no other process of it is counted. witness.py has the second count. The programs are
stripped or not, classic and Swiss, as their makers built them.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed, 77 when nothing
could be run.
"""

import argparse
import collections
import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import witness

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 60
QUIET = 0.5  # seconds without a delete: idle
ATTEMPTS = 4  # to find a program idle before and after its work
SHOWN = 6


class Failed(Exception):
    pass


class Skip(Exception):
    pass


# --- the report --------------------------------------------------------------------------------------------------------------------

counts = collections.Counter()


def line(kind, text):
    counts[kind] += 1
    print(f"  {kind:4} {text}", flush=True)


def check(what, good, why=""):
    line("ok" if good else "FAIL", what if good or not why else f"{what}: {why}")
    return good


def same(what, got, want):
    return check(what, got == want, f"got {shorten(got)}, want {shorten(want)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 400 else text[:400] + "…"


# --- processes ---------------------------------------------------------------------------------------------------------------------


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A process that the test started. __exit__ ends it at the latest."""

    def __init__(self, command, folder, name, env=None):
        self.command = [str(word) for word in command]
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        self.env = env
        self.popen = None

    def __enter__(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env,
                                          preexec_fn=die_with_parent)
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def tail(self):
        return " | ".join(self.err.read_text(errors="replace").strip().splitlines()[-3:])

    def wait(self):
        try:
            return self.popen.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.command[0]} did not end: {self.tail()}") from None


def until(what, condition, seconds=TIMEOUT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise Failed(f"waited {seconds} s for {what}")


def run(command, **kwargs):
    return subprocess.run([str(word) for word in command], text=True, errors="replace", stdin=subprocess.DEVNULL
                          if "input" not in kwargs else None, capture_output=True, timeout=TIMEOUT, check=False, **kwargs)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def private_copy(path, folder):
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(os.path.realpath(path), folder / Path(path).name))


# --- tracing -----------------------------------------------------------------------------------------------------------------------


class Trace(Process):
    """tophash trace --misses, with every record in a file."""

    number = 0

    def __init__(self, tophash, folder, *target):
        Trace.number += 1
        name = f"trace{Trace.number}"
        self.report = folder / f"{name}.json"
        super().__init__([tophash, "trace", "-v", "--misses", "--format", "json", "-o", self.report, *target], folder, name)

    def __enter__(self):
        super().__enter__()
        try:
            until("the probes", lambda: b"probes placed" in self.err.read_bytes() or self.popen.poll() is not None)
        except Failed:
            self.__exit__()
            raise
        return self

    def pid_traced(self):
        return until("a start record", lambda: [r["pid"] for r in self.records(True) if r["event"] == "start"])[0]

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
        code = self.wait()
        if code:
            raise Failed(f"tophash ended with {code}: {self.tail()}")
        return self.records()

    def records(self, so_far=False):
        if so_far and not self.report.exists():
            return []
        lines = self.report.read_bytes().split(b"\n")
        return [json.loads(text) for text in lines[:-1]]


def settle(counter):
    """Returns two equal readings with some time between them."""
    last = counter.read()
    for _ in range(40):
        time.sleep(QUIET)
        now = counter.read()
        if now == last:
            return now
        last = now
    raise Failed(f"the program does not come to rest: {last}")


def difference(after, before):
    return {k: after[k] - before[k] for k in after}


def idle_window(tophash, counter, pid, folder, work):
    """Traces a process that runs, while work(attempt) makes it work. Before and after that it is idle, which is checked. Returns (records,
    the counts of the counters, the result of work)."""
    for attempt in range(ATTEMPTS):
        before = settle(counter)
        with Trace(tophash, folder, "-p", pid) as trace:
            trace.pid_traced()
            rested = counter.read() == before
            value = work(attempt) if rested else None
            after = settle(counter)
            records = trace.stop()
        if rested and counter.read() == after:
            return records, difference(after, before), value
    raise Failed(f"never at rest while tracing began and ended, in {ATTEMPTS} attempts")


def whole_life(tophash, counter, folder, command, meanwhile=lambda pid: None):
    """Traces a command from its first instruction to its end. Returns (records, the counts of the counters, its output)."""
    before = counter.read()
    with Trace(tophash, folder, "--", *command) as trace:
        meanwhile(trace.pid_traced())
        trace.wait()
        records = trace.stop()
    return records, difference(counter.read(), before), trace.out.read_text(errors="replace")


def removals(records):
    return [r for r in records if r["event"] == "delete" and r["removed"]]


def check_totals(what, records, counted):
    """Checks properties that hold whatever the program did."""
    deletes = [r for r in records if r["event"] == "delete"]
    clears = [r for r in records if r["event"] == "clear"]
    removed = removals(records)
    end = records[-1]
    if not check(f"{what}: the last record is the only end", [r["event"] for r in records].count("end") == 1 and
                 end["event"] == "end"):
        return
    lost = sum(end["lost"].values())
    check(f"{what}: {end['hits']} hits = delivered + filtered + lost, nothing lost, all in the file",
          end["hits"] == end["delivered"] + end["filtered"] + lost and not lost and not end["filtered"] and
          end["delivered"] == len(deletes) + len(clears), str(end))
    missed = len(deletes) + len(clears) - len(removed) - sum(c["removed"] for c in clears)
    same(f"{what}: totals of the end record are those of the records", [end["removed"], end["cleared"], end.get("misses", 0)],
         [len(removed), sum(c["len_before"] - c["len_after"] for c in clears if c["removed"]), missed])
    if counted:
        # If a thread is killed between the two counts' instructions, only one of them sees the hit.
        killed = counted["in flight"] if any(number for _, _, number in exits(records)) else 0
        note = f" ({killed} in flight when it was killed)" if killed else ""
        for name, got in (("calls", len(deletes)), ("removed", len(removed))):
            check(f"{what}: {counted[name]} {name} by the second count{note}",
                  counted[name] - killed <= got <= counted[name], f"got {got}")
        same(f"{what}: {counted['clears']} clears by the second count", len(clears), counted["clears"])
    bad = [r for r in removed if r["len_after"] != r["len_before"] - 1]
    bad += [r for r in deletes if not r["removed"] and r["len_after"] != r["len_before"]]
    check(f"{what}: each removal makes its map one shorter, a miss does not", not bad, shorten(bad[:SHOWN]))
    bad = [r for r in deletes if r.get("key_error") or r.get("key") is None or not r.get("map_type")]
    check(f"{what}: every key read, every map's type known", not bad, shorten(bad[:SHOWN]))
    bad = [r for r in deletes + clears if not r["stack"] or
           any(not f.get("func") or not f.get("file") or not f.get("line") for f in r["stack"]) or
           r["stack"][0]["func"].startswith(("runtime.map", "internal/runtime/maps.", "reflect."))]
    check(f"{what}: every frame has a function, file and line; the first is not the runtime's", not bad, shorten(bad[:2]))
    starts = collections.defaultdict(set)
    for r in deletes + clears:
        if not r.get("stack_cut"):
            starts[r["pid"], r["goid"]].add(r["stack"][-1]["func"])
    broken = [funcs for funcs in starts.values() if len(funcs) > 1]
    check(f"{what}: stacks of {len(starts)} goroutines, all of one go down to the same function", not broken,
          shorten(broken[:SHOWN]))


def integer(number):
    """Returns a number as JSON has it: as text if a double would round it."""
    return number if abs(number) <= 2**53 else str(number)


def check_site(what, records, func, where, keys, in_order=False):
    """Checks the removals at a site: exactly these keys, each at this file:line. `where` None means any line."""
    found = [r for r in removals(records) if r["stack"][0]["func"].rpartition("/")[2] == func and (
        where is None or f"/{r['stack'][0]['file']}:{r['stack'][0]['line']}".endswith("/" + where))]
    got = [r["key"] for r in found]
    if isinstance(keys, int):
        same(f"{what}: {keys} at {func}, {where or 'any line'}", len(got), keys)
    elif in_order:
        same(f"{what}: {len(keys)} at {func}, {where}: these keys in this order", got, keys)
    else:
        order = lambda k: json.dumps(k, sort_keys=True)  # noqa: E731
        same(f"{what}: {len(keys)} at {func}, {where}: these keys", sorted(got, key=order), sorted(keys, key=order))
    return found


def exits(records):
    return [(r["pid"], r.get("code"), r.get("signal")) for r in records if r["event"] == "exit"]


# --- etcd --------------------------------------------------------------------------------------------------------------------------

# The lines are those of etcd 3.4.23 and the modules it was built with, by Go 1.19.
ETCD_VERSION = "3.4.23"


class Etcd:
    """A server on loopback and its client. Counts the requests."""

    def __init__(self, folder):
        self.folder = folder
        self.binary = private_copy(shutil.which("etcd"), folder / "bin")
        self.port, peer = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        peer_url = f"http://127.0.0.1:{peer}"
        self.env = dict({k: v for k, v in os.environ.items() if not k.startswith(("ETCD", "http_", "HTTP_"))}, ETCDCTL_API="3")
        self.command = [
            self.binary, "--name", "real", "--data-dir", folder / "data", "--listen-client-urls", self.url,
            "--advertise-client-urls", self.url, "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
            "--initial-cluster", f"real={peer_url}"]
        self.proposals = self.calls = 0

    def server(self, name):
        return Process(self.command, self.folder, name, self.env)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()

    def wait_healthy(self):
        until("etcd's health", lambda: '"true"' in self.get("/health"), 20)

    def watchers(self):
        return int(re.search(r"^etcd_debugging_mvcc_watcher_total (\d+)", self.get("/metrics"), re.M)[1])

    def ctl(self, *args, proposals=1, **kwargs):
        """Runs one etcdctl, which is one connection with one call."""
        got = run(["etcdctl", f"--endpoints={self.url}", *args], env=self.env, **kwargs)
        if got.returncode:
            raise Failed(f"etcdctl {args}: {got.stderr.strip()}")
        self.proposals += proposals
        self.calls += 1
        return got.stdout

    def watch_and_cancel(self, number):
        """Watches through the HTTP gateway, under an id that we choose. The watcher is cancelled; returns True when the server confirmed
        that."""
        body = (json.dumps({"create_request": {"key": "Zw==", "watch_id": number, "prev_kv": True}}) +
                json.dumps({"cancel_request": {"watch_id": number}}))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/v3/watch", body)
            response = connection.getresponse()
            while text := response.readline():
                result = json.loads(text)["result"]
                if result.get("canceled"):
                    return result["watch_id"] == str(number)
            return False
        finally:
            connection.close()

    def grant(self):
        return re.search(r"lease (\w+) granted", self.ctl("lease", "grant", "3600"))[1]

    def put_all(self, keys, lease):
        """One transaction."""
        puts = "".join(f"put {key} v --lease={lease}\n" for key in keys)
        self.ctl("txn", input=f"\n{puts}\n\n")


def lease_work(etcd, attempt):
    """Makes three leases with keys that leave them in every way. Returns what must be seen."""
    etcd.proposals = etcd.calls = 0
    p = f"t{attempt}-"
    a, b, c = etcd.grant(), etcd.grant(), etcd.grant()
    keys_a = [f"{p}a{i:02}" for i in range(40)]
    keys_b = [f"{p}b{i:02}" for i in range(10)]
    etcd.put_all(keys_a, a)
    etcd.put_all(keys_b, b)
    etcd.ctl("del", keys_b[0], keys_b[2])  # a range: two keys
    etcd.ctl("put", keys_b[2], "v")  # without a lease
    etcd.ctl("put", keys_b[3], "v", f"--lease={a}")  # from one lease to another
    for i in range(5):
        etcd.ctl("put", f"{p}plain{i}", "v")
    etcd.ctl("del", f"{p}plain0")
    etcd.ctl("del", f"{p}never")
    for lease in (a, b, c):
        etcd.ctl("lease", "revoke", lease)
    left_b = keys_b[:4]
    of_a, of_b = keys_a + [keys_b[3]], keys_b[4:]
    return {
        "leases": [integer(int(x, 16)) for x in (a, b, c)],
        "items": left_b + of_a + of_b,
        "in items": [50, 49, 48, 47] + list(range(47, 0, -1)),
        "in lease": [10, 9, 8, 7] + list(range(41, 0, -1)) + list(range(6, 0, -1)),
        "proposals": etcd.proposals,
        "calls": etcd.calls,
        # A restart removes, from the data on disk, leased keys by their tombstones, and the key that was put without its lease.
        "tombstones": keys_b[:2] + of_a + of_b,
        "tombstones missed": [f"{p}plain0"],
        "unleased": [keys_b[2]],
        "unleased missed": [f"{p}plain{i}" for i in range(5)],
    }


def check_leases(tophash, counter, etcd, pid):
    records, counted, want = idle_window(tophash, counter, pid, etcd.folder, lambda attempt: lease_work(etcd, attempt))
    what = "etcd leases"
    items = [{"Key": key} for key in want["items"]]
    in_lease = check_site(what, records, "lease.(*lessor).Detach", "lease/lessor.go:586", items, True)
    in_all = check_site(what, records, "lease.(*lessor).Detach", "lease/lessor.go:587", items, True)
    same(f"{what}: lengths of the lessor's map", [r["len_before"] for r in in_all], want["in items"])
    same(f"{what}: lengths of the leases' maps", [r["len_before"] for r in in_lease], want["in lease"])
    same(f"{what}: maps and their types",
         [[len({r["map"] for r in found}), sorted({r["map_type"] for r in found})] for found in (in_all, in_lease)],
         [[1, ["map[lease.LeaseItem]lease.LeaseID"]], [2, ["map[lease.LeaseItem]struct {}"]]])
    callers = collections.Counter(r["stack"][1]["func"].rpartition("/")[2] for r in in_all)
    same(f"{what}: who called", callers,
         {"mvcc.(*storeTxnWrite).delete": len(items) - 2, "mvcc.(*storeTxnWrite).put": 2})
    check(f"{what}: all by one goroutine, down to its start", len({r["goid"] for r in in_all + in_lease}) == 1 and
          all(any(f["func"].endswith("etcdserver.(*EtcdServer).applyEntryNormal") for f in r["stack"])
              for r in in_all + in_lease))
    check_site(what, records, "lease.(*lessor).Revoke", "lease/lessor.go:352", want["leases"], True)
    check_site(what, records, "wait.(*list).Trigger", "pkg/wait/wait.go:62", want["proposals"])
    check_site(what, records, "transport.(*http2Server).deleteStream", None, [1] * want["calls"])
    check_site(what, records, "grpc.(*Server).removeConn", None, want["calls"])
    check_totals(what, records, counted)
    return want


WATCHED, RANGES = 3, 2


def watch_work(etcd, attempt):
    """Makes watchers of etcdctl that are killed, watchers of the HTTP gateway that cancel themselves, and a member that comes and goes."""
    p = f"w{attempt}-"
    keys = [f"{p}key{i}" for i in range(WATCHED)]
    before = etcd.watchers()
    watchers = [[key] for key in keys for _ in range(2)] + [["--prefix", f"{p}range{i}"] for i in range(RANGES) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for i, args in enumerate(watchers):
            command = ["etcdctl", f"--endpoints={etcd.url}", "watch", *args]
            stack.enter_context(Process(command, etcd.folder, f"watch{attempt}-{i}", etcd.env))
        until("the watchers", lambda: etcd.watchers() == before + len(watchers))
        for key in keys:
            etcd.ctl("put", key, "v")
    until("the watchers' end", lambda: etcd.watchers() == before)

    ids = list(range(101, 109))
    cancelled = [etcd.watch_and_cancel(i) for i in ids]
    revision = json.loads(etcd.ctl("put", keys[0], "v", "-w", "json"))["header"]["revision"]
    etcd.ctl("compact", str(revision), "--physical")
    added = etcd.ctl("member", "add", f"{p}other", "--learner", f"--peer-urls=http://127.0.0.1:{free_ports(1)[0]}")
    member = re.search(r"Member (\w+) added", added)[1]
    until("the learner", lambda: "removed" in etcd.ctl("member", "remove", member))
    return {"keys": keys, "ids": ids, "cancelled": all(cancelled), "member": member, "watchers": len(watchers)}


def check_watchers(tophash, counter, etcd, pid):
    records, counted, want = idle_window(tophash, counter, pid, etcd.folder, lambda attempt: watch_work(etcd, attempt))
    what, ids, group = "etcd watchers", want["ids"], "mvcc/watcher_group.go"
    check(f"{what}: the gateway's were cancelled", want["cancelled"])
    check_site(what, records, "mvcc.watcherSet.delete", f"{group}:117", want["watchers"] + len(ids))
    check_site(what, records, "mvcc.watcherSetByKey.delete", f"{group}:135", 2 * WATCHED + len(ids))
    check_site(what, records, "mvcc.watcherSetByKey.delete", f"{group}:138", want["keys"] + ["g"] * len(ids))
    check_site(what, records, "mvcc.(*watcherGroup).delete", f"{group}:212", 2 * RANGES)
    check_site(what, records, "mvcc.(*watchStream).Cancel", "mvcc/watcher.go:156", ids, True)
    check_site(what, records, "mvcc.(*watchStream).Cancel", "mvcc/watcher.go:157", ids, True)
    check_site(what, records, "v3rpc.(*serverWatchStream).recvLoop", "v3rpc/watch.go:364", ids)
    what = "etcd members"
    member = integer(int(want["member"], 16))
    check_site(what, records, "membership.(*RaftCluster).RemoveMember", "membership/cluster.go:417", [member])
    check_site(what, records, "rafthttp.(*Transport).removePeer", "rafthttp/transport.go:363", [member])
    check_site(what, records, "rafthttp.(*Transport).removePeer", "rafthttp/transport.go:364", [want["member"]])
    check_totals("etcd watchers and members", records, counted)


def check_restart(tophash, counter, etcd, history):
    """Traces from the first instruction to the signal that ends it. It reads what the first server left on disk."""
    def meanwhile(pid):
        etcd.wait_healthy()
        os.kill(pid, signal.SIGTERM)

    records, counted, _ = whole_life(tophash, counter, etcd.folder, etcd.command, meanwhile)
    pid = records[0]["pid"]
    what = "etcd restart"
    same(f"{what}: one start, one exit by the signal that ended it",
         ([r["pid"] for r in records if r["event"] == "start"], exits(records)), ([pid], [(pid, None, signal.SIGTERM)]))
    func, file = "mvcc.restoreChunk", "mvcc/kvstore.go"
    check_site(what, records, func, f"{file}:545", history["tombstones"], True)
    check_site(what, records, func, f"{file}:549", history["unleased"], True)
    for number, keys in ((545, history["tombstones missed"]), (549, history["unleased missed"])):
        got = [r["key"] for r in records if r["event"] == "delete" and not r["removed"] and
               r["stack"][0]["func"].endswith(func) and r["stack"][0]["line"] == number]
        same(f"{what}: misses at {file}:{number}", got, keys)
    check_totals(what, records, counted)


def etcd_checks(tophash, folder):
    for name in ("etcd", "etcdctl"):
        if not shutil.which(name):
            raise Skip(f"{name} is not installed")
    version = run(["etcd", "--version"]).stdout
    if f"etcd Version: {ETCD_VERSION}" not in version:
        raise Skip(f"the lines known are those of {ETCD_VERSION}, this is: {version.splitlines()[0]}")
    etcd = Etcd(folder)
    plan = witness.Plan(tophash, str(etcd.binary))
    print(f"  {plan.headline}")
    with witness.Witness(plan) as counter:
        with etcd.server("etcd") as server:
            etcd.wait_healthy()
            history = check_leases(tophash, counter, etcd, server.popen.pid)
            server.popen.send_signal(signal.SIGTERM)
            server.wait()
        check_restart(tophash, counter, etcd, history)
        with etcd.server("etcd") as server:
            etcd.wait_healthy()
            check_watchers(tophash, counter, etcd, server.popen.pid)


# --- caddy -------------------------------------------------------------------------------------------------------------------------

CONNECTIONS, REQUESTS = 4, 5  # connections, requests on each


class Caddy:
    def __init__(self, folder):
        self.folder = folder
        self.binary = private_copy(shutil.which("caddy"), folder / "bin")
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
        until("caddy", lambda: all(map(caddy.answers, [caddy.admin, *caddy.ports])) or server.popen.poll() is not None, 20)
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


# --- docker ------------------------------------------------------------------------------------------------------------------------


def docker_checks(tophash, folder):
    docker = shutil.which("docker")
    if not docker:
        raise Skip("docker is not installed")
    copy = private_copy(docker, folder / "bin")
    try:
        plan = witness.Plan(tophash, str(copy))
    except witness.Unavailable as error:
        raise Skip(f"{docker} cannot be traced: {error}") from None
    print(f"  {plan.headline}")
    # Nobody listens there: the same on every machine.
    os.environ.update(DOCKER_HOST=f"unix://{folder}/nobody.sock", DOCKER_CONFIG=str(folder))
    with witness.Witness(plan) as counter:
        for args in (["--version"], ["version"], ["no-such-command"]):
            plain = run([copy, *args])
            what = f"docker {args[0]}"
            records, counted, output = whole_life(tophash, counter, folder, [copy, *args])
            same(f"{what}: exit status {plain.returncode} in the exit record", exits(records),
                 [(records[0]["pid"], plain.returncode, None)])
            same(f"{what}: its output is its own", output, plain.stdout)
            check_totals(what, records, counted)


# --- the Go toolchain --------------------------------------------------------------------------------------------------------------

WRAPPER = """#!/bin/sh
# Runs a tool for go build, the compiler from a private copy, and notes its process and its exit code.
tool=${1##*/}
[ "$tool" != compile ] || { shift; set -- "%s" "$@"; }
"$@" &
pid=$!
wait $pid
code=$?
echo "$tool $pid $code" >>"%s"
exit $code
"""

PACKAGE = """// Package %(name)s has enough in it to keep a compiler busy.
package %(name)s
%(imports)s
type node[K comparable, V any] struct {
	key   K
	value V
	next  *node[K, V]
	seen  map[K]V
}

func (n *node[K, V]) forget(k K) (v V) {
	for at := n; at != nil; at = at.next {
		if got, ok := at.seen[k]; ok {
			v = got
			delete(at.seen, k)
		}
	}
	func() { clear := func(m map[K]V) { for k := range m { delete(m, k) } }; clear(n.seen) }()
	return v
}

func Use(names []string, numbers map[string]complex128) (sum complex128) {
	n := &node[string, int]{seen: map[string]int{}}
	m := &node[[2]int32, complex64]{seen: map[[2]int32]complex64{}}
	for i, name := range names {
		switch {
		case len(name) > 3 && name[0] == 'a':
			n.seen[name] = i
		case i%%3 == 0:
			defer func() { n.forget(name) }()
		default:
			m.seen[[2]int32{int32(i), 0}] = complex(float32(i), 0)
		}
		sum += numbers[name] * complex(float64(len(n.seen)), float64(real(m.forget([2]int32{1}))))
	}
	return sum
}
%(end)s"""


def toolchains():
    """Returns the newest Go with Swiss maps and the newest with classic ones, of those that exist here."""
    found = []
    for folder in (Path(os.environ.get("TOPHASH_CACHE") or ROOT / ".cache") / "go").glob("1.*"):
        version = tuple(int(n) for n in re.findall(r"\d+", folder.name))
        if (folder / "bin/go").exists() and (folder / "pkg/tool/linux_amd64/compile").exists():
            found.append((version, folder.resolve()))
    swiss = max((f for f in found if f[0] >= (1, 24)), default=None)
    classic = max((f for f in found if (1, 20) <= f[0] < (1, 24)), default=None)
    return [f for f in (swiss, classic) if f]


def write_module(folder, count):
    """Writes packages that import one another and nothing of the library, so that the compiler has no other work."""
    folder.mkdir()
    (folder / "go.mod").write_text("module real\n\ngo 1.20\n")
    for i in range(count):
        name = f"p{i}"
        (folder / name).mkdir()
        imports = f'\nimport "real/p{i - 1}"\n\nvar _ = p{i - 1}.Use\n' if i % 3 else ""
        (folder / name / "p.go").write_text(PACKAGE % {"name": name, "imports": imports, "end": ""})
    (folder / "bad").mkdir()
    (folder / "bad/p.go").write_text(PACKAGE % {"name": "bad", "imports": "", "end": "\nvar Wrong int = \"no number\"\n"})
    return [f"p{i}" for i in range(count)]


def compiler_checks(tophash, folder, version, root):
    name = "go" + ".".join(map(str, version))
    copy = private_copy(root / "pkg/tool/linux_amd64/compile", folder / "bin")
    plan = witness.Plan(tophash, str(copy))
    print(f"  {plan.headline}")
    log, wrapper = folder / "tools", folder / "wrapper"
    wrapper.write_text(WRAPPER % (copy, log))
    wrapper.chmod(0o755)
    packages = [f"./{name}" for name in write_module(folder / "module", 5)]
    env = dict(os.environ, GOROOT=str(root), GOCACHE=str(folder / "cache"), GOPATH=str(folder / "path"), GOFLAGS="",
               GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0", HOME=str(folder))
    with witness.Witness(plan) as counter:
        with Trace(tophash, folder, "-b", copy) as trace:
            build = [root / "bin/go", "build", "-toolexec", wrapper]
            good = run([*build, *packages], cwd=folder / "module", env=env)
            bad = run([*build, "./bad"], cwd=folder / "module", env=env)
            time.sleep(0.2)
            records = trace.stop()
        counted = counter.read()
    what = f"{name} compile -b"
    check(f"{what}: go build did what it does untraced", good.returncode == 0 and bad.returncode == 1 and
          "cannot use" in bad.stderr, good.stderr + bad.stderr)
    ran = sorted((int(pid), int(code)) for tool, pid, code in map(str.split, log.read_text().splitlines())
                 if tool == "compile")
    same(f"{what}: {len(ran)} processes, one start record each",
         sorted(r["pid"] for r in records if r["event"] == "start"), [pid for pid, _ in ran])
    ended = sorted((pid, code) for pid, code, _ in exits(records))
    same(f"{what}: one exit record each", [pid for pid, _ in ended], [pid for pid, _ in ran])
    told = [(pid, code) for pid, code in ended if code is not None]
    check(f"{what}: {len(told)} exit codes, {sorted(code for _, code in told)}", told and set(told) <= set(ran),
          shorten([told, ran]))
    if len(told) < len(ran):
        line("skip", f"{what}: exit codes of {len(ran) - len(told)} more: too short to be looked at, the record says null")
    order, late = set(), 0
    for record in records:
        if record["event"] == "start":
            order.add(record["pid"])
        elif record["event"] in ("delete", "clear", "exit"):
            late += record["pid"] not in order
            if record["event"] == "exit":
                order.discard(record["pid"])
    same(f"{what}: no record of a process before its start or after its exit", late, 0)
    check_totals(what, records, counted)

    what = f"{name} list"
    tool = private_copy(root / "bin/go", folder / "bin")
    plan = witness.Plan(tophash, str(tool))
    print(f"  {plan.headline}")
    os.environ.update({k: env[k] for k in ("GOROOT", "GOCACHE", "GOPATH", "GOFLAGS", "GOTOOLCHAIN", "GOWORK", "CGO_ENABLED")})
    with witness.Witness(plan) as counter:
        records, counted, _ = whole_life(tophash, counter, folder, [tool, "list", "-deps", "std"])
    same(f"{what}: one process, its exit status", [code for _, code, _ in exits(records)], [0])
    check_totals(what, records, counted)


def go_checks(tophash, folder):
    found = toolchains()
    if not found:
        raise Skip("no Go release in the cache (tools/go-toolchains)")
    for version, root in found:
        below = folder / root.name
        below.mkdir()
        compiler_checks(tophash, below, version, root)


# --- all of it ---------------------------------------------------------------------------------------------------------------------

PROGRAMS = {"etcd": etcd_checks, "caddy": caddy_checks, "docker": docker_checks, "go": go_checks}


def why_not(tophash):
    if not Path(tophash).is_file():
        return f"{tophash} is not there (make)"
    if os.geteuid():
        return "not root"
    if not Path("/sys/bus/event_source/devices/uprobe").is_dir():
        return "the kernel has no uprobes"
    if not shutil.which("objdump"):
        return "objdump is not installed: no second count"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tophash", type=Path, default=ROOT / "build/tophash")
    parser.add_argument("--keep", action="store_true", help="leave the reports where they are")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    args = parser.parse_args()
    # SIGINT is ignored if this runs in the background. tophash would inherit that, and would not end when told to.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in args.programs:
        if name not in PROGRAMS:
            parser.error(f"no program {name}: one of {', '.join(PROGRAMS)}")
    tophash = args.tophash.resolve()
    if why := why_not(tophash):
        line("skip", why)
        print(f"0 passed, 0 failed, {counts['skip']} skipped")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    top = Path(tempfile.mkdtemp(prefix="tophash-real."))
    try:
        for name in args.programs or PROGRAMS:
            began = time.monotonic()
            print(f"{name}:", flush=True)
            (top / name).mkdir()
            saved = dict(os.environ)
            try:
                PROGRAMS[name](str(tophash), top / name)
            except (Skip, witness.Unavailable) as reason:
                line("skip", f"{name}: {reason}")
            except (Failed, OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
                line("FAIL", f"{name}: {type(error).__name__}: {error}")
            finally:
                os.environ.clear()
                os.environ.update(saved)
            print(f"  {time.monotonic() - began:.1f} s", flush=True)
    finally:
        if args.keep:
            print(f"kept: {top}")
        else:
            shutil.rmtree(top, ignore_errors=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
