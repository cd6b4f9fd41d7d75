/* The engine "replay": hands out the records of the file that $TOPHASH_REPLAY names, as if they came
 * from the kernel. Before each record stands its size, a uint32_t. */
#include "watch/engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct replay {
	struct engine engine;
	uint8_t *data;
	size_t size, at;
	struct engine_counters counters;
};

static struct error *read_records(const char *path, struct replay *replay)
{
	FILE *file = path ? fopen(path, "r") : NULL;
	uint8_t *data = calloc(1, 1 << 20);

	if (file && data)
		replay->size = fread(data, 1, 1 << 20, file);
	replay->data = data;
	if (file)
		fclose(file);
	return replay->size ? NULL
			    : error_new(ERROR_TARGET, "nothing to replay: set TOPHASH_REPLAY");
}

static void replay_close(struct engine *engine)
{
	struct replay *replay = (struct replay *)engine;

	free(replay->data);
	free(replay);
}

static struct error *replay_open(const struct engine_options *options, struct engine **ret)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	struct error *err;

	if (!replay)
		return error_nomem();
	err = read_records(getenv("TOPHASH_REPLAY"), replay);
	if (err)
		replay_close(&replay->engine);
	else
		*ret = &replay->engine;
	return err;
}

static struct error *replay_attach(struct engine *engine, uint32_t module, int exe, pid_t pid,
				   enum engine_hold *ret)
{
	return NULL;
}

static void replay_stop(struct engine *engine)
{
}

static void count(struct engine_counters *counters, const struct wire_event *event)
{
	if (event->kind == WIRE_START || event->kind == WIRE_EXEC)
		return;
	counters->hits++;
	counters->removed += event->kind == WIRE_DELETE && event->flags & WIRE_REMOVED;
	counters->cleared += event->kind == WIRE_CLEAR ? event->header[0] : 0;
}

static struct error *replay_drain(struct engine *engine,
				  bool (*on_record)(void *ctx, const void *record, size_t size),
				  void *ctx)
{
	struct replay *replay = (struct replay *)engine;
	bool more = true;
	uint32_t size;

	while (more && replay->at + sizeof(size) < replay->size) {
		memcpy(&size, replay->data + replay->at, sizeof(size));
		replay->at += sizeof(size);
		if (size < sizeof(struct wire_event) || size > replay->size - replay->at)
			return error_new(ERROR_FAILED, "the records to replay are cut short");
		count(&replay->counters, (const void *)(replay->data + replay->at));
		more = on_record(ctx, replay->data + replay->at, size);
		replay->at += size;
	}
	return NULL;
}

static void replay_counters(const struct engine *engine, struct engine_counters *ret)
{
	*ret = ((const struct replay *)engine)->counters;
}

const struct engine_ops engine_replay = {
	.name = "replay",
	.open = replay_open,
	.close = replay_close,
	.attach = replay_attach,
	.stop = replay_stop,
	.detach = replay_stop,
	.drain = replay_drain,
	.counters = replay_counters,
};
