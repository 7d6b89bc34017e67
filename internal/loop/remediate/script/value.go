package script

import (
	"fmt"
	"math"
	"math/big"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// resultValue is a Result as a script sees it.
type resultValue struct {
	ok    bool
	value starlark.Value
	err   string
	cut   bool
}

var (
	_ starlark.HasAttrs   = (*resultValue)(nil)
	_ starlark.Comparable = (*starlarkstruct.Struct)(nil)
)

// Attr returns a field.
func (r *resultValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "ok":
		return starlark.Bool(r.ok), nil
	case "value":
		return r.value, nil
	case "error":
		return starlark.String(r.err), nil
	case "cut":
		return starlark.Bool(r.cut), nil
	}
	return nil, starlark.NoSuchAttrError(
		fmt.Sprintf("a result has the fields ok, value, error and cut, but no %s; what the built-in answered is in .value", name))
}

// AttrNames returns the fields.
func (r *resultValue) AttrNames() []string { return []string{"cut", "error", "ok", "value"} }

// String returns the result as text.
func (r *resultValue) String() string {
	if r.ok {
		return fmt.Sprintf("result(ok = True, value = %s)", r.value)
	}
	return fmt.Sprintf("result(ok = False, error = %q)", r.err)
}

// Type returns the name of the type.
func (r *resultValue) Type() string { return "result" }

// Freeze freezes the value.
func (r *resultValue) Freeze() { r.value.Freeze() }

// Truth reports whether the action went well.
func (r *resultValue) Truth() starlark.Bool { return starlark.Bool(r.ok) }

// Hash refuses: a result is not a key.
func (r *resultValue) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: result") }

// toStarlark turns a canonical value into a Starlark one.
func toStarlark(v any) starlark.Value {
	switch v := v.(type) {
	case nil:
		return starlark.None
	case bool:
		return starlark.Bool(v)
	case int64:
		return starlark.MakeInt64(v)
	case *big.Int:
		return starlark.MakeBigInt(v)
	case float64:
		return starlark.Float(v)
	case string:
		return starlark.String(v)
	case []byte:
		return starlark.Bytes(v)
	case []any:
		list := make([]starlark.Value, len(v))
		for i, e := range v {
			list[i] = toStarlark(e)
		}
		return starlark.NewList(list)
	case map[string]any:
		d := starlark.NewDict(len(v))
		for _, k := range sortedKeys(v) {
			if err := d.SetKey(starlark.String(k), toStarlark(v[k])); err != nil {
				panic("script: set a string key of a new dict: " + err.Error())
			}
		}
		return d
	}
	panic(fmt.Sprintf("script: %T is not canonical", v))
}

// toStruct turns a canonical map into a struct whose nested maps stay dicts.
func toStruct(m map[string]any) starlark.Value {
	fields := make(starlark.StringDict, len(m))
	for k, v := range m {
		fields[k] = toStarlark(v)
	}
	return starlarkstruct.FromStringDict(starlarkstruct.Default, fields)
}

// reader turns Starlark values into canonical ones. It has a budget, because a small value that refers to itself many
// times is a large one when written out.
type reader struct{ left int }

func fromStarlark(v starlark.Value) (any, error) {
	r := reader{left: MaxArgs}
	return r.value(v, 0)
}

func (r *reader) value(v starlark.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels, or contains itself", maxDepth)
	}
	if err := r.spend(4); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Int:
		return canonicalInt(v.BigInt())
	case starlark.Float:
		if math.IsNaN(float64(v)) {
			return math.NaN(), nil
		}
		return float64(v), nil
	case starlark.String:
		return string(v), r.spend(len(v))
	case starlark.Bytes:
		return []byte(v), r.spend(len(v))
	case *starlark.Dict:
		return r.dict(v, depth)
	case *resultValue, *starlarkstruct.Struct:
		return r.fields(v.(starlark.HasAttrs), depth)
	case starlark.Iterable: // lists, tuples, sets, ranges
		return r.list(v, depth)
	}
	return nil, fmt.Errorf("a %s cannot leave the script; give strings, numbers, lists or dicts", v.Type())
}

func (r *reader) list(v starlark.Iterable, depth int) (any, error) {
	list := []any{}
	it := v.Iterate()
	defer it.Done()
	var e starlark.Value
	for it.Next(&e) {
		c, err := r.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func (r *reader) dict(d *starlark.Dict, depth int) (any, error) {
	m := make(map[string]any, d.Len())
	for k, e := range d.Entries() {
		key, ok := k.(starlark.String)
		if !ok {
			return nil, fmt.Errorf("a dict must have strings as keys, not %s %s; use str()", k.Type(), k)
		}
		if err := r.spend(len(key)); err != nil {
			return nil, err
		}
		c, err := r.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		m[string(key)] = c
	}
	return m, nil
}

func (r *reader) fields(v starlark.HasAttrs, depth int) (any, error) {
	m := map[string]any{}
	for _, name := range v.AttrNames() {
		field, err := v.Attr(name)
		if err != nil {
			return nil, err
		}
		if m[name], err = r.value(field, depth+1); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (r *reader) spend(n int) error {
	if r.left -= n; r.left < 0 {
		return fmt.Errorf("larger than %d KiB", MaxArgs>>10)
	}
	return nil
}
