#include "read/code/paths.h"

#include <stdlib.h>

/* ---- the straight path ---- */

struct code_paths {
	const struct code *code;
	bool (*cold)(void *ctx, uint64_t target);
	void *ctx;
};

/* Tells whether a cold function is called between insns[at] and the next instruction at which paths
 * part or meet. */
static bool is_cold(const struct code_paths *paths, size_t at)
{
	const struct code *code = paths->code;

	for (; at < code->insns.len && !code->insns.data[at].joined; at++) {
		const struct code_insn *insn = &code->insns.data[at];

		if (insn->flow == CODE_CALL && insn->target &&
		    paths->cold(paths->ctx, insn->target))
			return true;
		if (insn->flow != CODE_NEXT && insn->flow != CODE_CALL)
			return false;
	}
	return false;
}

/* Returns the instruction after insns[at], or SIZE_MAX at the end. */
static size_t straight_next(const struct code_paths *paths, size_t at)
{
	const struct code *code = paths->code;
	const struct code_insn *insn = &code->insns.data[at], *to;

	if (insn->flow == CODE_RETURN || insn->flow == CODE_STOP)
		return SIZE_MAX;
	if (insn->flow != CODE_JUMP && !(insn->flow == CODE_BRANCH && is_cold(paths, at + 1)))
		return at + 1 < code->insns.len ? at + 1 : SIZE_MAX;
	to = insn->target ? code_at(code, insn->target) : NULL;
	return to ? (size_t)(to - code->insns.data) : SIZE_MAX;
}

struct error *code_straight(const struct code *code, bool (*cold)(void *ctx, uint64_t target),
			    void *ctx, struct code_path *ret)
{
	const struct code_paths paths = {code, cold, ctx};
	cleanup_free bool *met = calloc(code->insns.len + 1, sizeof(*met));
	size_t at = code->insns.len ? 0 : SIZE_MAX;

	*ret = (struct code_path){0};
	if (!met)
		return error_nomem();
	for (; at != SIZE_MAX && !met[at]; at = straight_next(&paths, at)) {
		met[at] = true;
		if (!vec_push(&ret->insns, (uint32_t)at)) {
			code_path_fini(ret);
			return error_nomem();
		}
	}
	return NULL;
}

/* ---- the shortest path ---- */

#define NOWHERE UINT32_MAX

/* Finds the instructions to which control can go from insns[at]. There are at most two; NOWHERE
 * fills the rest. */
static void ways(const struct code_paths *paths, uint32_t at, uint32_t ret[2])
{
	const struct code *code = paths->code;
	const struct code_insn *insn = &code->insns.data[at], *to = NULL;

	ret[0] = ret[1] = NOWHERE;
	if (insn->flow == CODE_RETURN || insn->flow == CODE_STOP ||
	    (insn->flow == CODE_CALL && insn->target && paths->cold(paths->ctx, insn->target)))
		return;
	if ((insn->flow == CODE_JUMP || insn->flow == CODE_BRANCH) && insn->target)
		to = code_at(code, insn->target);
	if (insn->flow != CODE_JUMP && at + 1 < code->insns.len)
		ret[0] = at + 1;
	if (to && to != code->insns.data) /* not back to the entry, after the stack check */
		ret[1] = (uint32_t)(to - code->insns.data);
}

/* Searches breadth first from `from` to `goal`, or to any return when goal is NOWHERE. Returns the
 * last instruction of the path, or NOWHERE when there is none. before[i] is set to the instruction
 * from which i was reached. The queue has room for the whole function. */
static uint32_t find_path(const struct code_paths *paths, uint32_t from, uint32_t goal,
			  uint32_t *before, uint32_t *queue)
{
	const struct code *code = paths->code;
	size_t first = 0, last = 0;

	memset(before, 0xff, code->insns.len * sizeof(*before));
	before[from] = from;
	queue[last++] = from;
	while (first < last) {
		uint32_t at = queue[first++], next[2];

		if (goal == NOWHERE ? code->insns.data[at].flow == CODE_RETURN : at == goal)
			return at;
		ways(paths, at, next);
		for (unsigned i = 0; i < 2; i++) {
			if (next[i] == NOWHERE || before[next[i]] != NOWHERE)
				continue;
			before[next[i]] = at;
			queue[last++] = next[i];
		}
	}
	return NOWHERE;
}

/* Appends the path that ends at `end`. Leaves out its first instruction if `skip` is set. */
static bool append(const uint32_t *before, uint32_t end, bool skip, struct code_path *path)
{
	size_t begin = path->insns.len;
	uint32_t at = end;

	for (;; at = before[at]) {
		bool first = before[at] == at;

		if (!(first && skip) && !vec_push(&path->insns, at))
			return false;
		if (first)
			break;
	}
	for (size_t i = begin, j = path->insns.len; i + 1 < j; i++) {
		uint32_t swap = path->insns.data[--j];

		path->insns.data[j] = path->insns.data[i];
		path->insns.data[i] = swap;
	}
	return true;
}

struct error *code_shortest(const struct code *code, uint32_t via,
			    bool (*cold)(void *ctx, uint64_t target), void *ctx,
			    struct code_path *ret)
{
	const struct code_paths paths = {code, cold, ctx};
	cleanup_free uint32_t *before = malloc((2 * code->insns.len + 1) * sizeof(*before));
	uint32_t *queue = before ? before + code->insns.len : NULL;
	bool ok = before != NULL;

	*ret = (struct code_path){0};
	if (!ok)
		return error_nomem();
	if (via >= code->insns.len || find_path(&paths, 0, via, before, queue) == NOWHERE)
		return NULL;
	ok = append(before, via, false, ret);
	if (ok) {
		uint32_t end = find_path(&paths, via, NOWHERE, before, queue);

		ok = end == NOWHERE || append(before, end, true, ret);
		if (end == NOWHERE)
			code_path_fini(ret);
	}
	if (!ok)
		code_path_fini(ret);
	return ok ? NULL : error_nomem();
}

void code_path_fini(struct code_path *path)
{
	vec_fini(&path->insns);
}
