"""A verb: it is listed, has help, refuses wrong words, and does its work."""
import re
import subprocess

from tools import check, run, same, target


def finish(copy):
    copy.run(["tools/man-options"])


def check_refused(copy, args, code, word):
    p = subprocess.run([copy.tophash, "release", *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    same((p.returncode, p.stdout, p.stderr.count("\n")), (code, "", 1), f"release {args}")
    check(word in p.stderr, f"release {args}: {p.stderr}")


def run_it(copy):
    check("release" in run([copy.tophash, "--help"]), "tophash --help does not list it")
    text = run([copy.tophash, "release", "--help"])
    check("--quiet" in text and "release of Go" in text, f"release --help: {text}")
    page = (copy.root / "docs/man/tophash-release.1").read_text()
    check(r"\fB\-q\fR, \fB\-\-quiet\fR" in page, f"its man page has no options: {page}")
    check_refused(copy, [], 2, "one binary")
    check_refused(copy, ["--quite", "x"], 2, "--quiet")
    check_refused(copy, ["/bin/true"], 3, "not a Go program")
    steps = target("steps")
    check(re.fullmatch(r"go1\.26\S*\n", run([copy.tophash, "release", "-q", steps])), "the release")
    check(run([copy.tophash, "release", steps]).startswith(f"{steps}: go1.26"), "the file and the release")
