/* The input is machine code, type data, gopclntab and moduledata, in an otherwise valid executable.
 * Byte 0 picks the spec, the next 512 are the text, then come the types, then the tables. The
 * harness searches for sites, and for the paths of each function. */
#include "fuzz.h"
#include "base/buf.h"

#include "read/code/code.h"
#include "read/site/site.h"

#define TEXT_SIZE 512

static bool cold(void *ctx, uint64_t target)
{
	(void)ctx;
	return target & 1;
}

static void walk_paths(const void *bytes, size_t size, uint64_t addr,
		       const struct machine_ops *machine)
{
	struct code_path path;
	struct code code;

	if (code_decode(machine, bytes, size, addr, &code))
		return;
	if (!code_straight(&code, cold, NULL, &path))
		code_path_fini(&path);
	if (!code_shortest(&code, (uint32_t)code.insns.len / 2, cold, NULL, &path))
		code_path_fini(&path);
	code_fini(&code);
}

static void walk_sites(const struct image *image)
{
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	struct site_changes changes;
	struct sites sites;
	struct buf why = {0};
	struct error *err = gopcln_open(image, &tab);

	if (!err)
		err = site_find(image, tab, &sites);
	if (err) {
		error_free(err);
		return;
	}
	vec_each(row, &sites.list)
		site_why(row, gopcln_minor(tab), &why);
	err = site_compare(&sites, &sites, &changes);
	if (!err)
		site_changes_fini(&changes);
	error_free(err);
	buf_fini(&why);
	site_fini(&sites);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(image_close) struct image *image = NULL;
	size_t text = size > TEXT_SIZE + 1 ? TEXT_SIZE : size ? size - 1 : 0;
	struct gofake fake;

	if (!size)
		return 0;
	if (fuzz_build(data[0], &fake)) {
		size_t at = 1 + text;

		fuzz_overlay(&fake, fake.text, fake.text + TEXT_SIZE, data + 1, text);
		at += fuzz_overlay(&fake, fake.types, fake.etypes, data + at, size - at);
		fuzz_overlay(&fake, fake.pclntab, fake.module + 512, data + at, size - at);
		image = fuzz_open(fake.file.data, fake.file.len);
		if (image)
			walk_sites(image);
		walk_paths(data + 1, text, fake.text,
			   image ? machine_get(image_machine(image)->number) : &machine_x86_64);
	}
	gofake_fini(&fake);
	return 0;
}
