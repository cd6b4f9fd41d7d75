#include "show/event/event.h"

/* Declares a member: its name, its type, its offset in struct event. */
#define MEMBER(name_, type_, at_)                                                     \
	{                                                                             \
		.name = ",\"" name_ "\":", .name_len = sizeof(",\"" name_ "\":") - 1, \
		.type = EVENT_##type_, .offset = offsetof(struct event, at_)          \
	}
/* Declares a member that is the same in each record of its kind. */
#define CONSTANT(text_)                                                                      \
	{                                                                                    \
		.name = "," text_, .name_len = sizeof("," text_) - 1, .type = EVENT_CONSTANT \
	}

static const struct event_member start[] = {
	CONSTANT("\"schema\":2"),
	MEMBER("time", TIME, time_ns),
	MEMBER("version", STRING, start.version),
	MEMBER("engine", STRING, start.engine),
	MEMBER("arch", STRING, start.arch),
	MEMBER("pid", U32, start.pid),
	MEMBER("own_pid", U32, start.own_pid),
	MEMBER("exe", STRING, start.exe),
	MEMBER("build_id", STRING, start.build_id),
	MEMBER("bias", ADDRESS, start.bias),
	MEMBER("go", STRING, start.go),
	MEMBER("layout", STRING, start.layout),
	MEMBER("stripped", BOOL, start.stripped),
	MEMBER("links", STRING, start.links),
	/* Both clocks at the same moment. They turn any time_ns into a time of day. */
	CONSTANT("\"clock\":\"monotonic\""),
	MEMBER("time_ns", NS, time_ns),
	MEMBER("wall_ns", NS, start.wall_ns),
	MEMBER("ready_ms", DECIMAL, start.ready_ms),
	MEMBER("cgroup", STRING, start.cgroup),
	MEMBER("runtime", STRING, start.runtime),
	MEMBER("container", STRING, start.container),
	MEMBER("container_name", STRING, start.container_name),
	MEMBER("pod", STRING, start.pod),
	MEMBER("namespace", STRING, start.namespace),
	MEMBER("image", STRING, start.image),
	MEMBER("probes", PROBES, start.probes),
	MEMBER("modules", MODULES, start),
};

static const struct event_member module[] = {
	MEMBER("time", TIME, time_ns),		 MEMBER("time_ns", NS, time_ns),
	MEMBER("pid", U32, module.pid),		 MEMBER("path", STRING, module.path),
	MEMBER("build", STRING, module.build),	 MEMBER("build_id", STRING, module.build_id),
	MEMBER("bias", ADDRESS, module.bias),	 MEMBER("go", STRING, module.go),
	MEMBER("layout", STRING, module.layout), MEMBER("stripped", BOOL, module.stripped),
	MEMBER("probes", PROBES, module.probes),
};

/* The members that a delete and a clear share. A delete also has a key. */
#define REMOVAL_HEAD                                                                        \
	CONSTANT("\"kind\":\"go\""), MEMBER("time", TIME, time_ns),                         \
		MEMBER("time_ns", NS, time_ns), MEMBER("pid", U32, removal.pid),            \
		MEMBER("tid", U32, removal.tid), MEMBER("goid", GOID, removal.goid),        \
		MEMBER("map", ADDRESS, removal.map), MEMBER("map_type", MAP_TYPE, removal), \
		MEMBER("on_stack", FLAG, removal.on_stack)
#define REMOVAL_TAIL                                                                          \
	MEMBER("removed", BOOL, removal.removed), MEMBER("panicked", FLAG, removal.panicked), \
		MEMBER("len_before", LENGTH, removal.len_before),                             \
		MEMBER("len_after", LENGTH, removal.len_after),                               \
		MEMBER("func", STRING, removal.func), MEMBER("gc", GC, removal.gc),           \
		MEMBER("state", STATE, removal), MEMBER("stack", STACK, removal),             \
		MEMBER("stack_cut", FLAG, removal.stack_cut),                                 \
		MEMBER("stack_error", STRING, removal.stack_error),                           \
	{                                                                                     \
		.name = "", .type = EVENT_LOOK                                                \
	} /* several members */

static const struct event_member delete[] = {
	REMOVAL_HEAD,
	MEMBER("key", KEY, removal),
	REMOVAL_TAIL,
};
static const struct event_member clear[] = {REMOVAL_HEAD, REMOVAL_TAIL};

static const struct event_member exits[] = {
	MEMBER("time", TIME, time_ns),
	MEMBER("pid", U32, exit.pid),
	{.name = "", .type = EVENT_EXIT_STATUS}, /* its name depends on its value */
};

static const struct event_member gap[] = {
	MEMBER("time", TIME, time_ns),	    MEMBER("pid", U32, gap.pid),
	MEMBER("from_ns", NS, gap.from_ns), MEMBER("to_ns", NS, gap.to_ns),
	MEMBER("why", STRING, gap.why),
};

static const struct event_member sample[] = {
	MEMBER("time", TIME, time_ns),
	MEMBER("time_ns", NS, time_ns),
	MEMBER("by", STRING, sample.by),
	MEMBER("fraction", DECIMAL, sample.fraction),
};

static const struct event_member end[] = {
	MEMBER("time", TIME, time_ns),
	MEMBER("hits", U64, end.hits),
	MEMBER("removed", U64, end.removed),
	MEMBER("cleared", U64, end.cleared),
	MEMBER("clears_unknown", U64, end.clears_unknown),
	MEMBER("misses", MISSES, end),
	MEMBER("delivered", U64, end.delivered),
	MEMBER("filtered", U64, end.filtered),
	MEMBER("sampled", U64, end.sampled),
	MEMBER("lost", LOST, end),
	MEMBER("gaps", U64, end.gaps),
	MEMBER("overhead", OVERHEAD, end),
	MEMBER("sample", SAMPLED, end),
	MEMBER("looks", LOOKS, end),
	MEMBER("sinks", SINKS, end),
	MEMBER("seconds", DECIMAL, end.seconds),
	MEMBER("status", STATUS, end),
};

static const struct event_schema schemas[EVENT_KINDS] = {
	[EVENT_START] = {"{\"event\":\"start\"", start, ARRAY_SIZE(start)},
	[EVENT_MODULE] = {"{\"event\":\"module\"", module, ARRAY_SIZE(module)},
	[EVENT_DELETE] = {"{\"event\":\"delete\"", delete, ARRAY_SIZE(delete)},
	[EVENT_CLEAR] = {"{\"event\":\"clear\"", clear, ARRAY_SIZE(clear)},
	[EVENT_EXIT] = {"{\"event\":\"exit\"", exits, ARRAY_SIZE(exits)},
	[EVENT_GAP] = {"{\"event\":\"gap\"", gap, ARRAY_SIZE(gap)},
	[EVENT_SAMPLE] = {"{\"event\":\"sample\"", sample, ARRAY_SIZE(sample)},
	[EVENT_END] = {"{\"event\":\"end\"", end, ARRAY_SIZE(end)},
};

const struct event_schema *event_schema(enum event_kind kind)
{
	return &schemas[kind];
}
