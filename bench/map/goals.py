"""What tophash is to reach, and what it does: u64 -> u64, each table with its own hash."""

from peers import OURS
from report import MEMORY, SPEED, cell, print_rows

FLOOR = 0.7  # of every single ratio
SLOWER = ("glib", "uthash", "stb_ds", "robin_map")
ROWS = {row[0]: ("speed", row) for row in SPEED} | {row[0]: ("memory", row) for row in MEMORY}

BOOST = {
    "hit": 0.95, "miss": 0.95, "hit_dependent": 1.0, "churn": 1.05, "iterate": 1.05, "insert_reserved": 0.95,
    "insert": 0.75, "erase_all_keep": 0.85, "bytes": 1.0,
}  # fmt: skip
AHEAD = ("hit", "miss", "churn", "iterate", "bytes_erased")
ERASE_ALL = 0.5  # of everybody's, although memory is given back meanwhile
BATCHED, BATCHED_FROM = 1.25, 1_000_000  # of boost's single hits
WORST = 300  # times shorter than the best of C's, C++'s and Rust's tables
WORST_GO = 1.0  # Go's maps, too, grow step by step
P99 = 5  # times boost's at most, while growing


def wanted(peer):
    """{row: least geometric mean} against this peer."""
    if peer == "boost":
        goals = dict(BOOST)
    elif peer in SLOWER:
        goals = {name: 1.0 for name in ROWS if name not in ("hit_many", "erase_all", "reserve_insert")}
        if peer == "stb_ds":  # nobody walks faster over entries than an array of them
            del goals["iterate"], goals["churn_iterate"]
    else:
        goals = {name: 1.0 for name in AHEAD}
    goals.setdefault("erase_all", ERASE_ALL)
    return goals


def print_short(title, goals):
    """goals: [(what, texts, reached)]. Only what is short is listed."""
    if goals:
        short = [[what, *texts] for what, texts, reached in goals if not reached]
        print(f"goals, {title}: {len(goals) - len(short)} of {len(goals)} reached" + ("; short are" if short else ""))
        print_rows(["", "theirs / ours", "wanted"], short) if short else print()


def means(r, sweep):
    """Geometric means; in parentheses the smallest, which has a goal of its own."""
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


def print_goals(r):
    for sweep in r.sweeps("speed", "u64"):
        print_short(f"{sweep} to {2 * sweep} entries (smallest: at least {FLOOR})", list(means(r, sweep)))
    print_short("batches", list(batched(r)))
    for n in r.ns("latency", "u64", None):
        print_short(f"single operations, empty to {n} and back", list(single(r, n)))
