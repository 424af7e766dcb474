"""Check a proof bundle of an Autonomy ledger, trusting nothing but the log's public key.

    python verify_bundle.py bundle.json --key 'NAME+ID+KEY'     (or --key @file, or --key file)

Needs Python 3.10 and the `cryptography` package; nothing else, and no network. Exit status: 0 the bundle is verified,
1 it is not (standard error says which check failed), 2 it or the key could not be read.

What "verified" means: whoever holds the key signed one Merkle root, and every entry in the bundle is, byte for byte,
at its stated place under that root; the entries belong to the one execution that the bundle is about; and the policy
texts are those that the entries name. It does not mean that the bundle holds every entry there is about the execution.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("This verifier needs the 'cryptography' package.\n")
    raise SystemExit(2) from None

FORMAT = "autonomy-proof-bundle/v1"
BUNDLE_KEYS = {"format", "tenant", "execution", "checkpoint", "entries", "policies"}
ENTRY_KEYS = {"canonical", "leaf_index", "path"}
DOCUMENT_KEYS = {
    "v",
    "id",
    "tenant",
    "sequence",
    "number",
    "at",
    "kind",
    "actor",
    "subjects",
    "data",
}
# Two entries belong together when they share one of these.
LINKS = ("signal", "run", "intent", "execution", "approval", "plan")
TOLD = ("sequence", "at", "kind")
MAX_BYTES = 64 * 1024 * 1024
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")


class NotVerified(Exception):
    """A check failed."""


class Unreadable(Exception):
    """There is nothing to check."""


@dataclass(frozen=True)
class Key:
    name: str
    key_id: bytes
    public: bytes


def verify(raw: bytes, key: Key) -> dict[str, Any]:
    """Run every check in turn and tell what is proven; raise NotVerified at the first check that fails."""
    bundle = read_bundle(raw)
    size, root = read_checkpoint(
        bundle["checkpoint"], "autonomy-ledger/" + bundle["tenant"], key
    )
    check_ascending(bundle["entries"])
    documents = [
        read_entry(entry, size, root, bundle["tenant"]) for entry in bundle["entries"]
    ]
    check_connected(documents, bundle["execution"])
    check_policies(bundle["policies"], documents)
    return {
        "verified": True,
        **{name: bundle[name] for name in ("tenant", "execution")},
        "entries": [
            {**{name: each[name] for name in TOLD}, "actor": each["actor"]["type"]}
            for each in documents
        ],
        "checkpoint": {"size": size, "root": root.hex()},
        "policies": sorted(bundle["policies"]),
    }


# The envelope: one possible spelling, nothing missing, nothing extra.
def read_bundle(raw: bytes) -> dict[str, Any]:
    bundle = parse(raw, BUNDLE_KEYS, "bundle")
    insist(bundle["format"] == FORMAT, f"format: not {FORMAT}")
    for name in ("tenant", "execution"):
        insist(
            isinstance(bundle[name], str) and bool(UUID.fullmatch(bundle[name])),
            f"format: {name} is not a UUID",
        )
    insist(isinstance(bundle["checkpoint"], str), "format: checkpoint is not a text")
    insist(
        isinstance(bundle["entries"], list) and bundle["entries"] != [],
        "format: there are no entries",
    )
    for entry in bundle["entries"]:
        check_entry_shape(entry)
    insist(isinstance(bundle["policies"], dict), "format: policies is not an object")
    for version, source in bundle["policies"].items():
        insist(
            version.isascii() and isinstance(source, str),
            "format: a policy is not a text",
        )
    insist(
        spell(bundle) == raw, "format: the file is not canonical JSON and one newline"
    )
    return bundle


def check_entry_shape(entry: Any) -> None:
    shaped(entry, ENTRY_KEYS, "entry")
    insist(
        isinstance(entry["canonical"], str),
        "format: an entry's canonical is not a text",
    )
    insist(
        type(entry["leaf_index"]) is int and entry["leaf_index"] >= 0,
        "format: a leaf_index is not a number",
    )
    insist(isinstance(entry["path"], list), "format: a path is not a list")
    insist(
        all(isinstance(node, str) for node in entry["path"]),
        "format: a node in a path is not a text",
    )


def spell(bundle: dict[str, Any]) -> bytes:
    # RFC 8785, since the envelope holds no floats and its keys are ASCII.
    try:
        return (
            json.dumps(
                bundle, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ).encode()
            + b"\n"
        )
    except ValueError:
        fail("format: the file is not canonical JSON and one newline")


def parse(raw: bytes, keys: set[str], what: str) -> dict[str, Any]:
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=members,
            parse_constant=lambda name: fail(f"format: {name}"),
        )
    except (ValueError, RecursionError):
        fail(f"format: the {what} is not UTF-8 JSON")
    return shaped(value, keys, what)


def shaped(value: Any, keys: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        fail(f"format: the {what} has not the keys it must have")
    return value


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    insist(len(dict(pairs)) == len(pairs), "format: an object has the same key twice")
    return dict(pairs)


# The checkpoint: a C2SP signed note with one signature, ours.
def read_checkpoint(note: str, origin: str, key: Key) -> tuple[int, bytes]:
    body, blank, signature_line = note.partition("\n\n")
    lines = body.split("\n")
    insist(
        blank != "" and len(lines) >= 3 and "" not in lines,
        "checkpoint: not a signed checkpoint",
    )
    insist(lines[0] == origin, f"checkpoint: its origin is not {origin}")
    insist(bool(SIZE.fullmatch(lines[1])), "checkpoint: its size is not a number")
    root = unbase64(lines[2], 32, "checkpoint: its root")
    prefix = f"\u2014 {key.name} "
    insist(
        signature_line.startswith(prefix) and signature_line.endswith("\n"),
        "signature: not by the given key",
    )
    blob = unbase64(signature_line[len(prefix) : -1], 68, "signature: it")
    insist(blob[:4] == key.key_id, "signature: not by the given key")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            blob[4:], (body + "\n").encode()
        )
    except InvalidSignature:
        fail("signature: the checkpoint was not signed by the given key")
    return int(lines[1]), root


# The entries: each at its place in the tree.
def check_ascending(entries: list[dict[str, Any]]) -> None:
    places = [entry["leaf_index"] for entry in entries]
    insist(
        all(one < after for one, after in pairwise(places)),
        "entries: not in ascending order",
    )


def read_entry(
    entry: dict[str, Any], size: int, root: bytes, tenant: str
) -> dict[str, Any]:
    place, text = entry["leaf_index"], entry["canonical"].encode()
    path = [
        unbase64(node, 32, f"inclusion: a node in the path of leaf {place}")
        for node in entry["path"]
    ]
    leaf = hashlib.sha256(b"\x00" + text).digest()
    where = f"entry at leaf {place}"
    insist(
        place < size and root_over(leaf, place, size, path) == root,
        f"inclusion: {where} is not under the root",
    )
    document = parse(text, DOCUMENT_KEYS, where)
    insist(
        type(document["v"]) is int and document["v"] == 1, f"{where}: unknown version"
    )
    insist(
        type(document["sequence"]) is int and document["sequence"] == place,
        f"{where}: it says it is elsewhere",
    )
    insist(document["tenant"] == tenant, f"{where}: it is another tenant's")
    insist(
        isinstance(document["at"], str) and isinstance(document["kind"], str),
        f"{where}: it has no time or no kind",
    )
    actor = document["actor"]
    insist(
        isinstance(actor, dict) and isinstance(actor.get("type"), str),
        f"{where}: it has no actor",
    )
    return document


def root_over(leaf: bytes, place: int, size: int, path: list[bytes]) -> bytes | None:
    """RFC 9162, section 2.1.3.2: the root that the path leads to."""
    last, seen = size - 1, leaf
    for node in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            seen = hashlib.sha256(b"\x01" + node + seen).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            seen = hashlib.sha256(b"\x01" + seen + node).digest()
        place, last = place >> 1, last >> 1
    return seen if last == 0 else None


# The story: one execution, everything in the bundle belongs to it, and so do the policies.
def check_connected(documents: list[dict[str, Any]], execution: str) -> None:
    left = [links(document) for document in documents]
    insist(
        any(("execution", execution) in each for each in left),
        "entries: none is about the execution",
    )
    reached: set[tuple[str, str]] = set()
    fresh = {("execution", execution)}
    while fresh:
        reached |= fresh
        fresh = set().union(*(each for each in left if each & fresh)) - reached
    apart = [
        document["sequence"]
        for document, each in zip(documents, left, strict=True)
        if not each & reached
    ]
    insist(not apart, f"entries: leaf {apart[:1]} has nothing to do with the execution")


def links(document: dict[str, Any]) -> set[tuple[str, str]]:
    subjects = document["subjects"]
    if not isinstance(subjects, dict):
        return set()
    return {
        (noun, subjects[noun]) for noun in LINKS if isinstance(subjects.get(noun), str)
    }


def check_policies(policies: dict[str, str], documents: list[dict[str, Any]]) -> None:
    datas = [
        document["data"] for document in documents if isinstance(document["data"], dict)
    ]
    named = {
        data["policy_version"]
        for data in datas
        if isinstance(data.get("policy_version"), str)
    }
    for version, source in policies.items():
        digest = "sha256:" + hashlib.sha256(source.encode()).hexdigest()
        insist(
            version == digest,
            f"policies: the text of {printable(version)} has another hash",
        )
        insist(version in named, f"policies: no entry names {version}")


# Small tools.
def fail(reason: str) -> NoReturn:
    raise NotVerified(reason)


def insist(holds: bool, otherwise: str) -> None:
    if not holds:
        fail(otherwise)


def unbase64(text: str, length: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        fail(f"{what} is not base64")
    insist(
        len(data) == length and base64.b64encode(data).decode() == text,
        f"{what} is not {length} bytes of base64",
    )
    return data


def printable(text: str) -> str:
    """On one line, and harmless to a terminal."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:200])


# The command.
def read_key(given: str) -> Key:
    match = KEY.fullmatch(given)
    if match is None:
        held = read_file(given.removeprefix("@"), "the key, if it is a file")
        match = KEY.fullmatch(held.decode(errors="replace").strip())
    if match is None:
        raise Unreadable("the key is not NAME+ID+KEY")
    name, key_id, encoded = match.groups()
    typed = base64.b64decode(encoded)
    expected = hashlib.sha256(name.encode(errors="replace") + b"\n" + typed).digest()[
        :4
    ]
    if typed[0] != 1 or key_id != expected.hex():
        raise Unreadable("the key is not an Ed25519 key with its own id")
    return Key(name, expected, typed[1:])


def read_file(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as reason:
        raise Unreadable(f"cannot read {what}: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"{what} is larger than {MAX_BYTES} bytes")
    return raw


def story(told: dict[str, Any]) -> str:
    lines = [f"Execution {told['execution']} of tenant {told['tenant']}"]
    lines += [
        "  ".join(printable(str(fact)) for fact in entry.values())
        for entry in told["entries"]
    ]
    lines += [f"Policy {version}" for version in told["policies"]]
    lines += [
        "Checkpoint of {size} entries, root {root}".format(**told["checkpoint"]),
        "VERIFIED",
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # Nobody listens any more; the exit status still tells.
        sys.stdout = None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Check a proof bundle of an Autonomy ledger."
    )
    parser.add_argument("bundle", help="the file to check")
    parser.add_argument(
        "--key",
        required=True,
        help="the log's public key, NAME+ID+KEY, or a file that holds it",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    try:
        told = verify(read_file(options.bundle, "the bundle"), read_key(options.key))
    except (NotVerified, Unreadable) as reason:
        sys.stderr.write(f"NOT VERIFIED: {reason}\n")
        if options.json:
            say(json.dumps({"verified": False, "failed": str(reason)}))
        return 1 if isinstance(reason, NotVerified) else 2
    say(json.dumps(told) if options.json else story(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
