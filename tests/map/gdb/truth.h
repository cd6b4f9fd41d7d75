/* The output of the test programs for gdb about their maps. It contains what they put, and never
 * what they read from the map.
 *
 * 	@	name	address	len	buckets	old buckets	evacuated	overflow	longest chain
 * 	key as gdb shows it	value as gdb shows it	key in hex	value in hex
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

static FILE *truth;

static inline void truth_head(const char *name, const struct tophash *map)
{
	struct tophash_stats stats;

	tophash_stats(map, &stats);
	fprintf(truth, "@\t%s\t%p\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\n", name, (const void *)map,
		map->len, stats.buckets, stats.old_buckets, stats.evacuated, stats.overflow,
		stats.longest_chain);
}

static inline void truth_hex(const void *bytes, size_t n)
{
	fputc('\t', truth);
	for (size_t i = 0; i < n; i++)
		fprintf(truth, "%02x", ((const unsigned char *)bytes)[i]);
}

/* `format` prints key and value, separated by a tab. */
__attribute__((format(printf, 5, 6))) static inline void truth_entry(
	const void *key, size_t key_size, const void *val, size_t val_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(truth, format, args);
	va_end(args);
	truth_hex(key, key_size);
	truth_hex(val, val_size);
	fputc('\n', truth);
}

/* Marks the place where gdb stops, even if it knows no functions. */
static inline void truth_done(void)
{
	fflush(truth);
	raise(SIGTRAP);
}

#endif
