# Functions of the Go runtime as a build with a profile (PGO) makes them, shortened as in gocode.s:
# others are inlined into them.
.include "go.inc"

# internal/runtime/maps.(*Map).Delete, Go 1.26: deleteSmall and (*table).Delete inlined; in a large
# frame
delete_126:
	lea	-0x8(%rsp),%r12			# 0x00
	cmp	0x10(%r14),%r12			# 0x05
	jbe	4f				# 0x09
	push	%rbp				# 0x0f
	sp	8
	mov	%rsp,%rbp			# 0x10
	add	$-0x80,%rsp			# 0x13
	sp	0x88
	test	%rax,%rax			# 0x17
	je	3f				# 0x1a
	mov	%rax,0x90(%rsp)			# 0x20
	mov	%rbx,0x98(%rsp)			# 0x28
	mov	%rcx,0xa0(%rsp)			# 0x30
	cmpq	$0x0,0x18(%rax)			# 0x38
	jne	2f				# 0x3d
	inlined	SMALL_DELETE, 0x38
	mov	0xa0(%rsp),%rax			# 0x3f
	call	*%rcx				# 0x47
	test	%al,%al				# 0x49
	je	3f				# 0x4b
	mov	0x90(%rsp),%rcx			# 0x4d
	decq	(%rcx)				# 0x55
	mov	0x98(%rsp),%rdx			# 0x58
	bt	$0x2,%edx			# 0x60
	jae	1f				# 0x64
	mov	0x60(%rsp),%rbx			# 0x66
1:	jmp	3f				# 0x6b
	inlined	TABLE_DELETE, 0x38
2:	mov	0xa0(%rsp),%rax			# 0x6d
	call	*%rcx				# 0x75
	test	%al,%al				# 0x77
	je	3f				# 0x79
	mov	0x50(%rsp),%rcx			# 0x7b
	movzwl	(%rcx),%edx			# 0x80
	dec	%edx				# 0x83
	mov	%dx,(%rcx)			# 0x85
	mov	0x90(%rsp),%rdx			# 0x88
	decq	(%rdx)				# 0x90
	mov	0x98(%rsp),%rsi			# 0x93
	bt	$0x2,%esi			# 0x9b
	xchg	%ax,%ax				# 0x9f
	jae	3f				# 0xa1
	mov	0x40(%rsp),%rdi			# 0xa3
	own
3:	sub	$-0x80,%rsp			# 0xa8
	sp	8
	pop	%rbp				# 0xac
	sp	0
	ret					# 0xad
4:	call	elsewhere			# 0xae
	jmp	delete_126			# 0xb3

# runtime.mapdelete_fast64, Go 1.26: (*Map).Delete inlined, and in it both of the others
fast64_126:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	3f				# 0x04
	push	%rbp				# 0x0a
	sp	8
	mov	%rsp,%rbp			# 0x0b
	sub	$0x60,%rsp			# 0x0e
	sp	0x68
	mov	%rcx,0x80(%rsp)			# 0x12
	inlined	MAP_DELETE, 0x12
	test	%rbx,%rbx			# 0x1a
	je	2f				# 0x1d
	mov	%rax,0x70(%rsp)			# 0x1f
	mov	%rbx,0x78(%rsp)			# 0x24
	lea	0x80(%rsp),%rax			# 0x29
	call	*%rcx				# 0x31
	mov	0x78(%rsp),%rcx			# 0x33
	cmpq	$0x0,0x18(%rcx)			# 0x38
	jne	1f				# 0x3d
	inlined	SMALL_DELETE, 0x38
	lea	0x80(%rsp),%rax			# 0x3f
	call	*%rdx				# 0x47
	test	%al,%al				# 0x49
	je	2f				# 0x4b
	mov	0x78(%rsp),%rcx			# 0x4d
	decq	(%rcx)				# 0x52
	mov	0x70(%rsp),%rdx			# 0x55
	bt	$0x2,%edx			# 0x5a
	jae	2f				# 0x5e
	jmp	2f				# 0x60
	inlined	TABLE_DELETE, 0x38
1:	lea	0x80(%rsp),%rax			# 0x62
	call	*%rdx				# 0x6a
	test	%al,%al				# 0x6c
	je	2f				# 0x6e
	mov	0x78(%rsp),%rdx			# 0x70
	decq	(%rdx)				# 0x75
	mov	0x70(%rsp),%rsi			# 0x78
	bt	$0x2,%esi			# 0x7d
	jae	2f				# 0x81
	mov	0x40(%rsp),%rdi			# 0x83
	own
2:	add	$0x60,%rsp			# 0x88
	sp	8
	pop	%rbp				# 0x8c
	sp	0
	ret					# 0x8d
3:	call	elsewhere			# 0x8e
	jmp	fast64_126			# 0x93

# reflect.mapdelete_faststr, Go 1.23: runtime.mapdelete_faststr inlined. Of the key, a pointer and a
# length, the pointer is spilled into its own slot too, where the length does not follow.
reflect_faststr_123:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	2f				# 0x04
	push	%rbp				# 0x06
	sp	8
	mov	%rsp,%rbp			# 0x07
	sub	$0x60,%rsp			# 0x0a
	sp	0x68
	mov	%rcx,0x80(%rsp)			# 0x0e
	mov	%rcx,0x40(%rsp)			# 0x16
	mov	%rdi,0x48(%rsp)			# 0x1b
	test	%rbx,%rbx			# 0x20
	je	1f				# 0x23
	inlined	FASTSTR, 0x20
	mov	%rax,0x70(%rsp)			# 0x25
	mov	%rbx,0x78(%rsp)			# 0x2a
	call	elsewhere			# 0x2f
	mov	0x78(%rsp),%rcx			# 0x34
	mov	(%rcx),%rdx			# 0x39
	dec	%rdx				# 0x3c
	mov	%rdx,(%rcx)			# 0x3f
	test	%rdx,%rdx			# 0x42
	jne	1f				# 0x45
	movl	$0x0,0xc(%rcx)			# 0x47
	own
1:	add	$0x60,%rsp			# 0x4e
	sp	8
	pop	%rbp				# 0x52
	sp	0
	ret					# 0x53
2:	call	elsewhere			# 0x54
	jmp	reflect_faststr_123		# 0x59

# runtime.mapclear and reflect.mapclear, Go 1.26: (*Map).Clear inlined
mapclear_126:
	cmp	0x10(%r14),%rsp			# 0x00
	jbe	2f				# 0x04
	push	%rbp				# 0x06
	sp	8
	mov	%rsp,%rbp			# 0x07
	sub	$0x28,%rsp			# 0x0a
	sp	0x30
	inlined	MAP_CLEAR, 0x0a
	test	%rbx,%rbx			# 0x0e
	je	1f				# 0x11
	mov	%rbx,0x40(%rsp)			# 0x13
	movq	$0x0,(%rbx)			# 0x18
	own
1:	add	$0x28,%rsp			# 0x1f
	sp	8
	pop	%rbp				# 0x23
	sp	0
	ret					# 0x24
2:	call	elsewhere			# 0x25
	jmp	mapclear_126			# 0x2a
