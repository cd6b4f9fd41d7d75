/* Opens files that debug information refers to, for the child that reads it. No file outside this
 * room includes this.
 */
#ifndef READ_DEBUGINFO_SEARCH_H
#define READ_DEBUGINFO_SEARCH_H

#include "read/debuginfo/debuginfo.h"

struct search {
	char *path;   /* owned; the program as the user named it */
	char *folder; /* owned; the program's folder, as the kernel knows it */
	char *around; /* owned; the folder of the file that was found last, or of the program */
};

/* Prepares the search for the files of a program. Errors: out of memory. */
struct error *search_init(struct search *search, int fd, const char *path);
void search_fini(struct search *search);

/* Opens a file, as debuginfo_files says; ctx is the search. Opens nothing but regular ELF files:
 * the child may have been taken over by what it reads, and must not get other files. */
struct error *search_open(void *ctx, const struct debuginfo_wanted *wanted, unsigned ordinal,
			  int *ret_fd, char **ret_path);

#endif
