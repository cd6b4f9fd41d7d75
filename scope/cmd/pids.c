/* tophash help --pids: prints the processes that the shells' completions offer. Each line has the
 * id, a tab, and the name. The user waits for it after pressing a key. Therefore its time is
 * bounded. */
#include "base/clock.h"
#include "base/text/text.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "live/module/module.h"

#define PATIENCE_NS 700000000ull

struct pids {
	struct modules *modules;
	uint64_t until_ns;
	struct buf out;
};

/* Returns whether the process has a command line. Kernel threads have none. */
static bool has_command(pid_t pid)
{
	char first[2];

	return process_read_text(pid, "cmdline", first, sizeof(first));
}

/* Returns whether the process has Go code. A process that may not be looked at counts as Go,
 * because the command line that the user writes may begin with sudo. */
static bool may_be_go(struct pids *pids, pid_t pid)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(pid, &target);
	bool hidden;

	if (!err)
		err = modules_of(pids->modules, target, &found);
	hidden = err && err->code == ERROR_PERMISSION;
	error_free(err);
	return hidden ? has_command(pid) : found.list.len > 0;
}

static bool look_at(void *ctx, pid_t pid)
{
	struct pids *pids = ctx;
	struct process_status status;

	if (may_be_go(pids, pid) && process_status(pid, &status)) {
		buf_u64(&pids->out, (uint64_t)pid);
		buf_char(&pids->out, '\t');
		text_safe_str(&pids->out, status.name);
		buf_char(&pids->out, '\n');
	}
	return now_ns() < pids->until_ns;
}

int cmd_print_pids(void)
{
	struct pids pids = {.until_ns = now_ns() + PATIENCE_NS};
	struct error *err = modules_new(&pids.modules);
	int code;

	if (!err)
		err = process_each(look_at, &pids);
	if (!err && pids.out.bad)
		err = error_nomem();
	code = err ? cmd_fail(err) : cmd_print(buf_cstr(&pids.out));
	modules_free(pids.modules);
	buf_fini(&pids.out);
	return code;
}
