# Methods of sync.Map that placement decodes, shortened to what matters. Included by test_place_sync.c.
.include "go.inc"

# sync.(*entry).delete, Go 1.23
entry_delete_123:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	3f				# 0x04
	push	%rbp				# 0x06
	sp	0x8
	mov	%rsp,%rbp			# 0x07
	sub	$0x20,%rsp			# 0x0a
	sp	0x28
	mov	%rax,0x30(%rsp)			# 0x0e
1:	mov	0x30(%rsp),%rax			# 0x13
	mov	(%rax),%rbx			# 0x18
	test	%rbx,%rbx			# 0x1b
	je	2f				# 0x1e
	xor	%ecx,%ecx			# 0x20
	call	elsewhere				# 0x22, CompareAndSwapPointer
	test	%al,%al				# 0x27
	je	1b				# 0x29
2:	add	$0x20,%rsp			# 0x2b
	sp	0x8
	pop	%rbp				# 0x2f
	sp	0
	ret					# 0x30
3:	ret					# 0x31

# sync.(*Map).LoadAndDelete, Go 1.19: the map is stored where paths have joined
load_and_delete_119:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	3f				# 0x04
	sub	$0x38,%rsp			# 0x06
	sp	0x38
	mov	%rbp,0x30(%rsp)			# 0x0a
	lea	0x30(%rsp),%rbp			# 0x0f
	mov	%rbx,0x48(%rsp)			# 0x14
	mov	%rcx,0x50(%rsp)			# 0x19
	test	%rdx,%rdx			# 0x1e
	je	1f				# 0x21
	xor	%edx,%edx			# 0x23
1:	mov	%rax,0x40(%rsp)			# 0x25
	lea	0x48(%rsp),%rcx			# 0x2a
	mov	%rdx,%rax			# 0x2f
	call	elsewhere				# 0x32, (*entry).delete
	mov	0x30(%rsp),%rbp			# 0x37
	add	$0x38,%rsp			# 0x3c
	sp	0
	ret					# 0x40
3:	ret					# 0x41

# internal/sync.(*HashTrieMap[K, V]).LoadAndDelete, Go 1.27
trie_load_and_delete_127:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	3f				# 0x04
	push	%rbp				# 0x06
	sp	0x8
	mov	%rsp,%rbp			# 0x07
	sub	$0x20,%rsp			# 0x0a
	sp	0x28
	mov	%rax,0x30(%rsp)			# 0x0e
	mov	%rbx,0x38(%rsp)			# 0x13
	mov	%rcx,0x40(%rsp)			# 0x18
	mov	%rdi,0x48(%rsp)			# 0x1d
	test	%rcx,%rcx			# 0x22
	jne	1f				# 0x25
	call	elsewhere				# 0x27, StorePointer: the entry is nil
	jmp	2f				# 0x2c
1:	call	elsewhere				# 0x2e, StorePointer: a chain stays
2:	call	elsewhere				# 0x33, StorePointer: an empty parent
	add	$0x20,%rsp			# 0x38
	sp	0x8
	pop	%rbp				# 0x3c
	sp	0
	ret					# 0x3d
3:	ret					# 0x3e

# internal/sync.(*HashTrieMap[K, V]).Clear, Go 1.27
trie_clear_127:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	3f				# 0x04
	push	%rbp				# 0x06
	sp	0x8
	mov	%rsp,%rbp			# 0x07
	sub	$0x18,%rsp			# 0x0a
	sp	0x20
	mov	(%rax),%edx			# 0x0e
	test	%edx,%edx			# 0x10
	jne	1f				# 0x12
	nop					# 0x14
1:	add	$0x18,%rsp			# 0x15
	sp	0x8
	pop	%rbp				# 0x19
	sp	0
	ret					# 0x1a
3:	ret					# 0x1b

# A function of one instruction, to be called
called:
	ret
