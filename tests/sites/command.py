"""Tests the command line of `tophash sites`, and compares --asm with --format json, objdump and trace --dry-run."""

import collections
import fnmatch
import json
import os
import pty
import random
import re
import subprocess
import tempfile
from pathlib import Path

import oracle


def call(tophash, *words, stdout=subprocess.PIPE, env=None):
    return subprocess.run([str(tophash), "sites", *map(str, words)], stdout=stdout, stderr=subprocess.PIPE, text=True, env=env)


# words, exit code, a part of the message
def wrong(binary, folder):
    (folder / "text").write_text("no program\n" * 20)
    (folder / "empty").write_text("")
    (folder / "cut").write_bytes(Path(binary).read_bytes()[:5000])
    return [
        ([], 2, "no binary"),
        ([binary, binary, binary], 2, "at most two binaries"),
        (["--nonsense", binary], 2, "unknown"),
        (["-x", binary], 2, "unknown option -x"),
        (["--by", "size", binary], 2, "function, type, variant, package"),
        (["--format", "xml", binary], 2, "text, json"),
        (["--type", "", binary], 2, "empty"),
        (["--type", "a", "--type", "b", binary], 2, "only once"),
        (["--asm", "0x0", binary], 2, "no site there"),
        (["--asm", "nothing", binary], 2, "no site there"),
        (["--asm", "x", binary, binary], 2, "one binary"),
        (["--summary", binary, binary], 2, "one binary"),
        (["--asm", "x", "--summary", binary], 2, "does not go with"),
        (["--asm", "x", "--type", "y", binary], 2, "leave out --type and --site"),
        (["--asm", "x", "--site", "y", binary], 2, "leave out --type and --site"),
        (["--asm", "main.*", "--format", "json", binary], 2, "leave out --format json"),
        (["-o"], 2, "needs a value"),
        ([folder / "absent"], 3, "cannot open"),
        ([folder], 3, "not a regular file"),
        ([folder / "text"], 3, "not an ELF file"),
        ([folder / "empty"], 3, "not an ELF file"),
        ([folder / "cut"], 3, "corrupt executable"),
        (["/bin/true"], 3, "Go"),
        ([binary, folder / "text"], 3, "not an ELF file"),
        (["-o", binary, binary], 2, "that is the program"),
        (["-o", folder / "no/such", binary], 1, "cannot write"),
    ]


def check_wrong(tophash, binary, folder):
    before = Path(binary).read_bytes()
    for words, code, message in wrong(binary, folder):
        result = call(tophash, *words)
        if result.returncode != code or message not in result.stderr or result.stdout:
            return f"sites {words}: exit code {result.returncode}, \"{result.stderr.strip()}\", not {code} and \"{message}\""
        if result.stderr.count("\n") != 1 or not result.stderr.startswith("tophash: "):
            return f"sites {words}: not one line: {result.stderr!r}"
    return "" if Path(binary).read_bytes() == before else "the binary was written to"


def check_output(tophash, binary, folder):
    text = call(tophash, binary).stdout
    path = folder / "out"
    path.write_text("x" * 100000)
    if call(tophash, "-o", path, binary).returncode or path.read_text() != text:
        return "-o writes something else"
    with open("/dev/full", "w") as full:
        if call(tophash, binary, stdout=full).returncode != 1:
            return "a full disk is no failure"
    reader, writer = os.pipe()
    os.close(reader)
    result = call(tophash, binary, stdout=writer)
    os.close(writer)
    if result.returncode or result.stderr:
        return f"a closed pipe is a failure: {result.stderr}"
    if call(tophash, "--help").stdout.splitlines()[0] != "usage: tophash sites [OPTION]... BINARY":
        return "no help"
    return ""


def on_terminal(command, env):
    """Returns what a command prints on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=slave, env=env)
    os.close(slave)
    data = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    process.wait()
    os.close(master)
    return data.decode()


def check_color(tophash, binary, _):
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    command = [str(tophash), "sites", str(binary)]
    if "\033[" not in on_terminal(command, env):
        return "no colours on a terminal"
    if "\033[" in on_terminal(command, dict(env, NO_COLOR="1")):
        return "colours in spite of NO_COLOR"
    return "colours in a pipe" if "\033[" in call(tophash, binary, env=env).stdout else ""


def matches_site(record, glob):
    for frame in [record, *record["inline"]]:
        place = f"{frame['file']}:{frame['line']}"
        if any(fnmatch.fnmatchcase(name, glob) for name in (frame["func"], place, os.path.basename(place))):
            return True
    return False


def could_be(name, glob):
    """A map type that is a shape as a whole also stands for named types, and such a name may be "map.string_of"."""
    return fnmatch.fnmatchcase(name, glob) or name.startswith("go.shape.map[") and fnmatch.fnmatchcase("map.string_of", glob)


def check_filters(tophash, binary, _):
    records, end = oracle.sites(tophash, binary)
    for option, glob, passes in (
        ("--type", "map?string?*", lambda r: any(could_be(t, "map?string?*") for t in [r["map_type"] or "", *r.get("instances", [])])),
        ("--site", "main.*", lambda r: matches_site(r, "main.*")),
        ("--site", "main.go:72", lambda r: matches_site(r, "main.go:72")),
        ("--site", "main.callers", lambda r: matches_site(r, "main.callers")),
        ("--site", "nothing", lambda r: False),
    ):
        found, last = oracle.sites(tophash, binary, option, glob)
        truth = [r for r in records if passes(r)]
        if found != truth or last["shown"] != len(truth) or last["sites"] != end["sites"]:
            return f"{option} {glob}: {len(found)} sites, not {len(truth)}"
    for options, text in ((["--site", "nothing"], "tophash: --site matches no site in"), (["--type", "int"], "tophash: --type matches no site in"),
                          (["--type", "int", "--site", "nothing"], "--type and --site together match no site"),
                          (["-q", "--site", "nothing"], None), (["--site", "main.*"], None)):
        said = call(tophash, *options, binary).stderr
        if text is None and said or text is not None and (text not in said or said.count("\n") != 1):
            return f"{options}: {said!r}"
    brief = call(tophash, "-q", binary).stdout
    if sum(line.startswith("  0x") for line in brief.splitlines()) != len(records) or "-byte key" in brief:
        return "-q: not one line a site"
    return ""


def check_tables(tophash, binary, _):
    records, _end = oracle.sites(tophash, binary)
    keys = {
        "function": lambda r: r["func"], "variant": lambda r: r["variant"], "package": lambda r: r["package"],
        "type": lambda r: r["map_type"] or r["map_type_why"],
    }
    for by, key in keys.items():
        truth = collections.Counter(map(key, records))
        table = json.loads(call(tophash, "--by", by, "--format", "json", binary).stdout.splitlines()[0])
        if [(r["name"], r["sites"]) for r in table["rows"]] != sorted(truth.items(), key=lambda x: (-x[1], x[0].encode())):
            return f"--by {by}: {table}"
    return "" if call(tophash, "--summary", binary).stdout == call(tophash, "--by", "function", binary).stdout else "--summary: not by function"


LISTED = re.compile(r"(●?) +(\+?)0x([0-9a-f]+)  (\S.*)$")
TITLE = re.compile(r"\d+ instructions: (\S.*)$")


def cells(text, starts):
    """Returns (address, marked) of every instruction that --asm shows, alone or beside another."""
    functions = {name: address for address, name in starts.items()}
    entry = [0, 0]
    for line in text.splitlines():
        for side, cell in enumerate(line.split(" │ ")):
            title = TITLE.match(cell.strip())
            if title:
                name = title[1].rstrip("…")
                entry[side] = next((a for n, a in functions.items() if n == name), 0)
            match = LISTED.match(cell.rstrip())
            if match:
                yield int(match[3], 16) + (entry[side] if match[2] else 0), bool(match[1])


def check_asm(tophash, binary, _):
    """objdump has each instruction that is shown. The marked probes are those of trace --dry-run, and each probe on the path is shown."""
    starts, entries = oracle.functions(binary)
    boundaries = {int(m[1], 16) for m in re.finditer(r"^ +([0-9a-f]+):\t", oracle.run(["objdump", "-d", binary]), re.M)}
    plan = oracle.run([tophash, "trace", "--dry-run", "-b", binary])
    probes = {int(m[1], 16) for m in re.finditer(r"^\w+ +0x([0-9a-f]+) ", plan, re.M)}
    env = dict(os.environ, COLUMNS="100")
    for site in ("main.variants", "main.go:60", "reflect.*"):
        text = call(tophash, "--asm", site, binary, env=env).stdout
        shown = list(cells(text, starts))
        if len(shown) < 15:
            return f"--asm {site}: {len(shown)} instructions"
        for address, marked in shown:
            if address not in boundaries:
                return f"--asm {site}: no instruction at {address:#x}"
            if marked != (address in probes):
                return f"--asm {site}: {address:#x} is {'' if marked else 'not '}marked"
        if not any(marked for _, marked in shown):
            return f"--asm {site}: no probe is marked"
    return ""


def check_manual(tophash, _binary, _folder):
    """The manual has every option of --help and every member of a record."""
    manual = (Path(__file__).resolve().parents[2] / "docs/man/tophash-sites.1").read_text().replace("\\-", "-")
    manual = re.sub(r"\\f[A-Z]", "", manual)
    words = set(re.findall(r"--[a-z]+", call(tophash, "--help").stdout))
    for name in ("sites.json", "sites.tables.json", "sites.changes.json"):
        golden = Path(__file__).resolve().parents[1] / f"golden/{name}.golden"
        for line in golden.read_text().splitlines():
            record = json.loads(line)
            for part in (record, record.get("from"), record.get("to"), record.get("breakpoint"), *record.get("rows", [])):
                words |= set(part) if isinstance(part, dict) else set()
    missing = sorted(word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?!\w)", manual))
    return f"not in the manual: {', '.join(missing)}" if missing else ""


def check_noise(tophash, binary, folder):
    """Random changes of the program's bytes give an answer or one line of error, without delay."""
    source, path, noise = Path(binary).read_bytes(), folder / "noise", random.Random(7)
    for turn in range(60):
        data = bytearray(source)
        for _ in range(noise.choice((5, 50, 2000, 20000))):
            data[noise.randrange(len(data))] = noise.choice((0, 0xff, 0xe8, noise.randrange(256)))
        path.write_bytes(data)
        words = [[path], ["--format", "json", path], ["--asm", "main.*", path], [path, binary]][turn % 4]
        result = subprocess.run([str(tophash), "sites", *map(str, words)], capture_output=True, timeout=60)
        if result.returncode not in (0, 2, 3) or bool(result.returncode) != (result.stderr.count(b"\n") == 1):
            return f"turn {turn}: exit code {result.returncode}: {result.stderr[-200:]}"
    return ""


CHECKS = {"wrong": check_wrong, "output": check_output, "colours": check_color, "filters": check_filters, "tables": check_tables,
          "asm": check_asm, "noise": check_noise, "manual": check_manual}


def check(tally, tophash, name, binary):
    with tempfile.TemporaryDirectory() as folder:
        for what, function in CHECKS.items():
            detail = function(tophash, binary, Path(folder))
            tally.say(not detail, f"{what} {name}", detail)
