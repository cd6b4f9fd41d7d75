/* The process that reads debug information. First it gives up every right. Then it reads the file,
 * and answers.
 */
#include "read/debuginfo/child.h"
#include "base/buf.h"
#include "base/confine.h"
#include "read/debuginfo/debuginfo.h"
#include "read/debuginfo/message.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>

enum { IDLE_CPU_S = 10 };	/* a program of 43 MB takes a tenth of a second */
#define MEMORY_MAX (6ull << 30) /* address space: DEBUGINFO_BYTES_MAX, and libdw's own data */

/* ---- other files ---- */

/* Asks the parent for a file, as debuginfo_files says. */
static struct error *ask_file(void *ctx, const struct debuginfo_wanted *wanted, unsigned ordinal,
			      int *ret_fd, char **ret_path)
{
	int socket = *(int *)ctx;
	cleanup_buf struct buf message = {0};
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	uint32_t size;
	uint8_t found;

	buf_char(&message, MESSAGE_WANTED);
	buf_char(&message, wanted->alternate);
	buf_char(&message, (char)ordinal);
	buf_char(&message, (char)wanted->id_n);
	buf_put(&message, wanted->id, wanted->id_n);
	buf_put(&message, wanted->name, strlen(wanted->name) + 1);
	if (!message_put(socket, &message) || !message_take(socket, &found, &fd) ||
	    !message_read(socket, &size, sizeof(size), 0) || size > MESSAGE_MAX)
		return error_new(ERROR_TARGET, "its reader was left alone");
	text = calloc(1, size + 1ul);
	if (!text)
		return error_nomem();
	if (!message_read(socket, text, size, 0))
		return error_new(ERROR_TARGET, "its reader was left alone");
	if (found == FOUND_REFUSED)
		return error_new(ERROR_TARGET, "%s", text);
	*ret_fd = found == FOUND_FILE ? take_fd(fd) : -1;
	*ret_path = take_ptr(text);
	return NULL;
}

/* ---- answers ---- */

static void put_answer(struct buf *to, struct debuginfo *dwarf, uint64_t pc)
{
	struct debuginfo_frame frames[DEBUGINFO_FRAMES_MAX];
	uint64_t entry = 0;
	size_t n = 0;
	enum debuginfo_miss miss =
		debuginfo_frames(dwarf, pc, frames, ARRAY_SIZE(frames), &n, &entry);

	buf_char(to, (char)miss);
	buf_char(to, (char)n);
	buf_put(to, &entry, sizeof(entry));
	for (size_t i = 0; i < n; i++) {
		buf_char(to, frames[i].frame.inlined);
		buf_put(to, &frames[i].frame.line, sizeof(frames[i].frame.line));
		buf_put(to, frames[i].frame.func, strlen(frames[i].frame.func) + 1);
		if (*frames[i].dir) {
			buf_str(to, frames[i].dir);
			buf_char(to, '/');
		}
		buf_put(to, frames[i].frame.file, strlen(frames[i].frame.file) + 1);
	}
}

static void put_size(struct buf *to, const struct buf *part)
{
	uint32_t size = (uint32_t)part->len;

	buf_put(to, &size, sizeof(size));
}

/* Answers with the variables of packages. */
static bool serve_variables(struct debuginfo *dwarf, int socket, struct buf *to)
{
	cleanup(debuginfo_variables_fini) struct debuginfo_variables found = {0};
	struct debuginfo_ask ask;
	struct error *err;

	if (!message_read(socket, &ask, sizeof(ask), 0))
		return false;
	err = debuginfo_variables(dwarf, &ask, &found);
	if (err) {
		error_free(err);
		return false;
	}
	put_size(to, &found.variables);
	put_size(to, &found.types);
	put_size(to, &found.fields);
	buf_put(to, found.variables.data, found.variables.len);
	buf_put(to, found.types.data, found.types.len);
	buf_put(to, found.fields.data, found.fields.len);
	return message_put(socket, to);
}

static bool serve_one(struct debuginfo *dwarf, int socket, struct buf *to)
{
	static uint64_t pcs[DEBUGINFO_READER_BATCH];
	uint32_t n;

	buf_reset(to);
	buf_char(to, MESSAGE_ANSWER);
	if (!message_read(socket, &n, sizeof(n), 0))
		return false;
	if (n == MESSAGE_VARIABLES)
		return serve_variables(dwarf, socket, to);
	if (n > DEBUGINFO_READER_BATCH || !message_read(socket, pcs, n * sizeof(*pcs), 0))
		return false;
	for (uint32_t i = 0; i < n && to->len <= MESSAGE_MAX; i++)
		put_answer(to, dwarf, pcs[i]);
	return message_put(socket, to);
}

/* Waits for a question. Returns false if the parent has none. */
static bool wait_idle(int socket)
{
	struct pollfd readable = {.fd = socket, .events = POLLIN};

	while (poll(&readable, 1, -1) < 0 && errno == EINTR)
		;
	return (readable.revents & (POLLIN | POLLHUP)) == POLLIN;
}

void debuginfo_child(int fd, int socket, pid_t parent, bool idle)
{
	struct debuginfo_files files = {.ctx = &socket, .open = ask_file};
	int *needed[] = {&fd, &socket};
	struct buf to = {0};
	struct debuginfo *dwarf = NULL;
	struct error *err;
	const struct rlimit idle_time = {.rlim_cur = IDLE_CPU_S, .rlim_max = IDLE_CPU_S};
	const char *text, *separate;

	if (idle)
		setrlimit(RLIMIT_CPU, &idle_time); /* nobody may be able to end it by force */
	err = confine_reader(parent, needed, ARRAY_SIZE(needed), MEMORY_MAX);
	if (!err && idle && !wait_idle(socket))
		_exit(0);
	if (!err)
		err = debuginfo_open(fd, &files, &dwarf);
	text = err ? err->text : "";
	separate = dwarf ? debuginfo_path(dwarf) : "";
	buf_char(&to, MESSAGE_OPENED);
	buf_put(&to, text, strlen(text) + 1);
	buf_put(&to, separate, strlen(separate) + 1);
	if (message_put(socket, &to) && dwarf)
		while (serve_one(dwarf, socket, &to))
			;
	_exit(0); /* the kernel frees all that the process holds */
}
