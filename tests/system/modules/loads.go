// A Go program that loads a library with a Go runtime of its own.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

func main() {
	path := C.CString(os.Args[1])
	if C.dlopen(path, C.RTLD_NOW) == nil {
		fmt.Println(C.GoString(C.dlerror()))
		os.Exit(1)
	}
	C.free(unsafe.Pointer(path))
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
}
