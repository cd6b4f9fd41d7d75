#include "watch/execs/execs.h"
#include "base/namespace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "execs.skel.h"

struct execs {
	struct execs_bpf *skel;
	struct ring_buffer *ring;
	bool (*found)(void *ctx, const struct exec_seen *seen);
	void *ctx;
};

static struct error *failed(int errnum)
{
	if (errnum == EPERM)
		return error_new(
			ERROR_PERMISSION,
			"cannot watch for new processes: not permitted: run tophash as root "
			"(CAP_BPF and CAP_PERFMON)");
	return error_errno(ERROR_PERMISSION, errnum, "cannot watch for new processes");
}

static int on_record(void *ctx, void *record, size_t size)
{
	struct execs *execs = ctx;

	if (size < sizeof(struct exec_seen))
		return 0;
	return execs->found(execs->ctx, record) ? 0 : -ECANCELED;
}

static struct error *load(struct execs *execs)
{
	int err;

	execs->skel = execs_bpf__open();
	if (!execs->skel)
		return failed(errno);
	namespace_of_pids(&execs->skel->rodata->pidns_dev, &execs->skel->rodata->pidns_ino);
	err = execs_bpf__load(execs->skel);
	if (!err)
		err = execs_bpf__attach(execs->skel);
	if (err)
		return failed(-err);
	execs->ring = ring_buffer__new(bpf_map__fd(execs->skel->maps.seen), on_record, execs, NULL);
	return execs->ring ? NULL : failed(errno);
}

struct error *execs_open(struct execs **ret)
{
	cleanup(execs_close) struct execs *execs = calloc(1, sizeof(*execs));

	if (!execs)
		return error_nomem();
	libbpf_set_print(NULL); /* no messages of its own */
	try(load(execs));
	*ret = take_ptr(execs);
	return NULL;
}

void execs_close(struct execs *execs)
{
	if (!execs)
		return;
	ring_buffer__free(execs->ring);
	execs_bpf__destroy(execs->skel);
	free(execs);
}

int execs_fd(const struct execs *execs)
{
	return ring_buffer__epoll_fd(execs->ring);
}

struct error *execs_drain(struct execs *execs,
			  bool (*found)(void *ctx, const struct exec_seen *seen), void *ctx)
{
	int n;

	execs->found = found;
	execs->ctx = ctx;
	/* Also takes the ring off the list of ready descriptors. */
	n = ring_buffer__poll(execs->ring, 0);
	if (n < 0 && n != -ECANCELED && n != -EINTR)
		return error_errno(ERROR_FAILED, -n, "cannot read which processes have begun");
	return NULL;
}

uint64_t execs_missed(const struct execs *execs)
{
	return __atomic_load_n(&execs->skel->bss->missed, __ATOMIC_SEQ_CST);
}
