#include "live/holders/holders_priv.h"
#include "base/buf.h"

#include <stdlib.h>

static uint64_t hash_bytes(const char *text)
{
	uint64_t hash = 0;

	for (size_t left = strlen(text); left; left -= left < WORD ? left : WORD) {
		uint64_t word = 0;

		memcpy(&word, text, left < WORD ? left : WORD);
		text += left < WORD ? left : WORD;
		hash = table_mix(hash ^ word);
	}
	return hash;
}

const char *holders_string(struct holders *holders, const char *text)
{
	uint64_t hash = hash_bytes(text);
	uint32_t *found;
	char *copy;

	while ((found = table_find(&holders->strings_at, hash))) {
		if (!strcmp(holders->strings.data[*found], text))
			return holders->strings.data[*found];
		hash++;
	}
	copy = strdup(text);
	if (!copy || !vec_push(&holders->strings, copy)) {
		free(copy);
		holders->failed = true;
		return NULL;
	}
	holders->failed |=
		table_put(&holders->strings_at, hash, (uint32_t)holders->strings.len - 1) < 0;
	return copy;
}

/* Returns the names of a type, which are kept. */
static struct type_names names_of(struct holders *holders, uint64_t type)
{
	uint32_t *found = table_find(&holders->types_at, type);
	cleanup(buf_fini) struct buf text = {0}, package = {0};
	struct type_names names = {0};

	if (found)
		return holders->type_names.data[*found];
	if (type && gotype_name(&holders->types, type, &text))
		names.name = holders_string(holders, buf_cstr(&text));
	if (type && gotype_package(&holders->types, type, &package))
		names.package = holders_string(holders, buf_cstr(&package));
	holders->failed |=
		!vec_push(&holders->type_names, names) ||
		table_put(&holders->types_at, type, (uint32_t)holders->type_names.len - 1) < 0;
	return names;
}

const char *holders_type_name(struct holders *holders, uint64_t type)
{
	return names_of(holders, type).name;
}

const char *holders_type_package(struct holders *holders, uint64_t type)
{
	return names_of(holders, type).package;
}

static uint64_t hash_hop(const struct holder_hop *hop)
{
	uint64_t flags = (uint64_t)hop->kind << 2 | (uint64_t)hop->interface << 1 | hop->repeated;
	uint64_t hash = table_mix(flags ^ (uintptr_t)hop->type);

	hash = table_mix(hash ^ (uintptr_t)hop->name);
	hash = table_mix(hash ^ hop->addr ^ (uintptr_t)hop->package);
	return table_mix(hash ^ (uintptr_t)hop->next);
}

/* Tells whether two hops are of the same kind, wherever they lead. */
static bool is_like(const struct holder_hop *a, const struct holder_hop *b)
{
	return a->kind == b->kind && a->interface == b->interface && a->type == b->type &&
	       a->name == b->name && a->package == b->package && a->addr == b->addr;
}

const struct holder_hop *holders_hop(struct holders *holders, struct holder_hop hop,
				     const struct holder_hop *next)
{
	struct holder_hop *stored;
	uint64_t hash;
	uint32_t *found;

	hop.next = next;
	if (next && is_like(&hop, next)) {
		hop.repeated = true;
		hop.next = next->next;
	}
	hash = hash_hop(&hop);
	while ((found = table_find(&holders->hops_at, hash))) {
		const struct holder_hop *there = holders->hops.data[*found];

		if (is_like(there, &hop) && there->next == hop.next &&
		    there->repeated == hop.repeated)
			return there;
		hash++;
	}
	stored = malloc(sizeof(*stored));
	if (!stored || !vec_push(&holders->hops, stored)) {
		free(stored);
		holders->failed = true;
		return NULL;
	}
	*stored = hop;
	holders->failed |= table_put(&holders->hops_at, hash, (uint32_t)holders->hops.len - 1) < 0;
	return stored;
}

const struct holder_hop *holders_hops(struct holders *holders, const struct step *step,
				      const struct holder_hop *next)
{
	for (size_t i = step->n; i--;)
		next = holders_hop(holders, step->hops[i], next);
	return next;
}

void holders_names_fini(struct holders *holders)
{
	vec_each(string, &holders->strings)
		free(*string);
	vec_each(hop, &holders->hops)
		free(*hop);
	vec_fini(&holders->strings);
	vec_fini(&holders->hops);
	vec_fini(&holders->type_names);
	table_fini(&holders->strings_at);
	table_fini(&holders->types_at);
	table_fini(&holders->hops_at);
}
