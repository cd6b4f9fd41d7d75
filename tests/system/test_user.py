"""Tests of --user and --exit-status: as whom a command runs, and which status tophash ends with."""

import json
import os
import pwd
import signal
import subprocess
from pathlib import Path

from harness import bpf_ids, check, go_build, LONG, nothing_left, options, refused, Run, same, Skip, spawn, target, test, tmp, tophash

WHO = """package main
import ("bufio"; "encoding/json"; "os"; "os/signal"; "strconv"; "strings"; "syscall")
func main() {
	m := map[string]int{"x": 1}
	delete(m, "x")
	f, _ := os.Open("/proc/self/status")
	told := map[string]any{"env": os.Environ()}
	for in := bufio.NewScanner(f); in.Scan(); {
		if name, value, ok := strings.Cut(in.Text(), ":"); ok { told[name] = strings.Fields(value) }
	}
	f.Close()
	var open []string
	for fd := 0; fd < 64; fd++ {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil {
			link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
			open = append(open, link)
		}
	}
	told["open"] = open
	text, _ := json.Marshal(told)
	os.Stdout.Write(text)
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		os.Stdout.Write([]byte("\\n"))
		<-c
		os.Exit(33)
	}
	if len(os.Args) > 1 { syscall.Kill(os.Getpid(), syscall.SIGKILL) }
}
"""


def who():
    source = tmp("who.go")
    source.write_text(WHO)
    exe = go_build(source, "who")
    for folder in Path(exe).parents:  # every user may execute it
        check(folder.stat().st_mode & 1, f"{folder} cannot be entered by others")
    return exe


def run_as(user, *before, wrap=()):
    exe = who()
    r = tophash("-q", "--format", "json", "-o", tmp("events"), "--user", user, "--", *before, exe, wrap=wrap)
    same((r.code, r.err), (0, ""), f"--user {user}")
    same(Run(0, tmp("events").read_text(), "").end["removed"], 1, f"--user {user}: removed")
    return json.loads(r.out)


def check_descriptors(paths, what):
    """What the Go runtime opens is an epoll and an eventfd."""
    same(paths[0], "/dev/null", f"{what}: standard input")
    rest = [x for x in paths[3:] if x not in ("anon_inode:[eventpoll]", "anon_inode:[eventfd]")]
    same(rest, [], f"{what}: open descriptors")


EXTRA = 54999  # a group that only the tests know, in a mount namespace of their own


@test
def runs_as_user():
    """Ids, groups, environment, capabilities and descriptors of a command with --user."""
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("unshare -m is not permitted")
    member, other = [u for u in pwd.getpwall() if u.pw_uid not in (0, 65534)][:2]
    tmp("group").write_text(Path("/etc/group").read_text() + f"tophash-test:x:{EXTRA}:{member.pw_name}\n")
    wrap = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', tmp("group")]
    for entry in (member, other, pwd.getpwnam("nobody")):
        groups = sorted(os.getgrouplist(entry.pw_name, entry.pw_gid) + [EXTRA] * (entry == member))
        for user, gid, before in ((entry.pw_name, entry.pw_gid, []), (entry.pw_name, entry.pw_gid, ["env", "A=1"]),
                                  (str(entry.pw_uid), entry.pw_gid, []), (f"{entry.pw_uid}:77", 77, []),
                                  (f"{entry.pw_name}:tophash-test", EXTRA, [])):
            told = run_as(user, *before, wrap=wrap)
            what = f"{before} --user {user}"
            same(told["Uid"], [str(entry.pw_uid)] * 4, f"{what}: user ids")
            same(told["Gid"], [str(gid)] * 4, f"{what}: group ids")
            same(sorted(map(int, told["Groups"])), groups, f"{what}: supplementary groups")
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                same(int(told[kind][0], 16), 0, f"{what}: {kind}")
            env = dict(x.split("=", 1) for x in told["env"])
            same([env.get(x) for x in ("HOME", "USER", "LOGNAME", "SHELL")],
                 [entry.pw_dir, entry.pw_name, entry.pw_name, entry.pw_shell or "/bin/sh"], f"{what}: environment")
            same(env.get("PATH"), os.environ.get("PATH"), f"{what}: PATH")
            check_descriptors(told["open"], what)


@test
def runs_as_nobody_we_know():
    """A number that no user has needs a group. HOME is then the root."""
    number = next(n for n in range(54321, 60000) if not any(u.pw_uid == n for u in pwd.getpwall()))
    told = run_as(f"{number}:78")
    same((told["Uid"][0], told["Gid"][0], told["Groups"]), (str(number), "78", []), "ids")
    env = dict(x.split("=", 1) for x in told["env"])
    same([env.get(x) for x in ("HOME", "USER", "LOGNAME", "SHELL")], ["/", None, None, "/bin/sh"], "environment")
    exe = who()
    refused(tophash("--user", str(number), "--", exe), 2, f"no user has the number {number}.*{number}:GID")
    for user in ("no such user", "", ":", "-1", "4294967295:1", "99999999999:1"):
        refused(tophash("--user", user, "--", exe), 2, "no user")
        refused(tophash("--dry-run", "--user", user, "--", exe), 2, "no user")
    for user in ("nobody:", "nobody:no such", "nobody:4294967295", "0:-1"):
        refused(tophash("--user", user, "--", exe), 2, "no group")


@test
def user_without_right():
    """Who may not change the user is told so, before anything runs."""
    began = tmp("began")
    for command in ([who()], ["sh", "-c", f"touch {began}"]):
        refused(tophash("--user", "daemon", "--", *command, wrap=["setpriv", "--reuid", "65534", "--clear-groups"]), 4, "cannot become user")
    check(not began.exists(), "the command was started")
    secret = tmp("secret")
    secret.write_bytes(Path(who()).read_bytes())
    secret.chmod(0o700)
    refused(tophash("--user", "nobody", "--", secret), 3, "cannot start .*secret: Permission denied")


def status_of(*command, before=()):
    """Traces a command with --exit-status. Returns its code, and what the end record says of ours."""
    r = tophash("-q", "--exit-status", "--format", "json", "-o", tmp("events"), *before, "--", *command)
    return r, Run(r.code, tmp("events").read_text(), r.err).end["status"]


@test
def exit_status():
    """The command's status is that of tophash, whether the command is the Go program or a wrapper."""
    seven = [target("busy"), "-ops", "7"]
    text = " ".join(seven)
    for command, code in ((seven, 0), ([*seven, "-nosuch"], 2), ([who(), "kill"], 128 + 9), (["env", *seven, "-nosuch"], 2),
                          (["sh", "-c", f"{text}; exit 77"], 77), (["sh", "-c", f"{text}; kill -TERM $$"], 128 + 15),
                          (["sh", "-c", f"{text} & exit 78"], 78), (["timeout", "0.3", target("busy"), "-seconds", "60"], 124)):
        r, own = status_of(*command)
        same((r.code, own), (code, 0), f"{command}: {r.err}")
        same(r.err if code != 2 else "", "", f"{command}: messages")
    r = tophash("-q", "--format", "json", "-o", tmp("events"), "--", "sh", "-c", f"{text}; exit 77")
    same((r.code, "status" in Run(0, tmp("events").read_text(), "").end), (0, False), "without --exit-status")


@test
def exit_status_and_ours():
    """A status of ours that is not 0 is told. What comes before the command runs keeps its status."""
    r = tophash("-q", "--exit-status", "-o", "/dev/full", "--", "sh", "-c", f"{target('busy')} -ops 20; exit 9")
    same((r.code, r.lines[-1]), (9, "tophash: the exit status of tophash itself is 1"), r.err)
    r, own = status_of(target("busy"), "-ops", "300000", before=["--buffer", "64K", "--stack", "512"])
    same((r.code, own), (0, 5), r.err)
    same(r.lines, ["tophash: the exit status of tophash itself is 5"], "messages")
    for args, code in ((["--nosuch", "--", "true"], 2), (["--", "/nonexistent"], 3), (["--user", "no such", "--", "true"], 2),
                       (["-p", "1"], 2), (["-b", target("busy")], 2)):
        same(tophash("--exit-status", *args).code, code, f"{args}")


@test
def exit_status_of_a_command_that_runs_on():
    """tophash waits for the command when the trace ends before it. The probes are off then. One more signal ends the wait."""
    before = bpf_ids()
    for signals in (1, 2):
        p = spawn([options.tophash, "trace", "--exit-status", "--limit", "1", "-o", "/dev/null", "--", who(), "wait"], stdin=subprocess.DEVNULL,
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        pid = int(json.loads(p.stdout.readline())["Pid"][0])
        while "waiting for the end" not in (line := p.stderr.readline()):
            check(line, "tophash has ended")
        nothing_left(before)
        check(p.poll() is None, "tophash does not wait")
        if signals == 1:
            os.kill(pid, signal.SIGTERM)
            same(p.wait(LONG), 33, "the command's status")
            check(f"(process {pid}) exited with status 33" in p.stderr.read(), "the end of the command is not told")
        else:
            p.send_signal(signal.SIGINT)
            same(p.wait(LONG), 0, "our own status")
            os.kill(pid, 0)  # it runs on
            os.kill(pid, signal.SIGKILL)
