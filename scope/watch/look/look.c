/* What is known of the maps of processes, and the requests for looks. All of it is in the thread of the session. */
#include "watch/look/look_priv.h"
#include "base/clock.h"
#include "live/heap/heap.h"
#include "live/process/process.h"

#define REST_MIN_NS 250000000ull
#define QUIET_NS    10000000000ull /* a process without events for so long gives its place away */
enum {
	REST_FACTOR = 49, /* a rest is so many times as long as the look before it: 2 % of a CPU */
	PROCESSES_MAX = 64,
	NAMES_MAX = 1 << 16,
	FAILED_TOLD = 3, /* so many looks in a row: before that, a process may only be beginning */
};

/* A process that events have come from. */
struct looked {
	pid_t pid;
	uint32_t generation;	    /* of its program */
	struct look_result *result; /* of the last look; NULL: there is none */
	VEC(uint32_t) names;	    /* by type of the result: the index in look.names */
	bool wanted;		    /* something is not known */
	bool active;		    /* there were events since the last look */
	uint64_t used_ns;	    /* the last event */
	uint64_t serial;	    /* of the result */
	/* How often the collector has run. It was read between these times. */
	uint32_t cycles;
	uint64_t cycles_from_ns, cycles_to_ns; /* 0: it was not read */
	unsigned failed;		       /* looks in a row */
	bool told_no_holders;
	uint64_t next_ns; /* after a failed look: none before this time */
};

struct look {
	struct look_options options;
	struct worker *worker;
	VEC(struct looked *) processes;
	struct looked *last; /* that was found last */
	size_t turn;	     /* of the process that is looked at next */
	uint32_t generations;
	uint64_t rests_ns; /* no look begins before this time */
	VEC(char *) names; /* of types */
	struct name_index *names_at;
	uint64_t results; /* that were taken */
	struct look_totals totals;
	size_t processes_max;
	bool failed; /* memory was out */
};

TOPHASH_MAP(name_index, struct tophash_str, uint32_t);

static void looked_free(struct looked *looked)
{
	look_result_free(looked->result);
	vec_fini(&looked->names);
	free(looked);
}

/* Returns how many processes are looked at. Tests make it smaller. */
static size_t processes_max(void)
{
	const char *text = getenv("TOPHASH_LOOKS_MAX");
	int max = text ? atoi(text) : 0;

	return max > 0 && max < PROCESSES_MAX ? (size_t)max : PROCESSES_MAX;
}

struct error *look_open(const struct look_options *options, struct look **ret)
{
	cleanup(look_close) struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return error_nomem();
	look->options = *options;
	look->processes_max = processes_max();
	look->names_at = calloc(1, sizeof(*look->names_at));
	if (!look->names_at)
		return error_nomem();
	try(worker_new(options->holders, &look->worker));
	*ret = take_ptr(look);
	return NULL;
}

void look_close(struct look *look)
{
	if (!look)
		return;
	worker_free(look->worker);
	vec_each(looked, &look->processes)
		looked_free(*looked);
	vec_fini(&look->processes);
	vec_each(name, &look->names)
		free(*name);
	vec_fini(&look->names);
	if (look->names_at)
		name_index_fini(look->names_at);
	free(look->names_at);
	free(look);
}

void look_totals(const struct look *look, struct look_totals *ret)
{
	*ret = look->totals;
}

/* ---- processes ---- */

static struct looked *find_looked(struct look *look, pid_t pid)
{
	if (look->last && look->last->pid == pid)
		return look->last;
	vec_each(looked, &look->processes)
		if ((*looked)->pid == pid)
			return look->last = *looked;
	return NULL;
}

static void drop(struct look *look, size_t at)
{
	looked_free(look->processes.data[at]);
	look->processes.data[at] = look->processes.data[--look->processes.len];
	look->last = NULL;
}

/* Drops the process whose last event is oldest, if it is quiet. */
static bool drop_quiet(struct look *look, uint64_t time_ns)
{
	size_t at = 0;

	for (size_t i = 1; i < look->processes.len; i++)
		if (look->processes.data[i]->used_ns < look->processes.data[at]->used_ns)
			at = i;
	if (time_ns < look->processes.data[at]->used_ns + QUIET_NS)
		return false;
	drop(look, at);
	return true;
}

/* Finds a process, or adds it. *ret is NULL if there is no room for it at this time. */
static struct error *get_looked(struct look *look, pid_t pid, uint64_t time_ns, struct looked **ret)
{
	struct looked *looked = find_looked(look, pid);

	*ret = looked;
	if (looked || (look->processes.len >= look->processes_max && !drop_quiet(look, time_ns)))
		return NULL;
	looked = calloc(1, sizeof(*looked));
	if (!looked || !vec_push(&look->processes, looked)) {
		free(looked);
		return error_nomem();
	}
	looked->pid = pid;
	looked->generation = ++look->generations;
	looked->used_ns = time_ns;
	*ret = looked;
	return NULL;
}

static void tell_lack(const struct look *look, pid_t pid, enum look_lack lack, const char *why)
{
	if (look->options.lacks)
		look->options.lacks(look->options.ctx, pid, lack, why);
}

struct error *look_want(struct look *look, pid_t pid)
{
	struct looked *looked;

	try(get_looked(look, pid, now_ns(), &looked));
	if (looked)
		looked->wanted = true;
	return NULL;
}

void look_forget(struct look *look, pid_t pid)
{
	for (size_t i = 0; i < look->processes.len; i++)
		if (look->processes.data[i]->pid == pid) {
			drop(look, i);
			return;
		}
}

/* ---- results ---- */

/* Finds the number of a name. *ret is LOOK_NONE if there are too many: then nothing is told of the type. */
static struct error *name_number(struct look *look, const char *name, uint32_t *ret)
{
	const struct tophash_str key = {name, strlen(name)};
	const uint32_t *known = name_index_find(look->names_at, key);
	char *copy;

	*ret = known ? *known : LOOK_NONE;
	if (known || look->names.len >= NAMES_MAX)
		return NULL;
	copy = strdup(name);
	if (!copy || !vec_push(&look->names, copy)) {
		free(copy);
		return error_nomem();
	}
	*ret = (uint32_t)look->names.len - 1;
	return name_index_put(look->names_at, (struct tophash_str){copy, key.n}, *ret) < 0
		       ? error_nomem()
		       : NULL;
}

/* Takes a new result with the numbers of its types. Owns it. If memory is out, nothing is known of the process. */
static struct error *take_result(struct look *look, struct looked *looked,
				 struct look_result *result)
{
	cleanup(look_result_free) struct look_result *owned = result;

	look_result_free(looked->result);
	looked->result = NULL;
	looked->names.len = 0;
	vec_each(type, &result->types) {
		uint32_t number;

		try(name_number(look, *type, &number));
		if (!vec_push(&looked->names, number))
			return error_nomem();
	}
	looked->result = take_ptr(owned);
	return NULL;
}

static void take_failure(struct look *look, struct looked *looked, const struct look_result *result)
{
	look->totals.failed++;
	looked->wanted = true;
	looked->next_ns = now_ns() + REST_MIN_NS * ++looked->failed;
	if (looked->failed == FAILED_TOLD)
		tell_lack(look, looked->pid, LOOK_FAILED, result->why);
}

/* Takes the result of a look. Owns it. */
static struct error *take(struct look *look, struct look_result *result)
{
	struct looked *looked = find_looked(look, result->pid);
	uint64_t rest_ns = result->cpu_ns * REST_FACTOR;

	look->rests_ns = now_ns() + (rest_ns > REST_MIN_NS ? rest_ns : REST_MIN_NS);
	look->totals.cpu_ns += result->cpu_ns;
	if (!looked ||
	    looked->generation != result->generation) { /* it runs something else by now */
		look->totals.failed++;
		look_result_free(result);
		return NULL;
	}
	if (result->why) {
		take_failure(look, looked, result);
		look_result_free(result);
		return NULL;
	}
	looked->serial = ++look->results;
	looked->cycles_from_ns = looked->cycles_to_ns = 0;
	looked->failed = 0;
	if (result->no_holders && !looked->told_no_holders)
		tell_lack(look, looked->pid, LOOK_NO_HOLDERS, NULL);
	looked->told_no_holders |= result->no_holders;
	look->totals.done++;
	return take_result(look, looked, result);
}

/* ---- the next look ---- */

static bool is_due(const struct look *look, const struct looked *looked, uint64_t time_ns)
{
	if (time_ns < looked->next_ns)
		return false;
	return looked->wanted || (looked->active && looked->result &&
				  time_ns - looked->result->time_ns >= look->options.every_ns);
}

static void begin_next(struct look *look, uint64_t time_ns)
{
	size_t n = look->processes.len;

	if (time_ns < look->rests_ns || !worker_is_idle(look->worker))
		return;
	for (size_t i = 0; i < n; i++) {
		struct looked *looked = look->processes.data[(look->turn + i) % n];

		if (!is_due(look, looked, time_ns))
			continue;
		looked->wanted = looked->active = false;
		look->turn = (look->turn + i + 1) % n;
		worker_look(look->worker, looked->pid, looked->generation);
		return;
	}
}

static bool read_cycles(const struct look *look, struct looked *looked)
{
	struct memory memory = timely_memory(look->options.timely, looked->pid);
	uint64_t time_ns = now_ns();

	if (!looked->result || !heap_cycles_at(&memory, looked->result->cycles_at, &looked->cycles))
		return false;
	looked->cycles_from_ns = time_ns;
	looked->cycles_to_ns = now_ns();
	return true;
}

struct error *look_turn(struct look *look)
{
	struct look_result *result = NULL;

	if (look->failed)
		return error_nomem();
	if (worker_take(look->worker, &result)) {
		if (!result)
			return error_nomem();
		try(take(look, result));
	}
	vec_each(looked, &look->processes)
		if ((*looked)->active)
			read_cycles(look, *looked);
	begin_next(look, now_ns());
	return NULL;
}

/* ---- maps ---- */

/* Tells whether no cycle of the collector has ended from the time when the map was last known to have its seed, to that of
 * the event. */
static bool is_same_cycle(const struct look *look, struct looked *looked,
			  const struct look_seen *seen, const struct look_map *map)
{
	if (map->time_ns < looked->result->time_ns)
		return false;
	if (looked->cycles_from_ns < map->time_ns && !read_cycles(look, looked))
		return false;
	return looked->cycles == seen->cycles;
}

/* Tells whether the map of an event is the one that was seen. */
static bool is_seen(const struct look *look, struct looked *looked, struct look_seen *seen,
		    const struct look_map *map)
{
	if (!seen->sure)
		return false;
	if (seen->seed != map->seed || looked->result->clones) {
		if (map->on_stack || seen->by_stack || !is_same_cycle(look, looked, seen, map))
			return false;
		seen->seed = map->seed;
	}
	/* It was this map when the number was read, or later. */
	if (looked->cycles_to_ns && looked->cycles_to_ns <= map->time_ns)
		seen->cycles = looked->cycles;
	return true;
}

static void tell(const struct look *look, const struct looked *looked, const struct look_seen *seen,
		 struct look_found *ret)
{
	const struct look_result *result = looked->result;
	uint32_t name = seen->type == LOOK_NONE ? LOOK_NONE : looked->names.data[seen->type];

	*ret = (struct look_found){.time_ns = result->time_ns};
	if (name != LOOK_NONE) {
		ret->type = look->names.data[name];
		ret->type_id = 1ull << 63 | name;
	}
	if (seen->way != LOOK_NONE) {
		ret->held_text = result->ways.data[seen->way].text;
		ret->held_json = result->ways.data[seen->way].json;
		ret->held_id = (looked->serial << 32) + seen->way + 1;
	}
}

bool look_find(struct look *look, const struct look_map *map, struct look_found *ret)
{
	const uint32_t *at;
	struct looked *looked;
	struct look_seen *seen;
	struct error *err = get_looked(look, map->pid, map->time_ns, &looked);

	if (err) {
		error_free(err);
		look->failed = true;
		return false;
	}
	if (!looked) {
		if (!look->totals.no_room++)
			tell_lack(look, map->pid, LOOK_NO_ROOM, NULL);
		return false;
	}
	looked->active = true;
	looked->used_ns = map->time_ns;
	at = looked->result ? table_find(&looked->result->at, map->addr) : NULL;
	seen = at ? &looked->result->maps.data[*at] : NULL;
	if (!seen || !is_seen(look, looked, seen, map)) {
		/* A map on a stack is mostly in no list: a small one is not there as a whole. */
		looked->wanted |= !map->on_stack;
		return false;
	}
	tell(look, looked, seen, ret);
	return true;
}
