//go:build type_u32

package main

type (
	Key = uint32
	Val = uint32
)

func keyOf(number uint64) Key { return mix32(uint32(number)) }

func makeVal(number uint64) Val { return Val(number + 1) }

func valWord(val *Val) uint64 { return uint64(*val) }
