"""Checks the object for rules of older verifiers, which this machine's verifier may not check. No kernel is needed.

  * The stacks of a program and of the functions it calls have 512 bytes at most, each rounded up to 32 (newer kernels round up to 16). Some
    are kept free here, because another compiler may need more.
  * No loop closes by falling through: up to Linux 6.6 (before commit 10e14e9652bf) the first pass over a program refuses that. That pass
    is repeated here (kernel/bpf/verifier.c, check_cfg); it sees the object's code, of which loading with other constants drops a part.
"""

import re
import shutil
import subprocess

STACK = 512 - 32
ROUND = 32


class Function:
    def __init__(self):
        self.code, self.calls, self.stack = {}, set(), 0

    def add(self, at, text):
        self.code[at] = text
        for offset in re.findall(r"r10 - (\d+)|r\d+ \+= -(\d+)", text):
            self.stack = max(self.stack, *(int(x) for x in offset if x))

    def edges(self, at, following):
        """Returns [(next, is it reached by falling through?)] in the kernel's order."""
        text = self.code[at]
        jump = re.search(r"goto ([+-](?:0x[0-9a-f]+|\d+))", text)
        target = at + 1 + int(jump[1], 0) if jump else None
        if text.startswith("exit"):
            return []
        if text.startswith("goto"):
            return [(target, False)]
        return [(following, jump is None)] + ([(target, False)] if jump else [])

    def fall_backs(self):
        """Returns the places where a loop closes by falling through."""
        order = sorted(self.code)
        following = dict(zip(order, order[1:]))
        open_, done, path, found = {order[0]}, set(), [], []
        path.append((order[0], iter(self.edges(order[0], following.get(order[0])))))
        while path:
            at, edges = path[-1]
            to, falls = next(edges, (None, False))
            if to is None:
                path.pop()
                open_.discard(at)
                done.add(at)
            elif to in open_:
                found += [(at, to)] if falls else []
            elif to not in done:
                open_.add(to)
                path.append((to, iter(self.edges(to, following.get(to)))))
        return found


def disassemble(path):
    """{name: Function}"""
    cmd = [shutil.which("llvm-objdump") or "llvm-objdump", "-dr", "--no-show-raw-insn", str(path)]
    out = subprocess.run(cmd, text=True, capture_output=True, check=True).stdout
    functions, f = {}, None
    for line in out.splitlines():
        name = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        code = re.match(r"\s+(\d+):\t(.*)", line)
        call = re.search(r"R_BPF_64_32\s+(\w+)", line)
        if name and not name[1].startswith("LBB"):
            f = functions[name[1]] = Function()
        elif code and f:
            f.add(int(code[1]), code[2].strip())
        elif call and f:
            f.calls.add(call[1])
    return functions


def deepest(functions, name):
    """Returns (bytes, [functions]) of the call chain with the largest stack."""
    f = functions[name]
    below = max((deepest(functions, c) for c in f.calls), default=(0, []))
    return -(-max(f.stack, 1) // ROUND) * ROUND + below[0], [name] + below[1]


def check(path):
    """(differences, note)"""
    functions = disassemble(path)
    diffs, most = [], (0, [])
    for name, f in sorted(functions.items()):
        diffs += [f"{name}: a loop closes by falling through, from instruction {a} to {b}" for a, b in f.fall_backs()]
        depth = deepest(functions, name)
        most = max(most, depth)
        if depth[0] > STACK:
            diffs.append(f"{' > '.join(depth[1])}: {depth[0]} bytes of stack, should be {STACK} at most")
    if not functions:
        diffs.append("no programs")
    return diffs, f"{len(functions)} functions, {most[0]} bytes of stack at most ({' > '.join(most[1])})"
