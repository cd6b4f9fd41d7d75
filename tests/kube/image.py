#!/usr/bin/env python3
"""Tests the container image that tools/image makes.

    tests/kube/image.py [--build DIR] [WORD...]

static        the program needs no shared library and no loader
archive       skopeo reads the file as an OCI layout and as an archive of docker; the image has the program and licenses, and nothing else
reproducible  a second build in another folder gives the same file
alone         the image's files are the whole file system: the program lists and traces a Go program, and every delete is there (root)

With words: only the checks whose names contain one. A line a check, ok, FAIL or skip; the last line is "N passed, M failed, K skipped".
"""
import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/lib")]
import suite  # noqa: E402
import target  # noqa: E402
from suite import Failed, Skip  # noqa: E402

BUILD = None
DELETES = 200


def run(*command, **kwargs):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def make(build, output):
    done = subprocess.run([ROOT / "tools/image", "--build", build, "-o", output], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 3:
        raise Skip(done.stdout.strip()[-300:])
    if done.returncode:
        raise Failed(done.stdout[-2000:])
    return output


@functools.cache
def image():
    return make(BUILD, BUILD / "tophash-image.tar")


def layer(archive, into):
    """Unpacks the image's only layer."""
    with tarfile.open(archive) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))
        (name,) = manifest["Layers"]
        with tarfile.open(fileobj=outer.extractfile(name)) as inner:
            names = inner.getnames()
            inner.extractall(into)
    return names


def static(folder):
    layer(image(), folder)
    text = run("readelf", "-W", "-l", "-d", folder / "tophash")
    for bad in ("INTERP", "(NEEDED)"):
        if bad in text:
            raise Failed(f"the program has {bad}")
    if "DYN" not in run("readelf", "-h", folder / "tophash"):
        raise Failed("the program is not position-independent")
    return f"{(folder / 'tophash').stat().st_size / 1e6:.1f} MB"


def archive(folder):
    names = set(layer(image(), folder))
    if not shutil.which("skopeo"):
        raise Skip("skopeo is not installed (tools/deps test)")
    strangers = [name for name in names if name != "tophash" and not name.startswith("licenses")]
    if strangers or "tophash" not in names or len(names) < 10:
        raise Failed(f"the image has {sorted(names)}")
    for kind in ("oci-archive", "docker-archive"):
        config = json.loads(run("skopeo", "inspect", "--config", f"{kind}:{image()}"))
        if config["config"]["Entrypoint"] != ["/tophash"] or config["os"] != "linux":
            raise Failed(f"{kind}: {config}")
        run("skopeo", "--insecure-policy", "copy", f"{kind}:{image()}", f"dir:{folder}/{kind}")  # compares every digest
    return f"{len(names)} files"


def reproducible(folder):
    other = make(folder / "elsewhere/build", folder / "other.tar")
    if other.read_bytes() != image().read_bytes():
        raise Failed("the two files differ")
    return "two files"


def in_image(root, *command):
    """Returns a command line that runs a program of the image, with /proc and /sys and without any other file."""
    for name in ("proc", "sys"):
        (root / name).mkdir(exist_ok=True)
    script = 'mount --bind /proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(root), *map(str, command)]


def alone(folder):
    if os.geteuid():
        raise Skip("tracing needs root")
    program = target.build(folder)
    if not program:
        raise Skip("no Go release in the cache (tools/go-toolchains)")
    (folder / "root").mkdir()
    layer(image(), folder / "root")
    running = target.Target(program)
    try:
        listed = run(*in_image(folder / "root", "/tophash", "ps", running.pid))
        if "deletes" not in listed:
            raise Failed(f"ps: {listed}")
        command = in_image(folder / "root", "/tophash", "trace", "-v", "--format", "json", "--limit", DELETES, "-p", running.pid)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as trace:
            said = ""
            while "probes placed" not in said:
                line = trace.stderr.readline()
                said += line
                if not line:
                    raise Failed(f"trace: {said}")
            running.delete(DELETES)
            out, _ = trace.communicate(timeout=60)
        keys = [json.loads(line)["key"] for line in out.splitlines() if '"event":"delete"' in line]
        if keys != [f"user:{n}" for n in range(DELETES)]:
            raise Failed(f"{len(keys)} of {DELETES} deletes: {out[-500:]}")
    finally:
        running.end()
    return f"{DELETES} deletes"


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    BUILD = args.build.resolve()
    results = []
    for check in (static, archive, reproducible, alone):
        if args.words and not any(word in check.__name__ for word in args.words):
            continue
        with tempfile.TemporaryDirectory(prefix="tophash-image-") as folder:
            results.append(suite.attempt(functools.partial(check, Path(folder)), name=check.__name__))
    return suite.summary(results)


if __name__ == "__main__":
    sys.exit(main())
