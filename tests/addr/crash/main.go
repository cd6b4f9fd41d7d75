// crash ends, or waits to be ended, in ways that Go prints stacks for; and says of addresses of its own what the runtime thinks of them.
//
//	crash panic|nil|map   with a panic, a nil dereference (a signal), a concurrent map write (fatal error)
//	crash wait            prints "ready" and waits: for SIGQUIT
//	crash profile         prints the text of its goroutine profile
//	crash pcs             prints its stack, "pc function file:line" a frame, "ready", and waits for the end of its input
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

type store struct{ m map[string]int }

// drop is inlined into refresh.
func (s *store) drop(key string) {
	delete(s.m, key)
	if key == "nil" {
		var p *int
		*p = 1
	}
	if key == "panic" {
		panic("dropped " + key)
	}
}

//go:noinline
func (s *store) refresh(key string) {
	s.drop(key)
	fmt.Fprint(os.Stderr, "")
}

// each is generic: tracebacks print each[...], and there are two of them.
//
//go:noinline
func each[T any](list []T, f func(T)) {
	for _, x := range list {
		f(x)
	}
	fmt.Fprint(os.Stderr, "")
}

func show(out io.Writer) {
	pcs := make([]uintptr, 32)
	pcs = pcs[:runtime.Callers(1, pcs)]
	frames := runtime.CallersFrames(pcs)
	for _, pc := range pcs {
		fmt.Fprintf(out, "pc %#x\n", pc)
	}
	for {
		frame, more := frames.Next()
		fmt.Fprintf(out, "frame %s %s:%d\n", frame.Function, frame.File, frame.Line)
		if !more {
			break
		}
	}
}

func end(how string, out io.Writer) {
	s := &store{map[string]int{}}
	switch how {
	case "wait":
		fmt.Fprintln(out, "ready")
		time.Sleep(time.Hour)
	case "pcs":
		show(out)
		fmt.Fprintln(out, "ready")
		io.Copy(io.Discard, os.Stdin)
	case "profile":
		pprof.Lookup("goroutine").WriteTo(out, 1)
	case "map":
		go func() {
			for {
				s.m["a"]++
			}
		}()
		for {
			s.drop("a")
		}
	default:
		s.refresh(how)
	}
}

func main() {
	go func() { time.Sleep(time.Hour) }()
	time.Sleep(20 * time.Millisecond)
	each([]int{1}, func(int) {})
	each(os.Args[1:], func(how string) { end(how, os.Stdout) })
}
