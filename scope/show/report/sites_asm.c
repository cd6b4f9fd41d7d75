/* Instructions of sites, and then of the runtime's functions that they call (read/site/path.h). */
#include "base/frame.h"
#include "base/clock.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "read/explain/explain.h"
#include "read/site/path.h"
#include "show/report/listing.h"
#include "show/report/sites.h"

#include <stdio.h>

enum {
	SITES_SHOWN = 8,
	PATIENCE_S = 10, /* seconds of processor time; a site in a real program takes 0.02 */
};

struct asm_view {
	const struct site_asm *report;
	struct site_program program;
	const struct machine_ops *machine;
	struct code_printer *printer;
	struct source source;
	struct deadline deadline;
	bool gave_up; /* the deadline has passed: no more is listed */
	struct buf *out;
};

/* ---- lines ---- */

/* A listing that is being made of one path. */
struct lister {
	struct asm_view *view;
	struct listing *listing;
	const struct code *code;
	uint64_t entry; /* addresses are shown relative to it; 0: absolute */
	char file[256]; /* of the source line that was listed last */
	uint32_t line;
};

/* Appends the text of a source line. Appends nothing when it cannot be read. */
static void put_source_line(struct asm_view *view, const struct frame *frame, struct buf *to)
{
	size_t len;
	const char *line = source_line(&view->source, frame->file, frame->line, &len);

	if (!line)
		return;
	buf_str(to, "  ");
	for (size_t i = 0; i < len; i++)
		buf_char(to, line[i] == '\t' ? ' ' : line[i]);
}

/* Lists the source line of pc, unless it is the same as for the instruction before. */
static void list_source(struct lister *lister, uint64_t pc)
{
	struct frame frame;

	if (!gopcln_frames(lister->view->program.tab, pc, &frame, 1) ||
	    (frame.line == lister->line && strcmp(frame.file, lister->file) == 0))
		return;
	snprintf(lister->file, sizeof(lister->file), "%s", frame.file);
	lister->line = frame.line;
	listing_begin(lister->listing);
	text_place(&lister->listing->text, &frame);
	put_source_line(lister->view, &frame, &lister->listing->text);
	listing_end(lister->listing, LISTING_SOURCE, false);
}

/* Appends the target of an instruction: "  ; runtime.mapdelete", "  ; map[int]string". */
static void put_target(const struct lister *lister, const struct code_insn *insn, struct buf *to)
{
	const struct site_program *program = &lister->view->program;
	struct gotypes types = {.tab = program->tab, .image = program->image};
	struct gopcln_func func;
	size_t before = to->len;

	if (!insn->target)
		return;
	buf_str(to, "  ; ");
	if (gopcln_func_at(program->tab, insn->target, &func)) {
		if (func.entry != lister->entry)
			buf_str(to, func.name);
		if (func.entry != lister->entry && insn->target == func.entry)
			return;
		buf_char(to, '+');
		buf_hex(to, insn->target - func.entry);
		return;
	}
	if (insn->op != CODE_ADDRESS || !gotype_name(&types, insn->target, to))
		to->len = before;
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

static void list_insn(struct lister *lister, const struct code_insn *insn)
{
	const struct asm_view *view = lister->view;
	const void *bytes = image_at(view->program.image, insn->addr, insn->size);
	struct buf *to = &lister->listing->text;
	struct code_insn whole = joined(lister->code, insn);

	list_source(lister, insn->addr);
	listing_begin(lister->listing);
	if (lister->entry)
		buf_char(to, '+');
	buf_hex(to, insn->addr - lister->entry);
	buf_str(to, "  ");
	if (bytes)
		code_print(view->printer, bytes, insn->size, insn->addr, to);
	if (!view->machine->address_in_two || whole.op != CODE_ADDRESS || insn->op == CODE_OFFSET)
		put_target(lister, &whole, to);
	listing_end(lister->listing, LISTING_INSN,
		    placement_at(view->program.placements, insn->addr) != NULL);
}

/* Lists a path. Line tables and source files of a damaged file can take long for each instruction.
 * Therefore the rest is left out when the time is over. */
static void list_path(struct asm_view *view, const struct site_path *path, uint64_t entry,
		      struct listing *listing)
{
	struct lister lister = {
		.view = view, .listing = listing, .code = &path->code, .entry = entry};

	vec_each(step, &path->steps) {
		view->gave_up = view->gave_up || deadline_passed(&view->deadline);
		if (view->gave_up)
			return;
		if (step->apart) {
			listing_begin(listing);
			buf_str(&listing->text, "not on that path:");
			listing_end(listing, LISTING_NOTE, false);
			lister.line = 0;
		}
		list_insn(&lister, &path->code.insns.data[step->insn]);
	}
}

static void put_listing(struct asm_view *view, const struct listing *left,
			const struct listing *right)
{
	listing_text(view->out, left, right, view->report->color, view->report->width);
}

/* ---- the site ---- */

static struct error *show_site(struct asm_view *view, const struct site_row *row)
{
	cleanup(site_path_fini) struct site_path path = {0};
	cleanup(listing_fini) struct listing listing = {0};

	try(site_path_to_call(&view->program, row, &path));
	if (!path.steps.len)
		return NULL;
	buf_printf(&listing.title, "%s: %zu instructions through the call of %s",
		   site_innermost(row)->func, path.steps.len, go_entries[row->entry].name);
	list_path(view, &path, 0, &listing);
	put_listing(view, &listing, NULL);
	buf_char(view->out, '\n');
	return NULL;
}

/* ---- the runtime's functions ---- */

/* Lists a function's path to a removal, and its probes. The title stays empty when there is no such
 * function. */
static struct error *list_func(struct asm_view *view, uint64_t entry,
			       const struct site_chain *chain, struct listing *listing)
{
	cleanup(site_path_fini) struct site_path path = {0};
	size_t on_path = 0;

	try(site_path_through(&view->program, entry, chain, &path));
	if (!path.code.insns.len)
		return NULL;
	while (on_path < path.steps.len && !path.steps.data[on_path].apart)
		on_path++;
	buf_printf(&listing->title, "%zu instructions: %s", on_path, path.func.name);
	list_path(view, &path, entry, listing);
	return NULL;
}

/* Appends, below a listing, the reasons for the marked probes. */
static void put_legend(struct asm_view *view, uint64_t func)
{
	vec_each(spot, &view->program.placements->list) {
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

static struct error *show_func(struct asm_view *view, uint64_t func, const struct site_chain *chain)
{
	cleanup(listing_fini) struct listing listing = {0};

	try(list_func(view, func, chain, &listing));
	put_listing(view, &listing, NULL);
	put_legend(view, func);
	return NULL;
}

/* Shows a fast entry beside the generic one. */
static struct error *show_beside(struct asm_view *view, uint64_t fast, uint64_t generic,
				 const struct site_chain *chain)
{
	cleanup(listing_fini) struct listing left = {0}, right = {0};
	struct site_chain other;

	try(list_func(view, fast, chain, &left));
	try(site_chain_find(&view->program, generic, &other));
	try(list_func(view, generic, &other, &right));
	put_listing(view, &left, &right);
	put_legend(view, fast);
	put_legend(view, generic);
	return NULL;
}

/* Shows the entry, then the functions that it calls on the path to the removal. */
static struct error *show_entry(struct asm_view *view, uint32_t entry)
{
	const struct sites *sites = view->program.sites;
	bool fast = entry != 0 && go_entries[entry].kind == GO_ENTRY_DELETE &&
		    go_entries[entry].type_arg == 0 && !go_entries[entry].sync;
	uint64_t addr = sites->entry_addr[entry], generic = fast ? sites->entry_addr[0] : 0;
	struct site_chain chain;

	try(site_chain_find(&view->program, addr, &chain));
	if (generic)
		try(show_beside(view, addr, generic, &chain));
	else
		try(show_func(view, addr, &chain));
	for (size_t i = 1; i < chain.n; i++) {
		if (chain.funcs[i] == generic)
			continue;
		buf_char(view->out, '\n');
		try(show_func(view, chain.funcs[i], &chain));
	}
	return NULL;
}

/* ---- all ---- */

static void put_rest(struct asm_view *view, size_t rest)
{
	if (rest)
		buf_printf(view->out,
			   "%zu more sites match: name one by its address or file:line\n\n", rest);
	if (view->report->no_placements) {
		buf_str(view->out, "no probe is shown: ");
		text_safe_str(view->out, view->report->no_placements);
		buf_str(view->out, "\n\n");
	}
}

static struct error *show_all(struct asm_view *view)
{
	const struct site_asm *report = view->report;
	size_t n = report->rows_n < SITES_SHOWN ? report->rows_n : SITES_SHOWN;
	bool shown[GO_ENTRIES] = {false};

	for (size_t i = 0; i < n; i++)
		try(show_site(view, report->rows[i]));
	put_rest(view, report->rows_n - n);
	for (size_t i = 0; i < n; i++) {
		uint32_t entry = report->rows[i]->entry;

		if (!shown[entry])
			try(show_entry(view, entry));
		shown[entry] = true;
	}
	if (!view->gave_up)
		return NULL;
	return error_new(ERROR_TARGET,
			 "%s: gave up after %d s: no real program takes this long; the file is "
			 "damaged, or was made to take long",
			 report->binary, PATIENCE_S);
}

struct error *site_asm_text(struct buf *out, const struct site_asm *report)
{
	struct asm_view view = {
		.report = report,
		.program = {.image = report->image,
			    .tab = report->tab,
			    .sites = report->sites,
			    .placements = report->placements},
		.machine = machine_get(image_machine(report->image)->number),
		.source = {.owner = report->owner},
		.deadline = deadline_in(PATIENCE_S),
		.out = out,
	};
	struct error *err;

	try(code_printer_new(view.machine, &view.printer));
	err = show_all(&view);
	code_printer_free(view.printer);
	source_fini(&view.source);
	return err;
}
