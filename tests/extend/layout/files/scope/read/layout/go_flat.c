/* Flat maps, which no release of Go has. The program says that it has them by a function of its own,
 * main.usesFlatMaps; its maps are Swiss in truth.
 *
 *    0 used
 */
#include "read/layout/layout.h"

static size_t state(const uint64_t header[GO_MAP_HEADER_WORDS], struct map_state ret[MAP_STATE_MAX])
{
	ret[0] = (struct map_state){"used", header[0], false};
	return 1;
}

const struct layout_ops layout_flat = {
	.name = "flat",
	.title = "flat",
	.state = state,
};
