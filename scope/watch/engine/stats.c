#include "watch/engine/stats.h"
#include "base/confine.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- the process ---- */

static const struct confine_call allowed[] = {
	{.number = SCMP_SYS(bpf), .arg = 0, .mask = UINT32_MAX, .value = BPF_ENABLE_STATS},
	{.number = SCMP_SYS(read)},
	{.number = SCMP_SYS(sendto)},
	{.number = SCMP_SYS(close)},
	{.number = SCMP_SYS(exit_group)},
};

static void close_others(int *socket)
{
	if (dup2(*socket, STDIN_FILENO) != STDIN_FILENO)
		_exit(1);
	*socket = STDIN_FILENO;
	close_range(STDIN_FILENO + 1, ~0u, 0);
}

static bool confine(pid_t parent)
{
	struct error *err = confine_capabilities(1ull << CAP_SYS_ADMIN);

	/* It ends when the socket is closed, not by signals for the whole process group. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!err && getppid() == parent)
		err = confine_calls(allowed, ARRAY_SIZE(allowed));
	error_free(err);
	return !err;
}

/* Returns a descriptor that keeps the statistics on, or -1. (libbpf's bpf_enable_stats() moves small
 * descriptors, which needs another system call.) */
static int enable(void)
{
	union bpf_attr attr = {.enable_stats = {.type = BPF_STATS_RUN_TIME}};

	return (int)syscall(SYS_bpf, BPF_ENABLE_STATS, &attr, sizeof(attr));
}

static _Noreturn void serve(int socket, pid_t parent)
{
	int fd = -1;
	char on;

	close_others(&socket);
	if (!confine(parent))
		_exit(1);
	while (read(socket, &on, 1) == 1) {
		if (fd >= 0)
			close(fd);
		fd = on ? enable() : -1;
		on = on && fd >= 0;
		if (send(socket, &on, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(0);
}

/* ---- its parent ---- */

void stats_start(struct stats *stats)
{
	pid_t parent = getpid();
	int ends[2];

	*stats = (struct stats){.socket = -1};
	if (!confine_has(CAP_SYS_ADMIN) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	stats->pid = fork();
	if (stats->pid == 0)
		serve(ends[1], parent);
	close(ends[1]);
	if (stats->pid < 0) {
		stats->pid = 0;
		close(ends[0]);
		return;
	}
	stats->socket = ends[0];
}

bool stats_set(struct stats *stats, bool on)
{
	char word = on;
	ssize_t n;

	if (!stats->pid || stats->socket < 0 || send(stats->socket, &word, 1, MSG_NOSIGNAL) != 1)
		return false;
	do
		n = read(stats->socket, &word, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 && word == on;
}

void stats_stop(struct stats *stats)
{
	if (stats->pid && stats->socket >= 0) {
		close(stats->socket);
		stats->socket = -1;
	}
}

void stats_wait(struct stats *stats)
{
	stats_stop(stats);
	if (stats->pid)
		waitpid(stats->pid, NULL, 0);
	stats->pid = 0;
}
