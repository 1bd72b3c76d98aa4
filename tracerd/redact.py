"""What of a command line may be recorded: the values of passwords, tokens and keys become `***`.

The rules are in docs/exec.md. They go by names, since a secret itself looks like nothing in particular: when in doubt,
a value is hidden.
"""

HIDDEN = "***"

_HINTS = ("pass", "pwd", "token", "secret", "key", "credential", "auth", "cookie", "bearer", "basic ", "://")
_USER_HINTS = (" -u ", "-user")
"""In lower case; a command line without any of them holds nothing that a rule would hide."""

# No rule begins with a repetition: a long word would be searched anew from each of its characters.
_NAME = (
    r"(?:password|passwd|passphrase|pass|pwd|token|secret|key|credential|auth|authorization|cookie|bearer)s?"
    r"(?:[_-]?\d+)?"
)
_EQUALS = r"[+:=]?=>?"
_COLON = r":(?!:|//)"
_VALUE = r"""(?:"(?:\\.|[^"\\])*"?|'[^']*'?|\\.?|[^\s"'\\])+"""
_GAP = r"(?:\s|\\\n)+"
_USER = r"(?:-u|--(?:proxy-)?user)"


def redacted(argv: list[str]) -> list[str]:
    """`argv` without the secrets that can be told by the name before them."""
    text = " ".join(argv).lower()
    if not any(hint in text for hint in _HINTS + _USER_HINTS):
        return argv
    import re  # costs more than all other modules of exec: only for the few command lines that need it

    flags = re.IGNORECASE | re.DOTALL
    option = re.compile(rf"--?[\w.-]*{_NAME}", flags)
    user = re.compile(_USER)
    login = re.compile(r"([^\s:]*:)(.+)", flags)
    shell_script = re.compile(r"-[a-z]*c")
    web = re.compile(r"(https?://)[^\s/]*@", flags)
    url = re.compile(r"(\w://[^/\s:@]*:)[^\s/]*@", flags)
    named = re.compile(rf"{_NAME}[\[\]]*\s*(?:{_EQUALS}|{_COLON})\s*", flags)
    # Inside an argument, such as a script, the value ends with the word; after a colon, with the line.
    inner = re.compile(
        rf"""({_NAME}(?:\\*["'\[\]])*[ \t]*{_EQUALS}[ \t]*){_VALUE}"""
        rf"""|({_NAME}(?:\\*["'\[\]])*[ \t]*{_COLON}[ \t]*)[^\n]+"""
        rf"""|((?<![\w.-])--?[\w.-]*{_NAME}["',]*{_GAP}){_VALUE}"""
        rf"""|((?<![\w.-]){_USER}[\s=]+["']?[^\s:"']*:){_VALUE}"""
        rf"""|(\b(?:bearer|basic)\s+){_VALUE}"""
        r"""|(-----BEGIN [A-Z ]*PRIVATE KEY-----).+""",
        flags,
    )

    shown: list[str] = []
    value_follows = login_follows = False
    for word in argv:
        if value_follows:
            shown.append(HIDDEN)
            value_follows = False
            continue
        is_script = bool(shown) and shell_script.fullmatch(shown[-1])
        value_follows = bool(shown) and option.fullmatch(word) is not None
        clean = url.sub(rf"\1{HIDDEN}@", web.sub(rf"\1{HIDDEN}@", word))
        name = named.search(clean)
        if login_follows and (match := login.fullmatch(clean)):
            clean = match[1] + HIDDEN
        elif name and not is_script and not re.search(r"[\s\"']", clean[: name.start()]):
            clean = clean[: name.end()] + (HIDDEN if name.end() < len(clean) else "")
        else:
            clean = inner.sub(lambda match: f"{match[match.lastindex or 0]}{HIDDEN}", clean)
        login_follows = user.fullmatch(word) is not None
        shown.append(clean)
    return shown
