# What test_code_track.c decodes and follows.

# A call within another instruction is none; one behind a prefix is.
call_at:
	.byte	0x48, 0xb8			# +0 mov rax, imm64, with a call in it:
	.byte	0xe8
	.long	call_at + 0x20 - (. + 4)
	.byte	0, 0, 0
	data16 call	call_at + 0x20		# +10
	{disp32} jmp	call_at + 0x20		# +16

# The address of something is taken.
takes:
	nop
	lea	takes + 0x123(%rip), %rcx	# +1
	.byte	0x8d				# +8
	.fill	23

moves:
	lea	0xff9(%rip), %rax		# +0: moves + 0x1000
	mov	%rax, 0x18(%rsp)		# +7
	call	1f				# +12
1:	mov	0x18(%rsp), %rcx		# +17
	mov	%rcx, %rsi			# +22
	mov	8(%rsi), %rdx			# +25
	lea	0x10(%rdx), %rbx		# +29
	mov	%eax, %ecx			# +33
	ret					# +35

write_barrier:
	lea	0xff9(%rip), %rax		# +0
	mov	%rax, %r11			# +7
	call	write_barrier + 0x1000		# +10
	ret					# +15

joins:
	lea	0xff9(%rip), %rax		# +0: joins + 0x1000
	lea	0xff2(%rip), %rcx		# +7: joins + 0x1000
	je	2f				# +14
1:	lea	0x1ff9(%rip), %rcx		# +16: elsewhere
2:	dec	%rdx				# +23
	jne	1b				# +26: a loop
	ret					# +28

table_jump:
	jbe	1f				# +0
	mov	%rax, 0x20(%rsp)		# +2
	jmp	*%rcx				# +7
	mov	0x20(%rsp), %rbx		# +9: only the table leads here
	ret					# +14
	.fill	5, 1, 0x90			# +15
1:	mov	%rbx, %rax			# +20
	jmp	table_jump			# +23

limits:
	mov	(%rax), %rax			# +0
	mov	(%rax), %rax			# +3
	mov	(%rax), %rax			# +6
	mov	(%rax), %rcx			# +9
	lea	0x7fffffff(%rbx), %rdx		# +12
	lea	0x7fffffff(%rdx), %rdx		# +19
	ret					# +26

paths:
	jbe	4f				# +0: the tail
	je	1f				# +2: around what is cold
	nop					# +4
	call	paths + 0x1000			# +5
1:	jne	2f				# +10
	nop					# +12
	nop					# +13
2:	je	3f				# +14
	nop					# +16: the place
	nop					# +17
	nop					# +18
3:	ret					# +19
4:	jmp	paths				# +20
