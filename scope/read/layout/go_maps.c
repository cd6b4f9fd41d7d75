#include "read/layout/layout.h"

static const struct layout_ops *const layouts[] = {
	[GO_MAPS_CLASSIC] = &layout_classic,
	[GO_MAPS_SWISS] = &layout_swiss,
};

const struct layout_ops *layout_get(enum go_maps maps)
{
	return layouts[maps];
}
