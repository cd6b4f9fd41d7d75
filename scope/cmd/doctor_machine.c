/* The checks of the machine. */
#include "base/buf.h"
#include "base/confine.h"
#include "base/descriptors.h"
#include "base/lockdown.h"
#include "cmd/doctor.h"
#include "live/cgroup/cgroup.h"
#include "live/machine/machine.h"
#include "live/runtime/runtime.h"
#include "live/process/process.h"
#include "watch/session/session.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>

static const char machine[] = "machine";

static void add_number(struct doctor *doctor, const char *check, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	doctor_add(doctor, machine, check, number < 0 ? NULL : text);
}

static uint64_t bit(int capability)
{
	return 1ull << capability;
}

static bool lacks(int capability)
{
	char text[MACHINE_TEXT];

	machine_missing(bit(capability), text);
	return *text;
}

/* ---- what everything needs ---- */

static void check_proc(struct doctor *doctor)
{
	struct error *err = process_check_proc();

	doctor_add(doctor, machine, "proc", err ? "not mounted" : "mounted");
	if (!err && machine_proc_hides())
		doctor_limit(doctor,
			     "/proc hides processes of other users (its mount option hidepid): "
			     "they cannot be traced with -p, and ps does not list them");
	doctor_fail(doctor, err);
}

static void check_descriptors(struct doctor *doctor)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_NOFILE, &limit);
	add_number(doctor, "descriptors",
		   limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur);
	doctor_fail(doctor, descriptors_check(SESSION_DESCRIPTORS_MIN));
}

/* ---- rights ---- */

static void check_capabilities(struct doctor *doctor)
{
	uint64_t wanted = bit(CAP_SYS_PTRACE) | bit(CAP_SYS_ADMIN);
	char text[MACHINE_TEXT], found[MACHINE_TEXT + 16];

	/* CAP_SYS_ADMIN includes these two. */
	if (lacks(CAP_SYS_ADMIN))
		wanted |= bit(CAP_BPF) | bit(CAP_PERFMON);
	machine_missing(wanted, text);
	snprintf(found, sizeof(found), *text ? "missing: %s" : "all", text);
	doctor_add(doctor, machine, "capabilities", found);
	if (lacks(CAP_SYS_PTRACE))
		doctor_limit(doctor, "only processes of the same user, without capabilities of "
				     "their own, can be traced with -p (CAP_SYS_PTRACE)");
}

static void check_seccomp(struct doctor *doctor)
{
	int mode = machine_status(getpid(), "Seccomp");

	doctor_add(doctor, machine, "seccomp", mode == 2 ? "filter" : mode == 0 ? "none" : NULL);
}

static void check_yama(struct doctor *doctor)
{
	int scope = machine_number("/proc/sys/kernel/yama/ptrace_scope");

	add_number(doctor, "ptrace scope", scope);
	if (scope == 3 || (scope > 0 && lacks(CAP_SYS_PTRACE)))
		doctor_limit(doctor,
			     "memory of processes cannot be read (kernel.yama.ptrace_scope): types "
			     "that a program makes by reflect will have no names");
}

/* ---- the kernel ---- */

static void check_release(struct doctor *doctor)
{
	struct utsname name = {0};
	unsigned major = 0, minor = 0;

	uname(&name);
	doctor_add(doctor, machine, "kernel", name.release);
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 15)))
		doctor_fail(doctor,
			    error_new(ERROR_PERMISSION,
				      "Linux 5.15 or later is needed to trace; sites and addr work "
				      "on any"));
}

static void check_engine(struct doctor *doctor)
{
	struct engine_trial trial;
	bool loads, probes;

	engine_try_out(engine_find(NULL), &trial);
	loads = !trial.load;
	probes = loads && !trial.probe;
	doctor_add(doctor, machine, "programs", loads ? "accepted" : "refused");
	doctor_fail(doctor, take_ptr(trial.load));
	if (loads) {
		doctor_add(doctor, machine, "probes", probes ? "accepted" : "refused");
		doctor_fail(doctor, take_ptr(trial.probe));
	}
	doctor_add(doctor, machine, "uprobe multi", trial.grouped ? "yes" : "no");
	if (!trial.grouped)
		doctor_limit(doctor,
			     "each probe is placed and removed by itself, and removing them "
			     "takes longer; Linux 6.11 removes all at once");
	doctor_add(doctor, machine, "cost", trial.cost ? "measured" : "unknown");
	if (!trial.cost)
		doctor_limit(doctor,
			     "the kernel does not tell the cost of tracing (CAP_SYS_ADMIN): "
			     "none is shown, and --max-overhead goes by typical values");
	engine_trial_fini(&trial);
}

/* What some ways to choose processes need: the memory of the kernel, and what is where in it. */
static void check_kernel_memory(struct doctor *doctor)
{
	bool btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	char lockdown[LOCKDOWN_SIZE];
	struct error *err;

	doctor_add(doctor, machine, "kernel BTF", btf ? "yes" : "no");
	if (!btf && confine_is_for_caller())
		doctor_fail(doctor, engine_no_users());
	else if (!btf)
		doctor_limit(doctor, "--uid does not work; nothing else needs it");
	lockdown_mode(lockdown);
	doctor_add(doctor, machine, "lockdown", lockdown);
	err = lockdown_check("children are not followed, and --uid and groups of cgroup v1 do not "
			     "work");
	if (err)
		doctor_limit(doctor, "%s", err->text);
	error_free(err);
	doctor_fail(doctor, session_check_caller());
}

/* Settings that people ask about. trace needs none of them, because it needs the capabilities above
 * anyway. */
static void check_settings(struct doctor *doctor)
{
	struct rlimit limit = {0};
	char text[48] = "unlimited";

	add_number(doctor, "perf_event_paranoid",
		   machine_number("/proc/sys/kernel/perf_event_paranoid"));
	add_number(doctor, "unprivileged_bpf_disabled",
		   machine_number("/proc/sys/kernel/unprivileged_bpf_disabled"));
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur != RLIM_INFINITY)
		snprintf(text, sizeof(text), "%llu bytes", (unsigned long long)limit.rlim_cur);
	doctor_add(doctor, machine, "memlock", text);
}

/* What --cgroup, --container and --pod need. */
static void check_cgroups(struct doctor *doctor)
{
	bool v1 = false, v2 = false;
	struct error *err = cgroup_versions(&v1, &v2);

	doctor_add(doctor, machine, "control groups",
		   v1 && v2 ? "v1 and v2"
		   : v2	    ? "v2"
		   : v1	    ? "v1"
			    : "not mounted");
	error_free(err);
	if (!v1 && !v2)
		doctor_limit(doctor, "--cgroup, --container and --pod do not work");
	else if (v1 && access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		doctor_limit(doctor,
			     "processes that are moved into a control group of v1 are found up to "
			     "a tenth of a second later (kernel BTF is missing)");
}

/* Adds the row of a runtime: where its state is, and what its sockets answered. */
static void check_runtime(struct doctor *doctor, const struct runtime *runtime,
			  const struct runtime_told *told)
{
	bool has_state = access(runtime->state, F_OK) == 0, has_socket = false;
	cleanup_buf struct buf found = {0}, missing = {0};

	if (has_state)
		buf_str(&found, runtime->state);
	if (has_state && access(runtime->state, R_OK | X_OK) != 0)
		buf_printf(&missing, "%s cannot be read", runtime->state);
	vec_each(at, &told->sockets) {
		if (at->of != runtime)
			continue;
		has_socket = true;
		buf_printf(&found, "%s%s: ", found.len ? ", " : "", at->path);
		if (at->why)
			buf_str(&found, at->idle ? "nobody listens" : "no answer");
		else
			buf_printf(&found, "%zu running", at->containers);
		if (at->why && !at->idle)
			buf_printf(&missing, "%s%s: %s", missing.len ? "; " : "", at->path,
				   at->why);
	}
	if (has_state || has_socket)
		doctor_add(doctor, machine, runtime->name, buf_cstr(&found));
	if (missing.len)
		doctor_limit(doctor, "%s", buf_cstr(&missing));
}

static void check_runtimes(struct doctor *doctor)
{
	cleanup(runtime_told_fini) struct runtime_told told = {0};
	const struct runtime *runtime;

	error_free(runtime_ask(NULL, &told));
	for (size_t i = 0; (runtime = runtime_at(i)); i++)
		check_runtime(doctor, runtime, &told);
}

void doctor_machine(struct doctor *doctor)
{
	check_proc(doctor);
	doctor->code_proc = doctor->code;
	check_descriptors(doctor);
	check_release(doctor);
	check_capabilities(doctor);
	check_seccomp(doctor);
	check_engine(doctor);
	check_yama(doctor);
	check_kernel_memory(doctor);
	check_settings(doctor);
	check_cgroups(doctor);
	check_runtimes(doctor);
}
