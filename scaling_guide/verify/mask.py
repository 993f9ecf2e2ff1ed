"""Secrets taken out of text before it is kept or shown."""

import re

_SECRETS = (
    re.compile(r"(?i)(\b(?:password|passwd|secret|token|api[_-]?key)\b\s*[=:]\s*['\"]?)([^\s'\",;]+)"),
    re.compile(r"(?i)(\b(?:requirepass|masterauth)\s+)(\S+)"),
    re.compile(r"(?i)(\bbearer\s+)(\S+)"),
    re.compile(r"(\w+://[^\s:/@]+:)([^\s@]+)(?=@)"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)([\s\S]*?)(?=-----END)"),
)
MASK = "***"


def masked(text: str) -> str:
    """`text` with passwords, tokens and private keys replaced."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{MASK}", text)
    return text
