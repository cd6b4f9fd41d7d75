//go:build !type_str

package main

func makeKeys(first uint64, n int, order []uint32) []Key {
	ret := make([]Key, n)
	for i := range ret {
		ret[i] = keyOf(first + numberOf(i, order))
	}
	return ret
}

func keyWord(key Key) uint64 { return uint64(key) }

func depend(key Key, zero uint64) Key { return key + Key(zero) }
