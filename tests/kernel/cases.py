"""The cases. Each is a script for the guest, and a function that judges its results. run.py tells where the other modules are."""

import json
import re

import case
import compare
import moving
import run as matrix
import sample
from machine import text
from run import Failed

OLDEST = (5, 15)  # that tophash says it runs on
COLLAPSE = (6, 1)  # a program can make large pages
MULTI = (6, 11)  # from here on one link holds all probes of a role
TELLS = (6, 15)  # from here on the kernel tells everybody how a process ended


class Case:
    """A case. `script` runs in the guest, in its own folder (guest.sh has helpers). judge(folder) returns (differences, note)."""

    def __init__(self, name, script, judge):
        self.name, self.script, self.judge = name, script, judge


def code(folder, name="code"):
    return int(text(folder, name) or -1)


def report(folder, name="report", want=0):
    """Returns the records, and checks that tophash ended as it should."""
    got, err = code(folder, f"{name}.code" if (folder / f"{name}.code").exists() else "code"), text(folder, f"{name}.err") or text(folder, "err")
    if got != want:
        raise Failed(f"tophash ended with {got}, should be {want}: {err.strip()[-500:]}")
    return compare.read_report(folder / name)


def events_of(records):
    return [r for r in records if r.get("event") in ("delete", "clear")]


def end_of(records):
    return next(r for r in records if r.get("event") == "end")


def differ(what, got, want):
    return [] if got == want else [f"{what} {got!r}, should be {want!r}"]


def kinds(name, v, misses, script, untold=False):
    """With `untold`, the exit code may be unknown."""

    def judge(folder):
        truth, records = json.loads(text(folder, "truth")), report(folder)
        for r in records:
            if untold and r["event"] == "exit" and r["code"] is None:
                r["code"] = 0
        diffs, foreign = compare.compare(records, truth, "default", misses)
        t = truth["totals"]
        note = f"{len(truth['cases'])} cases, {t['removed']} removed, {t['missed']} missed, {t['cleared']} cleared"
        return diffs, note + (f", {foreign} others" if foreign else "")

    return Case(f"{v}-kinds-{name}", script, judge)


def busy(v, what, ops=2000):
    def judge(folder):
        did = json.loads(text(folder, "out"))
        note = f"{did['removed']} removed, {did['missed']} missed, {did['cleared']} cleared"
        return matrix.totals(report(folder), 0, did["removed"], did["missed"], did["cleared"]), note

    return Case(f"{v}-busy-{what}", f"start --misses -- /t/{v}/busy -mode {what} -ops {ops}", judge)


def pages(v, rounds=3000):
    """The kernel moves the program's pages all the time, and no kernel program can read them then."""

    def judge(folder):
        return moving.judge(report(folder), 0, json.loads(text(folder, "out").splitlines()[0]), True)

    return Case(f"{v}-pages", f"start --misses -- /t/{v}/moving -rounds {rounds}", judge)


def did_of(out):
    """Returns (removed, missed, cleared), which steps prints at its end."""
    return tuple(map(int, re.findall(r"removed=(\d+) missed=(\d+) cleared=(\d+)", out)[-1]))


def steps(v):
    def judge(folder):
        records, did = report(folder), did_of(text(folder, "out"))
        diffs = matrix.totals(records, code(folder, "program.code"), *did)
        if not any(e.get("key") == "user:42" and e.get("removed") for e in records):
            diffs.append("no event for user:42")
        return diffs, "removed {}, missed {}, cleared {}".format(*did)

    lines = r"5\nmiss 3\nkey user:42\ngo 4\nmiss 1\nclear\n2\n"
    script = f"begin /t/{v}/steps\nattach report --misses -p $program\ntell '{lines}'\nend\ndetach '' report"
    return Case(f"{v}-attach", script, judge)


def by_process():
    """Returns the judge of a case with two processes, out and out2, of which nothing may be missed."""

    def judge(folder):
        records, want = report(folder), {}
        for name in ("out", "out2"):
            out = text(folder, name)
            want[int(re.match(r"ready (\d+)", out)[1])] = did_of(out)
        got = {}
        for pid in sorted({e["pid"] for e in events_of(records)}):
            n = case.Case.summed([e for e in events_of(records) if e["pid"] == pid])
            got[pid] = n[0], n[1], n[4]
        diffs = differ("(removed, missed, cleared) by process", got, want) + compare.end_record(records, events_of(records))
        diffs += differ("gaps", end_of(records)["gaps"], 0)
        return diffs, "; ".join("removed {}, missed {}, cleared {}".format(*n) for n in want.values())

    return judge


def with_second(name, v, args, judge):
    """Returns a case with a process that already runs, and one that starts later."""
    script = f"""begin /t/{v}/steps
attach report --misses {args}
tell '5\\nmiss 2\\n'
printf '7\\nmiss 1\\nclear\\n' | /t/{v}/steps >out2
tell '3\\n'
end
usleep 300000
detach TERM report"""
    return Case(f"{v}-{name}", script, judge)


def binary(v):
    """-b: both processes have a start record, too."""
    both = by_process()

    def judge(folder):
        diffs, note = both(folder)
        pids = [int(re.match(r"ready (\d+)", text(folder, name))[1]) for name in ("out", "out2")]
        starts = sorted(r["pid"] for r in report(folder) if r["event"] == "start")
        return diffs + differ("start records", starts, sorted(pids)), note

    return with_second("binary", v, f"-b /t/{v}/steps", judge)


def user(v):
    """--uid"""
    return with_second("user", v, "--uid 0", by_process())


def group(v):
    """--cgroup: a process that already runs, one that starts later, and one outside."""
    script = f"""[ -d /cg/g ] || {{ mkdir -p /cg && mount -t cgroup2 cgroup2 /cg && mkdir /cg/g; }}
begin /t/{v}/steps
echo $program >/cg/g/cgroup.procs
attach report --misses --cgroup /cg/g
tell '5\\nmiss 2\\n'
printf '7\\nmiss 1\\nclear\\n' | sh -c 'echo $$ >/cg/g/cgroup.procs; exec /t/{v}/steps' >out2
printf '9\\nmiss 1\\n' | /t/{v}/steps >out3
tell '3\\n'
end
usleep 300000
detach TERM report"""
    return Case(f"{v}-group", script, by_process())


def detached(v, signal):
    """Nothing stays behind in the program. It continues, and can be traced again."""
    killed = signal == "KILL"

    def judge(folder):
        first, then = text(folder, "attached").split(), text(folder, "detached").split()
        diffs = differ("bytes under the probes while attached", set(first), {"cc"})
        if "cc" in then or len(then) != len(first):
            diffs.append(f"bytes under the probes afterwards {then}")
        diffs += differ("exit code", code(folder, "report.code"), 137 if killed else 0)
        if not killed:
            diffs += matrix.totals(report(folder), 0, 5, 0, 0)
        diffs += matrix.totals(report(folder, "again"), code(folder, "program.code"), 4, 0, 0)
        return diffs, f"{len(first)} probes off, the program goes on"

    script = f"""begin /t/{v}/steps
addresses >addresses
attach report -p $program
bytes >attached
tell '5\\n'
wait_for 'done 5' out
detach {signal} report
restored detached
tell '6\\n'
wait_for 'done 6' out
attach again -p $program
tell '4\\n'
end
detach '' again"""
    return Case(f"{v}-{'killed' if killed else 'detach'}", script, judge)


def filtered(v, name, script, hits, keys):
    """keys: the keys of the events, sorted."""

    def judge(folder):
        records = report(folder)
        got = sorted(e.get("key") for e in events_of(records))
        end = end_of(records)
        diffs = compare.end_record(records, events_of(records)) + differ("keys", got, sorted(keys))
        diffs += differ("(hits, filtered)", (end["hits"], end["filtered"]), (hits, hits - len(keys)))
        return diffs, f"{len(got)} of {hits}"

    return Case(f"{v}-{name}", script, judge)


def filters(v):
    def told(option, lines):
        return f"begin /t/{v}/steps\nattach report {option} -p $program\ntell '{lines}'\nend\ndetach '' report"

    long = "x" * 70
    yield filtered(v, "key-string", told("--key step:3", r"10\n"), 10, ["step:3"])
    yield filtered(v, "key-long", told(f"--key {long}", rf"3\nkey {long}\nkey {long[1:]}\nkey {long[1:]}y\n"), 6, [long[:64]])
    yield filtered(v, "key-prefix", told("--key-prefix step:1", r"20\n"), 20, ["step:1", *(f"step:{n}" for n in range(10, 20))])
    yield filtered(v, "key-int", f"start --key 7 -- /t/{v}/busy -mode int -ops 5000", 5000, [7] * 5)
    yield filtered(v, "type", f"start --type map[string]bool -- /t/{v}/busy -mode int -ops 500", 500, [])


def loads(v):
    """Loads the programs with other constants. The verifier then checks other paths."""
    options = [
        "--stack 1",
        "--stack 512 --key-bytes 256",
        "--misses --stack 512 --key-bytes 256",
        "--misses --key 7 --type map[int]int --stack 512 --key-bytes 256",
        "--misses --key-prefix " + "p" * 100,
        "--map 0xc000000000 --goid 1",
        "--site main.deleteInt --limit 1000000",
        "--summary=key --type map[*",
        "--summary",
        "--summary=type --stack 1 --misses --key 7 --type map[int]*",
        "--summary --map 0xc000000000 --goid 1 --key-prefix " + "p" * 100,
    ]

    def judge(folder):
        diffs = []
        for i, o in enumerate(options):
            try:
                end = end_of(report(folder, f"report{i}"))
                sums = end["delivered"] + end["filtered"] + sum(end["lost"].values())
                diffs += [f"{o}: {d}" for d in differ("(hits, removed)", (end["hits"], end["removed"]), (sums, 200))]
            except Failed as e:
                diffs.append(f"{o}: {e}")
        return diffs, f"{len(options)} ways"

    def script(i, o):
        return f"(tracer --format json -o report{i} {o} -- /t/{v}/busy -mode int -ops 200) >out{i} 2>report{i}.err\necho $? >report{i}.code"

    return Case(f"{v}-loads", "\n".join(script(i, o) for i, o in enumerate(options)), judge)


def growths(steps):
    """Returns what the steps of a map say of each of its growths: (length, buckets or tables before and after, elements that were moved)."""
    if "buckets" not in steps[0]:
        return [(s["len"], s["directory_before"], s["directory"], sum(t["used"] for t in s["after"])) for s in steps]
    moved, buckets = {}, {}
    for s in steps:
        if s["step"] == "evacuate":
            old = s["old_buckets"]
            moved[old] = moved.get(old, 0) + s["moved"]
            buckets.setdefault(old, []).append(s["bucket"])
    grown = [s for s in steps if s["step"] == "grow"]
    once = all(sorted(buckets[old]) == list(range(old)) for old in buckets)
    return [(s["len"], s["buckets_before"], s["buckets"], moved.get(s["buckets_before"]) if once else None) for s in grown]


def watch(v):
    """maps --watch: a map that is empty gets 1,000 elements."""
    # A classic map with more than one bucket grows when it has more than 6.5 elements for each; a table of a Swiss map when seven eighths of it
    # are full (Go, runtime/map.go and internal/runtime/maps/table.go). A table of 1,024 slots is split.
    swiss = sample.is_swiss(v)
    want = [(n, int(n > 8), 1 + (n == 896), n) for n in (8, 14, 28, 56, 112, 224, 448, 896)]
    if not swiss:
        want = [(8, 1, 2, 8)] + [(13 << n, 2 << n, 4 << n, 13 << n) for n in range(7)]

    def judge(folder):
        records = [json.loads(line) for line in text(folder, "watch").splitlines()]
        if not records:
            raise Failed(text(folder, "watch.err").strip()[-500:] or "no record")
        steps = [r for r in records if r["event"] == "step"]
        if not steps:
            raise Failed(f"no step: {records} {text(folder, 'watch.err').strip()[-500:]}")
        diffs = differ("exit code", code(folder, "watch.code"), 0) + differ("unread", [s for s in steps if "unread" in s], [])
        diffs += differ("the end", records[-1], {"event": "end", "steps": len(steps), "lost": 0})
        return diffs + differ("growths", growths(steps), want), f"{len(steps)} steps, {len(want)} growths"

    script = f"""begin /t/{v}/steps
attach report --misses -p $program
tell '5\\n'
wait_for 'done 5' out
detach TERM report
map=$(grep -o -m 1 '"map":"0x[0-9a-f]*"' report | cut -d'"' -f4)
(watcher --format json -p $program --watch $map >watch 2>watch.err) &
tracer=$!
wait_for '"watch"' watch
tell '1000\\n'
wait_for 'done 1000' out
detach TERM watch
end"""
    return Case(f"{v}-watch", script, judge)


def lost(v):
    """A ring that is too small, and nobody who empties it."""

    def judge(folder):
        end = end_of(report(folder, want=5))
        n = sum(end["lost"].values())
        diffs = differ("hits", end["hits"], 3000) + differ("delivered + lost", end["delivered"] + n, 3000)
        return diffs + ([] if 0 < n < 3000 else [f"lost {n}"]), f"{end['delivered']} delivered, {n} lost"

    script = f"""begin /t/{v}/steps
attach report --buffer 64K -p $program
kill -STOP $tracer
tell '3000\\n'
wait_for 'done 3000' out
kill -CONT $tracer
end
detach '' report"""
    return Case(f"{v}-lost", script, judge)


def exits(v, refused):
    """Exit codes and one line of reason."""
    rows = [
        ("usage", 2, "tophash trace --limit many -p 1"),
        ("no-process", 3, "tophash trace -p 999999"),
        ("no-go", 3, "tophash trace -- /bin/busybox true"),
        ("no-privilege", 4, f'su -s /bin/sh nobody -c "tophash trace -- /t/{v}/busy -mode int -ops 5"'),
    ]
    if not refused:
        rows += [("status", 0, f"echo exit 7 | tophash trace --format json -- /t/{v}/steps")]

    def judge(folder):
        diffs = []
        for name, want, _ in rows:
            diffs += differ(f"{name}: exit code", code(folder, f"{name}.code"), want)
            lines = text(folder, f"{name}.err").splitlines()
            if want and len(lines) != 1 and name != "usage":
                diffs.append(f"{name}: stderr {lines}")
        if not refused and not re.search(r'^{"event":"exit",.*"code":7}$', text(folder, "status.out"), re.M):
            diffs.append("status: no exit record with code 7")
        return diffs, ", ".join(f"{name} {want}" for name, want, _ in rows)

    script = "\n".join(f"{command} >{name}.out 2>{name}.err\necho $? >{name}.code" for name, _, command in rows)
    return Case(f"{v}-exits", script, judge)


def dry(v):
    def judge(folder):
        out = text(folder, "out")
        diffs = differ("exit code", code(folder), 0) + differ("stderr", text(folder, "err"), "")
        found = re.findall(r"^(\w+) +0x[0-9a-f]+ +\S+\+\d+ ", out, re.M)
        diffs += [] if {"removal", "clear"} <= set(found) else [f"output {out!r}"]
        return diffs, f"{len(found)} probes"

    return Case(f"{v}-dry-run", f"tophash trace --dry-run -b /t/{v}/busy >out 2>err\necho $? >code", judge)


def refusals(v):
    """The kernel is too old: exit code 4, one line that names the version, and the program continues."""

    def judge(folder):
        diffs, line = [], ""
        for name in ("start", "attach", "binary"):
            lines = text(folder, f"{name}.err").splitlines()
            diffs += differ(f"{name}: exit code", code(folder, f"{name}.code"), 4)
            if len(lines) != 1 or "Linux {}.{} or later".format(*OLDEST) not in lines[0]:
                diffs.append(f"{name}: stderr {lines}")
            line = lines[0] if lines else ""
        diffs += differ("the program's (removed, missed, cleared)", did_of(text(folder, "out")), (5, 0, 0))
        return diffs + differ("its exit code", code(folder, "program.code"), 0), line

    script = f"""(tracer -- /t/{v}/busy -mode int -ops 5) >start.out 2>start.err
echo $? >start.code
begin /t/{v}/steps
for how in "attach -p $program" "binary -b /t/{v}/steps"; do
	(tracer ${{how#* }}) >${{how%% *}}.out 2>${{how%% *}}.err
	echo $? >${{how%% *}}.code
done
tell '5\\n'
end"""
    return Case(f"{v}-refused", script, judge)


def doctor(v, kernel):
    """What doctor says of this kernel is what trace then does."""
    want = 4 if kernel < OLDEST else 0

    def judge(folder):
        diffs = differ("exit code of doctor", code(folder, "doctor.code"), want) + differ("of trace", code(folder), want)
        rows = {r.get("check"): r for r in map(json.loads, text(folder, "doctor").splitlines())}
        diffs += differ("the kernel's state", rows["kernel"]["state"], "fails" if want else "ok")
        diffs += differ("uprobe multi", rows["uprobe multi"]["found"], "yes" if kernel >= MULTI else "no")
        diffs += differ("state of the programs", rows["programs"]["state"], "fails" if want else "ok")
        if not want:
            diffs += differ("state of a probe", rows["probes"]["state"], "ok")
        return diffs, rows["kernel"]["why"] or "ok"

    script = f"""tophash doctor --format json /t/{v}/busy >doctor 2>doctor.err
echo $? >doctor.code
start -- /t/{v}/busy -mode int -ops 5"""
    return Case(f"{v}-doctor", script, judge)


def cases_of(kernel, versions):
    """Returns the cases for a kernel of this version."""
    for v in versions:
        yield dry(v)
        if kernel < OLDEST:
            yield refusals(v)
            continue
        command = f"/t/{v}/kinds -truth truth"
        calm = f"{command} -only basic,special,ways,later"  # without stress, whose reports take long through a serial port
        yield kinds("misses", v, True, f"start --misses -- {command} -now")
        yield kinds("removals", v, False, f"start -- {command} -now")
        attached = f"begin {calm}\nattach report --misses -p $program\ntell '\\n'\nend\ndetach '' report"
        yield kinds("attach", v, True, attached, kernel < TELLS)
        for what in ("int", "string", "pointer", "miss", "clear"):
            yield busy(v, what)
        yield steps(v)
        if kernel >= COLLAPSE:
            yield pages(v)
        yield binary(v)
        yield group(v)
        yield user(v)
        yield watch(v)
        yield from filters(v)
        yield detached(v, "TERM")
        if kernel >= MULTI:
            yield kinds("old-way", v, True, f"export TOPHASH_NO_MULTI=1\nstart --misses -- {calm} -now")
    v = versions[-1]
    yield exits(v, kernel < OLDEST)
    yield doctor(v, kernel)
    if kernel >= OLDEST:
        yield detached(v, "KILL")
        yield loads(v)
        yield lost(v)
