#include "watch/engine/engine.h"

extern const struct engine_ops engine_uprobe;

/* All engines. The first is the default. */
static const struct engine_ops *const engines[] = {&engine_uprobe};

const struct engine_ops *engine_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		if (!name || !strcmp(engines[i]->name, name))
			return engines[i];
	return NULL;
}

const struct engine_ops *engine_at(size_t i)
{
	return i < ARRAY_SIZE(engines) ? engines[i] : NULL;
}

struct error *engine_check(const struct engine_ops *ops)
{
	return ops->check ? ops->check() : NULL;
}

struct error *engine_no_users(void)
{
	return error_new(ERROR_PERMISSION,
			 "this kernel does not tell the user of a process (it has no BTF): run "
			 "tophash as root, and without --uid");
}

void engine_try_out(const struct engine_ops *ops, struct engine_trial *ret)
{
	*ret = (struct engine_trial){0};
	if (ops->try_out)
		ops->try_out(ret);
}

enum engine_hold engine_try_hold(const struct engine_ops *ops, int exe)
{
	return ops->try_hold ? ops->try_hold(exe) : ENGINE_HELD;
}

void engine_trial_fini(struct engine_trial *trial)
{
	error_free(trial->load);
	error_free(trial->probe);
}

struct error *engine_open(const struct engine_ops *ops, const struct engine_options *options,
			  struct engine **ret)
{
	try(ops->open(options, ret));
	(*ret)->ops = ops;
	return NULL;
}

void engine_close(struct engine *engine)
{
	if (engine)
		engine->ops->close(engine);
}

bool engine_types_cut(const struct engine *engine)
{
	return engine->ops->types_cut && engine->ops->types_cut(engine);
}

uint64_t engine_capabilities(const struct engine *engine)
{
	return engine->ops->capabilities ? engine->ops->capabilities(engine) : 0;
}

struct error *engine_add(struct engine *engine, const struct engine_module *module, uint32_t *ret)
{
	if (engine->ops->add)
		return engine->ops->add(engine, module, ret);
	return error_new(ERROR_FAILED, "engine %s watches one Go module of a process only",
			 engine->ops->name);
}

struct error *engine_attach(struct engine *engine, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret)
{
	return engine->ops->attach(engine, module, exe, pid, ret);
}

bool engine_holds(struct engine *engine, uint32_t module)
{
	return !engine->ops->holds || engine->ops->holds(engine, module);
}

struct error *engine_watch_loads(struct engine *engine, int linker, uint64_t offset, pid_t pid)
{
	return engine->ops->watch_loads ? engine->ops->watch_loads(engine, linker, offset, pid)
					: NULL;
}

struct error *engine_set_modules(struct engine *engine, pid_t pid,
				 const struct engine_place *places, size_t n)
{
	return engine->ops->set_modules ? engine->ops->set_modules(engine, pid, places, n) : NULL;
}

void engine_release(struct engine *engine, pid_t pid)
{
	if (engine->ops->release)
		engine->ops->release(engine, pid);
}

uint32_t engine_exec_count(const struct engine *engine)
{
	return engine->ops->exec_count ? engine->ops->exec_count(engine) : 0;
}

bool engine_sends_execs(const struct engine *engine)
{
	return engine->ops->sends_execs && engine->ops->sends_execs(engine);
}

uint32_t engine_strangers(const struct engine *engine)
{
	return engine->ops->strangers ? engine->ops->strangers(engine) : 0;
}

uint32_t engine_news_lost(const struct engine *engine)
{
	return engine->ops->news_lost ? engine->ops->news_lost(engine) : 0;
}

void engine_narrow(struct engine *engine)
{
	if (engine->ops->narrow)
		engine->ops->narrow(engine);
}

void engine_narrowed(struct engine *engine)
{
	if (engine->ops->narrowed)
		engine->ops->narrowed(engine);
}

void engine_forget(struct engine *engine, pid_t pid)
{
	if (engine->ops->forget)
		engine->ops->forget(engine, pid);
}

void engine_set_gc(struct engine *engine, uint32_t phase)
{
	if (engine->ops->set_gc)
		engine->ops->set_gc(engine, phase);
}

void engine_forget_gc(struct engine *engine)
{
	if (engine->ops->forget_gc)
		engine->ops->forget_gc(engine);
}

void engine_set_sample(struct engine *engine, double fraction)
{
	if (engine->ops->set_sample)
		engine->ops->set_sample(engine, fraction);
}

bool engine_pause(struct engine *engine)
{
	if (engine->ops->pause)
		engine->ops->pause(engine);
	return engine->ops->pause;
}

struct error *engine_resume(struct engine *engine, uint64_t *ret_ns)
{
	return engine->ops->resume(engine, ret_ns);
}

void engine_stop(struct engine *engine)
{
	engine->ops->stop(engine);
}

void engine_detach(struct engine *engine)
{
	engine->ops->detach(engine);
}

int engine_wake_fd(const struct engine *engine)
{
	return engine->ops->wake_fd ? engine->ops->wake_fd(engine) : -1;
}

struct error *engine_drain(struct engine *engine,
			   bool (*on_record)(void *ctx, const void *record, size_t size), void *ctx)
{
	return engine->ops->drain(engine, on_record, ctx);
}

struct error *engine_drain_counts(struct engine *engine,
				  bool (*on_count)(void *ctx, const struct engine_count *count),
				  void *ctx)
{
	return engine->ops->drain_counts ? engine->ops->drain_counts(engine, on_count, ctx) : NULL;
}

void engine_counters(const struct engine *engine, struct engine_counters *ret)
{
	engine->ops->counters(engine, ret);
}

void engine_measure(struct engine *engine, uint64_t time_ns)
{
	if (engine->ops->measure)
		engine->ops->measure(engine, time_ns);
}

bool engine_cost(const struct engine *engine, struct engine_cost *ret)
{
	return engine->ops->cost && engine->ops->cost(engine, ret);
}
