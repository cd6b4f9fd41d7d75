#include "watch/engine/probe.h"

static_assert(SPOT_REACH == WIRE_WINDOW * 8, "the window must hold every argument");
static_assert(PLACEMENTS_MAX <= WIRE_PROBES, "every spot must have a row in the table");
static_assert((int)GO_PASS_NONE == WIRE_ARG_NONE && (int)GO_PASS_POINTER == WIRE_ARG_POINTER &&
		      (int)GO_PASS_32 == WIRE_ARG_32 && (int)GO_PASS_64 == WIRE_ARG_64 &&
		      (int)GO_PASS_STRING == WIRE_ARG_STRING,
	      "keys are passed as the wire says");

static_assert((int)GO_STEP_GROW == WIRE_STEP_GROW && (int)GO_STEP_EVACUATE == WIRE_STEP_EVACUATE &&
		      (int)GO_STEP_OVERFLOW == WIRE_STEP_OVERFLOW &&
		      (int)GO_STEP_TABLE == WIRE_STEP_TABLE &&
		      (int)GO_STEP_RESIZE == WIRE_STEP_RESIZE &&
		      (int)GO_STEP_SPLIT == WIRE_STEP_SPLIT &&
		      (int)GO_STEP_PRUNE == WIRE_STEP_PRUNE,
	      "steps are as the wire says");

/* The key of an entry of a hash trie comes after a flag and a pointer (internal/sync/hashtriemap.go, Go 1.24
 * to 1.27). */
enum { ENTRY_KEY = 16 };

/* enough for the arguments and a few small frames; the kernel program learns the true length */
#define COPY_BYTES_MIN 128

/* Fits the slots of type, map and key into one window of the frame. It begins at the frame pointer
 * or below. Returns false when they are too far apart. */
static bool set_window(const struct spot *spot, struct wire_probe *probe)
{
	int key_end = spot->key_slot + (spot->key == GO_PASS_STRING ? 16 : 8);
	int low = spot->type_slot < spot->map_slot ? spot->type_slot : spot->map_slot;
	int high = spot->type_slot > spot->map_slot ? spot->type_slot + 8 : spot->map_slot + 8;

	low = spot->key_slot < low ? spot->key_slot : low;
	low = low < 0 ? low : 0;
	high = key_end > high ? key_end : high;
	if (high - low > WIRE_WINDOW * 8)
		return false;
	probe->window = (int16_t)low;
	probe->words = (uint8_t)((high - low) / 8);
	probe->filter_bytes = probe->words * 8u;
	probe->copy_bytes = COPY_BYTES_MIN;
	probe->type_word = (uint8_t)((spot->type_slot - low) / 8);
	probe->map_word = (uint8_t)((spot->map_slot - low) / 8);
	probe->key_word = (uint8_t)((spot->key_slot - low) / 8);
	return true;
}

bool probe_from_spot(const struct spot *spot, struct wire_probe *ret)
{
	*ret = (struct wire_probe){
		.addr = spot->addr,
		.key_arg = (uint8_t)spot->key,
		.map_first = spot->map_first,
		.func = spot->number,
		.at_push = spot->at_push,
		.sync = spot->sync,
		.if_swapped = spot->if_swapped,
		.map_slot = spot->map_slot,
		.key_slot = spot->key_slot,
		.caller = spot->no_arguments ? UINT64_MAX : spot->caller,
		.entry_key = spot->in_entry ? ENTRY_KEY : 0,
	};
	if (spot->role == SPOT_STEP || spot->role == SPOT_STEP_END) {
		const struct go_step *step = &go_steps[spot->number];

		ret->step = (uint8_t)step->kind;
		ret->type_arg = step->type_arg;
		ret->map_arg = step->map_arg;
		ret->what_arg = step->what_arg;
	}
	if (spot->sync) /* the key is an interface, and stays where it is */
		ret->key_arg = spot->key == GO_PASS_ANY ? WIRE_ARG_POINTER : WIRE_ARG_NONE;
	return spot->role != SPOT_REMOVAL || set_window(spot, ret);
}
