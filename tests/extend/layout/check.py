"""A layout that one function of the program identifies. It is named, and a real delete shows its state."""
import json

from tools import HERE, go_build, need_root, run, same


def finish(copy):
    copy.make("tests/unit/test_go_runtime", "tests/unit/test_entries")
    copy.run([copy.build / "tests/unit/test_go_runtime"])
    copy.run([copy.build / "tests/unit/test_entries"])


def run_it(copy):
    exe = go_build(HERE / "layout/program.go", copy.root.parent / "flat")
    end = [json.loads(line) for line in run([copy.tophash, "sites", "--format", "json", exe]).splitlines()][-1]
    same(end["layout"], "flat", "the layout in sites")
    need_root()
    out = copy.root.parent / "trace"
    run([copy.tophash, "trace", "-q", "--format", "json", "--site", "main.usesFlatMaps", "-o", out, "--", exe])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    same(records[0]["layout"], "flat", "the layout in the start record")
    same([(r["key"], r["state"]) for r in records if r["event"] == "delete"], [("a", {"used": 2})], "the delete")
