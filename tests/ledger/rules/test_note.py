"""Signed notes: the published example, the round trip, and every other spelling refused."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import MalformedNote
from ledger.rules.note import (
    Signature,
    assemble,
    checkpoint_body,
    key_id,
    parse_checkpoint,
    parse_verifier_key,
    verifier_key,
)

# The worked example that the Go and C2SP documents of the format share.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

NAME = "autonomy-ledger"
ROOT = bytes(range(32))
BODY = "autonomy-ledger/a\n7\n" + base64.b64encode(ROOT).decode() + "\n"
SIGNATURE = Signature(name=NAME, key_id=b"abcd", value=bytes(64))
NOTE = assemble(BODY, [SIGNATURE])


class TestVerifierKey:
    def test_published_example(self):
        key = parse_verifier_key(PETER)
        assert (key.name, key.key_id.hex()) == ("PeterNeumann", "c74f20a3")
        assert verifier_key(key.name, key.public) == PETER
        assert key_id(key.name, key.public) == key.key_id

    @given(st.binary(min_size=32, max_size=32))
    def test_round_trip(self, public):
        key = parse_verifier_key(verifier_key(NAME, public))
        assert (key.name, key.public) == (NAME, public)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "PeterNeumann",
            PETER.replace("c74", "C74"),
            PETER.replace("c74", "d74"),
            PETER.replace("Peter", "peter"),
            PETER.replace("Neumann", " Neumann"),
            PETER.replace("PeterNeumann", ""),
            PETER + "\n",
            PETER + "=",
            PETER[:-4],
            PETER.replace("+ARpc", "+AhpC"),
            PETER.replace("+ARpc", "+ARp\u00e9"),
        ],
    )
    def test_refuses(self, text):
        with pytest.raises(MalformedNote):
            parse_verifier_key(text)

    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "\ud800"])
    def test_refuses_a_bad_name(self, name):
        with pytest.raises(MalformedNote):
            verifier_key(name, bytes(32))

    def test_refuses_a_short_key(self):
        with pytest.raises(MalformedNote):
            verifier_key(NAME, bytes(31))


class TestCheckpoint:
    def test_is_spelled_thus(self):
        assert checkpoint_body(
            origin="autonomy-ledger/a", size=7, root=ROOT, extensions=["x y"]
        ) == (
            "autonomy-ledger/a\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nx y\n"
        )
        assert (
            BODY
            + "\n\u2014 autonomy-ledger "
            + base64.b64encode(b"abcd" + bytes(64)).decode()
            + "\n"
        ) == NOTE

    @given(
        st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
        st.integers(0, 2**63 - 1),
        st.binary(min_size=32, max_size=32),
        st.lists(
            st.text(st.characters(min_codepoint=32, max_codepoint=999), min_size=1)
        ),
        st.lists(st.binary(min_size=1), min_size=1, max_size=4),
    )
    @settings(max_examples=150, deadline=None)
    def test_round_trip(self, origin, size, root, extensions, values):
        body = checkpoint_body(
            origin=origin, size=size, root=root, extensions=extensions
        )
        signatures = tuple(
            Signature(name=f"é{at}", key_id=b"1234", value=value)
            for at, value in enumerate(values)
        )
        found = parse_checkpoint(assemble(body, signatures))
        assert (found.origin, found.size, found.root) == (origin, size, root)
        assert found.extensions == tuple(extensions)
        assert (found.body, found.signatures) == (body, signatures)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n",
            "\n\n",
            BODY,
            BODY + "\n",
            BODY + "\n\n",
            NOTE[:-1],
            NOTE + "\n",
            NOTE + "x",
            NOTE.replace("\n", "\r\n"),
            NOTE.replace("\n\n", "\n"),
            NOTE.replace("\n\n", "\n\n\n"),
            "\n" + NOTE,
            "\ufeff\n" + NOTE,
            NOTE.replace("autonomy-ledger/a\n", "\n", 1),
            NOTE.replace("autonomy-ledger/a\n", "", 1),
            NOTE.replace("/a", "/\t"),
            NOTE.replace("/a", "/\ud800"),
            NOTE.replace("\n7\n", "\n07\n"),
            NOTE.replace("\n7\n", "\n+7\n"),
            NOTE.replace("\n7\n", "\n-7\n"),
            NOTE.replace("\n7\n", "\n7 \n"),
            NOTE.replace("\n7\n", "\n\n"),
            NOTE.replace("\n7\n", "\n\u0667\n"),
            NOTE.replace("\n7\n", f"\n{2**63}\n"),
            NOTE.replace("\n7\n", "\n" + "7" * 5000 + "\n"),
            NOTE.replace("Hh8=", "Hh9="),
            NOTE.replace("Hh8=", "Hh8"),
            NOTE.replace("Hh8=", "Hh8=="),
            NOTE.replace("Hh8=", "HhAA"),
            NOTE.replace("Hh8=", "H_8="),
            NOTE.replace("AAEC", "AA EC"),
            NOTE.replace("\u2014", "-"),
            NOTE.replace("\u2014 ", "\u2014"),
            NOTE.replace("\u2014 ", "\u2014  "),
            NOTE.replace("\u2014 autonomy-ledger", "\u2014 autonomy ledger"),
            NOTE.replace("\u2014 autonomy-ledger", "\u2014 autonomy+ledger"),
            NOTE.replace("\u2014 autonomy-ledger", "\u2014 "),
            NOTE[:-3] + "B=\n",
            NOTE + "\u2014 other YWJjZA==\n",
            BODY + "\n" + "\u2014 other YWJjZGU=\n" * 101,
        ],
    )
    def test_refuses_any_other_spelling(self, text):
        with pytest.raises(MalformedNote):
            parse_checkpoint(text)

    @given(st.integers(0, len(NOTE) - 1), st.characters())
    def test_what_parses_is_spelled_the_same(self, at, char):
        text = NOTE[:at] + char + NOTE[at + 1 :]
        try:
            found = parse_checkpoint(text)
        except MalformedNote:
            return
        assert assemble(found.body, found.signatures) == text

    @pytest.mark.parametrize(
        "fact",
        [
            {"origin": ""},
            {"origin": "a\nb"},
            {"size": -1},
            {"size": 2**63},
            {"root": bytes(31)},
            {"extensions": [""]},
            {"extensions": ["a\n"]},
        ],
    )
    def test_refuses_to_write_what_it_would_not_read(self, fact):
        with pytest.raises(MalformedNote):
            checkpoint_body(**{"origin": "a", "size": 0, "root": ROOT, **fact})

    @pytest.mark.parametrize(
        ("body", "signatures"),
        [
            (BODY, []),
            (BODY[:-1], [SIGNATURE]),
            (BODY + "\n", [SIGNATURE]),
            (BODY, [Signature(name="a b", key_id=b"abcd", value=b"x")]),
            (BODY, [Signature(name="a", key_id=b"abc", value=b"x")]),
            (BODY, [Signature(name="a", key_id=b"abcd", value=b"")]),
        ],
    )
    def test_refuses_to_assemble_what_it_would_not_read(self, body, signatures):
        with pytest.raises(MalformedNote):
            assemble(body, signatures)
