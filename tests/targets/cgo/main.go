// Cgo deletes in Go functions that C calls back, on the main thread and on threads that C made, and knows what it did: see
// ../README.md.
//
//	cgo [-now] [-truth FILE]
package main

/*
void call_back(int n);
void call_back_on_thread(int n);
*/
import "C"

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"targets/truth"
)

var (
	onMain    = map[int]string{}
	onThread  = map[string]int{}
	mainSite  *truth.Site
	threadOne *truth.Site
)

//export goDelete
func goDelete(k C.int) {
	mainSite.Before(len(onMain), int(k))
	delete(onMain, int(k))
	mainSite.After(len(onMain))
}

//export goDeleteOnThread
func goDeleteOnThread(k C.int) {
	name := fmt.Sprint("thread:", int(k))
	threadOne.Before(len(onThread), name)
	delete(onThread, name)
	threadOne.After(len(onThread))
}

func main() {
	now := flag.Bool("now", false, "do not wait for a line on stdin")
	file := flag.String("truth", "", "write the truth to this file instead of stdout")
	flag.Parse()
	if !*now {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	for i := 0; i < 20; i++ {
		onMain[i] = "x"
		onThread[fmt.Sprint("thread:", i)] = i
	}
	mainSite = truth.New("CallbackFromC", "int", onMain)
	threadOne = truth.New("CallbackFromThread", "string", onThread)
	// n deletes each, of which those from 20 on find nothing.
	C.call_back(25)
	C.call_back_on_thread(22)
	if err := truth.Write("cgo", *file); err != nil {
		fmt.Fprintln(os.Stderr, "cgo:", err)
		os.Exit(1)
	}
}
