#include "base/base.h"
#include "base/path.h"

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

bool path_same_base(const char *path, const char *other, size_t len)
{
	const char *slash = memrchr(other, '/', len), *name = path_base(path);

	if (slash) {
		len -= (size_t)(slash + 1 - other);
		other = slash + 1;
	}
	return strlen(name) == len && !memcmp(name, other, len);
}
