"""What of a command line may be recorded: the values of passwords, tokens and keys become `***`.

The rules are in docs/exec.md. They go by names, since a secret itself looks like nothing in particular: when in doubt,
a value is hidden.
"""

HIDDEN = "***"

_HINTS = ("pass", "pwd", "token", "secret", "key", "credential", "auth", "cookie", "bearer", "://")
"""In lower case; a command line without any of them holds nothing that a rule would hide."""

_NAME_END = r"(?:passwd|password|passphrase|pass|pwd|token|secret|key|credentials?|auth|authorization|cookie|bearer)"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"']+)"""


def redacted(argv: list[str]) -> list[str]:
    """`argv` without the secrets that can be told by the name before them."""
    text = " ".join(argv).lower()
    if not any(hint in text for hint in _HINTS):
        return argv
    import re  # costs more than all other modules of exec: only for the few command lines that need it

    option = re.compile(rf"--?[\w.-]*{_NAME_END}", re.IGNORECASE)
    assignment = re.compile(rf"(-{{0,2}}[\w.:-]*{_NAME_END}=)(.+)", re.IGNORECASE | re.DOTALL)
    header = re.compile(rf"(\b[\w-]*{_NAME_END}\s*:\s*)([^\"'\n]+)", re.IGNORECASE)
    # Inside an argument: in a script it ends with the word.
    shell_script = re.compile(r"-[a-z]*c")
    inner_assignment = re.compile(rf"([\w.:-]*{_NAME_END}=)({_VALUE})", re.IGNORECASE)
    inner_option = re.compile(rf"((?<!\S)--?[\w.-]*{_NAME_END}\s+)({_VALUE})", re.IGNORECASE)
    bearer = re.compile(rf"(\b(?:bearer|basic)\s+)({_VALUE})", re.IGNORECASE)
    url = re.compile(r"(\w://[^/\s:@]*:)([^/\s@]+)(?=@)")

    shown: list[str] = []
    value_follows = False
    for word in argv:
        if value_follows:
            shown.append(HIDDEN)
            value_follows = False
            continue
        value_follows = bool(shown) and option.fullmatch(word) is not None
        is_script = bool(shown) and shell_script.fullmatch(shown[-1])
        if not is_script and (match := assignment.fullmatch(word)):
            shown.append(match[1] + HIDDEN)
            continue
        for rule in (header, inner_assignment, inner_option, bearer, url):
            word = rule.sub(rf"\g<1>{HIDDEN}", word)  # noqa: PLW2901 (one rule after the other)
        shown.append(word)
    return shown
