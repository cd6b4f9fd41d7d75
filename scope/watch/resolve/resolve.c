/* Records to events: addresses get names, key bytes become values. Stacks and types are looked up
 * once each; an event of a known site costs two hash lookups.
 */
#include "watch/resolve/resolve.h"

struct stack {
	uint32_t first_pc, npcs;       /* in pcs: {ip, bias, flags, return addresses ...} */
	uint32_t first_frame, nframes; /* in frames */
	const char *func;	       /* the runtime's entry; borrowed from the image */
	bool cut;		       /* more frames than are shown */
	uint32_t next; /* another stack with the same hash; 0: none, else index + 1 */
	bool site_matches;
};

struct type_info {
	char *name;
	uint64_t key_type; /* run-time address; of the process it was first seen in */
	uint64_t bias;
	enum gotype_kind key_kind;
	bool known;
	bool matches;	/* --type; what has no name may be it */
	bool key_never; /* --key cannot be a key of such a map */
};

struct resolver {
	struct resolver_options options;
	struct table stack_index; /* hash -> index + 1 of the newest stack with it */
	VEC(struct stack) stacks;
	VEC(uint64_t) pcs;
	VEC(struct event_frame) frames;
	uint32_t first_stack_id; /* id of stacks.data[0]: the cache may have been emptied */
	struct table type_index;
	VEC(struct type_info) types;
	struct go_key_arena arena;
	struct event_state state[GO_MAP_STATE_MAX];
};

/* A program with more stacks than this, or deeper ones, has them looked up again: memory stays
 * bounded. */
#define STACKS_MAX	 (1u << 17)
#define STACKS_BYTES_MAX (64ul << 20) /* of pcs and frames */
#define TYPES_MAX	 (1u << 16)

struct error *resolver_open(const struct resolver_options *options, struct resolver **ret)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return error_nomem();
	resolver->options = *options;
	*ret = resolver;
	return NULL;
}

void resolver_close(struct resolver *resolver)
{
	if (!resolver)
		return;
	table_fini(&resolver->stack_index);
	vec_fini(&resolver->stacks);
	vec_fini(&resolver->pcs);
	vec_fini(&resolver->frames);
	table_fini(&resolver->type_index);
	vec_each(type, &resolver->types)
		free(type->name);
	vec_fini(&resolver->types);
	go_key_arena_fini(&resolver->arena);
	free(resolver);
}

/* ---- stacks ---- */

/* Appends the source-level frames of one physical frame. `at` is the address looked up, pc the one
 * shown. While *leading, the runtime's entries are left out, with what is inlined into them; the
 * outermost is stack->func. */
static bool add_frames(struct resolver *r, struct stack *stack, uint64_t at, uint64_t pc,
		       bool *leading)
{
	struct gopcln_frame found[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(r->options.tab, at, found, ARRAY_SIZE(found));
	struct event_frame unknown = {.pc = pc, .func = "", .file = ""};

	if (!n) {
		*leading = false;
		stack->nframes++;
		return vec_push(&r->frames, unknown);
	}
	if (*leading && go_entry_is_inner(found[n - 1].func)) {
		stack->func = found[n - 1].func;
		return true;
	}
	*leading = false;
	for (size_t i = 0; i < n; i++) {
		struct event_frame frame = {
			.pc = pc,
			.func = found[i].func,
			.file = found[i].file,
			.line = found[i].line,
			.inlined = found[i].inlined,
		};

		/* Made by the compiler; Go's own tracebacks hide it too. But where it is all there
		 * is (go delete(m, k)), its line is that of the delete. */
		if (found[i].wrapper && stack->nframes)
			continue;
		if (!vec_push(&r->frames, frame))
			return false;
		stack->nframes++;
	}
	return true;
}

static bool build_stack(struct resolver *r, struct stack *stack)
{
	uint64_t bias = r->pcs.data[stack->first_pc + 1];
	bool leading = true;

	stack->func = "";
	stack->first_frame = (uint32_t)r->frames.len;
	if (!add_frames(r, stack, r->pcs.data[stack->first_pc] - bias, r->pcs.data[stack->first_pc],
			&leading))
		return false;
	for (uint32_t i = 3; i < stack->npcs; i++) {
		uint64_t pc = r->pcs.data[stack->first_pc + i];

		if (!add_frames(r, stack, pc - bias - 1, pc, &leading))
			return false;
	}
	/* Every goroutine's stack ends in it; it says nothing. */
	if (stack->nframes && !strcmp(r->frames.data[r->frames.len - 1].func, "runtime.goexit")) {
		r->frames.len--;
		stack->nframes--;
	}
	/* Before the frames are cut: the site's own may be among those that are. */
	stack->site_matches = filter_site_matches(
		r->options.filter, r->frames.data + stack->first_frame, stack->nframes);
	if (stack->nframes > r->options.stack_max) {
		r->frames.len -= stack->nframes - r->options.stack_max;
		stack->nframes = r->options.stack_max;
		stack->cut = true;
	}
	return true;
}

static bool stacks_full(const struct resolver *r)
{
	return r->stacks.len >= STACKS_MAX ||
	       r->pcs.len * sizeof(*r->pcs.data) + r->frames.len * sizeof(*r->frames.data) >
		       STACKS_BYTES_MAX;
}

static void forget_stacks(struct resolver *r)
{
	r->first_stack_id += (uint32_t)r->stacks.len;
	r->stacks.len = r->pcs.len = r->frames.len = 0;
	table_fini(&r->stack_index);
}

static bool same_stack(const struct resolver *r, const struct stack *stack, const uint64_t head[3],
		       const uint64_t *pcs, uint32_t n)
{
	const uint64_t *at = &r->pcs.data[stack->first_pc];

	return stack->npcs == n + 3 && !memcmp(at, head, 3 * sizeof(*at)) &&
	       !memcmp(at + 3, pcs, n * sizeof(*at));
}

static struct stack *add_stack(struct resolver *r, const uint64_t head[3], const uint64_t *pcs,
			       uint32_t n, uint64_t hash, uint32_t next)
{
	struct stack stack = {.first_pc = (uint32_t)r->pcs.len, .npcs = n + 3, .next = next};

	if (!vec_reserve(&r->pcs, r->pcs.len + n + 3))
		return NULL;
	memcpy(r->pcs.data + r->pcs.len, head, 3 * sizeof(*head));
	memcpy(r->pcs.data + r->pcs.len + 3, pcs, n * sizeof(*pcs));
	r->pcs.len += n + 3;
	if (!build_stack(r, &stack) || !vec_push(&r->stacks, stack) ||
	    table_put(&r->stack_index, hash, (uint32_t)r->stacks.len) < 0)
		return NULL;
	return &r->stacks.data[r->stacks.len - 1];
}

/* The stack of a record, from the cache or looked up; NULL when memory is out. */
static struct stack *find_stack(struct resolver *r, const struct wire_event *e, uint64_t bias,
				const uint64_t *pcs)
{
	uint64_t head[3] = {e->ip, bias, e->flags & WIRE_STACK_CUT};
	uint64_t hash = table_mix(head[0] ^ table_mix(head[1] + head[2]));
	uint32_t *newest;
	uint32_t next;

	for (uint32_t i = 0; i < e->nstack; i++)
		hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 29;
	newest = table_find(&r->stack_index, hash);
	for (next = newest ? *newest : 0; next; next = r->stacks.data[next - 1].next)
		if (same_stack(r, &r->stacks.data[next - 1], head, pcs, e->nstack))
			return &r->stacks.data[next - 1];
	if (stacks_full(r)) {
		forget_stacks(r);
		newest = NULL;
	}
	return add_stack(r, head, pcs, e->nstack, hash, newest ? *newest : 0);
}

/* ---- types ---- */

struct peek_one {
	struct resolver *resolver;
	pid_t pid;
};

static bool peek_one(void *ctx, uint64_t addr, void *to, size_t size)
{
	struct peek_one *one = ctx;
	const struct resolver_options *options = &one->resolver->options;

	return options->peek && options->peek(options->peek_ctx, one->pid, addr, to, size);
}

static struct gotypes types_of(struct resolver *r, uint64_t bias, struct peek_one *one)
{
	return (struct gotypes){.tab = r->options.tab,
				.image = r->options.image,
				.bias = bias,
				.peek = peek_one,
				.peek_ctx = one};
}

static bool describe_type(struct resolver *r, const struct gotypes *types, uint64_t addr,
			  struct type_info *info)
{
	struct key_test test;
	struct buf name = {0};
	struct gotype map, key;

	*info = (struct type_info){.bias = types->bias, .matches = true};
	info->known = gotype_read(types, addr, &map) && map.kind == GOTYPE_MAP &&
		      gotype_read(types, map.key, &key);
	if (info->known) {
		info->key_type = map.key;
		info->key_kind = key.kind;
		filter_key_test(r->options.filter, types, map.key, &test);
		info->key_never = test.how == KEY_TEST_NEVER;
		if (gotype_name(types, addr, &name))
			info->matches = filter_type_matches(r->options.filter, buf_cstr(&name));
	}
	info->name = strdup(buf_cstr(&name));
	buf_fini(&name);
	return info->name != NULL;
}

/* What is known of the map type at addr; NULL when memory is out. Types of the file are one for all
 * processes; types that reflect made belong to their process. */
static struct type_info *find_type(struct resolver *r, const struct gotypes *types, uint64_t addr,
				   pid_t pid)
{
	const struct gopcln_module *module = gopcln_module(r->options.tab);
	uint64_t link = addr - types->bias;
	bool in_file = link >= module->types && link < module->etypes;
	uint64_t key = in_file ? link : table_mix(addr ^ table_mix((uint64_t)pid + 1));
	uint32_t *index = table_find(&r->type_index, key);
	struct type_info info;

	if (index)
		return &r->types.data[*index];
	if (r->types.len >= TYPES_MAX) { /* hostile: one is overwritten again and again */
		free(r->types.data[TYPES_MAX - 1].name);
		r->types.len--;
	}
	if (!describe_type(r, types, addr, &info))
		return NULL;
	if (!vec_push(&r->types, info)) {
		free(info.name);
		return NULL;
	}
	if (r->types.len < TYPES_MAX &&
	    table_put(&r->type_index, key, (uint32_t)r->types.len - 1) < 0)
		return NULL;
	return &r->types.data[r->types.len - 1];
}

/* ---- keys ---- */

static bool decode_inline(struct resolver *r, const struct gotypes *types,
			  const struct wire_event *e, const struct type_info *info,
			  uint64_t key_type)
{
	/* A named struct or array around one string travels as that string: give it back the two
	 * words it stands in. */
	uint64_t words[2] = {1, e->key_total};
	struct go_key_segment segments[2] = {
		{.addr = 0,
		 .type = key_type,
		 .want = e->key_total,
		 .len = e->key_len,
		 .bytes = e->key},
	};
	struct go_key_memory memory = {.segments = segments, .n = 1};

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
	case WIRE_KEY_NO_PLAN: return "a map type made at run time that is not known";
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
	if (!ret->key_error) {
		size_t len;

		ret->key_error = value_error(ret->key, ret->key_n, &len);
	}
	return ok;
}

/* ---- the record ---- */

static const uint64_t *record_stack(const struct wire_event *e)
{
	const struct wire_key *key = (const struct wire_key *)(e + 1);

	return (const uint64_t *)(e->flags & WIRE_BIG ? (const void *)(key + 1) : key);
}

static struct error *check_record(const struct resolver *r, const struct wire_event *e, size_t size)
{
	size_t need = sizeof(*e);

	if (size < need)
		return error_new(ERROR_FAILED, "a record of %zu bytes in the ring buffer", size);
	if (e->flags & WIRE_BIG)
		need += sizeof(struct wire_key);
	need += (size_t)e->nstack * 8;
	if (size < need || e->probe >= r->options.placements->list.len ||
	    e->key_len > WIRE_KEY_INLINE)
		return error_new(ERROR_FAILED, "a malformed record in the ring buffer");
	return NULL;
}

static void fill_numbers(struct resolver *r, const struct wire_event *e, struct event_removal *ret)
{
	struct go_map_state state[GO_MAP_STATE_MAX];
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
	if (e->kind == WIRE_CLEAR) {
		ret->len_before = len;
		ret->len_after = 0;
	} else {
		ret->len_before = len + removed;
		ret->len_after = len;
	}
	ret->state_n = go_map_state(r->options.placements->swiss, e->header, state);
	for (size_t i = 0; i < ret->state_n; i++)
		r->state[i] = (struct event_state){state[i].name, state[i].value, state[i].is_bool};
	ret->state = r->state;
	ret->stack_cut = e->flags & WIRE_STACK_CUT;
	ret->stack_error = e->flags & WIRE_STACK_LOST
				   ? "the frame pointers lead out of the goroutine's stack"
				   : NULL;
}

static bool is_filtered(const struct resolver *r, const struct wire_event *e,
			const struct stack *stack, const struct type_info *info,
			const struct event_removal *event)
{
	const struct filter *filter = r->options.filter;

	if (!stack->site_matches || !info->matches || info->key_never)
		return true;
	return e->kind == WIRE_DELETE && e->flags & WIRE_CHECK && filter->key &&
	       !filter_key_matches(filter->key, event->key, event->key_n);
}

struct error *resolver_resolve(struct resolver *r, const void *record, size_t size,
			       enum resolved *ret_what, struct event *ret)
{
	const struct wire_event *e = record;
	struct event_removal *removal = &ret->removal;
	struct peek_one one = {.resolver = r};
	struct type_info *info;
	struct gotypes types;
	struct stack *stack;
	uint64_t bias;

	*ret = (struct event){.kind = EVENT_DELETE, .removal = {.func = "", .map_type = ""}};
	try(check_record(r, e, size));
	bias = e->ip - r->options.placements->list.data[e->probe].addr;
	ret->time_ns = e->time_ns;
	removal->pid = e->pid;
	removal->tid = e->tid;
	removal->bias = bias;
	if (e->kind == WIRE_START) {
		*ret_what = RESOLVED_START;
		return NULL;
	}
	ret->kind = e->kind == WIRE_CLEAR ? EVENT_CLEAR : EVENT_DELETE;
	one.pid = (pid_t)e->pid;
	types = types_of(r, bias, &one);
	stack = find_stack(r, e, bias, record_stack(e));
	info = stack ? find_type(r, &types, e->type, one.pid) : NULL;
	if (!info || (e->kind == WIRE_DELETE && !resolve_key(r, &types, e, info, removal)))
		return error_nomem();
	fill_numbers(r, e, removal);
	removal->map_type = info->name;
	removal->type_id = (uint32_t)(info - r->types.data);
	removal->func = stack->func;
	removal->stack = r->frames.data + stack->first_frame;
	removal->stack_n = stack->nframes;
	removal->stack_cut |= stack->cut;
	removal->stack_id = r->first_stack_id + (uint32_t)(stack - r->stacks.data);
	*ret_what = is_filtered(r, e, stack, info, removal) ? RESOLVED_FILTERED : RESOLVED_EVENT;
	return NULL;
}
