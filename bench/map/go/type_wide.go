//go:build type_wide

package main

type (
	Key = uint64
	Val = [7]uint64
)

func keyOf(number uint64) Key { return mix64(number) }

func makeVal(number uint64) Val {
	return Val{number, number + 1, number + 2, number + 3, number + 4, number + 5, number + 1}
}

func valWord(val *Val) uint64 { return val[6] }
