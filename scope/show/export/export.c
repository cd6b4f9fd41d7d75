#include "base/buf.h"
#include "show/export/export_priv.h"

static const struct export_format formats[] = {
	{"pprof", pprof_put},
};

struct error *export_read(const char *text, const struct export_format **ret, const char **ret_file)
{
	cleanup_buf struct buf names = {0};
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		buf_printf(&names, "%s%s:FILE", i ? ", " : "", formats[i].name);
		if (strlen(formats[i].name) != len || memcmp(formats[i].name, text, len) != 0 ||
		    !text[len] || !text[len + 1])
			continue;
		*ret = &formats[i];
		*ret_file = text + len + 1;
		return NULL;
	}
	return error_new(ERROR_USAGE, "--to \"%.80s\": give a format and a file: %s", text,
			 buf_cstr(&names));
}
