/* JSON for people, and times. */
#ifndef BRAMA_CLI_PRETTY_H
#define BRAMA_CLI_PRETTY_H

#include "cli/cli.h"
#include "json/write.h"

/* Print what was written into a buffer, without blanks at its ends, and a newline. The exit code.
 */
int brama_pretty_buf(struct brama_cli *cli, const struct brama_buf *buf);
/* Print JSON text of ours, two spaces a level, and a newline. The exit code. */
int brama_pretty_json(struct brama_cli *cli, brama_str text);
/* Print a node likewise, each line behind that many spaces. */
int brama_pretty_node(struct brama_cli *cli, const struct brama_node *node, unsigned margin);

/* "2023-11-14 22:13:20 UTC", or the number where it is no year of four digits. */
brama_str brama_time_text(struct brama_arena *arena, int64_t time_s);
/* "in 59 min", "3 h ago", "now". */
brama_str brama_distance_text(struct brama_arena *arena, int64_t time_s, int64_t now_s);

#endif
