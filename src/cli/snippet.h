/* A line of a file and a caret under a column of it:
 *
 *       12 |   - path: /admin
 *          |     ^
 *
 * Tabs are spread to the next stop of eight, what could steer a terminal is escaped, wide
 * characters take two columns, and of a long line what is near the caret is shown.
 */
#ifndef BRAMA_CLI_SNIPPET_H
#define BRAMA_CLI_SNIPPET_H

#include "cli/cli.h"

/* Finds lines of one text; asking for them in ascending order costs one pass over it. */
struct brama_lines {
    brama_str text;
    uint32_t line; /* the number of the line at rest, from 1; 0: not begun */
    brama_str rest;
};

/* The line of that number (from 1) without its end. False: the text has fewer. */
bool brama_lines_find(struct brama_lines *lines, uint32_t number, brama_str *line);

#define BRAMA_SNIPPET_COLUMNS 100 /* shown of a line */

/* column counts characters from 1; 0: no caret. */
void brama_snippet(struct brama_cli *cli, FILE *to, brama_str line, uint32_t number,
                   uint32_t column);

#endif
