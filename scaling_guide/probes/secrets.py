"""What products say, with what may be secret in it masked: their complaints quote lines of config files."""

import re

MASK = "***"
_WORDS = "password|passwd|passphrase|requirepass|masterauth|auth[_-]pass|secret|token|api[_-]?key"
_SECRETS = (
    # a URI with a password
    (re.compile(r"(://[^/@\s:]*):[^/@\s]*@"), rf"\1:{MASK}@"),
    # `stats auth user:password`
    (re.compile(r"(\bstats\s+auth)\s+\S+", re.IGNORECASE), rf"\1 {MASK}"),
    # a header that logs in
    (re.compile(r"(\bauthorization\b\W{1,3}(?:basic|bearer)?)\s*[^\s'\"]+", re.IGNORECASE), rf"\1 {MASK}"),
    # a word for a secret, and what is assigned to it
    (re.compile(rf"((?:{_WORDS})['\"]?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE), rf"\1{MASK}"),
    # the same as a directive with its value
    (re.compile(r"(\b(?:requirepass|masterauth|insecure-password)\s+)\S+", re.IGNORECASE), rf"\1{MASK}"),
    # a user in an ACL, whose passwords begin with > or #
    (re.compile(r"(?<=\s)[>#<!][^\s'\"]+"), MASK),
)
_QUOTED = re.compile(r"'(?!/)[^'\n]*'|\"(?!/)[^\"\n]*\"")


def masked(message: str) -> str:
    """`message` without the secrets that are known by the words before them."""
    for pattern, replacement in _SECRETS:
        message = pattern.sub(replacement, message)
    return message


def complaint(message: str) -> str:
    """What a product says against a config file, without what it quotes from it, apart from paths.

    Any word may be a secret where a wrong file was named, so its file and line must be enough to find it.
    """
    return _QUOTED.sub(_mask, masked(message))


def _mask(quoted: re.Match[str]) -> str:
    return f"{quoted[0][0]}{MASK}{quoted[0][-1]}"
