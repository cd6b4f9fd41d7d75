"""Measures the cost of compiling a table: 30 functions of five calls each and 30 loops, in one file, at -O0 and -O2."""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from build import Builder, Failed, Skip
from peers import OURS
from report import print_rows

FUNCTIONS = 30
LEVELS = ["-O0", "-O2"]
# @ is the number of a function, MAP the type of a map.
CALLS = "uint64_t f@(MAP *t, uint64_t k) { %s }\n"
LOOP = "uint64_t g@(MAP *t) { uint64_t s = 0; %s return s; }\n"

CXX_CALLS = ("t->insert_or_assign(k, @); t->insert_or_assign(k + 1, @); auto x = t->find(k + 2); uint64_t r = x == t->end() ? 0 : x->second;"
             " t->erase(k + 3); x = t->find(k + 4); return r + (x == t->end() ? 0 : x->second);")  # fmt: skip
CXX_LOOP = "for (const auto &x : *t) s += x.second * @;"
KHASH_CALLS = ("int a; khint_t x = put_(k, &a); kh_val(t, x) = @; x = put_(k + 1, &a); kh_val(t, x) = @; x = get_(k + 2);"
               " uint64_t r = x == kh_end(t) ? 0 : kh_val(t, x); x = get_(k + 3); if (x != kh_end(t)) del_(x);"
               " x = get_(k + 4); return r + (x != kh_end(t) ? kh_val(t, x) : 0);")  # fmt: skip
KHASH_LOOP = "for (khint_t x = 0; x < kh_end(t); x++) if (kh_exist(t, x)) s += kh_val(t, x) * @;"

# name: (head, type of a map, five calls, a loop). The calls: two puts, a look-up, a delete, a look-up that gives a pointer.
C = {
    OURS: ("#include <tophash/map.h>\nTOPHASH_MAP(m, uint64_t, uint64_t);\n", "struct m",
           "m_put(t, k, @); m_put(t, k + 1, @); uint64_t r = m_get(t, k + 2); m_delete(t, k + 3); uint64_t *p = m_find(t, k + 4);"
           " return r + (p ? *p : 0);",
           "TOPHASH_EACH(m, it, t) s += it.val * @;"),
    "verstable": ('#include <stdint.h>\n#define NAME m\n#define KEY_TY uint64_t\n#define VAL_TY uint64_t\n#include "verstable.h"\n', "m",
                  "vt_insert(t, k, @); vt_insert(t, k + 1, @); m_itr x = vt_get(t, k + 2); uint64_t r = vt_is_end(x) ? 0 : x.data->val;"
                  " vt_erase(t, k + 3); x = vt_get(t, k + 4); return r + (vt_is_end(x) ? 0 : x.data->val);",
                  "for (m_itr x = vt_first(t); !vt_is_end(x); x = vt_next(x)) s += x.data->val * @;"),
    "khash": ("#include <stdint.h>\n#include <htslib/khash.h>\nKHASH_MAP_INIT_INT64(m, uint64_t)\n#define put_(k, a) kh_put(m, t, k, a)\n"
              "#define get_(k) kh_get(m, t, k)\n#define del_(x) kh_del(m, t, x)\n", "khash_t(m)", KHASH_CALLS, KHASH_LOOP),
    "khashl": ('#include <stdint.h>\n#include "khashl.h"\nKHASHL_MAP_INIT(KH_LOCAL, m, m, uint64_t, uint64_t, kh_hash_uint64, kh_eq_generic)\n'
               "#define put_(k, a) m_put(t, k, a)\n#define get_(k) m_get(t, k)\n#define del_(x) m_del(t, x)\n", "m", KHASH_CALLS, KHASH_LOOP),
    "uthash": ("#include <stdint.h>\n#include <stdlib.h>\n#include <uthash.h>\nstruct item { uint64_t key, val; UT_hash_handle hh; };\n"
               "typedef struct { struct item *items; } m;\n", "m",
               "struct item *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b)), *x; uint64_t q = k + 2, r; a->key = k; a->val = @; b->key = k + 1;"
               " b->val = @; HASH_ADD(hh, t->items, key, 8, a); HASH_ADD(hh, t->items, key, 8, b); HASH_FIND(hh, t->items, &q, 8, x);"
               " r = x ? x->val : 0; q++; HASH_FIND(hh, t->items, &q, 8, x); if (x) HASH_DEL(t->items, x); q++;"
               " HASH_FIND(hh, t->items, &q, 8, x); return r + (x ? x->val : 0);",
               "for (struct item *x = t->items; x; x = x->hh.next) s += x->val * @;"),
    "stb_ds": ("#include <stdint.h>\n#include <stb/stb_ds.h>\ntypedef struct { struct { uint64_t key, value; } *a; } m;\n", "m",
               "hmput(t->a, k, @); hmput(t->a, k + 1, @); uint64_t r = hmget(t->a, k + 2); (void)hmdel(t->a, k + 3);"
               " ptrdiff_t x = hmgeti(t->a, k + 4); return r + (x < 0 ? 0 : t->a[x].value);",
               "for (ptrdiff_t x = 0; x < hmlen(t->a); x++) s += t->a[x].value * @;"),
    "glib": ("#include <stdint.h>\n#include <glib.h>\n#define P(x) ((gpointer)(uintptr_t)(x))\n", "GHashTable",
             "g_hash_table_insert(t, P(k), P(@)); g_hash_table_insert(t, P(k + 1), P(@));"
             " uint64_t r = (uintptr_t)g_hash_table_lookup(t, P(k + 2)); g_hash_table_remove(t, P(k + 3));"
             " return r + (uintptr_t)g_hash_table_lookup(t, P(k + 4));",
             "GHashTableIter it; gpointer key, val; g_hash_table_iter_init(&it, t); while (g_hash_table_iter_next(&it, &key, &val))"
             " s += (uintptr_t)val * @;"),
}  # fmt: skip
# Other ways to declare our map.
OURS_AS = {
    f"{OURS}, DECLARE": "#include <tophash/map.h>\nTOPHASH_MAP_DECLARE(m, uint64_t, uint64_t);\nTOPHASH_MAP_DEFINE(m, uint64_t, uint64_t);\n",
    f"{OURS}, light": "#define TOPHASH_LIGHT 1\n#include <tophash/map.h>\nTOPHASH_MAP(m, uint64_t, uint64_t);\n",
}
CXX = {
    "boost": ("boost/unordered/unordered_flat_map.hpp", "boost::unordered_flat_map<uint64_t, uint64_t>"),
    "boost_new": ("boost/unordered/unordered_flat_map.hpp", "boost::unordered_flat_map<uint64_t, uint64_t>"),
    "absl": ("absl/container/flat_hash_map.h", "absl::flat_hash_map<uint64_t, uint64_t>"),
    "absl_new": ("absl/container/flat_hash_map.h", "absl::flat_hash_map<uint64_t, uint64_t>"),
    "ankerl": ("tulip/unordered_dense.h", "ankerl::unordered_dense::map<uint64_t, uint64_t>"),
    "phmap": ("parallel_hashmap/phmap.h", "phmap::flat_hash_map<uint64_t, uint64_t>"),
    "std": ("unordered_map", "std::unordered_map<uint64_t, uint64_t>"),
}


def source(name):
    """Returns (text, whether it is C++), or None for a table that has no text here."""
    if name in C or name in OURS_AS:
        head, of, calls, loop = C.get(name, C[OURS])
        head = OURS_AS.get(name, head)
    elif name in CXX:
        header, alias = CXX[name]
        head, of, calls, loop = f"#include <cstdint>\n#include <{header}>\nusing M = {alias};\n", "M", CXX_CALLS, CXX_LOOP
    else:
        return None
    bodies = CALLS % calls + LOOP % loop
    return head + "".join(bodies.replace("@", str(i)).replace("MAP", of) for i in range(FUNCTIONS)), name in CXX


def compile_once(command):
    """Returns (seconds of CPU, peak memory in MB). The compiler's own child processes are included."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise Failed(f"{' '.join(map(str, command))}\n{errors}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def text_size(obj):
    return int(subprocess.run(["size", obj], text=True, capture_output=True, check=True).stdout.splitlines()[1].split()[0])


def measure(peers, compilers, out, folder, rounds):
    """Returns ([{peer, cc, level, seconds, megabytes, bytes}], why some are missing). The tables take turns."""
    samples, skipped, jobs = [], [], []
    with tempfile.TemporaryDirectory() as tmp:
        for cc in compilers:
            builder = Builder(cc, out, folder)
            for peer, name in [(p, n) for p in peers for n in (p.name, *(OURS_AS if p.name == OURS else ()))]:
                made = source(peer.source if peer.checkout else name)
                if not made:
                    continue
                path = Path(tmp) / f"{name}.{'cc' if made[1] else 'c'}"
                path.write_text(made[0])
                try:
                    builder.stage(peer)
                    builder.probe(peer)
                    command = [*((builder.cxx, "-std=c++17") if made[1] else (cc, "-std=gnu17")), *builder.cflags(peer), "-c", path]
                    jobs += [(name, cc, level, [*command, level]) for level in LEVELS]
                except Skip as reason:
                    skipped.append(str(reason))
        taken = {job[:3]: [] for job in jobs}
        for _ in range(rounds):
            for name, cc, level, command in jobs:
                taken[name, cc, level].append((*compile_once([*command, "-o", f"{tmp}/o.o"]), text_size(f"{tmp}/o.o")))
        for (name, cc, level), values in taken.items():
            seconds, megabytes, size = zip(*values)
            samples.append({"peer": name, "cc": cc, "level": level, "seconds": statistics.median(seconds), "megabytes": max(megabytes),
                            "bytes": size[-1]})  # fmt: skip
    return samples, list(dict.fromkeys(skipped))


def print_weight(samples):
    if not samples:
        return
    print(f"compile time (seconds of CPU) and code (bytes) of {FUNCTIONS} functions of five calls each and {FUNCTIONS} loops")
    columns = list(dict.fromkeys((s["cc"], s["level"]) for s in samples))
    rows = []
    for peer in dict.fromkeys(s["peer"] for s in samples):
        of = {(s["cc"], s["level"]): s for s in samples if s["peer"] == peer}
        rows.append([peer, *(f"{of[c]['seconds']:.2f} s {of[c]['bytes']:7d}" if c in of else "-" for c in columns)])
    print_rows(["", *(f"{cc} {level}" for cc, level in columns)], rows)
