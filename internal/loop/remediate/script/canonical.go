package script

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
)

// maxDepth bounds how deep values may be nested, and with it values that contain themselves.
const maxDepth = 64

// maxIntBits bounds integers; arithmetic on larger ones costs more than a step.
const maxIntBits = 1 << 16

// Canonical returns v in the few types that the encoding knows: nil, bool, int64, *big.Int for what does not fit, float64,
// string, []byte, []any and map[string]any. Structs become maps by their JSON names, times RFC 3339, durations text.
func Canonical(v any) (any, error) { return canonical(reflect.ValueOf(v), 0) }

func canonical(v reflect.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if !v.IsValid() {
		return nil, nil
	}
	if special, ok, err := canonicalSpecial(v, depth); ok || err != nil {
		return special, err
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return canonicalInt(new(big.Int).SetUint64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		if math.IsNaN(v.Float()) {
			return math.NaN(), nil // one NaN: its payload would not survive the encoding
		}
		return v.Float(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Pointer, reflect.Interface:
		return canonical(v.Elem(), depth) // a nil one gives the invalid Value, which is None
	case reflect.Slice, reflect.Array:
		return canonicalList(v, depth)
	case reflect.Map:
		return canonicalMap(v, depth)
	case reflect.Struct:
		return canonicalStruct(v, depth)
	}
	return nil, fmt.Errorf("a script cannot hold a %s", v.Type())
}

// canonicalSpecial handles the types that are more than their kind; ok says whether v is one.
func canonicalSpecial(v reflect.Value, depth int) (_ any, ok bool, _ error) {
	if !v.CanInterface() {
		return nil, false, nil
	}
	switch x := v.Interface().(type) {
	case *big.Int:
		if x == nil {
			return nil, true, nil
		}
		i, err := canonicalInt(x)
		return i, true, err
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), true, nil
	case time.Duration:
		return x.String(), true, nil
	case json.Number:
		n, err := decodeNumber(string(x))
		return n, true, err
	case json.RawMessage:
		if len(x) == 0 {
			return nil, true, nil
		}
		d, err := decodePlain(x, depth)
		return d, true, err
	case []byte:
		if x == nil {
			return nil, true, nil
		}
		return append([]byte{}, x...), true, nil
	}
	return nil, false, nil
}

// canonicalInt returns int64 when it fits, so that one number has one form.
func canonicalInt(i *big.Int) (any, error) {
	if i.IsInt64() {
		return i.Int64(), nil
	}
	if i.BitLen() > maxIntBits {
		return nil, fmt.Errorf("an int of more than %d bits", maxIntBits)
	}
	return new(big.Int).Set(i), nil
}

func canonicalList(v reflect.Value, depth int) (any, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return nil, nil
	}
	list := make([]any, v.Len())
	for i := range list {
		e, err := canonical(v.Index(i), depth+1)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		list[i] = e
	}
	return list, nil
}

func canonicalMap(v reflect.Value, depth int) (any, error) {
	if v.IsNil() {
		return nil, nil
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("a map must have strings as keys, not %s", v.Type().Key())
	}
	m := make(map[string]any, v.Len())
	for it := v.MapRange(); it.Next(); {
		e, err := canonical(it.Value(), depth+1)
		if err != nil {
			return nil, fmt.Errorf("[%q]: %w", it.Key().String(), err)
		}
		m[it.Key().String()] = e
	}
	return m, nil
}

func canonicalStruct(v reflect.Value, depth int) (any, error) {
	m := make(map[string]any, v.NumField())
	for _, f := range reflect.VisibleFields(v.Type()) {
		if len(f.Index) > 1 || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		field := v.FieldByIndex(f.Index)
		if name == "-" || strings.HasPrefix(options, "omit") && field.IsZero() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		e, err := canonical(field, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m[name] = e
	}
	return m, nil
}
