#include "base/buf.h"
#include "base/text/text.h"
#include "show/export/export.h"

#include <stdlib.h>

void profile_fini(struct profile *profile)
{
	vec_each(name, &profile->names)
		free(*name);
	vec_fini(&profile->names);
	table_fini(&profile->names_at);
	vec_fini(&profile->frames);
	vec_fini(&profile->stacks);
	table_fini(&profile->stacks_at);
}

static uint64_t hash_bytes(const void *bytes, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = table_mix(hash ^ ((const unsigned char *)bytes)[i]);
	return hash;
}

struct error *profile_name(struct profile *profile, const char *name, uint32_t *ret)
{
	cleanup_buf struct buf safe = {0};
	const uint32_t *at;
	uint64_t hash;
	char *copy;

	text_safe_str(&safe, name);
	if (safe.bad)
		return error_nomem();
	/* A name with another one's hash takes the next number: it is no more than one wrong hash away. */
	for (hash = hash_bytes(safe.data, safe.len); (at = table_find(&profile->names_at, hash));
	     hash++) {
		if (strcmp(profile->names.data[*at], buf_cstr(&safe)) == 0) {
			*ret = *at;
			return NULL;
		}
	}
	copy = strdup(buf_cstr(&safe));
	if (!copy || !vec_push(&profile->names, copy)) {
		free(copy);
		return error_nomem();
	}
	*ret = (uint32_t)profile->names.len - 1;
	return table_put(&profile->names_at, hash, *ret) < 0 ? error_nomem() : NULL;
}

/* Finds the stack with these frames, or makes one without numbers. */
static struct error *stack_of(struct profile *profile, const uint32_t frames[], size_t n,
			      struct profile_stack **ret)
{
	struct profile_stack stack = {.first = profile->frames.len, .n = n};
	const uint32_t *at;
	uint64_t hash;

	for (hash = hash_bytes(frames, n * sizeof(*frames));
	     (at = table_find(&profile->stacks_at, hash)); hash++) {
		*ret = &profile->stacks.data[*at];
		if ((*ret)->n == n &&
		    memcmp(profile->frames.data + (*ret)->first, frames, n * sizeof(*frames)) == 0)
			return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (!vec_push(&profile->frames, frames[i]))
			return error_nomem();
	if (!vec_push(&profile->stacks, stack))
		return error_nomem();
	*ret = &profile->stacks.data[profile->stacks.len - 1];
	return table_put(&profile->stacks_at, hash, (uint32_t)profile->stacks.len - 1) < 0
		       ? error_nomem()
		       : NULL;
}

struct error *profile_add(struct profile *profile, const uint32_t frames[], size_t n,
			  const int64_t numbers[])
{
	struct profile_stack *stack = NULL;

	assert(profile->values_n <= PROFILE_VALUES_MAX && n);
	try(stack_of(profile, frames, n < PROFILE_FRAMES_MAX ? n : PROFILE_FRAMES_MAX, &stack));
	for (size_t i = 0; i < profile->values_n; i++)
		stack->numbers[i] += numbers[i];
	return NULL;
}
