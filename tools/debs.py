"""Downloads and unpacks packages of other Debian suites, and installs nothing. It runs an apt that
shares only the network settings and the trusted keys with the machine's apt. Used by
tools/go-toolchains, tools/image, tools/map-peers and tests/kernel.

The mirror is the one that apt uses on this machine, and apt verifies what it downloads with the keyring that it uses there.
TOPHASH_MIRROR (URI of a Debian archive) and TOPHASH_KEYRING (file) override both, for machines that are not Debian. What is unpacked
goes into a cache, $TOPHASH_CACHE (default: .cache in the repository).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

OWN_SUITE = "bookworm"  # whose archive keyring package also holds the keys of newer suites


class Problem(Exception):
    """The reason, in one line, why one package or all packages are unavailable."""


def cache_dir() -> Path:
    default = Path(__file__).resolve().parent.parent / ".cache"
    return Path(os.environ.get("TOPHASH_CACHE") or default).resolve()


def run(args, **kw):
    env = dict(os.environ, LC_ALL="C")
    try:
        return subprocess.run(args, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **kw)
    except FileNotFoundError:
        raise Problem(f"{args[0]}: not found on this machine") from None


# --- what apt uses ---------------------------------------------------------------------------------------------------------


def stanzas(text):
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", block, re.M))
        if fields:
            yield fields


def signed_by(entry, uri):
    """Returns Signed-By of the source entry ("FILE:LINE") with this URI: key files, fingerprints or
    None (also for a key that is written inline)."""
    try:
        text = Path(entry.rpartition(":")[0]).read_text()
    except OSError:
        return None
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    uri = uri.rstrip("/")
    if entry.rpartition(":")[0].endswith(".sources"):
        for f in stanzas(text):
            if uri in [u.rstrip("/") for u in f.get("URIs", "").split()]:
                return ",".join(f.get("Signed-By", "").split()) or None
        return None
    for line in text.splitlines():
        m = re.match(r"deb\s+\[([^]]*)\]\s+(\S+)", line)
        if m and m.group(2).rstrip("/") == uri:
            option = re.search(r"signed-by=(\S+)", m.group(1), re.I)
            return option and option.group(1)
    return None


def apt_source():
    """Returns (mirror URI, keyring or None) of the Debian archive that apt uses on this machine.
    None: apt's trusted.gpg.d decides."""
    mirror, keyring = os.environ.get("TOPHASH_MIRROR"), os.environ.get("TOPHASH_KEYRING")
    if mirror:
        return mirror, keyring
    r = run(["apt-get", "indextargets", "Created-By: Packages"])
    if r.returncode:
        raise Problem("apt-get indextargets failed: " + last_line(r.stderr))
    best = None
    for f in stanzas(r.stdout):
        suite = f.get("Suite") or f.get("Release") or f.get("Codename") or ""
        uri = f.get("Repo-URI") or f.get("Site") or ""
        if f.get("Component") != "main" or "security" in suite or "security" in uri:
            continue
        debian = f.get("Origin") == "Debian" or re.match(r"^(bookworm|trixie|forky|sid|stable|testing|unstable|oldstable)\b", suite)
        if debian and uri:
            best = uri, keyring or f.get("Signed-By") or signed_by(f.get("Sourcesentry", ""), uri)
            break
    if not best:
        raise Problem("apt on this machine uses no Debian archive (set TOPHASH_MIRROR and TOPHASH_KEYRING)")
    return best


def last_line(text):
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    errors = [x for x in lines if x.startswith(("E:", "Err:"))]
    return (errors or lines or ["no message"])[-1]


class Apt:
    """An apt that shares only the network settings and the trusted keys with the machine's apt."""

    def __init__(self, root: Path, mirror, keyring):
        self.root = root
        self.mirror = mirror
        self.keyring = keyring
        self.update_errors = ""
        for d in ("lists/partial", "cache/archives/partial", "log", "deb"):
            (root / d).mkdir(parents=True)
        os.chmod(root, 0o755)
        (root / "status").touch()
        (root / "apt.conf").write_text(
            f"""#clear APT::Update;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::State::extended_states "{root}/extended_states";
Dir::Cache "{root}/cache";
Dir::Log "{root}/log";
APT::Get::List-Cleanup "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""
        )

    def get(self, *args, cwd=None):
        return run(["apt-get", "-c", str(self.root / "apt.conf"), "-q", *args], cwd=cwd)

    def update(self, suites, kind="deb"):
        """Reads the lists of these suites: of packages ("deb") or of sources ("deb-src")."""
        opt = f" [signed-by={self.keyring}]" if self.keyring else ""
        (self.root / "sources.list").write_text("".join(f"{kind}{opt} {self.mirror} {s} main\n" for s in suites))
        r = self.get("update")
        self.update_errors = r.stderr

    def unverified(self):
        return bool(re.search(r"NO_PUBKEY|is not signed|signatures? (couldn't|could not) be verified|no longer signed", self.update_errors))

    def version(self, package):
        r = run(["apt-cache", "-c", str(self.root / "apt.conf"), "policy", package])
        m = re.search(r"Candidate: (\S+)", r.stdout)
        return m.group(1) if m and m.group(1) != "(none)" else None

    def names(self, prefix):
        """Returns the names of all packages with this beginning."""
        return run(["apt-cache", "-c", str(self.root / "apt.conf"), "pkgnames", prefix]).stdout.split()

    def depends(self, package, prefix):
        """Returns the package with this prefix that a meta-package depends on."""
        r = run(["apt-cache", "-c", str(self.root / "apt.conf"), "depends", package])
        m = re.search(rf"Depends: ({re.escape(prefix)}\S+)", r.stdout)
        return m.group(1) if m else None

    def download(self, packages):
        """Returns the paths of the .deb files. apt refuses files that it cannot verify."""
        into = Path(tempfile.mkdtemp(dir=self.root / "deb"))
        os.chmod(into, 0o777)  # apt downloads as a separate user
        r = self.get("download", *packages, cwd=into)
        debs = sorted(into.glob("*.deb"))
        if r.returncode or len(debs) != len(packages):
            raise Problem("download failed: " + last_line(r.stderr))
        return debs

    def source(self, package, version):
        """Returns the upstream archive of a source package, after update(suites, "deb-src")."""
        into = Path(tempfile.mkdtemp(dir=self.root / "deb"))
        os.chmod(into, 0o777)
        r = self.get("source", "--download-only", f"{package}={version}", cwd=into)
        archives = sorted(into.glob(f"{package}_*.orig.tar.*"))
        if r.returncode or len(archives) != 1:
            raise Problem(f"the source of {package} {version}: {last_line(r.stderr)}")
        return archives[0]

    def unpack(self, deb: Path, into: Path):
        r = run(["dpkg-deb", "-x", str(deb), str(into)])
        if r.returncode:
            raise Problem(f"cannot unpack {deb.name}: {last_line(r.stderr)}")
        deb.unlink()


def newer_keyring(apt: Apt, own_suite):
    """Returns a keyring with the keys of newer suites, or None. It comes from the archive keyring package of a suite that the machine
    trusts already."""
    apt.update([own_suite])
    if not apt.version("debian-archive-keyring"):
        return None
    (deb,) = apt.download(["debian-archive-keyring"])
    into = apt.root / "keyring"
    if run(["dpkg-deb", "-x", str(deb), str(into)]).returncode:
        return None
    for name in ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"):
        path = into / "usr/share/keyrings" / name
        if path.exists():
            os.chmod(path.resolve(), 0o644)
            return path.resolve()
    return None


def open_apt(root: Path, suites):
    """Returns a separate apt below this folder that knows the packages of these suites."""
    me = Path(sys.argv[0]).name
    mirror, keyring = apt_source()
    apt = Apt(root, mirror, keyring)
    apt.update(suites)
    if apt.unverified():
        errors = apt.update_errors
        try:
            path = newer_keyring(apt, OWN_SUITE)
        except Problem:
            path = None
        if path:
            apt.keyring = path
            print(f"{me}: the machine's keyring does not know every suite; using that of debian-archive-keyring from {OWN_SUITE}", file=sys.stderr)
            apt.update(suites)
        else:
            apt.update_errors = errors
    for line in apt.update_errors.splitlines():
        if line.startswith(("E:", "W:")):
            print(f"{me}: apt: {line}", file=sys.stderr)
    return apt
