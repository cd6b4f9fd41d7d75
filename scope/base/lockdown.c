#include "base/lockdown.h"

#include <fcntl.h>
#include <stdio.h>

/* Parses "none [integrity] confidentiality". */
void lockdown_mode(char ret[LOCKDOWN_SIZE])
{
	cleanup_close int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *mode;

	text[len > 0 ? len : 0] = '\0';
	mode = strchr(text, '[');
	snprintf(ret, LOCKDOWN_SIZE, "%.*s", mode ? (int)strcspn(mode + 1, "]") : 0,
		 mode ? mode + 1 : "");
}

struct error *lockdown_check(const char *what)
{
	char mode[LOCKDOWN_SIZE];

	lockdown_mode(mode);
	if (strcmp(mode, "confidentiality") != 0)
		return NULL;
	return error_new(ERROR_PERMISSION,
			 "%s: the kernel lets no program read its memory "
			 "(lockdown=confidentiality)",
			 what);
}
