// Holds each of 64 maps by an object of a type that reflect makes: more than 512 bytes, up to spans of their own. Answers each line that it reads.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
)

var keep [64]any

func made(i, n int, m reflect.Type) reflect.Value {
	if i%2 == 0 {
		v := reflect.New(reflect.ArrayOf(n+i, m))
		v.Elem().Index(n / 2).Set(reflect.ValueOf(map[int]string{i: "x", i + 1: "y"}))
		return v
	}
	words := reflect.ArrayOf(n+i, reflect.TypeOf(uintptr(0)))
	v := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "A", Type: words}, {Name: "M", Type: m}}))
	v.Elem().Field(1).Set(reflect.ValueOf(map[int]string{i: "x", i + 1: "y"}))
	return v
}

func main() {
	for i := range keep {
		n := 90
		if i >= 48 {
			n = 9000
		}
		keep[i] = made(i, n, reflect.TypeOf(map[int]string{})).Interface()
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(len(keep))
	}
}
