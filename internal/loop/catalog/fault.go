package catalog

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"nightkeeper/internal/kit/near"
)

// faults reports everything in a node that cannot be read as a type, each at its place; the library stops at the first.
func (l *loader) faults(file string, n ast.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, mapping := n.(*ast.MappingNode)
	switch _, own := reflect.New(t).Interface().(yaml.NodeUnmarshaler); {
	case own, mapping && merges(m):
	case t.Kind() == reflect.Struct && mapping:
		known := fieldsOf(t)
		for _, v := range m.Values {
			key := scalar(v.Key)
			if field, ok := known[key]; ok {
				l.faults(file, v.Value, field)
				continue
			}
			names := sorted(known)
			if meant := near.To(key, names); meant != "" {
				l.fail(file, v.Key.GetToken(), "unknown field %q; did you mean %s?", key, meant)
			} else {
				l.fail(file, v.Key.GetToken(), "unknown field %q; there are %s", key, strings.Join(names, ", "))
			}
		}
		return
	case t.Kind() == reflect.Map && mapping && t.Key().Kind() == reflect.String:
		for _, v := range m.Values {
			l.faults(file, v.Value, t.Elem())
		}
		return
	case t.Kind() == reflect.Slice:
		if s, ok := n.(*ast.SequenceNode); ok {
			for _, v := range s.Values {
				l.faults(file, v, t.Elem())
			}
			return
		}
	}
	if err := decode(n, reflect.New(t).Interface()); err != nil {
		l.syntax(file, err)
	}
}

// merges reports whether a mapping takes fields from elsewhere: then only the library knows them.
func merges(m *ast.MappingNode) bool {
	return slices.ContainsFunc(m.Values, func(v *ast.MappingValueNode) bool { return v.Key.Type() == ast.MergeKeyType })
}

// fieldsOf returns the fields of a struct by their names in YAML.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case rest == "inline":
			for inner, it := range fieldsOf(f.Type) {
				out[inner] = it
			}
		case name != "":
			out[name] = f.Type
		default:
			out[strings.ToLower(f.Name)] = f.Type
		}
	}
	return out
}
