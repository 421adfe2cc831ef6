from typing import ClassVar

import pytest

from rules.query import (
    And,
    Not,
    Or,
    Query,
    QueryError,
    Term,
    Words,
    broken,
    fold,
    from_json,
    parse,
    terms,
    to_json,
    to_text,
)
from rules.reference import GROUPS, REFERENCE
from rules.vocabulary import DID_YOU_MEAN, VOCABULARY, Field, Names

REFUND = Term("tag", ":", ("refund",))

READ: list[tuple[str, Query, str]] = [  # typed, tree, canonical text
    ("", And(()), ""),
    (" \n\t", And(()), ""),
    ("tag:refund", REFUND, "tag:refund"),
    ("TAG:refund", REFUND, "tag:refund"),
    ("tag=refund", REFUND, "tag:refund"),
    ("-tag:refund", Not(REFUND), "-tag:refund"),
    ("NOT tag:refund", Not(REFUND), "-tag:refund"),
    ("--tag:refund", Not(Not(REFUND)), "NOT -tag:refund"),
    ("tag:a,b", Term("tag", ":", ("a", "b")), "tag:a,b"),
    ('tag:a , "b c"', Term("tag", ":", ("a", "b c")), 'tag:a,"b c"'),
    ("tag:none", Term("tag", ":", ("none",)), "tag:none"),
    ("tag:OR", Term("tag", ":", ("OR",)), 'tag:"OR"'),
    ("is:Open", Term("is", ":", ("open",)), "is:open"),
    ("lang:DE,none", Term("lang", ":", ("de", "none")), "lang:de,none"),
    ("channel:Email,Shop", Term("channel", ":", ("email", "Shop")), "channel:email,Shop"),
    ("assignee:oncall,none", Term("assignee", ":", ("oncall", "none")), "assignee:oncall,none"),
    ("priority>=high", Term("priority", ">=", ("high",)), "priority>=high"),
    ("priority:high,urgent", Term("priority", ":", ("high", "urgent")), "priority:high,urgent"),
    ("waiting>2h", Term("waiting", ">", (7_200,)), "waiting>2h"),
    ("since>=1w", Term("since", ">=", (604_800,)), "since>=7d"),
    ("age<36h", Term("age", "<", (129_600,)), "age<1d12h"),
    ("age<=0m", Term("age", "<=", (0,)), "age<=0m"),
    ("created:TODAY", Term("created", ":", ("today",)), "created:today"),
    ("created:this-week", Term("created", ":", ("this week",)), 'created:"this week"'),
    ('closed:"last 07 day",none', Term("closed", ":", ("last 7 days", "none")), 'closed:"last 7 days",none'),
    ("created>=2026-11", Term("created", ">=", ("2026-11",)), "created>=2026-11"),
    (
        "updated:2026-11-01..2026-11-07",
        Term("updated", ":", ("2026-11-01..2026-11-07",)),
        "updated:2026-11-01..2026-11-07",
    ),
    ("updated<1w", Term("updated", "<", (604_800,)), "updated<7d"),
    ("due<90m", Term("due", "<", (5_400,)), "due<1h30m"),
    ("due:none", Term("due", ":", ("none",)), "due:none"),
    ("messages>=３", Term("messages", ">=", (3,)), "messages>=3"),
    ("messages:1,02", Term("messages", ":", (1, 2)), "messages:1,2"),
    ("mood<-30", Term("mood", "<", (-30,)), "mood<-30"),
    ("mood>=－５", Term("mood", ">=", (-5,)), "mood>=-5"),
    ("mood:−20,7 , -100", Term("mood", ":", (-20, 7, -100)), "mood:-20,7,-100"),
    ('-mood<="-50"', Not(Term("mood", "<=", (-50,))), "-mood<=-50"),
    ("mood:Angry,none", Term("mood", ":", ("angry", "none")), "mood:angry,none"),
    ("tag:-5", Term("tag", ":", ("-5",)), "tag:-5"),
    ("last:US", Term("last", ":", ("us",)), "last:us"),
    ('customer:VIP,"Kim S"', Term("customer", ":", ("vip", "Kim S")), 'customer:vip,"Kim S"'),
    ("is:late,unread", Term("is", ":", ("late", "unread")), "is:late,unread"),
    ("alert:none", Term("alert", ":", ("none",)), "alert:none"),
    ("attachment:any,PDF", Term("attachment", ":", ("any", "PDF")), "attachment:any,PDF"),
    ("from:@acme.com", Term("from", ":", ("@acme.com",)), "from:@acme.com"),
    ("subject:10:30", Term("subject", ":", ("10:30",)), 'subject:"10:30"'),
    (
        'subject:"where is my order"',
        Term("subject", ":", ("where is my order",)),
        'subject:"where is my order"',
    ),
    (
        r'body:"say \"hi\" \\ C:\temp"',
        Term("body", ":", ('say "hi" \\ C:\\temp',)),
        r'body:"say \"hi\" \\ C:\\temp"',
    ),
    ("lost", Words("lost"), "lost"),
    ("urgent!!", Words("urgent!!"), "urgent!!"),
    ("e-mail", Words("e-mail"), "e-mail"),
    ('"lost parcel"', Words("lost parcel"), '"lost parcel"'),
    ('"AND"', Words("AND"), '"AND"'),
    ('"-lost"', Words("-lost"), '"-lost"'),
    ("-lost", Not(Words("lost")), "-lost"),
    ("and or not", And((Words("and"), Words("or"), Words("not"))), "and or not"),
    ("a b", And((Words("a"), Words("b"))), "a b"),
    ("a AND b c", And((Words("a"), Words("b"), Words("c"))), "a b c"),
    ("a OR b c", Or((Words("a"), And((Words("b"), Words("c"))))), "a OR (b c)"),
    ("(a OR b) c", And((Or((Words("a"), Words("b"))), Words("c"))), "(a OR b) c"),
    ("a,b c", And((Or((Words("a"), Words("b"))), Words("c"))), "(a OR b) c"),
    ("((a b) c)", And((And((Words("a"), Words("b"))), Words("c"))), "(a b) c"),
    ("NOT(a OR b)", Not(Or((Words("a"), Words("b")))), "NOT (a OR b)"),
    ("-(a b) c", And((Not(And((Words("a"), Words("b")))), Words("c"))), "NOT (a b) c"),
    ("(((((a)))))", Words("a"), "a"),
    ("환불 OR 返金", Or((Words("환불"), Words("返金"))), "환불 OR 返金"),
    ("tag：refund", REFUND, "tag:refund"),
    ("ｔａｇ：refund", REFUND, "tag:refund"),
    (
        "－tag：refund　（返品，返金）",
        And((Not(REFUND), Or((Words("返品"), Words("返金"))))),
        "-tag:refund (返品 OR 返金)",
    ),
    ("waiting＞＝２ｈ", Term("waiting", ">=", (7_200,)), "waiting>=2h"),
    ("“lost parcel”", Words("lost parcel"), '"lost parcel"'),
    ("„verlorenes Paket“", Words("verlorenes Paket"), '"verlorenes Paket"'),
    ('“5" pipe”', Words('5" pipe'), r'"5\" pipe"'),
    (
        "(tag:refund OR tag:return) AND NOT is:resolved",
        And((Or((REFUND, Term("tag", ":", ("return",)))), Not(Term("is", ":", ("resolved",))))),
        "(tag:refund OR tag:return) -is:resolved",
    ),
]


@pytest.mark.parametrize(("text", "tree", "canonical"), READ, ids=[text for text, _, _ in READ])
def test_text_tree_and_json_are_the_same_query(text: str, tree: Query, canonical: str) -> None:
    assert parse(text) == tree
    assert to_text(tree) == canonical
    assert parse(canonical) == tree
    assert from_json(to_json(tree)) == tree


NO_DAY = '`{}` is not a day such as today, 2026-11-01, 2026-11-01..2026-11-07 or "last 7 days"'
REFUSED: list[tuple[str, int, str, str | None]] = [  # typed, column, message, suggestion
    ("langauge:de", 1, "unknown field `langauge`", "lang"),
    ("is:open tga:x", 9, "unknown field `tga`", "tag"),
    ("http://example.com", 1, "unknown field `http`", None),
    ("is:opne", 4, "`is` has no value `opne`", "open"),
    ("is:open,wating", 9, "`is` has no value `wating`", "waiting"),
    ("priority>=hgih", 11, "`priority` has no value `hgih`", "high"),
    ("lang:german", 6, "`lang` has no value `german`", None),
    ("waiting:2h", 8, "`waiting` does not take `:`, only > >= < <=", None),
    ("tag>x", 4, "`tag` does not take `>`, only :", None),
    ("tag!=x", 4, "`tag` does not take `!=`, only :", None),
    ("priority=>high", 9, "`priority` does not take `=>`, only : > >= < <=", None),
    ("priority>=high,low", 16, "`>=` takes one value", None),
    ("waiting>soon", 9, "`soon` is not a duration such as 30m, 2h, 1d12h or 1w", None),
    ("waiting>2bh", 9, "`2bh` is not a duration such as 30m, 2h, 1d12h or 1w", None),
    ("waiting>2", 9, "`2` is not a duration such as 30m, 2h, 1d12h or 1w", None),
    ("waiting>-2h", 9, "`-2h` is not a duration such as 30m, 2h, 1d12h or 1w", None),
    ("age>11w 521w since>9999w", 20, "`9999w` is longer than ten years", None),
    ("waiting>999999999999d", 9, "`999999999999d` is not a duration such as 30m, 2h, 1d12h or 1w", None),
    ("assignee:me", 10, "`me` means nobody in a rule, name a person", None),
    ("created:7d", 9, "`7d` is a length of time, compare with `<` or `>`", None),
    ("created:yesterdya", 9, NO_DAY.format("yesterdya"), "yesterday"),
    ("created>2026-02-30", 9, NO_DAY.format("2026-02-30"), None),
    ("created:2026-11-02..2026-11-01", 9, NO_DAY.format("2026-11-02..2026-11-01"), None),
    ("created:9999-01-01", 9, NO_DAY.format("9999-01-01"), None),
    ('created:"last 9999 days"', 9, NO_DAY.format("last 9999 days"), "last 7 days"),
    ("created:none", 9, NO_DAY.format("none"), None),
    ("due>none", 5, NO_DAY.format("none"), None),
    ("due<999999d", 5, "`999999d` is longer than ten years", None),
    ("messages>many", 10, "`many` is not a number", None),
    ("messages>-1", 10, "`-1` is not a number", None),
    ("messages>9999999999", 10, "`9999999999` is not a number", None),
    ("last:me", 6, "`last` has no value `me`", None),
    ("alert:opne", 7, "`alert` has no value `opne`", "open"),
    ("during>x", 7, "`during` does not take `>`, only :", None),
    ("(a b", 1, "this parenthesis is never closed", None),
    ("a (b (c)", 3, "this parenthesis is never closed", None),
    ("a b)", 4, "this parenthesis was never opened", None),
    ('a "b', 3, "this quotation mark is never closed", None),
    ('subject:"b\\"', 9, "this quotation mark is never closed", None),
    ("“b", 1, "this quotation mark is never closed", None),
    ('a ""', 3, "there is nothing between the quotation marks", None),
    ('subject:" "', 9, "there is nothing between the quotation marks", None),
    ("a OR", 5, "something is missing at the end", None),
    ("a AND  ", 6, "something is missing at the end", None),
    ("tag:a,", 7, "something is missing at the end", None),
    ("NOT", 4, "something is missing at the end", None),
    ("OR a", 1, "`OR` cannot stand here", None),
    ("a AND OR b", 7, "`OR` cannot stand here", None),
    ("a OR OR b", 6, "`OR` cannot stand here", None),
    ("-AND", 2, "`AND` cannot stand here", None),
    ("a,,b", 3, "`,` cannot stand here", None),
    (",a", 1, "`,` cannot stand here", None),
    ("a ()", 4, "`)` cannot stand here", None),
    ("tag:(a)", 5, "`(` cannot stand here", None),
    ("(a -)", 5, "`)` cannot stand here", None),
    ("a,tag:b", 6, "put `:` in quotation marks, or between a field and a value", None),
    ("a - b", 3, "`-` touches the term that it excludes", None),
    ("tag:", 4, "a value is missing right after `:`", None),
    ("tag: x", 4, "a value is missing right after `:`", None),
    ("waiting>= 2h", 8, "a value is missing right after `>=`", None),
    ("a >b", 3, "put `>` in quotation marks, or between a field and a value", None),
    ("mood<angry", 6, "`angry` is a name for several numbers, use `:` or a number", None),
    ("mood<-101", 6, "`-101` is not a number from -100 to 100", None),
    ("mood>none", 6, "`mood` has no value `none`", None),
    ("mood:angy", 6, "`mood` has no value `angy`", "angry"),
    ("mood:-", 6, "`mood` has no value `-`", None),
    ("tag:x\x00", 6, "a character that no message can contain", None),
    ("a \ud800", 3, "a character that no message can contain", None),
    ("a" * 2_001, 2_001, "longer than 2000 characters", None),
    ("ﷺ" * 200, 1, "longer than 2000 characters", None),
    ("-" * 50 + "a", 51, "nested more than 50 deep", None),
    ("-" * 49 + "a,b", 50, "nested more than 50 deep", None),
    ("a " * 101, 201, "more than 100 terms", None),
    ("tag:" + ",".join("a" * 101), 205, "more than 100 terms", None),
    ("“a " + "\\" * 1_500 + "”", 1, "longer than 2000 characters", None),
]


@pytest.mark.parametrize(
    ("text", "column", "message", "suggestion"), REFUSED, ids=[ascii(text[:40]) for text, *_ in REFUSED]
)
def test_a_mistake_is_refused_at_its_column(
    text: str, column: int, message: str, suggestion: str | None
) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    error = caught.value
    assert (error.message.format(**error.values), error.column, error.suggestion) == (
        message,
        column,
        suggestion,
    )


def test_an_error_can_be_translated_and_read() -> None:
    with pytest.raises(QueryError) as caught:
        parse("langauge:de")
    assert caught.value.message == "unknown field `{field}`"
    assert caught.value.values == {"field": "langauge"}
    assert str(caught.value) == "column 1: unknown field `langauge`, did you mean `lang`?"
    assert DID_YOU_MEAN.format(suggestion="lang") == "did you mean `lang`?"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 990 + "a" + ")" * 990,
        "-" * 49 + "a",
        "-" * 48 + "a,b",
        "a " * 100,
        "tag:" + ",".join("a" * 100),
        "a" * 2_000,
    ],
)
def test_the_largest_queries_are_read(text: str) -> None:
    tree = parse(text)
    assert parse(to_text(tree)) == tree == from_json(to_json(tree))


def test_me_is_for_peoples_own_filters() -> None:
    assert parse("assignee:me", me=True) == Term("assignee", ":", ("me",))


class TestNames:
    names: ClassVar[Names] = {
        "tag": {"refund": 3, "lost parcel": 4},
        "assignee": {"Anna Weiß": 1, "anna@desk.example": 1},
    }

    @pytest.mark.parametrize(
        ("text", "tree", "canonical"),
        [
            ("tag:Refund", Term("tag", ":", (3,)), "tag:refund"),
            ('tag:refund,"Lost Parcel"', Term("tag", ":", (3, 4)), 'tag:refund,"lost parcel"'),
            ("assignee:anna@desk.example", Term("assignee", ":", (1,)), 'assignee:"Anna Weiß"'),
            ('assignee:"ANNA WEISS",none', Term("assignee", ":", (1, "none")), 'assignee:"Anna Weiß",none'),
            ("assignee:oncall", Term("assignee", ":", ("oncall",)), "assignee:oncall"),
            ("subject:refund", Term("subject", ":", ("refund",)), "subject:refund"),
        ],
    )
    def test_ids_are_stored_and_names_are_shown(self, text: str, tree: Query, canonical: str) -> None:
        assert parse(text, names=self.names) == tree
        assert to_text(tree, names=self.names) == canonical
        assert parse(canonical, names=self.names) == tree
        assert from_json(to_json(tree)) == tree

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(QueryError) as caught:
            parse("is:open tag:refnud", names=self.names)
        assert (caught.value.column, caught.value.suggestion) == (13, "refund")

    def test_an_id_without_a_name_shows_and_is_not_read_again(self) -> None:
        text = to_text(Term("tag", ":", (9,)), names=self.names)
        assert text == "tag:#9"
        with pytest.raises(QueryError):
            parse(text, names=self.names)

    @pytest.mark.parametrize("name", ["none", "NONE ", "#3", "me", "oncall", " "])
    def test_a_name_that_means_something_else_is_shown_by_its_id(self, name: str) -> None:
        names: Names = {"assignee": {"Anna": 3, name: 7}}
        tree = Term("assignee", ":", (7, 3))
        text = to_text(tree, names=names)
        assert text == "assignee:#7,Anna"
        assert parse(text, names=names) == tree

    def test_what_is_gone_is_said(self) -> None:
        tree = parse(
            "is:open (tag:refund,gone OR NOT tag:gone) waiting>9m messages>9",
            names={"tag": {"refund": 3, "gone": 9}},
        )
        assert broken(tree, self.names) == ("tag:#9",)
        assert broken(parse("tag:refund", names=self.names), self.names) == ()
        assert broken(tree, {}) == ("tag:#3,#9", "tag:#9")

    def test_a_new_name_changes_no_stored_query(self) -> None:
        tree = parse("-tag:refund", names=self.names)
        assert to_text(from_json(to_json(tree)), names={"tag": {"money back": 3}}) == '-tag:"money back"'


def test_a_field_is_added_to_the_vocabulary_alone() -> None:
    more = {**VOCABULARY, "csat": Field("csat", "priority", "Satisfaction", (":", "<="), ("bad", "good"))}
    assert parse("csat<=bad", more) == Term("csat", "<=", ("bad",))
    with pytest.raises(QueryError):
        parse("csat<=bad")


def test_the_reference_tells_of_every_field_once() -> None:
    grouped = [name for group in GROUPS for name in group.fields]
    assert sorted(grouped) == sorted(VOCABULARY) == sorted(REFERENCE)
    for name, entry in REFERENCE.items():
        for example in entry.examples:
            used = {leaf.field for leaf in terms(parse(example.text, me=True)) if isinstance(leaf, Term)}
            assert name in used


def test_every_field_is_whole() -> None:
    for name, field in VOCABULARY.items():
        assert field.name == name == fold(name)
        assert field.label
        assert field.operators
        assert len(set(field.values)) == len(field.values)
        assert "none" not in field.values


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "tag:a",
        {"and": []} | {"or": []},
        {"and": [{"words": "a"}]},
        {"or": []},
        {"or": [{"words": "a"}, {"and": []}]},
        {"not": {"and": []}},
        {"not": None},
        {"words": " "},
        {"words": 3},
        {"words": "a", "more": 1},
        {"field": "tag", "operator": ":", "values": []},
        {"field": "tag", "operator": ":", "values": [True]},
        {"field": "tag", "operator": ":", "values": [1.5]},
        {"field": "tag", "values": ["a"]},
        {"or": [{"words": "a"}] * 101},
    ],
)
def test_damaged_json_is_refused(data: object) -> None:
    with pytest.raises(QueryError):
        from_json(data)


def test_json_nested_too_deep_is_refused() -> None:
    data: dict[str, object] = {"words": "a"}
    for _ in range(3_000):
        data = {"not": data}
    with pytest.raises(QueryError):
        from_json(data)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"),
        ("ＡＢＣ　ｄ", "abc d"),
        ("ﾎﾟｲﾝﾄ", "ポイント"),
        ("cafe\u0301", "café"),
        ("where is\r\n  my order", "where is my order"),
        ("환불", "환불"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded
