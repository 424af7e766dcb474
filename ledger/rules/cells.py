"""Cells of a spreadsheet: text that must not be taken for a formula."""

# A leading blank does not stop a spreadsheet, nor do the wide twins of the signs.
DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def harmless(text: str) -> str:
    """Text that opens as text; the apostrophe is what spreadsheets hide."""
    shown = text.lstrip(" \u00a0\u3000\ufeff\u200b")
    return f"'{text}" if shown.startswith(tuple(DANGEROUS)) else text
