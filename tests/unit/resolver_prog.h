/* A program and records of its removals, for tests of watch/resolve. The records are literals,
 * which each test changes. */
#ifndef UNIT_RESOLVER_PROG_H
#define UNIT_RESOLVER_PROG_H

#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "goprog.h"
#include "watch/resolve/resolve.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

#define BIAS	 0x555500000000ull
#define MAP_TYPE "map[string]int"

/* ---- the program ---- */

struct program {
	uint64_t time_ns; /* of the last event */
	struct goprog go;
	struct placements placements;
	struct filter filter;
	struct resolver *resolver;
	struct gotype_module other; /* find_other() has found it */
	uint64_t faststr, reflect, swiss, start, user, caller, wrapper, goexit;
	uint64_t string, integer, eface, pair;
	uint64_t map_string, map_int, map_any, map_pair;
};

static inline void add_types(struct program *p)
{
	struct goprog *go = &p->go;

	p->string = goprog_scalar(go, GOTYPE_STRING);
	p->integer = goprog_scalar(go, GOTYPE_INT);
	p->eface = goprog_eface(go);
	p->pair = goprog_type(
		go, &(struct goprog_type){.name = "main.pair",
					  .kind = GOTYPE_STRUCT,
					  .named = true,
					  .size = 24,
					  .ptr_bytes = 8,
					  .fields = (struct goprog_field[]){{"S", p->string, 0},
									    {"N", p->integer, 16}},
					  .nfields = 2});
	p->map_string = goprog_map(go, MAP_TYPE, p->string);
	p->map_int = goprog_map(go, "map[int]int", p->integer);
	p->map_any = goprog_map(go, "map[interface {}]int", p->eface);
	p->map_pair = goprog_map(go, "main.pairs", p->pair);
}

static uint64_t add_func(struct program *p, const char *name, uint32_t line, uint8_t func_id)
{
	static const uint8_t nops[64] = {0x90};

	return goprog_func(&p->go, &(struct goprog_func){.name = name,
							 .line = line,
							 .func_id = func_id,
							 .code = nops,
							 .size = sizeof(nops)});
}

static inline void add_placement(struct program *p, uint64_t addr, enum spot_role role)
{
	struct spot spot = {.addr = addr, .role = role};

	assert_true(vec_push(&p->placements.list, spot));
}

/* The heap of a process: one map type that reflect made. Process 1 has none. */
#define HEAP 0xc000400000ull

static inline size_t read_heap(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct program *p = ctx;
	uint8_t bytes[128] = {0};
	uint64_t words[] = {p->integer + BIAS, p->integer + BIAS}; /* Key, Elem */

	if (addr < HEAP || addr - HEAP > sizeof(bytes) || size > sizeof(bytes) - (addr - HEAP))
		return 0;
	bytes[0] = bytes[8] = 8;   /* Size, PtrBytes */
	bytes[21] = bytes[22] = 8; /* Align, FieldAlign */
	bytes[23] = GOTYPE_MAP;
	bytes[43] = 0x80; /* Str: negative */
	memcpy(bytes + 48, words, sizeof(words));
	memcpy(to, bytes + (addr - HEAP), size);
	return size;
}

static inline struct memory memory_of(void *ctx, pid_t pid)
{
	return pid == 1 ? (struct memory){0} : (struct memory){ctx, read_heap};
}

/* Another module of process 4242: the same file, loaded a second time at this bias. */
#define OTHER_BIAS 0x7f0000000000ull

static inline const struct gotype_module *find_other(void *ctx, pid_t pid, uint64_t addr)
{
	struct program *p = ctx;

	p->other = (struct gotype_module){p->go.tab, p->go.image, OTHER_BIAS};
	return pid == 4242 && image_at(p->go.image, addr - OTHER_BIAS, 1) ? &p->other : NULL;
}

static inline void open_program_deep(struct program *p, bool swiss, uint32_t stack_max)
{
	struct resolver_options options;
	struct engine_module module;

	*p = (struct program){.placements = {.maps = swiss ? GO_MAPS_SWISS : GO_MAPS_CLASSIC}};
	goprog_begin(&p->go, 26);
	add_types(p);
	p->faststr = add_func(p, "runtime.mapdelete_faststr", 300, 0);
	p->reflect = add_func(p, "reflect.mapdelete", 400, 0);
	p->swiss = add_func(p, "internal/runtime/maps.(*Map).Delete", 500, 0);
	p->start = add_func(p, "runtime.main", 600, 0);
	p->user = add_func(p, "main.(*store).drop", 61, 0);
	p->caller = add_func(p, "main.main", 12, 0);
	p->wrapper = add_func(p, "main.wrap", 1, goprog_wrapper_id(&p->go));
	p->goexit = add_func(p, "runtime.goexit", 2000, 0);
	goprog_open(&p->go);
	add_placement(p, p->faststr + 16, SPOT_REMOVAL);
	add_placement(p, p->start + 8, SPOT_START);
	options = (struct resolver_options){.filter = &p->filter,
					    .stack_max = stack_max,
					    .memory = memory_of,
					    .memory_ctx = p,
					    .find_module = find_other,
					    .find_module_ctx = p};
	module = (struct engine_module){
		.image = p->go.image, .tab = p->go.tab, .placements = &p->placements};
	assert_null(resolver_open(&options, &p->resolver));
	assert_null(resolver_add(p->resolver, &module));
}

static inline void open_program(struct program *p, bool swiss)
{
	open_program_deep(p, swiss, 64);
}

static inline void close_program(struct program *p)
{
	resolver_close(p->resolver);
	vec_fini(&p->placements.list);
	filter_fini(&p->filter);
	goprog_close(&p->go);
}

/* ---- fixtures: a test finds its struct program in *state ---- */

static inline int set_up(void **state, bool swiss, uint32_t stack_max)
{
	struct program *p = malloc(sizeof(*p));

	assert_non_null(p);
	open_program_deep(p, swiss, stack_max);
	*state = p;
	return 0;
}

static inline int set_up_swiss(void **state)
{
	return set_up(state, true, 64);
}

static inline int set_up_classic(void **state)
{
	return set_up(state, false, 64);
}

static inline int set_up_deep_stacks(void **state)
{
	return set_up(state, true, 512);
}

static inline int tear_down(void **state)
{
	close_program(*state);
	free(*state);
	return 0;
}

#define WITH_SWISS(test)       cmocka_unit_test_setup_teardown(test, set_up_swiss, tear_down)
#define WITH_CLASSIC(test)     cmocka_unit_test_setup_teardown(test, set_up_classic, tear_down)
#define WITH_DEEP_STACKS(test) cmocka_unit_test_setup_teardown(test, set_up_deep_stacks, tear_down)

/* ---- records ---- */

struct record {
	struct wire_event event;
	uint64_t stack[32];
};

struct big_record {
	struct wire_event event;
	struct wire_key key;
	uint64_t stack[4];
};

/* Makes the record of a removal of "user:42", deleted in main.(*store).drop, which main.main
 * called. */
static inline struct record ordinary(const struct program *p)
{
	struct record r = {
		.event =
			{
				.time_ns = 1000,
				.ip = p->faststr + 16 + BIAS,
				.goid = 37,
				.map = 0xc000012000,
				.type = p->map_string + BIAS,
				.pid = 4242,
				.tid = 4243,
				.nstack = 3,
				.key_len = 7,
				.kind = WIRE_DELETE,
				.flags = WIRE_REMOVED,
				.key_kind = WIRE_KEY_STRING,
				.key_total = 7,
				.key = "user:42",
				.header = {811},
			},
		.stack = {p->user + BIAS + 9, p->caller + BIAS + 9, p->goexit + BIAS + 1},
	};

	return r;
}

static inline struct event_removal resolve_as(struct program *p, const void *record, size_t size,
					      enum resolved expected, enum event_kind *ret_kind)
{
	struct event event;
	enum resolved what;
	struct error *err = resolver_resolve(p->resolver, record, size, &what, &event);

	if (err)
		print_error("%s\n", err->text);
	assert_null(err);
	assert_int_equal(what, expected);
	*ret_kind = event.kind;
	p->time_ns = event.time_ns;
	return event.removal;
}

static inline struct event_removal resolve(struct program *p, const struct record *r)
{
	enum event_kind kind;
	size_t size = sizeof(r->event) + r->event.nstack * sizeof(uint64_t);
	cleanup_free void *exact = malloc(size); /* so that a read past its end is detected */
	struct event_removal event;

	memcpy(exact, r, size);
	event = resolve_as(p, exact, size, RESOLVED_EVENT, &kind);
	assert_int_equal(kind, r->event.kind == WIRE_CLEAR ? EVENT_CLEAR : EVENT_DELETE);
	if (event.key_n && r->event.key_kind == WIRE_KEY_STRING)
		event.key = NULL; /* its bytes were freed with the copy */
	return event;
}

static inline void check_key(const struct event_removal *event, const char *expected)
{
	struct buf text = {0};

	assert_true(event->key_n > 0);
	value_text(&text, event->key, event->key_n);
	assert_string_equal(buf_cstr(&text), expected);
	buf_fini(&text);
}

static inline struct event_removal check_record_key(struct program *p, const struct record *r,
						    const char *expected)
{
	enum event_kind kind;
	struct event_removal event = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);

	check_key(&event, expected);
	return event;
}

static inline void check_frame(const struct frame *frame, const char *func, const char *file,
			       uint32_t line, uint64_t pc)
{
	assert_string_equal(frame->func, func);
	assert_string_equal(frame->file, file);
	assert_int_equal(frame->line, line);
	assert_int_equal(frame->pc, pc);
}

static inline struct big_record *big(const struct program *p)
{
	struct big_record *r = calloc(1, sizeof(*r));
	struct record small = ordinary(p);

	assert_non_null(r);
	r->event = small.event;
	r->event.flags |= WIRE_BIG;
	r->event.key_kind = WIRE_KEY_SEGMENTS;
	r->event.key_len = 0;
	memcpy(r->stack, small.stack, 3 * sizeof(uint64_t));
	return r;
}

static inline void set_segment(struct big_record *r, uint32_t i, uint64_t addr, uint64_t type,
			       const void *bytes, uint32_t len)
{
	r->key.segment[i] = (struct wire_segment){
		.addr = addr, .type = type, .want = len, .len = len, .tab = i ? type : 0};
	memcpy(r->key.bytes[i], bytes, len);
	r->key.nsegments = i + 1;
}

#endif
