"""What axe-core is asked of every page and widget: the rules of WCAG 2.2, levels A and AA."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"], "rules": {"target-size": {"enabled": True}}}
WCAG["resultTypes"] = ["violations", "passes"]


def violations(page):
    """One line for each fault that axe finds on a page: rule, place, what is wrong. The rules it tried go along.

    Highlighted code is left out: thousands of words in five colours, whose contrast ``test_publish.py`` computes.
    """
    # (preload would fetch the style sheets once more, which a page from a folder may not)
    found = Axe().run(page, context={"exclude": [[".highlight pre"]]}, options=WCAG | {"preload": False}).response
    lines = [
        f"{rule['id']}: {node['target']}: {node.get('failureSummary', '').splitlines()[1:2]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    return lines, {rule["id"] for rule in found["passes"]}
