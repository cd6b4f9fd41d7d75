#!/usr/bin/env python3
"""May the types of keys and values have any name?

    tests/map/names.py [--quick]

Every identifier of the headers (members, parameters, local variables, macro parameters; a script finds them, so that new ones count) is
the name of a type, before and after the header is included: as a typedef of an integer, and as a structure. Each type is K and V of a
map and K of a set. gcc and clang, C11 and C++17 (--quick: typedefs by gcc, structures by g++). The hash of WITH has such names, too. In C++ the maps are
also made in a namespace.

A line a check, ok, FAIL or skip; at the end "N passed, M failed, K skipped". Exit code: 0 when nothing failed.
"""
import argparse
import concurrent.futures
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Names that a program cannot give to a type: of the language, and of the standard headers that the library includes.
KEYWORDS = """
    alignas asm auto bool break case char class const constexpr continue default delete do double else enum extern false float for if
    inline int long namespace new noexcept nullptr operator private public register return short signed sizeof static static_assert
    struct switch template this throw true try typedef typename union unsigned void volatile wchar_t while
    """.split()
STANDARD = re.compile(r"_|u?int\d+_t$|u?int\d+x\d+(x\d+)?_t$|u?intptr_t$|size_t$|std$|(NULL|UINT64_C|UINT64_MAX|SIZE_MAX|offsetof|free|nan)$|tophash|TOPHASH|v[a-z]+_[us]\d+")


def identifiers():
    """Returns the names in the headers, outside of comments, strings and directives that include."""
    ret = set()
    for path in sorted((ROOT / "include/tophash").glob("*.h")):
        text = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\\n])*\"", " ", path.read_text(), flags=re.S)
        text = re.sub(r"^\s*#\s*(include|pragma|error|if|ifdef|ifndef|elif|else|endif|undef)\b.*$", "", text, flags=re.M)
        text = re.sub(r"^\s*#\s*define\b", "", text, flags=re.M)
        # What is pasted is a part of a name; numbers have letters.
        text = re.sub(r"##\w+|\b\d[\w.]*", " ", text)
        ret |= set(re.findall(r"[A-Za-z_]\w*", text))
    return sorted(name for name in ret if name not in KEYWORDS and not STANDARD.match(name))


def types(names, form, cxx):
    if form == "typedef":
        return "".join(f"typedef unsigned long {name};\n" for name in names)
    if cxx:
        return "".join(f"struct {name} {{ int x_, y_; }};\n" for name in names)
    return "".join(f"typedef struct {name} {{ int x_, y_; }} {name};\n" for name in names)


def maps(names, form):
    bytes_ = "_BYTES" if form == "struct" else ""
    ret = []
    for i, name in enumerate(names):
        ret.append(f"TOPHASH_MAP{bytes_}(m{i}_k, {name}, int);")
        ret.append(f"TOPHASH_MAP(m{i}_v, int, {name});")
        ret.append(f"TOPHASH_SET{bytes_}(m{i}_s, {name});")
        ret.append(f"TOPHASH_MAP_DECLARE(m{i}_d, {name}, {name});")
        ret.append(f"TOPHASH_MAP_DEFINE{bytes_}(m{i}_d, {name}, {name});")
    return "\n".join(ret) + "\n"


def functions(names):
    """Hash and equality of such names."""
    text = "struct any_key { int x_, y_; };\n"
    for name in names:
        text += f"static uint64_t {name}(const struct any_key *p_) {{ return (uint64_t)p_->x_; }}\n"
    text += "static bool same_(const struct any_key *p_, const struct any_key *q_) { return p_->x_ == q_->x_; }\n"
    for i, name in enumerate(names):
        text += f"TOPHASH_MAP_WITH(m{i}_w, struct any_key, int, {name}, same_);\n"
    return text


def programs(names, cxx):
    """Yields (label, text)."""
    include = "#include <tophash/map.h>\n"
    for form in ("typedef", "struct"):
        yield f"{form}, after the header", include + types(names, form, cxx) + maps(names, form)
        yield f"{form}, before the header", types(names, form, cxx) + include + maps(names, form)
        if cxx:
            inside = types(names, form, cxx) + maps(names, form)
            yield f"{form}, in a namespace", include + "namespace some { namespace where {\n" + inside + "} }\n"
    yield "functions of WITH", include + functions(names)


def compiles(cc, std, text):
    command = [cc, "-x", "c++" if cc.endswith("++") else "c", f"-std={std}", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
               "-Wno-unused-function", "-I", ROOT / "include", "-"]
    result = subprocess.run([str(word) for word in command], input=text, text=True, capture_output=True, timeout=600)
    return None if result.returncode == 0 and not result.stderr else result.stderr[:1500]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    compilers = [("gcc", "c11"), ("g++", "c++17")] + ([] if args.quick else [("clang", "c11"), ("clang++", "c++17")])
    names, work, counts = identifiers(), [], {"ok": 0, "FAIL": 0, "skip": 0}
    assert {"key", "k", "v", "val", "m", "to", "ret", "slot", "it", "n", "map"} <= set(names), names
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for cc, std in compilers:
            for label, text in programs(names, cc.endswith("++")):
                if args.quick and label != ("struct, in a namespace" if cc == "g++" else "typedef, after the header"):
                    continue
                there = shutil.which(cc)
                work.append((f"{cc} {std}: {label}", pool.submit(compiles, cc, std, text) if there else None))
        for label, future in work:
            why = "not there" if future is None else future.result()
            kind = "skip" if future is None else "FAIL" if why else "ok"
            counts[kind] += 1
            print(f"{kind:4} {label}: {why or f'{len(names)} names'}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
