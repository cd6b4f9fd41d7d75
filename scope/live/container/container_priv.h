/* Declarations that the files of the container share. */
#ifndef LIVE_CONTAINER_CONTAINER_PRIV_H
#define LIVE_CONTAINER_CONTAINER_PRIV_H

#include "live/container/container.h"
#include "live/runtime/runtime.h"

/* How well a container fits what was asked for. Only the best ones count. */
enum fit { FIT_NOT, FIT_BEGINNING, FIT_NAME, FIT_ID };

struct candidate {
	struct container of;
	struct container_facts facts;
	pid_t pid; /* a process in it; 0: none is known */
	enum fit fit;
};

struct container_search {
	const struct container_query *query;
	VEC(struct candidate) list; /* each running container once */
	struct runtime_told *told;  /* NULL: no runtime was asked */
	bool nomem;
};

/* Tells whether a text is an id of 64 hexadecimal digits. */
bool container_id_is_whole(const char *id);
/* As container_facts(), with all files below another folder, and nothing that was told; "" is /. */
void container_facts_below(const char *root, const struct container *of,
			   struct container_facts *ret);
/* Adds what a runtime tells, where the files tell nothing. */
void container_facts_add(const struct runtime_container *from, struct container_facts *to);

/* Calls fn() with the runtime and the first process of each container with this id, as the states of runc and crun
 * tell. The id has letters, digits and "_.-" only. */
void container_each_state(const char *name, void (*fn)(void *ctx, const char *runtime, pid_t pid),
			  void *ctx);

/* Adds the containers that runc, crun or ctr runs with the name of the query as their id. */
void named_add(struct container_search *search);

enum fit container_fit(const struct candidate *at, const struct container_query *query);

/* Tells whether a runtime may know more than the files: one was named, nothing fits, or the name of a
 * container is not known, so that it may be the one, too. */
bool asked_is_useful(const struct container_search *search);
/* Asks, and adds the answers to the list: facts, and containers that were not found. Errors: the socket that
 * the query names does not answer. */
struct error *asked_add(struct container_search *search);

#endif
