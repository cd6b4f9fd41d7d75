"""Tests of --uid: processes of a user that run, that the user starts later, and that become the user's; and nobody else's."""

import os
import shutil
import signal
import subprocess

from harness import LONG, Run, STARTED, Tracer, bpf_ids, check, identity, nothing_left, refused, same, spawn, test, tmp, tophash
from test_doctor import NOBODY
from test_files import overlay
from test_groups import begun, counts, ended, program, wait_for
from test_setcap import RECIPE, with_caps

BOB, EVE, ANN = 64111, 64112, 64113  # nobody else has them


def start(uid, *command):
    tmp().chmod(0o777)
    return spawn(list(command), user=uid, group=uid, extra_groups=[])


def waiting(uid, exe, *words):
    """Starts the program, which waits before it does what `words` say."""
    return start(uid, exe, "wait", tmp("go"), *words)


@test
def user_with_later_processes():
    """Two programs that run, then further processes of each, their children, and those of other users and of root."""
    a, b = program("a"), program("b")
    one, two, other = waiting(BOB, a, "delete", 10), waiting(BOB, b, "delete", 20), waiting(EVE, a, "delete", 1000)
    begun(one, two, other)
    before = bpf_ids()
    tracer = Tracer("--uid", BOB)
    three = start(BOB, a, "delete", 3, "start", "delete", 4, "end", "delete", 5)
    others = [start(EVE, b, "delete", 1000), spawn([b, "delete", 1000])]
    four = start(BOB, "sh", "-c", f"exec {b} delete 6")
    ended(three, four, *others)
    tmp("go").touch()
    ended(one, two, other)
    run = tracer.end()
    got = counts(run)
    child = set(got) - {x.pid for x in (one, two, three, four)}
    same(len(child), 1, f"other processes: {got}")
    same([got[one.pid], got[two.pid], got[three.pid], got[four.pid], got[child.pop()]], [10, 20, 8, 6, 4], "deletes")
    same((identity(run)["gaps"], len(run.of("start")), len(run.exits)), (0, 5, 5), "gaps, start and exit records")
    nothing_left(before)


@test
def user_that_a_process_becomes():
    """A process counts from the moment at which it becomes the user's, and until it becomes another's."""
    a, b = program("a"), program("b")
    keep = waiting(BOB, a)
    begun(keep)
    tracer = Tracer("--uid", BOB)
    p = spawn([a, "delete", 100, "user", BOB, "delete", 7])
    left = spawn([a, "delete", 100, "user", EVE, "delete", 50])
    ended(p, left)
    # The file of this one is new, and its probes come after it is seen.
    q = spawn([b, "delete", 100, "user", BOB, "tell", tmp("told"), "wait", tmp("go"), "delete", 9])
    tracer.wait_for(f'"pid":{q.pid}')
    tmp("go").touch()
    ended(q, keep)
    run = tracer.end()
    got = counts(run)
    same(got, {p.pid: 7, q.pid: 9}, "deletes")
    same([g["pid"] for g in run.of("gap")], [q.pid], "gaps")


@test
def users_by_name_and_number():
    """Several users, one of them by name; nothing runs at first."""
    a = program("a")
    tracer = Tracer("--uid", f"daemon,{BOB}", "--uid", BOB)
    p = start("daemon", a, "wait", tmp("go"), "delete", 5)
    q = start(BOB, a, "wait", tmp("go"), "delete", 6)
    tracer.wait_for('"event":"start"', 2)
    r = start(EVE, a, "delete", 7)
    ended(r)
    tmp("go").touch()
    ended(p, q)
    run = tracer.end()
    same(counts(run), {p.pid: 5, q.pid: 6}, run.err)
    check(f"waiting for a Go program of user daemon, {BOB} to start" in run.err, run.err)
    same(run.end["gaps"], len(run.of("gap")), "gaps")


@test
def user_of_many():
    """150 processes of a known program that live for some milliseconds, among others of another user."""
    a = program("a")
    keep = waiting(BOB, a)
    begun(keep)
    tracer = Tracer("--uid", BOB)
    many = [start(uid, "sh", "-c", f"for i in $(seq 75); do {a} delete {n} & done; wait") for uid, n in ((BOB, 7), (BOB, 3), (EVE, 100))]
    ended(*many)
    tmp("go").touch()
    ended(keep)
    run = tracer.end()
    got = counts(run)
    same((list(got.values()).count(7), list(got.values()).count(3), len(got)), (75, 75, 150), "processes by their deletes")
    same((identity(run)["gaps"], len(run.of("start")), len(run.exits)), (0, 151, 151), "gaps, start and exit records")


@test
def user_on_overlay():
    """No lease can be had on an overlay file system. Each process gets its probes when it starts."""
    merged = overlay()[2]
    try:
        a = merged / "a"
        shutil.copy(program("a"), a)
        p = waiting(BOB, a, "delete", 5)
        begun(p)
        tracer = Tracer("--uid", BOB)
        q = start(BOB, a, "delete", 10, "wait", tmp("go"), "delete", 7)
        tracer.wait_for('"event":"start"', 2)
        ended(start(EVE, a, "delete", 1000))
        tmp("go").touch()
        ended(p, q)
        run = tracer.end()
        got = counts(run)
        check(set(got) == {p.pid, q.pid} and got[p.pid] == 5 and 7 <= got[q.pid] <= 17, got)
        check(got[q.pid] == 17 or run.end["gaps"] == 1, f"{got[q.pid]} of 17 deletes, and {run.end['gaps']} gaps")
    finally:
        subprocess.run(["umount", "-l", merged], check=True)


@test
def setcap_user():
    """Without root, --uid shows the processes of that user that the caller may look at, also later ones."""
    exe, a = with_caps("recipe", RECIPE), program("a")
    hidden = tmp("hidden")
    shutil.copy(a, hidden)
    hidden.chmod(0o711)  # a process of a file that its user cannot read may not be looked at by the user
    mine, other = waiting(65534, a, "delete", 5), waiting(EVE, a, "delete", 1000)
    secret = waiting(65534, hidden, "delete", 1000)
    begun(mine, other, secret)
    tracer = spawn([*NOBODY, exe, "trace", "--format", "json", "--uid", "65534"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [tracer.stdout.readline()]
    later = start(65534, a, "tell", tmp("told"), "wait", tmp("go"), "delete", 6)
    wait_for(tmp("told"))
    while f'"pid":{later.pid},' not in lines[-1] or "start" not in lines[-1]:
        lines.append(tracer.stdout.readline())
        check(lines[-1], "trace has ended")
    tmp("go").touch()
    ended(mine, other, secret, later)
    ended(start(EVE, a, "delete", 1000), spawn([a, "delete", 1000]))
    tracer.send_signal(signal.SIGINT)
    out, err = tracer.communicate(timeout=LONG)
    run = Run(tracer.returncode, "".join(lines) + out, err)
    ours = {p.pid for p in STARTED}  # other tests, too, have processes of this user
    same({pid: n for pid, n in counts(run).items() if pid in ours}, {mine.pid: 5, later.pid: 6}, err)
    check(f"process {secret.pid} is not watched: not allowed to look at process {secret.pid}" in err, err)
    same({r["pid"] for r in run.of("gap")} & ours - {later.pid}, set(), "gaps")
    eves = spawn([*NOBODY, exe, "trace", "--uid", EVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(f"waiting for a Go program of user {EVE}" in eves.stderr.readline(), "another user")
    p = start(EVE, a, "wait", tmp("over"), "delete", 1000)
    begun(p)
    check(f"process {p.pid} is not watched" in eves.stderr.readline(), "a process of another user")
    tmp("over").touch()
    ended(p)
    eves.send_signal(signal.SIGINT)
    check("0 hits" in eves.communicate(timeout=LONG)[0], "deletes of another user")


@test
def no_user():
    refused(tophash("--uid", "no-such-user"), 2, "no user of this name")
    refused(tophash("--uid", "0,no-such-user"), 2, "no user of this name")
    refused(tophash("--uid", "4294967295"), 2, "no user of this name")
    refused(tophash("--uid", BOB, "-p", os.getpid()), 2, "only one of")
    refused(tophash("--uid", BOB, "--map", "0xc000"), 2, "--map", "--uid")
    refused(tophash("--uid", BOB, "--dry-run"), 2, "--dry-run")
    refused(tophash("--uid", BOB, "--follow", "none"), 2, "--follow", "--uid traces every process of the user")
    refused(tophash("--uid", BOB, "word"), 2, "--uid already tells")
