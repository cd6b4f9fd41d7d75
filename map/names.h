/* What the files of the map share, by names that the linker meets nowhere else: a program that is
 * linked with libtophash.a may have a debug or a mem_alloc() of its own. Every function and
 * variable that internal.h declares stands here; tests/map/packaging.py names what is missing. */
#ifndef TOPHASH_NAMES_H
#define TOPHASH_NAMES_H

#define chain_add     tophash_i_chain_add
#define chain_filter  tophash_i_chain_filter
#define chain_find    tophash_i_chain_find
#define chain_remove  tophash_i_chain_remove
#define core_new      tophash_i_core_new
#define core_publish  tophash_i_core_publish
#define debug	      tophash_i_debug
#define debug_check   tophash_i_debug_check
#define drop_entry    tophash_i_drop_entry
#define homes	      tophash_i_homes
#define is_hole	      tophash_i_is_hole
#define map_find      tophash_i_map_find
#define mem_alloc     tophash_i_mem_alloc
#define mem_free      tophash_i_mem_free
#define move_forget   tophash_i_move_forget
#define move_grow     tophash_i_move_grow
#define move_shrink   tophash_i_move_shrink
#define move_step     tophash_i_move_step
#define note_keep     tophash_i_note_keep
#define page_round    tophash_i_page_round
#define pages_alloc   tophash_i_pages_alloc
#define pages_free    tophash_i_pages_free
#define pool_bytes    tophash_i_pool_bytes
#define pool_fini     tophash_i_pool_fini
#define pool_give     tophash_i_pool_give
#define pool_init     tophash_i_pool_init
#define pool_reserve  tophash_i_pool_reserve
#define pool_take     tophash_i_pool_take
#define pool_trim     tophash_i_pool_trim
#define random_forget tophash_i_random_forget
#define random_u64    tophash_i_random_u64
#define route_of      tophash_i_route_of
#define seed_renew    tophash_i_seed_renew
#define slot_hash     tophash_i_slot_hash
#define store_bytes   tophash_i_store_bytes
#define store_double  tophash_i_store_double
#define store_fini    tophash_i_store_fini
#define store_huge    tophash_i_store_huge
#define store_init    tophash_i_store_init
#define store_release tophash_i_store_release
#define store_trim    tophash_i_store_trim
#define trace_move    tophash_i_trace_move
#define trace_slow    tophash_i_trace_slow

#endif
