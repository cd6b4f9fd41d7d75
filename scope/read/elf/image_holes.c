/* Holes are parts of a file that the disk does not hold. A file of terabytes may take a few
 * kilobytes on a disk, and reading its holes costs time and memory like reading data. Linkers leave
 * no holes of importance. Therefore a part of the file that is mostly a hole is not read.
 */
#include "read/elf/image_priv.h"

#include <unistd.h>

#define EXTENTS_MAX 1024	 /* from this piece on, all of the file counts as data */
#define SMALL_MAX   (1ull << 20) /* this many bytes are cheap to read even if they are a hole */

/* Restores the position of fd, because the caller's descriptor may be shared. */
void image_find_extents(struct image *image, int fd)
{
	off_t before = lseek(fd, 0, SEEK_CUR), at = 0;

	while (at < (off_t)image->size && image->extents_n < EXTENTS_MAX) {
		off_t from = lseek(fd, at, SEEK_DATA), to;

		if (from < 0)
			break; /* no more data, or the file system cannot tell holes */
		to = lseek(fd, from, SEEK_HOLE);
		if (to <= from)
			break;
		if (!image->extents_n && from == 0 && to >= (off_t)image->size)
			break; /* no holes, which is the common case */
		image->extents = image->extents_n ? image->extents
						  : calloc(EXTENTS_MAX, sizeof(*image->extents));
		if (!image->extents)
			break;
		image->extents[image->extents_n++] =
			(struct image_extent){(uint64_t)from, (uint64_t)to};
		at = to;
	}
	if (image->extents_n == EXTENTS_MAX)
		image->extents[EXTENTS_MAX - 1].to = image->size;
	lseek(fd, before < 0 ? 0 : before, SEEK_SET);
}

bool image_is_hole(const struct image *image, uint64_t offset, uint64_t size)
{
	uint64_t held = 0;

	if (!image->extents_n || size <= SMALL_MAX)
		return false;
	for (size_t i = 0; i < image->extents_n; i++) {
		uint64_t from = image->extents[i].from, to = image->extents[i].to;

		from = from > offset ? from : offset;
		to = to < offset + size ? to : offset + size;
		held += from < to ? to - from : 0;
	}
	return held < size / 2;
}
