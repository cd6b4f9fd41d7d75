#include "textflag.h"

// func handlers() (handler, restorer uintptr)
TEXT ·handlers(SB), NOSPLIT, $0-16
	MOVQ $·nothing(SB), AX
	MOVQ AX, handler+0(FP)
	MOVQ $·restore(SB), AX
	MOVQ AX, restorer+8(FP)
	RET

TEXT ·nothing(SB), NOSPLIT|NOFRAME, $0
	RET

TEXT ·restore(SB), NOSPLIT|NOFRAME, $0
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT $3

// func frame() uintptr
TEXT ·frame(SB), NOSPLIT, $0-8
	MOVQ SP, AX
	MOVQ AX, ret+0(FP)
	RET
