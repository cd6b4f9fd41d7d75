/* Probes: places where a tracer (bpftrace, perf, gdb, SystemTap) can look into a running map. A probe is one nop,
 * and a note that tells where the nop is and what the registers hold there:
 *
 *   TOPHASH_PROBE3(put, map, key, len);
 *   bpftrace -e 'usdt:./program:tophash:put { @[arg0] = count(); }'
 *
 * An argument is an integer or a pointer. It is evaluated once and shown as 8 bytes. With TOPHASH_NO_PROBES, and
 * on machines that are not named below, a probe is nothing and evaluates nothing.
 *
 * The note has SystemTap's format, version 3. It is in the section .note.stapsdt, which is not loaded:
 *
 *        0           4           8           12
 *       +-----------+-----------+-----------+- - - - - - -+
 *       | 8         | bytes     | 3         | "stapsdt\0" |
 *       |           | from 20   |           |             |
 *       +-----------+-----------+-----------+- - - - - - -+    20
 *       | address of the nop    | address of .stapsdt.base, |
 *       |                       | as of linking             |
 *       +-----------------------+- - - - - - - - - - - - - -+  36
 *       | 0: no semaphore       | "tophash\0" "put\0" "8@%rdi 8@%rsi -8@$1\0"
 *       +-----------------------+- - - - - - - - - - - - - - - - - - - - - -
 *
 * Bytes of 0 up to a multiple of 4 follow; they do not count as bytes of the note.
 * An argument is its size (negative: signed), @, and an operand as the assembler writes it. With -masm=intel the
 * operand has a form that no tracer reads.
 * .stapsdt.base is one byte that is loaded, and exists once in a program. A tool that changes the addresses of a
 * linked program (prelink) moves it too: the difference tells how far the nops were moved.
 */
#ifndef TOPHASH_PROBE_H
#define TOPHASH_PROBE_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/base.h"

#if !defined(TOPHASH_NO_PROBES) && defined(__ELF__) && defined(__LP64__) && \
	(defined(__x86_64__) || defined(__aarch64__) || defined(__s390x__))
#define TOPHASH_HAS_PROBES 1
#else
#define TOPHASH_HAS_PROBES 0
#endif

#if TOPHASH_HAS_PROBES

/* Gives 8 or, for a signed type, -8. The 8 bytes are the same: smaller integers are extended by their type. */
#ifdef __cplusplus
extern "C++" {
template <typename T> struct tophash_probe_size {
	enum { value = 8 };
};
template <> struct tophash_probe_size<int> {
	enum { value = -8 };
};
template <> struct tophash_probe_size<long> {
	enum { value = -8 };
};
template <> struct tophash_probe_size<long long> {
	enum { value = -8 };
};
}
#define TOPHASH_PROBE_SIZE(x) (tophash_probe_size<__typeof__(+(x))>::value)
#else
/* clang-format off */
#define TOPHASH_PROBE_SIZE(x) \
	_Generic((x), char: -8, signed char: -8, short: -8, int: -8, long: -8, long long: -8, default: 8)
/* clang-format on */
#endif

/* Operands are numbers and registers, never memory, although a value in memory must then be loaded. Given the
 * choice, clang would store registers to have memory operands. gcc would name globals (map+40(%rip)), which gdb
 * and libbpf do not read, and on s390x gdb reads no displacement above 9. An address constant has no number before
 * the program is linked: it goes into a register too. */
#define TOPHASH_PROBE_IN(x) "n"(TOPHASH_PROBE_SIZE(x)), "nr"((uintptr_t)(x))
#define TOPHASH_PROBE_ARGS1 "%c0@%1"
#define TOPHASH_PROBE_ARGS2 TOPHASH_PROBE_ARGS1 " %c2@%3"
#define TOPHASH_PROBE_ARGS3 TOPHASH_PROBE_ARGS2 " %c4@%5"
#define TOPHASH_PROBE_ARGS4 TOPHASH_PROBE_ARGS3 " %c6@%7"

/* The flags of the note's section: "?" puts the section into the group of the function, if that is in one (inline
 * functions of C++ are), and "o" ties it to the function's section. With both, the note goes when the function
 * goes. Without them ld keeps every function that has a probe, lld keeps notes of functions that are gone, and gold
 * refuses to link. "%=" numbers the copies of a probe that inlining and unrolling make. This needs binutils 2.36 or
 * clang's own assembler. */
/* clang-format off */
#define TOPHASH_PROBE_NOTE(name, args)                                                             \
	".Ltophash_probe%=:\n"                                                                     \
	"	nop\n"                                                                             \
	"	.pushsection .note.stapsdt, \"?o\", %%note, .Ltophash_probe%=\n"                   \
	"	.balign 4\n"                                                                       \
	"	.4byte 8, 2f - 1f, 3\n"                                                            \
	"	.asciz \"stapsdt\"\n"                                                              \
	"1:	.8byte .Ltophash_probe%=, _.stapsdt.base, 0\n"                                     \
	"	.asciz \"tophash\"\n"                                                              \
	"	.asciz \"" name "\"\n"                                                             \
	"	.asciz \"" args "\"\n"                                                             \
	"2:	.balign 4\n"                                                                       \
	"	.popsection\n"

/* Defines the base: once in an object, by .ifndef, and once in a program, by the group. No code refers to it.
 * Without the flag "R", gold drops it with --gc-sections, and gdb then sees no probes. The names are those of the
 * format, so that probes of other libraries share the byte. */
#define TOPHASH_PROBE_BASE                                                                         \
	"	.ifndef _.stapsdt.base\n"                                                          \
	"	.pushsection .stapsdt.base, \"aGR\", %%progbits, .stapsdt.base, comdat\n"          \
	"	.weak _.stapsdt.base\n"                                                            \
	"	.hidden _.stapsdt.base\n"                                                          \
	"_.stapsdt.base:\n"                                                                        \
	"	.space 1\n"                                                                        \
	"	.size _.stapsdt.base, 1\n"                                                         \
	"	.popsection\n"                                                                     \
	"	.endif\n"
/* clang-format on */

/* The word inline makes the compiler count one instruction, not one for each line. */
#define TOPHASH_PROBE_SITE(name, args, ...)                                               \
	__asm__ __inline__ __volatile__(TOPHASH_PROBE_NOTE(name, args) TOPHASH_PROBE_BASE \
					:                                                 \
					: __VA_ARGS__)

#define TOPHASH_PROBE1(name, a) TOPHASH_PROBE_SITE(#name, TOPHASH_PROBE_ARGS1, TOPHASH_PROBE_IN(a))
#define TOPHASH_PROBE2(name, a, b) \
	TOPHASH_PROBE_SITE(#name, TOPHASH_PROBE_ARGS2, TOPHASH_PROBE_IN(a), TOPHASH_PROBE_IN(b))
#define TOPHASH_PROBE3(name, a, b, c)                                                            \
	TOPHASH_PROBE_SITE(#name, TOPHASH_PROBE_ARGS3, TOPHASH_PROBE_IN(a), TOPHASH_PROBE_IN(b), \
			   TOPHASH_PROBE_IN(c))
#define TOPHASH_PROBE4(name, a, b, c, d)                                                         \
	TOPHASH_PROBE_SITE(#name, TOPHASH_PROBE_ARGS4, TOPHASH_PROBE_IN(a), TOPHASH_PROBE_IN(b), \
			   TOPHASH_PROBE_IN(c), TOPHASH_PROBE_IN(d))

/* Goes before a probe that shows the address of an object which the function itself may have made
 * (a local, a parameter). A probe does not tell the compiler that anybody reads memory, so gcc may
 * leave out the stores. This macro emits no instruction. clang takes every volatile asm for a
 * reader of all memory, and does not know open arrays. */
#ifdef __clang__
#define TOPHASH_PROBE_READS(p) __asm__ __volatile__("" : : "m"(*(const char *)(p)))
#else
#define TOPHASH_PROBE_READS(p) __asm__ __volatile__("" : : "m"(*(char(*)[])(uintptr_t)(p)))
#endif

#else /* no probes: the arguments count as used, and must still compile */

#define TOPHASH_PROBE_NONE(statements) \
	do {                           \
		if (0) {               \
			statements;    \
		}                      \
	} while (0)
#define TOPHASH_PROBE1(name, a)	      TOPHASH_PROBE_NONE((void)(a))
#define TOPHASH_PROBE2(name, a, b)    TOPHASH_PROBE_NONE((void)(a); (void)(b))
#define TOPHASH_PROBE3(name, a, b, c) TOPHASH_PROBE_NONE((void)(a); (void)(b); (void)(c))
#define TOPHASH_PROBE4(name, a, b, c, d) \
	TOPHASH_PROBE_NONE((void)(a); (void)(b); (void)(c); (void)(d))
#define TOPHASH_PROBE_READS(p) TOPHASH_PROBE_NONE((void)(p))

#endif

#endif
