/* Finalizers and cleanups whose objects are dead, and that wait to be run. Their objects and arguments live until then
 * (runtime/mgcmark.go: markroot, fixedRootFinalizers and fixedRootCleanups). One that runs is still in its block. Blocks are never
 * freed, and all of them are in a list:
 *
 *	finblock	0 next of all	8 next	16 count u32	24 count * {function, object, size, type of the argument, type of
 *								the object}
 *	cleanupBlock	0 lfnode	16 next of all	24 count u32	32 count * cleanup
 *
 * A cleanup is a closure, or since 1.26 {adapter, function, argument}. To Go 1.24 cleanups are among the finalizers, as functions
 * alone. */
#include "live/heap/heap_priv.h"

enum {
	BLOCKS_MAX = 1 << 18, /* 26 million finalizers */
	FIN_BLOCK = 4096,
	FIN_WORDS = 5,
	FIN_OBJECT = 1,
	FIN_OBJECT_TYPE = 4,
	CLEANUP_BLOCK = 512,
};
#define FIN_POINTERS ((uint64_t)0x1b) /* all but the size */

/* How a queue is built. */
struct queue {
	uint64_t next, count, entries; /* offsets in a block */
	uint64_t block;		       /* its size */
	unsigned words;		       /* of an entry */
	uint64_t pointers;	       /* which of them are pointers, as bits */
	bool finalizers;
};

static const struct queue finalizer_queue = {.next = 0,
					     .count = 16,
					     .entries = 24,
					     .block = FIN_BLOCK,
					     .words = FIN_WORDS,
					     .pointers = FIN_POINTERS,
					     .finalizers = true};

static void mark_entry(struct heap *heap, const struct queue *queue, uint64_t addr,
		       const uint64_t *words)
{
	for (unsigned i = 0; i < queue->words; i++) {
		if (!(queue->pointers >> i & 1) || !words[i])
			continue;
		heap_search(heap, HEAP_SOURCE_QUEUE, addr + (uint64_t)i * WORD);
		heap_follow(heap, heap->source.addr, words[i], true);
	}
	/* An object and the type of the pointer to it are what an interface is. */
	if (queue->finalizers)
		heap_tell_interface(heap, words[FIN_OBJECT_TYPE], words[FIN_OBJECT]);
}

/* Marks what a block keeps. Returns false if it makes no sense. Then *ret_next is as before. */
static bool mark_block(struct heap *heap, const struct queue *queue, uint64_t addr,
		       uint64_t *ret_next)
{
	uint64_t words[FIN_BLOCK / WORD], size = (uint64_t)queue->words * WORD;
	uint32_t count;

	if (!heap_read(heap, addr, words, queue->block))
		return false;
	memcpy(&count, (const uint8_t *)words + queue->count, sizeof(count));
	if (count > (queue->block - queue->entries) / size)
		return false;
	*ret_next = words[queue->next / WORD];
	for (uint64_t i = 0; i < count; i++)
		mark_entry(heap, queue, addr + queue->entries + i * size,
			   words + (queue->entries + i * size) / WORD);
	return true;
}

static void mark_queue(struct heap *heap, const struct queue *queue, uint64_t variable)
{
	uint64_t at = 0;
	unsigned left = BLOCKS_MAX;

	heap->facts.queue_unread |= !variable || !heap_read(heap, variable, &at, sizeof(at));
	for (; at && left && mark_block(heap, queue, at, &at); left--)
		;
	heap->facts.queue_unread |= at;
}

void heap_mark_queues(struct heap *heap)
{
	struct queue cleanups = {.next = 16,
				 .count = 24,
				 .entries = 32,
				 .block = CLEANUP_BLOCK,
				 .words = heap->fields.cleanup_words,
				 .pointers = (1u << heap->fields.cleanup_words) - 1};

	mark_queue(heap, &finalizer_queue, heap->globals.finalizers);
	if (heap->fields.cleanup_queue)
		mark_queue(heap, &cleanups, heap->globals.cleanups);
}
