package main

import (
	"fmt"
	"math/bits"
	"sort"
)

// report holds results by name; of several of one name the median is printed.
type report map[string][]float64

func (r report) add(name string, value float64) { r[name] = append(r[name], value) }

func (r report) print() {
	for name, values := range r {
		sort.Float64s(values)
		n := len(values)
		fmt.Printf("%s %.6g\n", name, (values[(n-1)/2]+values[n/2])/2)
	}
}

// histogram is that of harness.h: 32 steps between powers of two, an exact maximum.
type histogram struct {
	count      [64 * steps]uint64
	total, max uint64
}

const (
	steps    = 32
	stepBits = 5
)

func (h *histogram) add(value uint64) {
	i := value
	if value >= steps {
		top := uint(bits.Len64(value)) - 1 - stepBits
		i = uint64(top+1)*steps + (value>>top)%steps
	}
	h.count[i]++
	h.total++
	if value > h.max {
		h.max = value
	}
}

func (h *histogram) quantile(q float64) uint64 {
	rank, seen := uint64(float64(h.total)*q), uint64(0)
	for i, count := range h.count {
		seen += count
		if seen > rank {
			if i < steps {
				return uint64(i)
			}
			return uint64(steps+i%steps) << (uint(i)/steps - 1)
		}
	}
	return h.max
}

func (h *histogram) printTo(r report, name string) {
	for _, q := range []struct {
		label string
		q     float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}} {
		r.add(name+"."+q.label, float64(h.quantile(q.q)))
	}
	r.add(name+".max", float64(h.max))
}
