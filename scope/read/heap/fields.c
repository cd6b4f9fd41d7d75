/* The offsets were read from programs of each release, with debug information (1.20: found by their values in
 * a stripped program). */
#include "read/heap/heap.h"

/* Members that are the same from one release to another. */
#define SPAN_COMMON .span_start = 24, .span_pages = 32, .span_free_index = 48
#define SPAN_OLD                                                                                   \
	SPAN_COMMON, .span_elems = 56, .span_alloc_bits = 72, .span_count_width = 8,               \
		     .span_class = 98, .span_state = 99, .span_elem_size = 104, .span_limit = 112, \
		     .span_specials = 128, .span_size = 136
#define SPAN_121                                                                     \
	SPAN_COMMON, .span_elems = 56, .span_alloc_bits = 72, .span_count_width = 8, \
		     .span_class = 106, .span_state = 107, .span_elem_size = 112,    \
		     .span_limit = 120, .span_specials = 136, .span_size = 144
#define SPAN_NEW                                                                                   \
	SPAN_COMMON, .span_elems = 50, .span_alloc_bits = 64, .span_count_width = 2,               \
		     .span_class = 98, .span_state = 99, .span_elem_size = 104, .span_limit = 112, \
		     .span_specials = 128, .span_large_type = 152, .span_size = 160
#define SPECIAL_OLD                                                         \
	.special_offset = 8, .special_offset_width = 2, .special_kind = 10, \
	.special_function = 16, .finalizer = 1
#define SPECIAL_124                                                         \
	.special_offset = 8, .special_offset_width = 8, .special_kind = 16, \
	.special_function = 24, .finalizer = 1, .cleanup = 6, .cleanup_words = 1
#define SPECIAL_125                                                                  \
	.special_offset = 8, .special_offset_width = 8, .special_kind = 16,          \
	.special_function = 24, .finalizer = 2, .cleanup = 7, .cleanup_queue = true, \
	.cleanup_words = 1
#define SPECIAL_126                                                                  \
	.special_offset = 8, .special_offset_width = 8, .special_kind = 16,          \
	.special_function = 24, .finalizer = 2, .cleanup = 7, .cleanup_queue = true, \
	.cleanup_words = 3

/* clang-format off */
static const struct heap_fields by_minor[] = {
	[19] = {HEAP_BITS_NIBBLES, .allspans = 65856, .arenas = 65936, SPAN_OLD, SPECIAL_OLD,
		.data_mask = 496, .bss_mask = 512, .g_status = 144, .g_syscall_sp = 112},
	[20] = {HEAP_BITS_ARENA, .allspans = 65824, .arenas = 65904, SPAN_OLD, SPECIAL_OLD,
		.data_mask = 512, .bss_mask = 528, .g_status = 144, .g_syscall_sp = 112},
	[21] = {HEAP_BITS_ARENA, .allspans = 65864, .arenas = 65944, SPAN_121, SPECIAL_OLD,
		.data_mask = 536, .bss_mask = 552, .g_status = 144, .g_syscall_sp = 112},
	[22] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_OLD,
		.data_mask = 536, .bss_mask = 552, .g_status = 144, .g_syscall_sp = 112},
	[23] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_OLD,
		.data_mask = 536, .bss_mask = 552, .g_status = 152, .g_syscall_sp = 112},
	[24] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_124,
		.data_mask = 536, .bss_mask = 552, .g_status = 152, .g_syscall_sp = 112},
	[25] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_125,
		.data_mask = 536, .bss_mask = 552, .g_status = 144, .g_syscall_sp = 104},
	[26] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_126,
		.data_mask = 544, .bss_mask = 560, .g_status = 144, .g_syscall_sp = 104},
	[27] = {HEAP_BITS_SPAN, .allspans = 65864, SPAN_NEW, SPECIAL_126,
		.data_mask = 520, .bss_mask = 536, .g_status = 144, .g_syscall_sp = 104},
};
/* clang-format on */

struct error *heap_fields_of(const struct gopcln *tab, struct heap_fields *ret)
{
	unsigned minor = gopcln_minor(tab);
	const char *version = gopcln_version(tab);

	if (minor >= ARRAY_SIZE(by_minor) || !by_minor[minor].allspans)
		return error_new(
			ERROR_TARGET,
			"the heap of Go 1.%u is not known (1.19 to 1.%zu are): use a newer tophash, or build the program with one of these",
			minor, ARRAY_SIZE(by_minor) - 1);
	if (strstr(version, "noallocheaders"))
		return error_new(
			ERROR_TARGET,
			"%s: its heap has another form than that of the release: build it without GOEXPERIMENT=noallocheaders",
			version);
	*ret = by_minor[minor];
	return NULL;
}
