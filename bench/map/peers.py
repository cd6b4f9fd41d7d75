"""The tables that are measured, and how each is built.

A peer is added by a file in peers/ and an entry here.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

MAP = Path(__file__).resolve().parent
REPO = MAP.parent.parent
OURS = "ours"

TYPES = {
    "u32": "u32 -> u32",
    "u64": "u64 -> u64",
    "wide": "u64 -> 448 bits",
    "str": "string of 15 characters -> u64",
}
HASHES = {"default": "each with its own hash", "ours": "all with tophash's hash"}


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    package: str  # Debian's
    header: str = ""  # absent: the peer is skipped
    pkg_config: tuple = ()
    fixed_hash: str = ""  # why it takes no other hash
    goroot: str = ""  # of Go's own map


PEERS = [
    Peer(OURS, "tophash", ""),
    Peer("boost", "boost::unordered_flat_map", "libboost1.81-dev", "boost/unordered/unordered_flat_map.hpp"),
    Peer("absl", "absl::flat_hash_map", "libabsl-dev", "absl/container/flat_hash_map.h", ("absl_flat_hash_map", "absl_hash")),
    Peer("hashbrown", "hashbrown (Rust's HashMap)", "rustc"),
    Peer("robin_map", "tsl::robin_map", "robin-map-dev", "tsl/robin_map.h"),
    Peer("glib", "GLib GHashTable", "libglib2.0-dev", "", ("glib-2.0",)),
    Peer("uthash", "uthash", "uthash-dev", "uthash.h"),
    Peer("stb_ds", "stb_ds", "libstb-dev", "stb/stb_ds.h", fixed_hash="stb_ds, with tophash's hash: its own cannot be replaced"),
]


def go_version(go):
    """1.19 and so on, or None when it does not run."""
    env = dict(os.environ, GOTOOLCHAIN="local")
    try:
        r = subprocess.run([str(go), "env", "GOVERSION", "GOROOT"], text=True, capture_output=True, env=env)
    except OSError:
        return None
    found = re.match(r"go(\d+\.\d+)\S*\n(\S+)", r.stdout)
    return (found[1], found[2]) if found else None


def go_peers(paths):
    """Go's map, one peer for each version: those named, or the one in PATH and the newest that tools/go-toolchains fetched."""
    if not paths:
        cache = Path(os.environ.get("TOPHASH_CACHE") or REPO / ".cache") / "go"
        fetched = sorted(cache.glob("*/bin/go"), key=lambda p: [int(x) for x in re.findall(r"\d+", p.parts[-3])])
        paths = ["go", *fetched[-1:]]
    found = dict(v for v in map(go_version, paths) if v)
    return [
        Peer(f"go{v}", f"Go {v}'s map", "golang-go", fixed_hash=f"go{v}, with tophash's hash: its own cannot be replaced", goroot=root)
        for v, root in sorted(found.items(), key=lambda item: [int(x) for x in item[0].split(".")])
    ]  # fmt: skip
