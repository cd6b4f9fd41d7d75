"""A running step of tests/run: its output, its counts, its commands and their CPU time."""
import concurrent.futures
import os
import pathlib
import queue
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPUS = os.cpu_count() or 1
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")
CMOCKA_RUN = re.compile(r"^\[==========\]\s+(?:\S+: )?(\d+) test\(s\) run", re.M)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \]\s+(?:\S+: )?(\d+) test\(s\), listed below", re.M)


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Job:
    def __init__(self, step, args, go):
        self.step, self.args, self.go = step, args, go
        self.totals = Totals()
        self.lines = queue.Queue()  # None ends the output
        self.seconds = self.cpu_seconds = 0.0
        # Steps that need no root yield to steps that trace, because a tracer that waits for a CPU loses events.
        self.nice = [] if step.traces else ["nice", "-n", "5"]

    def work(self):
        """Runs the step. An exception is a failure of the step."""
        began = time.monotonic()
        try:
            self.step.function(self)
        except Exception as error:
            self.say(f"FAIL {type(error).__name__}: {error}")
            self.totals.add(failed=1)
        self.seconds = time.monotonic() - began
        self.lines.put(None)

    def say(self, text):
        for line in text.splitlines() or [""]:
            self.lines.put("  " + line)

    def check(self, good, text=""):
        """Counts one check. Prints the text when it failed."""
        self.totals.add(passed=bool(good), failed=not good)
        if not good and text:
            self.say(text)

    def skip(self, why):
        self.say(f"skip {why}")
        self.totals.add(skipped=1)

    def wait(self, process):
        """Waits for a process, adds its CPU time and that of its children, returns its exit code."""
        _, status, usage = os.wait4(process.pid, 0)
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode

    def start(self, command, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.STDOUT)
        return subprocess.Popen(self.nice + [str(word) for word in command], cwd=ROOT, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, **kwargs)

    def run(self, *command, quiet=False, env=None):
        """Runs a command and prints its output as it comes. Returns (exit code, output)."""
        process = self.start(command, env=env)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if not quiet:
                self.say(line.rstrip("\n"))
        return self.wait(process), "".join(lines)

    def must(self, *command, env=None):
        code, text = self.run(*command, quiet=True, env=env)
        if code:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit code {code}\n{text[-3000:]}")

    def passes(self, *command):
        """Runs a command that is one check."""
        self.check(self.run(*command)[0] == 0)

    def summed(self, *command, may_skip=False):
        """Runs a suite that ends with "N passed, M failed, K skipped". Exit code 77 means that nothing could be run."""
        code, text = self.run(*command)
        found = [m for m in map(SUMMARY.match, text.splitlines()) if m]
        if found:
            counts = [int(n or 0) for n in found[-1].groups()]
            self.totals.add(*counts)
            if code and not counts[1] and not (may_skip and code == 77):
                self.check(False, f"{command[0]}: exit code {code}")
        elif may_skip and code == 77:
            self.totals.add(skipped=1)
        else:
            self.check(False, f"{command[0]}: exit code {code}, no summary line")

    def needs_root(self):
        if os.geteuid() == 0:
            return True
        self.skip("tracing needs root (uprobes and BPF)")
        return False

    def cmocka(self, programs, env=None):
        """Runs unit test programs, as many at once as there are CPUs."""
        def one(program):
            process = self.start([program], env=env)
            text = process.stdout.read()
            return program.name, self.wait(process), text

        with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
            for name, code, text in pool.map(one, programs):
                ran = sum(int(n) for n in CMOCKA_RUN.findall(text))
                failed = sum(int(n) for n in CMOCKA_FAILED.findall(text))
                if code and not failed:
                    failed, ran = 1, max(ran, 1)
                self.say(f"{'FAIL' if failed else 'ok  '} {name}: {ran} tests")
                if failed:
                    self.say(text)
                self.totals.add(ran - failed, failed)
