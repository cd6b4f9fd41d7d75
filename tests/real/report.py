"""Checks of the records of a trace: what holds for every program, and what one site must have removed."""

import collections
import json

from harness import check, same, shorten, SHOWN


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
