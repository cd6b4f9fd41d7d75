#!/usr/bin/python3
"""Tests kubectl-tophash with the real kubectl, against a small API server and a node of our own (tests/kube/apiserver.py).

    tests/kube/run.py                 everything
    tests/kube/run.py --list          the names
    tests/kube/run.py cut freeze      the tests whose names contain one of these words
    tests/kube/run.py --build DIR     another build
    tests/kube/run.py --kubectl FILE  another kubectl than that of PATH; without any, that of trixie is fetched into the cache
    tests/kube/run.py --suite NAME    that of Debian bookworm or trixie

Each test prints ok, FAIL with the reason, or skip with the reason; the last line is "N passed, M failed, K skipped".
The interpreter is that of Debian, which has the package python3-kubernetes.
"""
import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
import schema  # noqa: E402
import streams  # noqa: E402
import target  # noqa: E402
import test_runs  # noqa: E402, F401
import test_refusals  # noqa: E402, F401
import tls  # noqa: E402
from world import KUBECTL_PACKAGES, TESTS, Failed, Skip, World, find_kubectl  # noqa: E402

# --- running them -----------------------------------------------------------------------------------------------------------


def why_not(options):
    if os.geteuid():
        return "tracing needs root"
    if not options.kubectl:
        return options.no_kubectl
    if not (options.build / "kubectl-tophash").is_file():
        return f"{options.build}/kubectl-tophash is not there (make)"
    return schema.why_not()


def run_one(function, options, folder, program, dictionary):
    folder.mkdir()
    world = World(options, folder, program, dictionary)
    begun = time.monotonic()
    try:
        if function.__name__.endswith("spdy") and not dictionary:
            raise Skip("this kubectl does not speak SPDY")
        function(world)
        return "ok", f"({time.monotonic() - begun:.1f} s)"
    except Skip as why:
        return "skip", str(why)
    except Failed as why:
        return "FAIL", str(why)
    except Exception:
        return "FAIL", traceback.format_exc()
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--kubectl", type=Path)
    parser.add_argument("--suite", choices=KUBECTL_PACKAGES)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args()
    options.build = options.build.resolve()
    tests = [t for t in TESTS if not options.words or any(word in t.__name__ for word in options.words)]
    if options.list:
        print("\n".join(t.__name__ for t in tests))
        return 0
    options.kubectl, options.no_kubectl = find_kubectl(options.kubectl, options.suite)
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory(prefix="tophash-kube-") as top:
        program = None
        reason = why_not(options)
        if not reason:
            program = target.build(Path(top))
            reason = None if program else "no Go release in the cache (tools/go-toolchains)"
        if reason:
            print(f"skip: {reason}")
            print(f"0 passed, 0 failed, {len(tests)} skipped")
            return 77
        tls.certificate(Path(top))
        dictionary = streams.spdy_dictionary(options.kubectl)
        for function in tests:
            kind, text = run_one(function, options, Path(top) / function.__name__, program, dictionary)
            counts[kind] += 1
            print(f"{kind:4} {function.__name__} {text}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
