// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Reads the goroutine, and walks its stack by frame pointers, two words a frame. bpf_get_stack()
 * would cost more than the rest of an event, and does not know where a goroutine's stack ends. */
#ifndef WATCH_ENGINE_BPF_WALK_BPF_H
#define WATCH_ENGINE_BPF_WALK_BPF_H

struct frame_walk {
	uint64_t fp;
	uint64_t lo, hi;  /* bounds of the goroutine's stack */
	uint64_t pair[2]; /* the frame: {caller's frame pointer, return address} */
	uint32_t flags;	  /* enum wire_flag; STACK_UNREAD */
	uint32_t n;	  /* frames read; counted in memory, so that the verifier need not check the
			     code after a walk once for each length */
};

/* In the flags of a walk, beside those of a record: a frame could not be read. */
#define STACK_UNREAD (1u << 8)

/* Adds the flags of a walk to an event. */
static __always_inline void take_walk_flags(struct wire_event *e, uint32_t flags)
{
	e->flags |= flags;
	e->unread |= flags & STACK_UNREAD ? WIRE_UNREAD_STACK : 0;
}

/* Reads the frame at walk->fp into walk->pair, and moves to the frame of the caller. Returns 0 at
 * the end of the stack, or when it cannot be read. The function is global, so that the verifier
 * checks it once. */
__noinline int walk_frame(struct frame_walk *walk)
{
	uint64_t fp;

	if (!walk)
		return 0;
	fp = walk->fp;
	walk->fp = 0;
	if (!fp)
		return 0;
	if (fp < walk->lo || fp > walk->hi - 16) {
		walk->flags |= WIRE_STACK_LOST;
		return 0;
	}
	if (bpf_probe_read_user(walk->pair, 16, (void *)fp)) {
		walk->flags |= WIRE_STACK_LOST | STACK_UNREAD;
		return 0;
	}
	/* Frame pointers must grow, or a cycle would make the walk endless. */
	if (walk->pair[0] > fp)
		walk->fp = walk->pair[0];
	else if (walk->pair[0])
		walk->flags |= WIRE_STACK_LOST;
	walk->n++;
	return 1;
}

static __always_inline bool goroutine_is(struct wire_event *e, const struct frame_walk *walk,
					 uint64_t goid)
{
	e->goid = goid;
	if (e->map >= walk->lo && e->map < walk->hi)
		e->flags |= WIRE_ON_STACK;
	return !filter_goid || goid == filter_goid;
}

/* Reads the goroutine's id and the bounds of its stack, with one read into scratch, which has
 * GOROUTINE_WORDS words. Returns false when the goroutine is filtered.
 *
 * Programs cannot wait for a page. While the kernel moves one or makes it part of a large page, a read fails
 * that succeeds a moment later. The goroutine is then not known (id 0), and it passes the filter: its event
 * says so. */
static __always_inline bool take_goroutine(struct wire_event *e, uint64_t *scratch, uint64_t g,
					   struct frame_walk *walk)
{
	if (goid_offset > GOROUTINE_WORDS * 8 - 8 ||
	    bpf_probe_read_user(scratch, goid_offset + 8, (void *)g)) {
		walk->flags |= WIRE_STACK_LOST;
		return true;
	}
	walk->lo = scratch[0];
	walk->hi = scratch[1];
	return goroutine_is(e, walk, scratch[goid_offset / 8]);
}

/* Does the same with two reads, for programs that have no BPF stack to spare. */
static __always_inline bool take_goroutine_slow(struct wire_event *e, uint64_t g,
						struct frame_walk *walk)
{
	if (bpf_probe_read_user(walk->pair, 16, (void *)g)) {
		walk->flags |= WIRE_STACK_LOST;
		return true;
	}
	walk->lo = walk->pair[0];
	walk->hi = walk->pair[1];
	if (bpf_probe_read_user(walk->pair, 8, (void *)(g + goid_offset)))
		return true;
	return goroutine_is(e, walk, walk->pair[0]);
}

/* Copies the stack from base on, up to its end. */
static __always_inline bool stack_copy_fill(struct stack_copy *copy, uint64_t base, uint64_t hi)
{
	uint64_t n = hi - base;

	bound(n, STACK_COPY);
	if (n < 16 || bpf_probe_read_user(copy->words, n, (void *)base))
		return false;
	copy->base = base;
	copy->len = n;
	return true;
}

/* Copies the stack from a frame on. Returns 0 when the frame is not in the goroutine's stack, or cannot be
 * read. copy->flags has what the walk then tells. The function is global so that the verifier checks it
 * once. */
__noinline int stack_copy_frame(struct stack_copy *copy, uint64_t fp, uint64_t lo, uint64_t hi)
{
	if (!copy)
		return 0;
	copy->flags = WIRE_STACK_LOST;
	if (fp < lo || fp > hi - 16)
		return 0;
	if (!stack_copy_fill(copy, fp, hi)) {
		copy->flags = WIRE_STACK_LOST | STACK_UNREAD;
		return 0;
	}
	copy->flags = 0;
	return 1;
}

/* Finds `size` bytes at addr in the copy. *ret is their offset. Returns false when they are not all
 * there. */
static __always_inline bool stack_copy_has(const struct stack_copy *copy, uint64_t addr,
					   uint64_t size, uint64_t *ret)
{
	uint64_t at = addr - copy->base;

	if (copy->len < size || at > copy->len - size)
		return false;
	bound(at, STACK_COPY - size);
	*ret = at;
	return true;
}

/* Closes a loop with a jump, whatever the compiler would do. Up to Linux 6.6 (before commit
 * 10e14e9652bf), the verifier refuses a loop that is closed by falling through. The jump is always taken,
 * but has a condition: the compiler may put code after it, and no code may be unreachable. */
#define jump_back(label, number) \
	asm volatile goto("if %0 == %0 goto %l[" #label "]" : : "r"(number) : : label)

/* Walks as many frames as the small record holds, through copies of the stack. The walk goes on from
 * walk->fp and ends after stack_max frames in all. Sets copy->n and copy->flags. */
static __always_inline void walk_copies(uint64_t *stack, struct stack_copy *copy,
					struct frame_walk *walk)
{
	uint32_t left = stack_max - walk->n;
	uint64_t fp = walk->fp;
	uint32_t i = 0;

	copy->n = 0;
	copy->flags = 0;
again:
	if (i < WIRE_STACK_SMALL && i < left) {
		uint64_t at, next;

		if (!stack_copy_has(copy, fp, 16, &at)) {
			if (!stack_copy_frame(copy, fp, walk->lo, walk->hi)) {
				fp = 0;
				goto out;
			}
			at = 0;
		}
		next = *(uint64_t *)((char *)copy->words + at);
		stack[i] = *(uint64_t *)((char *)copy->words + at + 8);
		copy->n++;
		walk->pair[0] = fp;
		if (next <= fp) { /* 0 at the start of the goroutine; otherwise a cycle */
			copy->flags = next ? WIRE_STACK_LOST : 0;
			fp = 0;
			goto out;
		}
		fp = next;
		i++;
		jump_back(again, i);
	}
	if (i >= left)
		copy->flags = WIRE_STACK_CUT;
out:
	/* Keeps copy->n out of the registers, which the verifier tracks. */
	asm volatile("" : : : "memory");
	walk->fp = fp;
	walk->n += copy->n;
}

/* Tells whether there are more frames to walk. */
static __always_inline bool walk_goes_on(const struct frame_walk *walk,
					 const struct stack_copy *copy)
{
	return walk->fp && !copy->flags;
}

#endif
