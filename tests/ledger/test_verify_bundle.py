"""The stand-alone verifier: it accepts what the ledger proves and not one byte else."""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.rules.bundle import BundleEntry, bundle_bytes
from ledger.rules.canonical import canonical, entry_document
from ledger.rules.merkle import Frontier, inclusion_path, leaf_hash
from ledger.rules.note import (
    Signature,
    assemble,
    checkpoint_body,
    key_id,
    verifier_key,
)
from tests import trials

TOOL = Path(__file__).resolve().parents[2] / "tools" / "verify_bundle.py"
TENANT = "0190a000-0000-7000-8000-000000000001"
EXECUTION = "0190a000-0000-7000-8000-000000000002"
STRANGER = "0190a000-0000-7000-8000-000000000003"
POLICY = 'allow = amount < 100  # "è" \U0001f600\t\x7f\n'
VERSION = "sha256:" + hashlib.sha256(POLICY.encode()).hexdigest()
NAME = "autonomy.example/ledger"


def load_tool():
    spec = importlib.util.spec_from_file_location("verify_bundle", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()


class Signer:
    def __init__(self, seed=b"\x07", name=NAME):
        self.private = Ed25519PrivateKey.from_private_bytes(seed * 32)
        self.public = self.private.public_key().public_bytes_raw()
        self.name = name
        self.vkey = verifier_key(name, self.public)

    def sign(self, body):
        return Signature(
            name=self.name,
            key_id=key_id(self.name, self.public),
            value=self.private.sign(body.encode()),
        )

    def key(self):
        return tool.read_key(self.vkey)


SIGNER = Signer()
SUBJECTS = [
    {"signal": "s", "account": "a"},
    {"account": "a"},
    {"signal": "s", "run": "r"},
    {"run": "r", "intent": "i", "plan": None},
    {"intent": "i", "execution": EXECUTION},
]
DATA = [{"text": "è"}, {}, {}, {"policy_version": VERSION}, {"ok": True, "ms": 1.5}]
CHOSEN = (0, 2, 3, 4)


def document(place, **changed):
    fields = {
        "id": f"0190a000-0000-7000-8000-0000000001{place:02}",
        "tenant": TENANT,
        "sequence": place,
        "number": place + 10,
        "at": datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=place),
        "kind": (
            "signal.received",
            "account.seen",
            "run.started",
            "intent.approved",
            "execution.succeeded",
        )[place],
        "actor": {"type": "policy", "id": "p"},
        "subjects": SUBJECTS[place],
        "data": DATA[place],
    }
    return {**entry_document(**fields), **changed}


@dataclass(frozen=True, kw_only=True)
class Story:
    """A tree of five entries, and what of it goes into the bundle."""

    texts: tuple[bytes, ...] = tuple(canonical(document(at)) for at in range(5))
    chosen: tuple[int, ...] = CHOSEN
    origin: str = f"autonomy-ledger/{TENANT}"
    tenant: str = TENANT
    execution: str = EXECUTION
    policies: dict[str, str] = field(default_factory=lambda: {VERSION: POLICY})
    extensions: tuple[str, ...] = ()
    signers: tuple[Signer, ...] = (SIGNER,)

    def note(self):
        leaves = [leaf_hash(text) for text in self.texts]
        body = checkpoint_body(
            origin=self.origin,
            size=len(leaves),
            root=Frontier().extend(leaves).frontier.root(),
            extensions=self.extensions,
        )
        return assemble(body, [signer.sign(body) for signer in self.signers])

    def entries(self):
        known = {(0, at): leaf_hash(text) for at, text in enumerate(self.texts)}
        return [
            BundleEntry(
                canonical=self.texts[at],
                leaf_index=at,
                path=inclusion_path(at, len(self.texts), known),
            )
            for at in self.chosen
        ]

    def raw(self):
        return bundle_bytes(
            tenant=self.tenant,
            execution=self.execution,
            checkpoint=self.note(),
            entries=self.entries(),
            policies=self.policies,
        )

    def telling(self, place, **changed):
        text = canonical(document(place, **changed))
        return self.with_text(place, text)

    def with_text(self, place, text):
        texts = (*self.texts[:place], text, *self.texts[place + 1 :])
        return replace(self, texts=texts)


TRUE = Story()
RAW = TRUE.raw()
OBJECT = json.loads(RAW)


def spelled(bundle):
    return canonical(bundle) + b"\n"


def refused(raw, key=None):
    with pytest.raises(tool.NotVerified) as refusal:
        tool.verify(raw, key or SIGNER.key())
    return str(refusal.value)


def run(*arguments, **options):
    done = subprocess.run(
        [sys.executable, "-I", str(TOOL), *map(str, arguments)],
        capture_output=True,
        check=False,
        **options,
    )
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_bytes(RAW)
    return path


class TestAccepts:
    def test_tells_the_story(self, file):
        done = run(file, "--key", SIGNER.vkey)
        assert (done.returncode, done.stderr) == (0, b"")
        root = Frontier().extend([leaf_hash(t) for t in TRUE.texts]).frontier.root()
        assert done.stdout.decode().splitlines() == [
            f"Execution {EXECUTION} of tenant {TENANT}",
            "0  2026-01-02T00:00:00.000000Z  signal.received  policy",
            "2  2026-01-02T00:00:02.000000Z  run.started  policy",
            "3  2026-01-02T00:00:03.000000Z  intent.approved  policy",
            "4  2026-01-02T00:00:04.000000Z  execution.succeeded  policy",
            f"Policy {VERSION}",
            f"Checkpoint of 5 entries, root {root.hex()}",
            "VERIFIED",
        ]

    def test_as_json(self, file):
        told = json.loads(run(file, "--json", "--key", SIGNER.vkey).stdout)
        assert told["verified"] is True
        assert told["checkpoint"]["size"] == 5
        assert [entry["sequence"] for entry in told["entries"]] == [0, 2, 3, 4]

    def test_key_from_a_file(self, file, tmp_path):
        held = tmp_path / "key.pub"
        held.write_text(SIGNER.vkey + "\n")
        for given in (held, f"@{held}"):
            assert run(file, "--key", given).returncode == 0

    def test_order_of_the_parts_does_not_matter_to_the_file(self):
        upside_down = replace(TRUE, chosen=CHOSEN[::-1])
        assert upside_down.raw() == RAW

    def test_other_true_stories(self):
        for story in (
            replace(TRUE, extensions=("an extension",)),
            replace(TRUE, policies={}),
            replace(TRUE, chosen=(4,), policies={}),
            Story(texts=TRUE.texts + TRUE.texts * 60),
        ):
            assert tool.verify(story.raw(), SIGNER.key())["verified"]

    def test_is_alone(self):
        source = TOOL.read_text()
        imported = re.findall(r"^ *(?:from|import) (\w+)", source, re.MULTILINE)
        assert set(imported) <= {"cryptography", *sys.stdlib_module_names}
        assert len(source.splitlines()) <= 300

    def test_nobody_listening_is_no_traceback(self, file):
        with subprocess.Popen(
            [sys.executable, str(TOOL), str(file), "--key", SIGNER.vkey],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    def test_a_plain_terminal_gets_plain_text(self, tmp_path):
        path = tmp_path / "bundle.json"
        path.write_bytes(TRUE.telling(4, kind="è\x1b[2J\nVERIFIED").raw())
        done = run(path, "--key", SIGNER.vkey, env={"LC_ALL": "C"})
        assert done.returncode == 0
        assert b"  ??[2J?VERIFIED  policy\n" in done.stdout


class TestEveryByteCounts:
    @pytest.mark.parametrize("mask", [1 << bit for bit in range(8)])
    def test_flipped(self, mask):
        key, survivors = SIGNER.key(), []
        for at in range(len(RAW)):
            raw = bytearray(RAW)
            raw[at] ^= mask
            try:
                tool.verify(bytes(raw), key)
                survivors.append(at)
            except tool.NotVerified:
                pass
        trials.record("proofs", trials=len(RAW), violations=len(survivors), seed=None)
        assert survivors == []

    def test_dropped_or_doubled(self):
        for at in range(0, len(RAW), 7):
            refused(RAW[:at] + RAW[at + 1 :])
            refused(RAW[:at])
        for more in (b"\n", b" ", b"{}", b"\0"):
            refused(RAW + more)
            refused(more + RAW)

    def test_by_the_command(self, file):
        for at in (1, len(RAW) // 2, len(RAW) - 1):
            raw = bytearray(RAW)
            raw[at] ^= 0x01
            file.write_bytes(raw)
            done = run(file, "--key", SIGNER.vkey)
            assert (done.returncode, done.stdout) == (1, b"")
            assert done.stderr.startswith(b"NOT VERIFIED: ")
            assert done.stderr.count(b"\n") == 1

    def test_failure_as_json(self, file):
        file.write_bytes(RAW[:-1])
        done = run(file, "--json", "--key", SIGNER.vkey)
        assert done.returncode == 1
        assert json.loads(done.stdout)["verified"] is False


class TestEnvelope:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\n",
            b"\xff\xfe",
            b"[]\n",
            b"null\n",
            b"{}\n",
            b"NaN\n",
            b"1" * 5000 + b"\n",
            b"[" * 100_000,
            b"\xef\xbb\xbf" + RAW,
            RAW.replace(b"\n", b"\r\n"),
            RAW.replace(b'"entries":', b'"entries": '),
            RAW.replace(b'"leaf_index":0', b'"leaf_index":-0'),
            RAW.replace(b'"leaf_index":2', b'"leaf_index":2.0'),
            RAW.replace(b'"leaf_index":2', b'"leaf_index":2e0'),
            RAW.replace(b'"leaf_index":0', b'"leaf_index":false'),
            RAW.replace(b'"leaf_index":2', b'"leaf_index":2,"leaf_index":2'),
            RAW.replace(b'{"checkpoint"', b'{"checkpoint":"","checkpoint"'),
            RAW.replace(b"autonomy-proof", b"\\u0061utonomy-proof"),
            RAW.replace(b"\\t", b"\\u0009"),
        ],
        ids=range(20),
    )
    def test_refuses_other_spellings(self, raw):
        assert raw != RAW
        assert refused(raw).startswith("format: ")

    @pytest.mark.parametrize(
        "changed",
        [
            {"more": 1},
            {"format": "autonomy-proof-bundle/v2"},
            {"format": None},
            {"tenant": TENANT.upper()},
            {"tenant": 1},
            {"execution": "x"},
            {"checkpoint": None},
            {"checkpoint": 1},
            {"entries": []},
            {"entries": {}},
            {"entries": [1]},
            {"entries": [{}]},
            {"policies": []},
            {"policies": {VERSION: 1}},
            {"policies": {"é": ""}},
        ],
    )
    def test_refuses_other_shapes(self, changed):
        assert refused(spelled({**OBJECT, **changed})).startswith("format: ")

    @pytest.mark.parametrize(
        "changed",
        [
            {"more": 1},
            {"canonical": None},
            {"leaf_index": "0"},
            {"leaf_index": -1},
            {"leaf_index": True},
            {"path": "x"},
            {"path": [1]},
        ],
    )
    def test_refuses_other_shapes_of_an_entry(self, changed):
        first, *others = OBJECT["entries"]
        entries = [{**first, **changed}, *others]
        assert refused(spelled({**OBJECT, "entries": entries})).startswith("format: ")

    def test_refuses_a_missing_key(self):
        for name in OBJECT:
            fewer = {key: value for key, value in OBJECT.items() if key != name}
            assert refused(spelled(fewer)).startswith("format: ")

    def test_refuses_half_a_surrogate_pair(self):
        raw = RAW.replace(b"allow", b"\\ud800")
        assert refused(raw).startswith("format: ")


class TestCheckpoint:
    def test_wrong_key(self):
        assert refused(RAW, Signer(b"\x08").key()).startswith("signature: ")
        assert refused(RAW, Signer(name="other").key()).startswith("signature: ")

    def test_signed_by_another_key_with_the_right_id(self):
        impostor = Signer(b"\x08")
        impostor.public = SIGNER.public
        raw = replace(TRUE, signers=(impostor,)).raw()
        assert refused(raw).startswith("signature: ")

    def test_any_further_signature(self):
        for signers in ((SIGNER, Signer(b"\x08", "other")), (SIGNER, SIGNER)):
            raw = replace(TRUE, signers=signers).raw()
            assert refused(raw).startswith("signature: ")

    def test_another_origin(self):
        raw = replace(TRUE, origin="autonomy-ledger/other").raw()
        assert refused(raw).startswith("checkpoint: ")

    @pytest.mark.parametrize(
        "note",
        [
            "",
            "\n\n",
            TRUE.note().replace("\n5\n", "\n05\n"),
            TRUE.note().replace("\n5\n", "\nfive\n"),
            TRUE.note().replace("\n5\n", "\n6\n"),
            TRUE.note().replace("\n\n", "\n"),
            TRUE.note().replace("\n\n", "\n\n\n"),
            TRUE.note().replace("\n\n", "=\n\n"),
            TRUE.note()[:-1],
            TRUE.note() + "\n",
            TRUE.note().replace("\u2014", "-"),
        ],
    )
    def test_a_broken_note(self, note):
        reason = refused(spelled({**OBJECT, "checkpoint": note}))
        assert reason.startswith(("checkpoint: ", "signature: "))


class TestEntries:
    def test_order_and_repetition(self):
        entries = OBJECT["entries"]
        for wrong in (entries[::-1], [*entries, entries[-1]], [entries[0], *entries]):
            assert refused(spelled({**OBJECT, "entries": wrong})).startswith("entries:")

    def test_a_path_that_is_not(self):
        first, *others = OBJECT["entries"]
        path = first["path"]
        for wrong in (
            [],
            path[:-1],
            path[1:],
            [*path, path[0]],
            path[::-1],
            [path[0][:-1], *path[1:]],
            ["", *path[1:]],
            ["é", *path[1:]],
        ):
            entries = [{**first, "path": wrong}, *others]
            reason = refused(spelled({**OBJECT, "entries": entries}))
            assert reason.startswith("inclusion: ")

    def test_a_leaf_beyond_the_tree(self):
        *others, last = OBJECT["entries"]
        entries = [*others, {**last, "leaf_index": 2**50}]
        assert refused(spelled({**OBJECT, "entries": entries})).startswith("inclusion:")

    def test_an_entry_that_was_changed(self):
        first, *others = OBJECT["entries"]
        forged = first["canonical"].replace("policy", "person")
        entries = [{**first, "canonical": forged}, *others]
        assert refused(spelled({**OBJECT, "entries": entries})).startswith("inclusion:")

    @pytest.mark.parametrize(
        "changed",
        [
            {"sequence": 3},
            {"sequence": True},
            {"sequence": None},
            {"tenant": STRANGER},
            {"tenant": None},
            {"v": 2},
            {"v": True},
            {"at": None},
            {"kind": 1},
            {"actor": None},
            {"actor": {"type": 1}},
            {"more": 1},
        ],
    )
    def test_what_the_log_signed_but_makes_no_sense(self, changed):
        reason = refused(TRUE.telling(4, **changed).raw())
        assert "entry at leaf 4" in reason

    @pytest.mark.parametrize(
        "text", [b"", b"[]", b"{", b"{}", b'{"v":1,"v":1}', b'"\\ud800"', b"[" * 10_000]
    )
    def test_what_the_log_signed_but_is_no_document(self, text):
        assert refused(TRUE.with_text(4, text).raw()).startswith("format: ")

    def test_numbers_out_of_range_are_no_traceback(self):
        for number in (b"1e999", b"1" * 4000, b"-1e999"):
            text = TRUE.texts[4].replace(b"1.5", number)
            assert tool.verify(TRUE.with_text(4, text).raw(), SIGNER.key())
        for number in (b"NaN", b"Infinity", b"1" * 5000):
            text = TRUE.texts[4].replace(b"1.5", number)
            assert refused(TRUE.with_text(4, text).raw()).startswith("format: ")


class TestStory:
    def test_another_execution(self):
        reason = refused(replace(TRUE, execution=STRANGER).raw())
        assert reason == "entries: none is of the execution"

    def test_an_entry_that_has_nothing_to_do_with_it(self):
        reason = refused(replace(TRUE, chosen=(0, 1, 2, 3, 4)).raw())
        assert "leaf [1]" in reason

    def test_a_link_that_is_missing(self):
        reason = refused(replace(TRUE, chosen=(0, 3, 4)).raw())
        assert "leaf [0]" in reason

    def test_subjects_of_any_shape(self):
        for subjects in (None, [], "execution", {"execution": [EXECUTION]}):
            reason = refused(TRUE.telling(4, subjects=subjects).raw())
            assert reason == "entries: none is of the execution"

    def test_policies(self):
        other = "sha256:" + hashlib.sha256(b"other").hexdigest()
        for policies in (
            {VERSION: "other"},
            {other: "other"},
            {VERSION: POLICY, other: "other"},
            {VERSION.upper(): POLICY},
        ):
            reason = refused(replace(TRUE, policies=policies).raw())
            assert reason.startswith("policies: ")
        reason = refused(TRUE.telling(3, data=None).raw())
        assert reason.startswith("policies: no entry names")


class TestUsage:
    def test_unreadable(self, file, tmp_path):
        for path in (tmp_path, tmp_path / "none", "x" * 5000):
            done = run(path, "--key", SIGNER.vkey)
            assert (done.returncode, done.stdout) == (2, b"")

    def test_empty_or_not_text(self, file):
        for raw in (b"", b"\xff\x00", RAW[:100]):
            file.write_bytes(raw)
            assert run(file, "--key", SIGNER.vkey).returncode == 1

    def test_too_large(self, file, monkeypatch):
        monkeypatch.setattr(tool, "MAX_BYTES", len(RAW) - 1)
        with pytest.raises(tool.Unreadable, match="larger"):
            tool.read_file(str(file), "the bundle")

    def test_keys(self, file, tmp_path):
        wrong_type = SIGNER.vkey.replace("+A", "+B")
        (tmp_path / "latin").write_bytes(b"\xe8")
        for key in ("", "x", "@", tmp_path, tmp_path / "latin", wrong_type, "a" * 5000):
            with pytest.raises(tool.Unreadable):
                tool.read_key(str(key))
        for key in (SIGNER.vkey[:-1], SIGNER.vkey.replace(NAME, "other")):
            done = run(file, "--key", key)
            assert (done.returncode, done.stdout) == (2, b"")
            assert done.stderr.count(b"\n") == 1

    def test_arguments(self, file):
        for arguments in ((), (file,), ("--key", "x"), (file, "--key")):
            assert run(*arguments).returncode == 2
