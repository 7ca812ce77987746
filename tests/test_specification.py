"""docs/specification.md and the code that cites it: every citation exists, and every built section is cited.

A citation is ``docs/specification.md#anchor``, or ``specification.md#anchor`` on a page of the same folder.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/specification.md"
#: What a section that the library does not have yet starts with.
NOT_BUILT = "> **Not yet built** ("
#: An anchor that is missing or cut at the end of a line reads as an empty one, which does not exist.
CITATION = re.compile(r"specification\.md#([\w-]*)")


def tracked() -> dict[str, str]:
    """The text of every file that git tracks, by its path; this one, which must name what it looks for, excepted."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    texts = {}
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path == Path(__file__).resolve() or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            texts[name] = content.decode("utf-8", "replace")
    return texts


def sections() -> dict[str, str]:
    """The text of each section of the specification up to the next heading, by its anchor on GitHub."""
    parts = re.split(r"^#+ (.+)$", (ROOT / PAGE).read_text(), flags=re.M)[1:]
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in parts[::2]]
    # GitHub numbers the second of two equal headings, which would move with their order.
    assert len(set(anchors)) == len(anchors)
    return dict(zip(anchors, parts[1::2]))


def cited(texts: dict[str, str], folder: str = "") -> dict[str, list[str]]:
    """The anchors that the files in ``folder`` cite, with the places."""
    found = {}
    for name, text in texts.items():
        if not name.startswith(folder):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for anchor in CITATION.findall(line):
                found.setdefault(anchor, []).append(f"{name}:{number}")
    return found


def test_no_citation_dangles():
    texts, anchors = tracked(), sections()
    citations = cited(texts)
    for anchor in re.findall(r"\]\(#([^)]*)\)", texts[PAGE]):
        citations.setdefault(anchor, []).append(PAGE)
    assert len(citations) > 30
    assert {anchor: places for anchor, places in citations.items() if anchor not in anchors} == {}


def test_no_text_outside_the_tree_is_cited():
    """METHOD and MEASURED were notes outside of the repository, so nothing in it may refer to them."""
    places = [
        f"{name}:{number}"
        for name, text in tracked().items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"\b(METHOD|MEASURED)\b", line)
    ]
    assert places == []


def test_what_is_built_is_cited_from_the_core():
    """A section says at its head that it is not built, or the code that implements it cites it."""
    title, *rest = sections().items()
    built = [anchor for anchor, text in rest if not text.lstrip().startswith(NOT_BUILT)]
    assert title[0] == "the-specification" and 30 < len(built) <= len(rest)
    citations = cited(tracked(), "core/")
    assert [anchor for anchor in built if anchor not in citations] == []
