"""A sink of comma-separated values: a golden file, a real trace, the option's words."""
import re

from tools import check, need_root, run, same, target


def finish(copy):
    copy.run(["tools/man-options"])
    copy.make("tests/unit/test_sink")
    copy.run([copy.build / "tests/unit/test_sink"], env={"UPDATE_GOLDEN": "1"})


def run_it(copy):
    golden = (copy.root / "tests/golden/trace.csv.golden").read_text(errors="replace").strip().split("\n")
    same((golden[0], golden[-1]), ("event,pid,map_type,key,func", "end,990"), "the golden file")
    check("csv" in run([copy.tophash, "trace", "--help"]), "trace --help does not name it")
    check("comma" in (copy.root / "docs/man/tophash-trace.1").read_text(), "the manual does not name it")
    need_root()
    out = copy.root.parent / "csv"
    run([copy.tophash, "trace", "-q", "--format", "csv", "--summary=type", "-o", out, "--", target("busy"), "-ops", "10"])
    check(re.search(r'^summary,10,"map\[', out.read_text(), re.M), out.read_text())
    run([copy.tophash, "trace", "-q", "--format", "csv", "-o", out, "--", target("busy"), "-ops", "10"])
    lines = out.read_text().splitlines()
    same((len(lines), lines[-1]), (12, "end,10"), "a trace")
    check(all(re.fullmatch(r'delete,\d+,"map\[.*","?.*"?,"main\..*"', line) for line in lines[1:-1]), lines[1])
