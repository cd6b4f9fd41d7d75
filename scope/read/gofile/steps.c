#include "read/gofile/gofile.h"

#define MAPS_PACKAGE "internal/runtime/maps."

/* clang-format off */
const struct go_step go_steps[GO_STEPS] = {
	/* name, kind,				      type map what  layout */
	{"runtime.hashGrow", GO_STEP_GROW,		 0, 1, 1, GO_IN_CLASSIC, NULL},
	{"runtime.evacuate", GO_STEP_EVACUATE,		 0, 1, 2, GO_IN_CLASSIC, NULL},
	{"runtime.evacuate_fast32", GO_STEP_EVACUATE,	 0, 1, 2, GO_IN_CLASSIC, NULL},
	{"runtime.evacuate_fast64", GO_STEP_EVACUATE,	 0, 1, 2, GO_IN_CLASSIC, NULL},
	{"runtime.evacuate_faststr", GO_STEP_EVACUATE,	 0, 1, 2, GO_IN_CLASSIC, NULL},
	{"runtime.(*hmap).newoverflow", GO_STEP_OVERFLOW, 1, 0, 2, GO_IN_CLASSIC, NULL},
	{"runtime.mapclear", GO_STEP_CLEAR,		 0, 1, 1, GO_IN_CLASSIC, NULL},
	{MAPS_PACKAGE "(*Map).growToTable", GO_STEP_TABLE, 1, 0, 0, GO_IN_SWISS, NULL},
	{MAPS_PACKAGE "(*table).grow", GO_STEP_RESIZE,	 1, 2, 0, GO_IN_SWISS, NULL},
	{MAPS_PACKAGE "(*table).split", GO_STEP_SPLIT,	 1, 2, 0, GO_IN_SWISS, NULL},
	{MAPS_PACKAGE "(*table).pruneTombstones", GO_STEP_PRUNE, 1, 2, 0, GO_IN_SWISS, NULL},
	{MAPS_PACKAGE "(*Map).Clear", GO_STEP_CLEAR,	 1, 0, 0, GO_IN_SWISS, NULL},
	/* A build with a profile may inline (*Map).Clear into it. */
	{"runtime.mapclear", GO_STEP_CLEAR,		 0, 1, 1, GO_IN_SWISS, MAPS_PACKAGE "(*Map).Clear"},
};
/* clang-format on */

unsigned go_step_last_arg(const struct go_step *step)
{
	unsigned last = step->type_arg > step->map_arg ? step->type_arg : step->map_arg;

	return step->what_arg > last ? step->what_arg : last;
}
