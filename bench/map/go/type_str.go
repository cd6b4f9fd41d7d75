//go:build type_str

package main

type (
	Key = string
	Val = uint64
)

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// makeKeys cuts all keys out of one piece of memory: the collector must not pay for the streams.
func makeKeys(first uint64, n int, order []uint32) []Key {
	const size = 16
	room := make([]byte, n*size)
	for i := 0; i < n; i++ {
		writeKey(room[i*size:], first+numberOf(i, order))
	}
	text := string(room)
	ret := make([]Key, n)
	for i := range ret {
		ret[i] = text[i*size : i*size+15]
	}
	return ret
}

func writeKey(to []byte, number uint64) {
	bits, more := mix64(number), mix64(^number)
	for i := 0; i < 11; i++ {
		to[i] = digits[bits&63]
		bits >>= 6
	}
	for i := 11; i < 15; i++ {
		to[i] = digits[more&63]
		more >>= 6
	}
}

func makeVal(number uint64) Val { return number + 1 }

func valWord(val *Val) uint64 { return *val }

// keyWord does not look at the text, as elsewhere.
func keyWord(key Key) uint64 { return uint64(len(key)) }

func depend(key Key, zero uint64) Key { return key[zero:] }
