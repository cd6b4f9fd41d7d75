/* cmd: the verbs. One file a verb; each wires one chain: target -> symbol -> probe -> event ->
 * aggr -> sink. The only folder that prints.
 *
 * To add a verb:
 *   1. write <verb>.c with `int cmd_<verb>(int argc, char **argv)` (argv[0] is the verb);
 *   2. add it to the table in main.c;
 *   3. write docs/man/tophash-<verb>.1 and tests.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/base.h"

/* Exit codes of tophash; 1 to 4 are enum error_code. */
enum { EXIT_DONE = 0, EXIT_LOST = 5, EXIT_UNMET = 6 };

int cmd_addr(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_sites(int argc, char **argv);

/* Prints "tophash: text" to stderr, safe for a terminal whatever the text holds. */
void cmd_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Prints an error, frees it, gives the exit code. */
int cmd_fail(struct error *err);
/* Prints to stdout what was asked for (--help), gives the exit code. */
int cmd_print(const char *text);

#endif
