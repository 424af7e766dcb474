"""Check a proof bundle of an Autonomy ledger, trusting only the log's public key.

    python verify_bundle.py bundle.json --key 'NAME+ID+KEY'    (or a file with the key)

Needs Python 3.10 and the `cryptography` package, and no network. Exit status: 0 it is
verified, 1 it is not (standard error says why), 2 bundle or key could not be read.

Verified means: whoever holds the key signed one Merkle root; each entry is, byte for
byte, at its stated place under that root; all belong to the one execution; the policy
texts are those that the entries name. It does not mean that no entry was left out.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("This verifier needs the 'cryptography' package.\n")
    raise SystemExit(2) from None

FORMAT = "autonomy-proof-bundle/v1"
TEXTS = ("format", "tenant", "execution", "checkpoint")
BUNDLE = {*TEXTS, "entries", "policies"}
ENTRY = {"canonical", "leaf_index", "path"}
TOLD = ("sequence", "at", "kind")
DOCUMENT = {*TOLD, "v", "id", "tenant", "number", "actor", "subjects", "data"}
# Two entries belong together when they share one of these.
LINKS = ("signal", "run", "intent", "execution", "approval", "plan")
MAX_BYTES = 64 * 1024 * 1024
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")

Object = dict[str, Any]


class NotVerified(Exception):
    """A check failed."""


class Unreadable(Exception):
    """There is nothing to check."""


class Key(NamedTuple):
    name: str
    key_id: bytes
    public: bytes


def verify(raw: bytes, key: Key) -> Object:
    """Run every check in turn and tell what is proven, or raise NotVerified."""
    bundle = read_bundle(raw)
    tenant = bundle["tenant"]
    size, root = read_checkpoint(bundle["checkpoint"], tenant, key)
    places = [entry["leaf_index"] for entry in bundle["entries"]]
    insist(all(one < after for one, after in pairwise(places)), "entries: out of order")
    documents = [read_entry(entry, size, root) for entry in bundle["entries"]]
    check_connected(documents, bundle["execution"])
    check_policies(bundle["policies"], documents)
    return {
        "verified": True,
        **{name: bundle[name] for name in ("tenant", "execution")},
        "entries": [read_facts(document, tenant) for document in documents],
        "policies": sorted(bundle["policies"]),
        "checkpoint": {"size": size, "root": root.hex()},
    }


# The envelope: one possible spelling, nothing missing, nothing extra.
def read_bundle(raw: bytes) -> Object:
    bundle = parse(raw, BUNDLE, "bundle")
    entries, policies = bundle["entries"], bundle["policies"]
    insist(isinstance(entries, list) and entries != [], "format: there are no entries")
    insist(isinstance(policies, dict), "format: policies is not an object")
    texts = [bundle[name] for name in TEXTS] + list(policies.values())
    for entry in entries:
        shaped(entry, ENTRY, "entry")
        place, path = entry["leaf_index"], entry["path"]
        insist(type(place) is int and place >= 0, "format: leaf_index is not a number")
        insist(isinstance(path, list), "format: path is not a list")
        texts += [entry["canonical"], *path]
    insist(all(isinstance(text, str) for text in texts), "format: a text is not a text")
    insist(bundle["format"] == FORMAT, f"format: not {FORMAT}")
    ids = (bundle["tenant"], bundle["execution"])
    insist(all(map(UUID.fullmatch, ids)), "format: an id is not a UUID")
    insist("".join(policies).isascii(), "format: a policy's name is not a hash")
    insist(spell(bundle) == raw, "format: not canonical JSON and one newline")
    return bundle


def spell(bundle: Object) -> bytes:
    # RFC 8785, since there are no floats in the envelope and its keys are ASCII.
    writer = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return writer.encode(bundle).encode(errors="replace") + b"\n"


def parse(raw: bytes, keys: set[str], what: str) -> Object:
    try:
        # int() refuses NaN and Infinity, which json would take.
        value = json.loads(raw.decode(), object_pairs_hook=members, parse_constant=int)
    except (ValueError, RecursionError):
        fail(f"format: the {what} is not UTF-8 JSON")
    return shaped(value, keys, what)


def shaped(value: Any, keys: set[str], what: str) -> Object:
    if not isinstance(value, dict) or set(value) != keys:
        fail(f"format: the {what} has not the keys it must have")
    return value


def members(pairs: list[tuple[str, Any]]) -> Object:
    insist(len(dict(pairs)) == len(pairs), "format: an object has the same key twice")
    return dict(pairs)


# The checkpoint: a C2SP signed note with one signature, ours.
def read_checkpoint(note: str, tenant: str, key: Key) -> tuple[int, bytes]:
    body, _, signed = note.partition("\n\n")
    lines = body.split("\n")
    insist(len(lines) >= 3 and "" not in lines, "checkpoint: not a signed checkpoint")
    insist(lines[0] == f"autonomy-ledger/{tenant}", "checkpoint: of another log")
    insist(bool(SIZE.fullmatch(lines[1])), "checkpoint: its size is not a number")
    root = unbase64(lines[2], 32, "checkpoint: its root")
    begin = f"\u2014 {key.name} "
    ours = signed.startswith(begin) and signed.endswith("\n")
    insist(ours, "signature: not by the given key")
    signature = unbase64(signed[len(begin) : -1], 68, "signature: it")
    insist(signature[:4] == key.key_id, "signature: not by the given key")
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public)
        public.verify(signature[4:], f"{body}\n".encode())
    except InvalidSignature:
        fail("signature: the checkpoint was not signed by the given key")
    return int(lines[1]), root


# The entries: each at its place in the tree.
def read_entry(entry: Object, size: int, root: bytes) -> Object:
    place, text = entry["leaf_index"], entry["canonical"].encode()
    where = f"entry at leaf {place}"
    path = [unbase64(node, 32, f"inclusion: path of {where}") for node in entry["path"]]
    leaf = hashlib.sha256(b"\x00" + text).digest()
    found = place < size and root_over(leaf, place, size - 1, path) == root
    insist(found, f"inclusion: {where} is not under the root")
    document = parse(text, DOCUMENT, where)
    numbers = [(type(document[name]), document[name]) for name in ("v", "sequence")]
    insist(numbers == [(int, 1), (int, place)], f"{where}: of another place or version")
    return document


def root_over(seen: bytes, place: int, last: int, path: list[bytes]) -> bytes | None:
    """RFC 9162, section 2.1.3.2: the root that the path leads to."""
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


def read_facts(document: Object, tenant: str) -> Object:
    where, actor = f"entry at leaf {document['sequence']}", document["actor"]
    insist(document["tenant"] == tenant, f"{where}: it is another tenant's")
    insist(isinstance(actor, dict), f"{where}: it has no actor")
    facts = {**{name: document[name] for name in TOLD}, "actor": actor.get("type")}
    for name in ("at", "kind", "actor"):
        insist(isinstance(facts[name], str), f"{where}: its {name} is not a text")
    return facts


# The story: all of it belongs to one execution, and so do the policies.
def check_connected(documents: list[Object], execution: str) -> None:
    linked = {document["sequence"]: links(document) for document in documents}
    fresh = {("execution", execution)}
    insist(fresh <= set().union(*linked.values()), "entries: none is of the execution")
    reached: set[tuple[str, str]] = set()
    while fresh:
        reached |= fresh
        touched = (each for each in linked.values() if each & fresh)
        fresh = set().union(*touched) - reached
    apart = [place for place, each in linked.items() if not each & reached]
    insist(not apart, f"entries: leaf {apart[:1]} is not of the execution")


def links(document: Object) -> set[tuple[str, str]]:
    subjects = document["subjects"]
    if not isinstance(subjects, dict):
        return set()
    return {(k, v) for k, v in subjects.items() if k in LINKS and isinstance(v, str)}


def check_policies(policies: dict[str, str], documents: list[Object]) -> None:
    datas = (document["data"] for document in documents)
    named = [data.get("policy_version") for data in datas if isinstance(data, dict)]
    for version, source in policies.items():
        digest = hashlib.sha256(source.encode()).hexdigest()
        insist(version == f"sha256:{digest}", "policies: a text has another hash")
        insist(version in named, f"policies: no entry names {version}")


def fail(reason: str) -> NoReturn:
    raise NotVerified(reason)


def insist(holds: bool, otherwise: str) -> None:
    if not holds:
        fail(otherwise)


def unbase64(text: str, length: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        fail(f"{what} is not base64")
    same = len(data) == length and base64.b64encode(data).decode() == text
    insist(same, f"{what} is not {length} bytes of base64")
    return data


def read_key(given: str) -> Key:
    match = KEY.fullmatch(given)
    if match is None:
        held = read_file(given.removeprefix("@"), "the key, if it is a file")
        match = KEY.fullmatch(held.decode(errors="replace").strip())
    if match is None:
        raise Unreadable("the key is not NAME+ID+KEY")
    name, key_id, encoded = match.groups()
    typed = base64.b64decode(encoded)
    own = hashlib.sha256(name.encode(errors="replace") + b"\n" + typed).digest()[:4]
    if typed[0] != 1 or key_id != own.hex():
        raise Unreadable("the key is not an Ed25519 key with its own id")
    return Key(name, own, typed[1:])


def read_file(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as reason:
        raise Unreadable(f"cannot read {what}: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"{what} is larger than {MAX_BYTES} bytes")
    return raw


def story(told: Object) -> str:
    lines = [f"Execution {told['execution']} of tenant {told['tenant']}"]
    for entry in told["entries"]:
        line = "  ".join(str(fact)[:200] for fact in entry.values())
        # Whatever the log wrote, it shall not move the cursor of a terminal.
        lines.append(re.sub(r"[^ -~]", "?", line))
    lines += [f"Policy {version}" for version in told["policies"]]
    lines += ["Checkpoint of {size} entries, root {root}".format(**told["checkpoint"])]
    return "\n".join([*lines, "VERIFIED"])


def say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        # Nobody listens any more; the exit status still tells.
        sys.stdout = None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check an Autonomy proof bundle.")
    parser.add_argument("bundle", help="the file to check")
    parser.add_argument("--key", required=True, help="NAME+ID+KEY, or a file of it")
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
