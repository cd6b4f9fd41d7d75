# (*Map).deleteSmall in pieces, for test_place.c: each function is good, or bad in one way.

.macro frame
	push	%rbp
	mov	%rsp, %rbp
	sub	$0x38, %rsp
.endm
.macro spill_map
	mov	%rax, 0x48(%rsp)
.endm
.macro spill_type
	mov	%rbx, 0x50(%rsp)
.endm
.macro spill_key
	mov	%rdi, 0x60(%rsp)
.endm
.macro spill
	spill_map
	spill_type
	spill_key
.endm
.macro load_map
	mov	0x48(%rsp), %rcx
.endm
.macro less
	decq	(%rcx)
.endm
.macro end
	add	$0x38, %rsp
	pop	%rbp
	ret
.endm

# ---- good: the place is the nop ----

map_loaded:
	frame
	spill
	load_map
	less
	nop
	end

map_in_its_register:
	frame
	spill
	decq	(%rax)
	nop
	end

# A direct call is emulated.
call_follows:
	frame
	spill
	load_map
	less
	call	elsewhere
	end

spilled_from_frame_pointer:
	frame
	spill_map
	spill_type
	mov	%rdi, 0x28(%rbp)
	load_map
	less
	nop
	end

# The first place holds.
spilled_twice:
	frame
	spill
	mov	%rdi, 0x20(%rsp)
	load_map
	less
	nop
	end

# The first place got another use; the second holds.
spilled_twice_then_reused:
	frame
	spill
	mov	%rdi, 0x20(%rsp)
	mov	%rdx, 0x60(%rsp)
	load_map
	less
	nop
	end

# Inlined twice: two places.
less_twice:
	frame
	spill
	load_map
	less
	nop
	load_map
	less
	nop
	end

# ---- the count goes down nowhere ----

never_less:
	frame
	spill
	load_map
	nop
	end

less_in_four_bytes:
	frame
	spill
	load_map
	decl	(%rcx)
	nop
	end

less_elsewhere_in_the_map:
	frame
	spill
	load_map
	decq	8(%rcx)
	nop
	end

less_in_the_type:
	frame
	spill
	decq	(%rbx)
	nop
	end

register_changed:
	frame
	spill
	load_map
	xor	%ecx, %ecx
	less
	nop
	end

# A call leaves nothing in registers.
call_between:
	frame
	spill
	load_map
	call	elsewhere
	less
	nop
	end

path_joins_after_the_load:
	frame
	spill
	je	1f
	load_map
1:	less
	nop
	end

# ---- loaded, changed, stored: only the length less one counts ----

length_less_one:
	frame
	spill
	load_map
	mov	(%rcx), %rdx
	lea	-1(%rdx), %rsi
	mov	%rsi, (%rcx)
	nop
	end

length_less_two:
	frame
	spill
	load_map
	mov	(%rcx), %rdx
	lea	-2(%rdx), %rsi
	mov	%rsi, (%rcx)
	nop
	end

length_itself:
	frame
	spill
	load_map
	mov	(%rcx), %rdx
	lea	-1(%rdx), %rsi
	mov	%rdx, (%rcx)
	nop
	end

length_in_four_bytes:
	frame
	spill
	load_map
	mov	(%rcx), %rdx
	lea	-1(%rdx), %rsi
	mov	%esi, (%rcx)
	nop
	end

# ---- no emulated instruction follows ----

nothing_emulated:
	frame
	spill
	load_map
	less
	end

# int3 follows
code_ends:
	frame
	spill
	load_map
	less

no_instruction:
	frame
	spill
	load_map
	less
	.byte	0x06
	nop
	end

# It is not emulated, and what follows is not reached on its own.
indirect_call:
	frame
	spill
	load_map
	less
	call	*%rcx
	nop
	end

# Misses pass the nop, too.
jump_over_less:
	frame
	spill
	je	1f
	load_map
	less
1:	nop
	end

jump_between:
	frame
	spill
	je	1f
	load_map
	less
1:	xor	%ecx, %ecx
	nop
	end

jump_back_to_it:
	frame
	spill
	load_map
	less
	xor	%ecx, %ecx
1:	nop
	jne	1b
	end

# ---- the arguments are not kept on the stack ----

no_key:
	frame
	spill_map
	spill_type
	load_map
	less
	nop
	end

no_type:
	frame
	spill_map
	spill_key
	load_map
	less
	nop
	end

key_overwritten:
	frame
	spill
	mov	%rdx, 0x60(%rsp)
	load_map
	less
	nop
	end

key_overwritten_on_the_way:
	frame
	spill
	load_map
	less
	mov	%rdx, 0x60(%rsp)
	nop
	end

key_overwritten_by_a_constant:
	frame
	spill
	movq	$0, 0x60(%rsp)
	load_map
	less
	nop
	end

too_far_for_one_window:
	frame
	spill_map
	spill_type
	mov	%rdi, 0x100(%rsp)
	load_map
	less
	nop
	end

not_at_a_words_boundary:
	frame
	spill_map
	spill_type
	mov	%rdi, 0x61(%rsp)
	load_map
	less
	nop
	end

# ---- beginnings where the arguments are gone, or calls pass not exactly once, before the spot ----

only_ret:
	ret

only_noise:
	.byte	0x06

map_overwritten:
	frame
	mov	%rcx, %rax
	je	1f
1:	end

indirect_call_first:
	frame
	call	*%rcx
	nop
	end

call_before_the_frame:
	call	elsewhere
	frame
	nop
	end

jump_back_to_the_beginning:
	frame
1:	xor	%edx, %edx
	je	1b
	end

no_frame:
	test	%rax, %rax
	je	1f
1:	nop
	ret

# ---- more stores of an argument than are remembered: type and map come last ----

too_many_spills:
	push	%rbp
	mov	%rsp, %rbp
	sub	$0x78, %rsp
	.set	slot, 0
	.rept	15
	.if	slot
	mov	%rdi, slot(%rsp)
	.else
	.byte	0x48, 0x89, 0x7c, 0x24, 0x00	# mov %rdi, 0(%rsp), with a displacement
	.endif
	.set	slot, slot + 8
	.endr
	mov	%rax, 0x88(%rsp)
	mov	%rbx, 0x90(%rsp)
	decq	(%rax)
	nop
	ret
