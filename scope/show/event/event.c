#include "base/buf.h"
#include "base/text/text.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

uint64_t event_lost_sum(const struct event_end *end)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < end->lost_n; i++)
		sum += end->lost[i].count;
	return sum;
}

void event_key(struct buf *to, const struct event_removal *event)
{
	if (event->key_n) {
		value_text(to, event->key, event->key_n);
		return;
	}
	buf_char(to, '<');
	if (event->key_error)
		text_safe_str(to, event->key_error);
	else
		buf_str(to, "unread");
	buf_char(to, '>');
}
