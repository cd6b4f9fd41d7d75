/* The roots of the mark (runtime/mgcmark.go: markroot): data and bss of each module by their masks, the stacks of all
 * goroutines word for word, and what finalizers and cleanups keep; those that are queued are in queues.c. */
#include "live/heap/heap_priv.h"
#include "base/reader.h"

#include <stdlib.h>

enum {
	PIECE_WORDS = 8192, /* words that are read at once */
	GOROUTINES_MAX = 1 << 24,
	G_BYTES = 168,
	G_IDLE = 0,
	G_RUNNING = 2,
	G_SYSCALL = 3,
	G_DEAD = 6,
	G_STATUS_MASK = 0xfff, /* 0x1000: the collector scans its stack */
	SPECIAL_BYTES = 24,
	G_M = 48,
	/* m.gsignal is at 80 (to 1.24) or 72; g.syscallsp at 112 or 104. Both moved when gobuf lost a word. */
	G_SYSCALL_SP_TO_M_GSIGNAL = 32,
	SIGNAL_STACK_MAX = 1 << 20,
	MODULE_DATA = 208, /* in moduledata: data, edata, bss, ebss */
};
#define STACK_MAX   (1ull << 30) /* bytes: debug.SetMaxStack's default */
#define SEGMENT_MAX (1ull << 34)

/* ---- data and bss ---- */

/* Marks what the words of a segment point to that are pointers by its mask. */
static struct error *mark_segment(struct heap *heap, uint64_t from, uint64_t to, uint64_t mask)
{
	cleanup_free uint64_t *words = malloc((size_t)PIECE_WORDS * WORD);
	uint8_t bits[PIECE_WORDS / 8];

	if (!words)
		return error_nomem();
	for (uint64_t done = 0; done < (to - from) / WORD; done += PIECE_WORDS) {
		uint64_t n = (to - from) / WORD - done;

		n = n < PIECE_WORDS ? n : PIECE_WORDS;
		if (!heap_read(heap, mask + done / 8, bits, (n + 7) / 8) ||
		    !memory_read(&heap->options.memory, from + done * WORD, words, n * WORD))
			return error_new(ERROR_TARGET,
					 "its global variables cannot be read: try again");
		for (uint64_t i = 0; i < n; i++) {
			if (!(bits[i / 8] >> i % 8 & 1))
				continue;
			heap_search(heap, HEAP_SOURCE_GLOBAL, from + (done + i) * WORD);
			heap_follow(heap, heap->source.addr, words[i], true);
			if (i && !(bits[(i - 1) / 8] >> (i - 1) % 8 & 1))
				heap_tell_interface(heap, words[i - 1], words[i]);
		}
	}
	return NULL;
}

static struct error *mark_one(struct heap *heap, uint64_t moduledata, uint64_t from, uint64_t to,
			      uint16_t mask_offset)
{
	struct {
		int32_t n, unused;
		uint64_t bits;
	} vector;

	if (!heap_read(heap, moduledata + mask_offset, &vector, sizeof(vector)) || to < from ||
	    to - from > SEGMENT_MAX || (uint64_t)vector.n != (to - from) / WORD)
		return error_new(
			ERROR_TARGET,
			"the masks of its global variables make no sense: is this %s? Try again; if it stays, the program is damaged",
			gopcln_version(heap->options.modules[0].tab));
	if (!heap->on_pointer && !vec_push(&heap->globals_at, ((struct heap_range){from, to})))
		return error_nomem();
	return to == from ? NULL : mark_segment(heap, from, to, vector.bits);
}

static struct error *mark_globals(struct heap *heap, const struct gotype_module *module)
{
	uint64_t at = gopcln_module(module->tab)->moduledata + module->bias, bounds[4];

	if (!heap_read(heap, at + MODULE_DATA, bounds, sizeof(bounds)))
		return error_new(ERROR_TARGET, "its moduledata cannot be read: try again");
	try(mark_one(heap, at, bounds[0], bounds[1], heap->fields.data_mask));
	return mark_one(heap, at, bounds[2], bounds[3], heap->fields.bss_mask);
}

/* ---- stacks ---- */

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

/* Returns a thread whose stack pointer is in a stack, or NULL. */
static const struct registers *thread_in(const struct heap *heap, uint64_t low, uint64_t high)
{
	for (size_t i = 0; i < heap->options.registers_n; i++)
		if (heap->options.registers[i].sp - low < high - low)
			return &heap->options.registers[i];
	return NULL;
}

/* Marks what words that stand from an address on may point to, and tells the hook if that is the stack of a goroutine. */
static void mark_words(struct heap *heap, uint64_t from, uint64_t high, bool of_goroutine)
{
	uint64_t words[512], step;

	for (; from < high; from += step) {
		size_t n = (high - from < sizeof(words) ? high - from : sizeof(words)) / WORD;

		step = n < ARRAY_SIZE(words) ? high - from : (n - HEAP_STACK_OVERLAP) * WORD;
		if (!memory_read(&heap->options.memory, from, words, n * WORD))
			return; /* it has moved */
		for (size_t i = 0; i < n; i++) {
			heap_search(heap, HEAP_SOURCE_STACK, from + i * WORD);
			heap_follow(heap, heap->source.addr, words[i], false);
		}
		if (of_goroutine && heap->hooks.on_stack && !heap->on_pointer)
			heap->hooks.on_stack(heap->hooks.ctx, from, words, n);
	}
}

/* Marks the stack of a goroutine's thread on which signals are handled, if the thread is there. It has the registers
 * that the goroutine had. */
static void mark_signal_stack(struct heap *heap, uint64_t m)
{
	uint64_t signal_g, bounds[2];
	const struct registers *thread;

	if (!heap_read(heap, m + heap->fields.g_syscall_sp - G_SYSCALL_SP_TO_M_GSIGNAL, &signal_g,
		       sizeof(signal_g)) ||
	    !heap_read(heap, signal_g, bounds, sizeof(bounds)) || bounds[1] < bounds[0] ||
	    bounds[1] - bounds[0] > SIGNAL_STACK_MAX)
		return;
	thread = thread_in(heap, bounds[0], bounds[1]);
	if (thread)
		mark_words(heap, thread->sp & ~(uint64_t)(WORD - 1), bounds[1], false);
}

/* Returns the lowest address in use of the stack of a goroutine that runs. Its own record of that is old. The
 * registers of its thread tell it, which are marked. If the thread has gone to the system's stack (systemstack, mcall), the
 * record is right; in a call of the vDSO it is 0. Then, if the thread handles a signal, and without registers, the whole
 * stack is taken. */
static uint64_t running_from(struct heap *heap, const uint8_t *g)
{
	uint64_t low = word_at(g, G_STACK_LO), high = word_at(g, G_STACK_HI), system[2], system_g;
	const struct registers *thread = thread_in(heap, low, high);

	heap_search(heap, HEAP_SOURCE_STACK, thread ? thread->sp : 0);
	for (size_t i = 0; thread && i < REGISTERS_GENERAL; i++)
		heap_follow(heap, 0, thread->general[i], false);
	if (thread)
		return thread->sp;
	if (!heap->options.registers_n)
		return low;
	if (heap_read(heap, word_at(g, G_M), &system_g, sizeof(system_g)) &&
	    heap_read(heap, system_g, system, sizeof(system)) && system[0] < system[1] &&
	    thread_in(heap, system[0], system[1]))
		return word_at(g, G_SCHED_SP);
	mark_signal_stack(heap, word_at(g, G_M));
	return low;
}

/* Returns the lowest address of a goroutine's stack that is in use. */
static uint64_t stack_from(struct heap *heap, const uint8_t *g, uint32_t status)
{
	uint64_t low = word_at(g, G_STACK_LO), sp = word_at(g, G_SCHED_SP);

	if (status == G_RUNNING)
		sp = running_from(heap, g);
	if (status == G_SYSCALL)
		sp = word_at(g, heap->fields.g_syscall_sp);
	return sp >= low && sp < word_at(g, G_STACK_HI) ? sp & ~(uint64_t)(WORD - 1) : low;
}

/* Counts a goroutine, and keeps where its stack is if parents are kept. */
static struct error *note_stack(struct heap *heap, uint64_t g_addr, const uint8_t *g,
				uint32_t status)
{
	struct heap_stack stack = {
		.low = word_at(g, G_STACK_LO), .high = word_at(g, G_STACK_HI), .g = g_addr};
	size_t at = status == G_SYSCALL ? heap->fields.g_syscall_sp : G_SCHED_SP;

	heap->facts.goroutines++;
	if (status != G_RUNNING) {
		stack.sp = word_at(g, at);
		stack.pc = word_at(g, at + WORD); /* gobuf: sp, pc; g: syscallsp, syscallpc */
	}
	return heap->parents && !vec_push(&heap->stacks, stack) ? error_nomem() : NULL;
}

/* Marks what the stack of a goroutine may point to. */
static struct error *mark_stack(struct heap *heap, uint64_t g_addr)
{
	uint64_t low, high;
	uint8_t g[G_BYTES];
	uint32_t status;

	if (!heap_read(heap, g_addr, g, sizeof(g)))
		return NULL;
	memcpy(&status, g + heap->fields.g_status, sizeof(status));
	status &= G_STATUS_MASK;
	low = word_at(g, G_STACK_LO);
	high = word_at(g, G_STACK_HI);
	if (status == G_IDLE || status == G_DEAD || high < low || high - low > STACK_MAX)
		return NULL;
	if (!heap->on_pointer)
		try(note_stack(heap, g_addr, g, status));
	mark_words(heap, stack_from(heap, g, status), high, true);
	return NULL;
}

struct error *heap_mark_stacks(struct heap *heap)
{
	struct heap_list list = {.heap = heap, .addr = heap->globals.allgs, .max = GOROUTINES_MAX};
	uint64_t g;

	if (!heap_list_begin(&list))
		return error_new(
			ERROR_TARGET,
			"the list of goroutines makes no sense: is this %s? Try again; if it stays, the program is damaged",
			gopcln_version(heap->options.modules[0].tab));
	for (uint64_t i = 0; i < list.len; i++) {
		if (!heap_list_read(&list, i, &g, 1))
			return error_new(ERROR_TARGET,
					 "the list of goroutines cannot be read: try again");
		try(mark_stack(heap, g));
	}
	return NULL;
}

/* ---- finalizers and cleanups ---- */

/* Marks the pointers that a special has: the function of a finalizer, or a cleanup. */
static void mark_function(struct heap *heap, uint64_t special, unsigned words)
{
	uint64_t pointers[4];

	words = words < ARRAY_SIZE(pointers) ? words : ARRAY_SIZE(pointers);
	if (!heap_read(heap, special + heap->fields.special_function, pointers,
		       (size_t)words * WORD))
		return;
	for (unsigned i = 0; i < words; i++)
		heap_follow(heap, 0, pointers[i], true);
}

/* Marks what the specials of a span keep alive: their functions, and what an object with a finalizer points to. */
static void mark_specials(struct heap *heap, uint32_t number)
{
	const struct heap_fields *f = &heap->fields;
	const struct heap_span span = heap->spans.data[number];
	uint64_t at = span.specials;

	for (uint32_t left = span.elems * 8 + 64; at && left; left--) {
		uint8_t special[SPECIAL_BYTES], kind;
		uint64_t offset = 0, addr = at;

		if (!heap_read(heap, at, special, sizeof(special)))
			return;
		at = word_at(special, 0);
		kind = special[f->special_kind];
		memcpy(&offset, special + f->special_offset, f->special_offset_width);
		heap_search(heap,
			    kind == f->finalizer ? HEAP_SOURCE_FINALIZER : HEAP_SOURCE_CLEANUP,
			    span.base + offset / span.elem * span.elem);
		if (kind == f->finalizer)
			mark_function(heap, addr, 1);
		else if (f->cleanup && kind == f->cleanup)
			mark_function(heap, addr, f->cleanup_words);
		if (kind == f->finalizer && offset < span.elems * span.elem)
			heap_scan_object(heap, number, (uint32_t)(offset / span.elem));
	}
}

struct error *heap_mark_roots(struct heap *heap)
{
	for (size_t i = 0; i < heap->options.modules_n; i++)
		try(mark_globals(heap, &heap->options.modules[i]));
	for (size_t i = 0; i < heap->spans.len; i++)
		if (heap->spans.data[i].specials)
			mark_specials(heap, (uint32_t)i);
	heap_mark_queues(heap);
	return take_ptr(heap->failed);
}
