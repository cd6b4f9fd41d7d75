/* Steps -> lines -> a descriptor, counted at both ends. */
#include "cmd/maps_lines.h"
#include "base/buf.h"
#include "cmd/output.h"

#include <errno.h>

void step_lines_fini(struct step_lines *lines)
{
	buf_fini(&lines->out);
	vec_fini(&lines->ends);
}

bool step_lines_take(struct step_lines *lines, const struct map_step *step)
{
	lines->taken++;
	if (lines->closed)
		return true;
	if (lines->json) {
		map_step_json(&lines->out, step);
	} else {
		if (!lines->began)
			map_steps_heading(&lines->out);
		lines->began = true;
		map_step_text(&lines->out, step);
	}
	return vec_push(&lines->ends, lines->out.len);
}

struct error *step_lines_flush(struct step_lines *lines, int stop)
{
	size_t done;
	int errnum;

	if (lines->out.bad)
		return error_nomem();
	if (lines->closed)
		return NULL;
	errnum = output_put_until(lines->fd, lines->out.data, lines->out.len, stop, &done);
	vec_each(end, &lines->ends)
		lines->shown += *end <= done;
	lines->out.len = 0;
	lines->ends.len = 0;
	lines->closed = errnum != 0;
	lines->stuck = errnum == ECANCELED;
	return errnum && errnum != EPIPE && errnum != ECANCELED
		       ? error_errno(ERROR_FAILED, errnum, "cannot write the output")
		       : NULL;
}

uint64_t step_lines_missed(const struct step_lines *lines)
{
	return lines->stuck ? lines->taken - lines->shown : 0;
}
