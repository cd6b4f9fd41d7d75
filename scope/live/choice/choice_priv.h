/* Declarations that the files of the choice share. */
#ifndef LIVE_CHOICE_CHOICE_PRIV_H
#define LIVE_CHOICE_CHOICE_PRIV_H

#include "live/choice/choice.h"

/* Adds a process, unless it is in the list. Errors: out of memory. */
struct error *choice_take(struct choice *to, pid_t pid);

/* name.c: the process of an id, or the only one of a name. */
struct error *choice_by_name(const char *text, struct choice *to);

/* Calls found() for each of the words that commas separate. */
struct error *choice_each_word(const char *texts,
			       struct error *(*found)(void *ctx, const char *text), void *ctx);

#endif
