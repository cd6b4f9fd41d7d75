/* Finds gopclntab and moduledata.
 *
 * The table is in one of these places:
 *   .gopclntab             Go's linker and GNU ld
 *   .data.rel.ro.gopclntab PIE and external links, Go 1.18 to 1.25
 *   nowhere by name        lld merges it into .data.rel.ro; or the section headers are gone
 * Therefore sections are tried first. Then every aligned word of the loadable segments is compared
 * with the first 8 bytes of a header. A hit alone proves nothing, because a Go program may embed
 * another one as data. A hit must also have a sane header and a moduledata that points at it.
 *
 * runtime.firstmoduledata (Go: runtime/symtab.go moduledata) begins, in every release since 1.18:
 *
 *      0 pcHeader ptr     8 funcnametab slice   32 cutab slice    56 filetab slice
 *     80 pctab slice    104 pclntable slice    128 ftab slice    152 findfunctab
 *    160 minpc, maxpc   176 text, etext        192 noptrdata x2  208 data x2
 *    224 bss x2         240 noptrbss x2
 *
 * and goes on with                1.18, 1.19   1.20 to 1.26    1.27
 *     covctrs, ecovctrs                -       256, 264        256, 264
 *     end, gcdata, gcbss             256       272             272
 *     types                          280       296             296
 *     typedesclen                      -         -             304
 *     etypes                         288       304             312
 *     itaboffset, itabsize             -         -             320, 328
 *     rodata                         296       312             336
 *     gofunc                         304       320             344
 *     epclntab                         -       328 (1.26)      352
 *
 * Since 1.26 it is in the section .go.module. Before, it is in .noptrdata or, relocated, in
 * .data.rel.ro.
 */
#include "read/gofile/gopcln_priv.h"

enum {
	MODULE_FIXED_SIZE = 256, /* the part that every release has */
	MODULE_SIZE = 360,	 /* up to the end of the last field above */
	CANDIDATES_MAX = 16,	 /* sane headers for which a moduledata is searched at most */
};

struct locate {
	struct gopcln *tab;
	const struct image *image;
	uint64_t header_word; /* the first 8 bytes of the header, without the magic */
	unsigned candidates;
	bool too_old;		/* a table of Go before 1.18 was seen */
	uint32_t strange_magic; /* the unknown magic of a section .gopclntab; otherwise 0 */
};

/* ---- moduledata ---- */

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* The offsets in the tail of moduledata, for each shape. */
struct module_shape {
	uint16_t types, etypes, rodata, gofunc,
		epclntab; /* epclntab is 0 in shapes that have none */
	uint8_t minor;	  /* the first release that has the shape */
};

static const struct module_shape shape_go118 = {280, 288, 296, 304, 0, 18};
static const struct module_shape shape_go120 = {296, 304, 312, 320, 0, 20};
static const struct module_shape shape_go126 = {296, 304, 312, 320, 328, 26};
static const struct module_shape shape_go127 = {296, 312, 336, 344, 352, 27};

/* Tells whether the tail of a moduledata makes sense when it is read as `shape`. The types must be
 * a range of the file, and go:func.* must be in the file. From 1.26 on, go:func.* must be inside
 * the table, which ends at epclntab. */
static bool shape_fits(const struct locate *l, const uint8_t *module,
		       const struct module_shape *shape)
{
	uint64_t types = word_at(module, shape->types), etypes = word_at(module, shape->etypes);
	uint64_t gofunc = word_at(module, shape->gofunc);
	uint64_t pclntab = l->tab->module.pclntab, rest = 0;

	if (types > etypes || !image_at(l->image, types, etypes - types) ||
	    !image_rest(l->image, gofunc, &rest))
		return false;
	if (shape->epclntab) {
		uint64_t epclntab = word_at(module, shape->epclntab);

		return epclntab > pclntab && image_at(l->image, pclntab, epclntab - pclntab) &&
		       gofunc >= pclntab && gofunc <= epclntab;
	}
	return true;
}

static const struct module_shape *module_shape(const struct locate *l, const uint8_t *module,
					       uint64_t text_start)
{
	static const struct module_shape *const modern[] = {&shape_go127, &shape_go126,
							    &shape_go120};

	if (l->tab->go118)
		return shape_fits(l, module, &shape_go118) ? &shape_go118 : NULL;
	/* A header that has a textStart is older than 1.26. */
	for (size_t i = text_start ? 2 : 0; i < ARRAY_SIZE(modern); i++) {
		if (shape_fits(l, module, modern[i]))
			return modern[i];
	}
	return NULL;
}

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t ab = a > b ? a : b;

	return ab > c ? ab : c;
}

/* Sets the tables of the header at module.pclntab. Returns false unless they agree with
 * moduledata's slices and lie inside the file. */
static bool module_tables(struct locate *l, const uint8_t *header, const uint8_t *module)
{
	/* Offsets of the five slices in moduledata, in the order of the offsets in the header. */
	static const uint8_t slice_at[] = {8, 32, 56, 80, 104};
	struct gopcln *tab = l->tab;
	struct span *spans[] = {&tab->names, &tab->cutab, &tab->files, &tab->pctab, &tab->functab};
	uint64_t start[6], functab_size = word_at(module, 104 + 8);

	for (size_t i = 0; i < 5; i++) {
		start[i] = word_at(header, 32 + 8 * i);
		if (word_at(module, slice_at[i]) != tab->module.pclntab + start[i])
			return false;
	}
	start[5] = start[4] + functab_size;
	if (functab_size < (uint64_t)tab->func_count * FUNCTAB_ROW_SIZE + 4 ||
	    start[5] < start[4] || !image_at(l->image, tab->module.pclntab, start[5]))
		return false;
	for (size_t i = 0; i < 5; i++)
		*spans[i] = (struct span){header + start[i], start[i + 1] - start[i]};
	return true;
}

/* Takes the moduledata at addr. Returns false when it is none, or does not belong to the table at
 * module.pclntab. */
static bool module_take(struct locate *l, const uint8_t *header, uint64_t addr)
{
	const uint8_t *module = image_at(l->image, addr, MODULE_SIZE);
	struct gopcln_module *m = &l->tab->module;
	const struct module_shape *shape;

	if (!module || word_at(module, 0) != m->pclntab || !module_tables(l, header, module))
		return false;
	shape = module_shape(l, module, word_at(header, 24));
	m->text = word_at(module, 176);
	m->etext = word_at(module, 184);
	if (!shape || m->text >= m->etext)
		return false;
	m->moduledata = addr;
	m->types = word_at(module, shape->types);
	m->etypes = word_at(module, shape->etypes);
	m->rodata = word_at(module, shape->rodata);
	m->gofunc = word_at(module, shape->gofunc);
	m->noptrdata = word_at(module, 192);
	m->ebss = max3(word_at(module, 216), word_at(module, 232), word_at(module, 248));
	l->tab->minor = shape->minor;
	l->tab->gofunc.data = image_rest(l->image, m->gofunc, &l->tab->gofunc.size);
	return true;
}

/* Searches one segment for the two words with which moduledata begins. */
static bool module_in_segment(struct locate *l, const uint8_t *header,
			      const struct image_segment *segment)
{
	uint64_t pclntab = l->tab->module.pclntab, names = pclntab + word_at(header, 32);
	uint64_t skip = -segment->addr & 7;
	const uint8_t *bytes = image_at(l->image, segment->addr, segment->file_size);

	for (uint64_t at = skip; bytes && at + MODULE_SIZE <= segment->file_size; at += 8) {
		if (word_at(bytes, at) == pclntab && word_at(bytes, at + 8) == names &&
		    module_take(l, header, segment->addr + at))
			return true;
	}
	return false;
}

static bool module_find(struct locate *l, const uint8_t *header)
{
	const struct image_segment *segments;
	size_t count = image_segments(l->image, &segments);
	uint64_t addr, size;

	if (image_section(l->image, ".go.module", &addr, &size) && module_take(l, header, addr))
		return true;
	/* It is in a writable segment, whether relocated or not. The others are searched in case a
	 * future linker puts it there. The last segment comes first: it is small beside the one
	 * with the relocated data, which has it less often. */
	for (int writable = 1; writable >= 0; writable--) {
		for (size_t i = count; i-- > 0;) {
			if (segments[i].writable == writable && !segments[i].executable &&
			    module_in_segment(l, header, &segments[i]))
				return true;
		}
	}
	return false;
}

/* ---- pclntab ---- */

/* Tries the header at addr, whose first word was compared already. Returns true when it is sane and
 * has a moduledata. */
static bool try_header(struct locate *l, uint64_t addr)
{
	uint64_t rest = 0, offset = PCLNTAB_HEADER_SIZE, count;
	const uint8_t *header = image_rest(l->image, addr, &rest);
	uint32_t magic;

	if (!header || rest < PCLNTAB_HEADER_SIZE)
		return false;
	for (size_t at = 32; at < PCLNTAB_HEADER_SIZE; at += 8) {
		if (word_at(header, at) < offset || word_at(header, at) > rest)
			return false;
		offset = word_at(header, at);
	}
	count = word_at(header, 8);
	if (count == 0 || count > (rest - offset) / FUNCTAB_ROW_SIZE || count > UINT32_MAX ||
	    l->candidates++ >= CANDIDATES_MAX)
		return false;
	memcpy(&magic, header, sizeof(magic));
	l->tab->go118 = magic == PCLNTAB_MAGIC_GO118;
	l->tab->pc_quantum = header[6];
	l->tab->func_count = (uint32_t)count;
	l->tab->module.pclntab = addr;
	return module_find(l, header);
}

/* Tries the 8 bytes at addr. Returns true when the search is over. */
static bool try_word(struct locate *l, uint64_t word, uint64_t addr)
{
	uint32_t magic = (uint32_t)word;

	if (word >> 32 != l->header_word >> 32)
		return false;
	if (magic == PCLNTAB_MAGIC_GO118 || magic == PCLNTAB_MAGIC_GO120)
		return try_header(l, addr);
	if (magic == PCLNTAB_MAGIC_GO102 || magic == PCLNTAB_MAGIC_GO116)
		l->too_old = true;
	return false;
}

static bool try_section(struct locate *l, const char *name)
{
	uint64_t addr, size, word;

	if (!image_section(l->image, name, &addr, &size) || !image_u64(l->image, addr, &word))
		return false;
	l->strange_magic = (uint32_t)word;
	return try_word(l, word, addr);
}

static bool scan_segment(struct locate *l, const struct image_segment *segment)
{
	const uint8_t *bytes = image_at(l->image, segment->addr, segment->file_size);

	for (uint64_t at = -segment->addr & 7; bytes && at + 8 <= segment->file_size; at += 8) {
		uint64_t word = word_at(bytes, at);

		if (word >> 32 == l->header_word >> 32 && try_word(l, word, segment->addr + at))
			return true;
	}
	return false;
}

static bool scan_segments(struct locate *l)
{
	const struct image_segment *segments;
	size_t count = image_segments(l->image, &segments);

	/* Executable segments come last: the table is in one only if the linker made no read-only
	 * segment. */
	for (int executable = 0; executable <= 1; executable++) {
		for (size_t i = 0; i < count; i++) {
			if (segments[i].executable == executable && scan_segment(l, &segments[i]))
				return true;
		}
	}
	return false;
}

static struct error *not_found(const struct locate *l)
{
	const char *name = image_name(l->image);

	if (image_is_packed(l->image))
		return error_new(ERROR_TARGET,
				 "%s: packed by UPX, so its code is not in the file: unpack it "
				 "(upx -d), and start it again",
				 name);
	if (l->too_old)
		return error_new(ERROR_TARGET,
				 "%s: built with Go older than 1.18, whose tables are not read; "
				 "rebuild it with Go 1.19 or later",
				 name);
	if (l->candidates)
		return error_new(
			ERROR_TARGET,
			"%s: corrupt Go tables: no moduledata points at gopclntab; rebuild "
			"or re-copy the program",
			name);
	if (l->strange_magic)
		return error_new(ERROR_TARGET,
				 "%s: corrupt or unknown Go function table (magic 0x%08x); rebuild "
				 "the program with an official Go release, 1.19 or later",
				 name, l->strange_magic);
	return error_new(ERROR_TARGET,
			 "%s: not a Go program (no Go function table in it); name a program built "
			 "with Go 1.19 or later",
			 name);
}

bool gofile_is_marked(const struct image *image)
{
	static const char *const marks[] = {".go.buildinfo", ".note.go.buildid", ".gopclntab",
					    ".data.rel.ro.gopclntab"};
	uint64_t addr, size;

	if (!image_section_count(image))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (image_section(image, marks[i], &addr, &size))
			return true;
	return false;
}

struct error *gopcln_locate(struct gopcln *tab)
{
	unsigned quantum = image_machine(tab->image)->pc_quantum;
	struct locate l = {
		.tab = tab,
		.image = tab->image,
		/* the last bytes of the word: pad 0, pad 0, minLC, ptrSize 8 */
		.header_word = (uint64_t)quantum << 48 | (uint64_t)8 << 56,
	};

	if (try_section(&l, ".gopclntab") || try_section(&l, ".data.rel.ro.gopclntab"))
		return NULL;
	if (scan_segments(&l)) {
		image_trim(tab->image);
		return NULL;
	}
	return not_found(&l);
}
