/* The way from an object to a root, next hop first:
 *
 *     main.session.tags <- (map value) <- main.store.sessions <- main.theStore
 *
 *     [{"kind":"field","type":"main.session","name":"tags"},...,{"kind":"global","name":"main.theStore","addr":"0x5b1e40"}]
 */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/report/maps.h"

enum { HOPS_MAX = 64 /* that are shown */ };

/* Appends a type. One without a name shows its fields, which are too long here. */
static void put_type(struct buf *to, const char *type)
{
	if (!type)
		buf_char(to, '?');
	else if (!strncmp(type, "struct {", 8))
		buf_str(to, "struct{\xe2\x80\xa6}");
	else
		text_safe_str(to, type);
}

static void put_of(struct buf *to, const char *what, const char *type)
{
	buf_str(to, what);
	put_type(to, type);
	buf_char(to, ')');
}

static void put_global(struct buf *to, const struct holder_hop *hop)
{
	if (hop->name) {
		text_safe_str(to, hop->name);
		return;
	}
	buf_str(to, "global ");
	buf_hex(to, hop->addr);
	for (size_t i = 0; i < ARRAY_SIZE(hop->users) && hop->users[i]; i++) {
		buf_str(to, i ? ", " : " of ");
		text_safe_str(to, hop->users[i]);
	}
}

static void put_stack(struct buf *to, const struct holder_hop *hop, uint64_t goid)
{
	buf_str(to, "stack");
	if (goid) {
		buf_str(to, " of goroutine ");
		buf_u64(to, goid);
	}
	if (hop->name) {
		buf_str(to, " in ");
		text_safe_str(to, hop->name);
	}
	buf_str(to, ", maybe stale");
}

void held_by_hop(struct buf *to, const struct holder_hop *hop, uint64_t goid)
{
	switch (hop->kind) {
	case HOLDER_FIELD:
		put_type(to, hop->type);
		buf_char(to, '.');
		text_safe_str(to, hop->name);
		break;
	case HOLDER_ELEMENT: buf_str(to, "[]"); break;
	case HOLDER_VALUE: buf_str(to, "(map value)"); break;
	case HOLDER_KEY: buf_str(to, "(map key)"); break;
	case HOLDER_MAP: buf_str(to, "(in a map)"); break;
	case HOLDER_CHANNEL: put_of(to, "(in ", hop->type); break;
	case HOLDER_WAITING: put_of(to, "(waits at ", hop->type); break;
	case HOLDER_CAPTURE:
		buf_str(to, "closure ");
		text_safe_str(to, hop->name ? hop->name : "?");
		break;
	case HOLDER_POINTER: put_of(to, "(*", hop->type); break;
	case HOLDER_POOL: buf_str(to, "(in a sync.Pool)"); break;
	case HOLDER_GLOBAL: put_global(to, hop); break;
	case HOLDER_STACK: put_stack(to, hop, goid); break;
	case HOLDER_FINALIZER: buf_str(to, "finalizer"); break;
	case HOLDER_CLEANUP: buf_str(to, "cleanup"); break;
	case HOLDER_QUEUE: buf_str(to, "finalizer queue"); break;
	case HOLDER_CUT: buf_str(to, "..."); break;
	case HOLDER_UNKNOWN:
	case HOLDER_KINDS: buf_char(to, '?'); break;
	}
	buf_str(to, hop->interface ? " (interface)" : "");
	buf_str(to, hop->repeated ? " ..." : "");
}

void held_by_text(struct buf *to, const struct holder_hop *hop, uint64_t goid)
{
	if (!hop)
		buf_char(to, '?');
	for (unsigned n = 0; hop; hop = hop->next, n++) {
		buf_str(to, n ? " <- " : "");
		if (n == HOPS_MAX) {
			buf_str(to, "...");
			break;
		}
		held_by_hop(to, hop, goid);
	}
}

static void put_name(struct buf *to, const char *member, const char *value)
{
	if (!value)
		return;
	json_name_of(to, member);
	json_put_str(to, value);
}

static void put_true(struct buf *to, const char *member, bool value)
{
	if (!value)
		return;
	json_name_of(to, member);
	json_put_bool(to, true);
}

static void put_users(struct buf *to, const struct holder_hop *hop)
{
	json_name(to, "addr");
	json_put_address(to, hop->addr);
	if (!hop->users[0])
		return;
	json_name(to, "used_by");
	for (size_t i = 0; i < ARRAY_SIZE(hop->users) && hop->users[i]; i++) {
		buf_char(to, i ? ',' : '[');
		json_put_str(to, hop->users[i]);
	}
	buf_char(to, ']');
}

static const char *const kinds[HOLDER_KINDS] = {
	[HOLDER_UNKNOWN] = "unknown",
	[HOLDER_FIELD] = "field",
	[HOLDER_ELEMENT] = "element",
	[HOLDER_VALUE] = "map value",
	[HOLDER_KEY] = "map key",
	[HOLDER_MAP] = "map",
	[HOLDER_CHANNEL] = "channel",
	[HOLDER_WAITING] = "channel wait",
	[HOLDER_CAPTURE] = "capture",
	[HOLDER_POINTER] = "pointer",
	[HOLDER_POOL] = "pool",
	[HOLDER_GLOBAL] = "global",
	[HOLDER_STACK] = "stack",
	[HOLDER_FINALIZER] = "finalizer",
	[HOLDER_CLEANUP] = "cleanup",
	[HOLDER_CUT] = "cut",
	[HOLDER_QUEUE] = "finalizer queue",
};

static void put_hop_json(struct buf *to, const struct holder_hop *hop, uint64_t goid)
{
	json_begin(to, "kind");
	json_put_str(to, kinds[hop->kind]);
	put_name(to, "type", hop->type);
	put_name(to, hop->kind == HOLDER_STACK || hop->kind == HOLDER_CAPTURE ? "func" : "name",
		 hop->name);
	put_true(to, "interface", hop->interface);
	put_true(to, "repeated", hop->repeated);
	if (hop->kind == HOLDER_GLOBAL)
		put_users(to, hop);
	if (hop->kind == HOLDER_STACK && goid) {
		json_name(to, "goid");
		buf_u64(to, goid);
	}
	put_true(to, "maybe_stale", hop->kind == HOLDER_STACK);
	buf_char(to, '}');
}

void held_by_json(struct buf *to, const struct holder_hop *hop, uint64_t goid)
{
	buf_char(to, '[');
	for (unsigned n = 0; hop; hop = hop->next, n++) {
		buf_str(to, n ? "," : "");
		if (n == HOPS_MAX) {
			buf_str(to, "{\"kind\":\"cut\"}");
			break;
		}
		put_hop_json(to, hop, goid);
	}
	buf_char(to, ']');
}
