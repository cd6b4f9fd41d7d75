/* Frames of --watch. On a terminal a frame stands below the lines of the steps, and is replaced by the next one. Elsewhere
 * the frames come one after the other, between the lines. */
#include "cmd/maps_frame.h"
#include "base/clock.h"
#include "base/buf.h"

#include <sys/ioctl.h>

enum {
	OVERFLOW_MAX = 1 << 20, /* overflow buckets whose places are told */
	REST = 20,		/* after the heap was marked again, so many times as long */
};

void frames_init(struct frames *frames, struct maps_listing *listing, struct steps *steps, int fd)
{
	struct winsize window = {0};

	*frames = (struct frames){.listing = listing,
				  .steps = steps,
				  .style = terminal_style(fd, listing->options->wide)};
	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &window) == 0)
		frames->rows = window.ws_row;
}

void frames_fini(struct frames *frames)
{
	one_free(frames->one);
	vec_fini(&frames->overflow);
}

/* ---- reading ---- */

static void begin(void *ctx)
{
	struct frames *frames = ctx;

	frames->moved = 0;
	frames->overflow.len = 0;
	frames->full = false;
	frames->blurred = false;
}

static void on_part(void *ctx, const struct map_part *part)
{
	struct frames *frames = ctx;

	if (part->array && !part->depth && frames->listing->maps.layout == GO_MAPS_CLASSIC)
		frames->moved += part->moved;
	if (part->array || !part->depth || frames->full)
		return;
	frames->full = frames->overflow.len >= OVERFLOW_MAX || !vec_push(&frames->overflow, *part);
}

/* Marks the heap again, unless it was done a moment ago. */
static struct error *list_again(struct frames *frames, bool *ret_done)
{
	uint64_t begun_ns = now_ns();

	*ret_done = !frames->relisted_ns ||
		    begun_ns - frames->relisted_ns > frames->relist_took_ns * REST;
	if (!*ret_done)
		return NULL;
	one_free(take_ptr(frames->one)); /* it borrows the heap */
	try(maps_list_again(frames->listing));
	frames->relisted_ns = now_ns();
	frames->relist_took_ns = frames->relisted_ns - begun_ns;
	return NULL;
}

static struct error *try_read(struct frames *frames)
{
	if (!frames->one)
		try(one_new(frames->listing, &frames->one));
	return one_read(frames->one, begin, on_part, frames);
}

struct error *frames_read(struct frames *frames, enum frame_news *ret)
{
	struct error *err = try_read(frames);
	bool again = false;

	*ret = FRAME_READ;
	if (!err)
		return NULL;
	error_free(err);
	*ret = FRAME_LATER;
	try(list_again(frames, &again));
	if (!again)
		return NULL;
	if (!gomap_at(&frames->listing->maps, frames->listing->options->watch)) {
		*ret = FRAME_GONE;
		return NULL;
	}
	err = try_read(frames);
	if (!err)
		*ret = FRAME_READ;
	error_free(err);
	return NULL;
}

void frames_tell(const struct frames *frames)
{
	const struct gomap *map = one_map(frames->one);

	if (!one_is_whole(frames->one))
		return;
	steps_forget(frames->steps);
	steps_note(frames->steps, map->words, frames->moved);
	if (frames->listing->maps.layout == GO_MAPS_CLASSIC)
		vec_each(part, &frames->overflow)
			steps_note_overflow(frames->steps, part->addr, part->index, part->depth);
}

void frames_blur(struct frames *frames)
{
	frames->blurred = true;
}

bool frames_are_clear(const struct frames *frames)
{
	return !frames->blurred && one_is_whole(frames->one);
}

/* ---- output ---- */

void frames_lift(struct frames *frames, struct buf *to)
{
	if (frames->drawn)
		buf_printf(to, "\033[%zuA\033[J", frames->drawn);
	frames->drawn = 0;
}

void frames_leave(struct frames *frames)
{
	frames->drawn = 0;
}

/* Appends lines of a text, as many as fit the terminal. Returns how many there are. */
static size_t put_lines(const struct frames *frames, const struct buf *text, struct buf *to)
{
	size_t max = frames->rows > 3 ? frames->rows - 2 : SIZE_MAX, lines = 0, at = 0;

	while (at < text->len && lines < max) {
		const char *end = memchr(text->data + at, '\n', text->len - at);
		size_t n = end ? (size_t)(end + 1 - (text->data + at)) : text->len - at;

		if (lines + 1 == max && at + n < text->len)
			buf_str(to, "... (the window is too small)\n");
		else
			buf_put(to, text->data + at, n);
		at += n;
		lines++;
	}
	return lines;
}

void frames_put(struct frames *frames, uint64_t number, struct buf *to)
{
	cleanup_buf struct buf text = {0};
	const struct map_counts *counts = one_counts(frames->one);

	buf_char(&text, '\n');
	if (number)
		buf_printf(&text, "after step %llu: ", (unsigned long long)number);
	buf_printf(&text, "%llu elements", (unsigned long long)one_map(frames->one)->len);
	if (counts->tombstones)
		buf_printf(&text, ", %llu tombstones", (unsigned long long)counts->tombstones);
	if (!frames_are_clear(frames))
		buf_str(&text, "; it changed while it was read");
	buf_char(&text, '\n');
	one_draw(frames->one, frames->style.width, &text);
	buf_char(&text, '\n');
	frames->drawn = put_lines(frames, &text, to);
	if (!frames->rows)
		frames->drawn = 0;
}
