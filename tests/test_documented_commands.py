"""Every command of `rhocast` that a document shows is one that the program takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhocast.cli.main import VERBS, _parser

ROOT = Path(__file__).parents[1]

DOCUMENTS = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(path: Path) -> Iterator[str]:
    """Yield the command lines of `rhocast` in the blocks of a document, without comments."""
    for block in re.findall(r"```(?:bash|sh)?\n(.*?)```", path.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            bare = re.split(r"\s#|\s*[|>]\s*\S+$|;", line)[0].replace("…", "").strip()
            if found := re.match(r"(?:mpirun \S+ \d+ )?rhocast (.*)", bare):
                yield found[1]


SHOWN = sorted({(str(path.relative_to(ROOT)), c) for path in DOCUMENTS for c in commands(path)})


def test_the_documents_show_commands():
    assert {command.split()[0] for _, command in SHOWN} >= {"predict", "new", "view", "evaluate"}


@pytest.mark.parametrize(("document", "command"), SHOWN)
def test_a_command_is_one_that_the_program_takes(document, command):
    words = [word.replace("@", "") for word in shlex.split(command)]
    if words[0] == "--help":
        return
    assert words[0] in VERBS
    assert callable(_parser(words).parse_args(words).run)
