"""Which lines of a mail its sender wrote, and which are quoted history.

Line by line with bounded patterns, so a hostile mail costs no more than its length. Why not the library: see
docs/decisions/0008-mail-parsing.md.
"""

import re

# Longer lines are prose; clients wrap an introduction over at most three.
_MAX_LINE = 400
_MAX_INTRODUCTION = 500
_MIN_FIRST_LINE = 8

_QUOTED = re.compile(r"[ \t]?>")
_DIGIT_OR_ADDRESS = re.compile(r"[0-9@]")
_CLOCK = re.compile(r"\d{1,2}\s?[:.h時시]\s?\d{2}")
_ADDRESS = re.compile(r"[<\[(][^<>\s]{1,100}@[^<>\s]{1,100}[>\])]")
_VERB = re.compile(
    r"""(?ix)
      on\b .{5,400} \bwrote\s?:
    | .{2,200} \bwrote (?:\s+on\b.{5,100})? \s?:
    | am\b .{5,400} \bschrieb\b .{0,200} :
    | .{2,200} \bschrieb\s(?:am|um)\b .{5,100} :
    | le\b .{5,400} \ba\s+écrit\s?:
    | (?:el|il|op|em|den|dne|w\sdniu)\b .{5,400} \b(?:escribió|ha\s+scritto|schreef|escreveu|skrev|napsal|napisał(?:\(a\))?)\b .{0,200} :
    | .{0,20} \d{2,4} .{0,300} (?:작성|작성하였습니다|작성했습니다|쓴\s?글|썼습니다|쓰셨습니다|보낸\s?메일|보낸\s?메시지) \s?[:：]
    | .{0,20} \d{2,4} .{0,300} (?:のメール|は書きました|さんのメッセージ|が書きました|写道|寫道) \s?[:：]
    """
)
# Gmail in Japanese, Apple Mail in Korean: a date, a name, an address, no verb.
_DATED = re.compile(r"\d{4}\s?[年년./-]\s?\d{1,2}\s?[月월./-]\s?\d{1,2}.{0,300}[:：]")
_RULE = re.compile(r"\s*_{10,}\s*")
_SEPARATOR = re.compile(
    r"""(?ix) \s* [-_=]{2,} \s* (?:original[ ]message|original\s?-?\s?nachricht|ursprüngliche\s(?:nachricht|e-mail)
    |message\sd['’]origine|message\soriginal|原始邮件|원본\s?(?:메일|메시지|메세지)|元のメッセージ|original\sappointment
    |mensaje\soriginal|messaggio\soriginale|oorspronkelijk\sbericht) \s* [-_=]{2,} \s*"""
)
_FORWARD = re.compile(
    r"""(?ix) \s* [-_=]{2,} \s* (?:forwarded\smessage|weitergeleitete\s(?:nachricht|mail|e-mail)|message\stransféré
    |전달된\s?(?:메일|메시지)|転送(?:された)?(?:メッセージ|メール)|forwarded\smessage\sfrom.{0,100}) \s* [-_=]{2,} \s*
    | \s*(?:begin\sforwarded\smessage|anfang\sder\sweitergeleiteten\s(?:nachricht|e-mail)
    |début\sdu\s(?:message|courriel|mail)\s(?:réexpédié|transféré)|전달된\s메시지\s시작|転送されたメッセージ)\s?[:：]\s*"""
)
_LABELS = {
    "from": "From|Von|De|보낸\\s?사람|보낸\\s?이|발신|差出人|送信者|送信元|发件人|Da|Van|Från|Od",
    "sent": "Sent|Date|Gesendet|Datum|Envoyé(?: le)?|보낸\\s?날짜|보낸\\s?시간|날짜|일시|送信日時|日時|日付|发送时间|Enviado|Fecha|Inviato|Verzonden",
    "to": "To|An|À|A|받는\\s?사람|받는\\s?이|수신|宛先|收件人|Para|Aan|Till",
    "subject": "Subject|Betreff|Objet|제목|件名|主题|Asunto|Oggetto|Onderwerp|Ämne",
    "copy": "Cc|Kopie|참조|Organization|Importance|Reply-To",
}
_LABEL = re.compile(
    r"(?i)\s*\*{0,2}(?:"
    + "|".join(f"(?P<{kind}>{names})" for kind, names in _LABELS.items())
    + r")\s?\*{0,2}\s?[:：]"
)
_FIELDS_LOOKED_AT = 10


def written(lines: list[str]) -> list[list[str]]:
    """The runs of lines the sender wrote, in order: above, between and below quotes. What follows a "forwarded
    message" line counts as written, for it is what the sender wants read."""
    runs: list[list[str]] = [[]]
    at = 0
    while at < len(lines):
        if _FORWARD.fullmatch(lines[at][:_MAX_LINE]):
            runs[-1] += lines[at:]
            break
        if _QUOTED.match(lines[at]):
            runs.append([])
            at += 1
            continue
        history = _history(lines, at)
        if history is None:
            runs[-1].append(lines[at])
            at += 1
            continue
        below, certain = history
        marked = below < len(lines) and bool(_QUOTED.match(lines[below]))
        if marked:
            runs.append([])
            at = below
        elif certain:
            break  # The history is not marked as such: all the rest is old.
        else:
            runs[-1].append(lines[at])
            at += 1
    return [run for run in runs if any(line.strip() for line in run)]


def _history(lines: list[str], at: int) -> tuple[int, bool] | None:
    """(the first line with content below the introduction that begins here, whether it can be nothing else)."""
    line = lines[at]
    if len(line) > _MAX_LINE or not line.strip():
        return None
    if _SEPARATOR.fullmatch(line):
        end = _fields_end(lines, _content_from(lines, at + 1))
        return _content_from(lines, end or at + 1), True
    start = _content_from(lines, at + 1) if _RULE.fullmatch(line) else at
    end = _fields_end(lines, start)
    if end is not None:
        return _content_from(lines, end), True
    return _introduction(lines, at)


def _introduction(lines: list[str], at: int) -> tuple[int, bool] | None:
    """An "On ... wrote:" in any of the languages, over one to three lines."""
    joined = ""
    if len(lines[at]) < _MIN_FIRST_LINE:
        return None
    for end in range(at, min(at + 3, len(lines))):
        line = lines[end].strip()
        if not line or line.startswith(">") or len(joined) + len(line) > _MAX_INTRODUCTION:
            return None
        joined = f"{joined} {line}".strip()
        if not joined.endswith((":", "：")) or not _DIGIT_OR_ADDRESS.search(joined):
            continue
        addressed = bool(_ADDRESS.search(joined))
        if _VERB.fullmatch(joined) or (_DATED.fullmatch(joined) and addressed):
            return _content_from(lines, end + 1), addressed or bool(_CLOCK.search(joined))
        if _DATED.fullmatch(joined):
            return _content_from(lines, end + 1), False
    return None


def _fields_end(lines: list[str], at: int) -> int | None:
    """Where a block of From/Sent/To/Subject lines ends that begins here; None when there is none."""
    kinds: dict[str, str] = {}
    end = at
    for here in range(at, min(at + _FIELDS_LOOKED_AT, len(lines))):
        line = lines[here][:_MAX_LINE]
        label = _LABEL.match(line)
        if label is not None and label.lastgroup is not None:
            if label.lastgroup in kinds:
                break
            kinds[label.lastgroup] = line
            end = here + 1
        elif not kinds or (line.strip() and here > end + 1):
            break
    # A customer may list "From: Berlin, To: Munich": mail has a subject, or an address to come from.
    known = "from" in kinds and len(kinds) >= 2 and ("subject" in kinds or "@" in kinds["from"])
    return end if known else None


def _content_from(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at
