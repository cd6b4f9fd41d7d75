"""Compares a key that a tracer reports with the key that the program had."""

import math

KEY_BYTES = 64  # the tracer's default for --key-bytes


def text_key(raw):
    """Returns (JSON form, was it cut) for a string key with these bytes."""
    cut = raw[:KEY_BYTES]
    if len(raw) > KEY_BYTES:
        for back in range(0, 4):  # a rune that the cut has split is removed as a whole
            try:
                return cut[: len(cut) - back].decode(), True
            except UnicodeDecodeError:
                continue
        return {"bytes": cut.hex()}, True
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return {"bytes": raw.hex()}, False


def number(x):
    if isinstance(x, bool) or isinstance(x, (dict, list)) or x is None:
        return None
    if isinstance(x, (int, float)):
        return x
    if x.lstrip("+-") in ("NaN", "Inf", "inf", "nan", "Infinity"):
        return float(x)
    return None


def same_key(want, got, cut):
    """Returns None when the keys agree, otherwise what differs."""
    if isinstance(want, str) or isinstance(want, dict) and set(want) == {"bytes"}:
        w, g = number(want) if isinstance(want, str) else None, number(got)
        if w is not None and g is not None and (w == g or math.isnan(w) and math.isnan(g)):
            return None
        if isinstance(want, str) and want == got:
            return None if len(want.encode()) <= KEY_BYTES else f"key is not cut at {KEY_BYTES} bytes"
        raw = want.encode() if isinstance(want, str) else bytes.fromhex(want["bytes"])
        form, was_cut = text_key(raw)
        if got != form:
            return f"key {got!r}, should be {form!r}"
        if was_cut and not cut:
            return "key is cut but does not say so"
        return None
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return None if want is got else f"key {got!r}, should be {want!r}"
    if isinstance(want, (int, float)):
        g = number(got)
        if g is None and isinstance(got, str) and got.lstrip("-").isdigit() and abs(want) >= 1 << 53:
            g = int(got)
        return None if g is not None and g == want else f"key {got!r}, should be {want!r}"
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) > len(want) or len(got) < len(want) and not cut:
            return f"key {got!r}, should be {want!r}"
        for w, g in zip(want, got):
            if same_key(w, g, cut):
                return f"key {got!r}, should be {want!r}"
        return None
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"key {got!r}, should be {want!r}"
        fields = {k: v for k, v in got.items() if k != "_"}
        if set(fields) - set(want) or set(want) - set(fields) and not cut:
            return f"key {got!r}, should be {want!r}"
        for k, g in fields.items():
            if same_key(want[k], g, cut):
                return f"key {got!r}, should be {want!r}"
        return None
    return f"key {got!r}, should be {want!r}"
