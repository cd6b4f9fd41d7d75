"""Runs inside gdb. Prints the structures and enums that the note describes, from debug information, as JSON."""
import json

import gdb

STRUCTURES = {"tophash": "tophash", "type": "tophash_type", "str": "tophash_str", "stats": "tophash_stats",
              "core": "tophash_core", "store": "store", "pool": "pool", "chunk": "chunk", "link": "link"}
ENUMS = {"kind": ("tophash_kind", "TOPHASH_KIND_"), "slow": ("tophash_reason", "TOPHASH_SLOW_"),
         "move": ("move", "MOVE_"), "mode": ("store_mode", "STORE_")}

entries = {}
for name, structure in STRUCTURES.items():
    found = gdb.lookup_type(f"struct {structure}")
    entries[name] = 0, found.sizeof
    for field in found.fields():
        if not field.bitsize:  # a bit-field has no offset, and is not in the note
            entries[f"{name}.{field.name}"] = field.bitpos // 8, field.type.sizeof
for name, (enum, prefix) in ENUMS.items():
    for field in gdb.lookup_type(f"enum {enum}").fields():
        entries[f"{name}.{field.name[len(prefix):].lower()}"] = field.enumval, 0
print(json.dumps(entries))
