"""Compares tophash with its goals: u64 -> u64, each table with its own hash."""

from peers import OURS
from report import MEMORY, SMALL, SPEED, cell, print_rows

FLOOR = 0.7  # for every single ratio
SLOWER = ("glib", "uthash", "stb_ds", "robin_map")
ROWS = {row[0]: ("speed", row) for row in SPEED} | {row[0]: ("memory", row) for row in MEMORY}

BOOST = {
    "hit": 0.95, "miss": 0.95, "hit_dependent": 1.0, "churn": 1.05, "iterate": 1.05, "insert_reserved": 0.95,
    "insert": 0.75, "erase_all_keep": 0.85, "bytes": 1.0,
}  # fmt: skip
# Against the newest boost. Memory is freed during erase_all.
BOOST_NEW = {
    "hit": 0.9, "miss": 0.9, "hit_dependent": 0.95, "churn": 1.0, "iterate": 1.0, "erase_all_keep": 1.0, "erase_all": 0.5,
}  # fmt: skip
AHEAD = ("hit", "miss", "churn", "iterate", "bytes_erased")
ERASE_ALL = 0.5  # of any table, although memory is freed during it
BATCHED, BATCHED_FROM = 1.25, 1_000_000  # of boost's single hits
WORST = 300  # times shorter than in the best table of C, C++ and Rust
WORST_GO = 1.0  # Go's maps, too, grow step by step
P99 = 5  # times boost's at most, while growing
# Small maps: at most this many times the best of these.
BOOSTS, ABSLS, ANKERLS = ("boost", "boost_new"), ("absl", "absl_new"), ("ankerl", "ankerl_new")
QUICK_TO_MAKE = (*BOOSTS, *ANKERLS)
LEAN = (*BOOSTS, *ABSLS, *ANKERLS, "verstable")
SMALL_TIME, SMALL_BYTES, SMALL_MOST = 1.5, 1.2, 256
# A hash of the user: at least this part of the best of LEAN.
OWN_HASH, OWN_ROWS = 0.9, ("hit", "miss", "put_again", "churn")
# Compiling, relative to Verstable.
WEIGHT, WEIGHT_OF = {"-O0": 3.0, "-O2": 1.5}, "verstable"


def wanted(peer):
    """Returns {row: smallest geometric mean} against this peer."""
    if peer == "boost":
        goals = dict(BOOST)
    elif peer == "boost_new":
        goals = dict(BOOST_NEW)
    elif peer == "base":
        return {}
    elif peer in SLOWER:
        goals = {name: 1.0 for name in ROWS if name not in ("hit_many", "erase_all", "reserve_insert")}
        if peer == "stb_ds":  # no table walks faster over entries than an array of them
            del goals["iterate"], goals["churn_iterate"]
    else:
        goals = {name: 1.0 for name in AHEAD}
        if peer in (*ANKERLS, "emhash"):  # their entries are a dense array
            del goals["iterate"]
    goals.setdefault("erase_all", ERASE_ALL)
    return goals


def print_short(title, goals):
    """Returns goals as [(what, texts, reached)]. Only goals that were missed are listed."""
    if goals:
        short = [[what, *texts] for what, texts, reached in goals if not reached]
        print(f"goals, {title}: {len(goals) - len(short)} of {len(goals)} reached" + ("; short are" if short else ""))
        print_rows(["", "theirs / ours", "wanted"], short) if short else print()


def means(r, sweep):
    """Formats geometric means; in parentheses the smallest ratio, which has its own goal."""
    for peer in r.others("speed", "u64", "default"):
        for name, least in wanted(peer).items():
            task, row = ROWS[name]
            mean = r.mean(task, "u64", sweep, peer, "default", row)
            if mean:
                reached = mean[0] >= least and mean[1] >= min(FLOOR, least)
                yield f"{peer}: {row[3]}", [f"{mean[0]:.2f} ({mean[1]:.2f})", cell(least)], reached


def batched(r):
    for n in r.ns("speed", "u64", None):
        ratio = r.ratio("speed", "u64", None, n, "boost", "default", ROWS["hit_many"][1])
        if ratio and n >= BATCHED_FROM:
            yield f"boost: hit, ours batched, n = {n}", [cell(ratio), cell(BATCHED)], ratio >= BATCHED


def single(r, n):
    worst = r.worst("u64", None, n)
    ours = worst.pop(OURS, None)
    stepwise = {p: v for p, v in worst.items() if p.startswith("go")}
    others = {p: v for p, v in worst.items() if p not in stepwise}
    if not ours:
        return
    if others:
        best = min(others, key=others.get)
        ratio = others[best] / ours
        yield f"{best} (the best): slowest operation", [cell(ratio, "{:.1f}"), cell(WORST, "{:.1f}")], ratio >= WORST
    for peer, value in stepwise.items():
        yield f"{peer}: slowest operation", [cell(value / ours, "{:.1f}"), cell(WORST_GO, "{:.1f}")], value >= ours * WORST_GO
    p99 = [r.value("latency", "u64", None, n, p, "default", "grow.p99") for p in (OURS, "boost")]
    if None not in p99:
        yield "boost: p99 of inserts", [cell(p99[1] / p99[0]), cell(1 / P99)], p99[0] <= P99 * p99[1]


def best_of(r, task, type_name, n, peers, name):
    """Returns (peer, value) of the smallest, or None."""
    values = [(r.value(task, type_name, None, n, p, "default", name), p) for p in peers]
    values = [v for v in values if v[0] is not None]
    return min(values)[::-1] if values else None


def against_best(r, task, type_name, n, peers, row, least):
    """Returns one goal: theirs / ours, compared with the best of these peers."""
    name, label = row
    best, ours = best_of(r, task, type_name, n, peers, name), r.value(task, type_name, None, n, OURS, "default", name)
    if best and ours:
        yield f"n = {n}, {best[0]} (the best): {label}", [cell(best[1] / ours), cell(least)], best[1] / ours >= least


def small(r):
    if not r.ns("small", "u64", None):
        return
    rows = dict(SMALL)
    everybody = r.others("small", "u64", "default")
    for n, name in ((1, "made"), (1, "toggle"), (4, "iterate")):
        yield from against_best(r, "small", "u64", n, QUICK_TO_MAKE, (name, rows[name]), 1 / SMALL_TIME)
    for n in range(1, 9):
        yield from against_best(r, "small", "u64", n, LEAN, ("malloc", rows["malloc"]), 1 / SMALL_BYTES)
        ours = r.value("small", "u64", None, n, OURS, "default", "malloc")
        if ours:
            # Each has a 4096th of the array in which they are, which is rounded up to pages.
            reached = int(ours) <= SMALL_MOST
            yield f"n = {n}: bytes from malloc, at most {SMALL_MOST}", [cell(SMALL_MOST / ours), cell(1)], reached
    yield from against_best(r, "small", "u64", 3, [p for p in everybody if p != "base"], ("many", rows["many"]), 1 / SMALL_BYTES)


def own_hash(r):
    for n in r.ns("speed", "own", None):
        for name in OWN_ROWS:
            yield from against_best(r, "speed", "own", n, LEAN, (name, ROWS[name][1][3]), OWN_HASH)


def weighed(samples):
    of = {(s["cc"], s["level"], s["peer"]): s for s in samples}
    for (cc, level, peer), ours in of.items():
        theirs = of.get((cc, level, WEIGHT_OF))
        if peer == OURS and theirs:
            for what in ("seconds", "bytes"):
                ratio = theirs[what] / ours[what]
                yield f"{cc} {level}, {WEIGHT_OF}: {what}", [cell(ratio), cell(1 / WEIGHT[level])], ratio >= 1 / WEIGHT[level]


def print_goals(r, weights):
    for sweep in r.sweeps("speed", "u64"):
        print_short(f"{sweep} to {2 * sweep} entries (smallest: at least {FLOOR})", list(means(r, sweep)))
    print_short("batches", list(batched(r)))
    for n in r.ns("latency", "u64", None):
        print_short(f"single operations, empty to {n} and back", list(single(r, n)))
    print_short("small maps", list(small(r)))
    print_short("a hash of the user's", list(own_hash(r)))
    print_short("compile time and code size", list(weighed(weights)))
