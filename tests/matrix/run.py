#!/usr/bin/env python3
"""Traces the target programs, built by every Go in every way, and compares every event with what the programs know they did.

  tests/matrix/run.py                             everything (root)
  tests/matrix/run.py --quick                     some Go versions, two builds, one mode
  tests/matrix/run.py --go 1.26 --variant pie,cgo --mode attach
  tests/matrix/run.py --check-truth               only the programs themselves: no tracer, no root
  tests/matrix/run.py --self-test                 only the comparison itself: no tracer, no Go, no root

Modes: `misses` starts the program under `tophash trace --misses`, `removals` without --misses, `attach` attaches to it while it waits on
its stdin. Prints one line for each combination, and the differences below it. Names toolchains that are not in the cache. Exit code: 0 all
passed, 1 some failed, 3 toolchains missing (and --allow-missing not given), 77 nothing could be run.
"""

import argparse
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
import case
import compare
import keys
import moving
import syncmap

MODES = ["misses", "removals", "attach"]
TIMEOUT = 180
SHOWN = 12  # differences shown of one combination


class Failed(Exception):
    pass


def why_not(tophash):
    """Returns why nothing can be traced here, or None."""
    if not Path(tophash).is_file():
        return f"{tophash} is not there (make)"
    if os.geteuid() != 0:
        return "not root"
    if not Path("/sys/bus/event_source/devices/uprobe").is_dir():
        return "the kernel has no uprobes"
    return None


# --- running -----------------------------------------------------------------------------------------------------------------------


def tail(path, n=3):
    return " | ".join(Path(path).read_text(errors="replace").strip().splitlines()[-n:])


# kinds races on purpose. A build with -race says so and would end with an exit code of its own.
os.environ["GORACE"] = "exitcode=0"


def stop(process):
    if process and process.poll() is None:
        process.kill()
        process.wait()


def finish(process, what, err):
    try:
        return process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        stop(process)
        raise Failed(f"{what} did not end within {TIMEOUT} s: {tail(err)}") from None


def wait_for_start(report, tracer, err):
    """Waits until the tracer has written its start record. Every probe is then attached."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if report.exists() and report.read_bytes().find(b'"start"') >= 0:
            return
        if tracer.poll() is not None:
            raise Failed(f"tophash ended with {tracer.returncode} before it was attached: {tail(err)}")
        time.sleep(0.02)
    raise Failed(f"no start record after 60 s: {tail(err)}")


def trace_start(tophash, args, command, folder):
    """Runs tophash trace ARGS -- COMMAND. Returns (records, exit code, output of the command)."""
    report, err, out = folder / "report", folder / "err", folder / "out"
    cmd = [tophash, "trace", "--format", "json", "-o", str(report), *args, "--", *map(str, command)]
    with open(err, "wb") as e, open(out, "wb") as o:
        p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=o, stderr=e)
        code = finish(p, "tophash", err)
    if code not in (0, 5):
        raise Failed(f"tophash ended with {code}: {tail(err)}")
    return compare.read_report(report), code, out.read_text(errors="replace")


def trace_attach(tophash, args, command, talk, folder):
    """Does the same for a program that already runs. talk(program) makes it work and end."""
    report, err, out = folder / "report", folder / "err", folder / "out"
    tracer = None
    with open(err, "wb") as e, open(out, "wb") as o:
        program = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=o, stderr=o)
        try:
            cmd = [tophash, "trace", "--format", "json", "-o", str(report), *args, "-p", str(program.pid)]
            tracer = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=e, stderr=e)
            wait_for_start(report, tracer, err)
            talk(program)
            code = finish(program, "the program", out)
            if code:
                raise Failed(f"the traced program ended with {code}: {tail(out)}")
            code = finish(tracer, "tophash", err)
        finally:
            stop(program)
            stop(tracer)
    if code not in (0, 5):
        raise Failed(f"tophash ended with {code}: {tail(err)}")
    return compare.read_report(report), code, out.read_text(errors="replace")


def say(program, text):
    program.stdin.write(text.encode())
    program.stdin.close()


def trace_truth(tophash, path, mode, folder):
    """Traces a program that writes its truth. Returns (records, exit code, truth)."""
    truth_file = folder / "truth"
    args = [] if mode == "removals" else ["--misses"]
    if mode == "attach":
        records, code, _ = trace_attach(tophash, args, [path, "-truth", truth_file], lambda p: say(p, "\n"), folder)
    else:
        records, code, _ = trace_start(tophash, args, [path, "-now", "-truth", truth_file], folder)
    if not truth_file.exists():
        raise Failed("the program wrote no truth: " + tail(folder / "out"))
    return records, code, json.loads(truth_file.read_text())


def with_truth(tophash, path, mode, variant, folder):
    """Tests kinds and cgo."""
    records, code, truth = trace_truth(tophash, path, mode, folder)
    diffs, foreign = compare.compare(records, truth, variant, mode != "removals")
    if code:
        diffs.append(f"exit code {code}")
    t = truth["totals"]
    note = f"{len(truth['cases'])} cases, {t['removed']} removed, {t['missed']} missed, {t['cleared']} cleared"
    return diffs, note + (f", {foreign} others" if foreign else "")


def sync_map(tophash, path, mode, variant, folder):
    records, code, truth = trace_truth(tophash, path, mode, folder)
    diffs = syncmap.compare_report(records, truth, mode != "removals", variant == "pgo-deep")
    if code:
        diffs.append(f"exit code {code}")
    return diffs, syncmap.note(truth)


def totals(records, code, removed, missed, cleared):
    """Returns the differences for programs that only know sums."""
    events = [r for r in records if r.get("event") in ("delete", "clear")]
    diffs = compare.end_record(records, events)
    mine = [e for e in events if any(case.is_program(f.get("func") or "") for f in e.get("stack") or [])]
    n = case.Case.summed(mine)
    if (n[0], n[1], n[4]) != (removed, missed, cleared):
        diffs.append(f"(removed, missed, cleared) {(n[0], n[1], n[4])}, should be {(removed, missed, cleared)}")
    if code:
        diffs.append(f"exit code {code}")
    return diffs


def busy(tophash, path, mode, variant, folder):
    diffs, notes = [], []
    for what in ("int", "string", "pointer", "miss", "clear"):
        sub = folder / what
        sub.mkdir()
        command = [path, "-mode", what, "-ops", "5000"]
        args = [] if mode == "removals" else ["--misses"]
        if mode == "attach":
            records, code, out = trace_attach(tophash, args, [*command, "-gate"], lambda p: say(p, "\n"), sub)
        else:
            records, code, out = trace_start(tophash, args, command, sub)
        did = json.loads(out)
        missed = 0 if mode == "removals" else did["missed"]
        diffs += [f"{what}: {d}" for d in totals(records, code, did["removed"], missed, did["cleared"])]
        notes.append(f"{what} {did['ops']}")
    return diffs, ", ".join(notes)


def steps(tophash, path, mode, variant, folder):
    def talk(p):
        say(p, "5\nmiss 3\nkey user:42\ngo 4\nmiss 1\nclear\n2\nexit 0\n")

    records, code, out = trace_attach(tophash, ["--misses"], [path], talk, folder)
    last = re.findall(r"removed=(\d+) missed=(\d+) cleared=(\d+)", out)[-1]
    diffs = totals(records, code, *map(int, last))
    if not any(e.get("key") == "user:42" and e.get("removed") for e in records):
        diffs.append("no event for user:42")
    return diffs, "removed {}, missed {}, cleared {}".format(*last)


def pages(tophash, path, mode, variant, folder):
    """Tests moving."""
    misses = mode != "removals"
    options = ["--misses"] if misses else []
    records, code, out = trace_start(tophash, options, [path], folder)
    diffs, note = moving.judge(records, code, json.loads(out), misses)
    two_maps = "internal/sync." not in Path(path).read_bytes().decode("latin-1")  # inside a sync.Map
    records, code, out = trace_start(tophash, options, [path, "-sync"], folder)
    diffs += moving.judge_sync(records, code, json.loads(out), misses, two_maps and not misses)[0]
    if misses or not two_maps:
        return diffs, note
    unread, more = protected(tophash, path, folder)
    return diffs + more, f"{note}; {unread}"


def protected(tophash, path, folder):
    """Runs moving until some of its removals inside a sync.Map could not be read, which takes a second processor at the right time."""
    for rounds in (10000, 30000, 100000):
        records, code, out = trace_start(tophash, [], [path, "-sync", "-protect", "-rounds", str(rounds)], folder)
        diffs, note = moving.judge_sync(records, code, json.loads(out), False, True)
        if diffs or " 0 of them" not in note:
            return note, diffs
    return note, ["no removal inside a sync.Map was unreadable"]


def sessions(tophash, path, mode, variant, folder):
    """Tests the question of the example: who deletes user:42?"""
    records, code, out = trace_start(tophash, ["--key", "user:42"], [path, "-seconds", "3"], folder)
    events = [e for e in records if e.get("event") == "delete"]
    diffs = compare.end_record(records, events)
    vanished = out.count("user:42 vanished")
    if not vanished or not vanished <= len(events) <= vanished + 1:
        diffs.append(f"{len(events)} events, but it vanished {vanished} times")
    for e in events:
        got = e.get("key"), [case.plain(f.get("func")) for f in e.get("stack", [])][:2]
        want = "user:42", ["main.(*store).drop", "main.(*store).refresh"]
        if got != want:
            diffs.append(f"(key, innermost functions) {got}, should be {want}")
            break
    if code:
        diffs.append(f"exit code {code}")
    return diffs, f"user:42 vanished {vanished} times"


RUNNERS = {
    "kinds": (with_truth, MODES),
    "cgo": (with_truth, MODES),
    "syncmap": (sync_map, MODES),
    "busy": (busy, ["misses", "removals"]),
    "steps": (steps, ["attach"]),
    "moving": (pages, ["misses", "removals"]),
    "sessions": (sessions, ["removals"]),
}


def no_go(tophash):
    """Programs that are not Go must be refused with exit code 3."""
    for name, path in build.build_nogo().items():
        if path is None:
            yield f"skip {name}: no C compiler"
            continue
        for how in ("start", "attach"):
            p = subprocess.Popen([str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                select.select([p.stdout], [], [], 10)
                target = ["-p", str(p.pid)] if how == "attach" else ["--", str(path), "now"]
                r = subprocess.run([tophash, "trace", *target], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            finally:
                stop(p)
            text = r.stderr.strip().splitlines()
            good = r.returncode == 3 and len(text) == 1
            yield ("ok   " if good else "FAIL ") + f"{name} {how}" + ("" if good else f": exit code {r.returncode}, should be 3; stderr {text}")


# --- the programs themselves -------------------------------------------------------------------------------------------------------


def check_program(version, variant, path, folder):
    """Checks that the truth of a program is consistent, and that the binary deletes where it says."""
    truth_file = folder / "truth"
    r = subprocess.run([str(path), "-now", "-truth", str(truth_file)], capture_output=True, text=True, timeout=TIMEOUT)
    if r.returncode:
        raise Failed(f"it ended with {r.returncode}: {r.stderr.strip()[-300:]}")
    truth = json.loads(truth_file.read_text())
    diffs = compare.check_truth(truth)
    note = f"{len(truth['cases'])} cases, {truth['totals']['removed']} removed"
    if variant == "stripped":
        return diffs, note
    go = build.CACHE / "go" / version / "bin" / "go"
    r = subprocess.run(
        [str(go), "tool", "objdump", "-s", r"^(main\.|maps\.DeleteFunc)", str(path)], capture_output=True, text=True, env=build.go_env(version)
    )
    if r.returncode:
        raise Failed(f"objdump: {r.stderr.strip()[-300:]}")
    calls = set(re.findall(r"^\s+(\S+:\d+)\s.*CALL (?:runtime\.)?(mapdelete|mapclear)", r.stdout, re.M))
    if not calls and variant == "pie":
        return diffs, note + ", its code cannot be read by this Go's objdump"
    for c in truth["cases"]:
        if c["way"].startswith("reflect") or c.get("func_alt"):
            continue
        clear = c["way"] == "clear" or c["way"] == "idiom" and variant not in compare.LOOPS
        line = c["delete_line"] if c["way"] == "idiom" and variant in compare.LOOPS else c["line"]
        call = f"{case.base(c['file'])}:{line}", "mapclear" if clear else "mapdelete"
        if call not in calls:
            near = sorted(x for x in calls if x[0].split(":")[0] == case.base(c["file"]) and abs(int(x[0].split(":")[1]) - line) < 4)
            diffs.append(f"{c['case']}: the binary has no {call[1]} at {call[0]}" + (f", but {near}" if near else ""))
    return diffs, note + f", {len(calls)} places in the binary"


# --- the comparison itself ---------------------------------------------------------------------------------------------------------


def perfect(truth, misses=True):
    """Returns the report of a perfect tracer."""
    swiss = compare.minor(truth["go"]) >= 24
    records = [
        {"event": "start", "schema": 2, "time_ns": "0", "wall_ns": "0", "pid": truth["pid"], "go": truth["go"], "layout": "swiss" if swiss else "classic", "stripped": False, "probes": [{}]}
    ]
    state = dict.fromkeys(case.SWISS_STATE if swiss else case.CLASSIC_STATE, 0)
    for c in truth["cases"]:
        g = c["goroutines"][0]
        for t in c["events"]:
            if t["removed"] or misses:
                e = {k: v for k, v in t.items() if k != "clear"}
                if isinstance(e.get("key"), str):
                    e["key"], cut = keys.text_key(e["key"].encode())
                    e.update({"key_cut": True} if cut else {})
                e.update(event="clear" if t.get("clear") else "delete", kind="go", time_ns=str(len(records)), pid=truth["pid"], tid=1, goid=g["goid"])
                e.update(map="0xc000", map_type=c["map_type"], gc="off", state=state, stack=c["stack"] + [{"func": "runtime.goexit"}])
                records.append(e)
    events = records[1:]
    removed, _, _, _, cleared = case.Case.summed(events)
    records.append({"event": "exit", "pid": truth["pid"], "code": 0})
    n = len(events)
    records.append({"event": "end", "hits": n, "delivered": n, "filtered": 0, "removed": removed, "cleared": cleared, "clears_unknown": 0,
                    "lost": {"ring_full": 0}})
    for r in records:
        r["time"] = f"1970-01-01T00:00:00.{int(r.get('time_ns', 0)):09}Z"
    return records


def self_test():
    """Every fault that is put into a perfect report must be found."""
    truth = json.loads((Path(__file__).parent / "fixture.json").read_text())
    wrong = compare.check_truth(truth)
    for misses in (True, False):
        wrong += compare.compare(perfect(truth, misses), truth, misses=misses)[0]

    def first(records, **fields):
        return next(r for r in records if all(r.get(k) == v for k, v in fields.items()))

    no_header = {"len_before": None, "len_after": None, "state": None}
    no_call = {"map": "0x0", "map_type": "", "key": None, "key_error": case.UNREAD_KEY, **no_header}
    no_stack = {"goid": None, "stack": [], "stack_error": case.UNREAD_STACK[0]}
    unread = {
        "goroutine": {"goid": None},
        "header": no_header,
        "key": {"key": None, "key_error": case.UNREAD_KEY},
        "call": no_call,
        "stack": no_stack,
        "frame": {"stack": [], "stack_error": case.UNREAD_STACK[1]},
        "call and stack": {**no_call, **no_stack},
    }
    for name, members in unread.items():
        records = perfect(truth)
        first(records, event="delete").update(members)
        wrong += [f"an event whose {name} could not be read: {d}" for d in compare.compare(records, truth)[0]]
    records = perfect(truth)
    first(records, event="clear").update(state=None)
    wrong += [f"a clear whose state could not be read: {d}" for d in compare.compare(records, truth)[0]]
    records[-1].update(cleared=0, clears_unknown=1)
    first(records, event="clear").update(no_header)
    wrong += [f"a clear whose header could not be read: {d}" for d in compare.compare(records, truth)[0]]
    faults = {
        "an event less": lambda r: r.pop(2),
        "an event twice": lambda r: r.insert(2, dict(r[2])),
        "a miss as a removal": lambda r: first(r, event="delete", removed=False).update(removed=True),
        "a removal as a miss": lambda r: first(r, event="delete", removed=True).update(removed=False),
        "a wrong length": lambda r: first(r, event="delete").update(len_before=99, len_after=98),
        "no length": lambda r: first(r, event="delete").update(len_before=None),
        "another goroutine": lambda r: first(r, event="delete").update(goid=999),
        "a length without a state": lambda r: first(r, event="delete").update(state=None),
        "a call without a reason": lambda r: first(r, event="delete").update({**no_call, "key_error": None}),
        "a call with a length": lambda r: first(r, event="delete").update({**no_call, "len_before": 1}),
        "an unread stack twice": lambda r: r.insert(2, {**first(r, event="delete"), **no_stack}),
        "an unread miss for a removal": lambda r: first(r, event="delete", removed=True).update({**no_stack, "removed": False}),
        "a stack that leads out": lambda r: first(r, event="delete").update({**no_stack, "stack_error": "the frame pointers lead out"}),
        "unread stacks": lambda r: [e.update(no_stack) for e in r if e["event"] == "delete"],
        "a clear that nobody counts": lambda r: first(r, event="clear").update(no_header),
        "no goroutine": lambda r: [e.update(goid=None) for e in r if e["event"] == "delete"],
        "another key": lambda r: first(r, event="delete").update(key="somebody else"),
        "no key": lambda r: first(r, event="delete").pop("key"),
        "another type": lambda r: first(r, event="delete").update(map_type="map[int]bool"),
        "another line": lambda r: first(r, event="delete").update(stack=[dict(r[1]["stack"][0], line=1)] + r[1]["stack"][1:]),
        "another caller": lambda r: first(r, event="delete").update(stack=[r[1]["stack"][0], {"func": "main.nobody"}] + r[1]["stack"][2:]),
        "a short stack": lambda r: first(r, event="delete").update(stack=r[1]["stack"][:1]),
        "no stack": lambda r: first(r, event="delete").update(stack=[]),
        "a runtime frame on top": lambda r: first(r, event="delete").update(stack=[{"func": "runtime.mapdelete"}] + r[1]["stack"]),
        "a runtime frame below": lambda r: first(r, event="delete").update(stack=[*r[1]["stack"][:1], {"func": "reflect.mapdelete"}, *r[1]["stack"][1:]]),
        "the state of the other layout": lambda r: first(r, event="delete").update(state=dict.fromkeys(case.SWISS_STATE, 0)),
        "a strange phase": lambda r: first(r, event="delete").update(gc="sweep"),
        "a clear as a delete": lambda r: first(r, event="clear").update(event="delete"),
        "a clear that leaves something": lambda r: first(r, event="clear", removed=True).update(len_after=1),
        "another process": lambda r: first(r, event="delete").update(pid=1),
        "a loss": lambda r: r[-1].update(lost={"ring_full": 1}),
        "hits that do not add up": lambda r: r[-1].update(hits=r[-1]["hits"] + 1),
        "no end": lambda r: r.pop(),
        "no start": lambda r: r.pop(0),
        "no exit": lambda r: r.remove(first(r, event="exit")),
        "no time of day": lambda r: first(r, event="clear").pop("time"),
        "the time of another": lambda r: first(r, event="clear").update(time="1970-01-01T00:00:01.000000000Z"),
        "a time that is a number": lambda r: first(r, event="clear").update(time_ns=7),
        "another Go": lambda r: r[0].update(go="go1.18"),
        "the other layout": lambda r: r[0].update(layout="tophash_map"),
    }
    for name, fault in faults.items():
        records = json.loads(json.dumps(perfect(truth)))
        fault(records)
        if not compare.compare(records, truth)[0]:
            wrong.append(f"not found: {name}")
    for line in wrong:
        print("FAIL " + line)
    print(f"self-test: {len(faults)} faults, {len(wrong)} wrong")
    return 1 if wrong else 0


# --- all of it ---------------------------------------------------------------------------------------------------------------------


def attempt(job):
    """Returns (combination, state, note, differences)."""
    name, function = job
    with tempfile.TemporaryDirectory(prefix="tophash-matrix-") as tmp:
        try:
            diffs, note = function(Path(tmp))
            return name, "FAIL" if diffs else "ok", note, diffs, tmp
        except (Failed, ValueError, OSError, KeyError, IndexError, subprocess.SubprocessError) as e:
            return name, "FAIL", "", [f"{type(e).__name__}: {e}" if not isinstance(e, Failed) else str(e)], tmp


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tophash", default=None, help="the tracer (build/tophash)")
    ap.add_argument("--go", type=build.names, default=[], metavar="1.NN,…")
    ap.add_argument("--variant", type=build.names, default=[], metavar=",".join(build.VARIANTS))
    ap.add_argument("--program", type=build.names, default=[], metavar=",".join(build.PROGRAMS))
    ap.add_argument("--mode", type=build.names, default=[], metavar=",".join(MODES))
    ap.add_argument("--jobs", type=int, default=1, help="combinations at the same time")
    ap.add_argument("--quick", action="store_true", help="a few combinations that see most faults")
    ap.add_argument("--all-differences", action="store_true", help=f"show more than {SHOWN} differences of a combination")
    ap.add_argument("--allow-missing", action="store_true", help="missing toolchains are named, but are no failure")
    ap.add_argument("--check-truth", action="store_true", help="check the programs, trace nothing")
    ap.add_argument("--self-test", action="store_true", help="check the comparison, run nothing")
    args = ap.parse_args()
    for given, known in ((args.go, build.VERSIONS), (args.variant, build.VARIANTS), (args.program, build.PROGRAMS), (args.mode, MODES)):
        for x in given:
            if x not in known:
                ap.error(f"{x}: not one of {' '.join(known)}")
    args.everything = not args.program or args.quick
    if args.quick:
        args.go = args.go or ["1.19", "1.23", "1.24", "1.26", build.VERSIONS[-1]]
        args.variant = args.variant or ["default", "stripped"]
        args.program = args.program or ["kinds", "syncmap", "sessions"]
        args.mode = args.mode or ["misses", "removals"]
    return args


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0


def modes_of(args, variant, program):
    runner, modes = RUNNERS[program]
    if args.check_truth:
        return ["truth"] if runner is with_truth else []
    if args.quick and program in ("kinds", "syncmap") and variant != "default":
        return ["misses"]
    return [m for m in modes if not args.mode or m in args.mode]


def job(args, tophash, version, variant, program, path, mode):
    """Returns what runs one combination in a folder."""
    if args.check_truth:
        return lambda tmp: check_program(version, variant, path, tmp)
    return lambda tmp: RUNNERS[program][0](tophash, path, mode, variant, tmp)


def jobs_of(args, tophash, found, tally):
    """Returns (name, function) of each combination whose program is built."""
    jobs = []
    for version, variant, program in build.combinations(args.go, args.variant, args.program):
        modes = modes_of(args, variant, program)
        if version not in found:
            tally.skipped += len(modes)
            continue
        path, _, error = build.build(version, variant, program)
        if error:
            tally.failed += 1
            print(f"FAIL {version} {variant} {program}: does not build\n{error}", flush=True)
            continue
        jobs += [(f"{version} {variant} {program} {mode}", job(args, tophash, version, variant, program, path, mode)) for mode in modes]
    return jobs


def run_jobs(args, jobs, tally):
    with ThreadPoolExecutor(args.jobs) as pool:
        for name, state, note, diffs, tmp in pool.map(attempt, jobs):
            print(f"{state:4} {name}" + (f": {note}" if note else ""), flush=True)
            shown = diffs if args.all_differences else diffs[:SHOWN]
            for d in shown:
                print("       " + d.replace(tmp, "…"))
            if len(diffs) > len(shown):
                print(f"       ... and {len(diffs) - len(shown)} more")
            tally.passed += state == "ok"
            tally.failed += state != "ok"


def run_no_go(tophash, tally):
    for line in no_go(tophash):
        print(line)
        tally.passed += line.startswith("ok")
        tally.failed += line.startswith("FAIL")
        tally.skipped += line.startswith("skip")


def main():
    args = arguments()
    if args.self_test:
        return self_test()
    tophash = args.tophash or shutil.which(str(build.REPO / "build" / "tophash")) or str(build.REPO / "build" / "tophash")
    reason = None if args.check_truth else why_not(tophash)
    if reason:
        print(f"SKIP everything: {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return 77

    found, tally = build.toolchains(), Tally()
    run_jobs(args, jobs_of(args, tophash, found, tally), tally)
    if not args.check_truth and args.everything:
        run_no_go(tophash, tally)
    missing = [v for v in args.go or build.VERSIONS if v not in found]
    for v in missing:
        print(f"MISSING go {v}: not in the cache, not tested (tools/go-toolchains --fetch {v})")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    if tally.failed:
        return 1
    return 3 if missing and not args.allow_missing else 0


if __name__ == "__main__":
    sys.exit(main())
