/* tophash tether: runs a verb for somebody at the other end of a connection. kubectl-tophash starts it
 * on a node. A connection may end without a word, and then nobody would end the verb.
 *
 * Standard input has one byte for each message, and other bytes mean nothing:
 *
 *   g   go: the verb is started. What it writes before anybody reads would be lost.
 *   h   here: the other end is there. It is answered by a line on standard error.
 *   s   stop: the verb gets SIGINT, and ends with its totals.
 *
 * The end of standard input, or a time without a byte (--patience), means that nobody is there any
 * more. The verb is then interrupted too. A verb that does not end and writes nothing is killed. The
 * kernel removes its probes.
 *
 * The output of the verb passes through this process, which counts it. The last line on standard error
 * has the count. The other end thus knows whether it has everything (TETHER_END in tether.h).
 */
#include "cmd/tether.h"
#include "cmd/tether_options.h"
#include "cmd/cmd.h"
#include "base/clock.h"
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <stdnoreturn.h>
#include <unistd.h>

#define GRACE_NS \
	(10ull * 1000000000) /* an interrupted verb is killed after so long without output */
#define TICK_MS 100

struct tether {
	struct tether_options options;
	struct loop *loop;
	pid_t child;	   /* 0: not started */
	int output;	   /* the reading end of its standard output; -1: at its end */
	int code;	   /* its exit code; -1 while it runs */
	uint64_t bytes;	   /* of its output, passed on */
	uint64_t heard_ns; /* the time of the last byte from the other end */
	uint64_t
		stopped_ns; /* the time of the interrupt, or of the last output after it; 0: none */
	bool closed;	    /* nobody reads the output any more */
};

/* Ends the loop when the verb has ended and its output is passed on. */
static void look_for_end(struct tether *tether)
{
	if (tether->code >= 0 && tether->output < 0)
		loop_quit(tether->loop);
}

/* Interrupts the verb, once. Without a verb there is nothing to wait for. */
static void interrupt(struct tether *tether)
{
	if (!tether->child) {
		loop_quit(tether->loop);
		return;
	}
	if (tether->stopped_ns)
		return;
	tether->stopped_ns = now_ns();
	if (tether->code < 0)
		kill(tether->child, SIGINT);
}

/* ---- the output of the verb ---- */

static void close_output(struct tether *tether)
{
	loop_forget(tether->loop, tether->output);
	close(tether->output);
	tether->output = -1;
	look_for_end(tether);
}

/* Writes without blocking: a pipe that is ready takes PIPE_BUF bytes. Returns false when the reader
 * is gone. */
static bool pass(struct tether *tether, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(STDOUT_FILENO, bytes + done, len - done);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0) {
			done += (size_t)n;
			tether->bytes += (size_t)n;
		}
	}
	return true;
}

/* Passes some output on. If the reader is slow, waits for a moment only, because standard input must be
 * looked at, too. */
static struct error *on_output(void *ctx, short revents)
{
	struct tether *tether = ctx;
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	char bytes[PIPE_BUF];
	ssize_t n;

	(void)revents;
	if (!tether->closed && poll(&out, 1, TICK_MS) == 0)
		return NULL;
	n = read(tether->output, bytes, sizeof(bytes));
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n <= 0) {
		close_output(tether);
		return NULL;
	}
	if (tether->stopped_ns)
		tether->stopped_ns = now_ns();
	if (!tether->closed && !pass(tether, bytes, (size_t)n)) {
		tether->closed = true;
		interrupt(tether);
	}
	return NULL;
}

/* ---- the verb ---- */

static noreturn void run_verb(struct tether *tether, const int output[2], pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), code = ERROR_FAILED;
	sigset_t none;

	/* The kernel sends the signal only if the parent ends after this call. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (parent != getppid() || null < 0)
		_exit(ERROR_FAILED);
	dup2(null, STDIN_FILENO);
	dup2(output[1], STDOUT_FILENO);
	close(output[0]);
	close(output[1]);
	close(null);
	loop_free(tether->loop);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (const struct verb *verb = verbs; verb->spec; verb++)
		if (!strcmp(verb->spec->name, tether->options.command[0]))
			code = verb->run(tether->options.n, tether->options.command);
	fflush(NULL);
	_exit(code);
}

static struct error *start(struct tether *tether)
{
	pid_t parent = getpid();
	int output[2];

	if (tether->child)
		return NULL;
	if (pipe2(output, O_CLOEXEC) < 0)
		return error_errno(ERROR_FAILED, errno, "pipe");
	tether->child = fork();
	if (tether->child == 0)
		run_verb(tether, output, parent);
	close(output[1]);
	tether->output = output[0];
	if (tether->child < 0)
		return error_errno(ERROR_FAILED, errno, "fork");
	return loop_watch(tether->loop, output[0], POLLIN, on_output, tether);
}

static void reap(struct tether *tether)
{
	int status;

	if (!tether->child || waitpid(tether->child, &status, WNOHANG) != tether->child)
		return;
	tether->code = WIFEXITED(status) ? WEXITSTATUS(status) : ERROR_FAILED;
	if (WIFSIGNALED(status))
		cmd_say("%s was ended by signal %d", tether->options.command[0], WTERMSIG(status));
	look_for_end(tether);
}

static struct error *on_signal(void *ctx, int number)
{
	if (number == SIGCHLD)
		reap(ctx);
	else
		interrupt(ctx);
	return NULL;
}

/* ---- the other end ---- */

/* Looks at the time. Nobody may be there, or the verb may hang. */
static struct error *on_tick(void *ctx)
{
	struct tether *tether = ctx;
	uint64_t now = now_ns();

	if (!tether->stopped_ns && now - tether->heard_ns > tether->options.patience_ns) {
		cmd_say("nothing was heard from the other end: ending");
		tether->closed = true;
		interrupt(tether);
	} else if (tether->stopped_ns && tether->code < 0 && now - tether->stopped_ns > GRACE_NS) {
		cmd_say("%s did not end after an interrupt: killed", tether->options.command[0]);
		kill(tether->child, SIGKILL);
		tether->stopped_ns = now;
	}
	return NULL;
}

static struct error *hear(struct tether *tether, char byte)
{
	tether->heard_ns = now_ns();
	switch (byte) {
	case TETHER_GO: return start(tether);
	case TETHER_HERE: fputs(TETHER_ANSWER "\n", stderr); break;
	case TETHER_STOP: interrupt(tether); break;
	default: break;
	}
	return NULL;
}

static struct error *on_input(void *ctx, short revents)
{
	struct tether *tether = ctx;
	char bytes[256];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	(void)revents;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return NULL;
	if (n <= 0) {
		loop_forget(tether->loop, STDIN_FILENO);
		interrupt(tether);
		return NULL;
	}
	for (ssize_t i = 0; i < n; i++)
		try(hear(tether, bytes[i]));
	return NULL;
}

/* ---- the verb of this file ---- */

static struct error *run(struct tether *tether)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	tether->heard_ns = now_ns();
	try(loop_new(&tether->loop));
	try(loop_catch(tether->loop, signals, ARRAY_SIZE(signals), on_signal, tether));
	try(loop_watch(tether->loop, STDIN_FILENO, POLLIN, on_input, tether));
	try(loop_every(tether->loop, TICK_MS, on_tick, tether));
	try(loop_run(tether->loop));
	if (!tether->child)
		return error_new(ERROR_FAILED, "nobody was at the other end: nothing was run");
	return NULL;
}

int cmd_tether(int argc, char **argv)
{
	struct tether tether = {.output = -1, .code = -1};
	struct error *err = tether_options_parse(argc, argv, &tether.options);

	if (!err && tether.options.help)
		return cmd_print_help(&tether_verb);
	if (!err)
		err = run(&tether);
	loop_free(tether.loop);
	if (err)
		return cmd_fail(err);
	fprintf(stderr, TETHER_END "\n", tether.code, tether.bytes);
	return tether.code;
}
