#include "watch/engine/calibrate.h"
#include "base/clock.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define WARM_UP	       500 /* hits */
#define BATCHES	       15
#define EMULATED_BATCH 1000 /* hits: less than 1 ms */
#define STEPPED_BATCH  100  /* hits: 1 ms */
#define RESTED_BATCHES 25   /* of one hit each */

/* A kernel polls for about 200 us before it halts an idle CPU. After a halt a trap costs most, because
 * its code and data are in no cache. */
const uint32_t trap_rests[TRAP_RESTS] = {330000, 1000000};

#ifdef __x86_64__

/* The probed instructions: a nop, which the kernel emulates, a return, which it single-steps, and one
 * that never runs. */
extern const char calibrate_nop[] __attribute__((visibility("hidden")));
extern const char calibrate_ret[] __attribute__((visibility("hidden")));
extern const char calibrate_idle[] __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
	".globl calibrate_nop, calibrate_ret, calibrate_idle\n"
	".hidden calibrate_nop, calibrate_ret, calibrate_idle\n"
	".type calibrate_nop, @function\n"
	"calibrate_nop: nop\n"
	"  ret\n"
	".size calibrate_nop, . - calibrate_nop\n"
	".type calibrate_ret, @function\n"
	"calibrate_ret: ret\n"
	".size calibrate_ret, . - calibrate_ret\n"
	".type calibrate_idle, @function\n"
	"calibrate_idle: nop\n"
	"  ret\n"
	".size calibrate_idle, . - calibrate_idle\n"
	".popsection\n");

/* Code that is typical of a traced program: a delete from a map and an insert, some calls deep. The
 * probe is in the middle of it. A trap costs more than the time that the kernel takes, because
 * after it the program must learn its branch predictions and fill its caches again. The time of the
 * code without the probe is subtracted. */
struct work {
	struct table map;
	uint64_t i;
	void (*probed)(void);
};

#define WORK_KEYS 1000

static __attribute__((noinline)) void work_delete(struct work *work, uint64_t key)
{
	table_delete(&work->map, key);
	work->probed();
	__asm__ volatile("" ::: "memory"); /* not a tail call */
}

static __attribute__((noinline)) void work_step(struct work *work)
{
	uint64_t key = work->i++ % WORK_KEYS;

	work_delete(work, key);
	table_put(&work->map, key, (uint32_t)key);
}

static __attribute__((noinline)) void work_run(struct work *work, uint64_t hits)
{
	for (uint64_t i = 0; i < hits; i++)
		work_step(work);
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

/* Returns the nanoseconds of a hit, as the median of several batches of hits. The child sleeps
 * rest_ns before each batch. */
static double work_time(struct work *work, size_t batches, uint64_t batch, uint64_t rest_ns)
{
	const struct timespec rest = {.tv_nsec = (long)rest_ns};
	double each[BATCHES > RESTED_BATCHES ? BATCHES : RESTED_BATCHES];

	work_run(work, rest_ns ? 1 : batch);
	for (size_t i = 0; i < batches; i++) {
		uint64_t begin;

		if (rest_ns)
			nanosleep(&rest, NULL);
		begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		work_run(work, batch);
		each[i] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)batch;
	}
	qsort(each, batches, sizeof(each[0]), compare_doubles);
	return each[batches / 2];
}

/* Returns the offset of an instruction in the file, or 0. */
static uint64_t offset_of(const char *insn)
{
	struct own_code code = {.addr = (uintptr_t)insn};

	dl_iterate_phdr(find_own_code, &code);
	return code.offset;
}

bool calibrate_idle_code(uint64_t *ret_offset)
{
	*ret_offset = offset_of(calibrate_idle);
	return *ret_offset;
}

static bool attach_to(const struct uprobe *uprobe, const char *insn)
{
	uint64_t offset = offset_of(insn);

	return offset && uprobe_attach_nothing(uprobe, "/proc/self/exe", getpid(), offset);
}

bool calibrate_try(const struct uprobe *uprobe)
{
	return attach_to(uprobe, calibrate_nop);
}

/* Writes the time of a hit after each rest to ret[]. */
static void rested_times(struct work *work, double ret[TRAP_RESTS])
{
	for (size_t i = 0; i < TRAP_RESTS; i++)
		ret[i] = work_time(work, RESTED_BATCHES, 1, trap_rests[i]);
}

/* Measures a probe. All results are 0 if it could not be measured. ret_rested may be NULL. */
static void measure(const struct uprobe *uprobe, const char *insn, uint64_t batch, double *ret,
		    double *ret_rested)
{
	struct work work = {.probed = (void (*)(void))(uintptr_t)insn};
	double bare, bare_rested[TRAP_RESTS];

	for (uint32_t i = 0; i < WORK_KEYS; i++)
		table_put(&work.map, i, i);
	work_run(&work, WARM_UP);
	bare = work_time(&work, BATCHES, batch, 0);
	if (ret_rested)
		rested_times(&work, bare_rested);
	if (!attach_to(uprobe, insn))
		return;
	work_run(&work, WARM_UP);
	*ret = work_time(&work, BATCHES, batch, 0) - bare;
	if (!ret_rested)
		return;
	rested_times(&work, ret_rested);
	for (size_t i = 0; i < TRAP_RESTS; i++)
		ret_rested[i] -= bare_rested[i];
}

static void calibrate(const struct uprobe *uprobe, bool stepped, int to)
{
	struct trap_cost cost = {0};

	prctl(PR_SET_TIMERSLACK, 1);
	measure(uprobe, calibrate_nop, EMULATED_BATCH, &cost.emulated, cost.rested);
	if (stepped)
		measure(uprobe, calibrate_ret, STEPPED_BATCH, &cost.stepped, NULL);
	if (write(to, &cost, sizeof(cost)) < 0)
		_exit(1); /* the parent no longer waits for the result */
}

#else

bool calibrate_idle_code(uint64_t *ret_offset)
{
	(void)ret_offset;
	return false;
}

bool calibrate_try(const struct uprobe *uprobe)
{
	(void)uprobe;
	errno = EOPNOTSUPP;
	return false;
}

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
	if (null > STDERR_FILENO)
		close(null);
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
		close_others(bpf_program__fd(uprobe_main(uprobe)->skel->progs.on_nothing), ends[1]);
		leave_standard_files();
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
