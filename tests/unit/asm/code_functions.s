# What test_code.c decodes besides single instructions.

paths_join:
	je	1f				# +0
	nop					# +2
	nop					# +3
1:	nop					# +4
	jmp	paths_join			# +5: as morestack's tail; the function starts anew
	jmp	. + 0x57			# +7: out of the function

# A nop, then a byte that is no instruction; nothing goes on there, and a nop follows.
no_instruction:
	nop
	.byte	0x06
	nop

cut_short:
	nop
	.byte	0x48, 0x8b
