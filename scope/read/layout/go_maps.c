#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"

static const struct layout_ops *const layouts[] = {
	[GO_MAPS_CLASSIC] = &layout_classic,
	[GO_MAPS_SWISS] = &layout_swiss,
};

const struct layout_ops *layout_get(enum go_maps maps)
{
	return layouts[maps];
}

void map_state_json(struct buf *to, const struct map_state *state, size_t n)
{
	buf_char(to, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(to, ',');
		json_put_str(to, state[i].name);
		buf_char(to, ':');
		if (state[i].is_bool)
			json_put_bool(to, state[i].value);
		else
			json_put_count(to, state[i].value);
	}
	buf_char(to, '}');
}
