//go:build !go1.24

package main

// There are no weak pointers yet: nothing holds it.
func hold(w *weakly) {}
