package main

// The key streams of driver.cc: the same keys in the same order for the same seed.

func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func mix32(x uint32) uint32 {
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

type streams struct {
	in, hit, erase, out, fresh, victim []Key
	inSum, churnedSum, hitSum          uint64
}

const queriesMax = 2000000

func permutation(n int, seed uint64) []uint32 {
	ret := make([]uint32, n, 2*n)
	for i := range ret {
		seed += 0x9e3779b97f4a7c15
		j := mix64(seed) % uint64(i+1)
		ret[i] = ret[j]
		ret[j] = uint32(i)
	}
	return ret
}

func numberOf(i int, order []uint32) uint64 {
	if order == nil {
		return uint64(i)
	}
	return uint64(order[i])
}

func makeStreams(n int, seed uint64, all bool) *streams {
	s := &streams{}
	first := seed * 0x9e3779b97f4a7c15
	order := permutation(n, seed)
	queries := n
	if queries > queriesMax {
		queries = queriesMax
	}
	s.in = makeKeys(first, n, nil)
	s.erase = makeKeys(first, n, order)
	for i, key := range s.in {
		s.inSum += uint64(i) + 1 + keyWord(key)
	}
	if !all {
		return s
	}
	s.hit = makeKeys(first, queries, order)
	for _, number := range order[:queries] {
		s.hitSum += uint64(number) + 1
	}
	s.fresh = makeKeys(first+uint64(n), 2*n, nil)
	for i := n; i < 2*n; i++ {
		s.churnedSum += uint64(i) + 1 + keyWord(s.fresh[i])
	}
	s.out = makeKeys(first+3*uint64(n), queries, nil)
	for _, number := range permutation(n, ^seed) {
		order = append(order, uint32(n)+number)
	}
	s.victim = makeKeys(first, 2*n, order)
	return s
}
