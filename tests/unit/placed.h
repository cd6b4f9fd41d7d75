/* Functions of the runtime in a synthesised program, and checks of the spots, for tests of
 * read/place. */
#ifndef UNIT_PLACED_H
#define UNIT_PLACED_H

#include "goprog_fixture.h"

#include "read/place/place.h"

#define FASTSTR	     "runtime.mapdelete_faststr"
#define SMALL_DELETE "internal/runtime/maps.(*Map).deleteSmall"
#define TABLE_DELETE "internal/runtime/maps.(*table).Delete"
#define MAP_DELETE   "internal/runtime/maps.(*Map).Delete"
#define MAP_CLEAR    "internal/runtime/maps.(*Map).Clear"

static inline uint64_t add(struct goprog *p, const char *name, const uint8_t *code, size_t size,
			   const struct goprog_sp *sp)
{
	return goprog_func(
		p, &(struct goprog_func){.name = name, .code = code, .size = size, .sp = sp});
}

#define ADD(p, name, code)    add((p), (name), (code), sizeof(code), NULL)
#define ADD_SP(p, name, code) add((p), (name), (code), sizeof(code), code##_sp)

static inline void find_ok(const struct goprog *p, struct placement_options options,
			   struct placements *ret)
{
	struct error *err = placement_find(p->image, p->tab, &options, ret);

	if (err)
		print_error("%s\n", err->text);
	assert_null(err);
}

static inline void check_place(const struct spot *place, const char *func, uint64_t entry,
			       uint64_t offset, enum spot_role role)
{
	assert_string_equal(place->func, func);
	assert_int_equal(place->entry, entry);
	assert_int_equal(spot_offset(place), offset);
	assert_int_equal(place->addr, entry + offset);
	assert_int_equal(place->role, role);
	assert_true(place->why && place->why[0]);
}

/* Checks the slots of type, map and key, in words from the frame pointer. */
static inline void check_slots(const struct spot *place, int type, int map, int key)
{
	assert_int_equal(place->type_slot, type * 8);
	assert_int_equal(place->map_slot, map * 8);
	assert_int_equal(place->key_slot, key * 8);
}

static inline void check_entry(const struct spot *place, const char *func, uint64_t entry,
			       uint64_t offset, unsigned number, unsigned map_first)
{
	check_place(place, func, entry, offset, SPOT_ENTRY);
	assert_int_equal(place->number, number);
	assert_int_equal(place->map_first, map_first);
}

static inline void check_exit(const struct spot *place, const char *func, uint64_t entry,
			      uint64_t offset, unsigned number)
{
	check_place(place, func, entry, offset, SPOT_EXIT);
	assert_int_equal(place->number, number);
}

#endif
