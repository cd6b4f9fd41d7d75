#include "watch/resolve/stacks.h"
#include "base/frame.h"

/* If a program has more stacks than this, or deeper ones, all are forgotten and looked up again.
 * This bounds the memory. */
#define STACKS_MAX	 (1u << 17)
#define STACKS_BYTES_MAX (64ul << 20) /* of pcs and frames */

/* Finds the source-level frames of the code at run-time address `at`. */
static size_t find_frames(struct stacks *s, struct stack *stack, const struct physical_stack *of,
			  uint64_t at, struct frame found[GOPCLN_INLINE_MAX])
{
	size_t n = gopcln_frames(of->tab, at - of->bias, found, GOPCLN_INLINE_MAX);
	const struct gotype_module *module = n || !s->find ? NULL : s->find(s->find_ctx, at);

	if (n || !s->find)
		return n;
	stack->pid = of->pid;
	return module ? gopcln_frames(module->tab, at - module->bias, found, GOPCLN_INLINE_MAX) : 0;
}

/* Returns how many of the innermost frames are methods of sync.Map that were inlined into a function
 * of the program, or functions that were inlined into these. */
static size_t count_inlined_sync(const struct frame *frames, size_t n)
{
	size_t last = 0;

	for (size_t i = 0; i + 1 < n; i++)
		if (go_entry_is_sync(frames[i].func))
			last = i + 1;
	return last;
}

/* Appends the source-level frames of one physical frame. `at` is the address to look up, `pc` is
 * the one to show. While *leading is true, frames of the runtime's entries are left out, together
 * with the frames inlined into them. stack->func becomes the outermost of them. With of->sync, the
 * same holds for the methods of sync.Map. */
static bool add_frames(struct stacks *s, struct stack *stack, const struct physical_stack *of,
		       uint64_t at, uint64_t pc, bool *leading)
{
	struct frame found[GOPCLN_INLINE_MAX];
	size_t n = find_frames(s, stack, of, at, found), first = 0;
	struct frame unknown = {.pc = pc, .func = "", .file = ""};

	if (!n) {
		*leading = false;
		stack->nframes++;
		return vec_push(&s->frames, unknown);
	}
	if (*leading && (of->sync ? go_entry_is_sync : go_entry_is_inner)(found[n - 1].func)) {
		stack->func = found[n - 1].func;
		return true;
	}
	if (*leading && of->sync)
		first = count_inlined_sync(found, n);
	if (first)
		stack->func = found[first - 1].func;
	*leading = false;
	for (size_t i = first; i < n; i++) {
		/* The compiler made this frame, and Go's own tracebacks hide it, too. But a stack
		 * may have no other frame (go delete(m, k)). Its line is then that of the
		 * delete. */
		if (found[i].wrapper && stack->nframes)
			continue;
		found[i].pc = pc;
		if (!vec_push(&s->frames, found[i]))
			return false;
		stack->nframes++;
	}
	return true;
}

static bool build_stack(struct stacks *s, struct stack *stack, const struct physical_stack *of)
{
	bool leading = true;

	stack->func = "";
	stack->first_frame = (uint32_t)s->frames.len;
	if (!add_frames(s, stack, of, of->ip, of->ip, &leading))
		return false;
	for (uint32_t i = 0; i < of->n; i++)
		if (!add_frames(s, stack, of, of->pcs[i] - 1, of->pcs[i], &leading))
			return false;
	/* Every goroutine's stack ends with it. Therefore it tells nothing. */
	if (stack->nframes && !strcmp(s->frames.data[s->frames.len - 1].func, "runtime.goexit")) {
		s->frames.len--;
		stack->nframes--;
	}
	/* The site may be among the frames that are cut next. */
	stack->site_matches =
		filter_site_matches(s->filter, s->frames.data + stack->first_frame, stack->nframes);
	if (stack->nframes > s->stack_max) {
		s->frames.len -= stack->nframes - s->stack_max;
		stack->nframes = s->stack_max;
		stack->cut = true;
	}
	return true;
}

static bool stacks_full(const struct stacks *s)
{
	return s->list.len >= STACKS_MAX ||
	       s->pcs.len * sizeof(*s->pcs.data) + s->frames.len * sizeof(*s->frames.data) >
		       STACKS_BYTES_MAX;
}

static void forget_stacks(struct stacks *s)
{
	s->first_id += s->list.len;
	s->list.len = s->pcs.len = s->frames.len = 0;
	table_fini(&s->index);
}

static bool same_stack(const struct stacks *s, const struct stack *stack, const uint64_t head[3],
		       const struct physical_stack *of)
{
	const uint64_t *pcs = of->pcs;
	uint32_t n = of->n;
	const uint64_t *at = &s->pcs.data[stack->first_pc];
	uint64_t differ = (at[0] ^ head[0]) | (at[1] ^ head[1]) | (at[2] ^ head[2]);

	if (differ || stack->npcs != n + 3 || (stack->pid && stack->pid != of->pid))
		return false;
	for (uint32_t i = 0; i < n; i++)
		differ |= at[3 + i] ^ pcs[i];
	return !differ;
}

static struct stack *add_stack(struct stacks *s, const uint64_t head[3],
			       const struct physical_stack *of, uint64_t hash, uint32_t next)
{
	uint32_t n = of->n;
	struct stack stack = {.first_pc = (uint32_t)s->pcs.len, .npcs = n + 3, .next = next};

	if (!vec_reserve(&s->pcs, s->pcs.len + n + 3))
		return NULL;
	memcpy(s->pcs.data + s->pcs.len, head, 3 * sizeof(*head));
	memcpy(s->pcs.data + s->pcs.len + 3, of->pcs, n * sizeof(*of->pcs));
	s->pcs.len += n + 3;
	if (!build_stack(s, &stack, of) || !vec_push(&s->list, stack) ||
	    table_put(&s->index, hash, (uint32_t)s->list.len) < 0)
		return NULL;
	return &s->list.data[s->list.len - 1];
}

struct stack *stacks_get(struct stacks *s, const struct physical_stack *of)
{
	uint64_t head[3] = {of->ip, of->bias, (uint64_t)of->module << 1 | of->cut};
	uint64_t hash;
	uint32_t *newest;
	uint32_t next;

	if (s->last < s->list.len && same_stack(s, &s->list.data[s->last], head, of))
		return &s->list.data[s->last];
	hash = table_mix(head[0] ^ table_mix(head[1] + head[2]));
	for (uint32_t i = 0; i < of->n; i++)
		hash = (hash ^ of->pcs[i]) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 29;
	newest = table_find(&s->index, hash);
	for (next = newest ? *newest : 0; next; next = s->list.data[next - 1].next) {
		s->last = next - 1;
		if (same_stack(s, &s->list.data[s->last], head, of))
			return &s->list.data[s->last];
	}
	if (stacks_full(s)) {
		forget_stacks(s);
		newest = NULL;
	}
	return add_stack(s, head, of, hash, newest ? *newest : 0);
}

const struct frame *stack_frames(const struct stacks *s, const struct stack *stack)
{
	return s->frames.data + stack->first_frame;
}

uint64_t stack_id(const struct stacks *s, const struct stack *stack)
{
	return s->first_id + (uint64_t)(stack - s->list.data);
}

void stacks_fini(struct stacks *s)
{
	table_fini(&s->index);
	vec_fini(&s->list);
	vec_fini(&s->pcs);
	vec_fini(&s->frames);
}
