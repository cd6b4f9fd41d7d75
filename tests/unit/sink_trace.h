/* The trace in all golden files of the sinks. Its events are literals, from ordinary to hostile.
 * Only sink_play.h includes it. */
#ifndef TESTS_SINK_TRACE_H
#define TESTS_SINK_TRACE_H

#include <math.h>

#include "show/sink/sink.h"
#include "base/frame.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

#define FRAME(func_, file_, line_, inlined_)                                                 \
	{                                                                                    \
		.pc = 0x4a3b00 + (line_), .func = (func_), .file = (file_), .line = (line_), \
		.inlined = (inlined_)                                                        \
	}
#define STRING(s)                                                              \
	{                                                                      \
		.kind = VALUE_STRING, .bytes = (s), .bytes_len = sizeof(s) - 1 \
	}
#define NAMED(s) .name = (s), .name_len = sizeof(s) - 1

static const struct event_probe probes[] = {
	{"runtime.mapdelete_faststr", 88, 0x401058, "removal", "first emulated instruction"},
	{"runtime.mapclear", 12, 0x40200c, "clear", "after the \"stack check\""},
};

static const struct event start = {
	.kind = EVENT_START,
	.time_ns = 1000000000000,
	.start =
		{
			.version = "0.1.0",
			.engine = "uprobe",
			.arch = "x86_64",
			.pid = 4242,
			.own_pid = 4242,
			.exe = "/srv/shop/bin/shop",
			.build_id = "abc/def",
			.bias = 0x555555554000,
			.go = "go1.26.5",
			.layout = "swiss",
			.stripped = true,
			.links = "file",
			.wall_ns = 1786000000000000000,
			.ready_ms = 12.3449,
			.probes = {probes, ARRAY_SIZE(probes)},
		},
};

static const struct frame sweep[] = {
	FRAME("example.com/shop/store.(*store).sweep", "/src/shop/store/store.go", 61, true),
	FRAME("example.com/shop/store.(*store).run", "/src/shop/store/store.go", 40, false),
	FRAME("main.main.func1", "/src/shop/main.go", 12, false),
};
static const struct frame logout[] = {
	FRAME("main.(*server).logout", "/src/shop/server.go", 117, false),
	FRAME("net/http.(*conn).serve", "/usr/lib/go/src/net/http/server.go", 1995, false),
};
static const struct frame expire[] = {
	FRAME("maps.DeleteFunc[...]", "/usr/lib/go/src/maps/maps.go", 60, true),
	FRAME("main.(*cart).expire", "/src/shop/cart.go", 203, false),
};
static const struct frame evil[] = {
	FRAME("main.\x1b[2J\x07(*x\xff).del", "/src/\x1b]0;owned\x07/a\nb.go", 4294967295, false),
	FRAME("", "", 0, false),
};

static const struct map_state swiss[] = {
	{"tables", 1, false},
	{"slots", 1024, false},
	{"growing", 1, true},
	{"tombstones", UINT64_MAX, false},
};

static const struct value user = STRING("user:42");
static const struct value item[] = {
	{.kind = VALUE_STRUCT, .n = 3, .type = "main.item"},
	{.kind = VALUE_INT, NAMED("SKU"), .i = INT64_MIN},
	{.kind = VALUE_FLOAT, NAMED("Weight"), .bits = 64, .f = (double)NAN},
	{.kind = VALUE_STRING, NAMED("Size"), .bytes = "größe", .bytes_len = 7},
};
static const struct value bad_utf8 = STRING("\xff\x00\x1b[31m\xc3\xa9");
static const struct value escapes = STRING("\x1b]0;owned\x07\xc2\x9b"
					   "31m\r\n\0\"");
static const struct value cut_key = {
	.kind = VALUE_STRING,
	.cut = true,
	.bytes = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.bytes_len = 64,
	.whole = 300,
};
static const struct value unread[] = {
	{.kind = VALUE_INTERFACE, .n = 1, .type = "main.id"},
	{.kind = VALUE_UNREAD, .bytes = "not\nmapped", .bytes_len = 10},
};
static const struct value huge = {.kind = VALUE_UINT, .u = UINT64_MAX};

/* Makes an ordinary removal. The caller changes what it needs. */
static struct event plain(uint64_t micros)
{
	return (struct event){
		.kind = EVENT_DELETE,
		.time_ns = start.time_ns + micros * 1000,
		.removal =
			{
				.pid = 4242,
				.tid = 4250,
				.goid = 37,
				.map = 0xc00012a000,
				.map_type = "map[string]*store.session",
				.func = "runtime.mapdelete_faststr",
				.gc = EVENT_GC_OFF,
				.removed = true,
				.len_before = 812,
				.len_after = 811,
				.key = &user,
				.key_n = 1,
				.state = swiss,
				.state_n = 2,
				.stack = sweep,
				.stack_n = ARRAY_SIZE(sweep),
				.stack_id = 1,
				.type_id = 1,
			},
	};
}

typedef void emit_fn(void *to, const struct event *event);

static void emit_ordinary(emit_fn *emit, void *to)
{
	struct event event = plain(0);

	emit(to, &event);
	event = plain(17);
	event.removal.goid = 1044;
	event.removal.stack = logout;
	event.removal.stack_n = ARRAY_SIZE(logout);
	event.removal.stack_id = 2;
	event.removal.len_before = 811;
	event.removal.len_after = 810;
	emit(to, &event);
	event.removal.removed = false;
	event.removal.len_after = 811;
	event.time_ns += 1000999;
	emit(to, &event);
	event.removal.panicked = true;
	event.removal.stack_error = "frame pointer \x1b[1m is 0";
	emit(to, &event);
	event = plain(999999);
	event.removal.map_type = "map[main.item]int";
	event.removal.type_id = 2;
	event.removal.stack = expire;
	event.removal.stack_n = ARRAY_SIZE(expire);
	event.removal.stack_id = 3;
	event.removal.key = item;
	event.removal.key_n = ARRAY_SIZE(item);
	event.removal.gc = EVENT_GC_MARK;
	event.removal.state_n = ARRAY_SIZE(swiss);
	emit(to, &event);
	event.time_ns += 1000;
	event.removal.key = NULL;
	event.removal.key_n = 0;
	event.removal.len_before = 96;
	event.removal.len_after = 0;
	event.removal.on_stack = true;
	event.removal.gc = EVENT_GC_MARKTERMINATION;
	event.removal.func = "internal/runtime/maps.(*Map).Clear";
	event.kind = EVENT_CLEAR;
	emit(to, &event);
}

static void emit_keys(emit_fn *emit, void *to)
{
	static const struct {
		const struct value *key;
		size_t n;
		const char *error;
	} keys[] = {
		{&bad_utf8, 1, NULL}, {&escapes, 1, NULL},	{&cut_key, 1, NULL},
		{unread, 2, NULL},    {NULL, 0, "page\tfault"}, {&huge, 1, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct event event = plain(59999999 + i);

		event.removal.key = keys[i].key;
		event.removal.key_n = keys[i].n;
		event.removal.key_error =
			keys[i].error ? keys[i].error : value_error(keys[i].key, keys[i].n);
		event.removal.gc = EVENT_GC_UNKNOWN;
		event.removal.stack_cut = i == 2;
		emit(to, &event);
	}
}

static void emit_evil(emit_fn *emit, void *to)
{
	struct event event = plain(3600000000);

	event.removal.map_type = "map[\x1b[5m\xfe]struct { X int \"json:\\\"x\\\"\" }";
	event.removal.type_id = 9;
	event.removal.stack = evil;
	event.removal.stack_n = ARRAY_SIZE(evil);
	event.removal.stack_id = 9;
	event.removal.goid = UINT64_MAX;
	event.removal.len_before = UINT64_MAX;
	event.removal.len_after = UINT64_MAX - 1;
	emit(to, &event);
	event.removal.stack = NULL;
	event.removal.stack_n = 0;
	event.removal.stack_id = 10;
	event.removal.map_type = "";
	event.removal.type_id = 10;
	emit(to, &event);
}

static void emit_all(emit_fn *emit, void *to)
{
	emit_ordinary(emit, to);
	emit_keys(emit, to);
	emit_evil(emit, to);
}

#endif
