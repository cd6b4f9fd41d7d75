/* Declarations that the files of the container share. */
#ifndef LIVE_CONTAINER_CONTAINER_PRIV_H
#define LIVE_CONTAINER_CONTAINER_PRIV_H

#include "live/container/container.h"

/* Tells whether a text is an id of 64 hexadecimal digits. */
bool container_id_is_whole(const char *id);
/* As container_facts(), with all files below another folder; "" is /. */
void container_facts_below(const char *root, const struct container *of,
			   struct container_facts *ret);

#endif
