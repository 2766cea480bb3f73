"""Rust source reduced to what a text search may look at: comments, literals and test modules blanked.

Not a parser. Every function keeps line numbers: blanked text becomes spaces, line breaks stay.
"""

import re

_TOKEN = re.compile(
    r"""
    (?P<line_comment> //[^\n]* )
  | (?P<block_comment> /\* )
  | (?P<raw_string> \b[bc]?r(?P<hashes>\#*)" )
  | (?P<string> "(?:\\.|[^"\\])*" )
  | (?P<char> '(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\\n])' )
    """,
    re.VERBOSE | re.DOTALL,
)


def code_only(text):
    """The source with comments, string literals and character literals blanked."""
    pieces, at = [], 0
    while match := _TOKEN.search(text, at):
        start, end = match.start(), match.end()
        if match["block_comment"]:
            end = _block_comment_end(text, end)
        elif match["raw_string"]:
            closing = text.find('"' + match["hashes"], end)
            end = len(text) if closing < 0 else closing + 1 + len(match["hashes"])
        pieces += [text[at:start], _blank(text[start:end])]
        at = end
    return "".join([*pieces, text[at:]])


def without_test_modules(code):
    """`code_only` text with every `#[cfg(test)] mod … { … }` blanked."""
    for match in re.finditer(r"#\[cfg\(test\)\]\s*(?:#!?\[[^\]]*\]\s*)*mod\s+\w+\s*\{", code):
        end = _closing_brace(code, match.end())
        code = code[: match.start()] + _blank(code[match.start() : end]) + code[end:]
    return code


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _block_comment_end(text, at):
    """Rust's block comments nest."""
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def _closing_brace(code, at):
    depth = 1
    for match in re.compile(r"[{}]").finditer(code, at):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    return len(code)
