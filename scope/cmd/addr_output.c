#include "cmd/addr.h"
#include "base/buf.h"
#include "cmd/output.h"

#include <poll.h>

#define FLUSH_AT (1u << 18) /* bytes */

bool addr_is_json(const struct addr *addr)
{
	return !strcmp(addr->options.format, "json");
}

void addr_emit(struct addr *addr, const struct explanation *e)
{
	addr_count(&addr->totals, e);
	if (addr_is_json(addr))
		addr_json(&addr->out, e);
	else
		addr_text(&addr->out, e, &addr->style);
}

/* Tells whether the output is a pipe without a reader. Output is then lost, and nothing more needs
 * to be read. */
static bool is_unread(int fd)
{
	struct pollfd out = {.fd = fd};

	return poll(&out, 1, 0) > 0 && out.revents & POLLERR;
}

struct error *addr_flush(struct addr *addr, bool all)
{
	struct error *err;

	if (!addr->out.len || (!all && addr->out.len < FLUSH_AT))
		return NULL;
	err = addr->out.bad ? error_nomem() : output_write(addr->fd, &addr->out);
	addr->closed = is_unread(addr->fd);
	buf_reset(&addr->out);
	return err;
}
