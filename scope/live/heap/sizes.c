#include "live/heap/heap_priv.h"

/* runtime/sizeclasses.go; the same in all releases. */
static const uint16_t classes[] = {
	8,     16,    24,    32,    48,	   64,	  80,	 96,	112,   128,   144,   160,
	176,   192,   208,   224,   240,   256,	  288,	 320,	352,   384,   416,   448,
	480,   512,   576,   640,   704,   768,	  896,	 1024,	1152,  1280,  1408,  1536,
	1792,  2048,  2304,  2688,  3072,  3200,  3456,	 4096,	4864,  5376,  6144,  6528,
	6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

enum { SMALL_OBJECT_MAX = 32768 };

uint64_t heap_slot_size(const struct heap *heap, uint64_t size, bool noscan)
{
	bool headers = heap->fields.bits == HEAP_BITS_SPAN;
	size_t low = 0, high = ARRAY_SIZE(classes);

	if (size > SMALL_OBJECT_MAX - (headers ? WORD : 0))
		return size < UINT64_MAX - PAGE ? (size + PAGE - 1) & ~(uint64_t)(PAGE - 1)
						: UINT64_MAX;
	if (headers && !noscan && size > SMALL_MAX)
		size += WORD;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (classes[middle] < size)
			low = middle + 1;
		else
			high = middle;
	}
	return classes[low];
}
