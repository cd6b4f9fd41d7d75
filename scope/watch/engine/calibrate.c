#include "watch/engine/calibrate.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define WARM_UP	       500 /* hits */
#define BATCHES	       20
#define EMULATED_BATCH 1000 /* hits: less than 1 ms */
#define STEPPED_BATCH  100  /* hits: 1 ms */

#ifdef __x86_64__

/* The probed instructions: a nop, which the kernel emulates, and a return, which it
 * single-steps. */
extern const char calibrate_nop[] __attribute__((visibility("hidden")));
extern const char calibrate_ret[] __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
	".globl calibrate_nop, calibrate_ret\n"
	".hidden calibrate_nop, calibrate_ret\n"
	".type calibrate_nop, @function\n"
	"calibrate_nop: nop\n"
	"  dec %rdi\n"
	"  jnz calibrate_nop\n"
	"  ret\n"
	".size calibrate_nop, . - calibrate_nop\n"
	".type calibrate_ret, @function\n"
	"calibrate_ret: ret\n"
	".size calibrate_ret, . - calibrate_ret\n"
	".popsection\n");

static void run_emulated(uint64_t hits)
{
	((void (*)(uint64_t))(uintptr_t)calibrate_nop)(hits);
}

static void run_stepped(uint64_t hits)
{
	for (uint64_t i = 0; i < hits; i++)
		((void (*)(void))(uintptr_t)calibrate_ret)();
}

/* ---- in the child ---- */

struct own_code {
	uintptr_t addr;
	uint64_t offset; /* file offset; 0 when not found */
};

static int find_own_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct own_code *code = ctx;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && code->addr >= begin &&
		    code->addr - begin < segment->p_filesz)
			code->offset = code->addr - begin + segment->p_offset;
	}
	return 1; /* stops, because the program itself comes first */
}

static int compare_doubles(const void *a_, const void *b_)
{
	double a = *(const double *)a_, b = *(const double *)b_;

	return (a > b) - (a < b);
}

/* Returns the nanoseconds of a hit, or 0 if they could not be measured. The second best of several
 * batches is taken. On a busy machine any number of batches may be slower than the true time, but
 * none is faster. */
static double measure(const struct uprobe *uprobe, const char *insn, void (*run)(uint64_t hits),
		      uint64_t batch)
{
	struct own_code code = {.addr = (uintptr_t)insn};
	double each[BATCHES];

	dl_iterate_phdr(find_own_code, &code);
	if (!code.offset || !uprobe_attach_nothing(uprobe, "/proc/self/exe", getpid(), code.offset))
		return 0;
	run(WARM_UP);
	for (size_t i = 0; i < BATCHES; i++) {
		uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		run(batch);
		each[i] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)batch;
	}
	qsort(each, BATCHES, sizeof(each[0]), compare_doubles);
	return each[1];
}

static void calibrate(const struct uprobe *uprobe, bool stepped, int to)
{
	struct trap_cost cost = {
		.emulated = measure(uprobe, calibrate_nop, run_emulated, EMULATED_BATCH),
	};

	if (stepped)
		cost.stepped = measure(uprobe, calibrate_ret, run_stepped, STEPPED_BATCH);
	if (write(to, &cost, sizeof(cost)) < 0)
		_exit(1); /* the parent has stopped listening */
}

#else

static void calibrate(const struct uprobe *uprobe, bool stepped, int to)
{
	(void)uprobe, (void)stepped, (void)to;
}

#endif

/* Moves the standard files to /dev/null. Otherwise a reader of tophash's output would wait for the
 * child, too. */
static void leave_standard_files(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

/* Closes all descriptors except the standard files and these two. Otherwise a command that waits
 * until its pipe is closed would wait for the child. */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

bool calibrate_start(const struct uprobe *uprobe, bool stepped, pid_t *ret_pid, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		leave_standard_files();
		close_others(bpf_program__fd(uprobe->skel->progs.on_nothing), ends[1]);
		calibrate(uprobe, stepped, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	*ret_pid = pid;
	*ret_fd = ends[0];
	return true;
}

void calibrate_stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	/* If SIGCHLD is ignored, the pid of an ended process is free, and may belong to another
	 * process by now. */
	if (waitpid(*pid, NULL, WNOHANG) == 0)
		kill(*pid, SIGKILL);
	else
		*pid = 0;
}

void calibrate_wait(pid_t *pid)
{
	if (*pid > 0)
		waitpid(*pid, NULL, 0);
	*pid = 0;
}

enum calibration calibrate_read(int fd, struct trap_cost *ret)
{
	struct trap_cost cost;
	ssize_t n = read(fd, &cost, sizeof(cost));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? CALIBRATION_RUNS : CALIBRATION_FAILED;
	if (n != sizeof(cost) || cost.emulated <= 0)
		return CALIBRATION_FAILED;
	*ret = cost;
	return CALIBRATION_DONE;
}
