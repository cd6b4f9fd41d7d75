/* Computes the load bias of a file, which is how far the kernel or the dynamic linker has moved
 * it. */
#include "live/process/process.h"

enum { PAGE = 4096 }; /* the smallest page size; larger ones are multiples of it */

/* Identifies the file by its inode number only. On overlay and btrfs, /proc/PID/maps shows another
 * device number than fstat(). */
bool bias_of_mapped(const struct mappings *mappings, int exe, uint64_t offset, uint64_t addr,
		    uint64_t *ret)
{
	struct stat st;

	if (fstat(exe, &st) < 0) /* without this check, inode 0 would match anonymous memory */
		return false;
	vec_each(mapping, &mappings->list)
		if (mapping->executable && mapping->file.inode == st.st_ino &&
		    offset >= mapping->offset &&
		    offset - mapping->offset < mapping->end - mapping->start)
			return bias_of_addr(mapping->start + (offset - mapping->offset), addr, ret);
	return false;
}

bool bias_of_addr(uint64_t run_time, uint64_t link_time, uint64_t *ret)
{
	if ((run_time - link_time) % PAGE)
		return false;
	*ret = run_time - link_time;
	return true;
}
