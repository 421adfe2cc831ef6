"""What axe objects to in a page. The page needs `bypass_csp=True`: axe is put into it as a script's text."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Only what is wrong is asked for: what is right fills megabytes, which took more time than finding out.
_FIND = """async (rules) => {
    const found = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
    return found.violations.map(({ id, help, nodes }) =>
        [`${id}: ${help}`, ...nodes.map((node) => node.html.slice(0, 200))].join("\\n    "));
}"""


def objections(page: Any) -> list[str]:
    """One text for each rule that the page breaks, with where; none for a page as it should be."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(_FIND, RULES)
