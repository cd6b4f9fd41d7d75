//go:build type_u64

package main

type (
	Key = uint64
	Val = uint64
)

func keyOf(number uint64) Key { return mix64(number) }

func makeVal(number uint64) Val { return Val(number + 1) }

func valWord(val *Val) uint64 { return uint64(*val) }
