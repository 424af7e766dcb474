"""L9: whoever is erased is found however a text writes them, and nobody else with them."""

import json
from typing import Any
from unicodedata import normalize

import pytest

from perception.rules.erasing import Gone, unescaped, without, without_in

LEE = frozenset({"Ann Lee", "lee.ann@acme.example", "Mary Ann", "Joanna", "ann"})


@pytest.mark.parametrize(
    ("name", "said", "left"),
    [
        ("Ann", "Ann, ANN and ann's; Annabel, Joann", "erased, erased and erased's; …"),
        ("Ann Lee", "Ann\nLee, ann  lee, Ann\u00a0Lee; Ann, Lee", "erased, erased, erased; …"),
        ("İsmail Öz", "İsmail Öz, İSMAIL ÖZ, i̇smail öz", "erased, erased, erased"),
        ("Straße", "straße, STRAßE", "erased, erased"),
        ("Zoë", f"{normalize('NFD', 'Zoë')}, zoë", "erased, erased"),
        (normalize("NFD", "Zoë"), "Zoë", "erased"),
        ("吉野", "吉野 と", "erased と"),
        ("O'Neil (jr.) $&", "o'neil (jr.) $& \\1", "erased \\1"),
        ("erased", "Erased", "erased"),
        (" ", "Nobody is called so.", "Nobody is called so."),
    ],
)  # fmt: skip
def test_texts_lose_a_name(name: str, said: str, left: str) -> None:
    gone = Gone(words=frozenset({name}))
    kept = said.partition("; ")[2]
    assert without(said, gone) == left.replace("…", kept)
    assert without(left, gone) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Ann, Ann Lee and ANN  LEE", "erased, Ann Lee and ANN  LEE"),
        ("ann@acme.example, lee.ann@acme.example", "erased, lee.ann@acme.example"),
        ("Mary Ann and Ann Leeds", "Mary Ann and erased Leeds"),
    ],
)
def test_others_who_are_called_alike_keep_their_names(said: str, left: str) -> None:
    """So they are found whole when they are erased in their turn."""
    gone = Gone(words=frozenset({"Ann", "ann@acme.example"}), others=LEE)
    assert without(said, gone) == left


@pytest.mark.parametrize(("keys", "key"), [(True, "erased"), (False, "Ann")])
def test_json_keeps_its_shape(keys: bool, key: str) -> None:
    gone = Gone(words=frozenset({"Ann"}))
    said: Any = {"Ann": [{"to": "ANN", "Ann": None}, 1, True], "by": {"x": "Annabel"}}
    assert without_in(said, gone, keys=keys) == {
        key: [{"to": "erased", key: None}, 1, True],
        "by": {"x": "Annabel"},
    }


@pytest.mark.parametrize("name", ['Zoë "Zo" O\\Neil', "𠮷野", "Ann"])
@pytest.mark.parametrize("plain", [True, False])
def test_escapes_hide_nobody(name: str, plain: bool) -> None:
    """Nor does what stands before them, or that the text breaks off."""
    body = json.dumps({"text": f"Hello\n{name}\t–{name}"}, ensure_ascii=plain)
    told = unescaped(body[:-2])
    assert f"Hello\n{name}\t–{name}" in told
    assert name not in without(told, Gone(words=frozenset({name})))


def test_texts_without_escapes_stay_as_they_are() -> None:
    assert unescaped("Ann & 𠮷野, 50 %") == "Ann & 𠮷野, 50 %"
    assert unescaped("cut \\u00e") == "cut u00e"
    assert unescaped("half \\ud842 here") == "half � here"
