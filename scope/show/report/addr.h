/* Prints explained addresses as text, as JSON Lines, and as notes in a text. All functions append
 * to a buffer.
 *
 * Text, if the sources agree:
 *
 *     0x4a1b2d  main.(*store).drop /src/main.go:54
 *                 in main.(*store).refresh+0x1d /src/main.go:92
 *
 * If they do not, or if the user asks for it, a line for each source follows:
 *
 *     0x4a1b2d  main.(*store).refresh+0x1d /src/main.go:92
 *                 differ: line
 *                 gopclntab  main.(*store).refresh+0x1d /src/main.go:92
 *                 symbols    main.(*store).refresh+0x1d
 *                 dwarf      main.(*store).refresh+0x1d /src/main.go:93
 *
 * docs/man/tophash-addr.1 describes the members of the JSON.
 */
#ifndef SHOW_REPORT_ADDR_H
#define SHOW_REPORT_ADDR_H

#include "base/base.h"
#include "read/explain/explain.h"

struct addr_style {
	bool color;
	bool sources;			   /* a line for each source, even if they agree */
	const struct explain_module *main; /* for addresses in other modules, the module is named */
	size_t width;			   /* of a line; TEXT_UNLIMITED: nothing is cut */
};

struct addr_totals {
	uint64_t addresses, explained, differ;
	uint64_t by[EXPLAIN_SOURCES]; /* addresses that the source answered */
	bool asked[EXPLAIN_SOURCES];
	const char *why[EXPLAIN_SOURCES]; /* why it has no answer for the main module, or NULL */
	const char *separate; /* the separate debug file that was read; NULL when there was none */
};
/* Counts one explained address. */
void addr_count(struct addr_totals *totals, const struct explanation *e);

/* Append one address, and the totals. The text is safe. */
void addr_text(struct buf *to, const struct explanation *e, const struct addr_style *style);
void addr_text_end(struct buf *to, const struct addr_totals *totals, size_t width);
/* Append a line of JSON for each. `seconds` is the time that the work took. */
void addr_json(struct buf *to, const struct explanation *e);
void addr_json_end(struct buf *to, const struct addr_totals *totals, double seconds);
/* Appends " [function file:line < caller file:line]". Appends nothing when no source answers. The
 * text is safe. */
void addr_note(struct buf *to, const struct explanation *e);

#endif
