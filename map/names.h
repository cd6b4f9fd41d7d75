/* Linker names for the functions and variables that the files of the map share. A program that is
 * linked with libtophash.a may have a debug or a mem_alloc() of its own, and a hidden symbol is
 * still global to the linker. Every function and variable that a header of this folder declares is
 * listed here. tests/map/packaging.py reports missing ones.
 */
#ifndef TOPHASH_NAMES_H
#define TOPHASH_NAMES_H

#define bits_for	 tophash_i_bits_for
#define chain_add	 tophash_i_chain_add
#define chain_filter	 tophash_i_chain_filter
#define chain_find	 tophash_i_chain_find
#define chain_remove	 tophash_i_chain_remove
#define check_begin	 tophash_i_check_begin
#define check_call	 tophash_i_check_call
#define check_end	 tophash_i_check_end
#define check_made	 tophash_i_check_made
#define core_begin	 tophash_i_core_begin
#define core_fini	 tophash_i_core_fini
#define core_new	 tophash_i_core_new
#define core_of_small	 tophash_i_core_of_small
#define debug		 tophash_i_debug
#define entry_visit	 tophash_i_entry_visit
#define fast_path_update tophash_i_fast_path_update
#define limit_allows	 tophash_i_limit_allows
#define limit_left	 tophash_i_limit_left
#define map_begin	 tophash_i_map_begin
#define map_new		 tophash_i_map_new
#define mem_alloc	 tophash_i_mem_alloc
#define mem_free	 tophash_i_mem_free
#define mem_take	 tophash_i_mem_take
#define move_forget	 tophash_i_move_forget
#define move_grow	 tophash_i_move_grow
#define move_shrink	 tophash_i_move_shrink
#define move_step	 tophash_i_move_step
#define next_in_chain	 tophash_i_next_in_chain
#define next_in_order	 tophash_i_next_in_order
#define note_keep	 tophash_i_note_keep
#define page_round	 tophash_i_page_round
#define page_size	 tophash_i_page_size
#define pages_alloc	 tophash_i_pages_alloc
#define pages_free	 tophash_i_pages_free
#define pieces_add	 tophash_i_pieces_add
#define pieces_bytes	 tophash_i_pieces_bytes
#define pieces_fini	 tophash_i_pieces_fini
#define pieces_of_block	 tophash_i_pieces_of_block
#define pieces_release	 tophash_i_pieces_release
#define pieces_trim	 tophash_i_pieces_trim
#define pool_bytes	 tophash_i_pool_bytes
#define pool_fini	 tophash_i_pool_fini
#define pool_give	 tophash_i_pool_give
#define pool_init	 tophash_i_pool_init
#define pool_reserve	 tophash_i_pool_reserve
#define pool_take	 tophash_i_pool_take
#define pool_trim	 tophash_i_pool_trim
#define random_forget	 tophash_i_random_forget
#define random_u64	 tophash_i_random_u64
#define region_advise	 tophash_i_region_advise
#define region_bytes	 tophash_i_region_bytes
#define region_free	 tophash_i_region_free
#define region_grain	 tophash_i_region_grain
#define region_grow	 tophash_i_region_grow
#define region_new	 tophash_i_region_new
#define region_populate	 tophash_i_region_populate
#define region_release	 tophash_i_region_release
#define region_trim	 tophash_i_region_trim
#define route_of	 tophash_i_route_of
#define seed_refresh	 tophash_i_seed_refresh
#define seed_renew	 tophash_i_seed_renew
#define slot_hash	 tophash_i_slot_hash
#define small_clear	 tophash_i_small_clear
#define small_fini	 tophash_i_small_fini
#define small_grow	 tophash_i_small_grow
#define small_of_core	 tophash_i_small_of_core
#define small_reserve	 tophash_i_small_reserve
#define small_shorten	 tophash_i_small_shorten
#define small_shrink	 tophash_i_small_shrink
#define store_bytes	 tophash_i_store_bytes
#define store_double	 tophash_i_store_double
#define store_fini	 tophash_i_store_fini
#define store_huge	 tophash_i_store_huge
#define store_init	 tophash_i_store_init
#define store_release	 tophash_i_store_release
#define store_trim	 tophash_i_store_trim
#define trace_move	 tophash_i_trace_move
#define trace_slow	 tophash_i_trace_slow

#endif
