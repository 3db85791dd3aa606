"""docs/method.md: every equation is cited by the code, and every citation has an equation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: "Eq. 7", "Eq. 3 and 4", "Eq. 3 to 5", "Eq. 25 to 27, 30 and 31"; also over the end of a line.
_CITATION = re.compile(r"method\.md,\s+(?://\s*)?Eq\.\s+(\d+(?:(?:,\s+|\s+and\s+|\s+to\s+)\d+)*)")


def numbers(text: str) -> set[int]:
    """Return the equations that a citation names."""
    found = set()
    for part in re.split(r",\s+|\s+and\s+", text):
        first, *last = map(int, re.split(r"\s+to\s+", part))
        found |= set(range(first, (last or [first])[0] + 1))
    return found


def cited() -> dict[Path, set[int]]:
    """Return the equations that each source file cites."""
    kinds = {".py", ".hpp", ".cpp", ".cu"}
    files = [path for path in (ROOT / "src").rglob("*") if path.suffix in kinds]
    lists = {path: _CITATION.findall(path.read_text(encoding="utf-8")) for path in files}
    return {path: set().union(*map(numbers, found)) for path, found in lists.items() if found}


def equations() -> list[int]:
    """Return the numbers of the equations in their order."""
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    return [int(number) for number in re.findall(r"\\tag\{(\d+)\}", text)]


def test_equations_are_numbered_in_order():
    assert equations() == list(range(1, len(equations()) + 1))
    assert len(equations()) > 30


def test_every_citation_has_an_equation():
    known = set(equations())
    assert {path: found - known for path, found in cited().items() if found - known} == {}


def test_every_equation_is_cited():
    assert sorted(set(equations()) - set().union(*cited().values())) == []


def test_all_three_languages_cite():
    assert {path.suffix for path in cited()} >= {".py", ".hpp", ".cu"}


def test_no_citation_is_written_another_way():
    """What mentions the page with an equation is understood."""
    for path in (ROOT / "src").rglob("*"):
        if path.suffix in {".py", ".hpp", ".cpp", ".cu"}:
            text = path.read_text(encoding="utf-8")
            assert len(re.findall(r"method\.md,", text)) == len(_CITATION.findall(text)), path


def test_references_within_the_page():
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    named = re.findall(r"Eq\.\s+(\d+(?:(?:,\s+|\s+and\s+|\s+to\s+)\d+)*)", text)
    assert set().union(*map(numbers, named)) <= set(equations())
