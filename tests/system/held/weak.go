//go:build go1.24

package main

import "weak"

var gWeak weak.Pointer[weakly]

func hold(w *weakly) { gWeak = weak.Make(w) }
