// Changes one map on orders from its standard input, and tells what has happened to the map's buckets or tables. It looks at the map's
// own memory before and after each insert, so that it knows each step. It is the truth of test_maps_watch.py.
//
// The first line of its output is {"map":"0x...","swiss":...}. Orders, each answered by a line with the steps and the length:
//
//	put A B       inserts the keys from A to B - 1, one by one
//	delete A B    deletes them
//	pile N        gives each bucket a chain in turn, with keys from N on, until the map grows to as many buckets
//	bury          deletes the elements of full groups, which leaves tombstones
//	clear         clears the map
//	other         drops the map, collects garbage until another map has its address, and grows that
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

type step map[string]interface{}

var m = map[int64]int64{}
var swiss bool
var steps []step

func header() *[6]uint64 { return (*[6]uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&m))) }

func at(addr uint64) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// ---- classic ----

const bucketSize = 8 + 8*8 + 8*8 + 8

type classic struct {
	b, noverflow       uint64
	same               bool
	buckets, old, next uint64
}

func readClassic() classic {
	h := header()
	return classic{h[1] >> 8 & 0xff, h[1] >> 16 & 0xffff, h[1]&8 != 0, h[2], h[3], h[4]}
}

func (c classic) olds() uint64 {
	if c.old == 0 {
		return 0
	}
	if c.same {
		return 1 << c.b
	}
	return 1 << (c.b - 1)
}

// chain returns the tophash bytes of a bucket and of its overflow buckets.
func chain(addr uint64) [][8]uint8 {
	var all [][8]uint8
	for addr != 0 {
		all = append(all, *(*[8]uint8)(at(addr)))
		addr = *(*uint64)(at(addr + bucketSize - 8))
	}
	return all
}

func moved(top uint8) bool { return top >= 2 && top <= 4 }

// A bucket of the old array, before a change.
type oldBucket struct {
	entries, chain int
	moved          bool
}

func olds(c classic) []oldBucket {
	var all []oldBucket
	for i := uint64(0); i < c.olds(); i++ {
		tops := chain(c.old + i*bucketSize)
		one := oldBucket{moved: moved(tops[0][0])}
		for _, top := range tops {
			one.chain++
			for _, t := range top {
				if t >= 5 {
					one.entries++
				}
			}
		}
		all = append(all, one)
	}
	return all
}

// stepsOfClassic tells what one insert or delete has done. The keeper of the old array keeps it readable after the last step.
func classicChange(change func()) {
	before := readClassic()
	array, was := before.old, olds(before)
	if array == 0 { // it may become the old array
		whole := before
		whole.old, whole.same = before.buckets, true
		array, was = whole.buckets, olds(whole)
	}
	var chains []int
	for i := uint64(0); i < 1<<before.b; i++ {
		chains = append(chains, len(chain(before.buckets+i*bucketSize)))
	}
	keeper := at(array)
	change()
	after := readClassic()
	grew := before.old == 0 && after.buckets != before.buckets
	if grew {
		steps = append(steps, step{"step": "grow", "buckets_before": 1 << before.b, "buckets": 1 << after.b, "same_size": after.b == before.b})
	}
	overflow := int(after.noverflow) - int(before.noverflow)
	if grew {
		overflow = int(after.noverflow)
	}
	if before.old != 0 || grew {
		for i, one := range was {
			top := *(*[8]uint8)(at(array + uint64(i)*bucketSize))
			if one.moved || !moved(top[0]) {
				continue
			}
			steps = append(steps, step{"step": "evacuate", "bucket": i, "moved": one.entries, "chain": one.chain})
		}
	}
	for i := uint64(0); overflow > 0 && i < 1<<after.b; i++ {
		n := 1
		if !grew {
			n = chains[i]
		}
		for now := len(chain(after.buckets + i*bucketSize)); n < now; n++ {
			steps = append(steps, step{"step": "overflow", "bucket": i, "chain": n + 1})
			overflow--
		}
	}
	if overflow != 0 {
		panic("overflow buckets")
	}
	runtime.KeepAlive(keeper)
}

// isIn tells whether a key is in the chain of a bucket.
func isIn(c classic, bucket uint64, key int64) bool {
	for addr := c.buckets + bucket*bucketSize; addr != 0; addr = *(*uint64)(at(addr + bucketSize - 8)) {
		tops, keys := (*[8]uint8)(at(addr)), (*[8]int64)(at(addr+8))
		for i, k := range keys {
			if k == key && tops[i] >= 5 {
				return true
			}
		}
	}
	return false
}

// pile fills one bucket after the other until it has an overflow bucket, and empties it again. Overflow buckets stay. When there are as
// many as buckets, the map grows to as many buckets. Goes on until that growth is over.
func pile(next int64) {
	for bucket := uint64(0); readClassic().old == 0; bucket++ {
		change(func() { m[next] = next }, true)
		change(func() { delete(m, next) }, false)
		c := readClassic()
		bucket %= 1 << c.b
		var kept []int64
		for len(chain(c.buckets+bucket*bucketSize)) < 2 && readClassic().old == 0 {
			key := next
			next++
			change(func() { m[key] = key }, true)
			if readClassic().old == 0 && !isIn(c, bucket, key) {
				change(func() { delete(m, key) }, false)
			} else {
				kept = append(kept, key)
			}
		}
		for _, key := range kept {
			key := key
			change(func() { delete(m, key) }, false)
		}
	}
	for readClassic().old != 0 {
		change(func() { m[next] = next }, true)
		change(func() { delete(m, next) }, false)
	}
}

// ---- Swiss ----

type table struct{ addr, index, capacity, used, left uint64 }

func (t table) tombstones() uint64 {
	room := t.capacity * 7 / 8
	if t.capacity <= 8 {
		room = t.capacity - 1
	}
	return room - t.used - t.left
}

func (t table) step() step {
	return step{"table": t.index, "capacity": t.capacity, "used": t.used, "tombstones": t.tombstones()}
}

func tables() []table {
	h := header()
	var all []table
	for i := uint64(0); i < h[3]; i++ {
		addr := *(*uint64)(at(h[2] + 8*i))
		if len(all) > 0 && all[len(all)-1].addr == addr {
			continue
		}
		w := (*[4]uint64)(at(addr))
		all = append(all, table{addr, w[1], w[0] >> 16 & 0xffff, w[0] & 0xffff, w[0] >> 32 & 0xffff})
	}
	return all
}

// swissChange tells what one insert or delete has done. The element that is inserted is not in the tables of a step.
func swissChange(change func(), inserted bool) {
	before, directory := tables(), header()[3]
	change()
	after := tables()
	known, there := map[uint64]table{}, map[uint64]bool{}
	for _, t := range before {
		known[t.addr] = t
	}
	var made []table
	for _, t := range after {
		there[t.addr] = true
		if old, ok := known[t.addr]; !ok {
			made = append(made, t)
		} else if old.left == 0 && inserted && t.tombstones()+1 < old.tombstones() {
			steps = append(steps, step{"step": "prune", "before": old.step(), "tombstones": t.tombstones()})
		}
	}
	if len(before) == 0 && len(after) == 1 {
		steps = append(steps, step{"step": "grow", "first": true, "capacity": after[0].capacity})
	}
	for _, t := range before {
		if there[t.addr] {
			continue
		}
		total := uint64(0)
		for _, n := range made {
			total += n.used
		}
		if inserted {
			total--
		}
		if len(made) == 1 {
			steps = append(steps, step{"step": "grow", "before": t.step(), "capacity": made[0].capacity, "used": total})
		} else {
			steps = append(steps, step{"step": "split", "before": t.step(), "tables": len(made), "used": total, "directory_before": directory, "directory": header()[3]})
		}
	}
}

// bury deletes the elements of full groups.
func bury() {
	var keys []int64
	for _, t := range tables() {
		w := (*[4]uint64)(at(t.addr))
		for i := uint64(0); i <= w[3]; i++ {
			group := w[2] + i*(8+8*16)
			if *(*uint64)(at(group))&0x8080808080808080 != 0 {
				continue
			}
			for slot := uint64(0); slot < 8; slot++ {
				keys = append(keys, *(*int64)(at(group + 8 + 16*slot)))
			}
		}
	}
	for _, key := range keys {
		key := key
		change(func() { delete(m, key) }, false)
	}
}

func change(f func(), inserted bool) {
	if swiss {
		swissChange(f, inserted)
	} else {
		classicChange(f)
	}
}

// another drops the map, and returns when another one has its address.
func another() {
	addr := uint64(uintptr(unsafe.Pointer(header())))
	m = nil
	var kept []map[int64]int64
	for i := 0; ; i++ {
		if i%1000 == 0 {
			kept = nil
			runtime.GC()
		}
		n := make(map[int64]int64)
		if uint64(uintptr(*(*unsafe.Pointer)(unsafe.Pointer(&n)))) == addr {
			m = n
			break
		}
		kept = append(kept, n)
	}
	for i := int64(0); i < 1000; i++ {
		m[i] = i
	}
}

func main() {
	swiss = len(os.Args) > 1 && os.Args[1] == "swiss"
	m[-1] = 0
	fmt.Printf("{\"map\":\"0x%x\",\"swiss\":%v}\n", uintptr(unsafe.Pointer(header())), swiss)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var word string
		var from, to int64
		fmt.Sscan(in.Text(), &word, &from, &to)
		steps = []step{}
		switch word {
		case "put":
			for i := from; i < to; i++ {
				change(func() { m[i] = i }, true)
			}
		case "delete":
			for i := from; i < to; i++ {
				change(func() { delete(m, i) }, false)
			}
		case "pile":
			pile(from)
		case "bury":
			bury()
		case "clear":
			n := len(m)
			for k := range m {
				delete(m, k)
			}
			steps = append(steps, step{"step": "clear", "len_before": n})
		case "other":
			another()
		}
		line, _ := json.Marshal(step{"steps": steps, "len": len(m)})
		fmt.Println(string(line))
	}
}
