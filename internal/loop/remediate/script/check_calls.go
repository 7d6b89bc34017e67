package script

import (
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"nightkeeper/internal/kit/errs"
)

// checker looks for calls of built-ins that cannot work, so that a slip shows when a runbook is saved and not at night.
type checker struct {
	tree     *node
	problems Problems
	uses     []Use
}

func (c *checker) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.LoadStmt:
		c.report(n.Load, "there is no load; a runbook stands alone")
	case *syntax.DotExpr:
		if parent, path := c.lookup(n.X); parent != nil && parent.children != nil && parent.children[n.Name.Name] == nil {
			names := parent.names()
			c.report(n.Name.NamePos, "%s has no %s%s; it has %s", path, n.Name.Name, didYouMean(n.Name.Name, names), strings.Join(names, ", "))
		}
	case *syntax.CallExpr:
		if fn, path := c.lookup(n.Fn); fn != nil {
			c.call(n, fn, path)
		}
	}
	return true
}

// lookup returns the predeclared thing that an expression names, or nil.
func (c *checker) lookup(x syntax.Expr) (*node, string) {
	switch x := x.(type) {
	case *syntax.Ident:
		if b, ok := x.Binding.(*resolve.Binding); ok && b.Scope == resolve.Predeclared {
			return c.tree.children[x.Name], x.Name
		}
	case *syntax.DotExpr:
		if parent, path := c.lookup(x.X); parent != nil {
			return parent.children[x.Name.Name], path + "." + x.Name.Name
		}
	case *syntax.ParenExpr:
		return c.lookup(x.X)
	}
	return nil, ""
}

func (c *checker) call(n *syntax.CallExpr, fn *node, path string) {
	start, _ := n.Span()
	if fn.children != nil {
		c.report(start, "%s is a namespace, not a function; it has %s", path, strings.Join(fn.names(), ", "))
		return
	}
	b := fn.builtin
	if b == nil {
		return
	}
	if b.Class != "" {
		c.uses = append(c.uses, Use{Name: b.Name, Class: b.Class, Site: start.String()})
	}
	c.arguments(n, b)
}

// arguments checks names, number and, for literals, types of arguments.
func (c *checker) arguments(n *syntax.CallExpr, b *Builtin) {
	given := map[string]bool{}
	dynamic := false
	for i, arg := range n.Args {
		start, _ := arg.Span()
		var p *Param
		value := arg
		switch a := arg.(type) {
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				dynamic = true
				continue
			}
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ {
				name := a.X.(*syntax.Ident).Name
				if p = b.param(name); p == nil {
					c.reportError(start, b.unknownParam(name))
					continue
				}
				value = a.Y
			}
		}
		if p == nil {
			if i >= len(b.Params) {
				c.report(start, "%s got too many arguments; %s", b.Name, b.signature())
				return
			}
			p = &b.Params[i]
		}
		given[p.Name] = true
		if v, ok := literal(value); ok && (v != nil || p.Required) {
			if _, err := p.accept(v); err != nil {
				c.report(start, "%s: %v", b.Name, err)
			}
		}
	}
	for _, p := range b.Params {
		if p.Required && !given[p.Name] && !dynamic {
			start, _ := n.Span()
			c.report(start, "%s needs %s; %s", b.Name, p.Name, b.signature())
		}
	}
}

// literal returns the canonical value of a constant.
func literal(x syntax.Expr) (any, bool) {
	switch x := x.(type) {
	case *syntax.Literal:
		switch v := x.Value.(type) {
		case string:
			if x.Token == syntax.BYTES {
				return []byte(v), true
			}
			return v, true
		case int64, float64:
			return v, true
		}
	case *syntax.Ident:
		if b, ok := x.Binding.(*resolve.Binding); !ok || b.Scope != resolve.Universal {
			return nil, false
		}
		switch x.Name {
		case "None":
			return nil, true
		case "True", "False":
			return x.Name == "True", true
		}
	}
	return nil, false
}

func (c *checker) report(pos syntax.Position, format string, args ...any) {
	c.problems = append(c.problems, at(pos, format, args...))
}

func (c *checker) reportError(pos syntax.Position, err error) {
	c.report(pos, "%s", errs.Message(err))
}
