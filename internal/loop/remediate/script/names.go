package script

import (
	"strings"

	"go.starlark.net/lib/json"
	"go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"nightkeeper/internal/kit/errs"
)

// The functions that are part of the language of scripts. The first three are handled here and are no effects.
var (
	resolveFunc  = Builtin{Name: "resolve", Params: []Param{{Name: "reason", Type: "string", Required: true}}}
	escalateFunc = Builtin{Name: "escalate", Params: []Param{{Name: "reason", Type: "string", Required: true}, {Name: "context"}}}
	mustFunc     = Builtin{Name: "must", Params: []Param{{Name: "result", Required: true}}}
	noteFunc     = Builtin{Name: Note, Class: Keyed, Params: []Param{{Name: "text", Type: "string", Required: true}}, Doc: "What print wrote."}
	nowFunc      = Builtin{Name: Now, Class: Read, Doc: "The time in seconds since 1970."}
)

// Core returns the built-ins that every script has without their being declared: the effects behind print and time.now.
func Core() []Builtin { return []Builtin{noteFunc, nowFunc} }

// node is a predeclared name: a namespace with children, a built-in, or a value of the language.
type node struct {
	children map[string]*node
	builtin  *Builtin // what can be checked about a call
	value    starlark.Value
}

func (n *node) names() []string { return sortedKeys(n.children) }

// nameTree returns all predeclared names. call makes the function of an effect; it may be nil when only names matter.
func nameTree(builtins []Builtin, m *machine) (*node, error) {
	root := &node{children: map[string]*node{}}
	root.children["struct"] = &node{value: starlark.NewBuiltin("struct", starlarkstruct.Make)}
	root.children["incident"] = &node{value: starlark.None}
	root.children["params"] = &node{value: starlark.None}
	root.children["print"] = &node{value: starlark.NewBuiltin("print", m.print)}
	for _, lib := range []*starlarkstruct.Module{json.Module, math.Module} {
		n := &node{children: map[string]*node{}}
		for name, v := range lib.Members {
			n.children[name] = &node{value: v}
		}
		root.children[lib.Name] = n
	}
	type function = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)
	add := func(name string, b *Builtin, f function) error {
		parts := strings.Split(name, ".")
		n := root
		for i, part := range parts {
			child := n.children[part]
			last := i == len(parts)-1
			if child != nil && (last || child.children == nil) || !isName(part) {
				return errs.New(errs.Internal, "built-in %q cannot be declared: the name is taken or is not a name", name)
			}
			if child == nil {
				child = &node{}
				if !last {
					child.children = map[string]*node{}
				}
				n.children[part] = child
			}
			n = child
		}
		n.builtin, n.value = b, starlark.NewBuiltin(name, f)
		return nil
	}
	if err := add("resolve", &resolveFunc, m.resolve); err != nil {
		return nil, err
	}
	if err := add("escalate", &escalateFunc, m.escalate); err != nil {
		return nil, err
	}
	if err := add("must", &mustFunc, m.must); err != nil {
		return nil, err
	}
	if err := add("time.now", &nowFunc, m.now); err != nil {
		return nil, err
	}
	for i := range builtins {
		b := &builtins[i]
		if b.Name == Note || b.Name == Now {
			continue // declared by the language
		}
		if err := add(b.Name, b, m.effect(b)); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// environment turns the tree into what the interpreter takes.
func (n *node) environment() starlark.StringDict {
	env := make(starlark.StringDict, len(n.children))
	for name, child := range n.children {
		if child.children != nil {
			env[name] = &starlarkstruct.Module{Name: name, Members: child.environment()}
			continue
		}
		env[name] = child.value
	}
	return env
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
