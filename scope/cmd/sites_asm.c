/* tophash sites --asm: prints the instructions of a site, and of the functions that it calls. */
#include "base/text/text.h"
#include "cmd/sites.h"
#include "read/code/code.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	SITES_SHOWN = 8,
	SETUP_MAX = 24,	    /* instructions before the call */
	AROUND = 8,	    /* instructions before a probe that is not on the path */
	FUNC_MAX = 1 << 20, /* bytes that are decoded */
	PATIENCE_S = 10,    /* seconds of processor time; a site in a real program takes 0.02 */
	CHAIN_MAX = 16,	    /* functions from an entry to where elements leave */
};

struct asm_view {
	const struct sites_binary *binary;
	const struct machine_ops *machine;
	struct code_printer *printer;
	struct placements placements;
	char *no_placements; /* owned; why there are no placements */
	struct source source;
	struct deadline deadline;
	bool gave_up; /* the deadline has passed; nothing more is listed */
	bool color;
	size_t width;
	struct buf *out;
};

/* ---- source ---- */

/* Appends the text of a source line. Appends nothing when it cannot be read. */
static void put_source_line(struct asm_view *view, const char *path, uint32_t number,
			    struct buf *to)
{
	size_t len;
	const char *line = source_line(&view->source, path, number, &len);

	if (!line)
		return;
	buf_str(to, "  ");
	for (size_t i = 0; i < len; i++)
		buf_char(to, line[i] == '\t' ? ' ' : line[i]);
}

/* ---- listings ---- */

struct lister {
	struct asm_view *view;
	struct site_listing *listing;
	uint64_t entry; /* addresses are relative to it; 0: they are absolute */
	char file[256];
	uint32_t line;
};

/* Appends a source line, unless it is the same as for the instruction before. */
static void list_source(struct lister *lister, uint64_t pc)
{
	struct frame frame;

	if (!gopcln_frames(lister->view->binary->tab, pc, &frame, 1) ||
	    (frame.line == lister->line && strcmp(frame.file, lister->file) == 0))
		return;
	snprintf(lister->file, sizeof(lister->file), "%s", frame.file);
	lister->line = frame.line;
	site_line_begin(lister->listing);
	text_place(&lister->listing->text, &frame);
	put_source_line(lister->view, frame.file, frame.line, &lister->listing->text);
	site_line_end(lister->listing, SITE_LINE_SOURCE, false);
}

/* Appends the target of an instruction: "  ; runtime.mapdelete", "  ; map[int]string". */
static void put_target(const struct asm_view *view, const struct code_insn *insn, uint64_t entry,
		       struct buf *to)
{
	struct gotypes types = {.tab = view->binary->tab, .image = view->binary->image};
	struct gopcln_func func;
	size_t before = to->len;

	if (!insn->target)
		return;
	buf_str(to, "  ; ");
	if (gopcln_func_at(view->binary->tab, insn->target, &func)) {
		if (func.entry != entry)
			buf_str(to, func.name);
		if (func.entry != entry && insn->target == func.entry)
			return;
		buf_char(to, '+');
		buf_hex(to, insn->target - func.entry);
		return;
	}
	if (insn->op != CODE_ADDRESS || !gotype_name(&types, insn->target, to))
		to->len = before;
}

static const struct spot *spot_at(const struct asm_view *view, uint64_t addr)
{
	vec_each(spot, &view->placements.list)
		if (spot->addr == addr)
			return spot;
	return NULL;
}

/* Returns the instruction that makes an address. On arm64 two instructions make one, and only the
 * second tells which. */
static struct code_insn joined(const struct code *code, const struct code_insn *insn)
{
	struct code_insn both = *insn;

	if (insn > code->insns.data && insn->op == CODE_OFFSET && insn[-1].op == CODE_ADDRESS &&
	    insn[-1].reg == insn->base) {
		both.op = CODE_ADDRESS;
		both.target = insn[-1].target + (uint64_t)insn->imm;
	}
	return both;
}

static void list_insn(struct lister *lister, const struct code *code, const struct code_insn *insn)
{
	const void *bytes = image_at(lister->view->binary->image, insn->addr, insn->size);
	struct buf *to = &lister->listing->text;
	struct code_insn whole = joined(code, insn);
	const struct spot *spot = spot_at(lister->view, insn->addr);

	/* Line tables and source files of a damaged file can take long for each instruction. */
	lister->view->gave_up = lister->view->gave_up || deadline_passed(&lister->view->deadline);
	if (lister->view->gave_up)
		return;
	list_source(lister, insn->addr);
	site_line_begin(lister->listing);
	if (lister->entry)
		buf_char(to, '+');
	buf_hex(to, insn->addr - lister->entry);
	buf_str(to, "  ");
	if (bytes)
		code_print(lister->view->printer, bytes, insn->size, insn->addr, to);
	if (!lister->view->machine->address_in_two || whole.op != CODE_ADDRESS ||
	    insn->op == CODE_OFFSET)
		put_target(lister->view, &whole, lister->entry, to);
	site_line_end(lister->listing, SITE_LINE_INSN, spot != NULL);
}

static void list_note(struct site_listing *listing, const char *text)
{
	site_line_begin(listing);
	buf_str(&listing->text, text);
	site_line_end(listing, SITE_LINE_NOTE, false);
}

/* ---- the site ---- */

static struct error *decode(const struct asm_view *view, uint64_t addr,
			    struct gopcln_func *ret_func, struct code *ret)
{
	const void *bytes;
	size_t size;

	*ret = (struct code){0};
	if (!gopcln_func_at(view->binary->tab, addr, ret_func))
		return NULL;
	size = ret_func->end - ret_func->entry;
	if (size > FUNC_MAX && addr - ret_func->entry < FUNC_MAX)
		size = FUNC_MAX;
	bytes = image_at(view->binary->image, ret_func->entry, size);
	return bytes ? code_decode(view->machine, bytes, size, ret_func->entry, ret) : NULL;
}

/* Returns the index of the instruction at which the setup of the arguments begins. It is after the
 * last call, jump or join before the call. */
static size_t setup_begin(const struct code *code, size_t call)
{
	size_t at = call;

	while (at > 0 && call - at < SETUP_MAX && !code->insns.data[at].joined &&
	       code->insns.data[at - 1].flow == CODE_NEXT)
		at--;
	return at;
}

static struct error *show_site(struct asm_view *view, const struct site_row *row)
{
	struct site_listing listing = {0};
	struct lister lister = {.view = view, .listing = &listing};
	const struct code_insn *call;
	struct gopcln_func func;
	struct code code;
	size_t at, end;

	try(decode(view, row->pc, &func, &code));
	call = code_at(&code, row->pc);
	if (call) {
		end = (size_t)(call - code.insns.data);
		at = setup_begin(&code, end);
		buf_printf(&listing.title, "%s: %zu instructions through the call of %s",
			   site_innermost(row)->func, end + 1 - at, go_entries[row->entry].name);
		for (; at <= end; at++)
			list_insn(&lister, &code, &code.insns.data[at]);
		site_listing_text(view->out, &listing, NULL, view->color, view->width);
		buf_char(view->out, '\n');
	}
	site_listing_fini(&listing);
	code_fini(&code);
	return NULL;
}

/* ---- the runtime's functions ---- */

/* Lists probes that are not on the path, each with the instructions that lead to it. */
static void list_probes(struct lister *lister, const struct code *code,
			const struct code_path *path)
{
	for (size_t i = 0; i < code->insns.len; i++) {
		const struct spot *spot = spot_at(lister->view, code->insns.data[i].addr);
		bool listed = false;

		vec_each(at, &path->insns)
			listed |= *at == i;
		if (!spot || listed)
			continue;
		list_note(lister->listing, "not on that path:");
		lister->line = 0;
		for (size_t at = i > AROUND ? i - AROUND : 0; at <= i; at++)
			list_insn(lister, code, &code->insns.data[at]);
	}
}

/* Tells whether a function is off the path: it ends the program, or is only called while a map
 * grows. */
static bool is_cold(void *ctx, uint64_t target)
{
	static const char *const names[] = {
		"runtime.fatal",   "runtime.throw",    "runtime.panic",
		"runtime.gopanic", "runtime.growWork", "internal/runtime/maps.fatal",
	};
	const struct asm_view *view = ctx;
	struct gopcln_func func;

	if (!gopcln_func_at(view->binary->tab, target, &func))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(func.name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The functions that an entry calls, directly or not, and that have a probe. */
struct call_chain {
	uint64_t funcs[CHAIN_MAX];
	size_t n;
};

static bool chain_has(const struct call_chain *chain, uint64_t func)
{
	for (size_t i = 0; i < chain->n; i++)
		if (chain->funcs[i] == func)
			return true;
	return false;
}

static bool has_probe(const struct asm_view *view, uint64_t func)
{
	vec_each(spot, &view->placements.list)
		if (spot->entry == func)
			return true;
	return false;
}

/* Finds the functions that an entry calls, level by level. Only entries and functions with probes
 * count. */
static struct error *find_call_chain(const struct asm_view *view, uint64_t entry,
				     struct call_chain *chain)
{
	const struct sites *sites = &view->binary->sites;

	chain->funcs[chain->n++] = entry;
	for (size_t i = 0; i < chain->n; i++) {
		cleanup(code_fini) struct code code = {0};
		struct gopcln_func func;

		try(decode(view, chain->funcs[i], &func, &code));
		vec_each(insn, &code.insns) {
			bool known = has_probe(view, insn->target);

			for (size_t e = 0; e < GO_ENTRIES; e++)
				known |= sites->present[e] && sites->entry_addr[e] == insn->target;
			if (insn->flow != CODE_NEXT && insn->target && known &&
			    !chain_has(chain, insn->target) && chain->n < CHAIN_MAX)
				chain->funcs[chain->n++] = insn->target;
		}
	}
	return NULL;
}

/* Returns the instruction that a removal passes: a probed one, or else the call of the next
 * function in the chain. Returns UINT32_MAX when there is none. */
static uint32_t find_removal_insn(const struct asm_view *view, const struct code *code,
				  const struct call_chain *chain)
{
	for (uint32_t i = 0; i < code->insns.len; i++)
		if (spot_at(view, code->insns.data[i].addr))
			return i;
	for (uint32_t i = 0; i < code->insns.len; i++)
		if (code->insns.data[i].flow == CODE_CALL &&
		    code->insns.data[i].target != code->insns.data[0].addr &&
		    chain_has(chain, code->insns.data[i].target))
			return i;
	return UINT32_MAX;
}

/* Lists a function's path to a removal, and its probes. The title stays empty when there is no such
 * function. */
static struct error *list_func(struct asm_view *view, uint64_t entry,
			       const struct call_chain *chain, struct site_listing *listing)
{
	struct lister lister = {.view = view, .listing = listing, .entry = entry};
	cleanup(code_path_fini) struct code_path path = {0};
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;

	try(decode(view, entry, &func, &code));
	if (!code.insns.len)
		return NULL;
	try(code_shortest(&code, find_removal_insn(view, &code, chain), is_cold, view, &path));
	if (!path.insns.len)
		try(code_straight(&code, is_cold, view, &path));
	buf_printf(&listing->title, "%zu instructions: %s", path.insns.len, func.name);
	vec_each(at, &path.insns)
		list_insn(&lister, &code, &code.insns.data[*at]);
	list_probes(&lister, &code, &path);
	return NULL;
}

/* Appends, below a listing, the reasons for the marked probes. */
static void put_legend(struct asm_view *view, uint64_t func)
{
	vec_each(spot, &view->placements.list) {
		if (spot->entry != func)
			continue;
		buf_str(view->out, "● ");
		text_safe_str(view->out, spot->func);
		buf_char(view->out, '+');
		buf_hex(view->out, spot_offset(spot));
		buf_printf(view->out, ", where trace puts its %s probe: %s\n",
			   spot_role_name(spot->role), spot->why);
	}
}

/* Shows the entry. A fast variant is shown beside the generic entry. */
static struct error *show_beside(struct asm_view *view, uint64_t entry, uint64_t generic,
				 const struct call_chain *chain)
{
	struct site_listing left = {0}, right = {0};
	struct call_chain other = {0};
	struct error *err = list_func(view, entry, chain, &left);

	if (!err && generic)
		err = find_call_chain(view, generic, &other);
	if (!err && generic)
		err = list_func(view, generic, &other, &right);
	if (!err)
		site_listing_text(view->out, &left, generic ? &right : NULL, view->color,
				  view->width);
	site_listing_fini(&left);
	site_listing_fini(&right);
	put_legend(view, entry);
	if (generic)
		put_legend(view, generic);
	return err;
}

/* Shows the entry, then the functions that it calls on the path to the removal. */
static struct error *show_entry(struct asm_view *view, uint32_t entry)
{
	const struct sites *sites = &view->binary->sites;
	uint64_t addr = sites->entry_addr[entry], generic = 0;
	struct call_chain chain = {0};

	if (entry != 0 && go_entries[entry].kind == GO_ENTRY_DELETE &&
	    go_entries[entry].type_arg == 0)
		generic = sites->entry_addr[0];
	try(find_call_chain(view, addr, &chain));
	try(show_beside(view, addr, generic, &chain));
	for (size_t i = 1; i < chain.n; i++) {
		if (chain.funcs[i] == generic)
			continue;
		buf_char(view->out, '\n');
		try(show_beside(view, chain.funcs[i], 0, &chain));
	}
	return NULL;
}

/* ---- choosing the sites ---- */

/* Tells whether pc is the address of the site, or the address after its call, which stack traces
 * have. */
static bool is_at(const struct sites_binary *binary, const struct site_row *row, uint64_t pc)
{
	return pc == row->pc ||
	       pc == row->pc + machine_get(image_machine(binary->image)->number)->call_size;
}

static struct error *select_sites(const struct sites_binary *binary, const char *site,
				  sites_rows *ret)
{
	struct filter filter = {0};
	struct error *err = NULL;
	char *end;
	uint64_t pc = strtoull(site, &end, 16);
	bool address = strncmp(site, "0x", 2) == 0 && !*end;

	if (!address)
		err = filter_set_glob("--asm", site, &filter.site_glob);
	vec_each(row, &binary->sites.list) {
		bool named = address ? is_at(binary, row, pc) : sites_place_matches(&filter, row);

		if (!err && named && !vec_push(ret, row))
			err = error_nomem();
	}
	filter_fini(&filter);
	if (!err && !ret->len)
		err = error_new(ERROR_USAGE, "--asm %s: no site there; tophash sites %s lists them",
				site, binary->path);
	return err;
}

static struct error *view_open(struct asm_view *view)
{
	struct placement_options options = {0};
	struct error *err;

	try(code_printer_new(view->machine, &view->printer));
	err = placement_find(view->binary->image, view->binary->tab, &options, &view->placements);
	if (!err)
		return NULL;
	view->no_placements = strdup(err->text);
	error_free(err);
	return view->no_placements ? NULL : error_nomem();
}

static void view_close(struct asm_view *view)
{
	code_printer_free(view->printer);
	placements_fini(&view->placements);
	free(view->no_placements);
	source_fini(&view->source);
}

static void put_rest(struct asm_view *view, size_t rest)
{
	if (rest)
		buf_printf(view->out,
			   "%zu more sites match: name one by its address or "
			   "file:line\n\n",
			   rest);
	if (view->no_placements) {
		buf_str(view->out, "no probe is shown: ");
		text_safe_str(view->out, view->no_placements);
		buf_str(view->out, "\n\n");
	}
}

struct error *sites_asm(const struct sites_binary *binary, const char *site, bool color,
			size_t width, struct buf *out)
{
	struct asm_view view = {
		.binary = binary,
		.color = color,
		.width = width,
		.out = out,
		.machine = machine_get(image_machine(binary->image)->number),
		.deadline = deadline_in(PATIENCE_S),
	};
	bool shown[GO_ENTRIES] = {false};
	struct stat st;
	sites_rows rows = {0};
	struct error *err = select_sites(binary, site, &rows);
	size_t n = rows.len < SITES_SHOWN ? rows.len : SITES_SHOWN;

	view.source.owner = fstat(binary->fd, &st) == 0 ? st.st_uid : (uid_t)-1;
	if (!err)
		err = view_open(&view);
	for (size_t i = 0; !err && i < n; i++)
		err = show_site(&view, rows.data[i]);
	if (!err)
		put_rest(&view, rows.len - n);
	for (size_t i = 0; !err && i < n; i++) {
		uint32_t entry = rows.data[i]->entry;

		if (!shown[entry])
			err = show_entry(&view, entry);
		shown[entry] = true;
	}
	if (!err && view.gave_up)
		err = error_new(ERROR_TARGET,
				"%s: gave up after %d s: no real program takes this long; the "
				"file is damaged, or was made to take long",
				binary->path, PATIENCE_S);
	view_close(&view);
	vec_fini(&rows);
	return err;
}
