#!/usr/bin/env python3
"""Draws the session of the demo as a terminal.

    docs/pictures/session.py TOPHASH     runs tools/demo with this program (root; it takes 10 seconds), writes session.txt and session.svg
    docs/pictures/session.py             draws session.txt again

The text is what tools/demo printed, with two changes: the program's folder becomes "…", and lines before the first prompt are left out.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from svg import FONT, Svg

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TEXT = HERE / "session.txt"
SIZE, WIDE, HIGH, EDGE = 13, 7.83, 19, 18  # of a letter, in pixels

BACK, BAR = "#16181d", "#2a2e37"
PLAIN, DIM, PROMPT, KEY, SITE, SUM = "#d7dae0", "#7d8590", "#7ee787", "#f2cc60", "#79c0ff", "#7ee787"

# The colours of the parts of a line. The first rule that matches the beginning of the line decides.
RULES = [
    (r"\$ ", [(r".*", PROMPT, True)]),
    (r"\d{4}/", [(r".*", DIM, False)]),
    (r"tophash ", [(r"tophash \S+", PLAIN, True), (r".*", DIM, False)]),
    (r"\d\d:\d\d:\d\d\.", [(r"\S+", DIM, False), (r'"[^"]*"', KEY, True), (r"\d+→\d+", PLAIN, True), (r"main\..*", SITE, False)]),
    (r"REMOVED", [(r".*", PLAIN, True)]),
    (r" +\d+ ", [(r"main\..*", SITE, False)]),
    (r"\d+ hits", [(r"\d+ hits = [^;]*", SUM, True), (r".*", DIM, False)]),
    (r"examples/", [(r"examples/\S+", SITE, True), (r".*", PLAIN, False)]),
]


def session(tophash):
    """Runs the demo. Returns its lines from the prompt on."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, TOPHASH_CACHE=folder, LC_ALL="C.UTF-8")
        ran = subprocess.run([ROOT / "tools/demo", tophash], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    text = re.sub(r" /\S*/demo/sessions", " …/demo/sessions", ran.stdout)
    return text[text.index("$ "):]


def spans(line):
    """Cuts a line into coloured pieces."""
    parts = next((parts for begin, parts in RULES if re.match(begin, line)), [])
    ret, at = [], 0
    for pattern, colour, bold in parts:
        found = re.compile(pattern).search(line, at)
        if not found or not found[0]:
            continue
        ret += [(line[at:found.start()], PLAIN, False), (found[0], colour, bold)]
        at = found.end()
    return [part for part in [*ret, (line[at:], PLAIN, False)] if part[0]]


def draw(lines, path):
    width = int(max(len(line.expandtabs()) for line in lines) * WIDE + 2 * EDGE)
    svg = Svg(width, 34 + EDGE + len(lines) * HIGH, "tophash trace shows which line of source deletes user:42 from a running Go program")
    svg.rect(0, 0, width, 34 + EDGE + len(lines) * HIGH, BACK, 8)
    svg.rect(0, 0, width, 26, BAR, 8)
    for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        svg.rect(14 + 18 * i, 8, 10, 10, colour, 5)
    for i, line in enumerate(lines):
        if line.strip():
            svg.text(EDGE, 48 + i * HIGH, spans(line.expandtabs(4)), SIZE, FONT)
    svg.save(path)


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        TEXT.write_text(session(Path(sys.argv[1]).resolve()))
    draw(TEXT.read_text().rstrip("\n").splitlines(), HERE / "session.svg")


if __name__ == "__main__":
    main()
