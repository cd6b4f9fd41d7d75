/* The input is gopclntab and moduledata, in an otherwise valid executable. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(image_close) struct image *image = NULL;
	struct gofake fake;

	if (size && fuzz_build(data[0], &fake)) {
		fuzz_overlay(&fake, fake.pclntab, fake.module + 512, data + 1, size - 1);
		image = fuzz_open(fake.file.data, fake.file.len);
		if (image)
			gofake_walk(image);
	}
	if (size)
		gofake_fini(&fake);
	return 0;
}
