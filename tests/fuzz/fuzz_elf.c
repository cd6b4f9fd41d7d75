/* The input is an executable. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(image_close) struct image *image = fuzz_open(data, size);

	if (image)
		gofake_walk(image);
	return 0;
}
