/* Finds the Go version that built the program. These sources are tried in this order:
 *
 *   1. the build-info blob (Go: debug/buildinfo), 16-byte aligned in the data segment:
 *          0  "\xff Go buildinf:"    14 ptrSize u8    15 flags u8, bit 1: strings follow inline
 *         32  uvarint length, Go version; then the module info
 *   2. the ELF symbol runtime.buildVersion, a string {ptr, len}
 *   3. text that looks like "go1.26.5", if a string in the data segment points to it
 *
 * Without any of them, the shapes of the tables give a lower bound, and funcID_wrapper gives a
 * better one.
 */
#include "read/gofile/gopcln_priv.h"
#include "base/reader.h"

enum {
	BUILDINFO_ALIGN = 16,
	BUILDINFO_STRINGS = 32,
	BUILDINFO_INLINE = 2,
	TEXT_TRIES_MAX = 64, /* "go1." texts whose string header is searched at most */
};

static const uint8_t buildinfo_magic[14] = "\xff Go buildinf:";

/* ---- versions ---- */

/* Returns the number after "go1." in a version, or 0. */
static unsigned version_minor(const char *version)
{
	const char *at = strstr(version, "go1.");
	unsigned minor = 0;

	for (at = at ? at + 4 : ""; *at >= '0' && *at <= '9' && minor < 1000; at++)
		minor = minor * 10 + (unsigned)(*at - '0');
	return minor;
}

/* Returns the last release whose tables have the shape from which tab->minor comes. */
static unsigned shape_last(const struct gopcln *tab)
{
	if (tab->minor < 20)
		return 19;
	return tab->minor < 26 ? 25 : tab->minor < 27 ? 26 : 999;
}

/* Takes a version from the file if it is printable text of a sane length. */
static bool take_version(struct gopcln *tab, const void *text, uint64_t len)
{
	const char *from = text;

	if (!from || len == 0 || len >= sizeof(tab->version))
		return false;
	for (uint64_t i = 0; i < len; i++) {
		if (from[i] < ' ' || from[i] > '~')
			return false;
	}
	memcpy(tab->version, from, len);
	tab->version[len] = '\0';
	return true;
}

/* ---- build info ---- */

/* Reads the module info for the settings of the build, which go build writes as lines (Go:
 * runtime/debug/mod.go). A file without settings does not tell how it was built. */
static void take_settings(struct gopcln *tab, struct reader *r)
{
	static const char any[] = "\nbuild\t", profile[] = "\nbuild\t-pgo=";
	uint64_t len = reader_uvarint(r, 32);
	const void *text = reader_bytes(r, len);

	tab->unprofiled = text && memmem(text, len, any, sizeof(any) - 1) &&
			  !memmem(text, len, profile, sizeof(profile) - 1);
}

static bool take_buildinfo(struct gopcln *tab, uint64_t addr)
{
	uint64_t size = 0, len;
	const uint8_t *blob = image_rest(tab->image, addr, &size);
	const uint8_t *head;
	struct reader r;

	if (!blob)
		return false;
	r = reader_over(blob, size);
	head = reader_bytes(&r, BUILDINFO_STRINGS);
	if (!head || memcmp(head, buildinfo_magic, sizeof(buildinfo_magic)) != 0 ||
	    !(head[15] & BUILDINFO_INLINE))
		return false;
	len = reader_uvarint(&r, 32);
	if (!take_version(tab, reader_bytes(&r, len), len))
		return false;
	take_settings(tab, &r);
	return true;
}

static bool buildinfo_in_segment(struct gopcln *tab, const struct image_segment *segment)
{
	const uint8_t *bytes = image_at(tab->image, segment->addr, segment->file_size);
	const uint8_t *end = bytes ? bytes + segment->file_size : NULL;

	while (bytes) {
		const uint8_t *hit = memmem(bytes, (size_t)(end - bytes), buildinfo_magic,
					    sizeof(buildinfo_magic));
		uint64_t addr =
			hit ? segment->addr + segment->file_size - (uint64_t)(end - hit) : 0;

		if (hit && addr % BUILDINFO_ALIGN == 0 && take_buildinfo(tab, addr))
			return true;
		bytes = hit ? hit + 1 : NULL;
	}
	return false;
}

static bool find_buildinfo(struct gopcln *tab)
{
	const struct image_segment *segments;
	size_t count = image_segments(tab->image, &segments);
	uint64_t addr, size;

	if (image_section(tab->image, ".go.buildinfo", &addr, &size) && take_buildinfo(tab, addr))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (segments[i].writable && buildinfo_in_segment(tab, &segments[i]))
			return true;
	}
	return false;
}

/* ---- runtime.buildVersion ---- */

static bool find_build_version(struct gopcln *tab)
{
	uint64_t addr, size, text, len;

	return image_symbol(tab->image, "runtime.buildVersion", &addr, &size) &&
	       image_u64(tab->image, addr, &text) && image_u64(tab->image, addr + 8, &len) &&
	       take_version(tab, image_at(tab->image, text, len), len);
}

/* ---- text ---- */

/* Returns the length of a string {addr, len} in a writable segment. Returns 0 when there is no such
 * string. */
static uint64_t string_header_len(const struct image *image, uint64_t addr)
{
	const struct image_segment *segments;
	size_t count = image_segments(image, &segments);

	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = image_at(image, segments[i].addr, segments[i].file_size);

		if (!bytes || !segments[i].writable)
			continue;
		for (uint64_t at = -segments[i].addr & 7; at + 16 <= segments[i].file_size;
		     at += 8) {
			uint64_t words[2];

			memcpy(words, bytes + at, sizeof(words));
			if (words[0] == addr)
				return words[1];
		}
	}
	return 0;
}

static bool take_text(struct gopcln *tab, uint64_t addr, unsigned *tries)
{
	uint64_t rest = 0, len;
	const char *text = image_rest(tab->image, addr, &rest);
	char head[8] = "";
	unsigned minor;

	memcpy(head, text, rest < 7 ? rest : 7);
	minor = version_minor(head);
	if (minor < tab->minor || minor > shape_last(tab) || (*tries)++ >= TEXT_TRIES_MAX)
		return false;
	len = string_header_len(tab->image, addr);
	return len >= 6 && len <= rest && take_version(tab, text, len);
}

static bool text_in_segment(struct gopcln *tab, const struct image_segment *segment,
			    unsigned *tries)
{
	const uint8_t *bytes = image_at(tab->image, segment->addr, segment->file_size);
	const uint8_t *end = bytes ? bytes + segment->file_size : NULL;

	while (bytes && *tries < TEXT_TRIES_MAX) {
		const uint8_t *hit = memmem(bytes, (size_t)(end - bytes), "go1.", 4);

		if (hit &&
		    take_text(tab, segment->addr + segment->file_size - (uint64_t)(end - hit),
			      tries))
			return true;
		bytes = hit ? hit + 1 : NULL;
	}
	return false;
}

static bool find_text(struct gopcln *tab)
{
	const struct image_segment *segments;
	size_t count = image_segments(tab->image, &segments);
	unsigned tries = 0;

	for (size_t i = 0; i < count; i++) {
		if (!segments[i].executable && text_in_segment(tab, &segments[i], &tries))
			return true;
	}
	return false;
}

/* ---- wrappers ---- */

/* Returns funcID_wrapper of a release. It is the last of the funcIDs, which are in alphabetical
 * order:
 *   21  1.18 to 1.21  runtime/symtab.go, internal/abi/symtab.go
 *   22  1.22          corostart was added
 *   23  1.25          runfinq was removed; runFinalizers and runCleanups were added
 */
static uint8_t wrapper_of_minor(unsigned minor)
{
	return minor < 22 ? 21 : minor < 25 ? 22 : 23;
}

/* Guesses the release of a program without a version. Every Go program has wrappers. Therefore the
 * highest funcID in it is theirs. */
static void guess_from_wrappers(struct gopcln *tab)
{
	struct func_record record;
	uint8_t highest = 0;

	if (tab->minor < 20 || tab->minor >= 25)
		return;
	for (uint32_t row = 0; row < tab->func_count; row++) {
		if (gopcln_record(tab, row, &record) && record.func_id > highest)
			highest = record.func_id;
	}
	if (highest == 22 || highest == 23)
		tab->minor = highest == 22 ? 22 : 25;
	image_trim(tab->image);
}

/* Guesses the release of a file without a version. A plugin of Go 1.19 has none, because it uses that of
 * its program. Its tables look as those of Go 1.18, whose programs have their version. */
static void guess(struct gopcln *tab)
{
	guess_from_wrappers(tab);
	if (tab->minor == 18)
		tab->minor = 19;
}

void gopcln_find_version(struct gopcln *tab)
{
	unsigned minor;

	if (!find_buildinfo(tab) && !find_build_version(tab) && !find_text(tab))
		guess(tab);
	minor = version_minor(tab->version);
	/* The shapes decide how the tables are read. A version that contradicts them is wrong. */
	if (minor > shape_last(tab))
		minor = shape_last(tab);
	if (minor > tab->minor)
		tab->minor = minor;
	tab->wrapper_id = wrapper_of_minor(tab->minor);
}
