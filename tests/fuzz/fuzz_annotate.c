/* read/explain/scan.c: reads any text, line by line. Every hit must be in the line, in order, and
 * must be the number at that position. */
#include "read/explain/scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *line, size_t len, const struct scan_hit *hit, size_t from)
{
	const char *at = line + hit->at;
	uint64_t value = 0;

	if (hit->len == 0 || hit->at < from || hit->at > len || hit->len > len - hit->at)
		abort();
	for (size_t i = hit->at; i < hit->at + hit->len; i++, at++) {
		int digit = *at <= '9' ? *at - '0' : (*at | 32) - 'a' + 10;

		value = *at == '+' || *at == 'x' || *at == 'X' ? 0 : value << 4 | (uint64_t)digit;
	}
	if (value != hit->value)
		abort();
	if (hit->kind == SCAN_PERF && (hit->dso > len || hit->dso_len > len - hit->dso))
		abort();
	if (hit->kind == SCAN_FRAME || hit->kind == SCAN_OFFSET)
		if ((!hit->func_len && !hit->other_len) || hit->file > len ||
		    hit->file_len > len - hit->file ||
		    (hit->func_len && memchr(hit->func, '\n', hit->func_len)) ||
		    (hit->other_len && memchr(hit->other, '\n', hit->other_len)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan_state state = {0};
	struct scan_hit hits[SCAN_HITS_MAX];
	char *text = malloc(size + !size); /* a read of one byte too much is detected */
	size_t at = 0;

	memcpy(text, data, size);
	while (at < size) {
		char *newline = memchr(text + at, '\n', size - at);
		size_t end = newline ? (size_t)(newline - text) : size, from = 0, len = end - at;
		/* The copy has exactly the size of the line, and a read of one byte too much is
		 * detected. */
		char *line = malloc(len + !len);
		struct scan_text piece = {.line = line, .len = len};

		memcpy(line, text + at, len);
		if (end + 1 < size) {
			piece.next = text + end + 1;
			piece.next_len = size - end - 1;
		}
		for (size_t n = scan_line(&state, &piece, hits); n;
		     n = scan_line_more(&state, &piece, hits)) {
			if (n > SCAN_HITS_MAX)
				abort();
			for (size_t i = 0; i < n; i++) {
				check(line, len, &hits[i], from);
				from = hits[i].at + hits[i].len;
			}
		}
		free(line);
		at = end + 1;
	}
	free(text);
	return 0;
}
