/* Tests of show/sink: what is written, what is lost, and who is told. */
#include "sink_play.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(delivered_is_what_was_written)
{
	struct sink_options options = {0};
	struct event event = plain(0);
	char bytes[4096];
	struct sink *sink;
	int fds[2];
	size_t len;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	options.fd = fds[1];
	sink = sink_for("json", &options);
	assert_null(sink_flush(sink)); /* nothing to do */
	sink_event(sink, &event);
	sink_event(sink, &event);
	assert_int_equal(sink->delivered, 0); /* not written yet */
	len = sink->out.len;
	assert_null(sink_flush(sink));
	assert_int_equal(sink->delivered, 2);
	assert_int_equal(sink->out.len, 0);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), len);
	close(fds[0]); /* the reader goes away, which is no error */
	sink_event(sink, &event);
	assert_false(sink->closed);
	assert_null(sink_flush(sink));
	assert_true(sink->closed);
	sink_event(sink, &event);
	assert_int_equal(sink->out.len, 0);
	assert_null(sink_flush(sink));
	assert_int_equal(sink->delivered, 2);
	assert_int_equal(sink->unread, 2);
	assert_int_equal(sink->lost, 0);
	sink_close(sink);
	close(fds[1]);
}

/* Checks that delivered records are those that were written whole, and that a file never ends in
 * half a record. */
static void check_full_file(const char *format, size_t events_max)
{
	static const char path[] = "/tmp/tophash-test-sink";
	struct sink_options options = {.width = 100, .stack = true};
	const struct rlimit limit = {20000, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct event event = plain(0);
	struct sink *sink;
	size_t lines = 0, per_event = strcmp(format, "json") == 0 ? 1 : 5;
	char *text;

	options.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(options.fd >= 0);
	unlink(path);
	sink = sink_for(format, &options);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t i = 0; i < events_max; i++) {
		sink_event(sink, &event);
		if (i % 7 == 0)
			error_free(sink_flush(sink));
	}
	error_free(sink_flush(sink));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	text = calloc(1, 20001);
	assert_non_null(text);
	assert_true(pread(options.fd, text, 20000, 0) > 10000);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_int_equal(lines, per_event * sink->delivered);
	assert_int_equal(sink->delivered + sink->lost, events_max);
	assert_int_equal(sink->unread, 0);
	assert_true(sink->lost > 0);
	assert_int_equal(lseek(options.fd, 0, SEEK_CUR), strlen(text));
	free(text);
	sink_close(sink);
	close(options.fd);
}

TEST(a_full_file_ends_with_a_whole_record)
{
	check_full_file("json", 100);
	check_full_file("text", 100);
}

/* With two sinks each takes every event, and one that fails does not affect the other. */
TEST(a_sink_that_fails_leaves_the_other_alone)
{
	struct sink_options good = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
	struct sink_options full = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
	struct event event = plain(0);
	struct event_lost lost[2];
	struct event_sink accounts[2];
	struct fan fan = {0};

	assert_null(fan_add(&fan, sink_for("json", &good)));
	assert_null(fan_add(&fan, sink_for("text", &full)));
	for (int i = 0; i < 3; i++) {
		fan_event(&fan, &event);
		assert_null(fan_flush(&fan));
	}
	assert_int_equal(fan_first(&fan)->delivered, 3);
	assert_int_equal(fan_accounts(&fan, accounts, lost), 1);
	assert_string_equal(accounts[0].to, "text");
	assert_int_equal(accounts[0].delivered, 0);
	assert_int_equal(accounts[0].lost_n, 1);
	assert_string_equal(accounts[0].lost[0].reason, "write");
	assert_int_equal(accounts[0].lost[0].count, 3);
	fan_fini(&fan);
	close(good.fd);
	close(full.fd);
}

TEST(an_error_is_told_once)
{
	struct sink_options options = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
	struct event event = plain(0);
	struct sink *sink = sink_for("json", &options);
	struct error *err;

	sink_event(sink, &event);
	err = sink_flush(sink);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_FAILED);
	assert_string_equal(err->text, "cannot write the output: No space left on device");
	error_free(err);
	/* The error is returned once. From then on everything is dropped. */
	sink_event(sink, &event);
	play_end(sink, 0);
	assert_null(sink_flush(sink));
	sink_close(sink);
	/* Past 1 MiB the sink flushes itself. Its error waits for the next flush. */
	for (int asked = 0; asked < 2; asked++) {
		sink = sink_for("json", &options);
		for (int i = 0; i < 10000; i++)
			sink_event(sink, &event);
		assert_non_null(sink->failed);
		assert_int_equal(sink->out.len, 0);
		err = asked ? sink_flush(sink) : NULL;
		assert_int_equal(err != NULL, asked);
		error_free(err);
		sink_close(sink); /* frees the error that nobody asked for */
	}
	close(options.fd);
}

/* Reads slowly until the end. Returns whether it has read this number of lines. */
static bool read_slowly(int fd, size_t wanted)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	char bytes[65536];
	size_t lines = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
		nanosleep(&pause, NULL);
	}
	return lines == wanted;
}

/* Checks that a sink waits for a slow reader and loses nothing. fds[0] is read, fds[1] is written. */
static void check_slow_reader(int fds[2], bool nowait)
{
	struct sink_options options = {.fd = fds[1]};
	struct event event = plain(0);
	struct sink *sink;
	int status;
	pid_t child = fork();

	if (child == 0) {
		close(fds[1]);
		_exit(read_slowly(fds[0], 600) ? 0 : 1);
	}
	close(fds[0]);
	sink = sink_for("json", &options);
	assert_true(sink->waits);
	sink->nowait &= nowait;
	for (int i = 0; i < 600; i++) {
		sink_event(sink, &event);
		assert_true(sink->out.len < 70000); /* a little at a time */
	}
	assert_null(sink_flush(sink));
	assert_int_equal(sink->delivered, 600);
	close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	sink_close(sink);
}

TEST(a_slow_reader_of_a_pipe_loses_nothing)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_slow_reader(fds, true);
}

/* Older kernels cannot be told that a single write of a pipe must not block. */
TEST(a_slow_reader_on_an_older_kernel_loses_nothing)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_slow_reader(fds, false);
}

TEST(a_slow_reader_of_a_non_blocking_pipe_loses_nothing)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	check_slow_reader(fds, true);
}

TEST(a_slow_reader_of_a_socket_loses_nothing)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	check_slow_reader(fds, true);
}

static void note_interrupt(void *ctx)
{
	*(bool *)ctx = true;
}

/* Nobody reads. The flush must end although the pipe would block a write. */
TEST(an_interrupt_ends_a_flush_that_nobody_reads)
{
	int fds[2], interrupt[2];
	struct event event = plain(0);
	bool interrupted = false;
	struct sink_options options = {.interrupted = note_interrupt,
				       .interrupted_ctx = &interrupted};
	struct sink *sink;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(interrupt, O_CLOEXEC), 0);
	assert_int_equal(write(interrupt[1], "x", 1), 1);
	options.fd = fds[1];
	options.interrupt = interrupt[0];
	sink = sink_for("json", &options);
	for (int i = 0; i < 200; i++)
		sink_event(sink, &event);
	assert_null(sink_flush(sink));
	assert_true(interrupted);
	assert_true(sink->closed);
	assert_true(sink->delivered > 0 && sink->unread > 0);
	assert_int_equal(sink->delivered + sink->unread, 200);
	sink_close(sink);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(interrupt[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivered_is_what_was_written),
		cmocka_unit_test(a_full_file_ends_with_a_whole_record),
		cmocka_unit_test(a_sink_that_fails_leaves_the_other_alone),
		cmocka_unit_test(an_error_is_told_once),
		cmocka_unit_test(a_slow_reader_of_a_pipe_loses_nothing),
		cmocka_unit_test(a_slow_reader_on_an_older_kernel_loses_nothing),
		cmocka_unit_test(a_slow_reader_of_a_non_blocking_pipe_loses_nothing),
		cmocka_unit_test(a_slow_reader_of_a_socket_loses_nothing),
		cmocka_unit_test(an_interrupt_ends_a_flush_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, play_begin, NULL);
}
