"""A hook of mkdocs: what lies in the repository beside the book is a name on the site, which has only the book."""

import re

_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?!docs/)([^)#]*)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """The text of a page with links that lead out of the book as names of files."""
    return _OUTSIDE.sub(lambda match: f"{match[1]} (`{match[2]}`)", markdown)
