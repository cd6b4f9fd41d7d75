/* cmd: the verbs. Each verb connects rooms in the order in which data flows (ARCHITECTURE.md, "How
 * one delete travels"). This is the only folder that prints. <verb>.c runs a verb, <verb>_options.c
 * describes its command line, and <verb>_<part>.c is a part of it.
 *
 * To add a verb:
 *   1. describe it in <verb>_options.[ch]: a `const struct verb_spec <verb>_verb` and a table of its
 *      options (options/options.h);
 *   2. write <verb>.c with `int cmd_<verb>(int argc, char **argv)` (argv[0] is the verb), and
 *      declare both below;
 *   3. add it to the table in main.c, and the files to meson.build;
 *   4. write docs/man/tophash-<verb>.1; tools/man-options puts the options into it, and
 *      tools/check-manual says what is missing;
 *   5. name it in docs/man/tophash.1, CHANGELOG.md and README.md, and write tests.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "cmd/options/options.h"

/* Exit codes of tophash; 1 to 4 are enum error_code. */
enum { EXIT_DONE = 0, EXIT_LOST = 5, EXIT_UNMET = 6 };

extern const struct verb_spec addr_verb, doctor_verb, help_verb, maps_verb, ps_verb, sites_verb,
	tether_verb, trace_verb;

int cmd_addr(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_maps(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_sites(int argc, char **argv);
int cmd_tether(int argc, char **argv);
int cmd_trace(int argc, char **argv);

extern const struct verb verbs[]; /* main.c; a NULL spec ends it */

/* The name that messages begin with: "tophash", or "kubectl tophash". */
extern const char *const cmd_program;

/* Opens /dev/null in place of each closed standard descriptor. Otherwise the next open() would get
 * its number, and messages would end up in the output. Standard input
 * is opened for writing and the others for reading, so that their use still fails. */
bool cmd_open_standard_files(void);
/* Prints "tophash: text" to stderr. The output is safe for a terminal, whatever the text
 * contains. */
void cmd_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Sets the signals of a verb that starts no command. SIGINT and SIGTERM end it, even if a script's
 * shell had them ignored or its parent blocked them. A closed pipe is an error of write(). */
void cmd_signals(void);
/* Prints an error and frees it. Returns the exit code. */
int cmd_fail(struct error *err);
/* Prints text that the user asked for (--help) to stdout. Returns the exit code. */
int cmd_print(const char *text);
/* Prints what the completions of -p offer: processes that have Go code. Returns the exit code. */
int cmd_print_pids(void);
/* Prints `tophash VERB --help`. Returns the exit code. */
int cmd_print_help(const struct verb_spec *verb);
/* The same for --help-all. */
int cmd_print_help_all(const struct verb_spec *verb);
/* Prints `tophash --help`. Returns the exit code. */
int cmd_print_verbs(void);
/* Reports that no verb has this name, and names the nearest one. Returns the exit code. */
int cmd_no_verb(const char *name);
/* Prints to stderr what tophash can do, for `tophash` without a verb. Returns the exit code. */
int cmd_print_overview(void);

#endif
