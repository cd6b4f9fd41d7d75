/* What a run gives up when its probes stand. Then only records are taken out, probes are placed again
 * after an exec or a pause, and files of processes are read. */
#include "watch/session/follow_priv.h"
#include "base/confine.h"

#include <linux/capability.h>
#include <seccomp.h>

/* The rights that are kept, and what for. Whoever lets a run do something new adds what that needs. */
static const int kept[] = {
	CAP_SYS_PTRACE,		/* the mappings, files and memory of processes */
	CAP_CHECKPOINT_RESTORE, /* /proc/PID/map_files: a mapped file that is in another mount namespace */
	CAP_DAC_READ_SEARCH, /* reading files of other users, such as a plugin that is loaded later */
	CAP_KILL,	     /* signals to a command that runs as another user */
	CAP_LEASE,	     /* leases of files of other users */
};

/* Calls that no run makes after its beginning. Each would change the machine, or start something. */
static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(setns), /* not unshare: the threads of a keeper leave the table of descriptors */
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(process_vm_writev),
};

uint64_t kept_rights(void)
{
	uint64_t keep = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		keep |= 1ull << kept[i];
	return keep;
}

struct error *session_confine(struct session *session)
{
	uint64_t keep = kept_rights() | engine_capabilities(session->engine); /* placing again */
	struct error *err;

	timely_rest(
		session->timely); /* its thread has the rights of this one when it was started */
	try(confine_capabilities(keep));
	err = confine_without_calls(refused, ARRAY_SIZE(refused));
	if (err) /* a kernel without such filters; the capabilities are gone all the same */
		session_notice(session, SESSION_DETAIL, "%s", err->text);
	error_free(err);
	return NULL;
}
