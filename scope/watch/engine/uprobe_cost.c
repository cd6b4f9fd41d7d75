/* Measures the cost of tracing for the traced program. A hit costs its trap, which calibrate.c
 * measures, and the time of its kernel program, which comes from the kernel's run-time statistics.
 * The statistics cost every BPF program on the machine about 20 ns a run. They are therefore on for
 * one second in ten at most. A process of its own switches them on and off (stats.h), and the kernel
 * switches them off when it ends. */
#include "watch/engine/calibrate.h"
#include "base/clock.h"

#define FIRST_WINDOW_NS 100000000ull  /* short, so that short runs have a result as well */
#define WINDOW_NS	1000000000ull /* of every ten seconds */
/* A window ends early after this many hits. In a program that deletes all the time, that takes 20
 * ms, and the statistics are on for 2 ms of each second. */
#define ENOUGH_HITS   20000
#define FIRST_WINDOWS 4		    /* follow one another as soon as they may */
#define SOON_NS	      3000000000ull /* between later ones, if they are wanted soon */
#define FEW_HITS      100	    /* too few to compute a price */
#define LOOK_NS	      100000000ull  /* interval at which new hits are looked for */

/* Adds the time and the runs of a program so far. */
static bool add_program(int program, bool stepped, struct cost_snapshot *ret)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (program < 0)
		return true;
	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return false;
	ret->runs += info.run_cnt;
	ret->programs_ns += (double)info.run_time_ns;
	if (stepped)
		ret->stepped += info.run_cnt;
	return true;
}

/* Adds those of a module's programs. */
static bool add_programs(const struct uprobe_module *module, struct cost_snapshot *ret)
{
	const struct trace_bpf *skel = module->skel;
	struct bpf_program *program = NULL;

	for (size_t path = 0; path < WIRE_PATHS; path++)
		if (!add_program(module->slow[path], false, ret))
			return false;
	while ((program = bpf_object__next_program(skel->obj, program))) {
		if (program == skel->progs.on_nothing || program == skel->progs.on_other ||
		    program == skel->progs.on_miss)
			continue;
		if (!add_program(bpf_program__fd(program), program == skel->progs.on_exit, ret))
			return false;
	}
	return true;
}

/* Adds up the time and the runs of all programs so far. */
static bool snapshot(const struct uprobe *uprobe, struct cost_snapshot *ret)
{
	struct engine_counters counters;

	*ret = (struct cost_snapshot){.time_ns = now_ns()};
	vec_each(module, &uprobe->modules)
		if (!(*module)->borrows && !add_programs(*module, ret))
			return false;
	uprobe->engine.ops->counters(&uprobe->engine, &counters);
	/* A pause ends the window a little late. */
	ret->runs -= counters.paused;
	ret->hits = counters.hits;
	ret->sampled = counters.sampled;
	return true;
}

/* Returns the cost of a trap that comes distance_ns after the previous one. If that is long, its code and
 * data are in no cache, and it costs up to five times as much. After 100 us nearly all is still there;
 * therefore the cost first grows as the square of the distance. From the first rest that was measured
 * to the next one it is a straight line. Programs delete in bursts, and then most hits follow soon
 * after another; only the mean distance is known. */
static double trap_after(const struct trap_cost *trap, double distance_ns)
{
	double from_ns = 0, from = trap->emulated;

	for (size_t i = 0; i < TRAP_RESTS; i++) {
		double to_ns = trap_rests[i];
		double to = trap->rested[i] > from ? trap->rested[i] : from;
		double part = (distance_ns - from_ns) / (to_ns - from_ns);

		if (distance_ns < to_ns)
			return from + (to - from) * (i ? part : part * part);
		from_ns = to_ns;
		from = to;
	}
	return from;
}

/* Returns the time of all traps of a window. */
static double traps_of(const struct cost_state *cost, const struct cost_snapshot *end)
{
	const struct trap_cost *trap = &cost->trap;
	double runs = (double)(end->runs - cost->begin.runs);
	double stepped = (double)(end->stepped - cost->begin.stepped);
	double distance_ns = (double)(end->time_ns - cost->begin.time_ns) / (runs > 1 ? runs : 1);
	double slower = trap_after(trap, distance_ns) / trap->emulated;

	return slower * ((runs - stepped) * trap->emulated + stepped * trap->stepped);
}

/* Updates the prices from a window. A hit costs kept_ns - share * (kept_ns - left_ns), where share
 * is the part of the hits that was sampled out. One window determines one of the two prices, and
 * the other is kept. At first, sampling out is assumed to save three quarters of the program's
 * time. */
static void set_prices(struct cost_state *cost, double share, double ns, double trap_ns)
{
	double known_kept = cost->kept_ns ? cost->kept_ns : ns;

	if (!cost->left_ns)
		cost->left_ns = trap_ns + (known_kept - trap_ns) / 4;
	if (share < 0.5)
		cost->kept_ns = ns + share * (known_kept - cost->left_ns);
	else
		cost->left_ns = known_kept - (known_kept - ns) / share;
	if (!cost->kept_ns)
		cost->kept_ns = known_kept;
	if (cost->left_ns > cost->kept_ns)
		cost->left_ns = cost->kept_ns;
	if (cost->left_ns < trap_ns)
		cost->left_ns = trap_ns;
}

static void end_window(struct uprobe *uprobe)
{
	struct cost_state *cost = &uprobe->cost;
	struct cost_snapshot end;
	double traps_ns;
	bool known = snapshot(uprobe, &end);

	stats_set(&cost->stats, false);
	cost->measures = false;
	if (!known || end.time_ns == cost->begin.time_ns)
		return;
	cost->soon_ns = end.time_ns + 9 * (end.time_ns - cost->begin.time_ns);
	/* To switch the statistics on or off interrupts each CPU. */
	if (cost->windows++ >= FIRST_WINDOWS && cost->soon_ns < end.time_ns + SOON_NS)
		cost->soon_ns = end.time_ns + SOON_NS;
	traps_ns = traps_of(cost, &end);
	cost->hits = (double)(end.hits - cost->begin.hits);
	cost->cost_ns = end.programs_ns - cost->begin.programs_ns + traps_ns;
	cost->seconds = (double)(end.time_ns - cost->begin.time_ns) / 1e9;
	cost->all_hits += cost->hits;
	cost->all_cost_ns += cost->cost_ns;
	if (cost->hits < FEW_HITS)
		return;
	cost->trap_ns = traps_ns / (double)(end.runs - cost->begin.runs);
	set_prices(cost, (double)(end.sampled - cost->begin.sampled) / cost->hits,
		   cost->cost_ns / cost->hits, traps_ns / cost->hits);
}

static void begin_window(struct uprobe *uprobe)
{
	struct cost_state *cost = &uprobe->cost;

	cost->measures = stats_set(&cost->stats, true) && snapshot(uprobe, &cost->begin);
	if (cost->measures)
		return;
	cost->failed = true;
	stats_set(&cost->stats, false);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void read_calibration(struct cost_state *cost)
{
	switch (calibrate_read(cost->calibrator, &cost->trap)) {
	case CALIBRATION_RUNS: return;
	case CALIBRATION_DONE: cost->calibrated = true; break;
	case CALIBRATION_FAILED: cost->failed = true; break;
	}
	close_fd(&cost->calibrator);
}

static uint64_t count_hits(const struct uprobe *uprobe)
{
	struct engine_counters counters;

	uprobe->engine.ops->counters(&uprobe->engine, &counters);
	return counters.hits;
}

/* Tells whether there were hits since the last call. Without hits there is nothing to measure. */
static bool has_hits(struct uprobe *uprobe)
{
	uint64_t seen = uprobe->cost.seen_hits;

	uprobe->cost.seen_hits = count_hits(uprobe);
	return uprobe->cost.seen_hits != seen;
}

static bool window_is_over(const struct uprobe *uprobe, uint64_t time_ns)
{
	const struct cost_state *cost = &uprobe->cost;

	return time_ns - cost->begin.time_ns >= cost->window_ns ||
	       count_hits(uprobe) - cost->begin.hits >= ENOUGH_HITS;
}

void uprobe_measure_begin(struct uprobe *uprobe)
{
	struct cost_state *cost = &uprobe->cost;

	cost->window_ns = FIRST_WINDOW_NS;
	cost->failed = !calibrate_start(uprobe, uprobe->options->misses, &cost->calibrator_pid,
					&cost->calibrator);
	stats_start(&cost->stats);
}

void uprobe_measure(struct engine *engine, uint64_t time_ns)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct cost_state *cost = &uprobe->cost;

	if (cost->failed)
		return;
	if (!cost->calibrated) {
		read_calibration(cost);
	} else if (!cost->measures) {
		if (time_ns < cost->next_ns)
			return;
		cost->next_ns = time_ns + LOOK_NS;
		if (!uprobe->paused && has_hits(uprobe))
			begin_window(uprobe);
	} else if (window_is_over(uprobe, time_ns)) {
		cost->next_ns = cost->begin.time_ns + 10 * cost->window_ns;
		cost->window_ns = WINDOW_NS;
		end_window(uprobe);
	}
}

void uprobe_measure_cut(struct uprobe *uprobe)
{
	if (uprobe->cost.measures)
		end_window(uprobe);
}

void uprobe_measure_soon(struct uprobe *uprobe)
{
	struct cost_state *cost = &uprobe->cost;

	if (cost->measures || cost->failed)
		return;
	cost->next_ns = cost->soon_ns < cost->next_ns ? cost->soon_ns : cost->next_ns;
	cost->seen_hits = UINT64_MAX; /* there will be hits */
}

void uprobe_measure_stop(struct uprobe *uprobe)
{
	uprobe_measure_cut(uprobe);
	close_fd(&uprobe->cost.calibrator);
	calibrate_stop(&uprobe->cost.calibrator_pid);
	stats_stop(&uprobe->cost.stats);
	uprobe->cost.failed = true; /* it must not begin again */
}

void uprobe_measure_end(struct uprobe *uprobe)
{
	uprobe_measure_stop(uprobe);
	calibrate_wait(&uprobe->cost.calibrator_pid);
	stats_wait(&uprobe->cost.stats);
}

bool uprobe_cost(const struct engine *engine, struct engine_cost *ret)
{
	const struct cost_state *cost = &((const struct uprobe *)engine)->cost;

	if (!cost->all_hits)
		return false;
	ret->hits_per_s = cost->hits / cost->seconds;
	ret->ns_per_hit = cost->all_cost_ns / cost->all_hits;
	ret->cpu_percent = cost->cost_ns / cost->seconds / 1e7;
	ret->kept_ns = cost->kept_ns;
	ret->left_ns = cost->left_ns;
	ret->trap_ns = cost->trap_ns;
	return true;
}
