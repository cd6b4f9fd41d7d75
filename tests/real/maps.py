"""The types of live maps in stripped programs of Debian: how many of them tophash finds after a load, and whether they are right.

    tests/real/run.py --tophash build/tophash maps

The programs come from packages of several Debian suites. They are unpacked into the cache and not installed. Each is measured three times. The
types are compared with those that the heap notes for the arrays of large maps (Go 1.22 and later), and with those that the runtime is given when
elements are deleted.
"""

import contextlib
import http.server
import json
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from caddy import Caddy, caddy_work
from etcd import Etcd, lease_work, watch_work
from harness import check, free_ports, line, private_copy, Process, ROOT, run, Skip, Trace, until

sys.path.insert(0, str(ROOT / "tools"))
import debs  # noqa: E402

ROUNDS = 3
TARGETS, SERIES = 20, 200  # of prometheus: programs that it asks, and what each tells


def program(suite, package, name):
    """Returns the path of a program of a package of a suite."""
    at = debs.cache_dir() / "programs" / f"{suite}-{package}"
    if not at.exists():
        at.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=at.parent) as folder:
            os.chmod(folder, 0o755)  # apt downloads as another user
            try:
                apt = debs.open_apt(Path(folder) / "apt", [suite])
                (deb,) = apt.download([package])
                apt.unpack(deb, Path(folder) / "files")
            except debs.Problem as problem:
                raise Skip(f"{package} of {suite} cannot be had: {problem}") from None
            (Path(folder) / "files").rename(at)
    return at / "usr/bin" / name


# --- loads -------------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def etcd_loaded(folder, binary, work):
    if not shutil.which("etcdctl"):
        raise Skip("etcdctl is not installed")
    etcd = Etcd(folder, binary)
    with etcd.server("etcd") as server:
        etcd.wait_healthy()
        work(server.popen.pid, lambda: (lease_work(etcd, 0), watch_work(etcd, 0)))
        yield server.popen.pid


@contextlib.contextmanager
def caddy_loaded(folder, binary, work):
    caddy = Caddy(folder, binary)
    with caddy.server() as server:
        until("caddy", lambda: caddy.is_up() or server.popen.poll() is not None, 20)
        work(server.popen.pid, lambda: caddy_work(caddy))
        yield server.popen.pid


class Exporter(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Exporter.asked += 1
        lines = "".join(f'exported_{i % 20}{{number="{i}"}} {i}\n' for i in range(SERIES)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(lines)))
        self.end_headers()
        self.wfile.write(lines)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def prometheus_loaded(folder, binary, work):
    binary = private_copy(binary, folder / "bin")
    (port,) = free_ports(1)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Exporter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"127.0.0.1:{server.server_address[1]}"
        jobs = [{"job_name": f"job{i}", "static_configs": [{"targets": [here]}]} for i in range(TARGETS)]
        jobs.append({"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]})
        config = folder / "prometheus.json"  # JSON is YAML
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        command = [binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        with Process(command, folder, "prometheus") as process:
            until("its scrapes", lambda: Exporter.asked > TARGETS or process.popen.poll() is not None)
            asked = Exporter.asked
            work(process.popen.pid, lambda: until("more scrapes", lambda: Exporter.asked > asked + 5 * TARGETS))
            yield process.popen.pid
        server.shutdown()


# --- measuring ---------------------------------------------------------------------------------------------------------------------


def live(tophash, pid):
    got = run([tophash, "maps", "-q", "--format", "json", "-p", pid])
    lines = [json.loads(line) for line in got.stdout.splitlines()]
    check("the maps are read", got.returncode == 0 and lines, got.stderr)
    return {x["map"]: x for x in lines[:-1]}, lines[-1]


def percent(part, whole):
    return 100 * part / whole if whole else 100


# One type is made from the other, and code converts maps between them.
SAME = [{"http.Header", "textproto.MIMEHeader"}]


def same_type(one, other):
    return one == other or {one, other} in SAME


def measure(tophash, name, pid, least, seen, before):
    """Compares the shares of maps and bytes with the least ones, and the types of maps with those that deletes were seen with. A map that was not
    there before the load may have the address of another one that is gone."""
    for _ in range(ROUNDS):
        maps, end = live(tophash, pid)
        of_maps, of_bytes = percent(end["typed"], end["maps"]), percent(end["typed_bytes"], end["bytes"])
        check(f"{name}: {of_maps:.1f} % of {end['maps']} maps, {of_bytes:.1f} % of {end['bytes']} bytes have a type",
              of_maps >= least and of_bytes >= 95, f"at least {least} % and 95 %")
        both = {addr: (maps[addr]["map_type"], kind) for addr, kind in seen.items()
                if addr in maps and addr in before and maps[addr]["map_type"] == before[addr]["map_type"] is not None}
        wrong = {addr: kinds for addr, kinds in both.items() if not same_type(*kinds)}
        check(f"{name}: the types of {len(both)} maps are those that deletes were seen with", not wrong, str(wrong))


def measured(tophash, folder, name, loaded, binary, least):
    seen, before = {}, {}

    def work(pid, load):
        before.update(live(tophash, pid)[0])
        with Trace(tophash, folder, "-p", pid) as trace:
            trace.pid_traced()
            load()
            for record in trace.stop():
                if record["event"] in ("delete", "clear") and not record.get("on_stack"):
                    seen[record["map"]] = record["map_type"]

    with loaded(folder, binary, work) as pid:
        measure(tophash, name, pid, least, seen, before)


def maps_checks(tophash, folder):
    programs = (  # suite, package, program, load, the least percentage of maps
        ("trixie", "etcd-server", "etcd", etcd_loaded, 93),
        ("forky", "caddy", "caddy", caddy_loaded, 92),
        ("bookworm", "etcd-server", "etcd", etcd_loaded, 94),
        ("bookworm", "prometheus", "prometheus", prometheus_loaded, 99),
    )
    for suite, package, name, loaded, least in programs:
        own = folder / f"{suite}-{name}"
        own.mkdir()
        try:
            measured(tophash, own, f"{name} of {suite}", loaded, program(suite, package, name), least)
        except Skip as reason:
            line("skip", f"{name} of {suite}: {reason}")
