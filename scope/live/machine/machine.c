#include "live/machine/machine.h"
#include "base/confine.h"
#include "live/process/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>

void machine_line(const char *path, char ret[MACHINE_TEXT])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, MACHINE_TEXT - 1);

	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

int machine_number(const char *path)
{
	char text[MACHINE_TEXT];
	int number;

	machine_line(path, text);
	return sscanf(text, "%d", &number) == 1 ? number : -1;
}

int machine_status(pid_t pid, const char *name)
{
	char text[4096], field[64];
	const char *at;
	int number;

	if (!process_read_text(pid, "status", text, sizeof(text)))
		return -1;
	snprintf(field, sizeof(field), "\n%s:", name);
	at = strstr(text, field);
	return at && sscanf(at + strlen(field), "%d", &number) == 1 ? number : -1;
}

/* Process 1 belongs to root. Without the mount option hidepid everybody may read its status. */
bool machine_proc_hides(void)
{
	return access("/proc/self/status", R_OK) == 0 && machine_status(1, "Tgid") != 1;
}

void machine_missing(uint64_t wanted, char ret[MACHINE_TEXT])
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{CAP_BPF, "CAP_BPF"},
		{CAP_PERFMON, "CAP_PERFMON"},
		{CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
		{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	};
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (wanted >> names[i].number & 1 && !confine_has(names[i].number))
			len += (size_t)snprintf(ret + len, MACHINE_TEXT - len, "%s%s",
						len ? " " : "", names[i].name);
}
