"""Prints tables of results: medians, and theirs / ours."""

import math
import statistics

from peers import HASHES, OURS, TYPES

# The printed rows: (name, ours, theirs, label). If the two differ, our best operation is compared with theirs.
SPEED = [
    ("insert", "insert", "insert", "insert from empty"),
    ("insert_reserved", "insert_reserved", "insert_reserved", "insert, reserved"),
    ("reserve_insert", "reserve_insert", "reserve_insert", "reserve and insert"),
    ("hit", "hit", "hit", "hit"),
    ("hit_many", "hit_many", "hit", "hit, ours batched"),
    ("hit_dependent", "hit_dependent", "hit_dependent", "hit, dependent"),
    ("miss", "miss", "miss", "miss"),
    ("put_again", "put_again", "put_again", "put again: replace"),
    ("churn", "churn", "churn", "churn: erase + insert"),
    ("churn_miss", "churn_miss", "churn_miss", "miss after churn"),
    ("iterate", "iterate", "iterate", "iterate"),
    ("churn_iterate", "churn_iterate", "churn_iterate", "iterate after churn"),
    ("erase_hit", "erase_hit", "erase_hit", "erase half"),
    ("erase_miss", "erase_miss", "erase_miss", "erase, absent"),
    ("erase_all", "erase_all", "erase_all", "erase all"),
    ("erase_all_keep", "erase_all_keep", "erase_all", "erase all, ours keeps room"),
]
MEMORY = [
    ("bytes", "bytes", "bytes", "bytes per entry"),
    ("bytes_erased", "bytes_erased", "bytes_erased", "the same, 9 of 10 erased"),
]
SMALL = [
    ("hit", "hit: ns"),
    ("miss", "miss: ns"),
    ("toggle", "put and erase one, beside n - 1 others: ns a pair"),
    ("iterate", "a loop over the map: ns"),
    ("made", "made, n puts, finished: ns a map"),
    ("malloc", "bytes from malloc"),
    ("many", "bytes of memory a map, of a million"),
]
QUANTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "max"]


def fold(samples):
    """Returns {(task, type, sweep, n, peer, hash): {name: median}}. For the slowest operations, NAME.least is the smallest value: what a
    table takes even if the machine adds nothing to it."""
    cells = {}
    for s in samples:
        medians = {name: statistics.median(values) for name, values in s["values"].items()}
        medians.update({f"{name}.least": min(values) for name, values in s["values"].items() if name.endswith(".max")})
        cells[s["task"], s["type"], s["sweep"], s["n"], s["peer"], s["hash"]] = medians
    return cells


class Results:
    def __init__(self, results):
        self.cells = fold(results["samples"])
        self.peers = [p for p in results["titles"] if any(k[4] == p for k in self.cells)]
        self.titles = results["titles"]

    def value(self, task, type_name, sweep, n, peer, hash_name, name):
        hash_name = "default" if peer == OURS else hash_name
        return self.cells.get((task, type_name, sweep, n, peer, hash_name), {}).get(name)

    def ratio(self, task, type_name, sweep, n, peer, hash_name, row):
        _, ours, theirs, _ = row
        mine = self.value(task, type_name, sweep, n, OURS, hash_name, ours)
        other = self.value(task, type_name, sweep, n, peer, hash_name, theirs)
        return other / mine if mine and other else None

    def others(self, task, type_name, hash_name):
        """Returns the peers that a table of this hash has."""
        measured = {k[4] for k in self.cells if k[:2] == (task, type_name) and k[5] == hash_name}
        return [p for p in self.peers if p != OURS and p in measured]

    def ns(self, task, type_name, sweep):
        return sorted({k[3] for k in self.cells if k[:3] == (task, type_name, sweep)})

    def tables(self, task):
        """Returns (type, hash) of the tables to print."""
        types = [t for t in TYPES if any(k[:2] == (task, t) for k in self.cells)]
        return [(t, h) for h in HASHES for t in types if self.others(task, t, h)]

    def sweeps(self, task, type_name):
        return sorted({k[2] for k in self.cells if k[:2] == (task, type_name) and k[2]})

    def mean(self, task, type_name, sweep, peer, hash_name, row):
        """Returns (geometric mean, smallest) of the ratios of a sweep, or None."""
        ratios = [self.ratio(task, type_name, sweep, n, peer, hash_name, row) for n in self.ns(task, type_name, sweep)]
        ratios = [r for r in ratios if r]
        return (math.exp(statistics.mean(map(math.log, ratios))), min(ratios)) if ratios else None

    def worst(self, type_name, sweep, n):
        """Returns {peer: its slowest operation, growing or shrinking, in its best run}."""
        grow, shrink = (
            {p: self.value("latency", type_name, sweep, n, p, "default", f"{phase}.max.least") for p in self.peers}
            for phase in ("grow", "shrink")
        )
        return {p: max(grow[p], shrink[p]) for p in self.peers if grow[p] and shrink[p]}


def cell(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def print_rows(head, rows):
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        line = [row[0].ljust(widths[0])] + [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(line).rstrip())
    print()


def print_speed(r, type_name, hash_name):
    others = r.others("speed", type_name, hash_name)
    for n in r.ns("speed", type_name, None):
        print(f"{TYPES[type_name]}, n = {n}, {HASHES[hash_name]}: ours in ns per operation, then theirs / ours")
        rows = []
        for row in SPEED:
            ours = r.value("speed", type_name, None, n, OURS, hash_name, row[1])
            if ours is not None:
                ratios = [r.ratio("speed", type_name, None, n, p, hash_name, row) for p in others]
                rows.append([row[3], cell(ours, "{:.1f}"), *map(cell, ratios)])
        print_rows(["", OURS, *others], rows)


def print_means(r, type_name, hash_name, sweep):
    """Prints speed and memory over a sweep: the geometric mean of theirs / ours, with the smallest in parentheses."""
    others = r.others("speed", type_name, hash_name) or r.others("memory", type_name, hash_name)
    rows = []
    for task, listed in (("speed", SPEED), ("memory", MEMORY)):
        for row in listed:
            means = [r.mean(task, type_name, sweep, p, hash_name, row) for p in others]
            if any(means):
                rows.append([row[3], *(f"{m[0]:.2f} ({m[1]:.2f})" if m else "-" for m in means)])
    if rows:
        points = len(r.ns("speed", type_name, sweep) or r.ns("memory", type_name, sweep))
        print(f"{TYPES[type_name]}, {points} sizes from {sweep} to {2 * sweep}, {HASHES[hash_name]}: geometric mean of theirs / ours (smallest)")
        print_rows(["", *others], rows)


def print_memory(r, type_name, sweep):
    """Each with its own hash. The mean is over a doubling, because a table doubles somewhere in it, and where depends on n."""
    rows = []
    for peer in r.peers:
        full, erased = (
            [r.value("memory", type_name, sweep, n, peer, "default", name) for n in r.ns("memory", type_name, sweep)]
            for name in ("bytes", "bytes_erased")
        )
        if full and None not in full + erased:
            figures = [statistics.mean(full), min(full), max(full), statistics.mean(erased)]
            rows.append([r.titles[peer], *(f"{v:.1f}" for v in figures)])
    if rows:
        print(f"{TYPES[type_name]}: bytes per entry, {sweep} to {2 * sweep} entries; and per entry left when 9 of 10 were erased")
        print_rows(["", "mean", "least", "most", "9 of 10 erased"], rows)


def print_small(r, type_name):
    others = r.others("small", type_name, "default")
    for name, label in SMALL:
        rows = []
        for n in r.ns("small", type_name, None):
            ours = r.value("small", type_name, None, n, OURS, "default", name)
            if ours is not None:
                ratios = [r.ratio("small", type_name, None, n, p, "default", (name, name, name, label)) for p in others]
                rows.append([f"n = {n}", cell(ours, "{:.1f}"), *map(cell, ratios)])
        if rows:
            print(f"{TYPES[type_name]}, small maps, each with its own hash: {label}; ours, then theirs / ours")
            print_rows(["", OURS, *others], rows)


def print_latency(r):
    for key in sorted({k[1:4] for k in r.cells if k[0] == "latency"}):
        type_name, sweep, n = key
        for phase, what in (("grow", f"insert, empty to {n}"), ("shrink", f"erase, {n} to empty"), ("empty", "nothing, in the same loop")):
            print(f"{TYPES[type_name]}, single operations in ns: {what}")
            rows = []
            for p in r.peers:
                values = [r.value("latency", type_name, sweep, n, p, "default", f"{phase}.{q}") for q in QUANTILES]
                if None not in values:
                    rows.append([r.titles[p], *(f"{v:.0f}" for v in values)])
            print_rows(["", *QUANTILES], rows)
        print_worst(r, type_name, sweep, n)


def print_worst(r, type_name, sweep, n):
    worst = r.worst(type_name, sweep, n)
    if OURS in worst:
        print(f"{TYPES[type_name]}: the slowest operation, empty to {n} and back, in the best run of each")
        rows = [[r.titles[p], f"{v / 1000:.1f}", cell(v / worst[OURS], "{:.1f}")] for p, v in worst.items()]
        print_rows(["", "us", "theirs / ours"], rows)


def print_all(results):
    m, v = results["machine"], results["versions"]
    print(f"{m['cpu']}, {m['cpus']} CPUs, Linux {m['kernel']}, {m['date']}, {m['commit']}; {v['compiler']}, {v['flags']}\n")
    r = Results(results)
    for table in r.tables("speed"):
        print_speed(r, *table)
    for type_name, hash_name in r.tables("speed") or r.tables("memory"):
        for sweep in r.sweeps("speed", type_name) or r.sweeps("memory", type_name):
            print_means(r, type_name, hash_name, sweep)
    for type_name in dict.fromkeys(t for t, _ in r.tables("memory")):
        for sweep in r.sweeps("memory", type_name):
            print_memory(r, type_name, sweep)
    for type_name in dict.fromkeys(t for t, _ in r.tables("small")):
        print_small(r, type_name)
    print_latency(r)
    return r


def print_left_out(results):
    for line in results["skipped"]:
        print(f"skipped: {line}")
    for line in results["wrong"]:
        print(f"FAILED: {line}")
