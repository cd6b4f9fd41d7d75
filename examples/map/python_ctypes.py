#!/usr/bin/env python3
"""The map used from Python, through the generic API: sizes take the place of types.

    python_ctypes.py [libtophash.so]
"""
import ctypes
import sys

INT, FLOAT, CSTR, STR, BYTES = 1, 2, 3, 4, 5  # enum tophash_kind


class Str(ctypes.Structure):
    """struct tophash_str: a string that knows its length."""

    _fields_ = [("p", ctypes.c_char_p), ("n", ctypes.c_size_t)]


def load(path):
    lib = ctypes.CDLL(path, use_errno=True)
    void, size, uint = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
    functions = {
        "tophash_new": (void, ctypes.c_int, uint, uint, size),
        "tophash_free": (None, void),
        "tophash_put": (ctypes.c_int, void, void, void),
        "tophash_get": (ctypes.c_bool, void, void, void),
        "tophash_delete": (ctypes.c_bool, void, void),
        "tophash_len": (size, void),
        "tophash_check": (ctypes.c_int, void, ctypes.c_int),
        "tophash_iter_new": (void, void),
        "tophash_iter_next": (ctypes.c_bool, void, void, void),
        "tophash_iter_free": (None, void),
    }
    for name, (ret, *args) in functions.items():
        getattr(lib, name).restype = ret
        getattr(lib, name).argtypes = args
    return lib


class Map:
    """A map from str to int. The map borrows its keys; this object keeps the strings that they point to."""

    def __init__(self, lib):
        self.lib = lib
        self.kept = {}
        self.map = lib.tophash_new(STR, ctypes.sizeof(Str), ctypes.sizeof(ctypes.c_int64), 0)
        if not self.map:
            raise OSError(ctypes.get_errno(), "tophash_new")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.tophash_free(self.map)

    @staticmethod
    def key(text):
        data = text.encode()
        return Str(data, len(data))

    def __setitem__(self, text, number):
        key = self.key(text)
        ret = self.lib.tophash_put(self.map, ctypes.byref(key), ctypes.byref(ctypes.c_int64(number)))
        if ret < 0:
            raise OSError(-ret, "tophash_put")
        if ret == 1:
            self.kept[text] = key

    def __getitem__(self, text):
        val = ctypes.c_int64()
        if not self.lib.tophash_get(self.map, ctypes.byref(self.key(text)), ctypes.byref(val)):
            raise KeyError(text)
        return val.value

    def __delitem__(self, text):
        if not self.lib.tophash_delete(self.map, ctypes.byref(self.key(text))):
            raise KeyError(text)
        del self.kept[text]

    def __len__(self):
        return self.lib.tophash_len(self.map)

    def items(self):
        """Iterates. The loop may change the map in any way."""
        key, val = ctypes.POINTER(Str)(), ctypes.POINTER(ctypes.c_int64)()
        walk = self.lib.tophash_iter_new(self.map)
        if not walk:
            raise MemoryError
        try:
            while self.lib.tophash_iter_next(walk, ctypes.byref(key), ctypes.byref(val)):
                yield ctypes.string_at(key[0].p, key[0].n).decode(), val[0]
        finally:
            self.lib.tophash_iter_free(walk)


def main():
    lib = load(sys.argv[1] if len(sys.argv) > 1 else "libtophash.so.0")
    with Map(lib) as ages:
        for i in range(10000):
            ages[f"name {i}"] = i
        ages["name 7"] += 1
        print(len(ages), ages["name 7"], sum(age for _, age in ages.items()))
        for name, age in ages.items():
            if age >= 10:
                del ages[name]
        print(len(ages), sorted(ages.items())[:3], "check:", lib.tophash_check(ages.map, 3))
        try:
            ages["nobody"]
        except KeyError as error:
            print("KeyError:", error)


if __name__ == "__main__":
    main()
