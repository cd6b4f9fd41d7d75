package truth

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// keyJSON is the key as the event schema writes it: JSON's own kind where there is one.
func keyJSON(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := strconv.FormatInt(v.Int(), 10)
		if v.Int() > 1<<53 || v.Int() < -(1<<53) {
			return `"` + n + `"`
		}
		return n
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n := strconv.FormatUint(v.Uint(), 10)
		if v.Uint() > 1<<53 {
			return `"` + n + `"`
		}
		return n
	case reflect.Float32:
		return floatJSON(v.Float(), 32)
	case reflect.Float64:
		return floatJSON(v.Float(), 64)
	case reflect.Complex64:
		return "[" + floatJSON(real(v.Complex()), 32) + "," + floatJSON(imag(v.Complex()), 32) + "]"
	case reflect.Complex128:
		return "[" + floatJSON(real(v.Complex()), 64) + "," + floatJSON(imag(v.Complex()), 64) + "]"
	case reflect.String:
		s := v.String()
		if !utf8.ValidString(s) {
			return `{"bytes":"` + hex.EncodeToString([]byte(s)) + `"}`
		}
		b, _ := json.Marshal(s)
		return string(b)
	case reflect.Ptr, reflect.Chan, reflect.UnsafePointer:
		return fmt.Sprintf(`"0x%x"`, v.Pointer())
	case reflect.Interface:
		return ifaceJSON(v.Elem())
	case reflect.Struct:
		var fields []string
		for i := 0; i < v.NumField(); i++ {
			if name := v.Type().Field(i).Name; name != "_" {
				fields = append(fields, fmt.Sprintf("%q:%s", name, keyJSON(v.Field(i))))
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	case reflect.Array:
		var elems []string
		for i := 0; i < v.Len(); i++ {
			elems = append(elems, keyJSON(v.Index(i)))
		}
		return "[" + strings.Join(elems, ",") + "]"
	}
	panic("truth: no JSON form for a key of type " + v.Type().String())
}

func ifaceJSON(v reflect.Value) string {
	if !v.IsValid() {
		return "null"
	}
	return fmt.Sprintf(`{"type":%q,"value":%s}`, v.Type().String(), keyJSON(v))
}

func floatJSON(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return `"NaN"`
	case math.IsInf(f, 1):
		return `"+Inf"`
	case math.IsInf(f, -1):
		return `"-Inf"`
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// AnyJSON is a key of type interface{} as the event schema writes it.
func AnyJSON(key interface{}) json.RawMessage { return []byte(ifaceJSON(reflect.ValueOf(key))) }
