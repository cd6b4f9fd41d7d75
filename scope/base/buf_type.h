/* The struct of a growing byte buffer, for headers whose structs have one. buf.h has its functions: who changes one
 * of them compiles only the files that use buffers. */
#ifndef BASE_BUF_TYPE_H
#define BASE_BUF_TYPE_H

#include "base/base.h"

struct buf {
	char *data; /* owned; NULL while empty; not NUL-terminated (see buf_cstr) */
	size_t len;
	size_t cap;
	bool bad; /* an append was dropped because memory was out */
};

#endif
