// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Looks up types, and filters and reads keys. A key of one word or one string goes into the event
 * itself. A key with parts elsewhere becomes segments in the big record. */
#ifndef WATCH_ENGINE_BPF_KEY_BPF_H
#define WATCH_ENGINE_BPF_KEY_BPF_H

/* The data of a delete before its record is filled in. */
struct call {
	uint64_t bias;
	uint64_t type, map;  /* run-time addresses */
	uint64_t key0, key1; /* the words of the key argument; a clear: key0 is the map's length */
	uint64_t root;	     /* run-time address of the type whose plan describes the key */
	uint8_t key_arg;
	/* Only on_other uses these. */
	uint8_t removal;   /* on_removal was hit first */
	uint8_t has_plan;  /* the plan of the type was copied */
	uint8_t no_header; /* the map has no header that is shown */
};

/* Returns the index in `types` of the type at a link-time address, or WIRE_TYPES_MAX when it is
 * unknown. */
static __always_inline uint32_t type_lookup(uint64_t link)
{
	uint32_t at = wire_type_bucket(link, type_multiplier, type_mask);
	struct wire_bucket *bucket = bpf_map_lookup_elem(&type_buckets, &at);
	uint64_t tag = wire_type_tag(link);

	if (!bucket || !tag)
		return WIRE_TYPES_MAX;
#pragma unroll
	for (int i = 0; i < WIRE_BUCKET_CELLS; i++)
		if ((bucket->cell[i] & ~(WIRE_TYPES_MAX - 1ull)) == tag)
			return bucket->cell[i] & (WIRE_TYPES_MAX - 1);
	return WIRE_TYPES_MAX;
}

/* Does the same as type_lookup(). It is global, not static: the verifier checks a global function
 * once, on its own, and not once for each path that leads to it. */
__noinline uint32_t type_index(uint64_t link)
{
	return type_lookup(link);
}

/* Returns where another module of this process has a type: the number of the module above
 * WIRE_PLACE_BITS, and below them the link-time address there. Returns 0 if none has it. It is global for
 * the same reason as type_index(). */
__noinline uint64_t type_place(uint64_t type)
{
	struct hit hit = {.pid_tid = bpf_get_current_pid_tgid()};
	uint32_t pid = own_pid(&hit);
	struct wire_modules *modules = bpf_map_lookup_elem(&modules_of, &pid);

	if (!modules)
		return 0;
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < WIRE_PROCESS_MODULES; i++) {
		const struct wire_module *module = &modules->module[i];

		if (type - module->types < module->size)
			return (uint64_t)module->number << WIRE_PLACE_BITS |
			       ((type - module->bias) & WIRE_PLACE_MASK);
	}
	return 0;
}

/* Returns a type that another module of this process has, or NULL. */
static __always_inline struct wire_type *type_elsewhere(uint64_t type)
{
	uint64_t place = type_place(type);
	uint32_t module = place >> WIRE_PLACE_BITS;
	uint64_t link = place & WIRE_PLACE_MASK;
	void *others = place ? bpf_map_lookup_elem(&module_types, &module) : NULL;

	return others ? bpf_map_lookup_elem(others, &link) : NULL;
}

/* Returns a type of this module, whose load bias is given, or NULL. */
static __always_inline struct wire_type *type_here(uint64_t type, uint64_t bias)
{
	uint32_t index = type_index(type - bias);

	return bpf_map_lookup_elem(&types, &index);
}

/* Returns the type at a run-time address, or NULL when it is unknown. */
static __always_inline struct wire_type *type_find(uint64_t type, uint64_t bias)
{
	struct wire_type *known = type_here(type, bias);

	return known || !several_modules ? known : type_elsewhere(type);
}

/* Returns the plan of a map type that `types` lacks because reflect made it. `types` may have the
 * type of its key. Otherwise the data that plain keys need are read from the process into *plan.
 * (internal/abi/map*.go: Key at 48; abi/type.go: Size 0, Kind 23.) `words` are three words of
 * scratch. */
static __always_inline struct wire_plan *plan_unknown(uint64_t *words, struct call *call,
						      struct wire_plan *plan)
{
	struct wire_type *known;
	uint8_t kind;

	plan->key_kind = WIRE_KEY_NONE;
	plan->match = use_key_filter ? WIRE_MATCH_USER : WIRE_MATCH_ANY;
	if (bpf_probe_read_user(words, 8, (void *)(call->type + 48)))
		return plan;
	call->root = words[0];
	known = type_find(call->root, call->bias);
	if (known)
		return &known->plan;
	if (bpf_probe_read_user(words, 24, (void *)words[0]))
		return plan;
	kind = (words[2] >> 56) & 31;
	plan->size = words[0];
	if (kind == 24)
		plan->key_kind = WIRE_KEY_STRING;
	else if ((kind >= 1 && kind <= 16) || kind == 18 || kind == 22 || kind == 26)
		plan->key_kind = WIRE_KEY_RAW;
	return plan;
}

/* Tells whether the map's type is needed. If not, no lookup is made. */
static __always_inline bool needs_type(const struct call *call)
{
	return use_types || call->key_arg == WIRE_ARG_POINTER;
}

/* Tells whether the map is one of those in a sync.Map. */
static __always_inline bool is_sync_inner(const struct call *call)
{
	return sync_inner && call->type - call->bias == sync_inner;
}

/* Does the same for a type that another module may have. */
static __always_inline bool is_sync_inner_anywhere(const struct call *call)
{
	struct wire_type *other = NULL;

	if (several_modules && sync_map && !type_here(call->type, call->bias))
		other = type_elsewhere(call->type);
	return is_sync_inner(call) || (other && other->sync_inner);
}

/* Returns the plan of the map's type, or NULL. */
static __always_inline struct wire_plan *plan_of(struct call *call)
{
	struct wire_type *known = type_find(call->type, call->bias);

	call->root = call->type;
	return known ? &known->plan : NULL;
}

/* Does the same for the types of this module only. Other hits take the slow path. */
static __always_inline struct wire_plan *plan_here(struct call *call)
{
	struct wire_type *known = type_here(call->type, call->bias);

	call->root = call->type;
	return known ? &known->plan : NULL;
}

/* Reads `size` bytes at addr in the process, from the copy of the stack if they are in it. (A key
 * of the runtime's fast entries always is.) In the last two lines `size` is a variable, elsewhere
 * it is a constant. */
static __always_inline bool read_near(void *to, uint32_t size, uint64_t addr,
				      const struct stack_copy *copy)
{
	uint64_t at;

	if (copy && size <= 8 && stack_copy_has(copy, addr, 8, &at)) {
		*(uint64_t *)to = *(uint64_t *)((char *)copy->words + at);
		return true;
	}
	if (copy && size <= 16 && stack_copy_has(copy, addr, 16, &at)) {
		((uint64_t *)to)[0] = *(uint64_t *)((char *)copy->words + at);
		((uint64_t *)to)[1] = *(uint64_t *)((char *)copy->words + at + 8);
		return true;
	}
	bound(size, WIRE_KEY_INLINE);
	return !size || !bpf_probe_read_user(to, size, (void *)addr);
}

/* ---- the filter on keys ---- */

/* Compares a string with filter_words. Its bytes are read WIRE_KEY_INLINE at a time. A string that
 * cannot be read passes, and its event says so. */
static __always_inline bool string_matches(uint64_t *chunk, uint64_t addr, uint64_t len)
{
	if (filter_prefix ? len < filter_len : len != filter_len)
		return false;
	for (uint32_t at = 0; at < WIRE_FILTER_MAX; at += WIRE_KEY_INLINE) {
		uint32_t n;

		if (at >= filter_len)
			break;
		n = filter_len - at;
		if (n > WIRE_KEY_INLINE)
			n = WIRE_KEY_INLINE;
		if (bpf_probe_read_user(chunk, n, (void *)(addr + at)))
			return true;
#pragma unroll
		for (uint32_t i = 0; i < WIRE_KEY_INLINE / 8; i++) {
			if (at + i * 8 >= filter_len)
				break;
			if ((chunk[i] & filter_masks[at / 8 + i]) != filter_words[at / 8 + i])
				return false;
		}
	}
	return true;
}

/* Compares a key that is passed by pointer. */
static __always_inline bool pointed_passes(uint64_t *chunk, uint64_t addr,
					   const struct wire_plan *plan,
					   const struct stack_copy *copy)
{
	if (plan->match == WIRE_MATCH_WORD)
		return plan->size > 8 || !read_near(chunk, plan->size, addr, copy) ||
		       (chunk[0] & plan->mask) == plan->want;
	if (plan->match == WIRE_MATCH_STRING)
		return !read_near(chunk, 16, addr, copy) ||
		       string_matches(chunk, chunk[0], chunk[1]);
	return true;
}

/* Decides --type and --key as far as the kernel program can. `plan` belongs to the call's type; it
 * is NULL when the type is unknown or not needed. `copy` is a copy of the stack, or NULL. `chunk`
 * has WIRE_KEY_INLINE bytes of scratch, initialised. */
static __always_inline bool key_passes(uint64_t *chunk, const struct call *call,
				       const struct wire_plan *plan, const struct stack_copy *copy)
{
	uint64_t word = call->key_arg == WIRE_ARG_32 ? (uint32_t)call->key0 : call->key0;

	if (!plan)
		return true;
	if (plan->skip || (use_key_filter && plan->match == WIRE_MATCH_NEVER))
		return false;
	if (!use_key_filter)
		return true;
	switch (call->key_arg) {
	case WIRE_ARG_32:
	case WIRE_ARG_64:
		return plan->match != WIRE_MATCH_WORD || (word & plan->mask) == plan->want;
	case WIRE_ARG_STRING:
		return plan->match != WIRE_MATCH_STRING ||
		       string_matches(chunk, call->key0, call->key1);
	case WIRE_ARG_POINTER: return pointed_passes(chunk, call->key0, plan, copy);
	}
	return true; /* a clear may remove any key that the map can hold */
}

/* ---- reading the key ---- */

static __always_inline void take_string(struct wire_event *e, uint64_t addr, uint64_t len)
{
	uint32_t n = len < WIRE_KEY_INLINE ? len : WIRE_KEY_INLINE;

	e->key_kind = WIRE_KEY_STRING;
	e->key_total = len;
	if (n > key_bytes)
		n = key_bytes;
	bound(n, WIRE_KEY_INLINE);
	if (n && bpf_probe_read_user(e->key, n, (void *)addr))
		e->key_error = WIRE_KEY_FAULT;
	e->key_len = n;
}

static __always_inline void take_word(struct wire_event *e, uint64_t word, uint32_t size)
{
	*(uint64_t *)e->key = word;
	e->key_kind = WIRE_KEY_RAW;
	e->key_len = size;
	e->key_total = size;
}

/* Reads a plain key that is passed by pointer. A key with parts elsewhere is left to the big
 * record. */
static __always_inline void take_pointed(struct wire_event *e, uint64_t addr,
					 const struct wire_plan *plan,
					 const struct stack_copy *copy)
{
	uint64_t *string = e->header; /* scratch; not filled in yet */
	uint32_t size = plan->size;

	if (plan->key_kind == WIRE_KEY_STRING) {
		if (read_near(string, 16, addr, copy))
			take_string(e, string[0], string[1]);
		else
			e->key_error = WIRE_KEY_FAULT;
		return;
	}
	if (plan->key_kind != WIRE_KEY_RAW || size > WIRE_KEY_INLINE) {
		e->key_kind = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NONE : WIRE_KEY_SEGMENTS;
		e->key_error = plan->key_kind == WIRE_KEY_NONE ? WIRE_KEY_NO_PLAN : WIRE_KEY_OK;
		return;
	}
	e->key_kind = WIRE_KEY_RAW;
	e->key_len = size;
	e->key_total = size;
	if (!read_near(e->key, size, addr, copy))
		e->key_error = WIRE_KEY_FAULT;
}

/* Reads the key, and notes if user space must check the filters again. Its arguments are those of
 * key_passes(). */
static __always_inline void take_key(struct wire_event *e, const struct call *call,
				     const struct wire_plan *plan, const struct stack_copy *copy)
{
	if ((use_types || use_key_filter) && (!plan || plan->match == WIRE_MATCH_USER))
		e->flags |= WIRE_CHECK;
	switch (call->key_arg) {
	case WIRE_ARG_32: take_word(e, (uint32_t)call->key0, 4); break;
	case WIRE_ARG_64: take_word(e, call->key0, 8); break;
	case WIRE_ARG_STRING: take_string(e, call->key0, call->key1); break;
	case WIRE_ARG_POINTER:
		if (plan)
			take_pointed(e, call->key0, plan, copy);
		break;
	}
}

/* Tells whether the key needs the big record. */
static __always_inline bool wants_big(const struct wire_event *e)
{
	return e->key_kind == WIRE_KEY_SEGMENTS ||
	       (key_bytes > WIRE_KEY_INLINE && e->key_kind == WIRE_KEY_STRING &&
		e->key_total > WIRE_KEY_INLINE);
}

/* Adds a segment to the work list. It is read when its turn comes. */
static __always_inline void segment_add(struct wire_key *key, uint64_t addr, uint64_t type,
					uint64_t tab, uint64_t want)
{
	uint32_t n = key->nsegments;

	if (n >= WIRE_SEGMENTS) {
		key->truncated = 1;
		return;
	}
	key->segment[n & (WIRE_SEGMENTS - 1)] =
		(struct wire_segment){.addr = addr,
				      .type = type,
				      .tab = tab,
				      .want = want > 0xffffffff ? 0xffffffff : want};
	key->nsegments = n + 1;
}

/* What is needed to read the segments. It lies in the big record: `bias` and `root` are where the stack will
 * be. As arguments they would take BPF stack in each function. */
struct segment_work {
	struct wire_key key;
	uint64_t bias;
	uint64_t root; /* as in struct call */
};

/* The two functions below are global for the same reason as type_index(). */

/* Does one step of a plan: follows the string or interface whose two words are w0 and w1. */
__noinline int segment_follow(struct segment_work *work, uint32_t op, uint64_t w0, uint64_t w1)
{
	struct wire_type *known;
	uint64_t type = w0;
	uint32_t index;

	if (!work)
		return 0;
	if (op == WIRE_STEP_STRING) {
		if (w1)
			segment_add(&work->key, w0, 0, 0, w1);
		return 0;
	}
	/* The dynamic type is the second word of itab{inter, _type, ...} (runtime/iface.go). */
	if (w0 && op == WIRE_STEP_IFACE &&
	    bpf_probe_read_user(&type, sizeof(type), (void *)(w0 + 8)))
		return 0;
	if (!type)
		return 0;
	/* This call is inlined: the verifier allows 512 bytes of stack, of which a third call would
	 * take 32. */
	index = type_lookup(type - work->bias);
	known = bpf_map_lookup_elem(&types, &index);
	if (!known && several_modules)
		known = type_elsewhere(type);
	segment_add(&work->key, w1, type, w0, known && !known->direct ? known->plan.size : 0);
	return 0;
}

/* Reads segment i, then queues the segments that it points to. */
__noinline int segment_read(struct segment_work *work, uint32_t i)
{
	struct wire_segment *segment;
	struct wire_type *known;
	uint8_t *bytes;
	uint32_t n;

	if (!work || i >= WIRE_SEGMENTS)
		return 0;
	segment = &work->key.segment[i];
	bytes = work->key.bytes[i];
	n = segment->want;
	if (!segment->type && n > key_bytes)
		n = key_bytes;
	bound(n, WIRE_KEY_SEGMENT);
	segment->len = 0;
	if (!n || bpf_probe_read_user(bytes, n, (void *)segment->addr))
		return 0;
	segment->len = n;
	if (!segment->type)
		return 0;
	known = type_find(i ? segment->type : work->root, work->bias);
	if (!known || (i && known->direct))
		return 0;
	/* Read again, because the verifier would check the loop once for each way to a length. */
	asm volatile("" : : : "memory");
	n = segment->len;
#pragma clang loop unroll(disable)
	for (uint32_t s = 0; s < WIRE_STEPS; s++) {
		uint64_t end;

		if (s >= known->plan.nsteps)
			break;
		end = (known->step[s].offset & ~7u) + 16;
		asm volatile("" : "+r"(end));
		if (end > n || end > WIRE_KEY_SEGMENT)
			break;
		segment_follow(work, known->step[s].op, *(uint64_t *)(bytes + end - 16),
			       *(uint64_t *)(bytes + end - 8));
	}
	return 0;
}

/* Reads all segments of the key of e. */
static __always_inline void take_segments(struct segment_work *work, const struct wire_event *e,
					  const struct call *call)
{
	struct wire_type *known = type_find(call->root, call->bias);
	struct wire_key *key = &work->key;

	work->bias = call->bias;
	work->root = call->root;
	key->nsegments = 0;
	key->truncated = 0;
	if (e->key_kind == WIRE_KEY_STRING) {
		segment_add(key, call->key0, 0, 0, e->key_total);
		if (call->key_arg == WIRE_ARG_POINTER) /* key0 points to the string's two words */
			bpf_probe_read_user(&key->segment[0].addr, 8, (void *)call->key0);
	} else if (known) {
		segment_add(key, call->key0, call->root + known->key_type, 0, known->plan.size);
	}
#pragma clang loop unroll(disable)
	for (uint32_t i = 0; i < WIRE_SEGMENTS; i++) {
		if (i >= key->nsegments)
			break;
		segment_read(work, i);
	}
}

#endif
