"""Signed notes and checkpoints as texts (C2SP signed-note, tlog-checkpoint), each with
exactly one spelling."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import MalformedNote

ED25519 = b"\x01"
PUBLIC_SIZE = 32
ROOT_SIZE = 32
KEY_ID_SIZE = 4
MAX_SIZE = 2**63 - 1
MAX_SIGNATURES = 100

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_DASH = "\u2014 "


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One line under a note. Whose it is and whether it holds is for others to say."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierKey:
    """An Ed25519 public key with the name it signs under."""

    name: str
    key_id: bytes
    public: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a log says of its tree. `body` is the text that the signatures cover."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    body: str
    signatures: tuple[Signature, ...]


def checkpoint_body(
    *, origin: str, size: int, root: bytes, extensions: Sequence[str] = ()
) -> str:
    _insist(0 <= size <= MAX_SIZE, "The size is out of range.")
    _insist(len(root) == ROOT_SIZE, "The root is not 32 bytes.")
    for line in (origin, *extensions):
        _insist(
            line != "" and _is_clean(line) and "\n" not in line,
            "A line is empty or holds control characters.",
        )
    return "".join(f"{line}\n" for line in (origin, size, _base64(root), *extensions))


def assemble(body: str, signatures: Sequence[Signature]) -> str:
    _insist(
        body.endswith("\n") and "\n\n" not in body and _is_clean(body),
        "The text is not made of plain lines.",
    )
    _insist(
        0 < len(signatures) <= MAX_SIGNATURES, "There are no signatures, or too many."
    )
    return body + "\n" + "".join(map(_signature_line, signatures))


def parse_checkpoint(note_text: str) -> Checkpoint:
    head, blank, tail = note_text.partition("\n\n")
    _insist(
        blank != "" and tail.endswith("\n"),
        "There is no blank line before the signatures, or no end.",
    )
    origin, size, root, extensions = _parse_head(head.split("\n"))
    signatures = tuple(_parse_signature(line) for line in tail[:-1].split("\n"))
    body = checkpoint_body(origin=origin, size=size, root=root, extensions=extensions)
    _insist(assemble(body, signatures) == note_text, "It is spelled differently.")
    return Checkpoint(
        origin=origin,
        size=size,
        root=root,
        extensions=tuple(extensions),
        body=body,
        signatures=signatures,
    )


def key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_SIZE]


def verifier_key(name: str, public: bytes) -> str:
    _insist(_is_name(name), "A key's name is empty, or holds a space or a plus sign.")
    _insist(len(public) == PUBLIC_SIZE, "An Ed25519 public key is 32 bytes.")
    return f"{name}+{key_id(name, public).hex()}+{_base64(ED25519 + public)}"


def parse_verifier_key(text: str) -> VerifierKey:
    # The name cannot hold a plus sign, but the base64 at the end can.
    parts = text.split("+", 2)
    _insist(
        len(parts) == 3 and _KEY_ID.fullmatch(parts[1]) is not None,
        "A key is name+id+key.",
    )
    name, _, encoded = parts
    key = _unbase64(encoded)
    _insist(key[:1] == ED25519, "Only Ed25519 keys are known.")
    public = key[1:]
    _insist(verifier_key(name, public) == text, "The key's id is not that of the key.")
    return VerifierKey(name=name, key_id=key_id(name, public), public=public)


def _parse_head(lines: list[str]) -> tuple[str, int, bytes, list[str]]:
    _insist(len(lines) >= 3, "A checkpoint is an origin, a size and a root.")
    origin, size, root, *extensions = lines
    _insist(
        _SIZE.fullmatch(size) is not None, "The size is not a plain decimal number."
    )
    return origin, int(size), _unbase64(root), extensions


def _parse_signature(line: str) -> Signature:
    _insist(line.startswith(_DASH), "A signature begins with a dash.")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    blob = _unbase64(encoded)
    return Signature(name=name, key_id=blob[:KEY_ID_SIZE], value=blob[KEY_ID_SIZE:])


def _signature_line(signature: Signature) -> str:
    _insist(
        _is_name(signature.name),
        "A signature's name is empty, or holds a space or a plus sign.",
    )
    _insist(
        len(signature.key_id) == KEY_ID_SIZE and signature.value != b"",
        "A signature is a key id and a value.",
    )
    return f"{_DASH}{signature.name} {_base64(signature.key_id + signature.value)}\n"


def _is_name(name: str) -> bool:
    return (
        name != ""
        and "+" not in name
        and _is_clean(name)
        and not any(each.isspace() for each in name)
    )


def _is_clean(text: str) -> bool:
    """Valid UTF-8 without control characters but the newline."""
    return not any(
        (each < " " and each != "\n") or "\ud800" <= each <= "\udfff" for each in text
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedNote("This is not base64.") from None
    _insist(_base64(data) == text, "This base64 has a shorter spelling.")
    return data


def _insist(holds: bool, otherwise: str) -> None:
    if not holds:
        raise MalformedNote(otherwise)
