#!/usr/bin/env python3
"""Write docs/checks/*.md as a C table, so that `brama check --explain` prints the very pages.

usage: embed-pages.py OUT.c PAGE.md..
"""
import pathlib
import sys

ESCAPES = {'\\': '\\\\', '"': '\\"', '?': '\\?'}


def literal(line):
    text = ''.join(ESCAPES.get(c, c) for c in line)
    return '        "%s\\n"' % text


def main(out, *pages):
    rows = []
    for page in sorted(pages):
        path = pathlib.Path(page)
        lines = path.read_text(encoding='ascii').splitlines()
        rows.append('    {"%s",\n%s},' % (path.stem, '\n'.join(map(literal, lines))))
    pathlib.Path(out).write_text(
        '/* Made of docs/checks by scripts/embed-pages.py. */\n'
        '#include "cli/check_pages.h"\n\n'
        'const struct brama_check_page brama_check_pages[] = {\n%s\n};\n'
        'const size_t brama_check_page_count = sizeof(brama_check_pages) / '
        'sizeof(brama_check_pages[0]);\n' % '\n'.join(rows))


main(*sys.argv[1:])
