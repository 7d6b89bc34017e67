package script

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Class says what may be done about a call whose answer was lost.
type Class string

// The classes of built-ins.
const (
	Read     Class = "read"     // changes nothing: ask again
	Keyed    Class = "keyed"    // the target knows the key: ask again with the same one
	Once     Class = "once"     // never repeated by the machine: a person decides
	Undoable Class = "undoable" // has a compensation: a probe decides, or a person
)

// Param is one parameter of a built-in.
type Param struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // string, int, float, number, bool, list, dict, bytes, duration or any
	Default  any    `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
	Doc      string `json:"doc,omitempty"`
}

// Builtin declares one function that a script can call. A dot in its name makes a namespace.
type Builtin struct {
	Name   string  `json:"name"` // "logs.query"
	Params []Param `json:"params,omitempty"`
	Class  Class   `json:"class"`
	Doc    string  `json:"doc,omitempty"`
}

// Bind checks arguments against the parameters and returns them in canonical form with the defaults filled in. An
// optional parameter that is None or missing and has no default is left out.
func (b Builtin) Bind(args map[string]any) (map[string]any, error) {
	for _, name := range sortedKeys(args) {
		if b.param(name) == nil {
			return nil, b.unknownParam(name)
		}
	}
	bound := make(map[string]any, len(b.Params))
	for _, p := range b.Params {
		v, given := args[p.Name]
		if v == nil && !p.Required {
			v, given = p.Default, p.Default != nil
		}
		if !given {
			if p.Required {
				return nil, errs.New(errs.Invalid, "%s needs %s; %s", b.Name, p.Name, b.signature())
			}
			continue
		}
		c, err := Canonical(v)
		if err != nil {
			return nil, errs.New(errs.Invalid, "%s: %s: %v", b.Name, p.Name, err)
		}
		if c, err = p.accept(c); err != nil {
			return nil, errs.New(errs.Invalid, "%s: %v", b.Name, err)
		}
		bound[p.Name] = c
	}
	return bound, nil
}

// accept checks the type of a canonical value, and turns an int into the float that the parameter asks for.
func (p Param) accept(v any) (any, error) {
	_, isInt := v.(int64)
	if !isInt {
		_, isInt = v.(*big.Int)
	}
	_, isFloat := v.(float64)
	ok := false
	switch p.Type {
	case "", "any":
		ok = true
	case "string":
		_, ok = v.(string)
	case "duration":
		s, isString := v.(string)
		if isString {
			if _, err := time.ParseDuration(s); err != nil {
				return nil, fmt.Errorf("%s must be a duration such as %q or %q, got %q", p.Name, "90s", "5m", s)
			}
		}
		ok = isString
	case "int":
		ok = isInt
	case "float":
		if i, small := v.(int64); small {
			return float64(i), nil
		}
		ok = isFloat
	case "number":
		ok = isInt || isFloat
	case "bool":
		_, ok = v.(bool)
	case "list":
		_, ok = v.([]any)
	case "dict":
		_, ok = v.(map[string]any)
	case "bytes":
		_, ok = v.([]byte)
	}
	if !ok {
		return nil, fmt.Errorf("%s must be %s, got %s", p.Name, article(p.Type), typeName(v))
	}
	return v, nil
}

func (b Builtin) param(name string) *Param {
	for i := range b.Params {
		if b.Params[i].Name == name {
			return &b.Params[i]
		}
	}
	return nil
}

func (b Builtin) unknownParam(name string) error {
	names := make([]string, len(b.Params))
	for i, p := range b.Params {
		names[i] = p.Name
	}
	return errs.New(errs.Invalid, "%s has no parameter %s%s; %s", b.Name, name, didYouMean(name, names), b.signature())
}

// signature says in words what the built-in takes.
func (b Builtin) signature() string {
	if len(b.Params) == 0 {
		return "it takes no arguments"
	}
	var parts []string
	for _, p := range b.Params {
		t := p.Type
		if t == "" {
			t = "any"
		}
		if p.Required {
			t += ", required"
		}
		parts = append(parts, p.Name+" ("+t+")")
	}
	return "it takes " + strings.Join(parts, ", ")
}

func article(t string) string {
	switch t {
	case "int":
		return "an int"
	case "bytes":
		return "bytes"
	case "duration":
		return `a duration such as "5m"`
	}
	return "a " + t
}

// typeName returns what a script calls the type of a canonical value.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "string"
	case []byte:
		return "bytes"
	case []any:
		return "list"
	}
	return "dict"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
