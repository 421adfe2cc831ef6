"""Bytes to text in whatever charset they really are, not only the one they claim."""

import re

_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_NEWLINES = re.compile("\r\n?|\u2028|\u2029|\x85")

# What senders write -> the codec that reads it. The wider codec is taken where one exists: Outlook labels
# cp949 as ks_c_5601-1987, and every browser reads iso-8859-1 as windows-1252. Names are compared without punctuation.
# Only these are used: Python also has "codecs" (punycode, idna, unicode_escape) that are slow or not charsets.
_CODECS = {
    "utf8": "utf-8", "utf8mb4": "utf-8", "unicode11utf8": "utf-8", "unicode": "utf-16",
    "utf7": "utf-7", "utf16": "utf-16", "utf16le": "utf-16-le", "utf16be": "utf-16-be",
    "utf32": "utf-32", "utf32le": "utf-32-le", "utf32be": "utf-32-be",
    "usascii": "cp1252", "ascii": "cp1252", "ansix341968": "cp1252", "iso646us": "cp1252",
    "iso88591": "cp1252", "latin1": "cp1252", "l1": "cp1252", "cp819": "cp1252", "ansi": "cp1252",
    "iso885915": "iso8859-15", "latin9": "iso8859-15", "latin2": "iso8859-2",
    "euckr": "cp949", "ksc56011987": "cp949", "ksc5601": "cp949", "ksc56011992": "cp949", "ksx1001": "cp949",
    "korean": "cp949", "cp949": "cp949", "uhc": "cp949", "windows949": "cp949", "ms949": "cp949", "xwindows949": "cp949",
    "iso2022kr": "iso2022_kr", "johab": "johab",
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "cp936": "gb18030", "windows936": "gb18030",
    "xgbk": "gb18030", "euccn": "gb18030", "hzgb2312": "hz",
    "big5": "big5hkscs", "big5hkscs": "big5hkscs", "cp950": "cp950", "xxbig5": "big5hkscs", "windows950": "cp950",
    "shiftjis": "cp932", "sjis": "cp932", "xsjis": "cp932", "windows31j": "cp932", "cp932": "cp932", "mskanji": "cp932",
    "eucjp": "euc_jp", "xeucjp": "euc_jp",
    "iso2022jp": "iso2022_jp_ext", "iso2022jp1": "iso2022_jp_ext", "iso2022jp2": "iso2022_jp_2", "iso2022jp3": "iso2022_jp_3",
    "iso2022jpms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext",
    "koi8r": "koi8-r", "koi8u": "koi8-u", "macintosh": "mac-roman", "macroman": "mac-roman", "xmacroman": "mac-roman",
    "cp437": "cp437", "cp850": "cp850", "cp852": "cp852", "cp866": "cp866", "tis620": "cp874", "windows874": "cp874",
    **{f"windows125{n}": f"cp125{n}" for n in range(9)},
    **{f"cp125{n}": f"cp125{n}" for n in range(9)},
    **{f"iso8859{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 16)},
    **{f"iso8859{n}{kind}": f"iso8859-{n}" for n in (6, 8) for kind in "ie"},
}  # fmt: skip
_SEVEN_BIT = frozenset({"utf-7", "hz", "iso2022_kr", "iso2022_jp_ext", "iso2022_jp_2", "iso2022_jp_3"})
_WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`, cleaned (see `clean`); `declared` is the charset the sender named, if any. Never raises."""
    return clean(_decode(data, declared))


def clean(text: str) -> str:
    """`text` with "\\n" line ends and without what a database or a page cannot hold: NUL and other control
    characters (tabs and line ends stay), lone surrogates and byte order marks."""
    return _UNWANTED.sub("", _NEWLINES.sub("\n", text))


def guess(data: bytes) -> str | None:
    """The codec of the most believable reading of bytes whose charset nobody told; None where none is."""
    for mark, codec in ((b"\xff\xfe\x00\x00", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return codec
    if b"\x1b$)C" in data:
        return "iso2022_kr"
    if b"\x1b$" in data or b"\x1b(" in data:
        return "iso2022_jp_ext"
    if _strictly(data, "utf-8") is not None:
        return "utf-8"
    # Each test asks for the letters its language cannot do without, so that a German umlaut pair that happens to
    # be a valid Chinese character stays German.
    for codec, first, last, share in (
        ("cp932", "ぁ", "ん", 0.15),
        ("euc_jp", "ぁ", "ん", 0.15),
        ("euc_kr", "가", "힣", 0.8),
        ("gb2312", "一", "龥", 0.7),
    ):
        text = _strictly(data, codec)
        if text is not None and _share(text, first, last) >= share:
            return codec
    return "cp1252" if _western(data) else None


def _decode(data: bytes, declared: str | None) -> str:
    codec = _CODECS.get(re.sub(r"[^a-z0-9]", "", (declared or "").lower()))
    if codec is None:
        return _guess(data)
    if codec in _WIDE:
        return data.decode(codec, "replace")
    if data.isascii() and codec not in _SEVEN_BIT:
        return data.decode("ascii") if b"\x1b$" not in data else _guess(data)
    if codec in _SEVEN_BIT:
        return _strictly(data, codec) or (data.decode(codec, "replace") if data.isascii() else _guess(data))
    if codec == "utf-8":
        return _damaged_utf8(data)
    # Text that reads as UTF-8 is UTF-8 whatever its label says; below four letters the Asian charsets can collide.
    as_utf8 = _strictly(data, "utf-8")
    if as_utf8 is not None and (codec == "cp1252" or sum(not c.isascii() for c in as_utf8) >= 4):
        return as_utf8
    if codec == "cp1252":
        return _guess(data)
    read = _strictly(data, codec)
    return read if read is not None else data.decode(codec, "replace")


def _guess(data: bytes) -> str:
    codec = guess(data)
    return data.decode(codec, "replace") if codec else _damaged_utf8(data, fall_back=False)


def _damaged_utf8(data: bytes, *, fall_back: bool = True) -> str:
    """UTF-8 with broken bytes shown as such, unless so much is broken that it cannot be UTF-8."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if not broken or not fall_back:
        return text
    whole = sum(not c.isascii() for c in text) - broken
    return text if whole >= broken else _guess(data)


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeDecodeError, ValueError):
        return None


def _share(text: str, first: str, last: str) -> float:
    """Which part of the letters beyond ASCII lies between two letters; 0 when there are fewer than two of them."""
    beyond = [c for c in text if not c.isascii()]
    wanted = sum(first <= c <= last for c in beyond)
    return wanted / len(beyond) if wanted >= 2 else 0.0


def _western(data: bytes) -> bool:
    # Random bytes are not a Western text: few of its bytes are above 0x7f.
    return sum(b > 0x7F for b in data[:10_000]) * 2 <= len(data[:10_000])
