#include "textflag.h"

// func descriptor() uintptr
TEXT ·descriptor(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET

// func with(fn, of, m, p, n uintptr)
TEXT ·with(SB), NOSPLIT, $64-40
	MOVQ fn+0(FP), DX
	MOVQ of+8(FP), R14
	MOVQ m+16(FP), AX
	MOVQ p+24(FP), BX
	MOVQ n+32(FP), CX
	CALL DX
	RET
