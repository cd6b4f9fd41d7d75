"""Lists the tables that are measured, and how each is built.

A peer is added by a file in peers/ and an entry here. Some come from Debian's suite that this machine has, some from newer suites
(tools/map-peers), some from a folder that the user names (PEERS): Debian has no package of those.
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
    "own": "struct of 16 bytes -> u64, one hash of the user's for all",
}
HASHES = {"default": "each with its own hash", "ours": "all with tophash's hash"}
FULL = tuple(TYPES)
NOT_OWN = FULL[:-1]


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    package: str = ""  # Debian's
    header: str = ""  # absent: the peer is skipped
    pkg_config: tuple = ()
    fixed_hash: str = ""  # why it takes no other hash
    types: tuple = FULL
    goroot: str = ""  # of Go's own map
    source: str = ""  # in peers/, if it has another name
    cache: str = ""  # its name in tools/map-peers
    files: tuple = ()  # searched below PEERS; the folder of the first is included
    checkout: str = ""  # a checkout of tophash other than this one

    @property
    def is_ours(self):
        return self.name == OURS or self.source.startswith(OURS)

    @property
    def adapter(self):
        return MAP / "peers" / f"{self.source or self.name}.cc"


PEERS = [
    Peer(OURS, "tophash"),
    Peer("ours_mixed", "tophash, TOPHASH_MAP_MIXED", types=("own",), source="ours_mixed"),
    Peer("boost", "boost::unordered_flat_map", "libboost1.81-dev", "boost/unordered/unordered_flat_map.hpp"),
    Peer("boost_new", "boost::unordered_flat_map, newest", header="boost/unordered/unordered_flat_map.hpp", cache="boost", source="boost"),
    Peer("absl", "absl::flat_hash_map", "libabsl-dev", "absl/container/flat_hash_map.h", ("absl_flat_hash_map", "absl_hash")),
    Peer("absl_new", "absl::flat_hash_map, newest", header="absl/container/flat_hash_map.h", cache="absl", source="absl",
         pkg_config=("absl_flat_hash_map", "absl_hash")),
    Peer("ankerl", "ankerl::unordered_dense", header="tulip/unordered_dense.h", cache="ankerl"),
    Peer("phmap", "phmap::flat_hash_map", header="parallel_hashmap/phmap.h", cache="phmap"),
    Peer("bytell", "ska::bytell_hash_map", header="bytell_hash_map.hpp", cache="bytell"),
    Peer("std", "std::unordered_map", "g++"),
    Peer("hashbrown", "hashbrown (Rust's HashMap)", "rustc", types=NOT_OWN),
    Peer("robin_map", "tsl::robin_map", "robin-map-dev", "tsl/robin_map.h"),
    Peer("khash", "khash", header="htslib/khash.h", cache="khash"),
    Peer("glib", "GLib GHashTable", "libglib2.0-dev", "", ("glib-2.0",), types=NOT_OWN),
    Peer("uthash", "uthash", "uthash-dev", "uthash.h"),
    Peer("stb_ds", "stb_ds", "libstb-dev", "stb/stb_ds.h", types=NOT_OWN,
         fixed_hash="stb_ds, with tophash's hash: its own cannot be replaced"),
    Peer("ankerl_new", "ankerl::unordered_dense, newest", files=("unordered_dense.h", "stl.h"), source="ankerl"),
    Peer("emhash", "emhash8::HashMap", files=("hash_table8.hpp", "config.hpp", "version.hpp")),
    Peer("verstable", "Verstable", files=("verstable.h",)),
    Peer("khashl", "khashl", files=("khashl.h",)),
    Peer("hashmap_c", "tidwall's hashmap.c", files=("hashmap.h", "hashmap.c")),
    Peer("valkey_dict", "Valkey's dict", files=("dict.h", "dict.c"), types=NOT_OWN),
]  # fmt: skip


def base_peer(checkout):
    """Returns another checkout of tophash, which shows the effect of a change."""
    return Peer("base", f"tophash of {checkout}", source=OURS, checkout=checkout)


def go_version(go):
    """Returns the version, such as 1.19, or None when it does not run."""
    env = dict(os.environ, GOTOOLCHAIN="local")
    try:
        r = subprocess.run([str(go), "env", "GOVERSION", "GOROOT"], text=True, capture_output=True, env=env)
    except OSError:
        return None
    found = re.match(r"go(\d+\.\d+)\S*\n(\S+)", r.stdout)
    return (found[1], found[2]) if found else None


def cache_dir(peer):
    return Path(os.environ.get("TOPHASH_CACHE") or REPO / ".cache").resolve() / "map-peers" / peer.cache


def go_peers(paths):
    """Returns Go's map as one peer for each version: the named ones, or the one in PATH and the newest that tools/go-toolchains fetched."""
    if not paths:
        cache = Path(os.environ.get("TOPHASH_CACHE") or REPO / ".cache") / "go"
        fetched = sorted(cache.glob("*/bin/go"), key=lambda p: [int(x) for x in re.findall(r"\d+", p.parts[-3])])
        paths = ["go", *fetched[-1:]]
    found = dict(v for v in map(go_version, paths) if v)
    return [
        Peer(f"go{v}", f"Go {v}'s map", "golang-go", fixed_hash=f"go{v}, with tophash's hash: its own cannot be replaced", goroot=root, types=NOT_OWN)
        for v, root in sorted(found.items(), key=lambda item: [int(x) for x in item[0].split(".")])
    ]  # fmt: skip
