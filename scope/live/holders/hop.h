/* A step of the way from an object to a root. It is what reports show.
 */
#ifndef LIVE_HOLDERS_HOP_H
#define LIVE_HOLDERS_HOP_H

#include "base/base.h"

enum holder_kind {
	HOLDER_UNKNOWN,	  /* a pointer somewhere in an object of a type that is not known */
	HOLDER_FIELD,	  /* type.name: a field of a struct */
	HOLDER_ELEMENT,	  /* an element of a slice */
	HOLDER_VALUE,	  /* a value of a map of the type */
	HOLDER_KEY,	  /* a key of it */
	HOLDER_MAP,	  /* a key or a value of a map of a type that is not known */
	HOLDER_CHANNEL,	  /* an element in the buffer of a channel */
	HOLDER_WAITING,	  /* something that waits at a channel */
	HOLDER_CAPTURE,	  /* a variable that the closure `name` has captured */
	HOLDER_POINTER,	  /* a value of the type, which a pointer leads to */
	HOLDER_POOL,	  /* a sync.Pool: the next collections drop it */
	HOLDER_GLOBAL,	  /* root: a global variable */
	HOLDER_STACK,	  /* root: a word on the stack of a goroutine, in the frame of `name` */
	HOLDER_FINALIZER, /* root: an object with a finalizer */
	HOLDER_CLEANUP,	  /* root: a cleanup function */
	HOLDER_QUEUE,	  /* root: a finalizer or cleanup that is to be run */
	HOLDER_CUT,	  /* the way goes on, but is not known: too many objects are on ways */
	HOLDER_KINDS,
};

struct holder_hop {
	enum holder_kind kind;
	bool interface; /* it is a value of an interface that leads on */
	bool repeated;	/* more hops like this one follow, as in a linked list */
	/* Both may be NULL. A type is as reflect prints it. The name is a path of fields ("inner.list[]"), a function, or
	 * the symbol of a global variable. */
	const char *type, *name;
	const char *
		package; /* the path of the package of the type's first named part (gotype_package()), or NULL */
	/* Global without a symbol: functions that use it, at most two; or NULL. */
	const char *users[2];
	uint64_t addr;		       /* global: the address of the variable's word; otherwise 0 */
	const struct holder_hop *next; /* towards the root; NULL: this is the last one */
};

/* Tells whether nothing comes after a hop of this kind. */
static inline bool holder_is_root(enum holder_kind kind)
{
	return kind >= HOLDER_GLOBAL;
}

#endif
