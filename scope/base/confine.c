#include "base/base.h"
#include "base/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

enum { WORDS = _LINUX_CAPABILITY_U32S_3 };

static bool capabilities_get(struct __user_cap_data_struct ret[WORDS])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &header, ret) == 0;
}

bool confine_has(int capability)
{
	struct __user_cap_data_struct sets[WORDS];

	return capabilities_get(sets) && sets[capability / 32].effective & 1u << capability % 32;
}

/* Takes the other capabilities out of the bounding set. Only a process with CAP_SETPCAP may do
 * that. */
static void bound(uint64_t keep)
{
	for (int capability = 0; capability < 64; capability++)
		if (!(keep >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			return; /* not permitted, or past the last capability */
}

bool confine_to_nobody(void)
{
	/* The parent has the same capabilities. Without CAP_KILL it could not end this process. */
	if (!confine_has(CAP_SETUID) || !confine_has(CAP_SETGID) || !confine_has(CAP_KILL))
		return false;
	bound(0);
	/* The user comes last. In a user namespace in which these ids have no meaning, the first
	 * call fails. */
	return setresgid(CONFINE_NOBODY, CONFINE_NOBODY, CONFINE_NOBODY) == 0 &&
	       setgroups(0, NULL) == 0 &&
	       setresuid(CONFINE_NOBODY, CONFINE_NOBODY, CONFINE_NOBODY) == 0;
}

struct error *confine_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[WORDS];

	if (!capabilities_get(sets))
		return error_errno(ERROR_FAILED, errno, "cannot read the capabilities");
	bound(keep);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (size_t i = 0; i < WORDS; i++) {
		uint32_t word = (uint32_t)(keep >> 32 * i);

		sets[i].permitted &= word;
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, sets) != 0)
		return error_errno(ERROR_FAILED, errno, "cannot give up capabilities");
	return NULL;
}

bool confine_is_for_caller(void)
{
	return getuid() != 0 && getauxval(AT_SECURE);
}

struct error *confine_to_caller(uint64_t keep)
{
	uid_t user = getuid();
	gid_t group = getgid();

	if (!confine_is_for_caller())
		return NULL;
	/* When the effective user changes from root to another one, only the permitted capabilities
	 * stay. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresgid(group, group, group) != 0 ||
	    setresuid(user, user, user) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_errno(ERROR_FAILED, errno, "cannot become the caller");
	return confine_capabilities(keep);
}

static int allow(scmp_filter_ctx filter, const struct confine_call *call)
{
	if (!call->mask)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 0);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call->number, 1,
				SCMP_CMP(call->arg, SCMP_CMP_MASKED_EQ, call->mask, call->value));
}

static struct error *install(scmp_filter_ctx filter, int err)
{
	/* Calls by the numbers of another machine (32 bits) are refused in the same way. */
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	if (!err)
		err = seccomp_load(filter); /* sets no_new_privs first */
	seccomp_release(filter);
	return err ? error_errno(ERROR_FAILED, -err, "cannot limit system calls") : NULL;
}

struct error *confine_calls(const struct confine_call *calls, size_t n)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		err = allow(filter, &calls[i]);
	return install(filter, err);
}

struct error *confine_without_calls(const int *numbers, size_t n)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), numbers[i], 0);
	return install(filter, err);
}

struct error *confine_ptrace(void)
{
	/* PTRACE_GETREGSET, PTRACE_SEIZE and PTRACE_INTERRUPT are 0x4204, 0x4206 and 0x4207. */
	static const struct scmp_arg_cmp refused[] = {
		{.op = SCMP_CMP_LT, .datum_a = PTRACE_GETREGSET},
		{.op = SCMP_CMP_EQ, .datum_a = PTRACE_SETREGSET},
		{.op = SCMP_CMP_GT, .datum_a = PTRACE_INTERRUPT},
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && !err; i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ptrace), 1,
					     &refused[i]);
	return install(filter, err);
}
