#include "watch/resolve/resolve.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

#include "live/process/process.h"
#include "watch/resolve/stacks.h"
#include "watch/resolve/types.h"

/* A module with probes. */
struct probed {
	struct engine_module of;
	const struct layout_ops *layout;
};

struct resolver {
	struct resolver_options options;
	VEC(struct probed) modules; /* by number */
	struct stacks stacks;
	struct types types;
	struct go_key_arena arena;
	pid_t pid; /* of the record, for find_module() */
	uint64_t filtered_shapes;
	struct map_state state[MAP_STATE_MAX];
};

/* Finds a module of the process that made the record. */
static const struct gotype_module *find_module(void *ctx, uint64_t addr)
{
	const struct resolver *r = ctx;

	return r->options.find_module(r->options.find_module_ctx, r->pid, addr);
}

struct error *resolver_open(const struct resolver_options *options, struct resolver **ret)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return error_nomem();
	resolver->options = *options;
	resolver->stacks.find = options->find_module ? find_module : NULL;
	resolver->stacks.find_ctx = resolver;
	resolver->stacks.filter = options->filter;
	resolver->stacks.stack_max = options->stack_max;
	resolver->types.filter = options->filter;
	*ret = resolver;
	return NULL;
}

struct error *resolver_add(struct resolver *resolver, const struct engine_module *module)
{
	struct probed probed = {*module, layout_get(module->placements->maps)};

	return vec_push(&resolver->modules, probed) ? NULL : error_nomem();
}

void resolver_close(struct resolver *resolver)
{
	if (!resolver)
		return;
	stacks_fini(&resolver->stacks);
	types_fini(&resolver->types);
	go_key_arena_fini(&resolver->arena);
	vec_fini(&resolver->modules);
	free(resolver);
}

/* ---- the memory of one process ---- */

static struct gotypes types_of(struct resolver *r, const struct probed *probed, uint64_t bias,
			       pid_t pid)
{
	return (struct gotypes){.tab = probed->of.tab,
				.image = probed->of.image,
				.bias = bias,
				.memory = r->options.memory(r->options.memory_ctx, pid),
				.find = r->options.find_module ? find_module : NULL,
				.find_ctx = r};
}

/* ---- keys ---- */

static bool decode_inline(struct resolver *r, const struct gotypes *types,
			  const struct wire_event *e, const struct type_info *info,
			  uint64_t key_type)
{
	/* A named struct or array around one string is sent as that string. The decoder needs the
	 * two words of the string in its place. */
	uint64_t words[2] = {1, e->key_total};
	struct go_key_segment segments[2];
	struct go_key_memory memory = {.segments = segments, .n = 1};

	/* Clearing both segments would cost more than decoding a number. */
	segments[0] = (struct go_key_segment){
		.type = key_type, .want = e->key_total, .len = e->key_len, .bytes = e->key};

	if (e->key_kind == WIRE_KEY_STRING) {
		memory.is_string = !info->known || info->key_kind == GOTYPE_STRING;
		if (!memory.is_string) {
			segments[1] = segments[0];
			segments[1].addr = 1;
			segments[1].type = 0;
			segments[0] = (struct go_key_segment){
				.type = key_type, .want = 16, .len = 16, .bytes = words};
			memory.n = 2;
		}
	}
	if (info->key.size)
		memory.plain = &info->key;
	return go_key_decode(types, key_type, &memory, &r->arena);
}

static bool decode_big(struct resolver *r, const struct gotypes *types, const struct wire_event *e,
		       const struct wire_key *key)
{
	struct go_key_segment segments[WIRE_SEGMENTS];
	struct go_key_memory memory = {.segments = segments, .truncated = key->truncated};

	for (uint32_t i = 0; i < key->nsegments && i < WIRE_SEGMENTS; i++) {
		const struct wire_segment *s = &key->segment[i];

		segments[i] = (struct go_key_segment){
			.addr = s->addr,
			.type = s->type,
			.tab = s->tab,
			.want = s->want,
			.len = s->len < WIRE_KEY_SEGMENT ? s->len : WIRE_KEY_SEGMENT,
			.bytes = key->bytes[i],
		};
		memory.n++;
	}
	memory.is_string = e->key_kind == WIRE_KEY_STRING;
	return go_key_decode(types, memory.n ? segments[0].type : 0, &memory, &r->arena);
}

static const char *key_error_text(uint8_t error)
{
	switch (error) {
	case WIRE_KEY_FAULT: return "the key's memory could not be read";
	case WIRE_KEY_NO_PLAN: return "the map's type was made at run time and is not known";
	case WIRE_KEY_NO_FRAME:
		return "the build inlined the method, and its arguments are in no known place";
	default: return NULL;
	}
}

static bool resolve_key(struct resolver *r, const struct gotypes *types, const struct wire_event *e,
			const struct type_info *info, struct event_removal *ret)
{
	uint64_t key_type = info->key_type - info->bias + types->bias;
	bool ok = true;

	r->arena.values.len = 0;
	ret->key_error = key_error_text(e->key_error);
	if (e->flags & WIRE_BIG)
		ok = decode_big(r, types, e, (const struct wire_key *)(e + 1));
	else if (e->key_kind != WIRE_KEY_NONE && !ret->key_error)
		ok = decode_inline(r, types, e, info, key_type);
	ret->key = r->arena.values.data;
	ret->key_n = r->arena.values.len;
	if (!ret->key_error)
		ret->key_error = value_error(ret->key, ret->key_n);
	return ok;
}

/* ---- the record ---- */

static const uint64_t *record_stack(const struct wire_event *e)
{
	const struct wire_key *key = (const struct wire_key *)(e + 1);

	return (const uint64_t *)(e->flags & WIRE_BIG ? (const void *)(key + 1) : key);
}

/* Returns the module of the record's probe. The record must have been checked. */
static const struct probed *probed_of(const struct resolver *r, const struct wire_event *e)
{
	return &r->modules.data[WIRE_PROBE_MODULE(e->probe)];
}

/* Returns the spot of the record's probe. The record must have been checked. */
static const struct spot *spot_of(const struct resolver *r, const struct wire_event *e)
{
	return &probed_of(r, e)->of.placements->list.data[WIRE_PROBE_INDEX(e->probe)];
}

/* Tells whether a record is not about a probe. */
static bool has_no_probe(const struct wire_event *e)
{
	return e->kind == WIRE_EXEC || e->kind == WIRE_LOAD || e->kind == WIRE_MOVE;
}

static struct error *check_record(const struct resolver *r, const struct wire_event *e, size_t size)
{
	size_t need = sizeof(*e);

	if (size < need)
		return error_new(ERROR_FAILED, "a record of %zu bytes in the ring buffer", size);
	if (has_no_probe(e))
		return NULL;
	if (e->flags & WIRE_BIG)
		need += sizeof(struct wire_key);
	need += (size_t)e->nstack * 8;
	if (size < need || WIRE_PROBE_MODULE(e->probe) >= r->modules.len ||
	    WIRE_PROBE_INDEX(e->probe) >= probed_of(r, e)->of.placements->list.len ||
	    e->key_len > WIRE_KEY_INLINE)
		return error_new(ERROR_FAILED, "a malformed record in the ring buffer");
	return NULL;
}

static const char *stack_error(const struct wire_event *e)
{
	if (!(e->flags & WIRE_STACK_LOST))
		return NULL;
	if (!e->goid)
		return "the goroutine could not be read";
	return e->unread & WIRE_UNREAD_STACK
		       ? "the stack could not be read"
		       : "the frame pointers lead out of the goroutine's stack";
}

static void fill_numbers(struct resolver *r, const struct wire_event *e, bool sync,
			 struct event_removal *ret)
{
	bool uncounted = sync || e->unread & (WIRE_UNREAD_CALL | WIRE_UNREAD_HEADER);
	uint64_t len = e->header[0];
	bool removed = e->flags & WIRE_REMOVED;

	ret->goid = e->goid;
	ret->map = e->map;
	ret->gc = e->flags & WIRE_GC_UNKNOWN || e->gc > EVENT_GC_MARKTERMINATION
			  ? EVENT_GC_UNKNOWN
			  : (enum event_gc)e->gc;
	ret->removed = removed;
	ret->panicked = e->flags & WIRE_PANICKED;
	ret->on_stack = e->flags & WIRE_ON_STACK;
	ret->uncounted = uncounted;
	if (uncounted) {
		ret->len_before = ret->len_after = 0;
	} else if (e->kind == WIRE_CLEAR) {
		ret->len_before = len;
		ret->len_after = 0;
	} else {
		ret->len_before = len + removed;
		ret->len_after = len;
	}
	ret->state_n = uncounted || e->unread & WIRE_UNREAD_STATE
			       ? 0
			       : probed_of(r, e)->layout->state(e->header, r->state);
	ret->state = r->state;
	ret->seed = r->options.seeds && !uncounted && !(e->unread & WIRE_UNREAD_STATE)
			    ? probed_of(r, e)->layout->seed(e->header)
			    : 0;
	ret->stack_cut = e->flags & WIRE_STACK_CUT;
	ret->stack_error = stack_error(e);
}

static bool is_filtered(struct resolver *r, const struct wire_event *e, const struct stack *stack,
			const struct type_info *info, const struct event_removal *event)
{
	const struct filter *filter = r->options.filter;
	bool unknown_site = !stack->nframes && e->flags & WIRE_STACK_LOST;

	if ((!stack->site_matches && !unknown_site) || !info->matches || info->key_never) {
		r->filtered_shapes += !info->matches && info->shape;
		return true;
	}
	return e->kind == WIRE_DELETE && e->flags & WIRE_CHECK && filter->key &&
	       !filter_key_matches(filter->key, event->key, event->key_n);
}

static struct error *resolve_removal(struct resolver *r, const struct wire_event *e,
				     enum resolved *ret_what, struct event_removal *ret)
{
	bool sync = spot_of(r, e)->sync;
	pid_t pid = (pid_t)e->pid;
	const struct probed *probed = probed_of(r, e);
	struct types_module of = {WIRE_PROBE_MODULE(e->probe), probed->of.placements->sync_map};
	struct gotypes types = types_of(r, probed, ret->bias, pid);
	struct physical_stack physical = {
		.pid = pid,
		.module = of.number,
		.tab = probed->of.tab,
		.ip = e->ip,
		.bias = ret->bias,
		.pcs = record_stack(e),
		.n = e->nstack,
		.cut = e->flags & WIRE_STACK_CUT,
		.sync = sync,
	};
	struct stack *stack;
	struct type_info *info;

	r->pid = pid;
	stack = stacks_get(&r->stacks, &physical);
	info = stack ? types_get(&r->types, &types, &of, e->type, pid) : NULL;
	ret->key = NULL;
	ret->key_n = 0;
	ret->key_error = NULL;
	if (!info || (e->kind == WIRE_DELETE && !resolve_key(r, &types, e, info, ret)))
		return error_nomem();
	fill_numbers(r, e, sync, ret);
	ret->map_type = info->name;
	ret->type_id = type_id(&r->types, info);
	ret->type_vague = info->shape || !info->known;
	ret->look = NULL;
	ret->func = stack->func;
	ret->stack = stack_frames(&r->stacks, stack);
	ret->stack_n = stack->nframes;
	ret->stack_cut |= stack->cut;
	ret->stack_id = stack_id(&r->stacks, stack);
	*ret_what = is_filtered(r, e, stack, info, ret) ? RESOLVED_FILTERED : RESOLVED_EVENT;
	return NULL;
}

struct error *resolver_resolve(struct resolver *r, const void *record, size_t size,
			       enum resolved *ret_what, struct event *ret)
{
	const struct wire_event *e = record;

	try(check_record(r, e, size));
	ret->kind = EVENT_DELETE;
	ret->time_ns = e->time_ns;
	/* resolve_removal() sets each member of a removal. To clear them first would cost more. */
	if (has_no_probe(e) || e->kind == WIRE_START)
		ret->removal = (struct event_removal){.func = "", .map_type = ""};
	ret->removal.pid = e->pid;
	ret->removal.tid = e->tid;
	if (e->kind == WIRE_LOAD || e->kind == WIRE_MOVE) {
		*ret_what = e->kind == WIRE_LOAD ? RESOLVED_LOAD : RESOLVED_MOVE;
		return NULL;
	}
	if (e->kind == WIRE_EXEC) {
		*ret_what = RESOLVED_EXEC;
		if (memchr(e->key, '\0', WIRE_COMM))
			ret->removal.func = (const char *)e->key;
		return NULL;
	}
	ret->removal.module = WIRE_PROBE_MODULE(e->probe);
	if (!bias_of_addr(e->ip, spot_of(r, e)->addr, &ret->removal.bias))
		return error_new(ERROR_FAILED, "a record of a place that has no probe");
	if (e->kind == WIRE_START) {
		*ret_what = RESOLVED_START;
		return NULL;
	}
	ret->kind = e->kind == WIRE_CLEAR ? EVENT_CLEAR : EVENT_DELETE;
	return resolve_removal(r, e, ret_what, &ret->removal);
}

uint64_t resolver_filtered_shapes(const struct resolver *resolver)
{
	return resolver->filtered_shapes;
}
