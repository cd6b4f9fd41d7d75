"""An engine that replays records from a file. Its events come out of every sink."""
import json
import re
import subprocess

from tools import HERE, check, go_build, run, same


def write_records(copy, program, path):
    """Makes the records, with the addresses that the program prints."""
    kind, *stack = program.stdout.readline().split()
    told = json.loads(run([copy.tophash, "trace", "--dry-run", "--format", "json", "-p", program.pid]))
    at = next(i for i, probe in enumerate(told["probes"]) if probe["role"] == "removal")
    run(["cc", f"-I{copy.root}/scope", "-o", path.with_suffix(".tool"), HERE / "engine/record.c"])
    text = run([copy.tophash, "trace", "--dry-run", "-p", program.pid])
    address = re.search(r"^removal +(0x[0-9a-f]+) ", text, re.M)[1]
    with open(path, "wb") as file:
        subprocess.run([path.with_suffix(".tool"), address, str(at), str(program.pid), kind, *stack], check=True, stdout=file)


def replay(copy, program, records, *args):
    return run([copy.tophash, "trace", "-q", "--engine", "replay", "--limit", "3", "-p", program.pid, *args],
               env={"TOPHASH_REPLAY": str(records), "PATH": "/usr/bin:/bin"})


def check_json(text):
    records = [json.loads(line) for line in text.splitlines()]
    same([r["event"] for r in records], ["start", "delete", "delete", "clear", "end"], "records")
    same(records[0]["engine"], "replay", "the engine in the start record")
    same([r.get("key") for r in records[1:4]], ["user:42", "user:43", None], "keys")
    same({r["map_type"] for r in records[1:4]}, {"map[string]int"}, "the map's type")
    same({r["stack"][0]["func"] for r in records[1:4]}, {"main.drop"}, "the function that deletes")
    same((records[4]["hits"], records[4]["delivered"]), (3, 3), "hits")


def formats(copy):
    """Returns the words of --format, which are the names of all sinks."""
    text = (copy.root / "scope/show/sink/sink.h").read_text()
    return re.findall(r"X\((\w+)\)", re.search(r"#define SINKS\(X\)((?:.*\\\n)*.*)", text)[1])


def run_it(copy):
    exe = go_build(HERE / "engine/program.go", copy.root.parent / "program")
    records = copy.root.parent / "records"
    program = subprocess.Popen([exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        write_records(copy, program, records)
        words = formats(copy)
        check({"text", "json"} <= set(words), f"sinks: {words}")
        for name in words:
            text = replay(copy, program, records, "--format", name)
            check(all(word in text for word in ("user:42", "user:43", "main.drop")), f"--format {name}: {text}")
        check_json(replay(copy, program, records, "--format", "json"))
        check(re.search(r"^ +3 .*main\.drop", replay(copy, program, records, "--summary"), re.M), "the summary")
    finally:
        program.kill()
        program.wait()
    check("replay" in run([copy.tophash, "trace", "--help-all"]), "trace --help-all does not name it")
