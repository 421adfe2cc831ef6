"""What each field of the query language means to people, with examples. The reference page is made of it and of the
vocabulary; a test runs every example. Names in examples (refund, Acme, ...) stand for what a desk has."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.words import N_


@dataclass(frozen=True)
class Example:
    """`text` is a query, `meaning` (a msgid) what it finds."""

    text: str
    meaning: str


@dataclass(frozen=True)
class Entry:
    """`told` (a msgid) says what the field looks at; `values` (a msgid) what may stand behind the operator."""

    told: str
    values: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Group:
    """Fields that belong together. `title` is a msgid."""

    title: str
    fields: tuple[str, ...]


GROUPS = (
    Group(N_("What was written"), ("subject", "body", "attachment", "messages", "last")),
    Group(N_("Who wrote"), ("from", "customer", "company", "channel", "lang")),
    Group(N_("Where the ticket stands"), ("is", "priority", "mood", "tag", "board", "reopened")),
    Group(N_("Who has it"), ("assignee", "team")),
    Group(N_("Time"), ("waiting", "since", "age", "created", "updated", "closed", "snoozed", "during")),
    Group(N_("Promises"), ("due", "alert")),
)

_TEXT = N_("A text. Upper and lower case, and wide and narrow letters, are the same.")
_LENGTH = N_(
    "A length of time: minutes, hours, days or weeks, as 30m, 2h, 1d12h or 1w. It is time on the wall clock."
)
_DAYS = N_(
    'Days: today, yesterday, "this week", "last month", "last 7 days", 2026-11-01, 2026-11 or '
    "2026-11-01..2026-11-07. With a comparison also a length of time, counted back from now. "
    "Days are those of your time zone, in rules those of the desk."
)

REFERENCE: Mapping[str, Entry] = {
    "subject": Entry(
        N_("Text that the subject contains."),
        _TEXT,
        (
            Example('subject:"where is my order"', N_("These words, next to each other, in the subject.")),
            Example("subject:refund,return", N_("One of the two in the subject.")),
        ),
    ),
    "body": Entry(
        N_("Text that a message of the customer contains."),
        _TEXT,
        (Example("body:invoice -subject:invoice", N_("In a message, but not in the subject.")),),
    ),
    "attachment": Entry(
        N_("Files that came with a message or were sent with one, by name or type."),
        N_("any, none, or a part of the name or of the type, such as pdf or image."),
        (
            Example("attachment:pdf", N_("With a PDF file.")),
            Example("attachment:any last:customer", N_("With any file, and the customer spoke last.")),
        ),
    ),
    "messages": Entry(
        N_("How many messages the conversation has, notes included."),
        N_("A number."),
        (Example("messages>=10 is:unresolved", N_("Long conversations that are not over.")),),
    ),
    "last": Entry(
        N_("Who spoke last: what the desk says by itself does not count."),
        N_("customer or us."),
        (Example("last:customer is:open", N_("Open, and the last word was the customer's.")),),
    ),
    "from": Entry(
        N_("The addresses of the customer."),
        N_("A part of an address. With @ in front the whole domain: @acme.com is not acme.com.example."),
        (
            Example("from:@acme.com", N_("Everybody who writes from acme.com.")),
            Example("from:kim", N_("Addresses with kim in them.")),
        ),
    ),
    "customer": Entry(
        N_("The customer by name, or those you have marked as VIP."),
        N_("vip, or a part of the name."),
        (
            Example("customer:vip priority<high", N_("VIPs whose tickets are not urgent yet.")),
            Example('customer:"Kim Seoyeon"', N_("One customer by name.")),
        ),
    ),
    "company": Entry(
        N_("The company that the customer belongs to."),
        N_("The name of a company, or none."),
        (
            Example("company:Acme", N_("All of Acme's customers.")),
            Example(
                "company:none from:@acme.com", N_("Who writes from acme.com and belongs to no company yet.")
            ),
        ),
    ),
    "channel": Entry(
        N_("The way the ticket came in."),
        N_("email, form or manual, or the name of a channel."),
        (Example("channel:form,manual", N_("Not by e-mail.")),),
    ),
    "lang": Entry(
        N_("The language that the customer writes, as found or as corrected."),
        N_("A code such as en, ko or de, or none while it is unknown."),
        (
            Example("lang:ko", N_("Korean.")),
            Example("-lang:en,none", N_("Any known language but English.")),
        ),
    ),
    "is": Entry(
        N_("The state that the ticket is in, and what can be said of it in one word."),
        N_(
            "new, open, waiting (on the customer), resolved, archived; unresolved is one of the first three. unassigned: "
            "nobody has it. late: its deadline has passed. unread: nobody has opened the customer's last message. "
            "snoozed: it is put off until later. automatic: opened by an automatic mail."
        ),
        (
            Example("is:unresolved is:unassigned", N_("To be done, and nobody has it.")),
            Example("is:late", N_("A deadline is missed.")),
        ),
    ),
    "priority": Entry(
        N_("How urgent it is."),
        N_("low, normal, high or urgent."),
        (Example("priority>=high is:unresolved", N_("High and urgent ones.")),),
    ),
    "mood": Entry(
        N_("How the customer felt who wrote last, as found in the text or as somebody has set it."),
        N_(
            "A number from -100 (furious) to 100 (delighted); angry (-50 and less), unhappy, neutral or pleased (20 and more); "
            "none while it is unknown."
        ),
        (
            Example("mood:angry is:unresolved", N_("Angry customers whose matter is not over.")),
            Example("mood<-30 priority<high", N_("Unhappy or angry, and not urgent yet.")),
            Example("-mood:none", N_("The mood is known.")),
        ),
    ),
    "tag": Entry(
        N_("Its tags. A tag that is renamed is renamed in every query."),
        N_("The name of a tag; none: without any tag."),
        (
            Example("tag:refund,return", N_("With one of these tags.")),
            Example("tag:refund tag:urgent", N_("With both of them.")),
            Example("-tag:spam", N_("Without this tag.")),
        ),
    ),
    "board": Entry(
        N_("The board it is on."),
        N_("The name of a board that you may see."),
        (Example("board:Support is:new", N_("What is new on one board.")),),
    ),
    "reopened": Entry(
        N_("How often it was opened again after it had been resolved."),
        N_("A number."),
        (Example("reopened>=1", N_("Was not solved the first time.")),),
    ),
    "assignee": Entry(
        N_("The person who has it."),
        N_("A name or an address; me (in your own filters); oncall: who is on call now; none."),
        (
            Example("assignee:me is:unresolved", N_("Your own work.")),
            Example("assignee:oncall,none", N_("With who is on call, or with nobody.")),
        ),
    ),
    "team": Entry(
        N_("The team it was given to."),
        N_("The name of a team, or none."),
        (Example("team:Returns is:unassigned", N_("For a team, and nobody of it has it yet.")),),
    ),
    "waiting": Entry(
        N_("How long the customer has waited for our answer: the age of their first unanswered message."),
        _LENGTH,
        (Example("waiting>2h", N_("Unanswered for more than two hours.")),),
    ),
    "since": Entry(
        N_("How long the ticket has been in its state."),
        _LENGTH,
        (Example("is:waiting since>7d", N_("We have waited on the customer for more than a week.")),),
    ),
    "age": Entry(
        N_("How long ago the ticket was opened."),
        _LENGTH,
        (Example("is:unresolved age>30d", N_("Older than 30 days and not resolved.")),),
    ),
    "created": Entry(
        N_("When the ticket was opened."),
        _DAYS,
        (
            Example('created:"last 7 days"', N_("Today and the six days before.")),
            Example("created:2026-11-01..2026-11-07", N_("On one of these days, both included.")),
            Example("created>=2026-11", N_("From November 2026 on.")),
        ),
    ),
    "updated": Entry(
        N_("The last message, or the last change by a person; what rules change does not count."),
        _DAYS,
        (
            Example("updated<1h", N_("Something has happened within the last hour.")),
            Example("is:unresolved updated<today", N_("Nothing has happened today.")),
        ),
    ),
    "closed": Entry(
        N_("When it was resolved."),
        _DAYS,
        (
            Example("closed:today", N_("Resolved today.")),
            Example("closed:none age>7d", N_("Older than a week and not resolved.")),
        ),
    ),
    "snoozed": Entry(
        N_("When its snooze ends and it comes back as open."),
        N_(
            "A length of time, counted from now on. Or days: today, tomorrow, "
            '"next week", 2026-11-01. none: it is not snoozed.'
        ),
        (
            Example("snoozed:today", N_("Comes back today.")),
            Example("is:unresolved snoozed:none", N_("To be done now: not put off until later.")),
        ),
    ),
    "during": Entry(
        N_("Whether the newest message of the customer came while these opening hours were open."),
        N_("The name of opening hours."),
        (Example('-during:"Opening hours"', N_("Written out of hours, or never by the customer.")),),
    ),
    "due": Entry(
        N_("The next deadline."),
        N_(
            "A length of time, counted from now on; what is late is less than any. Or days: today, tomorrow, "
            '"this week", 2026-11-01. none: no deadline runs.'
        ),
        (
            Example("due<1h", N_("Due within an hour, or late already.")),
            Example("due:today -is:late", N_("Still to be kept today.")),
        ),
    ),
    "alert": Entry(
        N_("Alerts about its deadlines that have not ended."),
        N_("any, open, acknowledged, none; warning: the time runs out; breach: it has run out."),
        (
            Example("alert:open", N_("Nobody has acknowledged the alert yet.")),
            Example("alert:breach", N_("The alert is about a missed deadline.")),
        ),
    ),
}

# How terms are put together, and words without a field.
BASICS = (
    Example(
        "refund",
        N_(
            "A word that begins so, anywhere: in the subject, messages, notes, the customer's name, address or company."
        ),
    ),
    Example('"lost parcel"', N_("These words in this order; the last one may go on.")),
    Example("refund,return", N_("One of the words. A comma means: any of them.")),
    Example("is:open lang:ko", N_("Both: what stands side by side must all be so.")),
    Example("lang:ko OR lang:ja", N_("One of the two, or both.")),
    Example("-tag:spam", N_("Not so: a minus in front, or NOT.")),
    Example(
        "(tag:refund OR tag:return) NOT is:resolved", N_("Parentheses hold together what belongs together.")
    ),
)
