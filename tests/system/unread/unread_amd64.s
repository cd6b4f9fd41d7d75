#include "textflag.h"

// func descriptor() uintptr
TEXT ·descriptor(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET

// func with(fn, of, m, p, n, frame uintptr)
TEXT ·with(SB), NOSPLIT, $64-48
	MOVQ fn+0(FP), DX
	MOVQ of+8(FP), R14
	MOVQ m+16(FP), AX
	MOVQ p+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ frame+40(FP), SI
	TESTQ SI, SI
	JEQ call
	MOVQ SI, BP // only for the callee: the end of this function takes its own from the stack
call:
	CALL DX
	RET
