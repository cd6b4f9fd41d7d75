#include "kube/kube.h"
#include "base/buf.h"

#define TEXT_MAX 600 /* bytes of kubectl's words in an error */

/* Appends a text as one line: lines and runs of blanks become one blank. */
static void put_line(struct buf *to, const char *text)
{
	for (bool blank = true; *text && to->len < TEXT_MAX; text++) {
		bool is_blank = *text == ' ' || *text == '\n' || *text == '\t' || *text == '\r';

		if (!is_blank)
			buf_char(to, *text);
		else if (!blank)
			buf_char(to, ' ');
		blank = is_blank;
	}
	while (to->len && to->data[to->len - 1] == ' ')
		to->len--;
}

/* Returns where kubectl says what is wrong. Lines of its log, and warnings, may come before. */
static const char *words_of(const char *text)
{
	static const char *const begins[] = {"Error from server", "error:", "Error:", "The "};

	const char *line = text, *end;

	for (;; line = end + 1) {
		for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
			if (!strncmp(line, begins[i], strlen(begins[i])))
				return line;
		end = strchr(line, '\n');
		if (!end)
			return text;
	}
}

bool kube_is_absent(const struct kube_reply *reply, const char *resource)
{
	cleanup_buf struct buf text = {0}, begin = {0};

	buf_put(&text, reply->err.data, reply->err.len);
	buf_printf(&begin, "(NotFound): %s \"", resource);
	return reply->code && strstr(buf_cstr(&text), buf_cstr(&begin));
}

struct error *kube_refusal(const struct kube_reply *reply, const char *what)
{
	cleanup_buf struct buf text = {0}, line = {0};
	enum error_code code = ERROR_FAILED;

	buf_put(&text, reply->err.data, reply->err.len);
	put_line(&line, words_of(buf_cstr(&text)));
	if (!line.len)
		buf_printf(&line, "kubectl ended with %d and said nothing", reply->code);
	if (strstr(buf_cstr(&line), "(Forbidden)") || strstr(buf_cstr(&line), "(Unauthorized)") ||
	    strstr(buf_cstr(&line), "must be logged in"))
		code = ERROR_PERMISSION;
	else if (strstr(buf_cstr(&line), "(NotFound)"))
		code = ERROR_TARGET;
	return error_new(code, "%s: %s", what, buf_cstr(&line));
}
