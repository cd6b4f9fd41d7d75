/* Tests of read/place on sync.Map: where an element leaves, and where its arguments are. */
#include "placed.h"

#include "sync.h"

#define METHOD "sync.(*Map).LoadAndDelete"
#define ENTRY  "sync.(*entry).delete"
#define TRIE   "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}])."

static void poke_call(struct goprog *p, uint64_t at, uint64_t target)
{
	gofake_poke_u32(&p->fake, at + 1, (uint32_t)(target - (at + 5)));
}

/* Adds a sync.Map of two maps. Returns the entry of its method. */
static uint64_t add_two_maps(struct goprog *p, uint64_t *ret_delete)
{
	uint64_t swap = ADD(p, "sync/atomic.CompareAndSwapPointer", called);
	uint64_t method = ADD_SP(p, METHOD, load_and_delete_119);

	*ret_delete = ADD_SP(p, ENTRY, entry_delete_123);
	poke_call(p, *ret_delete + 0x22, swap);
	poke_call(p, method + 0x32, *ret_delete);
	goprog_open(p);
	return method;
}

/* The arguments are in the caller's frame: 0x38 bytes of it, and two words that the call and the
 * prologue push. */
TEST(test_two_maps)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t method, delete;
	const struct spot *spot;

	method = add_two_maps(p, &delete);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.list.len, 1);
	assert_int_equal(places.sync_map, method & ~7ull);
	spot = &places.list.data[0];
	check_place(spot, ENTRY, delete, 0x29, SPOT_SYNC_REMOVAL);
	assert_true(spot->sync && spot->outer && spot->if_swapped && !spot->no_arguments);
	assert_int_equal(spot->caller, method + 0x37);
	assert_int_equal(spot->map_slot, 0x38 + 8 + 16);
	assert_int_equal(spot->key_slot, 0x38 + 8 + 24);
	placements_fini(&places);
}

/* The key is read from its slot at the return, and the map is in its register at the beginning. */
TEST(test_misses)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t method, delete;

	method = add_two_maps(p, &delete);
	find_ok(p, (struct placement_options){.misses = true}, &places);
	assert_int_equal(places.list.len, 4);
	check_place(&places.list.data[1], METHOD, method, 0x21, SPOT_ENTRY);
	assert_true(places.list.data[1].sync && places.list.data[1].map_first);
	assert_int_equal(places.list.data[1].key_slot, 24);
	check_exit(&places.list.data[2], METHOD, method, 0x40, places.list.data[1].number);
	check_exit(&places.list.data[3], METHOD, method, 0x41, places.list.data[1].number);
	placements_fini(&places);
}

TEST(test_left_alone)
{
	struct placement_options options = {.misses = true, .no_sync_map = true};
	struct goprog *p = *state;
	struct placements places;
	struct error *err;
	uint64_t delete;

	add_two_maps(p, &delete);
	err = placement_find(p->image, p->tab, &options, &places);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "never deletes from a map"));
	error_free(err);
}

/* The swap is in no function that is called. */
TEST(test_no_swap)
{
	struct goprog *p = *state;
	struct placements places;
	struct error *err;

	ADD_SP(p, METHOD, load_and_delete_119);
	goprog_open(p);
	err = placement_find(p->image, p->tab, &(struct placement_options){0}, &places);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "it swaps no pointer"));
	error_free(err);
}

TEST(test_trie)
{
	static const uint64_t stores[] = {0x27, 0x2e, 0x33};
	struct goprog *p = *state;
	struct placements places;
	uint64_t method, clear, store;

	store = ADD(p, "sync/atomic.StorePointer", called);
	ADD(p, TRIE "initSlow", called);
	method = ADD_SP(p, TRIE "LoadAndDelete", trie_load_and_delete_127);
	clear = ADD_SP(p, TRIE "Clear", trie_clear_127);
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++)
		poke_call(p, method + stores[i], store);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.list.len, 3);
	for (size_t i = 0; i < 2; i++) {
		const struct spot *spot = &places.list.data[i];

		check_place(spot, TRIE "LoadAndDelete", method, stores[i], SPOT_SYNC_REMOVAL);
		assert_true(spot->sync && !spot->outer && !spot->if_swapped);
		assert_int_equal(spot->map_slot, 16);
		assert_int_equal(spot->key_slot, 32);
	}
	check_place(&places.list.data[2], TRIE "Clear", clear, 0x12, SPOT_SYNC_CLEAR);
	assert_true(places.list.data[2].map_first);
	placements_fini(&places);
}

/* With one store less, nobody knows which of them takes an element out. */
TEST(test_two_stores)
{
	struct goprog *p = *state;
	struct placements places;
	struct error *err;
	uint64_t method, store;

	store = ADD(p, "sync/atomic.StorePointer", called);
	ADD(p, TRIE "initSlow", called);
	method = ADD_SP(p, TRIE "LoadAndDelete", trie_load_and_delete_127);
	poke_call(p, method + 0x27, store);
	poke_call(p, method + 0x2e, store);
	goprog_open(p);
	err = placement_find(p->image, p->tab, &(struct placement_options){0}, &places);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "three times"));
	error_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(19, test_two_maps), WITH_GO(23, test_misses), WITH_GO(23, test_left_alone),
		WITH_GO(23, test_no_swap),  WITH_GO(27, test_trie),   WITH_GO(27, test_two_stores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
