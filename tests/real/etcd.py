"""Debian's etcd: leases, watchers, members, a restart."""

import collections
import contextlib
import http.client
import json
import os
import re
import shutil
import signal

import witness
from harness import check, Failed, free_ports, idle_window, private_copy, Process, run, same, Skip, until, whole_life
from report import check_site, check_totals, exits, integer

# The lines are those of etcd 3.4.23 and the modules it was built with, by Go 1.19.
ETCD_VERSION = "3.4.23"


class Etcd:
    """A server on loopback and its client. Counts the requests."""

    def __init__(self, folder, binary=None):
        self.folder = folder
        self.binary = private_copy(binary or shutil.which("etcd"), folder / "bin")
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
        """Returns how many there are. A request may be refused while etcd is busy."""
        name = r"^etcd_debugging_mvcc_watcher_total (\d+)"
        return int(until("etcd's metrics", lambda: re.search(name, self.get("/metrics"), re.M))[1])

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
        # A restart reads the data on disk. It removes leased keys that have tombstones, and the key that was put again without its lease.
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
    member = re.search(r"Member +(\w+) added", added)[1]  # padded with spaces
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
