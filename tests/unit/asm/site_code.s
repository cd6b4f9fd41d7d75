# Functions that delete from maps, for test_site.c. Addresses and distances that are 0 are filled in
# by the test.

returns:
	ret

calls:
	lea	0(%rip), %rax			# the type
	call	elsewhere
	ret

tail_calls:
	jbe	1f
	.byte	0x48, 0xb8, 0xe8, 0, 0, 0, 0, 0, 0, 0	# mov rax, imm64, with a call in it
	lea	0(%rip), %rax			# the type
	{disp32} jmp	elsewhere
1:	{disp32} jmp	elsewhere		# the entry

# The type is in the dictionary.
drops:
	mov	8(%rax), %rax
	call	elsewhere
	ret

# Passes a dictionary, and puts it into a closure.
passes_dictionary:
	lea	0(%rip), %rdx			# the dictionary
	lea	0(%rip), %rcx			# the closure
	mov	%rcx, (%rax)
	mov	%rdx, 16(%rax)
	mov	%rdx, %rax
	call	elsewhere
	ret

# The dictionary is in the closure.
closure:
	mov	16(%rdx), %rax
	mov	8(%rax), %rax
	call	elsewhere
	ret

# With a type that nobody knows.
calls_unknown:
	call	elsewhere
	ret

# What the closure captured is no type.
taker:
	mov	16(%rdx), %rax
	call	elsewhere
	ret

maker:
	lea	0(%rip), %rcx			# the taker
	mov	%rcx, (%rax)
	mov	%rdx, 16(%rax)
	ret

far:
	mov	0x7ffffff8(%rax), %rax
	call	elsewhere
	ret

far_caller:
	lea	0x7ffffff8(%rax), %rax
	call	elsewhere
	ret
