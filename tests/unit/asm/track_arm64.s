# What test_code_track.c looks for in arm64 code.

calls_arm64:
	nop
	bl	calls_arm64
	b	calls_arm64 + 0x100
	b.eq	. + 16				// no tail call
	bl	. + 0x100			// elsewhere

takes_arm64:
	adrp	x0, 0x1000
	add	x1, x0, 0x123

trampoline:
	adrp	x16, 0x1000
	add	x16, x16, 0x123
	br	x16
