// Makes maps of all kinds and states, and writes what is in them into a file, a line of JSON for each map: its name, address, type, length
// and entries, in the form in which tophash writes values. It is the truth of test_one_map.py. With the word "churn" it goes on
// changing one map; each of its values is the key and "v". With "busy" it changes two maps of numbers without a pause. With "long" it
// has one map whose keys are 262 MiB together. With "damaged" it makes maps whose memory lies, and with "classic" also a
// map that only classic maps can be.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

type point struct {
	X, Y int
	name string
}
type session struct {
	id    uint64
	tags  []string
	next  *session
	any   interface{}
	score float32
}
type named map[string]*session

var maps []interface{}

// box hides a map: nothing tells what its pointer leads to.
type box struct{ p unsafe.Pointer }

var hidden *box
var out *bufio.Writer

func number(negative bool, n uint64) interface{} {
	text := strconv.FormatUint(n, 10)
	if negative {
		text = "-" + text
	}
	if n > 1<<53 {
		return text
	}
	return json.Number(text)
}

func float(f float64, bits int) interface{} {
	if math.Abs(f) > 1<<53 && !math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, bits)
	}
	if math.IsNaN(f) {
		return "NaN"
	}
	if math.IsInf(f, 0) {
		return fmt.Sprintf("%+g", f)
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, bits))
}

func encode(v reflect.Value) interface{} {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := v.Int()
		if n < 0 {
			return number(true, uint64(-n))
		}
		return number(false, uint64(n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return number(false, v.Uint())
	case reflect.Float32, reflect.Float64:
		return float(v.Float(), v.Type().Bits())
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		return []interface{}{float(real(c), v.Type().Bits()/2), float(imag(c), v.Type().Bits()/2)}
	case reflect.String:
		if utf8.ValidString(v.String()) {
			return v.String()
		}
		return map[string]string{"bytes": hex.EncodeToString([]byte(v.String()))}
	case reflect.Struct:
		members := map[string]interface{}{}
		for i := 0; i < v.NumField(); i++ {
			members[v.Type().Field(i).Name] = encode(v.Field(i))
		}
		return members
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return nil
		}
		list := []interface{}{}
		for i := 0; i < v.Len(); i++ {
			list = append(list, encode(v.Index(i)))
		}
		return list
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return map[string]interface{}{"type": v.Elem().Type().String(), "value": encode(v.Elem())}
	default:
		return fmt.Sprintf("0x%x", v.Pointer())
	}
}

// hashOf returns the hash of a key, by the map's own hash function and seed.
func hashOf(m interface{}, key reflect.Value) string {
	const hasherAt = 72 // internal/abi: MapType
	words := *(*[2]unsafe.Pointer)(unsafe.Pointer(&m))
	hasher := *(*func(unsafe.Pointer, uintptr) uintptr)(unsafe.Add(words[0], hasherAt))
	seed := *(*uintptr)(unsafe.Add(words[1], 8))
	if goMinor() < 24 {
		seed >>= 32 // hmap.hash0
	}
	k := reflect.New(key.Type()).Elem()
	k.Set(key)
	return fmt.Sprintf("0x%x", hasher(k.Addr().UnsafePointer(), seed))
}

func goMinor() int {
	n := 0
	fmt.Sscanf(runtime.Version(), "go1.%d", &n)
	return n
}

// tell writes what is in a map, and keeps it alive.
func tell(name string, m interface{}) {
	maps = append(maps, m)
	v := reflect.ValueOf(m)
	entries := [][2]interface{}{}
	hashes := []string{}
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, [2]interface{}{encode(it.Key()), encode(it.Value())})
		hashes = append(hashes, hashOf(m, it.Key()))
	}
	line, err := json.Marshal(map[string]interface{}{
		"name": name, "addr": fmt.Sprintf("0x%x", v.Pointer()), "type": v.Type().String(), "len": v.Len(), "entries": entries, "hashes": hashes,
	})
	if err != nil {
		panic(err)
	}
	out.Write(append(line, '\n'))
}

func keys() {
	tell("string", map[string]int{"": 0, "a": 1, "user:42": -2, "\u00fc\u4e16": 3, "\xff\xfe": 4, "\x00\"\n": 5})
	tell("int8", map[int8]bool{-128: true, 0: false, 127: true})
	tell("uint64", map[uint64]int64{0: math.MinInt64, 1 << 60: math.MaxInt64, math.MaxUint64: 1 << 53})
	tell("bool", map[bool]string{true: "t", false: "f"})
	tell("float64", map[float64]float32{0.1: 0.1, -1e300: 1, math.Inf(1): 2, math.NaN(): 3})
	tell("complex", map[complex128]complex64{1 + 2i: 0.5 - 1i, 0: 0})
	tell("array", map[[2]int16][3]string{{1, 2}: {"a", "", "c"}, {-1, 0}: {}})
	tell("struct", map[point]point{{1, 2, "p"}: {3, 4, ""}, {}: {-1, -1, "long"}})
	tell("interface", map[interface{}]interface{}{1: "one", "two": 2, 3.5: nil, point{1, 1, "i"}: []int{1, 2}, int8(4): point{}, [1]bool{true}: &point{}})
	s := &session{id: 7}
	tell("pointer", map[*session]*session{s: nil, nil: s})
	tell("channel", map[chan int]func(){make(chan int): nil, nil: nil})
	var large [200]byte
	large[0], large[199] = 1, 255
	tell("large", map[[200]byte][300]byte{large: {7, 8}, {}: {}})
	tell("error", map[error]fmt.Stringer{fmt.Errorf("e"): nil})
	tell("set", map[string]struct{}{"x": {}, "y": {}})
}

// hashed makes maps whose keys are hashed in all ways: strings and arrays of all lengths that the hash functions tell apart.
func hashed() {
	lengths := map[string]int{}
	for i := 0; i <= 300; i++ {
		b := make([]byte, i)
		for j := range b {
			b[j] = byte(33 + (i+j*7)%90)
		}
		lengths[string(b)] = i
	}
	tell("lengths", lengths)
	tell("array 1", map[[1]byte]int{{1}: 1, {2}: 2})
	tell("array 3", map[[3]byte]int{{1, 2, 3}: 1, {}: 2})
	tell("array 12", map[[3]int32]int{{1, 2, 3}: 1, {}: 2})
	tell("array 16", map[[2]int]int{{1, 2}: 1, {}: 2})
	tell("array 40", map[[5]int]int{{1, 2, 3, 4, 5}: 1, {}: 2})
	tell("array 80", map[[10]int]int{{1, 2, 3, 4, 5}: 1, {}: 2})
	tell("array 1000", map[[1000]byte]int{{1, 2, 3, 4, 5}: 1, {}: 2})
	shorts := map[uint16]uint8{}
	words := map[int32]string{}
	for i := 0; i < 3000; i++ {
		shorts[uint16(i)] = uint8(i)
		words[int32(-i*i)] = ""
	}
	tell("shorts", shorts)
	tell("words", words)
	tell("changed", changedOne())
	changedAll()
}

// changedOne returns a map with a key whose bytes were changed, so that a lookup does not find it. By chance, one may.
func changedOne() map[string]int {
	for {
		changed := map[string]int{}
		for i := 0; i < 5000; i++ {
			changed[fmt.Sprint(i)] = i
		}
		key := []byte("its bytes")
		changed[*(*string)(unsafe.Pointer(&key))] = -1
		key[0] = 'I'
		if _, found := changed["Its bytes"]; !found {
			return changed
		}
	}
}

// changedAll changes the bytes of all keys of a map, and tells how many of them a lookup finds even so.
func changedAll() {
	all := map[string]int{}
	texts := make([][]byte, 20000)
	for i := range texts {
		texts[i] = []byte(fmt.Sprint("its", i))
		all[*(*string)(unsafe.Pointer(&texts[i]))] = i
	}
	found := 0
	for i, text := range texts {
		text[0] = 'I'
		if n, ok := all[string(text)]; ok && n == i {
			found++
		}
	}
	maps = append(maps, all)
	line, _ := json.Marshal(map[string]interface{}{"name": "all changed", "addr": fmt.Sprintf("0x%x", reflect.ValueOf(all).Pointer()), "len": len(all), "found": found})
	out.Write(append(line, '\n'))
}

func elements() {
	tell("slices", map[int][]string{1: {"a", "b"}, 2: {}, 3: nil})
	tell("maps", map[int]map[string]int{1: {"a": 1}, 2: nil})
	sessions := named{}
	for i := 0; i < 1000; i++ {
		sessions[fmt.Sprint("user:", i)] = &session{id: uint64(i)}
	}
	tell("named", sessions)
	structs := map[int]session{}
	for i := 0; i < 20; i++ {
		structs[i] = session{id: uint64(i), tags: []string{"t", fmt.Sprint(i)}, any: i, score: float32(i) / 4, next: sessions["user:1"]}
	}
	tell("structs", structs)
	tell("nested", map[string]interface{}{"a": map[string]interface{}{}, "b": []interface{}{1, "x", nil, []byte{1}}, "c": struct{ A interface{} }{2.5}})
}

// sameSize makes a classic map with so many overflow buckets that it is just moving to as many new buckets.
func sameSize() map[int]int {
	const sameSizeGrow, flags, old = 8, 8, 24 // runtime/map.go: hmap
	m := map[int]int{}
	for i := 0; i < 1<<24; i++ {
		header := *(*unsafe.Pointer)(unsafe.Pointer(&m))
		if i > 200 {
			delete(m, i-200)
		}
		m[i] = -i
		if *(*uint8)(unsafe.Add(header, flags))&sameSizeGrow != 0 && *(*uintptr)(unsafe.Add(header, old)) != 0 {
			return m
		}
	}
	panic("it has not grown")
}

func states() {
	tell("never filled", make(map[int32]int32))
	emptied := map[int]string{}
	for i := 0; i < 500; i++ {
		emptied[i] = "gone"
	}
	for i := 0; i < 500; i++ {
		delete(emptied, i)
	}
	tell("emptied", emptied)
	// A classic map grows when it has more than 6.5 elements a bucket, in Go 1.21 more than 6. Each further one moves one or two old
	// buckets.
	twice := 13
	if goMinor() == 21 {
		twice = 12
	}
	growing := map[int]int{}
	for i := 0; i < 64*twice/2+11; i++ {
		growing[i] = -i
	}
	tell("growing", growing)
	texts := map[string]string{}
	for i := 0; i < 128*twice/2+13; i++ {
		texts[fmt.Sprint("key", i)] = fmt.Sprint("value", i)
	}
	tell("growing strings", texts)
	if len(os.Args) > 2 && os.Args[2] == "classic" {
		tell("same size", sameSize())
	}
	few := map[string]int{}
	for i := 0; i < 10; i++ {
		few[fmt.Sprint(i)] = i
	}
	tell("ten", few)
	many := map[uint32]uint16{}
	for i := 0; i < 20000; i++ {
		many[uint32(i)*7] = uint16(i)
	}
	tell("many", many)
	// Full groups leave tombstones.
	deleted := map[int]int{}
	for i := 0; i < 1790; i++ {
		deleted[i] = i
	}
	for i := 0; i < 1790; i += 2 {
		delete(deleted, i)
	}
	tell("deleted", deleted)
	m := map[uint8]uint8{1: 2, 3: 4}
	hidden = &box{*(*unsafe.Pointer)(unsafe.Pointer(&m))}
	line, _ := json.Marshal(map[string]interface{}{"name": "hidden", "addr": fmt.Sprintf("%p", hidden.p), "type": "", "len": 2})
	out.Write(append(line, '\n'))
}

func churn() {
	m := map[string]string{}
	for i := 0; i < 3000; i++ {
		m[fmt.Sprint("k", i)] = fmt.Sprint("k", i, "v")
	}
	tell("churn", m)
	out.Flush()
	fmt.Println("ready")
	for i := 0; ; i++ {
		delete(m, fmt.Sprint("k", i))
		k := fmt.Sprint("k", i+3000)
		m[k] = k + "v"
		if i%32 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// busy changes two maps, but never their lengths for long: headers that were read before and after a walk may be the same.
func busy() {
	small, mid := map[uint64]uint64{1: 1, 2: 2, 3: 3}, map[uint64]uint64{}
	for i := uint64(0); i < 40; i++ {
		mid[i<<40] = i
	}
	tell("busy small", small)
	tell("busy mid", mid)
	out.Flush()
	fmt.Println("ready")
	for i := uint64(10); ; i++ {
		small[i], mid[i] = i, i
		delete(small, i-1)
		delete(mid, i-1)
		if i%16 == 0 {
			for t := time.Now(); time.Since(t) < 20*time.Microsecond; {
			}
		}
	}
}

// long makes a map whose keys share their bytes, so that it takes little memory.
func long() {
	const size = 1 << 16
	text := make([]byte, size+4200)
	for i, state := 0, uint32(1); i < len(text); i++ {
		state = state*1664525 + 1013904223
		text[i] = byte(state >> 24)
	}
	m := map[string]int{}
	tell("long", m)
	for i, whole := 0, string(text); i+size < len(whole); i++ {
		m[whole[i:i+size]] = i
	}
}

// damage makes maps whose memory lies. Nothing in this program uses them afterwards.
func damage() {
	swiss := len(os.Args) > 3 && os.Args[3] == "swiss"
	word := func(m map[int]int, i uintptr) *uint64 {
		return (*uint64)(unsafe.Pointer(*(*uintptr)(unsafe.Pointer(&m)) + 8*i))
	}
	at := func(addr uint64, offset uint64) *uint64 { return (*uint64)(unsafe.Pointer(uintptr(addr + offset))) }
	fresh := func(name string, n int) map[int]int {
		m := map[int]int{}
		for i := 0; i < n; i++ {
			m[i] = i
		}
		tell(name, m)
		return m
	}
	const bucket = 8 + 8*16 + 8
	if swiss {
		*word(fresh("small", 5), 2) = 0x10 // its group
		*at(*word(fresh("bytes", 5), 2), 0) = 0x9190919091909190
		*word(fresh("directory", 5000), 3) = 1 << 39
		table := *at(*word(fresh("table", 5000), 2), 0)
		*at(table, 24) = 1 << 50 // its number of groups
	} else {
		*word(fresh("buckets", 5), 2) = 0x10
		cycle := *word(fresh("cycle", 200), 2)
		*at(cycle, bucket-8) = cycle
		long := *word(fresh("long cycle", 200), 2)
		*at(long, bucket-8) = long + bucket
		*at(long+bucket, bucket-8) = long + 2*bucket
		*at(long+2*bucket, bucket-8) = long + bucket
		*at(*word(fresh("chain", 200), 2), bucket-8) = 0x10
		*word(fresh("b", 200), 1) |= 39 << 8
	}
	*word(fresh("length", 5), 0) = 1 << 60
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func main() {
	f, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	out = bufio.NewWriter(f)
	if len(os.Args) > 2 && os.Args[2] == "churn" {
		churn()
	} else if len(os.Args) > 2 && os.Args[2] == "busy" {
		busy()
	} else if len(os.Args) > 2 && os.Args[2] == "long" {
		long()
	} else if len(os.Args) > 2 && os.Args[2] == "damaged" {
		debug.SetGCPercent(-1)
		damage()
	}
	if len(os.Args) > 2 && os.Args[2] == "hashed" {
		hashed()
	}
	keys()
	elements()
	states()
	out.Flush()
	runtime.GC()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(maps), hidden != nil)
}
