"""Shows maps of libtophash in gdb.

    (gdb) source tophash_gdb.py
    (gdb) print ages                  ages: 2 elements, 1 bucket = {["ada"] = 36, ["alan"] = 41}
    (gdb) tophash-map ages            how far a move is, chains, thresholds; see help tophash-map

Maps are read by the library's note (docs/map-note.md), so tophash-map also works on a stripped program. Debug information
is used only for the types of keys and values: the members key and val of struct NAME_iter have them. The memory may be
damaged: each number is checked before it is used, and each loop has a bound.
"""
import argparse
import collections
import functools
import os
import re
import struct

import gdb
import gdb.printing

PAGE = 4096
PAGES_KEPT = 256
READ_MAX = 1 << 20  # bytes at a time
LOOK_MAX = 1 << 18  # buckets of a map: some seconds
SHOWN = 32  # buckets, or entries, that the command shows unless told otherwise
STRING_SHOWN = 200  # bytes


class Broken(Exception):
    """An error about a broken map: its fault, in one line."""


class Cut(Exception):
    """There is more than was read."""


def count(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"


class Memory:
    """Reads the program's memory. It keeps pages, because a map is read in many small pieces."""

    def __init__(self):
        self.pages = collections.OrderedDict()

    @staticmethod
    def fetch(addr, size):
        try:
            return bytes(gdb.selected_inferior().read_memory(addr, size))
        except (gdb.error, OverflowError, ValueError):
            raise Broken(f"no memory at {addr:#x}") from None

    def page(self, number):
        page = self.pages.get(number)
        if page is None:
            page = self.pages[number] = self.fetch(number * PAGE, PAGE)
            if len(self.pages) > PAGES_KEPT:
                self.pages.popitem(last=False)
        return page

    def read(self, addr, size):
        if not 0 <= size <= READ_MAX:
            raise Broken(f"{size} bytes at {addr:#x} are too many")
        first, at = divmod(addr, PAGE)
        try:
            if at + size <= PAGE:
                return self.page(first)[at:at + size]
            return b"".join(map(self.page, range(first, (addr + size + PAGE - 1) // PAGE)))[at:at + size]
        except Broken:  # in a program that does not run, sections end in the middle of a page
            return self.fetch(addr, size)

    def string(self, addr, most):
        """Returns the bytes up to the first 0: at most this many, and one more if the string is longer."""
        ret = b""
        while len(ret) <= most:
            at = addr + len(ret)
            piece, end, _ = self.read(at, min(most + 1 - len(ret), PAGE - at % PAGE)).partition(b"\0")
            ret += piece
            if end:
                break
        return ret


# ---- the note ------------------------------------------------------------------------------------

class Record:
    """Holds the members of a structure, numbers or bytes."""

    def __init__(self, name, members):
        self.name, self.members = name, members

    def __getattr__(self, member):
        try:
            return self.members[member]
        except KeyError:
            raise Broken(f"the note has no {self.name}.{member}: it is of another version") from None


NO_LINK = Record("link", {"number": 0})


class Note:
    """Holds the sizes, offsets and constants of a note by name."""

    MAGIC, VERSION = 0x746F7068, 4
    ARRAYS = ("link.tags",)  # arrays that have the size of a number

    def __init__(self, raw, order):
        self.raw, self.order, self.prefix = raw, order, "<" if order == "little" else ">"
        self.names = {}  # name: (value or offset, size)
        self.members = collections.defaultdict(list)  # structure: [(member, offset, size)]
        try:
            magic, version, entry_size, count = struct.unpack_from(self.prefix + "IIII", raw)
        except struct.error:
            raise Broken(f"a map note of {len(raw)} bytes") from None
        if magic != self.MAGIC or version != self.VERSION:
            raise Broken(f"a map note of version {version}: this reader knows {self.VERSION}")
        if entry_size < 28 or 16 + count * entry_size > len(raw):
            raise Broken(f"a map note of {count} entries in {len(raw)} bytes")
        for at in range(16, 16 + count * entry_size, entry_size):
            self.add(*struct.unpack_from(self.prefix + "20sII", raw, at))

    def add(self, name, value, size):
        name = name.partition(b"\0")[0].decode("ascii", "replace")
        self.names[name] = value, size
        structure, dot, member = name.partition(".")
        if dot and size:
            self.members[structure].append((member, value, size))

    def constant(self, name, which=0):
        if name not in self.names:
            raise Broken(f"the note has no {name}: it is of another version")
        return self.names[name][which]

    def size(self, name):
        return self.constant(name, 1)

    def group(self, group):
        """Returns {number: name} for the constants that are named group.name. group: move, mode, kind or slow."""
        return {value: name[len(group) + 1:] for name, (value, size) in self.names.items()
                if size == 0 and name.startswith(group + ".")}

    def number(self, raw):
        return int.from_bytes(raw, self.order)

    def decode(self, structure, raw):
        members = {}
        for member, at, size in self.members[structure]:
            is_number = size in (1, 2, 4, 8) and f"{structure}.{member}" not in self.ARRAYS
            members[member] = self.number(raw[at:at + size]) if is_number else raw[at:at + size]
        return Record(structure, members)


def note_in(raw, prefix):
    """Returns the description of the first note of the library, or None."""
    at = 0
    while at + 12 <= len(raw):
        name_size, size, kind = struct.unpack_from(prefix + "III", raw, at)
        name, desc = at + 12, at + 12 + (name_size + 3 & ~3)
        if kind == 1 and raw[name:name + name_size] == b"tophash\0" and desc + size <= len(raw):
            return raw[desc:desc + size]
        at = desc + (size + 3 & ~3)
    return None


@functools.lru_cache
def note_of_file(path, _changed, _size):
    """Returns the note of an ELF file, or None for any other file. Reads a file again after it has changed."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:4] != b"\x7fELF":
            return None
        wide, (prefix, order) = head[4] == 2, ("<", "little") if head[5] == 1 else (">", "big")
        offset, size, count = struct.unpack_from(prefix + ("Q14xHH" if wide else "I10xHH"), head, 0x20 if wide else 0x1C)
        for i in range(count):
            file.seek(offset + i * size)
            header = file.read(56 if wide else 32)
            if len(header) < (56 if wide else 32):
                return None
            kind, *fields, align = struct.unpack(prefix + ("II6Q" if wide else "8I"), header)
            at, length = fields[wide], fields[wide + 3]
            if kind == 4 and align < 8 and length <= READ_MAX:
                file.seek(at)
                raw = note_in(file.read(length), prefix)
                if raw:
                    return Note(raw, order)
    return None


def note_of_program(name=None):
    """Returns the note of the named file, or of any file: they only differ if there are several versions of the library."""
    found = {}
    for objfile in gdb.objfiles():
        path = objfile.filename
        if not path or objfile.owner:
            continue
        if path.startswith("target:"):
            path = f"/proc/{gdb.selected_inferior().pid}/root{path[len('target:'):]}"
        try:
            note = note_of_file(path, os.stat(path).st_mtime_ns, os.stat(path).st_size)
        except OSError:
            continue
        if note:
            found[objfile.filename] = note
    if name in found:
        return found[name]
    if not found:
        raise Broken("no libtophash in this program: none of its files has a note .note.tophash")
    if len({note.raw for note in found.values()}) > 1:
        raise Broken(f"maps of several layouts, say which by --note FILE: {', '.join(sorted(found))}")
    return next(iter(found.values()))


# ---- a map ---------------------------------------------------------------------------------------

# bucket is None in a rest. number is that of the overflow bucket, 0 in the home.
Entry = collections.namedtuple("Entry", "bucket number lane tag addr")
Overflow = collections.namedtuple("Overflow", "number tags slots")


class Map:
    """A map, checked as far as a walk through it needs."""

    def __init__(self, note, head):
        self.note, self.head, self.memory, self.chunks, self.first = note, head, Memory(), {}, 0
        self.type = self.core = self.store = self.pool = None
        self.small, self.move, self.homes = False, "none", 0
        self.link_size, self.word_size = note.size("link"), note.constant("word_size")
        if head.type:
            self.open_type()
        if head.core:
            self.open_core()
        elif head.slots:
            self.open_small()
        elif head.len:
            raise Broken(f"{head.len} elements without memory")

    def at(self, structure, addr):
        return self.note.decode(structure, self.memory.read(addr, self.note.size(structure)))

    def open_type(self):
        self.type = type_ = self.at("type", self.head.type)
        self.kind = self.note.group("kind").get(type_.kind)
        if self.kind is None:
            raise Broken(f"no kind of keys is {type_.kind}")
        key_end = max(type_.key_size, type_.hash_offset + 4 if type_.hash_offset else 0)
        if not (0 < type_.key_size and key_end <= type_.slot_size <= self.note.constant("slot_max")
                and type_.val_offset + type_.val_size <= type_.slot_size):
            raise Broken(f"keys of {type_.key_size}, values of {type_.val_size} bytes in slots of {type_.slot_size}")

    def open_small(self):
        if not self.type:
            raise Broken("memory without a type")
        self.small, self.homes, self.before, self.after = True, 1, 1, 1
        slots, no_slot = self.note.constant("slots"), self.note.constant("no_slot")
        if not 1 <= self.head.grow_at <= slots:
            raise Broken(f"a small map of {self.head.grow_at} slots")
        if any((tag == no_slot) != (lane >= self.head.grow_at) for lane, tag in enumerate(self.word(0)[:slots])):
            raise Broken(f"a small map of {self.head.grow_at} slots, and its tags say otherwise")

    def open_core(self):
        if not self.type:
            raise Broken("memory without a type")
        self.core = core = self.at("core", self.head.core)
        self.store = store = self.note.decode("store", core.store)
        self.pool = pool = self.note.decode("pool", core.pool)
        self.move = self.note.group("move").get(core.move)
        self.mode = self.note.group("mode").get(store.mode)
        if self.move is None or self.mode in (None, "none"):
            raise Broken(f"no move is {core.move}, or no store {store.mode}")
        if core.bits > self.note.constant("bits_max") or (self.move == "shrink" and core.bits == 0):
            raise Broken(f"2^{core.bits} buckets")
        self.before = 1 << core.bits
        self.homes = self.before * 2 if self.move == "grow" else self.before
        self.after = self.before // 2 if self.move == "shrink" else self.homes
        size = self.note.constant("slots") * self.type.slot_size
        if store.buckets < self.homes or store.bucket_size != size or store.piece_bits > 24:
            raise Broken(f"{self.homes} buckets of {size} bytes, room for {store.buckets} of {store.bucket_size}")
        if core.cursor > min(self.before, self.after):
            raise Broken(f"a move at {core.cursor} of {self.before} buckets")
        if pool.chunk_bits > 24 or pool.slot_size != self.type.slot_size:
            raise Broken(f"overflow buckets with slots of {pool.slot_size} bytes, 2^{pool.chunk_bits} a chunk")

    def place(self, bucket):
        """Returns the arrays that hold a bucket (tag words, links, slots), and its index in them. map/store.h does the same."""
        store, pointer, per = self.store, self.note.constant("pointer"), 1 << self.store.piece_bits
        if not store.pieces:
            return store.tags, store.links, store.slots, bucket
        piece = self.note.number(self.memory.read(store.pieces + bucket // per * pointer, pointer))
        if not piece:
            raise Broken(f"bucket {bucket} has no memory")
        tags = piece + (per * store.bucket_size + 15 & ~15)
        return tags, tags + per * self.word_size, piece, bucket % per

    def word(self, bucket):
        if self.small:
            return self.memory.read(self.head.slots - self.word_size, self.word_size)
        tags, _, _, at = self.place(bucket)
        return self.memory.read(tags + at * self.word_size, self.word_size)

    def link(self, bucket):
        if self.small:
            return NO_LINK
        _, links, _, at = self.place(bucket)
        raw = self.memory.read(links + at * self.link_size, self.link_size)
        return self.note.decode("link", raw) if any(raw) else NO_LINK

    def slots(self, bucket):
        if self.small:
            return self.head.slots
        _, _, slots, at = self.place(bucket)
        return slots + at * self.store.bucket_size

    def overflow(self, number):
        """Returns the addresses of an overflow bucket's link and slots."""
        index, place = number - 1 >> self.pool.chunk_bits, number - 1 & (1 << self.pool.chunk_bits) - 1
        if index < self.pool.len:
            if index not in self.chunks:
                self.chunks[index] = self.at("chunk", self.pool.chunks + index * self.note.size("chunk"))
            chunk = self.chunks[index]
            if chunk.mem and (place + 1) * self.link_size <= chunk.slots_at:
                slots = chunk.slots_at + place * self.note.constant("overflow_slots") * self.type.slot_size
                return chunk.mem + place * self.link_size, chunk.mem + slots
        raise Broken(f"a chain leads to overflow bucket {number}, which there is not")

    def chain(self, link, where, seen):
        """Yields the overflow buckets of a chain. seen: the numbers of those that were visited already."""
        while link.number:
            if link.number in seen:
                raise Broken(f"the chain of {where} leads to overflow bucket {link.number} a second time")
            seen.add(link.number)
            following, slots = self.overflow(link.number)
            yield Overflow(link.number, link.tags, slots)
            link = self.at("link", following)

    def regions(self):
        """Returns a list of (first, one past the last, kind). The kind is old, new or free; it is
        "" when the map is not moving."""
        if self.move == "none":
            return [(0, self.homes, "")]
        cursor = self.core.cursor
        if self.move == "grow":
            cursor -= 1 if self.core.home_moved and cursor else 0
            return [(0, cursor, "old"), (cursor, 2 * cursor, "free"), (2 * cursor, self.homes, "new")]
        cursor += 1 if self.core.home_moved else 0
        return [(0, cursor, "new"), (cursor, 2 * cursor, "free"), (2 * cursor, self.homes, "old")]

    def buckets(self):
        """Yields the buckets from first on that are not free. Raises Cut when there are too many."""
        left = LOOK_MAX
        for begin, end, region in self.regions():
            for bucket in range(max(begin, self.first), end) if region != "free" else ():
                if left == 0:
                    raise Cut(f"{LOOK_MAX} buckets were looked at; tophash-map ... --from {bucket} goes on")
                left -= 1
                yield bucket

    def rests(self):
        """Yields (name, link) for the chains whose home has moved already."""
        for at in range(0, len(self.core.rest_chains) if self.core else 0, self.link_size):
            yield f"rest {at // self.link_size}", self.note.decode("link", self.core.rest_chains[at:][:self.link_size])

    def entries_of(self, overflow, bucket):
        for lane, tag in enumerate(overflow.tags):
            if tag:
                yield Entry(bucket, overflow.number, lane, tag, overflow.slots + lane * self.type.slot_size)

    def entries(self):
        found = 0
        for found, entry in enumerate(self.walk(), 1):
            yield entry
        if found != self.head.len and not self.head.writing and not self.first:
            raise Broken(f"{count(found, 'element')}, but len says {self.head.len}")

    def walk(self):
        """Yields each entry, home by home; those of the rests come last."""
        seen, slots = set(), self.head.grow_at if self.small else self.note.constant("slots")
        for bucket in self.buckets():
            tags = self.word(bucket)[:slots]
            if any(tags):
                yield from self.entries_of(Overflow(0, tags, self.slots(bucket)), bucket)
            for overflow in self.chain(self.link(bucket), f"bucket {bucket}", seen):
                yield from self.entries_of(overflow, bucket)
        for what, link in self.rests():
            for overflow in self.chain(link, what, seen):
                yield from self.entries_of(overflow, None)

    def longest_chain(self):
        """Returns the length of the longest chain in buckets, with its home, and whether all buckets were looked at."""
        seen = set()
        longest = sum(1 for what, link in self.rests() for _ in self.chain(link, what, seen))
        try:
            for bucket in self.buckets():
                longest = max(longest, sum(1 for _ in self.chain(self.link(bucket), f"bucket {bucket}", seen)))
        except Cut:
            return 1 + longest, False
        return 1 + longest, True


# ---- what keys and values look like --------------------------------------------------------------

def quoted(raw):
    """Returns a string as C writes it, with dots where it is longer than shown."""
    text = re.sub(r'(["\\])', r"\\\1", raw[:STRING_SHOWN].decode("utf-8", "surrogateescape"))
    text = "".join(c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogateescape"))
                   for c in text)
    return f'"{text}"' + ("..." if len(raw) > STRING_SHOWN else "")


def raw_text(raw, order):
    """Returns a text for bytes whose type is unknown."""
    if len(raw) not in (1, 2, 4, 8):
        return "{" + raw[:32].hex(" ") + ("..." if len(raw) > 32 else "") + "}"
    plain, signed = (int.from_bytes(raw, order, signed=sign) for sign in (False, True))
    return f"{plain}" if signed >= 0 else f"{plain} ({signed})"


def as_written(type_):
    """Returns the type that a user gave a map, without the name that the map's macro gave it."""
    if type_.code == gdb.TYPE_CODE_TYPEDEF and type_.name and type_.name.endswith(("_key_own_", "_val_own_")):
        return type_.target()
    return type_


def iter_fields(name):
    """Returns the members of struct NAME_iter by name. They have the types of the map's keys and values."""
    for where in (lambda: [gdb.selected_frame().block()], list):  # in this source file, then in any
        try:
            fields = gdb.lookup_type(f"struct {name}_iter", *where()).fields()
            return {field.name: as_written(field.type) for field in fields}
        except (gdb.error, RuntimeError):
            continue
    return {}


def class_parts(name):
    """Returns the types of keys and values of a class of map.hpp, each as (type, its type in the slot). A set has no value."""
    base = gdb.lookup_type(name).fields()[0].type
    key, val = base.template_argument(0), base.template_argument(1)
    parts = [(key, f"{base.name}::key_slot"), (val, f"tophash_detail::values<{val.name or val}>::slot")]
    return [(type_, gdb.lookup_type(slot).strip_typedefs()) for type_, slot in parts if type_.name != "tophash_detail::no_value"]


class Shape:
    """Shows keys and values: by their types where debug information has them, otherwise by kind and size."""

    def __init__(self, map_, name):
        self.map, self.memory, self.order = map_, map_.memory, map_.note.order
        self.key = self.val = None
        self.float_code = map_.note.prefix + ("f" if map_.type and map_.type.key_size == 4 else "d")
        self.name = name or (map_.type and self.symbol_of_type()) or ""
        self.is_set = map_.type is not None and map_.type.val_size == 0
        self.is_text, self.boxed = map_.type is not None and map_.kind in ("cstr", "str"), set()
        if is_class(self.name):
            self.read_class()
            return
        fields = iter_fields(self.name) if self.name and map_.type else {}
        key, val = fields.get("key"), fields.get("val")
        # Another program file may have a struct of this name.
        if key and key.sizeof == map_.type.key_size and (val.sizeof if val else 0) == map_.type.val_size:
            self.key, self.val = key, val

    def read_class(self):
        """Takes the types of a class of map.hpp, whose slots may have pointers to keys and values."""
        name, self.name = self.name, self.name.split("<")[0]
        try:
            parts = class_parts(name)
        except (gdb.error, RuntimeError):  # the debug information has no such types
            return
        for what, size, (type_, slot) in zip(("key", "val"), (self.map.type.key_size, self.map.type.val_size) if self.map.type else (), parts):
            if (slot.tag or slot.name) == "tophash_str":
                self.is_text = True
            elif slot.sizeof == size:
                setattr(self, what, type_)
                if slot.code == gdb.TYPE_CODE_PTR and type_.strip_typedefs().code != gdb.TYPE_CODE_PTR:
                    self.boxed.add(what)

    def content(self, what, addr):
        """Returns the key or the value at an address in a slot."""
        if what in self.boxed:
            addr = self.map.note.number(self.memory.read(addr, self.map.note.constant("pointer")))
        return self.typed(getattr(self, what), addr)

    def symbol_of_type(self):
        """Returns the name of a map, such as ages, if its type is the constant ages_type; otherwise None."""
        symbol = gdb.execute(f"info symbol {self.map.head.type:#x}", False, True)
        found = re.match(r"(.+)_type in section ", symbol)
        return found and found[1]

    @staticmethod
    def typed(type_, addr):
        return gdb.Value(addr).cast(type_.pointer()).dereference()

    def string(self, slot, most):
        """Returns the contents of a string key, at most this many bytes and one more, or None for NULL."""
        if self.map.kind == "cstr":
            addr = self.map.note.number(self.memory.read(slot, self.map.note.constant("pointer")))
            return self.memory.string(addr, most) if addr else None
        str_ = self.map.at("str", slot)
        return self.memory.read(str_.p, min(str_.n, most + 1)) if str_.n else b""

    def number(self, slot):
        return struct.unpack(self.float_code, self.memory.read(slot, self.map.type.key_size))[0]

    def key_value(self, slot):
        """Returns what gdb shows: a value of the right type, or text."""
        if self.key is None:
            return self.key_text(slot)
        value = self.content("key", slot)
        return value.lazy_string() if self.map.kind == "cstr" and int(value) else value

    def val_value(self, slot):
        addr = slot + self.map.type.val_offset
        if self.val is None:
            return raw_text(self.memory.read(addr, self.map.type.val_size), self.order)
        return self.content("val", addr)

    def key_text(self, slot):
        size = self.map.type.key_size
        if self.is_text:
            string = self.string(slot, STRING_SHOWN)
            return "NULL" if string is None else quoted(string)
        if self.key is not None:
            return self.content("key", slot).format_string()
        if self.map.kind == "float":
            return f"{self.number(slot):.{9 if size == 4 else 17}g}"
        return raw_text(self.memory.read(slot, size), self.order)

    def entry_text(self, slot):
        key = self.key_text(slot)
        val = "" if self.is_set else self.val_value(slot)
        return key if self.is_set else f"[{key}] = {val if isinstance(val, str) else val.format_string()}"

    def matcher(self, text):
        """Returns a function that tells whether the key of a slot is the one written here."""
        size = self.map.type.key_size
        if self.map.kind in ("cstr", "str"):
            string = text.encode("utf-8", "surrogateescape")
            return lambda slot: self.string(slot, len(string)) == string
        if self.map.kind == "float":
            try:
                wanted, = struct.unpack(self.float_code, struct.pack(self.float_code, float(text)))
            except (ValueError, OverflowError):
                raise Broken(f"{text} is no number") from None
            return lambda slot: str(self.number(slot) + 0.0) == str(wanted + 0.0)  # NaN finds every NaN
        raw = self.key_bytes(text, size)
        return lambda slot: self.memory.read(slot, size) == raw

    def key_bytes(self, text, size):
        if re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", text) and self.map.kind != "int":
            return bytes.fromhex(text)
        value = evaluate({"true": "1", "false": "0"}.get(text, text))
        if self.map.kind == "int":
            return (int(value) & (1 << 8 * size) - 1).to_bytes(size, self.order)
        if value.address is None or value.type.sizeof != size:
            raise Broken(f"{text} is no key: give {size} bytes in hex, or an object of so many")
        return self.memory.read(int(value.address), size)


# ---- maps as gdb has them ------------------------------------------------------------------------

def is_reference(type_):
    return type_.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def evaluate(text):
    value = gdb.parse_and_eval(text)
    return value.referenced_value() if is_reference(value.type) else value


def is_class(name):
    """Returns whether this is the name of a class of map.hpp, with its arguments."""
    return name.startswith(("tophash_map<", "tophash_set<"))


def name_of_map(type_):
    """Returns "ages" for struct ages { struct tophash map; }, "" for struct tophash, the whole name of a class of map.hpp, and
    None for every other type."""
    type_ = type_.strip_typedefs()
    if type_.code != gdb.TYPE_CODE_STRUCT:
        return None
    name, fields = type_.tag or type_.name, type_.fields()
    if name == "tophash" and any(field.name == "core" for field in fields):
        return ""
    if name and is_class(name) and fields and fields[0].is_base_class:
        return name
    if len(fields) == 1 and fields[0].name == "map" and name_of_map(fields[0].type) == "":
        return name
    return None


def note_of_type(type_):
    objfile = type_.strip_typedefs().objfile
    return note_of_program(objfile and (objfile.owner or objfile).filename)


def map_at(note, addr):
    return Map(note, note.decode("tophash", Memory.fetch(addr, note.size("tophash"))))


def map_of_value(value):
    """Returns the map in a value of struct NAME or struct tophash. The value need not be in memory."""
    if value.address is not None:
        return map_at(note_of_type(value.type), int(value.address))
    inner = value["map"] if name_of_map(value.type) else value
    members = {field.name: int(inner[field.name]) for field in inner.type.fields()}
    return Map(note_of_type(value.type), Record("tophash", members))


def at_text(addr):
    return f" at {addr:#x}" if addr is not None and gdb.parameter("print address") else ""


def tags_text(tags, slots=None):
    """Returns tags as text. slots: how many lanes have a slot, if not all."""
    return " ".join("--" if slots is not None and lane >= slots else f"{tag:02x}" if tag else ".." for lane, tag in enumerate(tags))


def draw_chain(chain):
    for overflow in chain:
        print(f"{'#' + str(overflow.number):>13}  {tags_text(overflow.tags)}")


def summary(map_):
    elements = count(map_.head.len, "element")
    if map_.move == "none":
        return f"{elements}, {count(map_.homes, 'bucket')}"
    done = map_.before - map_.core.cursor if map_.move == "grow" else 2 * map_.core.cursor
    verb = "growing" if map_.move == "grow" else "shrinking"
    return f"{elements}, {verb} from {map_.before} to {count(map_.after, 'bucket')}, {done} of {map_.before} done"


class MapPrinter:
    """ages: 2 elements, 1 bucket = {["ada"] = 36, ["alan"] = 41}"""

    def __init__(self, value, name):
        self.name, self.map, self.shape, self.broken = name.split("<")[0] or "tophash", None, None, None
        try:
            self.map = map_of_value(value)
            self.shape = Shape(self.map, name)
        except (Broken, gdb.error) as why:
            self.map, self.broken = None, why

    def to_string(self):
        return f"{self.name}: " + (f"broken: {self.broken}" if self.broken else summary(self.map))

    def display_hint(self):
        return "array" if self.shape and self.shape.is_set else "map"

    def children(self):
        """Yields keys and values in turn, or keys alone. A fault comes last, as text."""
        number = 0
        for key, value in self.pairs() if self.map else ():
            for child in (key,) if self.shape.is_set and value is None else (key, value):
                yield f"[{number}]", child
                number += 1

    def pairs(self):
        size = self.map.type.slot_size if self.map.type else 0
        try:
            for entry in self.map.entries():
                self.map.memory.read(entry.addr, size)  # raises Broken where it is not in memory
                value = None if self.shape.is_set else self.shape.val_value(entry.addr)
                yield self.shape.key_value(entry.addr), value
        except (Broken, Cut, gdb.error) as why:
            what = "cut" if isinstance(why, Cut) else "broken"
            yield (f"<{what}: {why}>", None) if self.shape.is_set else (f"<{what}>", f"<{why}>")


class StrPrinter:
    """Prints a struct tophash_str by its contents."""

    def __init__(self, value):
        self.at, self.size = value["p"], int(value["n"])

    def to_string(self):
        sound = int(self.at) and self.size <= READ_MAX
        if self.size == 0:
            return '""'
        return self.at.lazy_string(length=self.size) if sound else f"<{self.size} bytes at {int(self.at):#x}>"


def tophash_printer(value):
    """Finds the printer for typed maps and sets, struct tophash and struct tophash_str. gdb lists it by its name."""
    value = value.referenced_value() if is_reference(value.type) else value
    type_ = value.type.strip_typedefs()
    if type_.code == gdb.TYPE_CODE_STRUCT and (type_.tag or type_.name) == "tophash_str":
        return StrPrinter(value)
    name = name_of_map(type_)
    return None if name is None else MapPrinter(value, name)


# ---- the command ---------------------------------------------------------------------------------

class View:
    """Prints the output of tophash-map."""

    def __init__(self, map_, name, options):
        self.map, self.shape, self.most = map_, Shape(map_, name), options.limit
        map_.first = options.first

    def head(self, addr):
        print(f"{self.shape.name or 'a map'}{at_text(addr)}: {summary(self.map)}")

    def state(self):
        map_, core = self.map, self.map.core
        if map_.type:
            key = self.shape.key or f"{map_.type.key_size} bytes"
            val = "" if self.shape.is_set else f"; values {self.shape.val or f'{map_.type.val_size} bytes'}"
            print(f"  keys        {key} ({map_.kind}){val}; slots of {map_.type.slot_size} bytes")
        if map_.head.writing:
            print("  writing     yes: in the middle of a put, a delete or a move")
        if map_.small:
            print(f"  memory      small: one block of {count(map_.head.grow_at, 'slot')}")
        if not core:
            return
        if map_.move != "none":
            print(f"  moving      {self.moving()}")
        piece = f" of {1 << map_.store.piece_bits}" if map_.mode == "pieces" else ""
        print(f"  memory      {map_.mode}{piece}, room for {count(map_.store.buckets, 'bucket')}")
        longest, whole = map_.longest_chain()
        print(f"  overflow    {map_.pool.used} buckets in use, {map_.pool.spare} free; longest chain "
              f"{count(longest, 'bucket')} with its home" + ("" if whole else f" (of {LOOK_MAX} looked at)"))
        kept = "; room that was asked for is kept" if core.members.get("floor") else ""
        print(f"  thresholds  grows at {map_.head.grow_at} elements, shrinks below {map_.head.shrink_at}{kept}")
        print(f"  so far      {self.history()}")

    def moving(self):
        map_, core = self.map, self.map.core
        shown = [(f"{begin} " if begin == end - 1 else f"{begin} to {end - 1} ") + region
                 for begin, end, region in map_.regions() if begin < end]
        rests = [count(sum(1 for _ in map_.chain(link, what, set())), "overflow bucket")
                 for what, link in map_.rests() if link.number]
        rest = f"; half-way through one, to come: {' and '.join(rests) or 'nothing'}" if core.home_moved else ""
        return f"cursor {core.cursor}; buckets {', '.join(shown)}{rest}"

    def history(self):
        note, stats = self.map.note, self.map.note.decode("stats", self.map.core.stats)
        counts = {name: note.number(stats.slow[reason * 8:][:8]) for reason, name in note.group("slow").items()}
        counts["first"] = self.map.head.first_put
        slow = ", ".join(f"{name} {n}" for name, n in counts.items())
        off = f", put {stats.put_off} moves off" if stats.put_off else ""
        return f"grew {stats.grows}, shrank {stats.shrinks}{off}, moved {stats.moved}; slow path: {slow}"

    def draw(self):
        map_, slots, left, cut, seen = self.map, self.map.note.constant("slots"), self.most, None, set()
        print(f"  bucket       {'tags, by slot (.. is free)':44}  filter")
        for begin, end, region in map_.regions():
            begin = max(begin, map_.first)
            if begin < end and region == "free" and left > 0:
                print(f"  {begin:6} free" + (f"  up to {end - 1}" if begin < end - 1 else ""))
            for bucket in range(begin, end) if region != "free" else ():
                if left <= 0:
                    cut = bucket if cut is None else cut
                    break
                left -= 1
                word = map_.word(bucket)
                print(f"  {bucket:6} {region:5} {tags_text(word[:slots], map_.head.grow_at if map_.small else None)}  {word[map_.note.constant('filter')]:02x}")
                draw_chain(map_.chain(map_.link(bucket), f"bucket {bucket}", seen))
        if cut is not None:
            print(f"  cut: {self.most} of {map_.homes} buckets; --from {cut} goes on, --limit N shows more")
        for what, link in map_.rests():
            if link.number:
                print(f"  {what}, whose home has been moved")
                draw_chain(map_.chain(link, what, seen))

    def entries(self):
        for shown, entry in enumerate(self.map.entries()):
            if shown >= self.most:
                print(f"  cut: {shown} of {count(self.map.head.len, 'element')}; --limit N shows more")
                break
            print(f"  {self.shape.entry_text(entry.addr)}")

    def place(self, entry):
        if entry.bucket is None:
            return f"the rest, overflow bucket #{entry.number}"
        region = next(region for begin, end, region in self.map.regions() if begin <= entry.bucket < end)
        chain = f", overflow bucket #{entry.number} of its chain" if entry.number else ""
        return f"bucket {entry.bucket}" + (f" ({region})" if region else "") + chain

    def find(self, text):
        looked, found, matches = 0, False, self.shape.matcher(text) if self.map.homes else None
        for looked, entry in enumerate(self.map.entries(), 1):
            if matches(entry.addr):
                found = True
                print(f"  {self.shape.entry_text(entry.addr)}")
                print(f"    in {self.place(entry)}, slot {entry.lane}, tag {entry.tag:02x}{at_text(entry.addr)}")
        if not found:
            print(f"  no entry {text} ({count(looked, 'element')} looked at)")


class Options(argparse.ArgumentParser):
    def __init__(self):
        super().__init__(add_help=False)
        self.add_argument("map", nargs="+")
        for flag in ("--buckets", "--entries"):
            self.add_argument(flag, action="store_true")
        self.add_argument("--entry")
        self.add_argument("--from", type=int, default=0, dest="first")
        self.add_argument("--limit", type=int, default=SHOWN)
        self.add_argument("--note")

    def error(self, message):
        raise Broken(f"{message}; see help tophash-map")


class MapCommand(gdb.Command):
    """Show how a map of libtophash stands.

tophash-map EXPR|ADDRESS [OPTION...]

EXPR is a map (struct NAME, or struct tophash), or a pointer to one; without debug information, an
address. Without options: how far a move has come, chains, what the map grows and shrinks at, and
how often the slow path was taken, why.

  --buckets      tag words and chains, bucket by bucket
  --entries      keys and values
  --entry KEY    where the entry of a key is: a number, a string's contents, hex digits for bytes
  --from N       all this from this bucket on
  --limit N      so many buckets, or entries (32)
  --note FILE    read the map as the note in this program file says"""

    def __init__(self):
        super().__init__("tophash-map", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            self.run(Options().parse_args(gdb.string_to_argv(argument)))
        except (Broken, gdb.error) as why:
            raise gdb.GdbError(f"tophash-map: {why}") from None
        except Cut as where:
            print(f"  cut: {where}")

    def run(self, options):
        value = evaluate(" ".join(options.map))
        name, addr = self.resolve(value)
        if addr == 0:
            print("NULL: an empty map")
            return
        note = note_of_type(value.type) if name and not options.note else note_of_program(options.note)
        map_ = map_of_value(value) if addr is None else map_at(note, addr)
        view = View(map_, name, options)
        view.head(addr)
        if options.buckets and map_.homes:
            view.draw()
        if options.entries:
            view.entries()
        if options.entry is not None:
            view.find(options.entry)
        elif not options.buckets and not options.entries:
            view.state()

    @staticmethod
    def resolve(value):
        """Returns the name, "" if it is unknown, and the address, None if the map is not in memory."""
        type_ = value.type.strip_typedefs()
        name = name_of_map(type_)
        if name is not None:
            return name, None if value.address is None else int(value.address)
        if type_.code == gdb.TYPE_CODE_PTR:
            target = type_.target().strip_typedefs()
            name = name_of_map(target)
            if name is not None or target.code != gdb.TYPE_CODE_STRUCT or not target.fields():
                return name or "", int(value)
        if type_.code == gdb.TYPE_CODE_INT:
            return "", int(value) & (1 << 64) - 1
        raise Broken(f"{value.type} is no map, no pointer to one, and no address")


gdb.printing.register_pretty_printer(gdb.current_objfile(), tophash_printer, replace=True)
MapCommand()
