"""A report with columns: its golden files, and what a verb prints for a real program."""
import json
import re

from tools import check, run, same, target


def finish(copy):
    copy.run(["tools/man-options"])
    copy.make("tests/unit/test_report_entries")
    copy.run([copy.build / "tests/unit/test_report_entries"], env={"UPDATE_GOLDEN": "1"})


def run_it(copy):
    golden = copy.root / "tests/golden"
    check(re.search(r"^ *SITES +FUNCTION\n +12 +runtime\.mapdelete_fast64$", (golden / "entries.text.golden").read_text(), re.M), "its text")
    same([json.loads(line) for line in (golden / "entries.json.golden").read_text().splitlines()][1],
         {"event": "entry", "sites": 3, "name": "runtime.mapclear"}, "its JSON")
    check("entries" in (copy.root / "docs/man/tophash-sites.1").read_text(), "the manual does not name the option")
    steps = target("steps")
    sites = [json.loads(line) for line in run([copy.tophash, "sites", "--format", "json", steps]).splitlines()]
    rows = [json.loads(line) for line in run([copy.tophash, "sites", "--entries", "--format", "json", steps]).splitlines()]
    same(sum(row["sites"] for row in rows), sum(site["event"] == "site" for site in sites), "sites in the table")
    text = run([copy.tophash, "sites", "--entries", steps])
    for row in rows:
        check(re.search(rf"^ *{row['sites']} +{re.escape(row['name'])}$", text, re.M), f"{row} in the text: {text}")
