"""Runs inside gdb. Shows each damaged map of broken.c in each way, and prints the results as JSON lines."""
import json
import time

import gdb

LOOKS = ["print m", "print m.map", "print w", "tophash-map m", "tophash-map &m --buckets --limit 500",
         "tophash-map &m --entries --limit 500", "tophash-map &m --entry 5", "tophash-map (long)&m --entries --limit 500",
         "tophash-map (long)&w --entries", "tophash-map w --entry there"]


def look(command):
    began = time.monotonic()
    try:
        text, failed = gdb.execute(command, to_string=True), False
    except gdb.error as why:
        text, failed = str(why), True
    return {"command": command, "text": text, "failed": failed, "seconds": time.monotonic() - began}


def main():
    gdb.execute("set print elements 0")
    gdb.execute("run", to_string=True)
    while gdb.selected_inferior().pid and gdb.selected_inferior().threads():
        gdb.execute("up-silently 20", to_string=True)
        damage = gdb.parse_and_eval("damage").string()
        for command in LOOKS:
            print(json.dumps({"damage": damage, **look(command)}), flush=True)
        gdb.execute("continue", to_string=True)


main()
