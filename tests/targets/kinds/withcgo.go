//go:build withcgo

package main

// A program that is linked by the system's linker and starts in C.

/*
static int add(int a, int b) { return a + b; }
*/
import "C"

import "targets/truth"

func init() { later = append(later, besideC) }

//go:noinline
func deleteBesideC(s *truth.Site, m map[C.int]C.long, k C.int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func besideC() {
	m := map[C.int]C.long{1: 1, 2: 2, 3: 3}
	s := truth.New("BesideC", "int32", m)
	deleteBesideC(s, m, C.add(1, 1))
	deleteBesideC(s, m, C.add(2, 2))
	deleteBesideC(s, m, C.add(1, 2))
}
